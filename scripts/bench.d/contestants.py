"""The ways of cutting a live service over that are measured beside each other."""

import json
import os
import random
import shutil
import subprocess
import time

import workshop
from live_service import APPLIED, GaveUp, Service, wait_until

# How long the service's connections take to move without a pooler, as those of a Route that is changed.
MOVING_MS = 1000
# Bytes of WAL by which a follower that has caught up is behind.
NEAR = 500_000
# Seconds between two looks of pgcopydb at what it was told.
ASKS_EVERY = 10
# Who would have the service wait longer than this gives up and lets it go on where it was.
GIVE_UP = 60
OWN = 'ours'


class Contestant:
    """One way of cutting over. `load` is how the service reaches its database."""

    wal_level = 'logical'
    load = 'direct'
    # Of a switch of ours: what its pause was spent on.
    phases = None

    def prepare(self, service: Service) -> None:
        """Under load, before the cutover."""

    def cut_over(self, service: Service) -> None:
        """From the first step that the service could notice to where it has moved."""

    def finish(self, service: Service) -> None:
        """After it, also when it failed."""


class Nothing(Contestant):
    wal_level, load = 'replica', 'pooled'


class Plan(Contestant):
    """The plan that the project started from: a dump of the data while the service runs, then the Route."""

    wal_level = 'replica'

    def cut_over(self, service):
        service.copy_by_dump()
        service.tell('repoint', 'new', MOVING_MS)


class PlanStopped(Plan):
    """The same with the service stopped first, and started again at the new database."""

    def cut_over(self, service):
        service.tell('down')
        time.sleep(0.1)  # what runs ends
        service.copy_by_dump()
        service.tell('repoint', 'new', 0)
        service.tell('up')


class Logical(Contestant):
    """Publication and subscription; the old database stays open while the service's connections move."""

    def prepare(self, service):
        service.sql('old', 'CREATE PUBLICATION bench FOR TABLE public.counter, public.event')
        source = f'host=127.0.0.1 port={service.where["old"]} dbname=app user=postgres password='
        service.sql('new', f"CREATE SUBSCRIPTION bench CONNECTION '{source}{service.where['password']}' "
                           "PUBLICATION bench")
        wait_until('the subscription has copied', lambda: service.sql(
            'new', "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'") == '0')
        service.sql('old', APPLIED)

    def cut_over(self, service):
        service.sql('old', APPLIED)
        service.copy_sequences(margin=100_000)
        service.tell('repoint', 'new', MOVING_MS)

    def finish(self, service):
        time.sleep(MOVING_MS / 1000)
        service.sql('old', APPLIED)
        service.sql('new', 'DROP SUBSCRIPTION bench')


class LogicalForgetful(Logical):
    """The same by somebody who did not know that sequences are not replicated."""

    def cut_over(self, service):
        service.sql('old', APPLIED)
        service.tell('repoint', 'new', MOVING_MS)


