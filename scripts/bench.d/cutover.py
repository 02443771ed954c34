"""The same cutover of the same live service by hand, by peers and by ours; PostgreSQL 15 to 17."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import time

import report
import workshop

TARGETS = ['bench_cutover']
ROUNDS = 3
RATE = 1450
EVENTS = 300_000
# Of the rate that was aimed at: what a machine holds.
HELD = 0.97
GAP_MS = 100.0
# Seconds that the service runs on after it.
AFTER = 3
# How long the service's connections take to move without a pooler, as those of a Route that is changed.
MOVING_MS = 1000
# Bytes of WAL by which a follower that has caught up is behind.
NEAR = 500_000
# Seconds between two looks of pgcopydb at what it was told.
ASKS_EVERY = 10
# For ever, at an outage: who waits longer than this gives up and lets the service go on where it was.
GIVE_UP = 60
CLIENTS = pathlib.Path('/usr/lib/postgresql/15/bin')
OWN = 'ours'

# Waits on the old server until a subscriber has applied everything that is committed when it is called.
APPLIED = """DO $$DECLARE wanted pg_lsn := pg_current_wal_lsn(); BEGIN
  FOR i IN 1..12000 LOOP
    IF (SELECT count(*) > 0 AND bool_and(replay_lsn >= wanted) FROM pg_stat_get_wal_senders() WHERE state = 'streaming')
    THEN RETURN; END IF;
    PERFORM pg_sleep(0.005);
  END LOOP;
  RAISE 'the subscriber does not catch up';
