"""property.py PROGRAM RECORD CASES: cases of the property test, on all cores, until each of CASES seeds has passed.

It goes on where the record ends, which is written anew after each range of seeds, so it may be killed at any moment.
CROSSOVER_PROPERTY_SECONDS ends it at the end of a range, CROSSOVER_PROPERTY_WORKERS says how many processes share the
work.
"""

import fcntl
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import record

# Seeds that are lost when a run is killed, for each process.
RANGE = 25


class Worker(threading.Thread):
    """One process of the test; its lines go to `lines`, and None at its end."""

    def __init__(self, number: int, program: str, seeds: list, environment: dict, lines: queue.Queue):
        super().__init__(daemon=True)
        self.number, self.lines = number, lines
        # The process ends with this one, and its servers with it.
        self.process = subprocess.Popen(
            ['setpriv', '--pdeathsig', 'KILL', '--', program, '[cases]'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**environment, 'CROSSOVER_TEST_WORKERS': '1',
                 'CROSSOVER_TEST_SEEDS': ' '.join(f'{first}..{last}' for first, last in seeds)})

    def run(self):
        for line in self.process.stdout:
            self.lines.put((self, line.rstrip('\n')))
        self.process.wait()
        self.lines.put((self, None))


def minutes(seconds: float) -> str:
    whole = round(seconds / 60)
    return f'{whole // 60} h {whole % 60} min' if whole >= 60 else f'{whole} min'


class Run:
    def __init__(self, program: str, path: pathlib.Path, cases: int, work: pathlib.Path):
        self.program, self.path, self.cases, self.work = program, path, cases, work
        self.record = record.read(path)
        self.commit = subprocess.run(['git', 'rev-parse', '--short=12', 'HEAD'], check=True, capture_output=True,
                                     text=True).stdout.strip()
        self.began = time.monotonic()
        self.done = 0
        self.failed = False

    def run(self) -> bool:
        left = self.record.left(self.cases, RANGE)
        count = int(os.environ.get('CROSSOVER_PROPERTY_WORKERS') or os.cpu_count() or 1)
        environment = {**os.environ, 'TMPDIR': str(self.work)}
        if 'CROSSOVER_PROPERTY_SECONDS' in os.environ:
            environment['CROSSOVER_TEST_SECONDS'] = os.environ['CROSSOVER_PROPERTY_SECONDS']
        lines = queue.Queue()
        workers = [Worker(i, self.program, left[i::count], environment, lines) for i in range(count) if left[i::count]]
        for worker in workers:
            worker.start()
        try:
            running = len(workers)
            while running:
                worker, line = lines.get()
                if line is None:
                    running -= 1
                    # One test case that has failed is 1; whatever else ended it has told no result.
                    self.failed |= worker.process.returncode not in (0, 1)
                else:
                    self.take(worker, line)
        finally:
            for worker in workers:
                worker.process.kill()
        return not self.failed

    def take(self, worker: Worker, line: str):
        if line.startswith('ended '):
            self.ended(json.loads(line.removeprefix('ended ')))
        elif not line.startswith('seed') or ' fails: ' in line:
            print(f'[{worker.number}] {line}', flush=True)

    def ended(self, result: dict):
        self.record.add(result, self.commit, time.strftime('%Y-%m-%d', time.gmtime()))
        record.write(self.path, self.record)
        first, last = map(int, result['seeds'].split('..'))
        self.done += last - first + 1
        self.failed |= bool(result['failed'])
        passed = self.record.passed(self.cases)
        rate = self.done / (time.monotonic() - self.began)
        print(f'seeds {result["seeds"]}: {record.outcome(result["failed"])}; {passed:,} of {self.cases:,} have passed, '
              f'{rate * 60:.0f} a minute, {minutes((self.cases - passed) / rate)} left', flush=True)


def main() -> int:
    program, path, cases = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    work = pathlib.Path(tempfile.gettempdir()) / f'crossover-property-{os.getuid()}'
    work.mkdir(mode=0o755, exist_ok=True)
    with open(work / 'lock', 'w', encoding='ascii') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("unable to check 'property': it is being checked already", file=sys.stderr)
            return 2
        clear(work)  # of what a run that was killed has left
        try:
            return 0 if Run(program, path, cases, work).run() else 1
        except KeyboardInterrupt:
            return 1
        finally:
            clear(work)


def clear(work: pathlib.Path):
    for entry in work.glob('crossover.*'):
        shutil.rmtree(entry, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
