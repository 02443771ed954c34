"""PAUSE to RESUME of a switch by the rate of writes: few, many, and as many as the machine holds."""

import json
import statistics

import cutover
import pause
import report
import samples
import workshop

TARGETS = pause.TARGETS
SWITCHES = 10
ROWS, TABLES = 300_000, 10
RATES = (100, 500)
# More than any machine holds.
UNBOUND = 1_000_000
PAUSE_MS = 50.0


def switch(shop, switches: int, rate: int) -> dict:
    output = shop.scratch / 'switch.json'
    shop.run((shop.program('bench_switch'), ROWS, TABLES, switches, rate), output=output)
    return json.loads(output.read_text())


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17', 'pgbouncer')
    switches = shop.turns(SWITCHES)
    shop.say('rates: what this machine holds')
    unbound = switch(shop, 2, UNBOUND)
    # Who is always behind measures nothing but that.
    most = cutover.held(UNBOUND, unbound['writes_per_second'])
    runs = {}
    for rate in (*RATES, most):
        shop.say(f'rates: {rate} writes/s')
        runs[rate] = switch(shop, switches, rate)
    yield table(runs, unbound, switches)


def table(runs: dict, unbound: dict, switches: int) -> report.Table:
    lines, goals = [], []
    for rate, run in runs.items():
        moves = run['switches']
        paused = [move['paused_ms'] for move in moves]
        middle = [statistics.median(phase['ms'] for phase in part) for part in zip(*(move['phases'] for move in moves))]
        lines.append((f'{rate} writes/s', f'{statistics.median(paused):.1f}', f'{min(paused):.1f}', f'{max(paused):.1f}',
                      *(f'{value:.1f}' for value in middle), f'{statistics.median(move["keys"] for move in moves):.0f}',
                      f'{run["writes_per_second"]:.0f}', f'{run["write_ms"]["median"]:.1f}',
                      f'{run["write_ms"]["p99"]:.1f}', str(run['failed']), str(run['lost_or_doubled'])))
        goals.append(report.Goal(f'{rate} writes/s: paused', statistics.median(paused), PAUSE_MS, ' ms'))
    goals.append(report.Goal('failed and lost, of all', sum(run['failed'] + run['lost_or_doubled']
                                                            for run in runs.values()), 0))
    names = [phase['name'] for phase in next(iter(runs.values()))['switches'][0]['phases']]
    return report.Table('rates', f'PAUSE to RESUME in ms by writes/s, {ROWS:,} rows in {TABLES} tables, median of '
                        f'{switches} switches (there and back)',
                        ('', 'paused', 'min', 'max', *names, 'keys', 'writes/s', 'write p50', 'p99', 'failed', 'lost'),
                        lines, goals,
                        [f'unbound, the service wrote {unbound["writes_per_second"]:.0f} times a second; the highest '
                         'rate is nine tenths of it'], raw={'runs': runs, 'unbound': unbound})
