"""Running the six programs, each run's result and log kept in a file of its own."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import time

# An engine's variables would make the programs write for that engine.
ENGINES = ('GITHUB_', 'TEKTON_', 'CROSSOVER_STOP')

# The programs' exit code when what they need is not so.
REFUSED = 3


class StepFailed(Exception):
    """A step whose program did not end as it must; `text` is what to show."""

    def __init__(self, text: str):
        super().__init__(text)
        self.text = text


@dataclasses.dataclass
class Outcome:
    title: str
    seconds: float
    code: int
    document: dict

    @property
    def changed(self) -> str:
        return 'changed' if self.document.get('changed') else 'unchanged'


class Programs:
    def __init__(self, build: pathlib.Path, config: pathlib.Path, work: pathlib.Path, environment: dict):
        self.build, self.config, self.work = build, config, work
        own = {key: value for key, value in os.environ.items() if not key.startswith(ENGINES)}
        self.environment = {**own, **environment}
        self.runs = 0
        self.followers = []

    def start(self, step, arguments=()) -> tuple:
        """The process, with the files of its result and its log."""
        program = self.build / 'tasks' / step.task / step.task
        self.runs += 1
        base = self.work / f'{self.runs:02d}-{step.task}-{step.verb}'
        result, log = base.with_suffix('.json'), base.with_suffix('.log')
        command = [str(program), step.verb, '--config', str(self.config), '--output', 'json', *step.arguments,
                   *arguments]
        with open(result, 'wb') as out, open(log, 'wb') as err:
            try:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                           cwd=self.config.parent, env=self.environment, start_new_session=True)
            except OSError as error:
                raise StepFailed(f"unable to run '{program}': {error.strerror}") from None
        return process, result, log

    def run(self, step, arguments=(), minutes: float = 10) -> Outcome:
        began = time.monotonic()
        process, result, log = self.start(step, arguments)
        try:
            process.wait(timeout=minutes * 60)
        except subprocess.TimeoutExpired:
            raise StepFailed(f'{step.title}: not done after {minutes:g} minutes\nlog: {log}') from None
        finally:
            end(process)
        outcome = Outcome(step.title, time.monotonic() - began, process.returncode, document(result))
        objection = refused_otherwise(outcome, step.refusal) if step.refusal else unproven(outcome, step.proof)
        if objection:
            raise StepFailed('\n'.join((objection, failure(outcome, result, log))))
        return outcome

    def follow(self, step) -> None:
        self.followers.append((step, *self.start(step)))

    def check_followers(self) -> None:
        """One that ended by itself has failed, or the next step would wait for it in vain."""
        for step, process, result, log in self.followers:
            if process.poll() is not None:
                raise StepFailed(failure(Outcome(step.title, 0, process.returncode, document(result)), result, log))

    def stop_followers(self) -> None:
        for _, process, _, _ in self.followers:
            end(process)
        self.followers.clear()


def end(process, patience: float = 20) -> None:
    """Ctrl-C is asked for, which the programs answer at their next safe point."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def unproven(outcome: Outcome, proof: str) -> str:
    """Why the run is no success, or ''."""
    if outcome.code != 0:
        return f'{outcome.title} failed'
    passed = [check['name'] for check in outcome.document.get('checks', []) if check.get('outcome') == 'pass']
    return f"{outcome.title} does not show that '{proof}' passes" if proof and proof not in passed else ''


def refused_otherwise(outcome: Outcome, refusal: str) -> str:
    """Why the run is not the refusal that it must be, or ''."""
    message = (outcome.document.get('error') or {}).get('message', '')
    if outcome.code == REFUSED and message == refusal:
        return ''
    return f'{outcome.title}: not refused (exit {REFUSED}) by: {refusal}'


def document(path: pathlib.Path) -> dict:
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def failure(outcome: Outcome, result: pathlib.Path, log: pathlib.Path) -> str:
    """Error and hint of the result, what checks failed, and where to read on."""
    error = outcome.document.get('error') or {}
    lines = [f'{outcome.title}: exit {outcome.code}']
    if error.get('message'):
        lines.append(f'error: {error["message"]}')
    if error.get('hint'):
        lines.append(f'HINT: {error["hint"]}')
    failed = [check for check in outcome.document.get('checks', []) if check.get('outcome') == 'fail']
    lines += [f'failed: {check.get("name")}: {check.get("detail", "")}' for check in failed[:10]]
    if not error:
        lines += log.read_text(encoding='utf-8', errors='replace').splitlines()[-10:]
    return '\n'.join([*lines, f'result: {result}', f'log: {log}'])
