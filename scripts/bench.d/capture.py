"""What it costs a service that its writes are captured: its transactions with and without, beside logical decoding."""

import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import time

import live_service
import report
import samples
import workshop
from databases import configuration

TARGETS = ['bench_cutover', 'data-sync']
ROUNDS = 5
RATE = 500
# More than any machine holds: sixteen sessions that write as fast as they can.
UNBOUND = 1_000_000
# Seconds: before anything counts, at the rate, and unbound.
WARM_UP, AT_RATE, AT_MOST = 2, 12, 6
NOTHING = 'nothing'
# What bench_cutover calls the migration that it installs.
MIGRATION = 'registry'
LOG = ("SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN pg_namespace n "
       "ON n.oid = c.relnamespace WHERE n.nspname = 'crossover' AND c.relkind = 'r' AND starts_with(c.relname, 'log_')")


class Contestant:
    """What a service has beside it. Nothing, here."""

    wal_level = 'replica'
    # The database that has every write when the consumer has caught up.
    judge = 'old'

    def begin(self, service: live_service.Service) -> None:
        """Before the load."""

    def caught_up(self, service: live_service.Service) -> bool:
        """After the load: whether whoever follows it has everything."""
        return True

    def end(self, service: live_service.Service) -> None:
        """Also when it failed."""


def count_new(service, side: str) -> str:
    return service.sql(side, f'SELECT count(*) FROM public.event WHERE id > {live_service.EVENTS}')


class Captured(Contestant):
    """Our triggers, and `data-sync follow` as a user runs it."""

    judge = 'new'
    install = ('install', 'no-gate')

    def __init__(self):
        self.process = None

    def begin(self, service):
        service.tell(*self.install)
        folder = service.shop.scratch / 'capture'
        folder.mkdir(exist_ok=True)
        (folder / 'crossover.yaml').write_text(self.configuration(service))
        with open(folder / 'follow.log', 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                [service.shop.program('data-sync'), 'follow'], cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**service.environment, 'BENCH_PASSWORD': service.where['password']})
        self.log = folder / 'follow.log'

    def configuration(self, service) -> str:
        return configuration(service.where, name=MIGRATION)

    def caught_up(self, service):
        if self.process.poll() is not None:
            raise workshop.Failure(f'data-sync follow ended: {self.log.read_text()[-500:]}')
        return count_new(service, 'old') == count_new(service, 'new')

    def end(self, service):
        stop(self.process)


class Gated(Captured):
    """The same with the open gate on the old database, as it is in every migration."""

    install = ('install',)


class Subscribed(Contestant):
    """Logical replication to the same new database."""

    wal_level, judge = 'logical', 'new'

    def begin(self, service):
        service.sql('old', 'CREATE PUBLICATION bench FOR TABLE public.counter, public.event')
        source = f'host=127.0.0.1 port={service.where["old"]} dbname=app user=postgres password='
        service.sql('new', f"CREATE SUBSCRIPTION bench CONNECTION '{source}{service.where['password']}' "
                           'PUBLICATION bench')
        live_service.wait_until('the subscription has copied', lambda: service.sql(
            'new', "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'") == '0')

    def caught_up(self, service):
        return count_new(service, 'old') == count_new(service, 'new')

    def end(self, service):
        with contextlib.suppress(live_service.GaveUp):
            service.sql('new', 'DROP SUBSCRIPTION bench')


