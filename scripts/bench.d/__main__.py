"""The program behind scripts/bench; see there."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time

import apply
import cutover
import data
import engine
import machine
import pause
import report
import start
import workshop

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = {'start': start, 'apply': apply, 'pause': pause, 'data': data, 'engine': engine, 'cutover': cutover}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='scripts/bench', description='Measures beside peers, in one run.')
    parser.add_argument('--rounds', type=int, help='of each measurement; default: what the row finds enough')
    parser.add_argument('--rate', type=int, help='of row cutover: writes/s to aim at; default: 1450')
    parser.add_argument('--output', choices=('text', 'json'), default='text')
    parser.add_argument('--file', type=pathlib.Path, help='write the figures there as JSON, too')
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build/bench', help='default: build/bench')
    parser.add_argument('row', nargs='*', help=' '.join(ROWS))
    given = parser.parse_args()
    for name in given.row:
        if name not in ROWS:
            parser.error(f"unable to measure '{name}': the rows are {' '.join(ROWS)}")
    return given


def interrupted(number, _frame):
    # As an exception it passes every `with`, which takes down what was brought up.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    given = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, interrupted)
    names = [name for name in ROWS if not given.row or name in given.row]
    began = time.time()
    tables, complaints = [], []
    try:
        with workshop.Workshop(ROOT, given.build.resolve(), given.rounds, given.rate) as shop:
            shop.build([target for name in names for target in ROWS[name].TARGETS])
            facts = machine.describe(ROOT)
            if given.output == 'text':
                print(report.heading(facts), flush=True)
            for name in names:
                try:
                    for table in ROWS[name].measure(shop):
                        tables.append(table)
                        if given.output == 'text':
                            print('\n' + report.text(table), flush=True)
                except workshop.Failure as failure:
                    complaints.append(f'{name}: {failure}')
                    print(f'bench: {name}: {failure}', file=sys.stderr, flush=True)
    except workshop.Failure as failure:
        print(f'bench: {failure}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 130
    document = report.document(facts, tables, complaints, began, time.time())
    if given.output == 'json':
        print(json.dumps(document, indent=2))
    if given.file:
        part = given.file.with_suffix('.part')
        part.write_text(json.dumps(document, indent=2) + '\n')
        os.replace(part, given.file)
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
