"""OpenShift Routes (route.openshift.io/v1): admission and translation to backends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .model import Backend, Match, WeightedService, active_services, digest, split_weights
from .services import ServiceDirectory

DEFAULT_WEIGHT = 100
PREFIX = "haproxy.router.openshift.io/"
TIME = re.compile(r"[1-9][0-9]*(us|ms|s|m|h|d)?")
COOKIE_NAME = re.compile(r"[a-zA-Z0-9_-]+")
ALGORITHMS = ("roundrobin", "leastconn", "source", "random")
TRUE = ("1", "t", "T", "true", "TRUE", "True")


@dataclass(frozen=True)
class Admission:
    """The router's verdict on one Route, as its Admitted condition tells it."""

    admitted: bool
    reason: str = ""
    message: str = ""


def admit(routes: list[dict]) -> dict[tuple[str, str], Admission]:
    """A host and path belong to the oldest Route that claims them."""
    verdicts: dict[tuple[str, str], Admission] = {}
    hosts: dict[str, str] = {}
    claims: dict[tuple[str, str], str] = {}
    for route in sorted(routes, key=_age):
        spec, key = route["spec"], _key(route)
        namespace, name = key
        host, path = spec.get("host", ""), spec.get("path") or "/"
        if not host:
            verdicts[key] = Admission(False, "InvalidHost", "host is empty")
        elif hosts.get(host, namespace) != namespace:
            message = f"a route in another namespace holds {host}"
            verdicts[key] = Admission(False, "HostAlreadyClaimed", message)
        elif (host, path) in claims:
            where = host if path == "/" else host + path
            message = f"route {claims[host, path]} already exposes {where} and is older"
            verdicts[key] = Admission(False, "HostAlreadyClaimed", message)
        elif (spec.get("wildcardPolicy") or "None") not in ("None", "Subdomain"):
            verdicts[key] = Admission(False, "RouteNotAdmitted", "unknown wildcardPolicy")
        else:
            hosts[host] = namespace
            claims[host, path] = name
            verdicts[key] = Admission(True)
    return verdicts


def backend(route: dict, directory: ServiceDirectory) -> Backend | None:
    """The backend of an admitted Route; None when plain HTTP is not to be served for it."""
    spec, annotations = route["spec"], route["metadata"].get("annotations") or {}
    namespace, name = _key(route)
    insecure = (spec.get("tls") or {}).get("insecureEdgeTerminationPolicy", "None")
    if spec.get("tls") and insecure not in ("Allow", "Redirect"):
        return None
    services = _services(spec, namespace, directory)
    return Backend(
        name=f"be_http:{namespace}:{name}",
        matches=(_match(spec),),
        servers=tuple(split_weights(services)),
        cookie_name=_cookie_name(annotations, namespace, name),
        balance=_balance(annotations, services),
        server_timeout=_annotation(annotations, "timeout", TIME),
        rewrite_target=_annotation(annotations, "rewrite-target", re.compile(r"/\S*")),
        redirect_to_https=bool(spec.get("tls")) and insecure == "Redirect",
    )


def _services(spec: dict, namespace: str, directory: ServiceDirectory) -> list[WeightedService]:
    target = (spec.get("port") or {}).get("targetPort")
    # The same Service may be named twice; its last weight counts, as in the router's own map.
    weights: dict[str, int] = {}
    for reference in [spec["to"]] + (spec.get("alternateBackends") or [])[:3]:
        weight = reference.get("weight")
        weights[reference["name"]] = DEFAULT_WEIGHT if weight is None else max(0, min(weight, 256))
    return [
        WeightedService(weight, directory.endpoints_by_target(namespace, name, target))
        for name, weight in weights.items()
    ]


def _match(spec: dict) -> Match:
    host, path = spec["host"].lower(), spec.get("path") or "/"
    if spec.get("wildcardPolicy") == "Subdomain":
        return Match(host=host.partition(".")[2], subdomains=True, path=path)
    return Match(host=host, path=path)


def _cookie_name(annotations: dict, namespace: str, name: str) -> str:
    if annotations.get(PREFIX + "disable_cookies") in TRUE:
        return ""
    wanted = annotations.get("router.openshift.io/cookie_name", "")
    return wanted if COOKIE_NAME.fullmatch(wanted) else digest(f"route/{namespace}/{name}")


def _balance(annotations: dict, services: list[WeightedService]) -> str:
    wanted = annotations.get(PREFIX + "balance")
    if wanted in ALGORITHMS:
        return wanted
    return "roundrobin" if active_services(services) > 1 else "random"


def _annotation(annotations: dict, name: str, pattern: re.Pattern) -> str:
    value = annotations.get(PREFIX + name, "")
    return value if pattern.fullmatch(value) else ""


def _age(route: dict) -> tuple:
    meta = route["metadata"]
    return meta.get("creationTimestamp") or "", meta["namespace"], meta["name"]


def _key(route: dict) -> tuple[str, str]:
    return route["metadata"]["namespace"], route["metadata"]["name"]
