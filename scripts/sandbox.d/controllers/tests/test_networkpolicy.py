"""The pair matrix: who may talk to whom, asked of the rendered rules by a small evaluator."""

import ipaddress
import re
import shutil
import subprocess
import unittest

from networkpolicy import ruleset
from networkpolicy.selectors import matches

DB = ruleset.Pod("prod", "db", "10.244.0.2", (("app", "db"),), (("pg", "TCP", 5432),))
API = ruleset.Pod("prod", "api", "10.244.0.3", (("app", "api"),), ())
WEB = ruleset.Pod("prod", "web", "10.244.0.4", (("app", "web"),), ())
TOOL = ruleset.Pod("tools", "tool", "10.244.0.5", (("app", "api"),), (("pg", "TCP", 5433),))
PODS = [DB, API, WEB, TOOL]
NAMESPACES = {"prod": {"env": "prod"}, "tools": {"env": "tools"}}


def policy(name="p", namespace="prod", **spec):
    spec.setdefault("podSelector", {"matchLabels": {"app": "db"}})
    return {"metadata": {"namespace": namespace, "name": name}, "spec": spec}


def peer(app=None, **extra):
    return ({"podSelector": {"matchLabels": {"app": app}}} if app else {}) | extra


class Table:
    """Understands exactly the statements that the renderer writes."""

    def __init__(self, policies, pods=None):
        text = ruleset.render(policies, PODS if pods is None else pods, NAMESPACES)
        self.text = text
        self.chains = {
            name: [line.strip() for line in body.strip().split("\n")]
            for name, body in re.findall(r"  chain (\w+) \{\n(.*?)  \}", text, re.S)
        }

    def allows(self, source, target, port, protocol="tcp"):
        packet = {"saddr": source, "daddr": target, "port": port, "protocol": protocol}
        return all(
            self._walk(self.chains[base], packet) for base in ("egress_forward", "ingress_forward")
        )

    def _walk(self, lines, packet):
        for line in lines:
            vmap = re.fullmatch(r"ip (\w+) vmap \{ (.*) \}", line)
            if vmap:
                targets = dict(element.split(" : goto ") for element in vmap[2].split(", "))
                if packet[vmap[1]] in targets:
                    return self._walk(self.chains[targets[packet[vmap[1]]]], packet)
            elif line == "counter drop":
                return False
            elif line.endswith("accept") and not line.startswith(("ct ", "type ")):
                if self._matches(line, packet):
                    return True
        return True

    def _matches(self, line, packet):
        rest = line.removesuffix("accept").strip()
        pattern = re.compile(
            r"ip (?P<side>\w+) (?P<no>!= )?(?P<set>\{[^}]*\}|\S+)|"
            r"(?P<proto>tcp|udp|sctp) dport (?P<ports>\S+)|meta l4proto (?P<any>\w+)"
        )
        for found in pattern.finditer(rest):
            if found["side"]:
                blocks = found["set"].strip("{} ").split(", ")
                address = ipaddress.ip_address(packet[found["side"]])
                inside = any(address in ipaddress.ip_network(block) for block in blocks)
                if inside == bool(found["no"]):
                    return False
            elif found["any"]:
                if packet["protocol"] != found["any"]:
                    return False
            else:
                low, _, high = found["ports"].partition("-")
                in_range = int(low) <= packet["port"] <= int(high or low)
                if packet["protocol"] != found["proto"] or not in_range:
                    return False
        return not pattern.sub("", rest).strip() or self.fail(rest)

    def fail(self, rest):
        raise AssertionError(f"statement not understood: {rest}")


def allowed_sources(table, target=DB, port=5432):
    return {pod.name for pod in PODS if table.allows(pod.address, target.address, port)}


class Ingress(unittest.TestCase):
    def test_without_policies_everything_passes(self):
        self.assertEqual(allowed_sources(Table([])), {"db", "api", "web", "tool"})

    def test_deny_all_leaves_a_pod_itself(self):
        self.assertEqual(allowed_sources(Table([policy()])), {"db"})

    def test_an_empty_rule_allows_all(self):
        self.assertEqual(
            allowed_sources(Table([policy(ingress=[{}])])), {"db", "api", "web", "tool"}
        )

    def test_pod_selector_means_the_own_namespace(self):
        table = Table([policy(ingress=[{"from": [peer("api")]}])])
        self.assertEqual(allowed_sources(table), {"db", "api"})

    def test_namespace_selector_alone_and_with_pods(self):
        tools = {"namespaceSelector": {"matchLabels": {"env": "tools"}}}
        self.assertEqual(
            allowed_sources(Table([policy(ingress=[{"from": [tools]}])])), {"db", "tool"}
        )
        both = peer("web", **tools)
        self.assertEqual(allowed_sources(Table([policy(ingress=[{"from": [both]}])])), {"db"})
        everywhere = peer("api", namespaceSelector={})
        table = Table([policy(ingress=[{"from": [everywhere]}])])
        self.assertEqual(allowed_sources(table), {"db", "api", "tool"})

    def test_ip_block_with_except(self):
        block = {"ipBlock": {"cidr": "10.244.0.0/24", "except": ["10.244.0.4/32"]}}
        table = Table([policy(ingress=[{"from": [block]}])])
        self.assertEqual(allowed_sources(table), {"db", "api", "tool"})
        self.assertFalse(table.allows("10.9.9.9", DB.address, 5432))

    def test_ports(self):
        ports = [
            {"port": "pg"},
            {"port": 8000, "endPort": 8010},
            {"port": 53, "protocol": "UDP"},
        ]
        table = Table([policy(ingress=[{"ports": ports}])])

        def passes(port, protocol="tcp"):
            return table.allows(API.address, DB.address, port, protocol)

        self.assertTrue(passes(5432))
        self.assertFalse(passes(5433))
        self.assertTrue(passes(8000) and passes(8010))
        self.assertFalse(passes(7999) or passes(8011))
        self.assertTrue(passes(53, "udp"))
        self.assertFalse(passes(53, "tcp"))

    def test_a_named_port_that_the_pod_lacks_matches_nothing(self):
        table = Table([policy(ingress=[{"ports": [{"port": "admin"}]}])])
        self.assertEqual(allowed_sources(table), {"db"})

    def test_policies_add_up(self):
        table = Table(
            [
                policy("a", ingress=[{"from": [peer("api")]}]),
                policy("b", ingress=[{"from": [peer("web")]}]),
            ]
        )
        self.assertEqual(allowed_sources(table), {"db", "api", "web"})

    def test_other_pods_stay_open(self):
        self.assertEqual(allowed_sources(Table([policy()]), WEB, 80), {"db", "api", "web", "tool"})


