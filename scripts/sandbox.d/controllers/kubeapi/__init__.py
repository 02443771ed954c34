"""A small Kubernetes API client: kubeconfig, requests, and caches kept by list and watch."""

from .client import ApiError, Client
from .informer import Informer
from .kubeconfig import Credentials, load_credentials

__all__ = ["ApiError", "Client", "Credentials", "Informer", "load_credentials"]
