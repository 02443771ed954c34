"""Gateway API HTTPRoutes (gateway.networking.k8s.io/v1) of the Gateway named `sandbox`."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Backend, HeaderMatch, Match, WeightedService, split_weights
from .services import ServiceDirectory

GATEWAY = "sandbox"
GATEWAY_GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True)
class Condition:
    """What a status condition says, without its times."""

    type: str
    status: str
    reason: str
    message: str


def parent_references(route: dict) -> list[dict]:
    """The parentRefs that mean our Gateway."""
    return [
        ref
        for ref in route["spec"].get("parentRefs") or []
        if ref.get("name") == GATEWAY
        and ref.get("kind", "Gateway") == "Gateway"
        and ref.get("group", GATEWAY_GROUP) == GATEWAY_GROUP
    ]


def conditions(route: dict, directory: ServiceDirectory) -> list[Condition]:
    """Accepted and ResolvedRefs, as the Gateway API defines them for a route's parent."""
    return [_accepted(route), _resolved(route, directory)]


def _accepted(route: dict) -> Condition:
    for rule in route["spec"].get("rules") or []:
        for item in rule.get("filters") or []:
            if item["type"] != "RequestHeaderModifier":
                message = f"filter {item['type']} is not supported"
                return Condition("Accepted", "False", "UnsupportedValue", message)
    return Condition("Accepted", "True", "Accepted", "Route is accepted")


def _resolved(route: dict, directory: ServiceDirectory) -> Condition:
    namespace = route["metadata"]["namespace"]
    for rule in route["spec"].get("rules") or []:
        for ref in rule.get("backendRefs") or []:
            if ref.get("kind", "Service") != "Service" or ref.get("group"):
                message = f"backend kind {ref.get('kind')} is not supported"
                return Condition("ResolvedRefs", "False", "InvalidKind", message)
            if ref.get("namespace", namespace) != namespace:
                message = f"backend {ref['namespace']}/{ref['name']} is in another namespace"
                return Condition("ResolvedRefs", "False", "RefNotPermitted", message)
            if not directory.exists(namespace, ref["name"]):
                message = f"service {namespace}/{ref['name']} not found"
                return Condition("ResolvedRefs", "False", "BackendNotFound", message)
    return Condition("ResolvedRefs", "True", "ResolvedRefs", "All references are resolved")


def backends(route: dict, directory: ServiceDirectory) -> list[Backend]:
    """One backend for each rule of an accepted HTTPRoute of ours; none otherwise."""
    if not parent_references(route) or _accepted(route).status != "True":
        return []
    namespace, name = route["metadata"]["namespace"], route["metadata"]["name"]
    hosts = [host.lower() for host in route["spec"].get("hostnames") or [""]]
    result = []
    for index, rule in enumerate(route["spec"].get("rules") or []):
        matches = rule.get("matches") or [{}]
        result.append(
            Backend(
                name=f"be_gw:{namespace}:{name}:{index}",
                matches=tuple(_match(host, match) for host in hosts for match in matches),
                servers=tuple(split_weights(_services(rule, namespace, directory))),
                balance="roundrobin",
                server_timeout=_request_timeout(rule),
                request_headers=_request_headers(rule),
            )
        )
    return result


def _services(rule: dict, namespace: str, directory: ServiceDirectory) -> list[WeightedService]:
    return [
        WeightedService(
            ref.get("weight", 1),
            directory.endpoints_by_service_port(namespace, ref["name"], ref.get("port")),
        )
        for ref in rule.get("backendRefs") or []
        if ref.get("namespace", namespace) == namespace
    ]


def _match(host: str, match: dict) -> Match:
    wildcard = host.startswith("*.")
    path = match.get("path") or {}
    return Match(
        host=host[2:] if wildcard else host,
        subdomains=wildcard,
        path=path.get("value", "/"),
        path_type=path.get("type", "PathPrefix"),
        method=match.get("method", ""),
        headers=tuple(
            HeaderMatch(h["name"], h["value"], h.get("type", "Exact") == "RegularExpression")
            for h in match.get("headers") or []
        ),
    )


def _request_headers(rule: dict) -> tuple[tuple[str, str, str], ...]:
    result = []
    for item in rule.get("filters") or []:
        modifier = item.get("requestHeaderModifier") or {}
        for action in ("set", "add"):
            result += [(action, h["name"], h["value"]) for h in modifier.get(action) or []]
        result += [("del", name, "") for name in modifier.get("remove") or []]
    return tuple(result)


def _request_timeout(rule: dict) -> str:
    value = (rule.get("timeouts") or {}).get("request", "")
    return value if value.removesuffix("ms").removesuffix("s").isdigit() else ""
