"""The steps of the demo, in order: the pipelines migrate, rollback, migrate's last part, return-home and cleanup.

`phase` is the word under which the load sums up its latencies from then on (what runs in the background leaves it
alone). tests/test_journey.py holds the order
against pipelines/.
"""

import dataclasses


CHANGING_VERBS = ('apply', 'start', 'switch', 'rollback', 'finish', 'remove')


@dataclasses.dataclass(frozen=True)
class Step:
    """One run of a program."""

    phase: str
    task: str
    verb: str
    arguments: tuple = ()
    # Where the service's writes are once it is done.
    live: str = ''
    # Runs beside the steps that follow, until `Stop`.
    background: bool = False
    # Its result's plan hash approves the next changing step.
    gate: bool = False
    # The name of a check that its result must show as passed.
    proof: str = ''
    # It must exit 3 with this message, and change nothing.
    refusal: str = ''

    @property
    def title(self) -> str:
        return ' '.join((self.task, self.verb, *self.arguments))

    @property
    def repeatable(self) -> bool:
        """Whether `--twice` runs it again: what changes something, and one that only looks for each task."""
        return not (self.background or self.gate or self.refusal) and (
            self.verb in CHANGING_VERBS or self.task == 'seed-verify')

    @property
    def in_databases(self) -> bool:
        return self.task in ('data-sync', 'route-switch', 'db-provision')


@dataclasses.dataclass(frozen=True)
class Hold:
    """Only load, so that there is something to lose: for some seconds, and until so many writes were acknowledged."""

    phase: str
    seconds: float
    writes: int = 0


@dataclasses.dataclass(frozen=True)
class Stop:
    """Ends what runs in the background: a switch has taken its work over by then."""


@dataclasses.dataclass(frozen=True)
class HookLook:
    """Looks whether the pre-hook of this DeploymentConfig's newest version has succeeded."""

    phase: str
    config: str

    @property
    def title(self) -> str:
        return f'pre-hook of {self.config}'


IN_USE = ("unable to remove 'app=platsrv-registry-flyway': 'route/registry-web-to-api' leads to "
          "'service/registry-api-flyway'")


def journey(seconds: float, writes: int) -> list:
    """`seconds` of load between the moves, and so many acknowledged writes before the way home."""
    follow = Step('sync', 'data-sync', 'follow', background=True)
    reverse = Step('reverse', 'data-sync', 'follow', ('--reverse',), background=True)
    return [
        Hold('before', seconds),
        *migrate(follow),
        Step('switch 1', 'route-switch', 'plan', gate=True),
        Step('switch 1', 'route-switch', 'switch', live='new'),
        Stop(),
        reverse,
        Hold('on the new side', seconds),
        Step('rollback', 'route-switch', 'rollback', live='old'),
        Stop(),
        follow,
        Hold('back on the old side', seconds),
        Step('switch 2', 'route-switch', 'plan', gate=True),
        Step('switch 2', 'route-switch', 'switch', live='new'),
        Stop(),
        reverse,
        Step('after', 'seed-verify', 'check', ('--phase', 'full', '--target', 'route')),
        Hold('after', seconds, writes),
        # While anything leads to what it would delete.
        Step('after', 'db-provision', 'remove', refusal=IN_USE),
        *return_home(),
        Hold('at home', seconds),
        *cleanup(),
        Hold('cleaned up', seconds / 2),
    ]


def migrate(follow: Step) -> list:
    return [
        Step('provision', 'nsp-apply', 'apply'),
        Step('provision', 'db-provision', 'apply'),
        Step('provision', 'nsp-apply', 'prove'),
        Step('provision', 'seed-verify', 'check', ('--phase', 'schema')),
        Step('provision', 'seed-verify', 'check', ('--phase', 'seeds')),
        Step('provision', 'seed-verify', 'check', ('--phase', 'anonymous', '--target', 'check')),
        Step('sync', 'data-sync', 'preflight'),
        Step('sync', 'data-sync', 'start'),
        follow,
        Step('sync', 'data-sync', 'verify'),
        Step('backup', 'backup-install', 'apply'),
        Step('backup', 'backup-install', 'check'),
        Step('backup', 'seed-verify', 'check', ('--phase', 'full', '--target', 'check')),
        Step('rehearsal', 'data-sync', 'rehearse'),
        Step('reverse', 'data-sync', 'start', ('--reverse',)),
    ]


def return_home() -> list:
    return [
        Step('return home', 'nsp-apply', 'apply', ('--home',)),
        Step('return home', 'db-provision', 'apply', ('--home', '--adopt-history'), proof='flyway validate'),
        HookLook('return home', 'registry-api'),
        Step('return home', 'data-sync', 'verify', ('--reverse',)),
        Step('switch home', 'route-switch', 'rollback', live='old'),
        Stop(),
    ]


def cleanup() -> list:
    return [
        Step('cleanup', 'data-sync', 'finish'),
        Step('cleanup', 'data-sync', 'remove'),
        Step('cleanup', 'backup-install', 'remove'),
        Step('cleanup', 'db-provision', 'remove'),
        Step('cleanup', 'nsp-apply', 'remove'),
    ]
