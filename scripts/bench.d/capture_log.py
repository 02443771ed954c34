"""How large the capture log gets, and whether what was deleted of it is used again."""

import time

import capture
import live_service
import report
import workshop
from databases import configuration

TARGETS = capture.TARGETS
MINUTES = 5
RATE = 500
# Of the log's entries here: by default ten minutes, which nobody would wait for.
RETENTION_SECONDS = 20
# The largest size of the second half beside that of the first.
GROWTH = 1.1

STATE = (f"SELECT ({capture.LOG}), (SELECT sum(n_live_tup) FROM pg_stat_user_tables WHERE schemaname = 'crossover' "
         "AND starts_with(relname, 'log_')), (SELECT sum(autovacuum_count) FROM pg_stat_user_tables WHERE schemaname = "
         "'crossover' AND starts_with(relname, 'log_')), pg_total_relation_size('public.counter'), "
         "pg_total_relation_size('public.event')")


class ShortlyKept(capture.Gated):
    def configuration(self, service):
        return configuration(service.where, name=capture.MIGRATION, retention=f'{RETENTION_SECONDS}s')


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17', 'pgbouncer')
    rate, contestant = shop.rate or RATE, ShortlyKept()
    shop.say(f'log: {MINUTES} minutes of {rate} writes/s')
    service = live_service.Service(shop, contestant.wal_level)
    looks = []
    try:
        contestant.begin(service)
        service.tell('load', 'direct', rate)
        began = time.monotonic()
        for n in range(6 * MINUTES):
            time.sleep(max(0.0, began + 10 * (n + 1) - time.monotonic()))
            looks.append(look(service))
        told = service.tell('stop', 'old')
        capture.seconds_until(lambda: contestant.caught_up(service))
        wrong = capture.wrong(told) + capture.wrong(service.tell('stop', 'new'))
    except live_service.GaveUp as error:
        raise workshop.Failure(str(error)) from None
    finally:
        contestant.end(service)
        service.close()
    yield table(looks, rate, wrong)


def look(service) -> dict:
    keys = ('log', 'entries', 'vacuums', 'counter', 'event')
    return {**dict(zip(keys, map(int, service.sql('old', STATE).split('|')))),
            'writes': service.tell('count')['acknowledged']}


def table(looks: list, rate: int, wrong: int) -> report.Table:
    lines = [(f'after {10 * (n + 1)} s', f'{at["writes"]:,}', f'{at["log"] / 2**20:.1f}', f'{at["entries"]:,}',
              str(at['vacuums']), f'{at["counter"] / 2**20:.1f}', f'{at["event"] / 2**20:.1f}')
             for n, at in enumerate(looks) if n % 3 == 2]
    half = len(looks) // 2
    goals = [report.Goal('the log: most of the second half beside most of the first',
                         max(at['log'] for at in looks[half:]) / max(at['log'] for at in looks[:half]), GROWTH),
             report.Goal('lost, failed, doubled or wrong', wrong, 0)]
    return report.Table('log', f'the capture log under {rate} writes/s, entries kept for {RETENTION_SECONDS} s',
                        ('', 'writes', 'log MiB', 'entries', 'autovacuums of it', 'counter MiB', 'event MiB'), lines,
                        goals, raw={'looks': looks})
