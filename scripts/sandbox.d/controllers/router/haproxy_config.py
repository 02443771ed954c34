"""Backends in, the text of HAProxy's configuration out. Pure: no I/O.

Timeouts, forwarded headers and the cookie are the defaults of OpenShift's router.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import Backend, Match

HEALTH_PATH = "/_______internal_router_healthz"


@dataclass(frozen=True)
class Listener:
    """Where HAProxy takes requests and commands."""

    port: int
    socket: str
    threads: int = 2


def render(backends: list[Backend], listener: Listener) -> str:
    """The whole configuration; equal inputs give equal texts."""
    backends = sorted(backends, key=lambda backend: backend.name)
    parts = [_head(listener), _frontend(backends, listener)]
    parts += [_backend(backend) for backend in backends]
    # Requests that no Route wants: a backend without servers answers 503, as OpenShift's does.
    parts.append("backend default\n  mode http\n")
    return "\n".join(parts)


def _head(listener: Listener) -> str:
    # expose-fd listeners: a successor takes the listening sockets over, no connection is refused.
    return f"""global
  no strict-limits
  maxconn 20000
  nbthread {listener.threads}
  log stdout format raw daemon notice
  stats socket {listener.socket} mode 600 level admin expose-fd listeners
  stats timeout 2m
  tune.maxrewrite 8192
  tune.bufsize 32768

defaults
  log global
  timeout connect 5s
  timeout client 30s
  timeout client-fin 1s
  timeout server 30s
  timeout server-fin 1s
  timeout http-request 10s
  timeout http-keep-alive 300s
  timeout tunnel 1h
  timeout check 5s
  retries 3
"""


def _frontend(backends: list[Backend], listener: Listener) -> str:
    # idle-close-on-response: after a reload the old process answers one more request on each kept
    # connection and says `Connection: close`, instead of closing under the client's feet.
    lines = [
        "frontend public",
        f"  bind *:{listener.port}",
        "  mode http",
        "  option idle-close-on-response",
        f"  monitor-uri {HEALTH_PATH}",
        "  http-request del-header Proxy",
        "  http-request set-var(txn.host) req.hdr(host),field(1,:),lower",
    ]
    rules = [(match, backend) for backend in backends for match in backend.matches]
    for match, backend in sorted(rules, key=lambda rule: _precedence(rule[0])):
        lines += [f"  use_backend {backend.name} if {c}" for c in _conditions(match)]
    return "\n".join(lines + ["  default_backend default", ""])


def _precedence(match: Match) -> tuple:
    """First whole hosts, then subdomains, then none; exact and longer paths before shorter ones."""
    kind = 2 if not match.host else 1 if match.subdomains else 0
    return (
        kind,
        -len(match.host),
        match.host,
        {"Exact": 0, "PathPrefix": 1, "RegularExpression": 2}[match.path_type],
        -len(match.path),
        not match.method,
        -len(match.headers),
    )


def _conditions(match: Match) -> list[str]:
    """HAProxy conditions of which any one must hold."""
    common = []
    if match.subdomains:
        common.append(f"{{ var(txn.host) -m end {_quote('.' + match.host)} }}")
    elif match.host:
        common.append(f"{{ var(txn.host) -m str {_quote(match.host)} }}")
    if match.method:
        common.append(f"{{ method {match.method} }}")
    for header in match.headers:
        kind = "-m reg" if header.regular else "-m str"
        common.append(f"{{ req.hdr({header.name}) {kind} {_quote(header.value)} }}")
    return [" ".join(filter(None, common + [path])) or "TRUE" for path in _paths(match)]


def _paths(match: Match) -> list[str]:
    if match.path_type == "Exact":
        return [f"{{ path -m str {_quote(match.path)} }}"]
    if match.path_type == "RegularExpression":
        return [f"{{ path -m reg {_quote(match.path)} }}"]
    prefix = match.path.rstrip("/")
    if not prefix:
        return [""]
    # A prefix ends at a path segment: /foo means /foo and /foo/bar, never /foobar.
    return [f"{{ path -m str {_quote(prefix)} }}", f"{{ path -m beg {_quote(prefix + '/')} }}"]


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _backend(backend: Backend) -> str:
    lines = [f"backend {backend.name}", "  mode http"]
    if backend.redirect_to_https:
        return "\n".join(lines + ["  http-request redirect scheme https code 302", ""])
    lines += [
        "  option redispatch",
        "  option forwardfor",
        f"  balance {backend.balance}",
        "  http-request add-header X-Forwarded-Host %[req.hdr(host)]",
        "  http-request add-header X-Forwarded-Port %[dst_port]",
        "  http-request add-header X-Forwarded-Proto http",
        "  http-request add-header Forwarded for=%[src];host=%[req.hdr(host)];proto=http",
    ]
    if backend.server_timeout:
        lines.append(f"  timeout server {backend.server_timeout}")
    for action, name, value in backend.request_headers:
        # The value is a log-format string: a percent sign has to be doubled.
        text = "" if action == "del" else " " + _quote(value.replace("%", "%%"))
        lines.append(f"  http-request {action}-header {name}{text}")
    if backend.rewrite_target:
        lines.append(_rewrite(backend))
    if backend.cookie_name:
        lines.append(f"  cookie {backend.cookie_name} insert indirect nocache httponly")
    return "\n".join(lines + _servers(backend) + [""])


def _rewrite(backend: Backend) -> str:
    path = backend.matches[0].path
    rest = "/?(.*)$" if backend.rewrite_target == "/" else "(.*)$"
    return f"  http-request replace-path ^{path.rstrip('/')}{rest} {backend.rewrite_target}\\1"


def _servers(backend: Backend) -> list[str]:
    # One endpoint alone is not checked: taking it out would leave nobody to answer.
    check = f" check inter {backend.check_interval}" if len(backend.servers) > 1 else ""
    lines = []
    for server in backend.servers:
        where = f"{server.endpoint.address}:{server.endpoint.port}"
        cookie = f" cookie {server.cookie}" if backend.cookie_name else ""
        lines.append(f"  server {server.name} {where}{cookie} weight {server.weight}{check}")
    return lines
