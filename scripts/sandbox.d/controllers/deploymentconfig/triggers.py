"""When a DeploymentConfig gets a new version. Pure."""

from __future__ import annotations

from . import objects


def wants_new_version(config: dict, latest: dict | None) -> bool:
    """`latest` is the newest ReplicationController, None before the first version.

    Without `triggers` a config change triggers (the API's default); with an empty list only a
    higher `status.latestVersion` does (`oc rollout latest`).
    """
    if config["spec"].get("paused"):
        return False
    asked = (config.get("status") or {}).get("latestVersion") or 0
    if asked > (objects.version(latest) if latest else 0):
        return True
    triggers = config["spec"].get("triggers")
    if triggers is None:
        triggers = [{"type": "ConfigChange"}]
    if not all(_image_is_known(trigger) for trigger in triggers):
        return False
    if not any(trigger["type"] == "ConfigChange" for trigger in triggers):
        return False
    return latest is None or objects.deployed_template(latest) != config["spec"]["template"]


def _image_is_known(trigger: dict) -> bool:
    """An image trigger waits until its ImageStreamTag was resolved once."""
    if trigger["type"] != "ImageChange":
        return True
    parameters = trigger.get("imageChangeParams") or {}
    return not parameters.get("automatic") or bool(parameters.get("lastTriggeredImage"))
