"""What the data engine does beside the copy: carrying changes, comparing all rows. The databases of the row `data`."""

import json
import statistics

import data
import report
import workshop

TARGETS = data.TARGETS
ROUNDS = 5
CHANGED = 300_000
DRAIN_ROWS_A_SECOND, VERIFY_SPEED = 20_000, 0.5
WORKERS = 2

# Each kind of change, on as many rows as asked for in all: new rows, gone rows, and mostly changed ones.
CHANGES = ('UPDATE public.account SET balance = balance + 1 WHERE id % 10 = {turn} % 10 AND id <= {updates} * 10',
           'INSERT INTO public.document (body, note, created) SELECT body, note, now() FROM public.document LIMIT {few}',
           'DELETE FROM public.document WHERE id IN (SELECT id FROM public.document ORDER BY id LIMIT {few})')
READ_ALL = ' UNION ALL '.join(f'SELECT count(md5(t::text)) FROM public.{table} t' for table in data.TABLES)


class Engine:
    """data-sync on both databases, copied and captured."""

    def __init__(self, shop, both: data.Databases):
        self.shop, self.both, self.peaks = shop, both, []
        self.folder = shop.scratch / 'engine'
        self.folder.mkdir()
        (self.folder / 'crossover.yaml').write_text(data.configuration(both, WORKERS))

    def run(self, *arguments) -> tuple:
        """The measured run and its result document."""
        result = self.folder / 'result.json'
        sample = self.shop.run((self.shop.program('data-sync'), *arguments, '--log-level', 'warning'), output=result,
                               folder=self.folder, BENCH_PASSWORD=self.both.where['password'])
        self.peaks.append(sample.peak_kib)
        return sample, json.loads(result.read_text())

    def change(self, turn: int) -> None:
        few = CHANGED // 10
        for text in CHANGES:
            self.both.sql('old', text.format(turn=turn, updates=CHANGED - 2 * few, few=few))
        for side in ('old', 'new'):
            self.both.sql(side, 'CHECKPOINT')

    def drain(self, turn: int) -> float:
        """Seconds for so many changed keys, program start and all."""
        self.change(turn)
        sample, result = self.run('follow', '--until-caught-up')
        carried = result['metrics']['rows_carried']
        if carried < CHANGED - CHANGED // 10:  # of a deleted row nothing is written
            raise workshop.Failure(f'follow has carried {carried} rows, not {CHANGED}')
        return sample.seconds

    def verify(self) -> float:
        sample, result = self.run('verify')
        if any(check['outcome'] != 'pass' for check in result['checks']):
            raise workshop.Failure('the databases differ after a drain')
        return sample.seconds

    def read_all(self) -> float:
        """What a person would run on either database to compare them, both at once."""
        psql = f'{data.CLIENTS}/psql -X -q -v ON_ERROR_STOP=1 -d'
        return data.pipe(self.both, [f"{psql} '{self.both.url(side)}' -c '{READ_ALL}'" for side in ('old', 'new')])


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17')
    drains, verifications, readings = [], [], []
    with data.databases(shop) as both:
        engine = Engine(shop, both)
        both.fresh()
        engine.run('start')
        try:
            for turn in range(shop.rounds or ROUNDS):
                shop.say(f'engine: round {turn + 1}')
                drains.append(engine.drain(turn))
                for work, seconds in ((engine.verify, verifications), (engine.read_all, readings))[::1 if turn % 2 else -1]:
                    seconds.append(work())
        finally:
            engine.run('abort', '--evidence-file', 'evidence.json')
    yield table(drains, verifications, readings, engine.peaks)


def table(drains: list, verifications: list, readings: list, peaks: list) -> report.Table:
    def line(name, seconds, speed):
        return (name, f'{statistics.median(seconds):.2f}', f'{min(seconds):.2f}', f'{max(seconds):.2f}', speed)

    rate = CHANGED / statistics.median(drains)
    rows = data.ACCOUNTS + data.DOCUMENTS
    million = [rows / statistics.median(seconds) / 1e6 for seconds in (verifications, readings)]
    peak = max(peaks) / 1024
    return report.Table(
        'engine', f'{CHANGED:,} changed rows carried, {rows:,} rows compared',
        ('', 's', 'min', 'max', 'rows/s'),
        [line('data-sync follow --until-caught-up', drains, f'{rate:,.0f}'),
         line('data-sync verify', verifications, f'{million[0]:.2f} M'),
         line('SELECT count(md5(t::text)), both databases at once', readings, f'{million[1]:.2f} M')],
        [report.Goal('changed rows a second', rate, DRAIN_ROWS_A_SECOND, at_least=True),
         report.Goal('verify beside reading all by md5', workshop.median_ratio(readings, verifications), VERIFY_SPEED,
                     at_least=True),
         report.Goal('peak memory', peak, data.MEMORY, ' MiB')],
        raw={'drains': drains, 'verifications': verifications, 'readings': readings, 'peaks_kib': peaks})
