"""Reads the address and the client certificate out of a kubeconfig file."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Credentials:
    """Where the API server is and how to prove who we are."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    token: str | None


def _parse(path: str) -> dict:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return json.loads(text)
    except ValueError:
        pass
    # The standard library has no YAML parser; kubectl is always beside a cluster.
    kubectl = os.environ.get("KUBECTL", "kubectl")
    command = [kubectl, "config", "view", "--raw", "-o", "json", "--kubeconfig", path]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)


def _named(entries: list[dict], name: str, what: str) -> dict:
    for entry in entries or []:
        if entry.get("name") == name:
            return entry[what]
    raise ValueError(f"kubeconfig has no {what} '{name}'")


def _material(section: dict, key: str, directory: str) -> bytes | None:
    if section.get(f"{key}-data"):
        return base64.b64decode(section[f"{key}-data"])
    if section.get(key):
        # Relative paths count from the kubeconfig's own folder, as in client-go.
        with open(os.path.join(directory, section[key]), "rb") as file:
            return file.read()
    return None


def _tls_context(cluster: dict, user: dict, directory: str) -> ssl.SSLContext:
    authority = _material(cluster, "certificate-authority", directory)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _material(user, "client-certificate", directory)
    key = _material(user, "client-key", directory)
    if certificate and key:
        # ssl loads a key pair from a file only: a private one, gone as soon as it was read.
        with tempfile.NamedTemporaryFile(mode="wb") as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def load_credentials(path: str) -> Credentials:
    """Returns the credentials of the current context of the kubeconfig at `path`."""
    config = _parse(path)
    context = _named(config.get("contexts"), config.get("current-context", ""), "context")
    cluster = _named(config.get("clusters"), context["cluster"], "cluster")
    user = _named(config.get("users"), context["user"], "user")
    url = urlsplit(cluster["server"])
    directory = os.path.dirname(os.path.abspath(path))
    secure = url.scheme == "https"
    return Credentials(
        host=url.hostname,
        port=url.port or (443 if secure else 80),
        tls=_tls_context(cluster, user, directory) if secure else None,
        token=user.get("token"),
    )
