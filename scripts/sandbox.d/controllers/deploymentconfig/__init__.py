"""Rolls out OpenShift DeploymentConfigs (apps.openshift.io/v1) through ReplicationControllers."""

from .controller import DeploymentConfigController

__all__ = ["DeploymentConfigController"]
