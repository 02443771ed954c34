"""The program behind scripts/demo; see there."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time

import load
import parts
import programs
import report
import screen
import set_up
import snapshot
import view
import world
from journey import Hold, HookLook, Step, Stop, journey

BUDGET_SECONDS = 120


class Demo:
    def __init__(self, arguments):
        self.arguments = arguments
        self.build = arguments.build or world.ROOT / 'build/release'
        self.work = world.fresh_folder(arguments.work.resolve())
        self.commands = world.Commands(self.work)
        self.facts = report.Facts()
        self.load = self.sandbox = self.registry = self.programs = self.viewer = None
        self.screen = screen.Screen(lambda: self.load.status() if self.load else {})
        self.approved = ''

    def part(self, name: str, work, *parameters) -> None:
        """A part of the set-up with its time."""
        self.screen.begin(name)
        try:
            work(*parameters)
        except BaseException as error:
            self.screen.done('ended' if isinstance(error, world.Stopped) else 'failed', good=False, title=name)
            raise
        self.facts.parts.append((name, self.screen.done(title=name)))

    # ---- set-up

    def set_up(self) -> None:
        began = time.monotonic()
        self.part('packages', self.commands.run, world.SCRIPTS / 'install-packages', 'build', 'sandbox')
        self.sandbox = world.Sandbox(self.commands.of('sandbox'))
        self.registry = world.Registry(self.sandbox, self.commands.of('registry'), self.work)
        parts.run(set_up.table(self.sandbox, self.registry, self.commands, self.build, self.arguments.build is None),
                  lambda part: self.part(part.name, part.work), self.commands.running.stop)
        self.facts.parts.append(('set-up, all of it', time.monotonic() - began))
        self.programs = programs.Programs(
            self.build, self.registry.configuration(), self.work,
            {'KUBECONFIG': self.sandbox.kubeconfig, 'PATH': f'{world.CACHE}/bin:{os.environ["PATH"]}',
             'REGISTRY_TOKEN': 'demo'})

    def open_viewer(self) -> None:
        self.viewer = view.Viewer(self.sandbox, (world.NAMESPACE, world.TOOLS_NAMESPACE))

    def start_load(self) -> None:
        url = f'http://{self.sandbox.node_address()}'
        self.load = load.Load(world.CACHE / 'bin/registry-load', self.work, url, world.HOST, self.arguments.rate)
        self.part('32 writers', self.load.start)

    # ---- the migration

    def migrate(self) -> None:
        began = time.monotonic()
        for item in journey(self.arguments.seconds, self.arguments.writes):
            if isinstance(item, Stop):
                self.programs.stop_followers()
                continue
            if not self.arguments.twice and only_with_twice(item):
                continue
            if isinstance(item, Step) and item.background:
                self.programs.follow(item)
            else:
                self.load.phase(item.phase)
                self.one(item)
            self.facts.steps += 1
        self.facts.parts.append(('migration', time.monotonic() - began))

    def one(self, item) -> None:
        if isinstance(item, Hold):
            self.hold(item)
        elif isinstance(item, HookLook):
            self.look_at_hook(item)
        elif item.refusal:
            self.refused(item)
        else:
            self.step(item)

    def hold(self, item: Hold) -> None:
        self.screen.begin(f'load: {item.phase}')
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < item.seconds or self.load.status().get('acked', 0) < item.writes:
            if not self.load.running():
                raise programs.StepFailed(f'the load has ended by itself; log: {self.load.log}')
            self.programs.check_followers()
            if elapsed > item.seconds + BUDGET_SECONDS:
                raise programs.StepFailed(f'fewer than {item.writes:,} acknowledged writes in {elapsed:.0f} s')
            time.sleep(0.1)
        self.screen.done()

    def run_program(self, step: Step, title: str, approval=()) -> programs.Outcome:
        self.screen.begin(title)
        try:
            return self.programs.run(step, approval)
        except programs.StepFailed:
            self.screen.done('failed', good=False)
            raise

    def step(self, step: Step) -> None:
        approval = ('--approved-plan', self.approved) if step.live and self.approved else ()
        outcome = self.run_program(step, step.title, approval)
        paused = outcome.document.get('metrics', {}).get('paused_seconds')
        self.screen.done(outcome.changed if paused is None else f'{paused * 1000:.0f} ms')
        self.approved = outcome.document.get('plan_sha256', '') if step.gate else ''
        if step.live:
            self.facts.side = step.live
            self.facts.moves.append((step.phase, outcome.document))
        if self.arguments.twice and step.repeatable:
            self.again(step, approval)

    def again(self, step: Step, approval: tuple) -> None:
        """A second run says that it changed nothing, and has changed nothing."""
        before = self.viewer.take(step.in_databases)
        outcome = self.run_program(step, f'again: {step.title}', approval)
        wrong = [] if outcome.changed == 'unchanged' else [
            f'it says that it changed {change.get("object")}: {change.get("action")} {change.get("detail", "")}'.rstrip()
            for change in outcome.document.get('changes') or [{'object': 'something', 'action': ''}]]
        self.judge(f'{step.title}, run twice', wrong + snapshot.differences(before, self.viewer.take(step.in_databases)),
                   outcome.changed)
        self.facts.repeated += 1

    def refused(self, step: Step) -> None:
        before = self.viewer.take(step.in_databases)
        self.run_program(step, f'too early: {step.title}')
        after = self.viewer.take(step.in_databases)
        self.judge(f'{step.title}, refused', snapshot.differences(before, after, snapshot.EVIDENCE), 'refused')

    def judge(self, what: str, wrong: list, note: str) -> None:
        """Goes on when something is wrong: the steps that follow may tell more."""
        self.screen.done(f'{len(wrong)} wrong' if wrong else note, good=not wrong)
        self.facts.problems += [f'{what}: {line}' for line in wrong]
        for line in wrong[:10]:
            self.screen.say(f'    {line}')

    def look_at_hook(self, item: HookLook) -> None:
        self.screen.begin(item.title)
        phase = self.registry.hook_phase(item.config)
        wrong = [] if phase == 'Succeeded' else [f'its pod is {phase or "not there"}']
        self.judge(item.title, wrong, phase)

    # ---- the end

    def settle(self) -> None:
        """Ends the load and compares, whatever happened before."""
        self.commands.running.stop()
        if self.programs:
            self.programs.stop_followers()
        if not self.load:
            return
        self.facts.load = self.load.stop()
        sides = [self.facts.side]
        if self.facts.problems:
            # It ended half-way: the database that the service writes to may be the other one.
            sides.append('new' if self.facts.side == 'old' else 'old')
        for side in sides:
            try:
                found = self.registry.check(side, self.load.journal)
            except RuntimeError as error:
                self.screen.say(f'{error}')
                continue
            if not self.facts.check or found['differences'] < self.facts.check['differences']:
                self.facts.check, self.facts.side = found, side

    def look_for_leftovers(self) -> None:
        found = self.registry.leftovers()
        if found:
            self.facts.problems.append(f'still bears {world.TEMPORARY_LABEL}: {", ".join(found[:10])}')

    def tear_down(self) -> None:
        if self.viewer:
            self.viewer.close()
            self.viewer = None
        if self.arguments.keep or not self.sandbox:
            return
        if not self.sandbox.was_up:
            self.part('sandbox down', self.sandbox.down, world.Commands(self.work, 'down'))

    def run(self) -> None:
        self.set_up()
        if self.arguments.twice:
            self.open_viewer()
        self.start_load()
        self.migrate()
        self.look_for_leftovers()

    def tell(self) -> int:
        for line in report.lines(self.facts):
            self.screen.say(line)
        complaints = self.facts.complaints()
        self.screen.say('')
        for complaint in complaints:
            self.screen.say(self.screen.paint(complaint, '31'))
        if self.arguments.keep and self.sandbox:
            self.screen.say(KEPT.format(kubectl=self.sandbox.kubectl, kubeconfig=self.sandbox.kubeconfig,
                                        work=self.work, namespace=world.NAMESPACE, script=self.sandbox.script))
        passed = self.facts.steps + self.facts.repeated + (2 if not complaints else 0)
        self.screen.say(f'results and logs: {self.work}')
        self.screen.say(f'demo: {passed} passed, {len(complaints)} failed')
        (self.work / 'summary.json').write_text(json.dumps({**vars(self.facts), 'complaints': complaints}, indent=1),
                                                encoding='utf-8')
        return 1 if complaints else 0


KEPT = """it is still running; to look at it:
  export KUBECONFIG={kubeconfig}
  {kubectl} --namespace {namespace} get all
  cd {work}    # crossover.yaml is there
  {script} down    # when done"""


