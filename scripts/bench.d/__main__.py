"""The program behind scripts/bench; see there."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time

import apply
import capture
import capture_log
import cutover
import data
import engine
import machine
import pause
import rates
import report
import start
import workshop

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = {'start': start, 'apply': apply, 'pause': pause, 'rates': rates, 'capture': capture, 'log': capture_log,
        'data': data, 'engine': engine, 'cutover': cutover}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='scripts/bench', description='Measures beside peers, in one run.')
    parser.add_argument('--rounds', type=int, help='of each measurement; default: what the row finds enough')
    parser.add_argument('--rate', type=int, help='of rows cutover, capture and log: writes/s; default: 1450, 500, 500')
    parser.add_argument('--kinds', type=lambda text: listed(text, data.KINDS), metavar='KIND,...',
                        help=f'of row data: kinds of rows; default: {",".join(data.KINDS)}')
    parser.add_argument('--millions', type=lambda text: [int(part) for part in text.split(',')], metavar='N,...',
                        help='of rows data and engine: millions of rows; default: 1,3,10')
    parser.add_argument('--samples', type=pathlib.Path, help='of rows data, engine and capture: add this run\'s rounds to '
                        'the file and tell all that are in it; with --rounds 0 measure none')
    parser.add_argument('--output', choices=('text', 'json'), default='text')
    parser.add_argument('--file', type=pathlib.Path, help='write the figures there as JSON, too')
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build/bench', help='default: build/bench')
    parser.add_argument('row', nargs='*', help=' '.join(ROWS))
    given = parser.parse_args()
    for name in given.row:
        if name not in ROWS:
            parser.error(f"unable to measure '{name}': the rows are {' '.join(ROWS)}")
    return given


def listed(text: str, known: tuple) -> list:
    """As argparse wants it: what is given, or an error."""
    names = text.split(',')
    for name in names:
        if name not in (*known, 'mixed'):
            raise argparse.ArgumentTypeError(f"no kind '{name}': {' '.join(known)} mixed")
    return names


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
        with workshop.Workshop(ROOT, given.build.resolve(), given) as shop:
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
