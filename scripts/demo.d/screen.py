"""The timeline: a line for each step that is done, and on a terminal a line that lives below them."""

import os
import sys
import threading
import time

BAR = 20


def bar(seconds: float) -> str:
    """One block a second, at most BAR of them; the last is cut to eighths."""
    eighths = min(round(seconds * 8), BAR * 8)
    blocks = '█' * (eighths // 8) + ('', *'▏▎▍▌▋▊▉')[eighths % 8]
    return (blocks or '▏') + (' ' * (BAR - len(blocks or '▏')))


def counts(status: dict) -> str:
    """What the load says of itself; nothing before it runs."""
    if not status:
        return ''
    return f'{status.get("acked", 0):>8,} acknowledged  {status.get("failed", 0)} failed'


def recent_rate(status: dict) -> float:
    """Acknowledged writes a second over the last whole seconds."""
    rows = status.get('timeline') or []
    whole = rows[-6:-1]
    return sum(row['acked'] for row in whole) / len(whole) if whole else 0.0


class Screen:
    def __init__(self, load_status, out=sys.stdout):
        self.out, self.load_status = out, load_status
        self.live = out.isatty()
        self.colour = self.live and not os.environ.get('NO_COLOR')
        self.began = time.monotonic()
        # Title and begin of what is under way, in the order in which it was begun.
        self.under_way = {}
        self.mutex = threading.Lock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.refresh, daemon=True)
        self.thread.start()

    def begin(self, title: str) -> None:
        with self.mutex:
            self.under_way[title] = time.monotonic()

    def done(self, note: str = '', good: bool = True, title: str = '') -> float:
        """Writes the line of the step with this title, or of the one begun last, and returns its seconds."""
        now = time.monotonic()
        with self.mutex:
            title = title or next(reversed(self.under_way))
            seconds = now - self.under_way.pop(title)
            mark = self.paint('✓', '32') if good else self.paint('✗', '31')
            self.line(f'{now - self.began:7.1f}  {mark} {title:<46.46}{seconds:7.1f} s  {bar(seconds)}  {note:<9}  '
                      f'{counts(self.load_status())}')
        return seconds

    def say(self, text: str) -> None:
        with self.mutex:
            self.line(text)

    def close(self) -> None:
        self.ended.set()
        self.thread.join()
        with self.mutex:
            self.clear()

    def refresh(self) -> None:
        """On a terminal the living line; elsewhere a line every 15 seconds, so that a log shows life."""
        while not self.ended.wait(0.25 if self.live else 15):
            with self.mutex:
                if not self.under_way:
                    continue
                status = self.load_status()
                now = time.monotonic()
                seconds = now - next(iter(self.under_way.values()))
                text = f'{now - self.began:7.1f}  … {", ".join(self.under_way):<46.46}{seconds:7.1f} s'
                if status:
                    text += f'  {counts(status)}  {recent_rate(status):.0f}/s'
                if self.live:
                    self.out.write('\r\x1b[2K' + text)
                    self.out.flush()
                elif seconds > 14:
                    print(text, file=self.out, flush=True)

    def line(self, text: str) -> None:
        self.clear()
        print(text.rstrip(), file=self.out, flush=True)

    def clear(self) -> None:
        if self.live:
            self.out.write('\r\x1b[2K')

    def paint(self, text: str, code: str) -> str:
        return f'\x1b[{code}m{text}\x1b[0m' if self.colour else text
