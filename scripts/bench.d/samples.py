"""Every round that was measured. In a file, if one was named: what takes long may be measured in parts."""

import json
import os
import pathlib


class Samples:
    """Rounds by row and case. A round is {contestant: {figure: number}}, and counts only as a whole."""

    def __init__(self, file: pathlib.Path | None = None):
        self.file = file
        self.rounds = json.loads(file.read_text()) if file and file.exists() else {}

    def of(self, row: str, case: str) -> list:
        return self.rounds.get(row, {}).get(case, [])

    def add(self, row: str, case: str, measured: dict) -> None:
        self.rounds.setdefault(row, {}).setdefault(case, []).append(measured)
        if self.file:
            part = self.file.with_suffix('.part')
            part.write_text(json.dumps(self.rounds, indent=1) + '\n')
            os.replace(part, self.file)


def figures(rounds: list, contestant: str, figure: str) -> list:
    """One figure of one contestant, a round each."""
    return [measured[contestant][figure] for measured in rounds]


def turned(names: list, turn: int) -> list:
    """The order of a round: everybody is first once."""
    return names[turn % len(names):] + names[:turn % len(names)]
