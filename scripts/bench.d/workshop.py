"""What every row needs: release programs, a scratch folder, a sandbox, and runs that are measured."""

import base64
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import samples

SANDBOX_INSTANCE = 'bench'
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'crossover'
KUBECTL = CACHE / 'bin/kubectl'
# Where pgcopydb is, and the clients that it runs.
PGCOPYDB = CACHE / 'pgcopydb/bin'


class Failure(Exception):
    """Something could not be measured; the text says why."""


@dataclasses.dataclass
class Sample:
    seconds: float
    cpu_seconds: float
    peak_kib: int
    code: int


@dataclasses.dataclass
class Cluster:
    """The sandbox's API server, and the files with which a bare program can talk to it."""

    kubeconfig: str
    server: str
    ca: pathlib.Path
    certificate: pathlib.Path
    key: pathlib.Path


def median_ratio(these: list, those: list) -> float:
    """Of the pairs of one round each: what disturbs the machine for a while disturbs both."""
    return statistics.median(a / b for a, b in zip(these, those))


class Workshop:
    def __init__(self, root: pathlib.Path, build: pathlib.Path, given):
        self.root, self.folder = root, build
        self.rounds, self.rate, self.kinds, self.millions = given.rounds, given.rate, given.kinds, given.millions
        self.samples = samples.Samples(given.samples)
        self.scratch = None
        self.environment = {**os.environ, 'LC_ALL': 'C', 'CROSSOVER_SANDBOX_NAME':
                            os.environ.get('CROSSOVER_SANDBOX_NAME', SANDBOX_INSTANCE)}
        self.cluster_ = None
        self.was_up = True

    def __enter__(self):
        self.scratch_ = tempfile.TemporaryDirectory(prefix='crossover-bench-')
        self.scratch = pathlib.Path(self.scratch_.name)
        return self

    def __exit__(self, *_):
        if not self.was_up:
            self.sandbox('down', '--purge')
        self.scratch_.cleanup()

    def turns(self, enough: int) -> int:
        """How many rounds to measure."""
        return enough if self.rounds is None else self.rounds

    def say(self, text: str) -> None:
        print(f'bench: {text}', file=sys.stderr, flush=True)

    def build(self, targets: list) -> None:
        """Timings of a debug build are worthless."""
        self.say('building for release')
        self.prepare(str(self.root / 'scripts/install-packages'), 'build', 'sandbox', 'test')
        self.prepare('cmake', '--preset', 'release', '-B', str(self.folder), '-DCROSSOVER_TESTS=ON')
        self.prepare('cmake', '--build', str(self.folder), '-j2', '--target', 'bench_child', *dict.fromkeys(targets))

    def prepare(self, *command: str) -> None:
        environment = {**self.environment, 'CCACHE_BASEDIR': str(self.root), 'CCACHE_NOHASHDIR': '1'}
        done = subprocess.run(command, cwd=self.root, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise Failure(f"'{' '.join(command)}' failed:\n{done.stdout[-4000:]}")

    def program(self, name: str) -> str:
        for path in (self.folder / 'tasks' / name / name, self.folder / 'tests/bench' / name):
            if path.exists():
                return str(path)
        raise Failure(f"no program '{name}' in {self.folder}")

    def run(self, command, output=os.devnull, folder=None, codes=(0,), **environment) -> Sample:
        """One run of a program, measured by a launcher that is smaller than anything measured."""
        done = subprocess.run([self.program('bench_child'), str(output), *map(str, command)], cwd=folder,
                              env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        try:
            sample = Sample(**json.loads(done.stdout))
        except ValueError:
            raise Failure(f"'{command[0]}': {done.stderr[-2000:]}") from None
        if sample.code not in codes:
            raise Failure(f"'{' '.join(map(str, command))}' ended with {sample.code}: {done.stderr[-2000:]}")
        return sample

    def sandbox(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([str(self.root / 'scripts/sandbox'), *arguments], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def cluster(self) -> Cluster:
        if self.cluster_:
            return self.cluster_
        self.was_up = self.sandbox('status').returncode == 0
        self.say('bringing up the sandbox')
        up = self.sandbox('up', '--level', 'control-plane')
        if up.returncode:
            raise Failure(f'the sandbox did not come up: {up.stderr[-2000:]}')
        kubeconfig = self.sandbox('kubeconfig').stdout.strip()
        view = subprocess.run([str(KUBECTL), '--kubeconfig', kubeconfig, 'config', 'view', '--raw', '--minify',
                               '-o', 'json'], capture_output=True, text=True, check=True).stdout
        config = json.loads(view)
        cluster, user = config['clusters'][0]['cluster'], config['users'][0]['user']
        files = {}
        for name, text in (('ca', cluster['certificate-authority-data']),
                           ('certificate', user['client-certificate-data']), ('key', user['client-key-data'])):
            files[name] = self.scratch / f'{name}.pem'
            files[name].touch(mode=0o600)
            files[name].write_bytes(base64.b64decode(text))
        self.cluster_ = Cluster(kubeconfig, cluster['server'], **files)
        return self.cluster_

    def kubectl(self, *arguments: str, text: str = '') -> str:
        done = subprocess.run([str(KUBECTL), '--kubeconfig', self.cluster().kubeconfig, *arguments], input=text,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"'kubectl {' '.join(arguments)}' failed: {done.stderr[-2000:]}")
        return done.stdout
