"""Moves one DeploymentConfig a step nearer to what it asks for.

Every call looks at the cluster afresh and does what is due, so it may be stopped and repeated at
any point: what has been done is told by the objects alone.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone

from kubeapi import ApiError, Client

from . import objects, status
from .triggers import wants_new_version

log = logging.getLogger("deploymentconfig")

POLL_SECONDS = 1.0
DEFAULT_TIMEOUT_SECONDS = 600
DEFAULT_HISTORY = 10
CONFIGS = "/apis/apps.openshift.io/v1"


class Rollout:
    """Reconciles DeploymentConfigs; one call at a time."""

    def __init__(self, client: Client):
        self._client = client

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Returns after how many seconds to call again at the latest, None when all is done."""
        path = f"{CONFIGS}/namespaces/{namespace}/deploymentconfigs/{name}"
        try:
            config = self._client.get(path)
        except ApiError as error:
            if error.code == 404:
                return None  # the garbage collector takes the rest
            raise
        if config["metadata"].get("deletionTimestamp"):
            return None
        rcs = self._versions(config)
        if wants_new_version(config, rcs[-1] if rcs else None):
            rcs = self._new_version(config, rcs)
        busy = self._advance(config, rcs)
        rcs = self._versions(config)
        wanted = status.desired(config, rcs)
        if wanted is not None:
            self._client.patch(f"{path}/status", {"status": wanted})
        return POLL_SECONDS if busy else None

    def _versions(self, config: dict) -> list[dict]:
        """The ReplicationControllers that this very object owns, oldest first."""
        path = f"/api/v1/namespaces/{config['metadata']['namespace']}/replicationcontrollers"
        uid = config["metadata"]["uid"]
        mine = [
            item
            for item in self._client.get(path).get("items") or []
            if any(o["uid"] == uid for o in item["metadata"].get("ownerReferences") or [])
        ]
        return sorted(mine, key=objects.version)

    def _new_version(self, config: dict, rcs: list[dict]) -> list[dict]:
        if rcs and objects.phase(rcs[-1]) in objects.ACTIVE_PHASES:
            # The newer template wins: the running rollout is given up, the next look starts anew.
            log.info("%s: superseded", rcs[-1]["metadata"]["name"])
            self._annotate(rcs[-1], {objects.CANCELLED: "true"})
            return self._versions(config)
        asked = (config.get("status") or {}).get("latestVersion") or 0
        number = max(objects.version(rcs[-1]) + 1 if rcs else 1, asked)
        rc = objects.replication_controller(config, number)
        log.info("%s: created", rc["metadata"]["name"])
        try:
            self._client.create(_rc_collection(config), rc)
        except ApiError as error:
            if error.code != 409:
                raise
        return self._versions(config)

    def _advance(self, config: dict, rcs: list[dict]) -> bool:
        """Does the next step of the newest version; True while something is under way."""
        if not rcs:
            return False
        latest = rcs[-1]
        annotations = latest["metadata"].get("annotations") or {}
        if objects.phase(latest) in objects.ACTIVE_PHASES:
            if annotations.get(objects.CANCELLED) == "true":
                self._fail(latest, "cancelled")
            else:
                self._deploy(config, latest, rcs[:-1])
            return True
        return self._settle(config, rcs)

    def _settle(self, config: dict, rcs: list[dict]) -> bool:
        """Gives all pods to the newest complete version, none to the others."""
        complete = [rc for rc in rcs if objects.phase(rc) == objects.COMPLETE]
        serving = complete[-1] if complete else None
        moved = False
        for rc in rcs:
            wanted = objects.replicas(config) if rc is serving else 0
            moved |= self._scale(rc, wanted)
        limit = config["spec"].get("revisionHistoryLimit")
        limit = DEFAULT_HISTORY if limit is None else limit
        idle = [rc for rc in rcs[:-1] if rc is not serving and _pods(rc) == 0]
        for rc in idle[: max(0, len(idle) - limit)]:
            self._client.delete(_rc_path(rc))
        ready = serving is None or (serving.get("status") or {}).get(
            "availableReplicas", 0
        ) >= objects.replicas(config)
        return moved or not ready

    def _deploy(self, config: dict, latest: dict, former: list[dict]) -> None:
        if objects.phase(latest) == objects.NEW:
            self._annotate(latest, {objects.PHASE: objects.PENDING, objects.STARTED: objects.now()})
        try:
            if self._strategy(config, latest, former):
                self._annotate(latest, {objects.PHASE: objects.COMPLETE})
                log.info("%s: complete", latest["metadata"]["name"])
        except RolloutFailed as failure:
            self._fail(latest, str(failure))

    def _strategy(self, config: dict, latest: dict, former: list[dict]) -> bool:
        """True when every step of the strategy has been done."""
        if (config["spec"].get("strategy") or {}).get("type") == "Custom":
            raise RolloutFailed("the Custom strategy is not supported")
        if not self._hook(config, latest, "pre"):
            return False
        if objects.phase(latest) != objects.RUNNING:
            self._annotate(latest, {objects.PHASE: objects.RUNNING})
        recreate = objects.is_recreate(config)
        if recreate and not self._stop(former):
            return self._in_time(config, latest)
        if recreate and not self._hook(config, latest, "mid"):
            return False
        wanted = objects.replicas(config)
        self._scale(latest, wanted)
        if (latest.get("status") or {}).get("availableReplicas", 0) < wanted:
            return self._in_time(config, latest)
        if not self._stop(former):
            return self._in_time(config, latest)
        return self._hook(config, latest, "post")

    def _stop(self, former: list[dict]) -> bool:
        """Scales former versions down; True when none of their pods is left."""
        for rc in former:
            self._scale(rc, 0)
        return all(_pods(rc) == 0 for rc in former)

    def _in_time(self, config: dict, latest: dict) -> bool:
        """False (not done yet), or raises when the strategy's timeout has passed."""
        limit = objects.strategy_parameters(config).get("timeoutSeconds")
        limit = DEFAULT_TIMEOUT_SECONDS if limit is None else limit
        started = datetime.strptime(
            latest["metadata"]["annotations"][objects.STARTED], "%Y-%m-%dT%H:%M:%S%z"
        )
        age = (datetime.now(timezone.utc) - started).total_seconds()
        if age > limit:
            raise RolloutFailed(f"pods were not available within {limit} s")
        return False

    def _hook(self, config: dict, rc: dict, kind: str) -> bool:
        """True when the hook has run, or may be passed over."""
        lifecycle = objects.hook(config, kind)
        if not lifecycle or not lifecycle.get("execNewPod"):
            return True
        name = objects.hook_pod_name(rc, kind)
        pods = f"/api/v1/namespaces/{rc['metadata']['namespace']}/pods"
        try:
            pod = self._client.get(f"{pods}/{name}")
        except ApiError as error:
            if error.code != 404:
                raise
            self._create_hook(pods, config, rc, kind)
            return False
        phase = (pod.get("status") or {}).get("phase")
        if phase == "Succeeded":
            return True
        if phase != "Failed":
            return False
        policy = lifecycle.get("failurePolicy", "Abort")
        if policy == "Ignore":
            return True
        if policy == "Retry":  # past its deadline: once more
            self._client.delete(f"{pods}/{name}")
            return False
        raise RolloutFailed(f"the {kind} hook failed: pod {name} failed")

    def _create_hook(self, pods: str, config: dict, rc: dict, kind: str) -> None:
        try:
            pod = objects.hook_pod(config, rc, kind)
        except (KeyError, ValueError) as error:
            raise RolloutFailed(f"the {kind} hook is not valid: {error}") from error
        log.info("%s: created", pod["metadata"]["name"])
        try:
            self._client.create(pods, pod)
        except ApiError as error:
            if error.code in (403, 422):
                raise RolloutFailed(f"the {kind} hook's pod was refused: {error}") from error
            if error.code != 409:
                raise

    def _fail(self, rc: dict, reason: str) -> None:
        log.info("%s: failed: %s", rc["metadata"]["name"], reason)
        self._annotate(rc, {objects.PHASE: objects.FAILED, objects.STATUS_REASON: reason})
        self._scale(rc, 0)

    def _scale(self, rc: dict, wanted: int) -> bool:
        """True when the number had to be changed."""
        if rc["spec"].get("replicas") == wanted:
            return False
        self._client.patch(_rc_path(rc), {"spec": {"replicas": wanted}})
        rc["spec"]["replicas"] = wanted
        return True

    def _annotate(self, rc: dict, annotations: dict) -> None:
        self._client.patch(_rc_path(rc), {"metadata": {"annotations": annotations}})
        rc["metadata"].setdefault("annotations", {}).update(annotations)


class RolloutFailed(Exception):
    """The rollout of this version cannot succeed any more."""


def _pods(rc: dict) -> int:
    return max((rc.get("status") or {}).get("replicas", 0), rc["spec"].get("replicas", 0))


def _rc_collection(config: dict) -> str:
    return f"/api/v1/namespaces/{config['metadata']['namespace']}/replicationcontrollers"


def _rc_path(rc: dict) -> str:
    meta = rc["metadata"]
    return f"/api/v1/namespaces/{meta['namespace']}/replicationcontrollers/{meta['name']}"
