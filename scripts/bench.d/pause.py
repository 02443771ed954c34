"""PAUSE to RESUME of a switch under load, by number of rows and of tables; PostgreSQL 15 and 17, PgBouncer."""

import json
import statistics

import report
import workshop

TARGETS = ['bench_switch']
SWITCHES = 10
RATE = 500
# Rows in all tables together, tables.
SIZES = ((10_000, 10), (300_000, 10), (5_000_000, 10), (10_000, 100), (10_000, 500))


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17', 'pgbouncer')
    switches = shop.rounds or SWITCHES
    runs = []
    for rows, tables in SIZES:
        shop.say(f'pause: {rows:,} rows in {tables} tables')
        output = shop.scratch / 'switch.json'
        shop.run((shop.program('bench_switch'), rows, tables, switches, RATE), output=output)
        runs.append(json.loads(output.read_text()))
    yield table(runs, switches)


def table(runs: list, switches: int) -> report.Table:
    lines, goals, notes = [], [], []
    for run in runs:
        moves = run['switches']
        paused = [move['paused_ms'] for move in moves]
        middle = [statistics.median(phase['ms'] for phase in part) for part in zip(*(move['phases'] for move in moves))]
        lines.append((f'{run["rows"]:,} rows, {run["tables"]} tables', f'{statistics.median(paused):.1f}',
                      f'{min(paused):.1f}', f'{max(paused):.1f}', *(f'{value:.1f}' for value in middle),
                      f'{statistics.median(move["keys"] for move in moves):.0f}',
                      f'{run["writes_per_second"]:.0f}', str(run['failed']), str(run['lost_or_doubled'])))
        goals.append(report.Goal(f'{run["rows"]:,} rows, {run["tables"]} tables', statistics.median(paused), 50.0,
                                 ' ms'))
        if run['first_failure']:
            notes.append(f'first failed write: {run["first_failure"]}')
    by_rows = [statistics.median(move['paused_ms'] for move in run['switches']) for run in runs
               if run['tables'] == runs[0]['tables']]
    if len(by_rows) > 1:
        goals.append(report.Goal('flat by rows: most rows beside fewest', by_rows[-1] / by_rows[0], 1.25))
    names = [phase['name'] for phase in runs[0]['switches'][0]['phases']]
    return report.Table('pause', f'PAUSE to RESUME in ms under {RATE} writes/s, median of {switches} switches '
                        '(there and back)', ('', 'paused', 'min', 'max', *names, 'keys', 'writes/s', 'failed', 'lost'),
                        lines, goals, notes, raw={'runs': runs})