def only_with_twice(item) -> bool:
    return isinstance(item, HookLook) or (isinstance(item, Step) and bool(item.refusal))


def interrupted(number, _frame):
    # As an exception it passes every `finally`, which end what was started.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def parse():
    parser = argparse.ArgumentParser(prog='scripts/demo', description='Moves a live service to another database and '
                                     'back home, under load, in a real cluster.')
    parser.add_argument('--quick', action='store_true', help='less load between the moves')
    parser.add_argument('--twice', action='store_true',
                        help='run each step that changes something once more and compare all objects before and '
                             'after, try the removal too early, look at the hook of home')
    parser.add_argument('--rate', type=float, default=350, help='writes a second (default 350)')
    parser.add_argument('--keep', action='store_true', help='leave the cluster running at the end')
    parser.add_argument('--build', type=pathlib.Path, help='a build to use instead of making build/release')
    parser.add_argument('--work', type=pathlib.Path, default=world.ROOT / 'build/demo',
                        help='folder of results and logs (default build/demo)')
    arguments = parser.parse_args()
    arguments.seconds, arguments.writes = (3, 3000) if arguments.quick else (5, 22000)
    if arguments.build:
        arguments.build = arguments.build.resolve()
    return arguments


def main() -> int:
    arguments = parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, interrupted)
    demo = Demo(arguments)
    code = 1
    try:
        try:
            demo.run()
        except (programs.StepFailed, RuntimeError) as error:
            demo.facts.problems.append(str(error).splitlines()[0])
            demo.screen.say('\n'.join(f'    {line}' for line in str(error).splitlines()))
        finally:
            demo.settle()
        demo.tear_down()
        code = demo.tell()
    except KeyboardInterrupt:
        demo.screen.say('interrupted')
        demo.tear_down()
        code = 130
    finally:
        demo.screen.close()
    return code


if __name__ == '__main__':
    sys.exit(main())
