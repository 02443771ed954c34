"""A service that writes while it is cut over, and what one does at its servers by hand."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import workshop

EVENTS = 300_000
CLIENTS = pathlib.Path('/usr/lib/postgresql/15/bin')

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


def wait_until(what: str, ready, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise GaveUp(f'not within {seconds:.0f} s: {what}')
        time.sleep(0.05)