class Received(Contestant):
    """Logical decoding alone: a slot that is read and thrown away, no second database."""

    wal_level = 'logical'

    def __init__(self):
        self.process = None

    def begin(self, service):
        service.sql('old', 'CREATE PUBLICATION bench FOR TABLE public.counter, public.event')
        command = [live_service.CLIENTS / 'pg_recvlogical', '-d', service.url('old'), '-S', 'bench']
        service.sql('old', "SELECT pg_create_logical_replication_slot('bench', 'pgoutput')")
        self.process = subprocess.Popen([*command, '--start', '-f', os.devnull, '-F', '0', '-s', '1', '-o',
                                         'proto_version=1', '-o', 'publication_names=bench'],
                                        env=service.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def caught_up(self, service):
        if self.process.poll() is not None:
            raise workshop.Failure(f'pg_recvlogical ended with {self.process.returncode}')
        # Only what was sent is confirmed, and nothing follows the last write.
        return service.sql('old', 'SELECT sent_lsn >= pg_current_wal_lsn() - 1024 FROM pg_stat_replication') == 't'

    def end(self, service):
        stop(self.process)


def stop(process) -> None:
    if process and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


CONTESTANTS = {
    NOTHING: Contestant,
    'capture, follow': Captured,
    'capture, gate, follow': Gated,
    'wal_level = logical, subscription': Subscribed,
    'wal_level = logical, pg_recvlogical': Received,
}
OURS = 'capture, gate, follow'
PEER = 'wal_level = logical, subscription'


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17', 'pgbouncer')
    rate, names = shop.rate or RATE, list(CONTESTANTS)
    for _ in range(shop.turns(ROUNDS)):
        turn = len(shop.samples.of('capture', str(rate)))
        shop.say(f'capture: round {turn + 1}, {rate} writes/s')
        measured = {name: one_run(shop, CONTESTANTS[name](), rate) for name in samples.turned(names, turn)}
        shop.samples.add('capture', str(rate), measured)
    yield table(shop.samples.of('capture', str(rate)), rate)


def one_run(shop, contestant: Contestant, rate: int) -> dict:
    service = live_service.Service(shop, contestant.wal_level)
    try:
        contestant.begin(service)
        for side in ('old', 'new'):
            service.sql(side, 'ANALYZE; CHECKPOINT;')
        service.tell('load', 'direct', rate)
        time.sleep(WARM_UP)
        before = position(service)
        service.tell('mark')
        time.sleep(AT_RATE)
        service.tell('mark')
        after = position(service)
        service.tell('rate', UNBOUND)
        time.sleep(1)
        service.tell('mark')
        time.sleep(AT_MOST)
        told = service.tell('stop', 'old')
        behind = seconds_until(lambda: contestant.caught_up(service))
        return {**figures(told, before, after), 'behind_seconds': behind,
                'wrong': wrong(told) + wrong(service.tell('stop', contestant.judge))}
    except live_service.GaveUp as error:
        raise workshop.Failure(str(error)) from None
    finally:
        contestant.end(service)
        service.close()


def position(service) -> dict:
    """What the old database has written until now."""
    wal, log, acknowledged = service.sql(
        'old', f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), ({LOG})").split('|') + [
            service.tell('count')['acknowledged']]
    return {'wal': int(wal), 'log': int(log), 'writes': acknowledged}


def figures(told: dict, before: dict, after: dict) -> dict:
    at_rate, _, at_most = told['periods']
    writes = after['writes'] - before['writes']
    return {
        'median_ms': at_rate['median_ms'], 'p99_ms': at_rate['p99_ms'], 'slowest_ms': at_rate['slowest_ms'],
        'writes_per_second': at_rate['acknowledged'] / at_rate['seconds'],
        'wal_bytes': (after['wal'] - before['wal']) / writes, 'log_bytes': (after['log'] - before['log']) / writes,
        'most_per_second': at_most['acknowledged'] / at_most['seconds'],
        'median_ms_at_most': at_most['median_ms'], 'p99_ms_at_most': at_most['p99_ms'],
    }


def wrong(told: dict) -> int:
    return sum(told[key] for key in ('failed', 'lost', 'doubled', 'wrong_counters', 'missing_rows'))


def seconds_until(ready, limit: float = 120) -> float:
    began = time.monotonic()
    live_service.wait_until('who follows has caught up', ready, limit)
    return time.monotonic() - began


COLUMNS = (('p50 ms', 'median_ms', 2), ('p99 ms', 'p99_ms', 2), ('WAL bytes/write', 'wal_bytes', 0),
           ('log bytes/write', 'log_bytes', 0), ('most writes/s', 'most_per_second', 0),
           ('p99 ms at most', 'p99_ms_at_most', 1), ('then behind, s', 'behind_seconds', 1))


def table(rounds: list, rate: int) -> report.Table:
    if not rounds:
        raise workshop.Failure('no round was measured')

    def of(name, key):
        return samples.figures(rounds, name, key)

    lines, goals, notes = [], [], []
    for name in CONTESTANTS:
        lines.append((name, *(report.spread(of(name, key), digits) for _, key, digits in COLUMNS),
                      *(f'{workshop.median_ratio(of(name, key), of(NOTHING, key)):.2f}'
                        for key in ('median_ms', 'p99_ms', 'most_per_second'))))
        held = statistics.median(of(name, 'writes_per_second'))
        if held < 0.97 * rate:
            notes.append(f'{name}: {held:.0f} writes/s instead of {rate}')
    for key, text in (('median_ms', 'p50'), ('p99_ms', 'p99')):
        goals.append(report.Goal(f'capture and gate beside a subscription: {text}',
                                 workshop.median_ratio(of(OURS, key), of(PEER, key)), 1.0))
    goals.append(report.Goal('capture and gate beside a subscription: most writes/s',
                             workshop.median_ratio(of(OURS, 'most_per_second'), of(PEER, 'most_per_second')), 1.0,
                             at_least=True))
    goals.append(report.Goal('lost, failed, doubled or wrong, of all',
                             sum(measured[name]['wrong'] for measured in rounds for name in CONTESTANTS), 0))
    return report.Table('capture', f'a transaction of a service with {rate} writes/s (PostgreSQL 15, fsync on), median of '
                        f'{len(rounds)}', ('', *(title for title, _, _ in COLUMNS), 'p50 / nothing', 'p99 / nothing',
                                           'most / nothing'), lines, goals, notes, raw={'rounds': rounds})
