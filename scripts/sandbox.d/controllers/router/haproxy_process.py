"""Runs HAProxy, replaces it without a refused connection, and gives it runtime commands."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

START_SECONDS = 10.0


class HaproxyFailed(Exception):
    """HAProxy refused a configuration, or did not come up."""


class Haproxy:
    """One serving process and those before it that still finish their connections."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._directory.mkdir(parents=True, exist_ok=True)
        self._config = directory / "haproxy.cfg"
        self._log = directory / "haproxy.log"
        self._current: subprocess.Popen | None = None
        self._former: list[subprocess.Popen] = []

    @property
    def socket_path(self) -> Path:
        return self._directory / "admin.sock"

    @property
    def alive(self) -> bool:
        return self._current is not None and self._current.poll() is None

    def load(self, config: str) -> None:
        """Puts a new process with `config` in front. The running one stays if that fails."""
        # A process that finds its configuration bad ends before it touches sockets or predecessor.
        self._config.write_text(config, encoding="utf-8")
        command = ["haproxy", "-db", "-f", str(self._config)]
        if self.alive:
            # The successor fetches the listening sockets, then tells the former to finish.
            command += ["-x", str(self.socket_path), "-sf", str(self._current.pid)]
        with open(self._log, "ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._await_ready(process)
        if self._current is not None:
            self._former.append(self._current)
        self._current = process
        # poll() reaps those that have finished.
        self._former = [former for former in self._former if former.poll() is None]

    def command(self, text: str) -> str:
        """Sends one line to the runtime API; returns the answer, empty when all is well."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(5)
            link.connect(str(self.socket_path))
            link.sendall(text.encode() + b"\n")
            answer = b""
            while chunk := link.recv(65536):
                answer += chunk
        return answer.decode("utf-8", "replace").strip()

    def stop(self) -> None:
        """Ends all processes at once, open connections too."""
        processes = [*self._former, *([self._current] if self._current else [])]
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.socket_path.unlink(missing_ok=True)

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " ".join(lines[-3:])

    def _await_ready(self, process: subprocess.Popen) -> None:
        """Waits until the command socket is answered by the new process."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise HaproxyFailed(f"haproxy ended with {process.returncode}: {self._last_words()}")
            try:
                if f"Pid: {process.pid}\n" in self.command("show info"):
                    return
            except OSError:
                pass
            time.sleep(0.02)
        process.kill()
        process.wait()
        raise HaproxyFailed("haproxy did not answer on its command socket in time")
