"""The sandbox and, in it, the registry as it was before the migration."""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

import programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'crossover'
SCRIPTS = ROOT / 'scripts'
FIXTURE = ROOT / 'tests/fixtures/registry'
NAMESPACE, TOOLS_NAMESPACE, HOST = 'registry', 'registry-tools', 'registry.example'
TEMPORARY_LABEL = 'app=platsrv-registry-flyway'
DATABASES = {'old': 'registry-patroni', 'new': 'registry-patroni-flyway'}
POOLER = 'registry-pooler'


class Commands:
    """Programs of the set-up. Those of one part have their output in one log; several parts may run at a time."""

    def __init__(self, folder: pathlib.Path, part: str = 'set-up', running=None):
        self.folder, self.log = folder, folder / f'{part}.log'
        # Of all parts.
        self.running = Running() if running is None else running

    def of(self, part: str) -> 'Commands':
        return Commands(self.folder, part, self.running)

    def run(self, *command, environment=None) -> None:
        with open(self.log, 'ab') as out:
            code = self.running.run([str(word) for word in command], out, {**os.environ, **(environment or {})})
        if code != 0:
            last = self.log.read_text(encoding='utf-8', errors='replace').rstrip().splitlines()[-15:]
            raise RuntimeError('\n'.join([f"unable to run '{' '.join(map(str, command))}': exit {code}", *last,
                                          f'log: {self.log}']))


class Stopped(Exception):
    """A program of the set-up that was ended because of something else."""


class Running:
    """The programs that run at the moment, so that they can be ended from another thread."""

    def __init__(self):
        self.mutex, self.processes, self.stopped = threading.Lock(), set(), False

    def run(self, command: list, out, environment: dict) -> int:
        """Waits for its end and returns its exit code. Throws Stopped when it was ended by `stop`."""
        with self.mutex:
            if self.stopped:
                raise Stopped
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT,
                                       env=environment, start_new_session=True)
            self.processes.add(process)
        try:
            code = process.wait()
        finally:
            programs.end(process)  # for an interrupt of the wait
            with self.mutex:
                self.processes.discard(process)
        if self.stopped and code != 0:
            raise Stopped
        return code

    def stop(self) -> None:
        """Ends them all, and lets no other begin."""
        with self.mutex:
            self.stopped = True
            left = list(self.processes)
        for process in left:
            programs.end(process)


class Sandbox:
    def __init__(self, commands: Commands):
        self.commands, self.script = commands, str(SCRIPTS / 'sandbox')
        self.kubectl = str(CACHE / 'bin/kubectl')
        self.was_up = subprocess.run([self.script, 'status'], capture_output=True, check=False).returncode == 0

    def up(self) -> None:
        self.commands.run(self.script, 'up')

    def load(self, image: pathlib.Path) -> None:
        self.commands.run(self.script, 'load-image', image)

    def down(self, commands: Commands) -> None:
        commands.run(self.script, 'down', '--purge')

    @property
    def kubeconfig(self) -> str:
        return subprocess.run([self.script, 'kubeconfig'], check=True, capture_output=True, text=True).stdout.strip()

    def command(self, *arguments) -> list:
        return [self.kubectl, '--kubeconfig', self.kubeconfig, *arguments]

    def get(self, *arguments) -> str:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"unable to run 'kubectl {' '.join(arguments)}': {done.stderr.strip()}")
        return done.stdout

    def node_address(self) -> str:
        node = json.loads(self.get('get', 'nodes', '-o', 'json'))['items'][0]
        return next(found['address'] for found in node['status']['addresses'] if found['type'] == 'InternalIP')


