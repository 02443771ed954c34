"""Tables for people and a document for programs. Pure."""

import dataclasses
import statistics
import time


@dataclasses.dataclass
class Goal:
    """What was aimed at. It is told, never asserted."""

    text: str
    value: float
    limit: float
    unit: str = ''
    at_least: bool = False

    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def line(self) -> str:
        sign = '>=' if self.at_least else '<='
        return (f'{"met   " if self.met() else "MISSED"}  {self.text}: {self.value:.2f}{self.unit} '
                f'(goal {sign} {self.limit:g}{self.unit})')


@dataclasses.dataclass
class Table:
    name: str
    title: str
    columns: tuple
    # Cells as text; the first column is a name, the others are numbers.
    lines: list
    goals: list = dataclasses.field(default_factory=list)
    # What was seen beside the figures, in sentences.
    notes: list = dataclasses.field(default_factory=list)
    # Every single measurement, for those who compute themselves.
    raw: dict = dataclasses.field(default_factory=dict)


def spread(values: list, digits: int = 2) -> str:
    """Median, smallest and largest."""
    if len(values) == 1:
        return f'{values[0]:,.{digits}f}'
    return (f'{statistics.median(values):,.{digits}f} '
            f'({min(values):,.{digits}f}-{max(values):,.{digits}f})')


def heading(facts: dict) -> str:
    return (f'{facts["cores"]} cores of {facts["processor"]}, {facts["memory_gib"]} GiB, Linux {facts["kernel"]}, '
            f'{facts["system"]}\n{facts["compiler"]}; {facts["libcurl"]}; commit {facts["commit"]}; '
            f'load before: {facts["load_before"]}')


def text(table: Table) -> str:
    rows = [table.columns, *table.lines]
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.columns))]
    lines = [table.title]
    for row in rows:
        cells = [f'{cell:>{width}}' if n else f'{cell:<{width}}' for n, (cell, width) in enumerate(zip(row, widths))]
        lines.append('  ' + '  '.join(cells).rstrip())
    lines += [f'  {goal.line()}' for goal in table.goals]
    lines += [f'  {note}' for note in table.notes]
    return '\n'.join(lines)


def document(facts: dict, tables: list, complaints: list, began: float, ended: float) -> dict:
    return {
        'machine': facts,
        'began': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(began)),
        'seconds': round(ended - began, 1),
        'tables': [{**dataclasses.asdict(table),
                    'goals': [{**dataclasses.asdict(goal), 'met': goal.met()} for goal in table.goals]}
                   for table in tables],
        'not_measured': complaints,
    }
