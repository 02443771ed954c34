"""The table at the end, and whether all is well. Pure."""

import dataclasses


@dataclasses.dataclass
class Facts:
    """What the demo has seen."""

    load: dict = dataclasses.field(default_factory=dict)
    check: dict = dataclasses.field(default_factory=dict)
    side: str = 'old'
    # Title and result document of each switch and rollback.
    moves: list = dataclasses.field(default_factory=list)
    # Name and seconds of each part (packages, build, ...).
    parts: list = dataclasses.field(default_factory=list)
    # Steps that were done, and what made the demo end early.
    steps: int = 0
    # Second runs.
    repeated: int = 0
    problems: list = dataclasses.field(default_factory=list)

    def complaints(self) -> list:
        """Everything for which the demo must exit 1."""
        found = list(self.problems)
        if not self.load:
            found.append('there is no report of the load')
        elif self.load.get('failed'):
            found.append(f'{self.load["failed"]:,} requests failed')
        if self.load and not self.check:
            found.append('the writes could not be checked')
        elif self.check.get('differences'):
            found.append(f'{self.check["differences"]:,} differences between what was acknowledged and what is there')
        return found


def table(rows: list, right: int = 1) -> list:
    """Columns as wide as need be; the first is text, those from `right` on are numbers."""
    widths = [max(len(str(row[n])) for row in rows) for n in range(len(rows[0]))]
    return ['  '.join(f'{str(cell):>{width}}' if n >= right else f'{str(cell):<{width}}'
                      for n, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]


def totals(facts: Facts) -> list:
    load, check = facts.load, facts.check
    rows = [('acknowledged writes', f'{load.get("acked", 0):,}'), ('failed requests', f'{load.get("failed", 0):,}')]
    if check:
        rows += [('lost', f'{len(check["lost"]):,}'),
                 ('written twice', f'{len(check["duplicates"]):,}'),
                 ('rows missing or come back', f'{len(check["missing_rows"]) + len(check["undeleted_rows"]):,}'),
                 ('counter sum expected', f'{check["counter_expected"]:,}'),
                 ('counter sum found', f'{check["counter_found"]:,}')]
    if facts.repeated:
        rows.append(('steps that changed nothing when run again', f'{facts.repeated:,}'))
    rows.append(('writes a second', f'{load.get("rate", 0):.0f} of {load.get("wanted_rate", 0):.0f}'))
    return table(rows)


def phases(load: dict) -> list:
    rows = [('latency by phase', 'writes', 'failed', 'per s', 'p50 ms', 'p99 ms', 'max ms', 'longest gap ms')]
    rows += [(phase['name'], f'{phase["acked"]:,}', phase['failed'], f'{phase["rate"]:.0f}', f'{phase["p50_ms"]:.1f}',
              f'{phase["p99_ms"]:.1f}', f'{phase["max_ms"]:.1f}', f'{phase["longest_gap_ms"]:.0f}')
             for phase in load.get('phases') or []]
    return table(rows) if len(rows) > 1 else []


def pauses(moves: list) -> list:
    """The parts of each pause are those that its result document names, in their order."""
    paused = [(title, document['metrics'], in_pause([phase['name'] for phase in document.get('phases', [])]))
              for title, document in moves if 'paused_seconds' in document.get('metrics', {})]
    parts = list(dict.fromkeys(name for _, _, names in paused for name in names))
    rows = [('PAUSE to RESUME', 'ms', *parts)]
    for title, metrics, names in paused:
        rows.append((title, milliseconds(metrics['paused_seconds']),
                     *(milliseconds(metrics[f'{part}_seconds']) if part in names else '-' for part in parts)))
    return table(rows) if paused else []


def in_pause(names: list) -> list:
    """Without what comes before PAUSE and after RESUME, as leading the route does."""
    return names[names.index('pause'):names.index('resume') + 1] if {'pause', 'resume'} <= set(names) else []


def milliseconds(seconds: float) -> str:
    return f'{seconds * 1000:.1f}'


def lines(facts: Facts) -> list:
    """The whole report."""
    blocks = [totals(facts), phases(facts.load), pauses(facts.moves),
              table([('part', 'seconds'), *((name, f'{seconds:.0f}') for name, seconds in facts.parts)])]
    text = [line for block in blocks if block for line in ('', *block)]
    failures = [f'{failure["time"]} {failure["phase"]}: {failure["operation"]} by writer {failure["writer"]}: '
                f'{failure["status"]} {failure["text"]}' for failure in (facts.load.get('failures') or [])[:10]]
    if failures:
        text += ['', 'the first failed requests', *failures]
    return text
