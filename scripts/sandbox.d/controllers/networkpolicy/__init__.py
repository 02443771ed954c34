"""Enforces networking.k8s.io/v1 NetworkPolicies on one node by nftables."""

from .controller import NetworkPolicyController

__all__ = ["NetworkPolicyController"]
