"""guards.py PAGE [NAME...]: takes each guard of tests/guards.json out of a tree beside this one, and sees that the test that
is named beside it fails without it.

Writes the page when all were tried. Exit 1 when a test passes without its guard, or fails with it.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / 'build/guards'
# Seconds: a test that does not end has noticed, too.
LONGEST = 400

HEAD = '''# Guards
What keeps each promise under faults, and the test that fails when it is taken out. This page is written by `scripts/check guards`, which
takes them out one by one (`tests/guards.json`); that they are still where they are said to be is a part of `scripts/test unit`.

| promise | guard | test | without it |
|---|---|---|---|
'''


class Failure(Exception):
    pass


def entries(root: pathlib.Path) -> list:
    return json.loads((root / 'tests/guards.json').read_text(encoding='utf-8'))


def without(text: str, entry: dict) -> str:
    """The file without its guard, which has to be there once."""
    count = text.count(entry['guard'])
    if count != 1:
        raise Failure(f"guard '{entry['name']}' is {count} times in {entry['file']}")
    return text.replace(entry['guard'], entry['without'])


def seen(output: str) -> str:
    """What a Catch2 program says first of why it fails."""
    found = re.search(r'(?:FAILED:|due to (?:unexpected exception|a fatal error condition)[^\n]*)\n((?:.+\n)+)', output)
    if not found:
        return 'it does not end' if 'timeout' in output else 'it fails'
    lines = [line.strip() for line in found[1].splitlines()]
    text = ' '.join(line for line in lines if line)
    text = re.sub(r'127\.0\.0\.1:\d+', 'SERVER', text.split(' with expansion: ')[-1].split('due to')[-1])
    return text.removeprefix(' unexpected exception with message: ')[:160].replace('|', '\\|')


def line(entry: dict, reason: str) -> str:
    return f"| {entry['promise']} | `{entry['file']}`: {entry['name']} | {entry['case']} | {reason} |"


def run(*command, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)


def prepare() -> None:
    TREE.mkdir(parents=True, exist_ok=True)
    if not (TREE / 'tree').exists():
        run('git', '-C', ROOT, 'worktree', 'prune', check=True)
        run('git', '-C', ROOT, 'worktree', 'add', '--detach', TREE / 'tree', check=True)
    run('git', '-C', TREE / 'tree', 'checkout', '-q', '--force', '--detach', head(), check=True)
    run('cmake', '--preset', 'debug', cwd=TREE / 'tree', check=True)


def head() -> str:
    return run('git', '-C', ROOT, 'rev-parse', 'HEAD', check=True).stdout.strip()


def build(entry: dict) -> None:
    made = run('cmake', '--build', 'build/debug', f'-j{os.cpu_count()}', '--target', entry['test'], cwd=TREE / 'tree')
    if made.returncode:
        raise Failure(f"unable to build '{entry['test']}' without guard '{entry['name']}': {made.stdout[-2000:]}")


def pattern(case: str) -> str:
    """A name as Catch2 takes it: to it a comma parts two names, and a bracket begins a tag."""
    return case.replace(',', '\\,').replace('[', '\\[')


def tried(entry: dict) -> subprocess.CompletedProcess:
    program = next((TREE / 'tree/build/debug/tests').glob(f"**/{entry['test']}"))
    return run('timeout', '--signal=KILL', str(LONGEST), program, pattern(entry['case']))


def look(entry: dict) -> str:
    """What is seen without the guard."""
    path = TREE / 'tree' / entry['file']
    text = path.read_text(encoding='utf-8')
    build(entry)
    if (with_it := tried(entry)).returncode:
        raise Failure(f"'{entry['case']}' fails with guard '{entry['name']}': {with_it.stdout[-1000:]}")
    path.write_text(without(text, entry), encoding='utf-8')
    try:
        build(entry)
        failed = tried(entry)
    finally:
        path.write_text(text, encoding='utf-8')
    if failed.returncode == 0 or 'No test cases matched' in failed.stdout:
        raise Failure(f"'{entry['case']}' passes without guard '{entry['name']}'")
    return 'it does not end' if failed.returncode == -9 or failed.returncode == 137 else seen(failed.stdout)


def main() -> int:
    page, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    chosen = [entry for entry in entries(ROOT) if not names or entry['name'] in names]
    prepare()
    lines, wrong = [], 0
    for number, entry in enumerate(chosen, 1):
        try:
            reason = look(entry)
            lines.append(line(entry, reason))
            print(f"{number} of {len(chosen)}: {entry['name']}: noticed: {reason}", flush=True)
        except Failure as failure:
            wrong += 1
            print(f"{number} of {len(chosen)}: {failure}", file=sys.stderr, flush=True)
    if not names and not wrong:
        page.write_text(HEAD + '\n'.join(lines) + f'\n\nSeen at {head()[:12]}.\n', encoding='utf-8')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
