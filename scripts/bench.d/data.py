"""Copying a database into a schema that has its keys, beside what a user would pick instead; PostgreSQL 15 and 17."""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import time

import report
import workshop

TARGETS = ['bench_servers', 'data-sync']
ROUNDS = 5
ACCOUNTS, DOCUMENTS = 3_000_000, 600_000
TABLES = ('branch', 'account', 'document')
CLIENTS = pathlib.Path('/usr/lib/postgresql/15/bin')
# Of the best pipe's speed; the peers; MiB.
BEST_PIPE, PEER, MEMORY = 0.95, 1.0, 64

DATABASE = ('{{host: 127.0.0.1, port: {port}, database: app, tls: {{mode: disable}}, '
            'credentials: {{user: postgres, passwordEnv: BENCH_PASSWORD}}}}')
CONFIG = """name: bench
approval: none
databases:
  old: {old}
  new: {new}
sync:
  workers: {workers}
  answers: {{listen: none, advisoryLocks: none, temporaryTables: none, workers: none}}
"""


class Databases:
    """Both servers, for as long as they are measured."""

    def __init__(self, shop):
        self.shop = shop
        self.process = subprocess.Popen([shop.program('bench_servers'), str(ACCOUNTS), str(DOCUMENTS)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise workshop.Failure(f'the servers did not come up: {self.process.wait()}')
        self.where = json.loads(line)
        # Of the peers the target's session fires neither triggers nor foreign keys, as ours does not.
        self.environment = {**os.environ, 'PGPASSWORD': self.where['password'], 'LC_ALL': 'C',
                            'BENCH_PASSWORD': self.where['password']}

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def url(self, side: str) -> str:
        options = '?options=-c%20session_replication_role%3Dreplica' if side == 'new' else ''
        return f'postgresql://postgres@127.0.0.1:{self.where[side]}/app{options}'

    def sql(self, side: str, text: str) -> str:
        done = subprocess.run([CLIENTS / 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', self.url(side),
                               '-c', text], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise workshop.Failure(f'psql: {done.stderr}')
        return done.stdout.strip()

    def fresh(self) -> None:
        self.sql('new', f'TRUNCATE {", ".join(TABLES)}')
        for side in ('old', 'new'):
            self.sql(side, 'CHECKPOINT')

    def counts(self, side: str) -> str:
        return self.sql(side, 'SELECT ' + ' || \' \' || '.join(f'(SELECT count(*) FROM {t})' for t in TABLES))


@contextlib.contextmanager
def databases(shop):
    both = Databases(shop)
    try:
        yield both
    finally:
        both.close()


def pipe(both: Databases, lines: list) -> float:
    """Runs shell lines at once; seconds until the last has ended."""
    began = time.monotonic()
    running = [subprocess.Popen(['bash', '-o', 'pipefail', '-c', line], env=both.environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for line in lines]
    for process in running:
        errors = process.communicate()[1]
        if process.returncode:
            raise workshop.Failure(f'a peer failed: {errors[-500:]}')
    return time.monotonic() - began


def copy_line(both: Databases, table: str, form: str) -> str:
    psql = f'{CLIENTS}/psql -X -q -v ON_ERROR_STOP=1 -d'
    return (f"{psql} '{both.url('old')}' -c 'COPY {table} TO STDOUT (FORMAT {form})' | "
            f"{psql} '{both.url('new')}' -c 'COPY {table} FROM STDIN (FORMAT {form})'")


def one_by_one(form: str):
    return lambda both: pipe(both, [' && '.join(copy_line(both, table, form) for table in TABLES)])


def two_at_once(form: str):
    return lambda both: pipe(both, [
        f"{copy_line(both, 'branch', form)} && {copy_line(both, 'account', form)}", copy_line(both, 'document', form)])


def pg_dump(both: Databases) -> float:
    return pipe(both, [f"{CLIENTS}/pg_dump --data-only -d '{both.url('old')}' | "
                       f"{CLIENTS}/psql -X -q -v ON_ERROR_STOP=1 -d '{both.url('new')}'"])


def configuration(both: Databases, workers: int) -> str:
    """crossover.yaml for these databases."""
    return CONFIG.format(workers=workers, old=DATABASE.format(port=both.where['old']),
                         new=DATABASE.format(port=both.where['new']))


def pgcopydb(shop, jobs: int):
    """Only the data, into the schema that is there, as everybody here.

    It empties each table by a TRUNCATE of its own, which PostgreSQL refuses for one that a foreign key references:
    `branch` with its 50 rows, which a pipe copies for it.
    """
    folder = shop.scratch / 'pgcopydb'
    filters = shop.scratch / 'pgcopydb.ini'
    filters.write_text('[include-only-table]\n' + ''.join(f'public.{table}\n' for table in TABLES if table != 'branch'))
    return lambda both: pipe(both, [
        f"{copy_line(both, 'branch', 'binary')} && PATH={workshop.PGCOPYDB}:$PATH pgcopydb copy table-data --source "
        f"'{both.url('old')}' --target '{both.url('new')}' --dir {folder} --filters {filters} --table-jobs {jobs} "
        "--use-copy-binary --restart"])


class Ours:
    def __init__(self, shop, workers: int):
        self.shop, self.workers, self.peaks = shop, workers, []

    def __call__(self, both: Databases) -> float:
        folder = self.shop.scratch / f'ours-{self.workers}'
        folder.mkdir(exist_ok=True)
        (folder / 'crossover.yaml').write_text(configuration(both, self.workers))
        result = folder / 'result.json'
        try:
            sample = self.shop.run((self.shop.program('data-sync'), 'start', '--log-level', 'warning'), output=result,
                                   folder=folder, BENCH_PASSWORD=both.where['password'])
        finally:
            self.shop.run((self.shop.program('data-sync'), 'abort', '--evidence-file', 'evidence.json'),
                          folder=folder, codes=(0, 1, 3), BENCH_PASSWORD=both.where['password'])
        self.peaks.append(sample.peak_kib)
        return json.loads(result.read_text())['metrics']['copy_seconds']


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17', 'pgcopydb')
    shop.say(f'data: {ACCOUNTS:,} accounts and {DOCUMENTS:,} documents')
    ours = [Ours(shop, 1), Ours(shop, 2)]
    contestants = {
        'data-sync, 1 worker': ours[0],
        'data-sync, 2 workers': ours[1],
        'COPY pipe, binary, one by one': one_by_one('binary'),
        'COPY pipe, binary, two at once': two_at_once('binary'),
        'COPY pipe, text, two at once': two_at_once('text'),
        'pg_dump | psql': pg_dump,
        'pgcopydb, binary, 1 job': pgcopydb(shop, 1),
        'pgcopydb, binary, 2 jobs': pgcopydb(shop, 2),
    }
    seconds = {name: [] for name in contestants}
    with databases(shop) as both:
        wanted = both.counts('old')
        megabytes = int(both.sql('old', 'SELECT sum(pg_table_size(c)) / 1048576 FROM unnest(ARRAY[' + ', '.join(
            f"'{table}'::regclass" for table in TABLES) + ']) c').split('.')[0])
        names = list(contestants)
        for turn in range(shop.rounds or ROUNDS):
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                both.fresh()
                seconds[name].append(contestants[name](both))
                if both.counts('new') != wanted:
                    raise workshop.Failure(f'{name}: the target has {both.counts("new")} rows, not {wanted}')
    yield table(seconds, ours, megabytes)


def table(seconds: dict, ours: list, megabytes: int) -> report.Table:
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    pipes = {name: value for name, value in middle.items() if name.startswith('COPY')}
    best_pipe = min(pipes, key=pipes.get)
    best_pgcopydb = min((name for name in middle if name.startswith('pgcopydb')), key=middle.get)
    best_ours = min((name for name in middle if name.startswith('data-sync')), key=middle.get)
    lines = [(name, f'{middle[name]:.2f}', f'{min(values):.2f}', f'{max(values):.2f}',
              f'{megabytes / middle[name]:.0f}', f'{middle[best_pipe] / middle[name]:.2f}')
             for name, values in seconds.items()]
    peak = max(peak for contestant in ours for peak in contestant.peaks) / 1024
    goals = [
        report.Goal('speed beside the best pipe', workshop.median_ratio(seconds[best_pipe], seconds[best_ours]),
                    BEST_PIPE, at_least=True),
        report.Goal('speed beside pg_dump | psql', workshop.median_ratio(seconds['pg_dump | psql'], seconds[best_ours]),
                    PEER, at_least=True),
        report.Goal('speed beside pgcopydb', workshop.median_ratio(seconds[best_pgcopydb], seconds[best_ours]), PEER,
                    at_least=True),
        report.Goal('peak memory', peak, MEMORY, ' MiB'),
    ]
    notes = [f'the best pipe is: {best_pipe}; ours: {best_ours}']
    return report.Table('data', f'copy of {megabytes:,} MB, keys kept, session_replication_role = replica',
                        ('', 's', 'min', 'max', 'MB/s', 'best pipe / it'), lines, goals, notes,
                        raw={'seconds': seconds, 'peaks_kib': [contestant.peaks for contestant in ours]})
