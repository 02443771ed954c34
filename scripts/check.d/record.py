"""The record of the property test: which seeds have passed at which commit, and what their cases had. Pure but for
reading and writing the page."""

import dataclasses
import os
import pathlib
import re

HEAD = '''# Property test
Random schemas, random transactions of several writers, random faults, and random moments of copy, drain, switch and rollback; the
databases are compared by plain SQL that is not our verification, and the counters and tokens of the writers with what they were told.
This page is written by `scripts/check property`, which goes on where it ends (remove it to begin anew); 200 cases with seeds of their
own are a part of `scripts/test integration`. A seed is run again by

    CROSSOVER_TEST_VERSIONS="{majors}" CROSSOVER_TEST_SEEDS=17 build/debug/tests/integration/property/property_test

'''

COVERAGE = '''
What the cases of ranges that passed had: in how many of them each part of the generator came up, and each moment was met.

| cases | |
|--:|---|
'''


@dataclasses.dataclass
class Entry:
    first: int
    last: int
    failed: tuple
    commit: str
    releases: tuple
    date: str
    acknowledged: int

    def joins(self, other) -> bool:
        return (self.last + 1 == other.first and not self.failed and not other.failed
                and (self.commit, self.date) == (other.commit, other.date))

    def joined(self, other):
        return Entry(self.first, other.last, (), self.commit, union(self.releases, other.releases), self.date,
                     self.acknowledged + other.acknowledged)

    def line(self) -> str:
        return (f'| {self.first}..{self.last} | {self.last - self.first + 1} | {outcome(self.failed)} | {self.commit} | '
                f'{" ".join(self.releases)} | {self.date} | {self.acknowledged} |')


def union(left: tuple, right: tuple) -> tuple:
    return tuple(sorted({*left, *right}))


def outcome(failed) -> str:
    return f'**failed**: {" ".join(map(str, failed))}' if failed else 'passed'


@dataclasses.dataclass
class Record:
    entries: list = dataclasses.field(default_factory=list)
    covered: dict = dataclasses.field(default_factory=dict)

    def left(self, cases: int, length: int) -> list:
        """Ranges of at most `length` seeds that have not passed."""
        passed = {seed for entry in self.entries if not entry.failed for seed in range(entry.first, entry.last + 1)}
        ranges = []
        for seed in range(1, cases + 1):
            if seed in passed:
                continue
            if ranges and ranges[-1][1] == seed - 1 and seed - ranges[-1][0] < length:
                ranges[-1][1] = seed
            else:
                ranges.append([seed, seed])
        return [tuple(pair) for pair in ranges]

    def passed(self, cases: int) -> int:
        return cases - sum(last - first + 1 for first, last in self.left(cases, cases))

    def add(self, result: dict, commit: str, date: str):
        first, last = map(int, result['seeds'].split('..'))
        self.entries = [entry for entry in self.entries if not (first <= entry.first and entry.last <= last)]
        self.entries.append(Entry(first, last, tuple(result['failed']), commit, tuple(sorted(result['releases'])), date,
                                  result['acknowledged']))
        self.entries.sort(key=lambda entry: entry.first)
        joined = []
        for entry in self.entries:
            if joined and joined[-1].joins(entry):
                joined[-1] = joined[-1].joined(entry)
            else:
                joined.append(entry)
        self.entries = joined
        for name, count in ({} if result['failed'] else result['covered']).items():  # it is run again
            self.covered[name] = self.covered.get(name, 0) + count

    def page(self) -> str:
        releases = sorted({release for entry in self.entries for release in entry.releases})
        majors = sorted({int(release.split('.')[0]) for release in releases})
        passed = sum(entry.last - entry.first + 1 for entry in self.entries if not entry.failed)
        failed = sum(len(entry.failed) for entry in self.entries)
        told = sum(entry.acknowledged for entry in self.entries)
        lines = [f'{passed:,} cases passed, {failed} failed; {told:,} transactions were acknowledged and found again, all of '
                 'them.' if not failed else f'{passed:,} cases passed, {failed} failed.', '',
                 '| seeds | cases | | commit | PostgreSQL | date | acknowledged |', '|---|--:|---|---|---|---|--:|',
                 *(entry.line() for entry in self.entries)]
        covered = [f'| {count} | {name} |' for name, count in sorted(self.covered.items())]
        return (HEAD.format(majors=' '.join(map(str, majors))) + '\n'.join(lines) + '\n' + COVERAGE + '\n'.join(covered)
                + '\n')


ENTRY = re.compile(r'\| (\d+)\.\.(\d+) \| \d+ \| (passed|\*\*failed\*\*:(?: \d+)+) \| (\w+) \| ([\d. ]+) \| ([\d-]+) \| (\d+) \|')
COVERED = re.compile(r'\| (\d+) \| (.*) \|')


def parse(page: str) -> Record:
    record = Record()
    for line in page.splitlines():
        if found := ENTRY.fullmatch(line):
            failed = tuple(map(int, found[3].split()[1:]))
            record.entries.append(Entry(int(found[1]), int(found[2]), failed, found[4], tuple(found[5].split()), found[6],
                                        int(found[7])))
        elif found := COVERED.fullmatch(line):
            record.covered[found[2]] = int(found[1])
    return record


def read(path: pathlib.Path) -> Record:
    return parse(path.read_text(encoding='utf-8')) if path.exists() else Record()


def write(path: pathlib.Path, record: Record):
    """Whole or not at all, whenever this is killed."""
    new = path.with_suffix('.new')
    new.write_text(record.page(), encoding='utf-8')
    os.replace(new, path)