class Egress(unittest.TestCase):
    def test_egress_rules_make_a_pod_isolated_without_policy_types(self):
        mine = {"matchLabels": {"app": "api"}}
        table = Table([policy(podSelector=mine, egress=[{"to": [peer("db")]}])])
        self.assertTrue(table.allows(API.address, DB.address, 5432))
        self.assertFalse(table.allows(API.address, WEB.address, 80))
        # Without policyTypes egress rules do not take the place of ingress: both hold.
        self.assertFalse(table.allows(WEB.address, API.address, 80))

    def test_both_ends_must_agree(self):
        out = policy("out", podSelector={"matchLabels": {"app": "api"}}, policyTypes=["Egress"])
        out["spec"]["egress"] = [{"to": [peer("db")]}]
        into = policy("in", ingress=[{"from": [peer("web")]}])
        self.assertTrue(Table([out]).allows(API.address, DB.address, 5432))
        self.assertFalse(Table([out, into]).allows(API.address, DB.address, 5432))
        self.assertTrue(Table([out, into]).allows(WEB.address, DB.address, 5432))

    def test_a_named_port_is_the_destinations(self):
        rule = {"to": [{"namespaceSelector": {}}], "ports": [{"port": "pg"}]}
        table = Table([policy(podSelector={}, policyTypes=["Egress"], egress=[rule])])
        self.assertTrue(table.allows(API.address, DB.address, 5432))
        self.assertTrue(table.allows(API.address, TOOL.address, 5433))
        self.assertFalse(table.allows(API.address, DB.address, 5433))

    def test_pods_to_the_node_meet_egress_only(self):
        table = Table([policy(podSelector={}, policyTypes=["Egress"])])
        self.assertEqual(
            table.chains["egress_input"][1:], table.chains["egress_forward"][1:]
        )
        self.assertNotIn("ingress_input", table.chains)


class PodsAndSelectors(unittest.TestCase):
    def item(self, phase="Running", **spec):
        return {
            "metadata": {"namespace": "prod", "name": "x", "labels": {"a": "b"}},
            "spec": {"containers": [{"ports": [{"name": "pg", "containerPort": 5432}]}], **spec},
            "status": {"phase": phase, "podIP": "10.244.0.9"},
        }

    def test_pods_that_have_rules(self):
        pod = ruleset.pod_from_object(self.item())
        self.assertEqual(pod.named_ports, (("pg", "TCP", 5432),))
        self.assertIsNone(ruleset.pod_from_object(self.item(phase="Succeeded")))
        self.assertIsNone(ruleset.pod_from_object(self.item(hostNetwork=True)))

    def test_expressions(self):
        def expression(operator, *values):
            return {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}

        self.assertTrue(matches(expression("In", "a", "b"), {"k": "a"}))
        self.assertFalse(matches(expression("In", "a"), {}))
        self.assertTrue(matches(expression("NotIn", "a"), {}))
        self.assertFalse(matches(expression("NotIn", "a"), {"k": "a"}))
        self.assertTrue(matches(expression("Exists"), {"k": ""}))
        self.assertTrue(matches(expression("DoesNotExist"), {}))

    @unittest.skipUnless(shutil.which("nft") and shutil.which("unshare"), "nft is not installed")
    def test_nft_takes_the_table(self):
        block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]}}
        ports = [{"port": "pg"}, {"port": 1, "endPort": 9}, {"protocol": "SCTP"}]
        rule = {"from": [peer("api"), block], "ports": ports}
        text = Table([policy(ingress=[rule], egress=[{}])]).text
        # Twice: the second time it replaces what is there.
        for script in (text, text + text):
            done = subprocess.run(
                ["unshare", "--net", "nft", "-f", "-"], input=script, text=True, capture_output=True
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
