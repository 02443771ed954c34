"""Image archives in the form that `docker save` writes and `ctr images import` reads."""

import hashlib
import io
import json
import os
import stat
import tarfile

CHUNK = 1 << 20


def file_digest(path):
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_layer(root, out, newer_than):
    """Writes the tree under `root` as a layer to `out` (a path), sorted and without the build's traces.

    Files that the build itself made (modification time at or after `newer_than`) get time 1, so that two
    builds of the same packages are equal bit by bit. Files from packages keep their own times: Python
    compares them with those in its compiled modules. overlayfs marks a deleted file by a character device
    0/0; a layer marks it by an empty file `.wh.NAME`.
    """

    def entry(path, name):
        info = archive.gettarinfo(path, name)
        if info is None:  # a socket
            return
        info.uname = info.gname = ''
        if info.mtime >= newer_than:
            info.mtime = 1
        info.mtime = int(info.mtime)
        mode = os.lstat(path)
        if stat.S_ISCHR(mode.st_mode) and mode.st_rdev == 0:
            mark = tarfile.TarInfo(os.path.join(os.path.dirname(name), '.wh.' + os.path.basename(name)))
            archive.addfile(mark)
        elif info.isreg():
            with open(path, 'rb') as file:
                archive.addfile(info, file)
        else:
            archive.addfile(info)

    def walk(folder, prefix):
        for name in sorted(os.listdir(folder)):
            path, inside = os.path.join(folder, name), os.path.join(prefix, name)
            entry(path, inside)
            if os.path.isdir(path) and not os.path.islink(path):
                walk(path, inside)

    with tarfile.open(out, 'w', format=tarfile.GNU_FORMAT) as archive:
        walk(root, '')


def write_image(tag, layers, config, out):
    """Writes the image `tag` of the layer files `layers` (lowest first) to `out`, by way of a scratch name."""
    digests = [file_digest(layer) for layer in layers]
    body = json.dumps({
        'architecture': 'amd64',
        'os': 'linux',
        'created': '1970-01-01T00:00:00Z',
        'config': config,
        'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + digest for digest in digests]},
    }, sort_keys=True).encode()
    body_name = hashlib.sha256(body).hexdigest() + '.json'
    members = [digest + '/layer.tar' for digest in digests]
    manifest = json.dumps([{'Config': body_name, 'RepoTags': [tag], 'Layers': members}]).encode()

    scratch = f'{out}.{os.getpid()}'
    with tarfile.open(scratch, 'w', format=tarfile.GNU_FORMAT) as archive:
        for name, content in (('manifest.json', manifest), (body_name, body)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for layer, name in zip(layers, members):
            info = tarfile.TarInfo(name)
            info.size = os.path.getsize(layer)
            with open(layer, 'rb') as file:
                archive.addfile(info, file)
    os.replace(scratch, out)


def read_manifest(path):
    """The (tag, config digest) of an image archive; the digest changes whenever anything in the image does."""
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile('manifest.json'))[0]
    return manifest['RepoTags'][0], manifest['Config'].removesuffix('.json')
