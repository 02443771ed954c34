"""What HAProxy has to be told: frontends' matches, backends, servers. Plain values only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

MAX_SERVER_WEIGHT = 256  # HAProxy's limit


@dataclass(frozen=True)
class Endpoint:
    """One ready address of a Service's port."""

    pod: str
    service: str
    port_name: str
    address: str
    port: int


@dataclass(frozen=True)
class Server:
    """An endpoint with its share of the traffic (0..256)."""

    endpoint: Endpoint
    weight: int

    @property
    def name(self) -> str:
        e = self.endpoint
        return f"pod:{e.pod}:{e.service}:{e.port_name}:{e.address}:{e.port}"

    @property
    def cookie(self) -> str:
        return digest(self.name)


@dataclass(frozen=True)
class HeaderMatch:
    name: str
    value: str
    regular: bool = False


@dataclass(frozen=True)
class Match:
    """Which requests a backend gets. Empty fields match everything."""

    host: str = ""
    subdomains: bool = False  # `host` is a parent domain: any one label in front of it
    path: str = "/"
    path_type: str = "PathPrefix"  # or Exact, RegularExpression
    method: str = ""
    headers: tuple[HeaderMatch, ...] = ()


@dataclass(frozen=True)
class Backend:
    """One Route, or one rule of an HTTPRoute."""

    name: str
    matches: tuple[Match, ...]
    servers: tuple[Server, ...]
    cookie_name: str = ""  # empty: no sticky sessions
    balance: str = "random"
    server_timeout: str = ""
    rewrite_target: str = ""
    check_interval: str = "5000ms"
    redirect_to_https: bool = False
    request_headers: tuple[tuple[str, str, str], ...] = ()  # (set|add|del, name, value)


@dataclass
class WeightedService:
    """A Service with the weight that the route gives it and its endpoints."""

    weight: int
    endpoints: list[Endpoint] = field(default_factory=list)


def digest(text: str) -> str:
    """A short stable name; nothing secret depends on it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def split_weights(services: list[WeightedService]) -> list[Server]:
    """Splits each service's weight over its endpoints.

    The rule of OpenShift's router ("Route-based backends", `weight`): each endpoint gets
    weight/endpoints; the largest of these becomes 256 and the others keep the ratio, but at least
    1 if they are not 0. A service alone gets 1 for each endpoint: there is nothing to share.
    """
    if len(services) == 1:
        (only,) = services
        return [Server(endpoint, min(only.weight, 1)) for endpoint in only.endpoints]
    shares = [s.weight / len(s.endpoints) if s.endpoints else 0.0 for s in services]
    largest = max(shares, default=0.0)
    scale = MAX_SERVER_WEIGHT / largest if largest > 0 else 0.0
    servers = []
    for service, share in zip(services, shares):
        weight = max(1, int(share * scale)) if share > 0 else 0
        servers += [Server(endpoint, weight) for endpoint in service.endpoints]
    return servers


def active_services(services: list[WeightedService]) -> int:
    """How many services take part in balancing."""
    return sum(1 for service in services if service.weight > 0 and service.endpoints)
