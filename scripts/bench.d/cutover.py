"""The same cutover of the same live service by hand, by peers and by ours; PostgreSQL 15 to 17."""

import contextlib
import re
import statistics
import time

import contestants
import live_service
import report

TARGETS = ['bench_cutover']
ROUNDS = 3
RATE = 1450
# Of the rate that was aimed at: what a machine holds.
HELD = 0.97
GAP_MS = 100.0
# Seconds that the service runs on after it.
AFTER = 3


@contextlib.contextmanager
def service_of(shop, contestant: contestants.Contestant, rate: int):
    service = live_service.Service(shop, contestant.wal_level)
    try:
        service.tell('load', contestant.load, rate)
        time.sleep(2)
        yield service
    finally:
        service.close()


def one_cutover(shop, contestant: contestants.Contestant, rate: int) -> dict:
    """The figures of one cutover; 'gave_up' says why the service had to stay where it was."""
    gave_up = ''
    with service_of(shop, contestant, rate) as service:
        try:
            contestant.prepare(service)
            service.settle()
            contestant.cut_over(service)
        except live_service.GaveUp as error:
            gave_up = str(error)
        with contextlib.suppress(live_service.GaveUp):  # where the service is has been decided
            contestant.finish(service)
        time.sleep(AFTER)
        stays = gave_up or isinstance(contestant, contestants.Nothing)
        figures = service.tell('stop', 'old' if stays else 'new')
    return {**figures, 'gave_up': gave_up, 'phases': contestant.phases}


def held_rate(shop, wanted: int) -> int:
    """What the machine holds of it with all that ours has beside the service: pooler, capture, both servers."""
    with service_of(shop, contestants.Ours(), wanted) as service:
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
    runs = {name: [] for name in contestants.CONTESTANTS}
    names = list(contestants.CONTESTANTS)
    for turn in range(rounds):
        shop.say(f'cutover: round {turn + 1} of {rounds}, {rate} writes/s')
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            runs[name].append(one_cutover(shop, contestants.CONTESTANTS[name](), rate))
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
    ours = runs[contestants.OWN]
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
