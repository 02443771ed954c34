"""Requests to the Kubernetes API: one kept connection for each thread, JSON in and out."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from urllib.parse import urlencode

from .kubeconfig import Credentials

MERGE_PATCH = "application/merge-patch+json"
REQUEST_TIMEOUT_SECONDS = 30
WATCH_TIMEOUT_SECONDS = 240


class ApiError(Exception):
    """The server answered with something else than 2xx. `code` is the HTTP status."""

    def __init__(self, code: int, reason: str, message: str):
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason


def _status_error(code: int, body: bytes) -> ApiError:
    try:
        status = json.loads(body)
        return ApiError(code, status.get("reason", ""), status.get("message", ""))
    except (ValueError, AttributeError):
        return ApiError(code, "", body[:200].decode("utf-8", "replace"))


class Client:
    """Thread-safe. Paths are API paths without the query, e.g. `/api/v1/pods`."""

    def __init__(self, credentials: Credentials):
        self._credentials = credentials
        self._local = threading.local()

    def get(self, path: str, **query: str) -> dict:
        return self._request("GET", path, query=query)

    def create(self, path: str, body: dict) -> dict:
        return self._request("POST", path, body=body)

    def patch(self, path: str, body: dict) -> dict:
        """A JSON merge patch (RFC 7396). Put `metadata.resourceVersion` in for a precondition."""
        return self._request("PATCH", path, body=body, content_type=MERGE_PATCH)

    def delete(self, path: str) -> dict:
        return self._request("DELETE", path, body={"propagationPolicy": "Background"})

    def watch(self, path: str, resource_version: str) -> Iterator[dict]:
        """Yields watch events until the server ends the watch. Always a connection of its own."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_TIMEOUT_SECONDS),
        }
        connection = self._connect(timeout=WATCH_TIMEOUT_SECONDS + REQUEST_TIMEOUT_SECONDS)
        try:
            connection.request("GET", f"{path}?{urlencode(query)}", headers=self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise _status_error(response.status, response.read())
            while line := response.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        where = self._credentials
        if where.tls is None:
            return http.client.HTTPConnection(where.host, where.port, timeout=timeout)
        return http.client.HTTPSConnection(
            where.host, where.port, timeout=timeout, context=where.tls
        )

    def _headers(self) -> dict:
        headers = {"Accept": "application/json", "User-Agent": "crossover-sandbox-controllers"}
        if self._credentials.token:
            headers["Authorization"] = f"Bearer {self._credentials.token}"
        return headers

    def _request(
        self,
        method: str,
        path: str,
        query: dict | None = None,
        body: dict | None = None,
        content_type: str = "application/json",
    ) -> dict:
        url = f"{path}?{urlencode(query)}" if query else path
        headers = self._headers()
        payload = None
        if body is not None:
            payload = json.dumps(body)
            headers["Content-Type"] = content_type
        code, answer = self._exchange(method, url, payload, headers)
        if not 200 <= code < 300:
            raise _status_error(code, answer)
        return json.loads(answer)

    def _exchange(self, method: str, url: str, payload: str | None, headers: dict):
        reused = getattr(self._local, "connection", None) is not None
        try:
            return self._exchange_once(method, url, payload, headers)
        except (http.client.HTTPException, OSError):
            # The server may have closed an idle connection; a fresh one that fails is a real
            # fault. Creating twice gives 409, which every caller takes for "it is there".
            if not reused:
                raise
            return self._exchange_once(method, url, payload, headers)

    def _exchange_once(self, method: str, url: str, payload: str | None, headers: dict):
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect(REQUEST_TIMEOUT_SECONDS)
        try:
            connection.request(method, url, body=payload, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        except BaseException:
            connection.close()
            self._local.connection = None
            raise
