"""Copying a database into a schema that has its keys, beside what a user would pick instead; PostgreSQL 15 and 17."""

import json
import statistics

import report
import samples
import workshop
from databases import CLIENTS, Databases, configuration, databases

TARGETS = ['bench_servers', 'data-sync']
ROUNDS = 5
KINDS = ('narrow', 'wide', 'jsonb')
MILLIONS = (1, 3, 10)
# Of the best pipe's speed; the peers; MiB.
BEST_PIPE, PEER, MEMORY = 0.95, 1.0, 64


class Contestant:
    """One way of copying all rows. Returns its figures, 'seconds' at least."""

    def __init__(self, shop):
        self.shop = shop

    def __call__(self, both: Databases) -> dict:
        return {'seconds': both.shell(self.lines(both))}

    def lines(self, both: Databases) -> list:
        """Shell lines, run at once."""
        raise NotImplementedError


def copy_line(both: Databases, table: str, form: str, condition: str = '') -> str:
    rows = f"(SELECT * FROM {table} WHERE {condition})" if condition else table
    return (f'{both.psql("old")} -c "COPY {rows} TO STDOUT (FORMAT {form})" | '
            f'{both.psql("new")} -c "COPY {table} FROM STDIN (FORMAT {form})"')


class OneByOne(Contestant):
    form = 'binary'

    def lines(self, both):
        return [' && '.join(copy_line(both, table, self.form) for table in both.tables)]


class TwoAtOnce(Contestant):
    form = 'binary'

    def lines(self, both):
        first, largest, *others = both.tables
        return [' && '.join(copy_line(both, table, self.form) for table in (first, largest)),
                ' && '.join(copy_line(both, table, self.form) for table in others)]


class TextOneByOne(OneByOne):
    form = 'text'


class TextTwoAtOnce(TwoAtOnce):
    form = 'text'


