"""The program behind scripts/test; see there."""

import argparse
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

import commands
import counts
import suites

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'crossover'


class Run:
    """One run: what was prepared, what was counted, what must be taken down again."""

    def __init__(self, build: pathlib.Path):
        self.build = build
        self.logs = build / 'logs'
        self.logs.mkdir(parents=True, exist_ok=True)
        self.preparations = suites.preparations(ROOT, build)
        self.prepared = {}
        self.total = counts.Count()
        # The same sources in another folder (each clone of CI is one) are found in the compiler's cache.
        self.environment = {'CCACHE_BASEDIR': str(ROOT), 'CCACHE_NOHASHDIR': '1'}

    def command(self, part, environment=None) -> commands.Outcome:
        return commands.run(part.command, self.logs / f'{part.name}.log', part.minutes * 60,
                            {**self.environment, **part.environment, **(environment or {})}, ROOT)

    def prepare(self, name: str) -> bool:
        if name not in self.prepared:
            outcome = self.command(self.preparations[name])
            self.prepared[name] = outcome.code == 0
            say(name, outcome.seconds, 'done' if outcome.code == 0 else 'FAILED')
            if outcome.code != 0:
                show(counts.tail(outcome.output))
        return self.prepared[name]

    def suite(self, suite) -> None:
        if suite.folders and not any(folder.is_dir() for folder in suite.folders):
            say(suite.name, 0, 'not there')
            return
        missing = [name for name in suite.needs if not self.prepare(name)]
        if missing:
            self.add(suite.name, 0, counts.Count(0, 1, f'not run: {missing[0]} failed\n'))
            return
        began = time.monotonic()
        if suite.sandbox:
            with Sandbox(self, suite.sandbox) as kubeconfig:
                count = self.parts(suite, {'CROSSOVER_TEST_KUBECONFIG': kubeconfig}) if kubeconfig \
                    else counts.Count(0, 1, 'not run: the sandbox did not come up\n')
        else:
            count = self.parts(suite, {})
        if count.passed + count.failed == 0:
            count = counts.Count(0, 1, 'no test was run\n')
        self.add(suite.name, time.monotonic() - began, count)

    def parts(self, suite, environment) -> counts.Count:
        total = counts.Count()
        for part in suite.parts:
            outcome = self.command(part, environment)
            count = counts.COUNTERS[part.counter](outcome.output, outcome.code, part.environment)
            if outcome.late:
                count += counts.Count(0, 1, f'{part.name}: ended, over its budget of {part.minutes:g} minutes\n')
            total += count
        return total

    def add(self, name: str, seconds: float, count: counts.Count) -> None:
        self.total += count
        say(name, seconds, f'{count.passed} passed, {count.failed} failed')
        if count.failed:
            show(count.output or 'no output')


class Sandbox:
    """An instance of our own. One that was up before stays up; two runs do not use it at the same time."""

    def __init__(self, run: Run, level: str):
        self.run, self.level = run, level
        self.script = str(ROOT / 'scripts/sandbox')
        self.environment = {'CROSSOVER_SANDBOX_NAME': suites.SANDBOX_INSTANCE}
        self.was_up = False

    def __enter__(self) -> str:
        CACHE.mkdir(parents=True, exist_ok=True)
        self.lock = open(CACHE / 'test.lock', 'w')
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.was_up = self.run.command(self.part('sandbox', 1, 'status'), self.environment).code == 0
        outcome = self.run.command(self.part('sandbox', 15, 'up', '--level', self.level), self.environment)
        say('sandbox', outcome.seconds, 'done' if outcome.code == 0 else 'FAILED')
        if outcome.code != 0:
            show(counts.tail(outcome.output))
            return ''
        return subprocess.run([self.script, 'kubeconfig'], check=True, capture_output=True, text=True,
                              env={**os.environ, **self.environment}).stdout.strip()

    def __exit__(self, *_) -> None:
        if not self.was_up:
            self.run.command(self.part('sandbox', 2, 'down', '--purge'), self.environment)
        self.lock.close()

    def part(self, name: str, minutes: float, *arguments: str):
        return suites.Part(name, minutes, (self.script, *arguments))


def say(name: str, seconds: float, text: str) -> None:
    print(f'{name:<14}{seconds:7.1f} s  {text}', flush=True)


def show(output: str) -> None:
    for line in output.rstrip().splitlines():
        print(f'    {line}', flush=True)


def interrupted(number, _frame):
    # As an exception it passes every `finally` and `with`, which take down what was brought up.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog='scripts/test', description='Builds, runs the suites, ends with the counts.')
    names = [suite.name for suite in suites.suites(ROOT, ROOT)]
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build/debug', help='default: build/debug')
    parser.add_argument('suite', nargs='*', help=' '.join(names))
    arguments = parser.parse_args()
    for name in arguments.suite:
        if name not in names:
            parser.error(f"unable to run '{name}': the suites are {' '.join(names)}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, interrupted)
    began = time.monotonic()
    run = Run(arguments.build.resolve())
    for log in run.logs.glob('*.log'):
        log.unlink()
    try:
        for suite in suites.suites(ROOT, run.build):
            if suite.name in arguments.suite or not (arguments.suite or suite.by_name):
                run.suite(suite)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 130
    say('all', time.monotonic() - began, f'logs in {run.logs}')
    print(f'{run.total.passed} passed, {run.total.failed} failed', flush=True)
    return 1 if run.total.failed else 0


if __name__ == '__main__':
    sys.exit(main())
