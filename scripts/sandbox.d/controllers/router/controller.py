"""Watches Routes, HTTPRoutes and endpoints; keeps HAProxy and the routes' status to them."""

from __future__ import annotations

import http.client
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from kubeapi import ApiError, Client, Informer

from . import httproutes, routes, status
from .haproxy_config import Listener, render
from .haproxy_process import Haproxy, HaproxyFailed
from .model import Backend, Server
from .services import ServiceDirectory

log = logging.getLogger("router")

SETTLE_SECONDS = 0.05
# How soon a HAProxy that died on its own is noticed and started again.
IDLE_SECONDS = 2.0

ROUTES = "/apis/route.openshift.io/v1/routes"
HTTPROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"
SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"


@dataclass(frozen=True)
class RouterSettings:
    """Two routers may run side by side when all of this but the interval differs."""

    name: str
    port: int
    directory: Path
    reload_seconds: float


class RouterController:
    """Run it where pod addresses can be reached."""

    def __init__(self, client: Client, settings: RouterSettings):
        self._client = client
        self._settings = settings
        self._haproxy = Haproxy(settings.directory)
        self._listener = Listener(settings.port, str(self._haproxy.socket_path))
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._loaded_config: str | None = None
        self._loaded: list[tuple[str, Server]] = []  # what HAProxy has, by backend
        self._drained: set[tuple[str, str]] = set()  # (backend, server) taken out at run time
        self._reloaded_at = float("-inf")
        self._informers = {
            path: Informer(client, path, lambda _item: self._changed.set())
            for path in (ROUTES, HTTPROUTES, SERVICES, SLICES)
        }

    def run(self) -> None:
        """Blocks until `stop`, then ends HAProxy."""
        for informer in self._informers.values():
            informer.start()
        for informer in self._informers.values():
            while not informer.wait_synced(0.2) and not self._stopping.is_set():
                pass
        wait = 0.0
        try:
            while not self._stopping.is_set():
                self._changed.wait(wait if wait > 0 else SETTLE_SECONDS)
                self._stopping.wait(SETTLE_SECONDS)
                self._changed.clear()
                if not self._stopping.is_set():
                    wait = self._step()
        finally:
            for informer in self._informers.values():
                informer.stop()
            self._haproxy.stop()

    def stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    def _step(self) -> float:
        """Does what can be done now; returns after how many seconds to look again."""
        directory = ServiceDirectory(self._objects(SERVICES), self._objects(SLICES))
        backends = self._publish(directory)
        self._drain(directory.ready_addresses())
        config = render(backends, self._listener)
        if config == self._loaded_config and self._haproxy.alive:
            return IDLE_SECONDS
        due = self._reloaded_at + self._settings.reload_seconds - time.monotonic()
        if due > 0 and self._haproxy.alive:
            return due
        return self._reload(config, backends)

    def _reload(self, config: str, backends: list[Backend]) -> float:
        self._reloaded_at = time.monotonic()
        try:
            self._haproxy.load(config)
        except (HaproxyFailed, OSError) as error:
            log.error("unable to load a configuration: %s", error)
            return self._settings.reload_seconds
        self._loaded_config = config
        self._loaded = [(b.name, server) for b in backends for server in b.servers]
        self._drained.clear()
        log.info("loaded %d backends in %.3f s", len(backends), self._since_reload())
        return IDLE_SECONDS

    def _since_reload(self) -> float:
        return time.monotonic() - self._reloaded_at

    def _drain(self, ready: set[tuple[str, int]]) -> None:
        """Takes servers out, or back in, as their endpoints' readiness goes.

        This cannot wait for the next reload. A change of the Route can, and does.
        """
        if not self._haproxy.alive:
            return
        for backend, server in self._loaded:
            is_ready = (server.endpoint.address, server.endpoint.port) in ready
            if is_ready == ((backend, server.name) in self._drained):
                self._set_state(backend, server.name, "ready" if is_ready else "maint")

    def _set_state(self, backend: str, server: str, state: str) -> None:
        try:
            answer = self._haproxy.command(f"set server {backend}/{server} state {state}")
        except OSError as error:
            answer = str(error)
        if answer:
            log.warning("unable to set server '%s/%s' to %s: %s", backend, server, state, answer)
            return
        log.info("server %s/%s: %s", backend, server, state)
        if state == "maint":
            self._drained.add((backend, server))
        else:
            self._drained.discard((backend, server))

    def _publish(self, directory: ServiceDirectory) -> list[Backend]:
        """Writes the routes' status; returns the backends of those that are admitted.

        As in OpenShift, `Admitted` is said when a route is accepted, before it is served.
        """
        backends = []
        objects = self._objects(ROUTES)
        verdicts = routes.admit(objects)
        for route in objects:
            verdict = verdicts[route["metadata"]["namespace"], route["metadata"]["name"]]
            self._write(ROUTES, route, status.route_status(route, verdict, self._settings.name))
            backend = routes.backend(route, directory) if verdict.admitted else None
            if backend:
                backends.append(backend)
        for route in self._objects(HTTPROUTES):
            references = httproutes.parent_references(route)
            found = httproutes.conditions(route, directory) if references else []
            self._write(HTTPROUTES, route, status.httproute_status(route, references, found))
            backends += httproutes.backends(route, directory)
        return backends

    def _objects(self, path: str) -> list[dict]:
        return self._informers[path].objects()

    def _write(self, collection: str, route: dict, wanted: dict | None) -> None:
        if wanted is None:
            return
        meta = route["metadata"]
        group, _, plural = collection.rpartition("/")
        path = f"{group}/namespaces/{meta['namespace']}/{plural}/{meta['name']}/status"
        precondition = {"resourceVersion": meta["resourceVersion"]}
        try:
            self._client.patch(path, {"metadata": precondition, "status": wanted})
        except ApiError as error:
            # Changed or gone meanwhile: the watch brings it again.
            if error.code not in (404, 409):
                log.warning("unable to write the status of '%s': %s", path, error)
        except (OSError, http.client.HTTPException) as error:
            # The next look tries again; requests must not suffer from it.
            log.warning("unable to write the status of '%s': %r", path, error)
