"""Image definitions: tests/fixtures/images/NAME/image.toml.

    tag      = "localhost/crossover/NAME:VERSION"
    base     = "debian13"       # another definition whose layers lie below; none: an empty image
    suite    = "trixie"         # only for a base: the Debian release that mmdebstrap unpacks
    packages = ["pgbouncer"]    # Debian packages put on top of the base
    prepare  = "prepare"        # program beside the definition, run with the layer's root as argument
    programs = ["coredns"]      # programs from the cache of built ones, put into /usr/local/bin
    [config]                    # Env, Entrypoint, Cmd, User, WorkingDir as in the OCI image configuration
"""

import dataclasses
import hashlib
import pathlib
import tomllib


@dataclasses.dataclass(frozen=True)
class Definition:
    name: str
    folder: pathlib.Path
    tag: str
    base: 'Definition | None'
    suite: str | None
    packages: tuple[str, ...]
    prepare: str | None
    programs: tuple[str, ...]
    config: dict

    @property
    def runs(self):
        """Whether there is anything to run; otherwise it is only there to lie below others."""
        return 'Entrypoint' in self.config or 'Cmd' in self.config

    def digest(self, builder, programs):
        """A digest over everything that the image is made of, but for the archive's package versions."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob('*')):
            if path.is_file():
                digest.update(path.name.encode() + b'\0' + path.read_bytes() + b'\0')
        for name in self.programs:
            digest.update((programs / name).read_bytes())
        digest.update(builder.encode())
        if self.base:
            digest.update(self.base.digest(builder, programs).encode())
        return digest.hexdigest()


def load(root, name):
    """Reads the definition `name` under the folder `root`; KeyError or tomllib errors for a broken one."""
    folder = pathlib.Path(root) / name
    with open(folder / 'image.toml', 'rb') as file:
        table = tomllib.load(file)
    known = {'tag', 'base', 'suite', 'packages', 'prepare', 'programs', 'config'}
    if unknown := set(table) - known:
        raise ValueError(f"unable to read '{folder}/image.toml': unknown keys {sorted(unknown)}")
    return Definition(
        name=name,
        folder=folder,
        tag=table['tag'],
        base=load(root, table['base']) if 'base' in table else None,
        suite=table.get('suite'),
        packages=tuple(table.get('packages', ())),
        prepare=table.get('prepare'),
        programs=tuple(table.get('programs', ())),
        config=table.get('config', {}),
    )
