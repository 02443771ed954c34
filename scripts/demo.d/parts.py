"""Parts of the set-up that run side by side, each as soon as those that it needs are done."""

import concurrent.futures
import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    work: typing.Callable
    needs: tuple = ()


def run(parts: list, one, stop=lambda: None) -> None:
    """Calls `one(part)` for each, in a thread of its own.

    After a failure none is begun any more; `stop` is called, which should make those that run end early; when they have,
    that failure is raised. An exception in the waiting thread itself (an interrupt) leaves the threads to whoever ends
    their programs.
    """
    waiting, done, running = list(parts), set(), {}
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=len(parts))
    failure = None
    try:
        while running or (waiting and not failure):
            for part in [part for part in waiting if not failure and done.issuperset(part.needs)]:
                waiting.remove(part)
                running[pool.submit(one, part)] = part
            if not running:
                raise ValueError(f'these parts wait for each other: {", ".join(part.name for part in waiting)}')
            ended, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
                done.add(running.pop(future).name)
                if future.exception() and not failure:
                    failure = future.exception()
                    stop()
    finally:
        pool.shutdown(wait=False)
    if failure:
        raise failure
