"""Two servers with the same schema, PostgreSQL 15 with rows and 17 without, and how they are reached."""

import contextlib
import json
import os
import pathlib
import subprocess
import time

import workshop

CLIENTS = pathlib.Path('/usr/lib/postgresql/15/bin')
PSQL = f'{CLIENTS}/psql -X -q -A -t -v ON_ERROR_STOP=1'
DATABASE = ('{{host: 127.0.0.1, port: {port}, database: app, tls: {{mode: disable}}, '
            'credentials: {{user: postgres, passwordEnv: BENCH_PASSWORD}}}}')
CONFIG = """name: {name}
approval: none
databases:
  old: {old}
  new: {new}
sync:
  workers: {workers}
  logRetention: {retention}
  answers: {{listen: none, advisoryLocks: none, temporaryTables: none, workers: none}}
"""


def configuration(where: dict, workers: int = 2, name: str = 'bench', retention: str = '10m') -> str:
    """crossover.yaml for databases at these ports."""
    return CONFIG.format(name=name, workers=workers, retention=retention, old=DATABASE.format(port=where['old']),
                         new=DATABASE.format(port=where['new']))


class Databases:
    """Both servers, for as long as they are measured."""

    def __init__(self, shop, kind: str, rows: int):
        self.shop, self.rows = shop, rows
        self.process = subprocess.Popen([shop.program('bench_servers'), kind, str(rows)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise workshop.Failure(f'the servers did not come up: {self.process.wait()}')
        self.where = json.loads(line)
        # The first is referenced by others, the second is the largest.
        self.tables = self.where['tables']
        # Of the peers the target's session fires neither triggers nor foreign keys, as ours does not.
        self.environment = {**os.environ, 'PGPASSWORD': self.where['password'], 'LC_ALL': 'C',
                            'BENCH_PASSWORD': self.where['password']}

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=120)

    def url(self, side: str) -> str:
        options = '?options=-c%20session_replication_role%3Dreplica' if side == 'new' else ''
        return f'postgresql://postgres@127.0.0.1:{self.where[side]}/app{options}'

    def psql(self, side: str) -> str:
        return f"{PSQL} -d '{self.url(side)}'"

    def sql(self, side: str, text: str) -> str:
        done = subprocess.run([*PSQL.split(), '-d', self.url(side), '-c', text], env=self.environment,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise workshop.Failure(f'psql: {done.stderr}')
        return done.stdout.strip()

    def fresh(self) -> None:
        self.sql('new', f'TRUNCATE {", ".join(self.tables)}')
        for side in ('old', 'new'):
            self.sql(side, 'CHECKPOINT')

    def counts(self, side: str) -> str:
        return self.sql(side, 'SELECT ' + ' || \' \' || '.join(f'(SELECT count(*) FROM {t})' for t in self.tables))

    def pages(self) -> dict:
        """Of each table's rows; the statistics are fresh."""
        return {table: int(self.sql('old', f"SELECT relpages FROM pg_class WHERE oid = '{table}'::regclass"))
                for table in self.tables}

    def megabytes(self) -> float:
        """Of all tables without their indexes."""
        return int(self.sql('old', 'SELECT sum(pg_table_size(t::regclass))::bigint FROM unnest(ARRAY[' + ', '.join(
            f"'{table}'" for table in self.tables) + ']) t')) / 2**20

    def shell(self, lines: list) -> float:
        """Runs shell lines at once; seconds until the last has ended."""
        began = time.monotonic()
        running = [subprocess.Popen(['bash', '-o', 'pipefail', '-c', line], env=self.environment,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for line in lines]
        for process in running:
            errors = process.communicate()[1]
            if process.returncode:
                raise workshop.Failure(f'a peer failed: {errors[-500:]}')
        return time.monotonic() - began


@contextlib.contextmanager
def databases(shop, kind: str, rows: int):
    both = Databases(shop, kind, rows)
    try:
        yield both
    finally:
        both.close()
