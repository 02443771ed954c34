"""How weights are split, and what becomes of Routes and HTTPRoutes."""

import unittest

from router import httproutes, routes, status
from router.model import Endpoint, WeightedService, split_weights
from router.services import ServiceDirectory


def endpoints(service, count):
    return [
        Endpoint(f"{service}-{n}", service, "http", f"10.244.0.{n + 1}", 8080)
        for n in range(count)
    ]


def weights(*services):
    servers = split_weights([WeightedService(w, endpoints(n, c)) for n, w, c in services])
    return [(server.endpoint.service, server.weight) for server in servers]


class SplitWeights(unittest.TestCase):
    def test_one_service_needs_no_scaling(self):
        self.assertEqual(weights(("a", 100, 2)), [("a", 1), ("a", 1)])

    def test_one_service_at_zero_keeps_only_sticky_sessions(self):
        self.assertEqual(weights(("a", 0, 1)), [("a", 0)])

    def test_weight_is_shared_by_a_services_endpoints(self):
        expected = [("a", 256), ("a", 256)] + [("b", 64)] * 4
        self.assertEqual(weights(("a", 20, 2), ("b", 10, 4)), expected)

    def test_zero_stays_zero_beside_another(self):
        self.assertEqual(weights(("a", 0, 1), ("b", 1, 1)), [("a", 0), ("b", 256)])

    def test_a_tiny_share_is_not_rounded_to_nothing(self):
        self.assertEqual(weights(("a", 1, 8), ("b", 256, 1))[0], ("a", 1))

    def test_a_service_without_endpoints_takes_no_share(self):
        self.assertEqual(weights(("a", 100, 0), ("b", 1, 1)), [("b", 256)])

    def test_all_zero(self):
        self.assertEqual(weights(("a", 0, 1), ("b", 0, 1)), [("a", 0), ("b", 0)])


def slice_of(service, *addresses, port=8080, port_name="http", ready=True):
    return {
        "metadata": {
            "namespace": "ns",
            "name": f"{service}-x",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": port_name, "port": port}],
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": ready},
                "targetRef": {"kind": "Pod", "name": f"{service}-{address}"},
            }
            for address in addresses
        ],
    }


def service(name, port=80, port_name="http"):
    return {
        "metadata": {"namespace": "ns", "name": name},
        "spec": {"ports": [{"name": port_name, "port": port, "targetPort": 8080}]},
    }


DIRECTORY = ServiceDirectory(
    [service("old"), service("new")],
    [slice_of("old", "10.244.0.5"), slice_of("new", "10.244.0.6", "10.244.0.7")],
)


def route(name="app", created="2026-01-01T00:00:00Z", namespace="ns", annotations=None, **spec):
    spec = {"host": "app.test", "to": {"kind": "Service", "name": "old"}, **spec}
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "creationTimestamp": created,
            "annotations": annotations or {},
        },
        "spec": spec,
    }


class Routes(unittest.TestCase):
    def servers(self, **spec):
        found = routes.backend(route(**spec), DIRECTORY).servers
        return [(server.endpoint.address, server.weight) for server in found]

    def test_to_and_alternate_backends(self):
        found = self.servers(
            to={"kind": "Service", "name": "old", "weight": 100},
            alternateBackends=[{"kind": "Service", "name": "new", "weight": 100}],
        )
        self.assertEqual(found, [("10.244.0.5", 256), ("10.244.0.6", 128), ("10.244.0.7", 128)])

    def test_default_weight_is_100(self):
        found = self.servers(
            alternateBackends=[{"kind": "Service", "name": "new", "weight": 100}]
        )
        self.assertEqual(found[0], ("10.244.0.5", 256))

    def test_target_port_by_name_number_and_absent(self):
        for target in ("http", 8080, "8080"):
            self.assertEqual(self.servers(port={"targetPort": target}), [("10.244.0.5", 1)])
        self.assertEqual(self.servers(port={"targetPort": "metrics"}), [])
        self.assertEqual(self.servers(port={"targetPort": 80}), [])

    def test_unready_endpoints_are_left_out(self):
        directory = ServiceDirectory([], [slice_of("old", "10.244.0.5", ready=False)])
        self.assertEqual(routes.backend(route(), directory).servers, ())

    def test_cookie_is_per_route_and_can_be_named_or_disabled(self):
        plain = routes.backend(route(), DIRECTORY).cookie_name
        other = routes.backend(route(name="other"), DIRECTORY).cookie_name
        self.assertRegex(plain, "^[0-9a-f]{32}$")
        self.assertNotEqual(plain, other)
        named = route(annotations={"router.openshift.io/cookie_name": "sticky"})
        self.assertEqual(routes.backend(named, DIRECTORY).cookie_name, "sticky")
        bad = route(annotations={"router.openshift.io/cookie_name": "a b"})
        self.assertEqual(routes.backend(bad, DIRECTORY).cookie_name, plain)
        off = route(annotations={"haproxy.router.openshift.io/disable_cookies": "true"})
        self.assertEqual(routes.backend(off, DIRECTORY).cookie_name, "")

    def test_balance_is_round_robin_only_between_services(self):
        self.assertEqual(routes.backend(route(), DIRECTORY).balance, "random")
        both = route(alternateBackends=[{"kind": "Service", "name": "new", "weight": 1}])
        self.assertEqual(routes.backend(both, DIRECTORY).balance, "roundrobin")
        drained = route(alternateBackends=[{"kind": "Service", "name": "new", "weight": 0}])
        self.assertEqual(routes.backend(drained, DIRECTORY).balance, "random")

    def test_the_oldest_route_keeps_a_host(self):
        old = route(name="zz", created="2026-01-01T00:00:00Z")
        young = route(name="aa", created="2026-01-02T00:00:00Z")
        foreign = route(name="bb", created="2026-01-03T00:00:00Z", namespace="other", path="/x")
        verdicts = routes.admit([young, foreign, old])
        self.assertTrue(verdicts["ns", "zz"].admitted)
        self.assertEqual(verdicts["ns", "aa"].reason, "HostAlreadyClaimed")
        self.assertEqual(
            verdicts["ns", "aa"].message, "route zz already exposes app.test and is older"
        )
        self.assertEqual(
            verdicts["other", "bb"].message, "a route in another namespace holds app.test"
        )

    def test_another_path_on_the_same_host_is_admitted(self):
        verdicts = routes.admit([route(), route(name="api", path="/api")])
        self.assertTrue(all(verdict.admitted for verdict in verdicts.values()))

    def test_edge_routes_serve_plain_http_only_when_allowed(self):
        tls = {"termination": "edge"}
        self.assertIsNone(routes.backend(route(tls=tls), DIRECTORY))
        allowed = route(tls={**tls, "insecureEdgeTerminationPolicy": "Allow"})
        self.assertEqual(len(routes.backend(allowed, DIRECTORY).servers), 1)