class Halves(Contestant):
    """Two at once, the largest table cut by hand so that either has half of all pages."""

    def lines(self, both):
        first, largest, *others = both.tables
        pages = both.pages()
        cut = max(1, min(sum(pages.values()) // 2, pages[largest]))
        return [f"{copy_line(both, first, 'binary')} && "
                + copy_line(both, largest, 'binary', f"ctid < '({cut},0)'"),
                ' && '.join([copy_line(both, largest, 'binary', f"ctid >= '({cut},0)'"),
                             *(copy_line(both, table, 'binary') for table in others)])]


class PgDump(Contestant):
    def lines(self, both):
        return [f"{CLIENTS}/pg_dump --data-only -d '{both.url('old')}' | {both.psql('new')}"]


class Pgcopydb(Contestant):
    """Only the data, into the schema that is there, as everybody here.

    It empties each table by a TRUNCATE of its own, which PostgreSQL refuses for one that a foreign key references:
    the first, which is small and which a pipe copies for it.
    """

    jobs = 2

    def lines(self, both):
        folder, filters = self.shop.scratch / 'pgcopydb', self.shop.scratch / 'pgcopydb.ini'
        filters.write_text('[include-only-table]\n' + ''.join(f'public.{table}\n' for table in both.tables[1:]))
        return [f"{copy_line(both, both.tables[0], 'binary')} && PATH={workshop.PGCOPYDB}:$PATH pgcopydb copy "
                f"table-data --source '{both.url('old')}' --target '{both.url('new')}' --dir {folder} --filters "
                f'{filters} --table-jobs {self.jobs} --use-copy-binary --restart']


class PgcopydbOneJob(Pgcopydb):
    jobs = 1


class Ours(Contestant):
    workers = 2

    def __call__(self, both):
        folder = self.shop.scratch / f'ours-{self.workers}'
        folder.mkdir(exist_ok=True)
        (folder / 'crossover.yaml').write_text(configuration(both.where, self.workers))
        result = folder / 'result.json'
        program, secret = self.shop.program('data-sync'), {'BENCH_PASSWORD': both.where['password']}
        try:
            sample = self.shop.run((program, 'start', '--log-level', 'warning'), output=result, folder=folder, **secret)
        finally:
            self.shop.run((program, 'abort', '--evidence-file', 'evidence.json'), folder=folder, codes=(0, 1, 3),
                          **secret)
        return {'seconds': json.loads(result.read_text())['metrics']['copy_seconds'], 'peak_kib': sample.peak_kib,
                'cpu_seconds': sample.cpu_seconds}


class OursOneWorker(Ours):
    workers = 1


CONTESTANTS = {
    'data-sync start, 2 workers': Ours,
    'data-sync start, 1 worker': OursOneWorker,
    'COPY pipe, binary, one by one': OneByOne,
    'COPY pipe, binary, two at once': TwoAtOnce,
    'COPY pipe, binary, two at once, largest halved': Halves,
    'COPY pipe, text, one by one': TextOneByOne,
    'COPY pipe, text, two at once': TextTwoAtOnce,
    'pg_dump | psql': PgDump,
    'pgcopydb, binary, 1 job': PgcopydbOneJob,
    'pgcopydb, binary, 2 jobs': Pgcopydb,
}


def case_of(kind: str, millions: int) -> str:
    return f'{kind} {millions}'


def measure(shop):
    shop.prepare(str(shop.root / 'scripts/postgres-binaries'), '15', '17', 'pgcopydb')
    sizes = shop.millions or MILLIONS
    for kind in shop.kinds or KINDS:
        for millions in sizes:
            if shop.turns(ROUNDS):
                measure_case(shop, kind, millions)
        done = {size: shop.samples.of('data', case_of(kind, size)) for size in sizes}
        yield table(kind, {size: rounds for size, rounds in done.items() if rounds})


def measure_case(shop, kind: str, millions: int) -> None:
    shop.say(f'data: {millions} million {kind} rows')
    case, names = case_of(kind, millions), list(CONTESTANTS)
    with databases(shop, kind, millions * 1_000_000) as both:
        wanted, megabytes = both.counts('old'), both.megabytes()
        both.fresh()
        TwoAtOnce(shop)(both)  # the first copy makes WAL segments that those after it use again
        for _ in range(shop.turns(ROUNDS)):
            measured = {}
            for name in samples.turned(names, len(shop.samples.of('data', case))):
                both.fresh()
                measured[name] = {**CONTESTANTS[name](shop)(both), 'megabytes': megabytes}
                if both.counts('new') != wanted:
                    raise workshop.Failure(f'{name}: the target has {both.counts("new")} rows, not {wanted}')
            shop.samples.add('data', case, measured)


def best(rounds: list, prefix: str) -> str:
    """The fastest of the contestants that are called so."""
    return min((name for name in CONTESTANTS if name.startswith(prefix)),
               key=lambda name: statistics.median(samples.figures(rounds, name, 'seconds')))


def table(kind: str, sizes: dict) -> report.Table:
    """`sizes` is the measured rounds by millions of rows."""
    columns, goals, notes = [''], [], []
    for millions, rounds in sizes.items():
        columns += [f'{millions} M rows: s', 'best pipe / it']
        goals += goals_of(f'{millions} M {kind} rows', rounds)
        notes.append(f'{millions} M rows are {rounds[0][best(rounds, "data-sync")]["megabytes"]:,.0f} MB; median of '
                     f'{len(rounds)}; the best pipe is: {best(rounds, "COPY")}')
    lines = []
    for name in CONTESTANTS:
        cells = [name]
        for rounds in sizes.values():
            seconds = samples.figures(rounds, name, 'seconds')
            pipe = samples.figures(rounds, best(rounds, 'COPY'), 'seconds')
            cells += [report.spread(seconds), f'{workshop.median_ratio(pipe, seconds):.2f}']
        if len(sizes) > 1:
            cells.append(f'{growth(sizes, name):.2f}')
        lines.append(tuple(cells))
    if len(sizes) > 1:
        columns.append('time per row, most / fewest rows')
    return report.Table(f'data {kind}', f'copy of {kind} rows, keys and foreign keys kept, session_replication_role = '
                        'replica', tuple(columns), lines, goals, notes, raw={'rounds': sizes})


def growth(sizes: dict, name: str) -> float:
    """1: the time grows as the rows do."""
    per_row = [statistics.median(samples.figures(rounds, name, 'seconds')) / millions
               for millions, rounds in sorted(sizes.items())]
    return per_row[-1] / per_row[0]


def goals_of(what: str, rounds: list) -> list:
    ours = samples.figures(rounds, best(rounds, 'data-sync'), 'seconds')
    goals = [report.Goal(f'{what}: speed beside {title}',
                         workshop.median_ratio(samples.figures(rounds, best(rounds, prefix), 'seconds'), ours), limit,
                         at_least=True)
             for title, prefix, limit in (('the best pipe', 'COPY', BEST_PIPE), ('pg_dump | psql', 'pg_dump', PEER),
                                          ('pgcopydb', 'pgcopydb', PEER))]
    peak = max(measured[name]['peak_kib'] for measured in rounds for name in measured if name.startswith('data-sync'))
    return [*goals, report.Goal(f'{what}: peak memory', peak / 1024, MEMORY, ' MiB')]