END$$;"""
SEQUENCES = ("SELECT format('SELECT setval(%L, %s)', format('%I.%I', schemaname, sequencename), last_value + {margin}) "
             "FROM pg_sequences WHERE last_value IS NOT NULL")


class GaveUp(Exception):
    """A contestant could not finish; the service goes on at the old database. The text says why."""


class Service:
    """bench_cutover: both servers, the pooler and the service's load, for one cutover."""

    def __init__(self, shop, wal_level: str):
        self.shop = shop
        self.process = subprocess.Popen([shop.program('bench_cutover'), str(EVENTS), wal_level], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.where = self.answer()
        self.environment = {**os.environ, 'PGPASSWORD': self.where['password'], 'LC_ALL': 'C'}

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise workshop.Failure(f'the service did not come up or died: {self.process.wait()}')
        told = json.loads(line)
        if 'error' in told:
            raise workshop.Failure(told['error'])
        return told

    def tell(self, *words) -> dict:
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def url(self, side: str, database: str = 'app') -> str:
        return f'postgresql://postgres@127.0.0.1:{self.where[side]}/{database}'

    def psql(self, side: str, database: str = 'app') -> str:
        return f"{CLIENTS}/psql -X -q -A -t -v ON_ERROR_STOP=1 -d '{self.url(side, database)}'"

    def shell(self, line: str, text: str = '') -> str:
        done = subprocess.run(['bash', '-o', 'pipefail', '-c', line], env=self.environment, input=text,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise GaveUp(f'a step failed: {done.stderr.strip()[-300:]}')
        return done.stdout.strip()

    def sql(self, side: str, text: str) -> str:
        return self.shell(self.psql(side), text)

    def pooler(self, *commands: str) -> None:
        """Its console takes one command at a time."""
        self.shell(self.psql('pooler', 'pgbouncer') + ''.join(f" -c '{command}'" for command in commands))

    def lead_pooler_to_new(self) -> None:
        folder = pathlib.Path(self.where['pooler_folder'])
        shutil.copyfile(folder / 'new.ini', folder / 'pgbouncer.ini')
        self.pooler('RELOAD')

    def settle(self) -> None:
        """Nobody's cutover begins with a set-up's dirty pages and missing statistics."""
        for side in ('old', 'new'):
            self.sql(side, 'ANALYZE; CHECKPOINT;')
        time.sleep(1)
        self.tell('mark')

    def copy_sequences(self, margin: int = 0) -> None:
        self.shell(f'{self.psql("old")} -c "{SEQUENCES.format(margin=margin)}" | {self.psql("new")}')

    def copy_by_dump(self) -> None:
        self.shell(f"{CLIENTS}/pg_dump --data-only -n public -d '{self.url('old')}' | {self.psql('new')}")


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
            service.sql('old', "ALTER ROLE app NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
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


def wait_until(what: str, ready, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise GaveUp(f'not within {seconds:.0f} s: {what}')
        time.sleep(0.05)


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


@contextlib.contextmanager
def service_of(shop, contestant: Contestant, rate: int):
    service = Service(shop, contestant.wal_level)
    try:
        service.tell('load', contestant.load, rate)
        time.sleep(2)
        yield service
    finally:
        service.close()


def one_cutover(shop, contestant: Contestant, rate: int) -> dict:
    """The figures of one cutover; 'gave_up' says why the service had to stay where it was."""
    gave_up = ''
    with service_of(shop, contestant, rate) as service:
        try:
            contestant.prepare(service)
            service.settle()
            contestant.cut_over(service)
        except GaveUp as error:
            gave_up = str(error)
        with contextlib.suppress(GaveUp):  # where the service is has been decided
            contestant.finish(service)
        time.sleep(AFTER)
        stays = gave_up or isinstance(contestant, Nothing)
        figures = service.tell('stop', 'old' if stays else 'new')
    return {**figures, 'gave_up': gave_up, 'phases': contestant.phases}


def held_rate(shop, wanted: int) -> int:
    """What the machine holds of it with all that ours has beside the service: pooler, capture, both servers."""
    with service_of(shop, Ours(), wanted) as service:
        service.tell('install')
        before = service.tell('count')['acknowledged']
        began = time.monotonic()
        time.sleep(AFTER)
        rate = (service.tell('count')['acknowledged'] - before) / (time.monotonic() - began)
    return held(wanted, rate)


def held(wanted: int, achieved: float) -> int:
    """A service that is always behind its schedule measures nothing but that: a tenth is left free."""
    return wanted if achieved >= HELD * wanted else max(50, int(0.9 * achieved) // 50 * 50)


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17', 'pgbouncer', 'pgcopydb')
    wanted = shop.rate or RATE
    rate = held_rate(shop, wanted)
    rounds = shop.rounds or ROUNDS
    runs = {name: [] for name in CONTESTANTS}
    names = list(CONTESTANTS)
    for turn in range(rounds):
        shop.say(f'cutover: round {turn + 1} of {rounds}, {rate} writes/s')
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            runs[name].append(one_cutover(shop, CONTESTANTS[name](), rate))
    yield table(runs, wanted, rate)


COLUMNS = (('lost', 'lost', 0), ('failed', 'failed', 0), ('longest gap ms', 'longest_gap_ms', 1),
           ('worst writer ms', 'worst_writer_ms', 1), ('wrong counters', 'wrong_counters', 0),
           ('40001 retried', 'retried', 0), ('writes/s', 'writes_per_second', 0))


def table(runs: dict, wanted: int, rate: int) -> report.Table:
    lines, notes = [], []
    for name, results in runs.items():
        finished = [result for result in results if not result['gave_up']]
        lines.append((name, *cells(finished or results, bool(finished))))
        notes += remarks(name, results)
    if rate != wanted:
        notes.insert(0, f'this machine does not hold {wanted} writes/s with both servers, pooler and capture on it')
    ours = runs[OWN]
    goals = [
        report.Goal('ours: lost writes, of all rounds', sum(run['lost'] + run['doubled'] for run in ours), 0),
        report.Goal('ours: failed writes, of all rounds', sum(run['failed'] for run in ours), 0),
        report.Goal('ours: wrong counters, of all rounds', sum(run['wrong_counters'] for run in ours), 0),
        report.Goal('ours: cutovers that did not happen', sum(bool(run['gave_up']) for run in ours), 0),
        report.Goal('ours: longest gap', statistics.median(run['longest_gap_ms'] for run in ours), GAP_MS, ' ms'),
        report.Goal('ours: worst writer', statistics.median(run['worst_writer_ms'] for run in ours), GAP_MS, ' ms'),
    ]
    return report.Table('cutover', f'cutover of a service with {rate} writes/s, PostgreSQL 15 to 17, median of '
                        f'{len(ours)}', ('', *(title for title, _, _ in COLUMNS)), lines, goals, notes,
                        raw={'runs': runs})


def cells(results: list, moved: bool) -> list:
    """Where the service had to stay there is nothing to be looked for in the new database."""
    return [f'{statistics.median(result[key] for result in results):.{digits}f}'
            if moved or key not in ('lost', 'wrong_counters') else '-' for _, key, digits in COLUMNS]


def remarks(name: str, results: list) -> list:
    """What the figures do not say."""
    said = []
    for result in results:
        if result['gave_up']:
            said.append(f'{name}: gave up: {result["gave_up"]}')
    for key, text in (('doubled', 'written twice'), ('missing_rows', 'older rows missing'),
                      ('in_doubt', 'failed and there all the same')):
        most = max(result[key] for result in results)
        if most:
            said.append(f'{name}: {most} {text}')
    failures = {}
    for result in results:
        for text, count in result['failures'].items():
            # Ports differ from round to round.
            text = re.sub(r"127\.0\.0\.1:\d+", 'HOST', text).strip()
            failures[text] = failures.get(text, 0) + count
    if failures:
        most = max(failures, key=failures.get)
        said.append(f'{name}: most failed with: {most}')
    return said
