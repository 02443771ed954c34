"""The preparations and suites of scripts/test, in order, each with its budget.

They are limits for a slow machine that has nothing yet, so that a part that hangs ends well before CI's 90 minutes; what
a part really took is printed.
"""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Part:
    """One command. Over its budget it is ended and has failed."""

    name: str
    minutes: float
    command: tuple
    # How its output is counted: a name of counts.COUNTERS. Empty for preparations.
    counter: str = ''
    environment: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    parts: tuple
    # Preparations that it needs, by name.
    needs: tuple = ()
    # Folders without which the suite has nothing to run; a suite that is there and runs no test has failed.
    folders: tuple = ()
    # Brought up before and taken down afterwards, unless it was up: the level of the sandbox, and its instance.
    sandbox: str = ''
    # Only run when it is named.
    by_name: bool = False


SANDBOX_INSTANCE = 'test'


def preparations(root: pathlib.Path, build: pathlib.Path) -> dict:
    scripts = root / 'scripts'
    configure = ('cmake', '--preset', 'debug', '-B', str(build))
    return {part.name: part for part in (
        Part('packages', 10, (str(scripts / 'install-packages'), 'build', 'sandbox', 'test')),
        Part('configure', 3, configure),
        Part('build', 30, ('cmake', '--build', str(build), '-j2')),
        Part('postgres', 8, (str(scripts / 'postgres-binaries'),)),
    )}


def ctest(suite: str, minutes: float, build: pathlib.Path, jobs: int) -> Part:
    report = build / f'{suite}.xml'
    return Part(suite, minutes, (
        'ctest', '--test-dir', str(build), '--label-regex', f'^{suite}$', '--parallel', str(jobs),
        '--timeout', str(int(minutes * 60)), '--output-junit', str(report),
        # The whole output goes to the report: the counts of test cases stand at its end.
        '--test-output-size-passed', '10000000', '--test-output-size-failed', '10000000'), 'ctest',
        {'CTEST_REPORT': str(report)})


def unittest(folder: pathlib.Path, top: pathlib.Path) -> Part:
    return Part('python', 2, ('python3', '-B', '-m', 'unittest', 'discover', '-s', str(folder), '-t', str(top)),
                'unittest')


def suites(root: pathlib.Path, build: pathlib.Path) -> tuple:
    scripts, tests = root / 'scripts', root / 'tests'
    controllers, images = scripts / 'sandbox.d/controllers', scripts / 'sandbox.d/images/tests'
    built = ('packages', 'configure', 'build')
    python = (unittest(controllers, controllers), unittest(images, images),
              unittest(scripts / 'test.d/tests', scripts / 'test.d/tests'),
              unittest(scripts / 'demo.d/tests', scripts / 'demo.d/tests'),
              unittest(scripts / 'bench.d/tests', scripts / 'bench.d/tests'),
              unittest(scripts / 'check.d/tests', scripts / 'check.d/tests'))
    return (
        Suite('unit', (ctest('unit', 6, build, 2),), built, (tests / 'unit',)),
        Suite('contract', (ctest('contract', 5, build, 2),), built, (tests / 'contract',)),
        Suite('cli', (ctest('cli', 5, build, 2),), built, (tests / 'cli',)),
        # One at a time: deadlines of these tests are those of a machine that does nothing else.
        Suite('integration', (ctest('integration', 70, build, 1),), built + ('postgres',), (tests / 'integration',),
              'control-plane'),
        Suite('python', python, ('packages',)),
        Suite('registry', (Part('registry', 4, (str(tests / 'fixtures/registry/test'),), 'last_line'),),
              ('packages',)),
        # The whole journey under load. At a lower rate than the demo's own: what is asserted is that nothing fails and
        # nothing is lost, not what the machine can do.
        Suite('cluster', (Part('cluster', 35, (str(scripts / 'demo'), '--quick', '--twice', '--rate', '200',
                                '--build', str(build)),
                               'last_line'),), built),
        # In the demo's sandbox too: staying on the new set under load, and every way of running Flyway.
        Suite('stay', (Part('stay', 15, (str(tests / 'cluster/stay'), '--quick', '--build', str(build), '--work',
                                         str(build / 'stay')), 'last_line'),), built, by_name=True),
        Suite('flyway', (Part('flyway', 20, (str(tests / 'cluster/flyway'), '--build', str(build), '--work',
                                             str(build / 'flyway')), 'last_line'),), built, by_name=True),
    )
