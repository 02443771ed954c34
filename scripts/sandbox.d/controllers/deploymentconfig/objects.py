"""The objects that a DeploymentConfig stands for: ReplicationControllers and hook pods. Pure.

Names, labels and annotations are OpenShift's, since `oc` and our own tools look for them.
"""

from __future__ import annotations

import copy
import json
from datetime import datetime, timezone

CONFIG = "openshift.io/deployment-config.name"
VERSION = "openshift.io/deployment-config.latest-version"
PHASE = "openshift.io/deployment.phase"
STATUS_REASON = "openshift.io/deployment.status-reason"
CANCELLED = "openshift.io/deployment.cancelled"
ENCODED = "openshift.io/encoded-deployment-config"
DESIRED = "kubectl.kubernetes.io/desired-replicas"
STARTED = "openshift.io/deployment.started-at"  # ours: where the deployer pod's age would tell
DEPLOYMENT = "openshift.io/deployment.name"
HOOK_FOR = "openshift.io/deployer-pod-for.name"
HOOK_TYPE = "openshift.io/deployer-pod.type"

NEW, PENDING, RUNNING = "New", "Pending", "Running"
COMPLETE, FAILED = "Complete", "Failed"
ACTIVE_PHASES = (NEW, PENDING, RUNNING)

HOOK_DEADLINE_SECONDS = 21600


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def phase(rc: dict) -> str:
    return (rc["metadata"].get("annotations") or {}).get(PHASE, NEW)


def version(rc: dict) -> int:
    return int((rc["metadata"].get("annotations") or {}).get(VERSION, "0"))


def replicas(config: dict) -> int:
    value = config["spec"].get("replicas")
    return 1 if value is None else value


def deployed_template(rc: dict) -> dict | None:
    """The DeploymentConfig's own template at the time of this version, before our labels."""
    text = (rc["metadata"].get("annotations") or {}).get(ENCODED)
    return json.loads(text)["spec"]["template"] if text else None


def _owner(item: dict, api_version: str, kind: str) -> dict:
    meta = item["metadata"]
    return {"apiVersion": api_version, "kind": kind, "name": meta["name"], "uid": meta["uid"]}


def _controller(item: dict, api_version: str, kind: str) -> dict:
    owner = _owner(item, api_version, kind)
    return owner | {"controller": True, "blockOwnerDeletion": True}


def replication_controller(config: dict, number: int) -> dict:
    """Version `number` of `config`, with no pods yet: hooks come first."""
    meta, spec = config["metadata"], config["spec"]
    name = f"{meta['name']}-{number}"
    selector = {**(spec.get("selector") or {}), "deployment": name}
    selector["deploymentconfig"] = meta["name"]
    annotations = {CONFIG: meta["name"], VERSION: str(number), DEPLOYMENT: name}
    template = copy.deepcopy(spec["template"])
    template_meta = template.setdefault("metadata", {})
    template_meta.pop("creationTimestamp", None)
    template_meta["labels"] = {**(template_meta.get("labels") or {}), **selector}
    template_meta["annotations"] = {**(template_meta.get("annotations") or {}), **annotations}
    encoded = {"metadata": {"name": meta["name"]}, "spec": spec}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": {**(meta.get("labels") or {}), CONFIG: meta["name"]},
            "annotations": {
                CONFIG: meta["name"],
                VERSION: str(number),
                PHASE: NEW,
                STARTED: now(),
                DESIRED: str(replicas(config)),
                ENCODED: json.dumps(encoded, sort_keys=True),
            },
            "ownerReferences": [_controller(config, "apps.openshift.io/v1", "DeploymentConfig")],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": selector,
            "template": template,
        },
    }


def strategy_parameters(config: dict) -> dict:
    strategy = config["spec"].get("strategy") or {}
    return strategy.get("recreateParams" if is_recreate(config) else "rollingParams") or {}


def is_recreate(config: dict) -> bool:
    return (config["spec"].get("strategy") or {}).get("type") == "Recreate"


def hook(config: dict, kind: str) -> dict | None:
    """The lifecycle hook `pre`, `mid` or `post`, if the strategy has it."""
    return strategy_parameters(config).get(kind)


def hook_pod_name(rc: dict, kind: str) -> str:
    return f"{rc['metadata']['name']}-hook-{kind}"


def hook_pod(config: dict, rc: dict, kind: str) -> dict:
    """The pod of a hook: one container of the template with the hook's command and environment.

    Raises ValueError when the hook names a container that the template has not.
    """
    lifecycle = hook(config, kind)
    execute = lifecycle["execNewPod"]
    template, strategy = rc["spec"]["template"], config["spec"].get("strategy") or {}
    base = _base_container(template, execute["containerName"])
    name, rc_name = hook_pod_name(rc, kind), rc["metadata"]["name"]
    wanted = set(execute.get("volumes") or [])
    volumes = [v for v in template["spec"].get("volumes") or [] if v["name"] in wanted]
    container = {
        "name": "lifecycle",
        "image": base["image"],
        "command": execute["command"],
        "env": _environment(base, execute, rc),
        "volumeMounts": [m for m in base.get("volumeMounts") or [] if m["name"] in wanted],
    }
    for key in ("envFrom", "resources", "imagePullPolicy", "securityContext", "workingDir"):
        if base.get(key):
            container[key] = base[key]
    spec = {
        "containers": [container],
        "volumes": volumes,
        "restartPolicy": "OnFailure" if lifecycle.get("failurePolicy") == "Retry" else "Never",
        "activeDeadlineSeconds": strategy.get("activeDeadlineSeconds", HOOK_DEADLINE_SECONDS),
    }
    for key in ("imagePullSecrets", "nodeSelector", "securityContext", "tolerations"):
        if template["spec"].get(key):
            spec[key] = template["spec"][key]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": rc["metadata"]["namespace"],
            # Not the template's labels: a hook must never become an endpoint of the Service.
            "labels": {
                **(strategy.get("labels") or {}),
                HOOK_FOR: rc_name,
                HOOK_TYPE: f"hook-{kind}",
            },
            "annotations": {
                **(strategy.get("annotations") or {}),
                CONFIG: config["metadata"]["name"],
                DEPLOYMENT: rc_name,
            },
            # Not as its controller: the ReplicationController lets go of controlled pods that its
            # selector does not match, and then nobody would clean the hook up.
            "ownerReferences": [_owner(rc, "v1", "ReplicationController")],
        },
        "spec": spec,
    }


def _base_container(template: dict, name: str) -> dict:
    for container in template["spec"]["containers"]:
        if container["name"] == name:
            return container
    raise ValueError(f"no container named '{name}' found in the template")


def _environment(base: dict, execute: dict, rc: dict) -> list[dict]:
    """The container's variables, overridden by the hook's, as names say."""
    merged = {item["name"]: item for item in base.get("env") or []}
    merged |= {item["name"]: item for item in execute.get("env") or []}
    fixed = {
        "OPENSHIFT_DEPLOYMENT_NAME": rc["metadata"]["name"],
        "OPENSHIFT_DEPLOYMENT_NAMESPACE": rc["metadata"]["namespace"],
    }
    merged |= {name: {"name": name, "value": value} for name, value in fixed.items()}
    return list(merged.values())
