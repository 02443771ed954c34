"""What stands before the migration begins: the programs, the sandbox and in it the registry."""

import functools
import pathlib

import world
from parts import Part

IMAGE = world.CACHE / 'images/crossover.tar'


def table(sandbox: world.Sandbox, registry: world.Registry, commands: world.Commands, build: pathlib.Path,
          to_be_built: bool) -> list:
    """The parts, each with a log of its own. `to_be_built`: `build` is not there yet, or may be of other sources.

    What is on the way to the running registry has the processor first; the rest takes what that leaves while it waits.
    """
    def run(name: str, *command):
        return functools.partial(commands.of(name).run, *command)

    go, make_image = world.SCRIPTS / 'sandbox.d/build-go', world.SCRIPTS / 'sandbox.d/images/make-image'
    return [
        *([Part('build', functools.partial(compile_programs, commands.of('build'), build))] if to_be_built else []),
        Part('programs of the cluster', run('cluster', go, 'cluster')),
        Part('images of packages', run('images', make_image, '--of-packages')),
        Part('sandbox', sandbox.up, ('programs of the cluster', 'images of packages')),
        Part('the API', run('api', world.FIXTURE / 'image'), ('programs of the cluster',)),
        Part('the registry, as it was', registry.fresh, ('sandbox', 'the API')),
        Part('Helm', run('helm', 'nice', '-n', '5', go, 'helm'), ('programs of the cluster',)),
        Part("Crossover's image", run('image', world.SCRIPTS / 'image', build, IMAGE),
             ('images of packages', 'Helm', *(['build'] if to_be_built else []))),
        Part('its way into the sandbox', functools.partial(sandbox.load, IMAGE), ('sandbox', "Crossover's image")),
    ]


def compile_programs(commands: world.Commands, build: pathlib.Path) -> None:
    cache = {'CCACHE_BASEDIR': str(world.ROOT), 'CCACHE_NOHASHDIR': '1'}
    commands.run('cmake', '--preset', 'release', '-B', build, environment=cache)
    commands.run('nice', '-n', '10', 'cmake', '--build', build, '-j2', environment=cache)