class LogicalClosed(Logical):
    """A careful person without a pooler: the old database lets the service's role in no more, then it moves."""

    def cut_over(self, service):
        try:
            service.sql('old', "ALTER ROLE app NOLOGIN; SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                               f"WHERE usename = 'app'; {APPLIED}")
            service.copy_sequences()
        except GaveUp:
            service.sql('old', 'ALTER ROLE app LOGIN')
            raise
        service.tell('repoint', 'new', MOVING_MS)


class LogicalPooled(Logical):
    """The best that can be done with it by hand: PgBouncer holds the service's transactions back meanwhile."""

    load = 'pooled'

    def cut_over(self, service):
        service.pooler('PAUSE app')
        try:
            service.sql('old', APPLIED)
            service.copy_sequences()
            service.lead_pooler_to_new()
        finally:
            service.pooler('RESUME app')


class Pgcopydb(Contestant):
    """pgcopydb clone --follow, with PgBouncer as above; it makes schema and indexes itself."""

    load = 'pooled'
    decoder = 'test_decoding'

    def __init__(self):
        self.process = None

    def prepare(self, service):
        self.folder = service.shop.scratch / 'pgcopydb'
        shutil.rmtree(self.folder, ignore_errors=True)
        self.log = service.shop.scratch / 'pgcopydb.log'
        self.environment = {**service.environment, 'PATH': f'{workshop.PGCOPYDB}:{os.environ["PATH"]}',
                            'PGCOPYDB_SOURCE_PGURI': service.url('old'), 'PGCOPYDB_TARGET_PGURI': service.url('new')}
        service.sql('new', 'DROP SCHEMA public CASCADE; CREATE SCHEMA public')
        with open(self.log, 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                [workshop.PGCOPYDB / 'pgcopydb', 'clone', '--follow', '--plugin', self.decoder, '--table-jobs', '2',
                 '--index-jobs', '2', '--dir', self.folder], env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        # It copies first, then applies what it had fetched meanwhile, and only then follows.
        wait_until('pgcopydb follows', self.follows, 3 * GIVE_UP)
        wait_until('pgcopydb has caught up', lambda: self.lag(service) < NEAR, GIVE_UP)
        # It asks for its end position every ten seconds, and nobody can tell where in them it is.
        time.sleep(random.uniform(0, ASKS_EVERY))

    def follows(self) -> bool:
        self.require_running()
        return 'follower in replay mode' in self.log.read_text(encoding='utf-8', errors='replace')

    def lag(self, service) -> int:
        """Bytes of WAL that are not applied yet."""
        self.require_running()
        applied = json.loads(self.pgcopydb('stream', 'sentinel', 'get', '--json'))['replay_lsn']
        return int(service.sql('old', f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{applied}')::bigint"))

    def pgcopydb(self, *arguments: str) -> str:
        done = subprocess.run([workshop.PGCOPYDB / 'pgcopydb', *arguments, '--dir', self.folder], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GaveUp(f"'pgcopydb {' '.join(arguments)}' failed: {done.stderr[-300:]}")
        return done.stdout

    def require_running(self) -> None:
        if self.process.poll() is not None:
            raise GaveUp(f'pgcopydb ended with {self.process.returncode}: {self.first_error()}')

    def first_error(self) -> str:
        lines = self.log.read_text(encoding='utf-8', errors='replace').splitlines()
        return next((line for line in lines if ' ERROR ' in line), lines[-1] if lines else '')[-300:]

    def cut_over(self, service):
        service.pooler('PAUSE app')
        try:
            self.pgcopydb('stream', 'sentinel', 'set', 'endpos', '--current')
            wait_until('pgcopydb has reached the end position', lambda: self.ended(service), GIVE_UP)
            service.lead_pooler_to_new()
        finally:
            service.pooler('RESUME app')

    def ended(self, service) -> bool:
        """It does not see its end position as long as nothing is written after it, so something is."""
        service.sql('old', 'SELECT txid_current()')
        if self.process.poll():
            self.require_running()
        return self.process.returncode == 0

    def finish(self, service):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, 15)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait()


class Ours(Contestant):
    wal_level, load = 'replica', 'pooled'

    def prepare(self, service):
        service.tell('install')

    def cut_over(self, service):
        try:
            self.phases = service.tell('switch')
        except workshop.Failure as failure:  # a switch that fails leaves the service running where it did
            raise GaveUp(str(failure)) from None


CONTESTANTS = {
    'no cutover at all': Nothing,
    'plan by hand': Plan,
    'plan by hand, service stopped': PlanStopped,
    'logical replication, no sequences': LogicalForgetful,
    'logical replication, old left open': Logical,
    'logical replication, old closed': LogicalClosed,
    'logical replication, PgBouncer': LogicalPooled,
    'pgcopydb follow, PgBouncer': Pgcopydb,
    OWN: Ours,
}
