"""Running one command: its output to a file, within a time, and nothing of it left when it is over."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import time


@dataclasses.dataclass
class Outcome:
    code: int
    seconds: float
    output: str
    late: bool = False


def run(command, log: pathlib.Path, seconds: float, environment: dict, folder: pathlib.Path) -> Outcome:
    """The command gets a process group of its own, so that with it go the programs that it started."""
    began = time.monotonic()
    late = False
    with open(log, 'ab') as out:
        start = out.tell()
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                       cwd=folder, env={**os.environ, **environment}, start_new_session=True)
        except OSError as error:
            out.write(f'unable to run \'{command[0]}\': {error.strerror}\n'.encode())
            out.flush()
            return Outcome(127, 0, text_from(log, start))
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
            out.write(f'\nended: over its budget of {seconds / 60:g} minutes\n'.encode())
        finally:
            end_group(process)
    return Outcome(process.returncode, time.monotonic() - began, text_from(log, start), late)


def end_group(process, patience: float = 30) -> None:
    """Asks first: scripts take down what they brought up."""
    if process.poll() is None:
        signal_group(process, signal.SIGTERM)
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            pass
    signal_group(process, signal.SIGKILL)
    process.wait()


def signal_group(process, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def text_from(path: pathlib.Path, start: int) -> str:
    with open(path, 'rb') as file:
        file.seek(start)
        return file.read().decode(errors='replace')
