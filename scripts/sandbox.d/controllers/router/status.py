"""Status of Routes and HTTPRoutes: what it should be, changed only where it differs."""

from __future__ import annotations

from datetime import datetime, timezone

from .httproutes import Condition
from .routes import Admission

CONTROLLER = "crossover.sandbox/router"


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _merge(old: list[dict], wanted: dict) -> dict:
    """Keeps lastTransitionTime while type and status stay."""
    for condition in old or []:
        if condition["type"] == wanted["type"] and condition["status"] == wanted["status"]:
            return {**wanted, "lastTransitionTime": condition["lastTransitionTime"]}
    return {**wanted, "lastTransitionTime": now()}


def route_status(route: dict, verdict: Admission, router: str) -> dict | None:
    """The new status of a Route, or None when it says so already.

    Each router owns the `ingress` entry that bears its name and leaves the others' alone.
    """
    status = route.get("status") or {}
    entries = list(status.get("ingress") or [])
    index = next((i for i, e in enumerate(entries) if e.get("routerName") == router), None)
    old = entries[index] if index is not None else {}
    condition = {"type": "Admitted", "status": "True" if verdict.admitted else "False"}
    if not verdict.admitted:
        condition |= {"reason": verdict.reason, "message": verdict.message}
    entry = {
        "host": route["spec"].get("host", ""),
        "routerName": router,
        "wildcardPolicy": route["spec"].get("wildcardPolicy") or "None",
        "conditions": [_merge(old.get("conditions"), condition)],
    }
    if entry == old:
        return None
    if index is None:
        entries.append(entry)
    else:
        entries[index] = entry
    return {**status, "ingress": entries}


def httproute_status(route: dict, references: list[dict], found: list[Condition]) -> dict | None:
    """The new status of an HTTPRoute, or None when it says so already."""
    status = route.get("status") or {}
    before = status.get("parents") or []
    generation = route["metadata"].get("generation", 0)
    ours = []
    for reference in references:
        old = next(
            (
                parent
                for parent in before
                if parent.get("controllerName") == CONTROLLER and parent["parentRef"] == reference
            ),
            {},
        )
        conditions = [
            _merge(
                old.get("conditions"),
                {
                    "type": c.type,
                    "status": c.status,
                    "reason": c.reason,
                    "message": c.message,
                    "observedGeneration": generation,
                },
            )
            for c in found
        ]
        ours.append(
            {"parentRef": reference, "controllerName": CONTROLLER, "conditions": conditions}
        )
    parents = [parent for parent in before if parent.get("controllerName") != CONTROLLER] + ours
    return None if parents == before else {**status, "parents": parents}
