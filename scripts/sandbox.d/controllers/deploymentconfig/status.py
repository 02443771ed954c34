"""The status of a DeploymentConfig, with OpenShift's reasons and messages. Pure."""

from __future__ import annotations

from . import objects


def _total(rcs: list[dict], key: str) -> int:
    return sum((rc.get("status") or {}).get(key, 0) for rc in rcs)


def _progressing(config: dict, latest: dict | None) -> dict | None:
    if config["spec"].get("paused"):
        message = "deployment config is paused"
        return _condition("Progressing", "Unknown", "DeploymentConfigPaused", message)
    if latest is None:
        return None
    name, phase = latest["metadata"]["name"], objects.phase(latest)
    annotations = latest["metadata"].get("annotations") or {}
    if phase == objects.COMPLETE:
        message = f'replication controller "{name}" successfully rolled out'
        return _condition("Progressing", "True", "NewReplicationControllerAvailable", message)
    if phase == objects.FAILED:
        if annotations.get(objects.CANCELLED) == "true":
            message = f'rollout of replication controller "{name}" was cancelled'
            return _condition("Progressing", "False", "RolloutCancelled", message)
        message = f'replication controller "{name}" has failed progressing'
        if annotations.get(objects.STATUS_REASON):
            message += f": {annotations[objects.STATUS_REASON]}"
        return _condition("Progressing", "False", "ProgressDeadlineExceeded", message)
    if phase == objects.NEW:
        message = f'created new replication controller "{name}"'
        return _condition("Progressing", "True", "NewReplicationControllerCreated", message)
    message = f'replication controller "{name}" is progressing'
    return _condition("Progressing", "True", "ReplicationControllerUpdated", message)


def _available(config: dict, available: int) -> dict:
    # minimum: replicas less those that a rolling update may take away (25 % by default)
    minimum = max(1, -(-objects.replicas(config) * 3 // 4)) if objects.replicas(config) else 0
    if available >= minimum:
        message = "Deployment config has minimum availability."
        return _condition("Available", "True", "", message)
    message = "Deployment config does not have minimum availability."
    return _condition("Available", "False", "", message)


def _condition(kind: str, status: str, reason: str, message: str) -> dict:
    condition = {"type": kind, "status": status, "message": message}
    return condition | ({"reason": reason} if reason else {})


def _with_times(old: list[dict], wanted: dict) -> dict:
    for condition in old:
        if condition["type"] != wanted["type"]:
            continue
        times = ("lastTransitionTime", "lastUpdateTime")
        if {k: v for k, v in condition.items() if k not in times} == wanted:
            return condition
        if condition["status"] == wanted["status"]:
            changed = condition["lastTransitionTime"]
            return {**wanted, "lastTransitionTime": changed, "lastUpdateTime": objects.now()}
    moment = objects.now()
    return {**wanted, "lastTransitionTime": moment, "lastUpdateTime": moment}


def desired(config: dict, rcs: list[dict]) -> dict | None:
    """The new status, or None when it says so already. `rcs`: all versions, oldest first."""
    old = config.get("status") or {}
    latest = rcs[-1] if rcs else None
    available = _total(rcs, "availableReplicas")
    replicas = _total(rcs, "replicas")
    version = max(old.get("latestVersion") or 0, objects.version(latest) if latest else 0)
    conditions = [_available(config, available), _progressing(config, latest)]
    before = old.get("conditions") or []
    status = {
        **old,
        "observedGeneration": config["metadata"].get("generation", 0),
        "latestVersion": version,
        "replicas": replicas,
        "updatedReplicas": _total([latest], "replicas") if latest else 0,
        "readyReplicas": _total(rcs, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, replicas - available),
        "conditions": [_with_times(before, c) for c in conditions if c],
    }
    if latest:
        cause = {"message": "config change", "causes": [{"type": "ConfigChange"}]}
        status["details"] = cause
    return None if status == old else status
