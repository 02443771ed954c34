"""What turns measurements into statements: ratios, goals, and whether a change by hand was put back."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import apply  # noqa: E402
import report  # noqa: E402
import workshop  # noqa: E402


class Figures(unittest.TestCase):
    def test_a_ratio_is_that_of_pairs(self):
        # A slow second round hits both: the ratio of the medians would be 1.5.
        self.assertEqual(workshop.median_ratio([2, 20, 4], [1, 10, 2]), 2)

    def test_a_goal_is_told_and_not_asserted(self):
        missed = report.Goal('time', 2.5, 2.0)
        self.assertFalse(missed.met())
        self.assertEqual(missed.line(), 'MISSED  time: 2.50 (goal <= 2)')
        self.assertTrue(report.Goal('times faster', 3.0, 3.0, at_least=True).met())

    def test_a_table_says_what_was_missed(self):
        table = report.Table('x', 'title', ('', 'ms'), [('one', '1.0'), ('twenty', '20.0')],
                             [report.Goal('time', 1, 2, ' ms')])
        self.assertEqual(report.text(table),
                         'title\n            ms\n  one      1.0\n  twenty  20.0\n'
                         '  met     time: 1.00 ms (goal <= 2 ms)')
        document = report.document({}, [table], ['start: no compiler'], 0, 1)
        self.assertTrue(document['tables'][0]['goals'][0]['met'])
        self.assertEqual(document['not_measured'], ['start: no compiler'])


class Drift(unittest.TestCase):
    def test_defaults_of_the_server_are_no_drift(self):
        live = {'spec': {'a': 1, 'default': 2}, 'metadata': {'uid': 'x'}}
        self.assertTrue(apply.contains(live, {'spec': {'a': 1}}))

    def test_what_is_missing_or_other_is(self):
        self.assertFalse(apply.contains({'data': {}}, {'data': {'key': 'value'}}))
        self.assertFalse(apply.contains({'data': {'key': 'other'}}, {'data': {'key': 'value'}}))
        self.assertFalse(apply.contains({'from': [1]}, {'from': [1, 2]}))
        self.assertFalse(apply.contains({}, {'data': {}}))

    def test_there_are_as_many_objects_as_the_title_says(self):
        objects = apply.objects()
        self.assertEqual(len(objects), 500)
        self.assertEqual(len({(item['kind'], item['metadata']['name']) for item in objects}), 500)


if __name__ == '__main__':
    unittest.main()
