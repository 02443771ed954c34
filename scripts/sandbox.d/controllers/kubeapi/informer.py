"""A cache of one resource kept by list and watch, as client-go's informers do."""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable

from .client import ApiError, Client

log = logging.getLogger("informer")

RETRY_SECONDS = 1.0

# Called with the object as it is now, or as it was last seen when it is gone.
Listener = Callable[[dict], None]


class Expired(Exception):
    """The watch's resourceVersion is too old (410): list again."""


class Informer:
    """Follows the collection at `path`. `objects` may be called from any thread."""

    def __init__(self, client: Client, path: str, listener: Listener):
        self._client = client
        self._path = path
        self._listener = listener
        self._objects: dict[tuple[str, str], dict] = {}
        self._lock = threading.Lock()
        self._synced = threading.Event()
        self._stopping = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"watch {self._path}", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def wait_synced(self, timeout: float) -> bool:
        """True once the first list is in the cache (or the API does not serve the resource)."""
        return self._synced.wait(timeout)

    @property
    def synced(self) -> bool:
        return self._synced.is_set()

    def objects(self) -> list[dict]:
        """The cached objects; treat them as read-only."""
        with self._lock:
            return list(self._objects.values())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                version = self._list()
                while not self._stopping.is_set():
                    version = self._watch(version)
            except Expired:
                continue
            except ApiError as error:
                # A kind that this cluster does not serve (yet) is an empty collection.
                if error.code == 404:
                    self._synced.set()
                else:
                    log.warning("unable to watch '%s': %s", self._path, error)
            except (OSError, http.client.HTTPException, ValueError) as error:
                log.warning("unable to watch '%s': %s", self._path, error)
            self._stopping.wait(RETRY_SECONDS)

    def _list(self) -> str:
        answer = self._client.get(self._path)
        fresh = {_key(item): item for item in answer.get("items") or []}
        with self._lock:
            before, self._objects = self._objects, fresh
        self._synced.set()
        for key, item in fresh.items():
            if key not in before or _version(before[key]) != _version(item):
                self._listener(item)
        for key, item in before.items():
            if key not in fresh:
                self._listener(item)
        return answer["metadata"]["resourceVersion"]

    def _watch(self, version: str) -> str:
        """Applies events until the server ends the watch; returns where to go on."""
        for event in self._client.watch(self._path, version):
            item = event["object"]
            if event["type"] == "ERROR":
                if item.get("code") == 410:
                    raise Expired
                code, reason = item.get("code", 500), item.get("reason", "")
                raise ApiError(code, reason, item.get("message", ""))
            version = _version(item)
            if event["type"] != "BOOKMARK":
                self._apply(event["type"], item)
        return version

    def _apply(self, kind: str, item: dict) -> None:
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(_key(item), None)
            else:
                self._objects[_key(item)] = item
        self._listener(item)


def _key(item: dict) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _version(item: dict) -> str:
    return item["metadata"]["resourceVersion"]
