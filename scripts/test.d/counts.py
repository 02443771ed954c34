"""How many tests passed and failed, from what the runners leave behind, and the output of those that failed."""

import dataclasses
import re
import xml.etree.ElementTree


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    # What to show of the failures.
    output: str = ''

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.output + other.output)


CATCH_ALL_PASSED = re.compile(r'All tests passed \(.*? in (\d+) test cases?\)')
CATCH_SOME_FAILED = re.compile(r'^test cases: +(\d+)((?: \| +\d+ [a-z ]+?)+) *$', re.MULTILINE)
CATCH_PART = re.compile(r'\| +(\d+) ([a-z ]+)')
CATCH_FAILED = re.compile(r'^\S+:\d+: FAILED:', re.MULTILINE)
UNITTEST_RAN = re.compile(r'^Ran (\d+) tests? in', re.MULTILINE)
UNITTEST_FAILED = re.compile(r'^FAILED \((.*)\)', re.MULTILINE)
LAST_LINE = re.compile(r'^(?:\S+: )?(\d+) passed, (\d+) failed', re.MULTILINE)


def catch(output: str, ok: bool) -> Count:
    """One program of Catch2. A program of another kind, or one that was ended half-way, is one test."""
    if ok and (found := CATCH_ALL_PASSED.search(output)):
        return Count(int(found[1]), 0)
    if found := CATCH_SOME_FAILED.search(output):
        parts = {word.strip(): int(number) for number, word in CATCH_PART.findall(found[2])}
        failed = parts.get('failed', 0)
        # Exit status and summary must agree; a crash at exit is a failure that the summary does not know.
        return Count(int(found[1]) - failed, max(failed, 0 if ok else 1))
    return Count(1, 0) if ok else Count(0, 1)


def ctest(_output: str, code: int, environment: dict) -> Count:
    """From ctest's report in JUnit's form, which holds each program's output."""
    total = Count()
    try:
        cases = xml.etree.ElementTree.parse(environment['CTEST_REPORT']).iter('testcase')
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        return Count(0, 1, f'unable to read the report of ctest: {error}\n')
    for case in cases:
        output = case.findtext('system-out') or ''
        ok = case.get('status') == 'run'
        count = catch(output, ok)
        if not ok:
            count.output = f'--- {case.get("name")}\n{of_catch(output)}\n'
        total += count
    if code != 0 and total.failed == 0:
        total.failed = 1
    return total


def unittest(output: str, code: int, _environment: dict) -> Count:
    found = UNITTEST_RAN.search(output)
    ran = int(found[1]) if found else 0
    failed = 0
    if words := UNITTEST_FAILED.search(output):
        failed = sum(int(number) for kind, number in re.findall(r'(\w+)=(\d+)', words[1]) if kind != 'skipped')
    if code != 0 and failed == 0:
        failed = 1
    return Count(max(ran - failed, 0), failed, tail(output) if code != 0 else '')


def last_line(output: str, code: int, _environment: dict) -> Count:
    """Programs that end with `N passed, N failed`, perhaps after their name."""
    found = LAST_LINE.findall(output)
    passed, failed = (int(number) for number in found[-1]) if found else (0, 0)
    if code != 0 and failed == 0:
        failed = 1
    return Count(passed, failed, tail(output) if code != 0 else '')


def of_catch(output: str, lines: int = 80) -> str:
    """The assertions that failed, which may stand far above the end; the end alone where none says so."""
    # Catch2 draws a line of dashes above a case's name and one of tildes or equals signs after the last one.
    blocks = re.split(r'^(?:-{79}|={79}|~{79})$', output, flags=re.MULTILINE)
    shown = []
    for name, body in zip(blocks, blocks[1:]):
        if CATCH_FAILED.search(body):
            assertions = [part.strip() for part in re.split(r'\n\s*\n(?=\S+:\d+: )', body) if CATCH_FAILED.search(part)]
            shown.append('\n'.join([name.strip(), *assertions]))
    if not shown:
        return tail(output, lines)
    return '\n'.join('\n\n'.join(shown).splitlines()[:lines])


def tail(text: str, lines: int = 80) -> str:
    return '\n'.join(text.rstrip().splitlines()[-lines:])


COUNTERS = {'ctest': ctest, 'unittest': unittest, 'last_line': last_line}
