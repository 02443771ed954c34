"""The 32 writers over HTTP through the router, and what they have seen so far."""

import json
import pathlib
import signal
import subprocess
import time


class Load:
    def __init__(self, program: pathlib.Path, work: pathlib.Path, url: str, host: str, rate: float):
        self.journal, self.report_file = work / 'journal.jsonl', work / 'load.json'
        self.status_file, self.phase_file, self.log = work / 'load-status.json', work / 'phase', work / 'load.log'
        self.command = [str(program), '--url', url, '--host', host, '--rate', str(rate), '--writers', '32',
                        '--journal', str(self.journal), '--status', str(self.status_file),
                        '--report', str(self.report_file), '--phase-file', str(self.phase_file)]
        self.process = None

    def start(self, seconds: float = 60) -> None:
        """Returns when the first writes are acknowledged."""
        self.phase('before')
        for stale in (self.status_file, self.report_file):
            stale.unlink(missing_ok=True)
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        limit = time.monotonic() + seconds
        while not self.status().get('acked'):
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f'the load does not run: {self.log.read_text(errors="replace").strip()}')
            time.sleep(0.2)

    def phase(self, word: str) -> None:
        # In one step: the writers read it at any moment.
        scratch = self.phase_file.with_suffix('.new')
        scratch.write_text(word + '\n', encoding='utf-8')
        scratch.replace(self.phase_file)

    def status(self) -> dict:
        return read(self.status_file)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> dict:
        """Ends the load, lets requests under way finish, and returns its report."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return read(self.report_file)


def read(path: pathlib.Path) -> dict:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
