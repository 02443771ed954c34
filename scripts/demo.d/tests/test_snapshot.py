import copy
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from snapshot import EVIDENCE, differences, view_of  # noqa: E402

SERVICE = {
    'apiVersion': 'v1', 'kind': 'Service',
    'metadata': {
        'name': 'api', 'namespace': 'registry', 'uid': 'u1', 'resourceVersion': '7',
        'labels': {'app': 'x', 'role': 'master'}, 'annotations': {'leader': 'one', 'note': 'ours'},
        'managedFields': [
            {'manager': 'crossover', 'operation': 'Apply', 'time': 't1',
             'fieldsV1': {'f:metadata': {'f:labels': {'f:app': {}}, 'f:annotations': {'f:note': {}}}}},
            {'manager': 'Patroni', 'operation': 'Update', 'time': 't1',
             'fieldsV1': {'f:metadata': {'f:labels': {'f:role': {}}, 'f:annotations': {'f:leader': {}}}}}]},
    'spec': {'ports': [{'port': 80}], 'selector': {'app': 'x'}},
    'status': {'loadBalancer': {}}}
NAME = 'service/api in registry'


def changed(path: str, value, item=SERVICE) -> dict:
    made = copy.deepcopy(item)
    at = made
    *steps, last = path.split('/')
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[last] = value
    return made


def between(before, after, **options) -> list:
    return differences(view_of([before]), view_of([after]), **options)


class Same(unittest.TestCase):
    def test_what_controllers_write(self):
        for path, value in (('status', {'x': 1}), ('metadata/resourceVersion', '8'),
                            ('metadata/annotations/leader', 'two'), ('metadata/labels/role', 'replica'),
                            ('metadata/managedFields/0/time', 't2'), ('metadata/managedFields/1/operation', 'Apply')):
            with self.subTest(path):
                self.assertEqual(between(SERVICE, changed(path, value)), [])

    def test_objects_that_come_and_go_by_themselves(self):
        lease = changed('kind', 'Lease')
        self.assertEqual(differences(view_of([]), view_of([lease])), [])
        lock = changed('metadata/managedFields', [{'manager': 'Patroni'}])
        self.assertEqual(differences(view_of([]), view_of([lock])), [])
        pod = changed('metadata/ownerReferences', [{'uid': 'o'}])
        self.assertEqual(differences(view_of([pod]), view_of([])), [])
        self.assertEqual(between(pod, changed('spec/selector', {}, pod)), [])


class Different(unittest.TestCase):
    def test_each_field_of_ours(self):
        for path, value, text in (
                ('spec/ports/0/port', 81, "spec.ports[0].port: was 80, is 81"),
                ('metadata/generation', 2, 'metadata.generation: was None, is 2'),
                ('metadata/uid', 'u2', "metadata.uid: was 'u1', is 'u2'"),
                ('metadata/labels/app', 'y', "metadata.labels.app: was 'x', is 'y'"),
                ('metadata/annotations/note', 'z', "metadata.annotations.note: was 'ours', is 'z'"),
                ('metadata/annotations/new', 'n', "metadata.annotations.new: was None, is 'n'"),
                ('metadata/managedFields/0/operation', 'Update',
                 "metadata.managedFields[0].operation: was 'Apply', is 'Update'")):
            with self.subTest(path):
                self.assertEqual(between(SERVICE, changed(path, value)), [f'{NAME}: {text}'])

    def test_another_manager_does_not_hide_what_it_writes(self):
        stranger = changed('metadata/managedFields/1/manager', 'curl')
        self.assertEqual(between(stranger, changed('metadata/annotations/leader', 'two', stranger)),
                         [f"{NAME}: metadata.annotations.leader: was 'one', is 'two'"])

    def test_an_object_that_appeared_or_is_gone(self):
        self.assertEqual(differences({}, view_of([SERVICE])), [f'{NAME}: appeared'])
        self.assertEqual(differences(view_of([SERVICE]), {}), [f'{NAME}: gone'])

    def test_a_pod_that_was_made_anew(self):
        pod = changed('metadata/ownerReferences', [{'uid': 'o'}])
        self.assertEqual(between(pod, changed('metadata/uid', 'u2', pod)), [f"{NAME}: uid: was 'u1', is 'u2'"])
        self.assertEqual(differences({}, view_of([pod])), [f'{NAME}: appeared'])

    def test_a_secret_is_not_shown(self):
        secret = {**changed('kind', 'Secret'), 'data': {'password': 'b2xk'}}
        self.assertEqual(between(secret, {**secret, 'data': {'password': 'bmV3'}}),
                         ['secret/api in registry: data.password: was (a secret), is (a secret)'])

    def test_evidence_may_be_left_out(self):
        evidence = {name: {'entries': 1} for name in EVIDENCE}
        more = {name: {'entries': 2} for name in EVIDENCE}
        self.assertEqual(len(differences(evidence, more)), len(EVIDENCE))
        self.assertEqual(differences(evidence, more, EVIDENCE), [])


if __name__ == '__main__':
    unittest.main()
