"""Calls the rollout for each DeploymentConfig that something happened to."""

from __future__ import annotations

import http.client
import logging
import threading
import time

from kubeapi import ApiError, Client, Informer

from . import objects
from .rollout import CONFIGS, Rollout

log = logging.getLogger("deploymentconfig")

RETRY_SECONDS = 1.0

Key = tuple[str, str]  # namespace, name


class DeploymentConfigController:
    """Needs the API server only; runs anywhere."""

    def __init__(self, client: Client):
        self._rollout = Rollout(client)
        self._due: dict[Key, float] = {}  # when to look at a config (monotonic seconds)
        self._wake = threading.Condition()
        self._stopping = False
        self._informers = [
            Informer(client, f"{CONFIGS}/deploymentconfigs", self._on_config),
            Informer(client, "/api/v1/replicationcontrollers", self._on_owned),
            Informer(client, "/api/v1/pods", self._on_owned),
        ]

    def run(self) -> None:
        """Blocks until `stop`."""
        for informer in self._informers:
            informer.start()
        while (key := self._next()) is not None:
            self._reconcile(key)
        for informer in self._informers:
            informer.stop()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def _on_config(self, item: dict) -> None:
        self._schedule((item["metadata"]["namespace"], item["metadata"]["name"]), 0.0)

    def _on_owned(self, item: dict) -> None:
        """ReplicationControllers and pods, hooks too, tell their config by an annotation."""
        config = (item["metadata"].get("annotations") or {}).get(objects.CONFIG)
        if config:
            self._schedule((item["metadata"]["namespace"], config), 0.0)

    def _schedule(self, key: Key, delay: float) -> None:
        due = time.monotonic() + delay
        with self._wake:
            self._due[key] = min(due, self._due.get(key, due))
            self._wake.notify()

    def _next(self) -> Key | None:
        """Waits for the next config that is due; None when stopped."""
        with self._wake:
            while not self._stopping:
                if self._due:
                    key = min(self._due, key=self._due.get)
                    wait = self._due[key] - time.monotonic()
                    if wait <= 0:
                        del self._due[key]
                        return key
                    self._wake.wait(wait)
                else:
                    self._wake.wait()
            return None

    def _reconcile(self, key: Key) -> None:
        try:
            again = self._rollout.reconcile(*key)
        except ApiError as error:
            if error.code not in (404, 409):  # changed or gone meanwhile: just look again
                log.warning("unable to reconcile '%s/%s': %s", *key, error)
            again = RETRY_SECONDS
        except (OSError, http.client.HTTPException, KeyError, TypeError, ValueError) as error:
            log.warning("unable to reconcile '%s/%s': %r", *key, error)
            again = RETRY_SECONDS
        if again is not None:
            self._schedule(key, again)
