"""What the data engine does beside the copy: carrying changes, comparing all rows; by the size of the databases."""

import json
import statistics

import report
import samples
import workshop
from databases import Databases, configuration, databases

TARGETS = ['bench_servers', 'data-sync']
ROUNDS = 5
MILLIONS = (1, 3, 10)
CHANGED = (30_000, 300_000)
DRAIN_ROWS_A_SECOND, VERIFY_SPEED, MEMORY = 20_000, 0.5, 64
# Of the time per changed row or compared row, from the fewest rows to the most.
FLAT = 1.5

# Each kind of change, on as many rows as asked for in all: new rows, gone rows, and mostly changed ones.
CHANGES = ('UPDATE public.account SET balance = balance + 1 WHERE id % {step} = {turn} % {step} '
           'AND id <= {updates} * {step}',
           'INSERT INTO public.document (body, note, created) SELECT body, note, now() FROM public.document LIMIT {few}',
           'DELETE FROM public.document WHERE id IN (SELECT id FROM public.document ORDER BY id LIMIT {few})')


class Engine:
    """data-sync on both databases, copied and captured."""

    def __init__(self, shop, both: Databases):
        self.shop, self.both, self.peak = shop, both, 0
        self.folder = shop.scratch / 'engine'
        self.folder.mkdir(exist_ok=True)
        (self.folder / 'crossover.yaml').write_text(configuration(both.where))

    def run(self, *arguments) -> tuple:
        """The measured run and its result document."""
        result = self.folder / 'result.json'
        sample = self.shop.run((self.shop.program('data-sync'), *arguments, '--log-level', 'warning'), output=result,
                               folder=self.folder, BENCH_PASSWORD=self.both.where['password'])
        self.peak = max(self.peak, sample.peak_kib)
        return sample, json.loads(result.read_text())

    def change(self, turn: int, changed: int) -> None:
        few = changed // 10
        updates = changed - 2 * few
        step = self.both.rows * 5 // 6 // updates
        for text in CHANGES:
            self.both.sql('old', text.format(turn=turn, step=step, updates=updates, few=few))
        for side in ('old', 'new'):
            self.both.sql(side, 'CHECKPOINT')

    def drain(self, turn: int, changed: int) -> float:
        """Seconds for so many changed keys, program start and all."""
        self.change(turn, changed)
        sample, result = self.run('follow', '--until-caught-up')
        carried = result['metrics']['rows_carried']
        if carried < changed - changed // 10:  # of a deleted row nothing is written
            raise workshop.Failure(f'follow has carried {carried} rows, not {changed}')
        return sample.seconds

    def verify(self) -> float:
        sample, result = self.run('verify')
        if any(check['outcome'] != 'pass' for check in result['checks']):
            raise workshop.Failure('the databases differ after a drain')
        return sample.seconds

    def read_all(self) -> float:
        """What a person would run on either database to compare them, both at once."""
        sql = ' UNION ALL '.join(f'SELECT count(md5(t::text)) FROM public.{table} t' for table in self.both.tables)
        return self.both.shell([f"{self.both.psql(side)} -c '{sql}'" for side in ('old', 'new')])


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17')
    sizes = shop.millions or MILLIONS
    for millions in sizes:
        if shop.turns(ROUNDS):
            measure_size(shop, millions)
    done = {millions: shop.samples.of('engine', str(millions)) for millions in sizes}
    yield table({millions: rounds for millions, rounds in done.items() if rounds})


def measure_size(shop, millions: int) -> None:
    shop.say(f'engine: {millions} million rows')
    with databases(shop, 'mixed', millions * 1_000_000) as both:
        engine = Engine(shop, both)
        both.fresh()
        engine.run('start')
        try:
            for _ in range(shop.turns(ROUNDS)):
                turn = len(shop.samples.of('engine', str(millions)))
                engine.peak = 0
                measured = {str(changed): {'seconds': engine.drain(turn, changed)} for changed in CHANGED}
                works = (('verify', engine.verify), ('read', engine.read_all))
                measured |= {name: {'seconds': work()} for name, work in works[::1 if turn % 2 else -1]}
                measured['verify']['peak_kib'] = engine.peak
                shop.samples.add('engine', str(millions), measured)
        finally:
            engine.run('abort', '--evidence-file', 'evidence.json')


# What is measured, as it is called, and how many rows it handles of so many millions.
WORKS = (*((str(changed), f'data-sync follow --until-caught-up, {changed:,} changed rows', changed)
           for changed in CHANGED),
         ('verify', 'data-sync verify', None), ('read', 'SELECT count(md5(t::text)), both databases at once', None))


def table(sizes: dict) -> report.Table:
    """`sizes` is the measured rounds by millions of rows."""
    def seconds(millions, name):
        return samples.figures(sizes[millions], name, 'seconds')

    def speed(millions, name, rows):
        return (rows or millions * 1_000_000) / statistics.median(seconds(millions, name))

    lines, goals = [], []
    for name, title, rows in WORKS:
        cells = [title]
        for millions in sizes:
            cells += [report.spread(seconds(millions, name)), f'{speed(millions, name, rows):,.0f}']
        if len(sizes) > 1:
            grown = speed(min(sizes), name, rows) / speed(max(sizes), name, rows)
            cells.append(f'{grown:.2f}')
            goals.append(report.Goal(f'{title}: time per row, most rows / fewest', grown, FLAT))
        lines.append(tuple(cells))
    for millions, rounds in sizes.items():
        goals += [
            report.Goal(f'{millions} M rows: changed rows a second', speed(millions, str(CHANGED[-1]), CHANGED[-1]),
                        DRAIN_ROWS_A_SECOND, at_least=True),
            report.Goal(f'{millions} M rows: verify beside reading all by md5',
                        workshop.median_ratio(seconds(millions, 'read'), seconds(millions, 'verify')), VERIFY_SPEED,
                        at_least=True),
            report.Goal(f'{millions} M rows: peak memory',
                        max(samples.figures(rounds, 'verify', 'peak_kib')) / 1024, MEMORY, ' MiB')]
    columns = [''] + [title for millions in sizes for title in (f'{millions} M rows: s', 'rows/s')]
    return report.Table('engine', 'changed rows carried and all rows compared, medians of '
                        + ', '.join(str(len(rounds)) for rounds in sizes.values()),
                        (*columns, *(('time per row, most / fewest rows',) if len(sizes) > 1 else ())), lines, goals,
                        raw={'rounds': sizes})
