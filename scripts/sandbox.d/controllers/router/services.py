"""Finds a Service's ready endpoints in EndpointSlices."""

from __future__ import annotations

from .model import Endpoint

SERVICE_LABEL = "kubernetes.io/service-name"


class ServiceDirectory:
    """One moment's Services and EndpointSlices, looked up by namespace and name."""

    def __init__(self, services: list[dict], slices: list[dict]):
        self._services = {_key(item): item for item in services}
        self._slices: dict[tuple[str, str], list[dict]] = {}
        for item in slices:
            service = (item["metadata"].get("labels") or {}).get(SERVICE_LABEL)
            if service and item.get("addressType", "IPv4") == "IPv4":
                owner = (item["metadata"]["namespace"], service)
                self._slices.setdefault(owner, []).append(item)

    def exists(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self._services

    def ready_addresses(self) -> set[tuple[str, int]]:
        """Address and port of every ready endpoint of any Service."""
        return {
            (entry["addresses"][0], port["port"])
            for slices in self._slices.values()
            for item in slices
            for entry in item.get("endpoints") or []
            if _is_ready(entry)
            for port in item.get("ports") or []
        }

    def endpoints_by_target(
        self, namespace: str, name: str, target: str | int | None
    ) -> list[Endpoint]:
        """For a Route: `target` is the endpoint port's name or number; None: the first port."""
        return self._endpoints(namespace, name, lambda port, first: _is_target(port, target, first))

    def endpoints_by_service_port(
        self, namespace: str, name: str, number: int | None
    ) -> list[Endpoint]:
        """For an HTTPRoute: `number` is the Service's port, whose name the slices carry."""
        service = self._services.get((namespace, name))
        ports = (service or {}).get("spec", {}).get("ports") or []
        wanted = next((p for p in ports if number is None or p["port"] == number), None)
        if wanted is None:
            return []
        label = wanted.get("name") or ""
        return self._endpoints(namespace, name, lambda port, _: (port.get("name") or "") == label)

    def _endpoints(self, namespace: str, name: str, chosen) -> list[Endpoint]:
        found = {}
        for item in self._slices.get((namespace, name), []):
            ports = item.get("ports") or []
            picked = [port for index, port in enumerate(ports) if chosen(port, index == 0)]
            for entry in item.get("endpoints") or []:
                if not _is_ready(entry):
                    continue
                pod = (entry.get("targetRef") or {}).get("name", "none")
                for port in picked:
                    endpoint = Endpoint(
                        pod, name, port.get("name") or "", entry["addresses"][0], port["port"]
                    )
                    found[(endpoint.address, endpoint.port)] = endpoint
        return [found[key] for key in sorted(found)]


def _is_ready(entry: dict) -> bool:
    # `ready` absent means unknown, to be taken for ready (EndpointConditions).
    return (entry.get("conditions") or {}).get("ready") is not False


def _is_target(port: dict, target: str | int | None, first: bool) -> bool:
    if target is None:
        return first
    if isinstance(target, int) or str(target).isdigit():
        return port["port"] == int(target)
    return port.get("name") == target


def _key(item: dict) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]