class RouteStatus(unittest.TestCase):
    def test_admitted_is_written_once_and_others_are_left_alone(self):
        item = route()
        other = {"host": "app.test", "routerName": "other", "conditions": []}
        item["status"] = {"ingress": [other]}
        wanted = status.route_status(item, routes.Admission(True), "default")
        self.assertEqual(wanted["ingress"][0], other)
        mine = wanted["ingress"][1]
        self.assertEqual((mine["routerName"], mine["host"]), ("default", "app.test"))
        self.assertEqual(mine["conditions"][0]["status"], "True")
        item["status"] = wanted
        self.assertIsNone(status.route_status(item, routes.Admission(True), "default"))

    def test_a_refusal_replaces_an_admission(self):
        item = route()
        item["status"] = status.route_status(item, routes.Admission(True), "default")
        refused = routes.Admission(False, "HostAlreadyClaimed", "taken")
        condition = status.route_status(item, refused, "default")["ingress"][0]["conditions"][0]
        self.assertEqual(
            (condition["status"], condition["reason"]), ("False", "HostAlreadyClaimed")
        )


def http_route(rules, parents=({"name": "sandbox"},), hostnames=("app.test",)):
    return {
        "metadata": {"namespace": "ns", "name": "app", "generation": 3},
        "spec": {
            "parentRefs": list(parents),
            "hostnames": list(hostnames),
            "rules": rules,
        },
    }


def refs(*pairs):
    return {"backendRefs": [{"name": n, "port": 80, "weight": w} for n, w in pairs]}


class HttpRoutes(unittest.TestCase):
    def test_weights(self):
        (found,) = httproutes.backends(http_route([refs(("old", 1), ("new", 0))]), DIRECTORY)
        self.assertEqual([server.weight for server in found.servers], [256, 0, 0])
        self.assertEqual(found.cookie_name, "")

    def test_a_foreign_gateway_is_none_of_ours(self):
        item = http_route([refs(("old", 1))], parents=[{"name": "elsewhere"}])
        self.assertEqual(httproutes.backends(item, DIRECTORY), [])
        self.assertEqual(httproutes.parent_references(item), [])

    def test_a_missing_service_is_told(self):
        item = http_route([refs(("gone", 1))])
        accepted, resolved = httproutes.conditions(item, DIRECTORY)
        self.assertEqual((accepted.status, accepted.reason), ("True", "Accepted"))
        self.assertEqual((resolved.status, resolved.reason), ("False", "BackendNotFound"))
        self.assertEqual(resolved.message, "service ns/gone not found")

    def test_an_unsupported_filter_is_not_accepted(self):
        rule = {**refs(("old", 1)), "filters": [{"type": "RequestMirror"}]}
        accepted, _ = httproutes.conditions(http_route([rule]), DIRECTORY)
        self.assertEqual((accepted.status, accepted.reason), ("False", "UnsupportedValue"))
        self.assertEqual(httproutes.backends(http_route([rule]), DIRECTORY), [])

    def test_status_carries_the_generation_and_is_written_once(self):
        item = http_route([refs(("old", 1))])
        references = httproutes.parent_references(item)
        found = httproutes.conditions(item, DIRECTORY)
        wanted = status.httproute_status(item, references, found)
        observed = [c["observedGeneration"] for c in wanted["parents"][0]["conditions"]]
        self.assertEqual(observed, [3, 3])
        item["status"] = wanted
        self.assertIsNone(status.httproute_status(item, references, found))
        item["metadata"]["generation"] = 4
        again = status.httproute_status(item, references, found)
        self.assertEqual(again["parents"][0]["conditions"][0]["observedGeneration"], 4)


if __name__ == "__main__":
    unittest.main()
