"""Keeps the node's nftables table equal to what policies, pods and namespaces say."""

from __future__ import annotations

import logging
import subprocess
import threading
from pathlib import Path

from kubeapi import Client, Informer

from . import ruleset

log = logging.getLogger("networkpolicy")

# Events come in bursts; one transaction for a burst, still far below what a person notices.
SETTLE_SECONDS = 0.02
RETRY_SECONDS = 1.0
BRIDGE_CALLS = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


class NetworkPolicyController:
    """Run it inside the node's network namespace, as root."""

    def __init__(self, client: Client):
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._applied: str | None = None
        follow = lambda path: Informer(client, path, lambda _item: self._changed.set())
        self._policies = follow("/apis/networking.k8s.io/v1/networkpolicies")
        self._pods = follow("/api/v1/pods")
        self._namespaces = follow("/api/v1/namespaces")

    def run(self) -> None:
        """Blocks until `stop`, then takes the table away."""
        _filter_bridged_traffic()
        informers = (self._policies, self._pods, self._namespaces)
        for informer in informers:
            informer.start()
        for informer in informers:
            while not informer.wait_synced(0.2) and not self._stopping.is_set():
                pass
        self._changed.set()
        while not self._stopping.is_set():
            self._changed.wait()
            self._stopping.wait(SETTLE_SECONDS)
            self._changed.clear()
            if not self._stopping.is_set() and not self._apply():
                self._stopping.wait(RETRY_SECONDS)
                self._changed.set()
        for informer in informers:
            informer.stop()
        _nft(f"table ip {ruleset.TABLE} {{}}\ndelete table ip {ruleset.TABLE}\n")

    def stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    def _apply(self) -> bool:
        try:
            wanted = self._render()
        except (KeyError, ValueError) as error:
            log.error("unable to translate the policies: %r", error)
            return False
        if wanted == self._applied:
            return True
        if not _nft(wanted):
            return False
        self._applied = wanted
        return True

    def _render(self) -> str:
        # An address goes to a new pod while the old one's object may still be there: newest wins.
        objects = sorted(self._pods.objects(), key=lambda p: p["metadata"]["creationTimestamp"])
        found = filter(None, map(ruleset.pod_from_object, objects))
        pods = {pod.address: pod for pod in found}
        namespaces = {
            item["metadata"]["name"]: item["metadata"].get("labels") or {}
            for item in self._namespaces.objects()
        }
        return ruleset.render(self._policies.objects(), list(pods.values()), namespaces)


def _filter_bridged_traffic() -> None:
    """Pods of one node talk over a bridge; only with this do they meet the forward hook.

    The setting belongs to the network namespace, so there is nothing to put back on the machine.
    """
    if not BRIDGE_CALLS.exists():
        log.warning("this kernel has no br_netfilter: traffic between pods is not filtered")
    elif BRIDGE_CALLS.read_text(encoding="ascii").strip() != "1":
        BRIDGE_CALLS.write_text("1", encoding="ascii")


def _nft(script: str) -> bool:
    done = subprocess.run(
        ["nft", "-f", "-"], input=script, text=True, capture_output=True, check=False
    )
    if done.returncode != 0:
        log.error("unable to replace the nftables table: %s", done.stderr.strip())
    return done.returncode == 0