class Registry:
    """The service, and direct access to its databases for the check."""

    def __init__(self, sandbox: Sandbox, commands: Commands, work: pathlib.Path):
        self.sandbox, self.commands, self.work = sandbox, commands, work

    def fresh(self) -> None:
        """As before the migration, whatever an earlier run has left."""
        if self.sandbox.get('get', 'namespace', NAMESPACE, '--ignore-not-found'):
            self.commands.run(str(FIXTURE / 'setup/down'), self.sandbox.kubeconfig)
        self.commands.run(str(FIXTURE / 'setup/up'), self.sandbox.kubeconfig)
        self.make_pooler_certificate()

    def make_pooler_certificate(self) -> None:
        """What a team's certificate authority would issue: the API checks the pooler's name."""
        domain = f'{POOLER}.{NAMESPACE}'
        with tempfile.TemporaryDirectory() as folder:
            self.commands.run(self.sandbox.script, 'cert', folder, POOLER, POOLER, domain, f'{domain}.svc')
            secret = self.sandbox.get(
                '--namespace', NAMESPACE, 'create', 'secret', 'generic', f'{POOLER}-tls', '--dry-run=client', '-o',
                'json', *(f'--from-file={folder}/{name}' for name in ('tls.crt', 'tls.key', 'ca.crt')))
        made = json.loads(secret)
        key, value = TEMPORARY_LABEL.split('=')
        made['metadata']['labels'] = {key: value}
        subprocess.run(self.sandbox.command('create', '-f', '-'), input=json.dumps(made), text=True, check=True,
                       capture_output=True)

    def configuration(self) -> pathlib.Path:
        """crossover.yaml with this instance's address of the router. Its paths are relative, so its folder is the
        work folder, where links lead to what it names."""
        for name in ('openshift', 'chart', 'manifests'):
            link = self.work / name
            if not link.is_symlink():
                link.symlink_to(FIXTURE / name)
        text = (FIXTURE / 'crossover.yaml').read_text(encoding='utf-8')
        target = self.work / 'crossover.yaml'
        target.write_text(text.replace('10.99.0.2', self.sandbox.node_address()), encoding='utf-8')
        return target

    @contextlib.contextmanager
    def forwarded(self, side: str):
        """The port on 127.0.0.1 that leads to a database's leader."""
        command = self.sandbox.command('--namespace', NAMESPACE, 'port-forward', f'service/{DATABASES[side]}', ':5432')
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            line = process.stdout.readline()
            found = re.search(r'127\.0\.0\.1:(\d+)', line)
            if not found:
                process.terminate()
                raise RuntimeError(f"unable to reach '{DATABASES[side]}': {process.stderr.read().strip()}")
            yield int(found[1])
        finally:
            process.terminate()
            process.wait()

    def check(self, side: str, journal: pathlib.Path) -> dict:
        """What registry-check finds in that database."""
        secret = json.loads(self.sandbox.get('--namespace', NAMESPACE, 'get', 'secret', 'registry-patroni-creds', '-o',
                                             'json'))
        password = base64.b64decode(secret['data']['superuser-password']).decode()
        output = self.work / f'check-{side}.json'
        with self.forwarded(side) as port:
            done = subprocess.run(
                [str(CACHE / 'bin/registry-check'), '--dsn', f'host=localhost port={port} dbname=registry user=postgres',
                 '--journal', str(journal), '--json', str(output)],
                env={**os.environ, 'PGPASSWORD': password, 'PGSSLMODE': 'verify-full',
                     'PGSSLROOTCERT': str(self.authority())},
                capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(f'unable to check the {side} database: {done.stderr.strip()}')
        return json.loads(output.read_text(encoding='utf-8'))

    def authority(self) -> pathlib.Path:
        secret = json.loads(self.sandbox.get('--namespace', NAMESPACE, 'get', 'secret', 'registry-patroni-tls', '-o',
                                             'json'))
        path = self.work / 'ca.crt'
        path.write_bytes(base64.b64decode(secret['data']['ca.crt']))
        return path

    def hook_phase(self, config: str) -> str:
        """The phase of the pre-hook's pod of a DeploymentConfig's newest version; empty when there is none."""
        version = json.loads(self.sandbox.get('--namespace', NAMESPACE, 'get', 'deploymentconfig', config, '-o',
                                              'json'))['status']['latestVersion']
        return self.sandbox.get('--namespace', NAMESPACE, 'get', 'pod', f'{config}-{version}-hook-pre',
                                '--ignore-not-found', '-o', 'jsonpath={.status.phase}')

    def leftovers(self) -> list:
        """What still bears the temporary label, of all kinds; volumes' claims may stay (cleanup.keepVolumes)."""
        kinds = self.sandbox.get('api-resources', '--namespaced', '--verbs=list', '-o', 'name').split()
        kinds = [kind for kind in kinds if not kind.startswith(('events', 'persistentvolumeclaims'))]
        found = self.sandbox.get('--namespace', NAMESPACE, 'get', ','.join(kinds), '-l', TEMPORARY_LABEL, '-o', 'name',
                                 '--ignore-not-found')
        return found.split()


def fresh_folder(folder: pathlib.Path) -> pathlib.Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
