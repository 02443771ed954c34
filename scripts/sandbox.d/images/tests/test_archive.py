"""Layers and image archives: what they hold, and that the same files give the same bytes."""

import json
import os
import pathlib
import sys
import tarfile
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import archive  # noqa: E402  (the path must be set first)
import definition  # noqa: E402


class LayerTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.root = self.scratch / 'root'
        (self.root / 'etc').mkdir(parents=True)
        (self.root / 'etc/new').write_text('built')
        (self.root / 'etc/old').write_text('packaged')
        os.utime(self.root / 'etc/old', (1000, 1000))
        (self.root / 'link').symlink_to('etc/old')

    def layer(self, name, newer_than=2000):
        out = self.scratch / name
        archive.write_layer(self.root, out, newer_than)
        return out

    def test_packaged_files_keep_their_time_and_built_ones_lose_it(self):
        with tarfile.open(self.layer('a')) as layer:
            self.assertEqual(layer.getmember('etc/old').mtime, 1000)
            self.assertEqual(layer.getmember('etc/new').mtime, 1)
            self.assertEqual(layer.getnames(), ['etc', 'etc/new', 'etc/old', 'link'])
            self.assertEqual(layer.getmember('link').linkname, 'etc/old')

    def test_the_same_files_give_the_same_bytes(self):
        first = self.layer('a').read_bytes()
        (self.root / 'etc/new').unlink()
        (self.root / 'etc/new').write_text('built')
        self.assertEqual(self.layer('b').read_bytes(), first)

    @unittest.skipUnless(os.geteuid() == 0, 'only root makes device files')
    def test_a_deleted_file_becomes_a_whiteout(self):
        os.mknod(self.root / 'etc/gone', 0o20000, os.makedev(0, 0))
        with tarfile.open(self.layer('a')) as layer:
            self.assertIn('etc/.wh.gone', layer.getnames())
            self.assertNotIn('etc/gone', layer.getnames())

    def test_the_manifest_tells_tag_and_layers(self):
        out = self.scratch / 'image.tar'
        layers = [self.layer('a'), self.layer('b')]
        archive.write_image('localhost/test/x:1', layers, {'User': '1'}, out)
        with tarfile.open(out) as image:
            manifest = json.load(image.extractfile('manifest.json'))[0]
            body = json.load(image.extractfile(manifest['Config']))
            self.assertEqual(len(manifest['Layers']), 2)
            self.assertEqual(body['config'], {'User': '1'})
            self.assertEqual(body['rootfs']['diff_ids'][0], 'sha256:' + archive.file_digest(layers[0]))
        self.assertEqual(archive.read_manifest(out)[0], 'localhost/test/x:1')

    def test_the_digest_follows_the_configuration(self):
        out = self.scratch / 'image.tar'
        digests = set()
        for user in ('1', '2', '1'):
            archive.write_image('localhost/test/x:1', [self.layer('a')], {'User': user}, out)
            digests.add(archive.read_manifest(out)[1])
        self.assertEqual(len(digests), 2)


class DefinitionTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)

    def write(self, name, text):
        (self.root / name).mkdir(exist_ok=True)
        (self.root / name / 'image.toml').write_text(text)

    def test_a_change_below_changes_the_digest_above(self):
        self.write('below', 'tag = "b:1"\nsuite = "trixie"\n')
        self.write('above', 'tag = "a:1"\nbase = "below"\n')
        before = definition.load(self.root, 'above').digest('1', self.root)
        self.assertEqual(definition.load(self.root, 'above').digest('1', self.root), before)
        self.write('below', 'tag = "b:2"\nsuite = "trixie"\n')
        self.assertNotEqual(definition.load(self.root, 'above').digest('1', self.root), before)

    def test_an_unknown_key_is_refused(self):
        self.write('x', 'tag = "x:1"\npackage = []\n')
        with self.assertRaisesRegex(ValueError, r"x/image.toml': unknown keys \['package'\]"):
            definition.load(self.root, 'x')


if __name__ == '__main__':
    unittest.main()
