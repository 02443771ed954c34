"""Publishes Routes and HTTPRoutes through HAProxy in the manner of OpenShift's router."""

from .controller import RouterController, RouterSettings

__all__ = ["RouterController", "RouterSettings"]
