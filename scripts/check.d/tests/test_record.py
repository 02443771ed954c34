import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import record  # noqa: E402


def result(seeds: str, failed=(), covered=None) -> dict:
    return {'seeds': seeds, 'failed': list(failed), 'releases': ['12.22', '18.1'], 'acknowledged': 10,
            'covered': covered or {}}


class RecordTest(unittest.TestCase):
    def setUp(self):
        self.record = record.Record()

    def add(self, seeds: str, failed=(), covered=None, commit='0123abcd'):
        self.record.add(result(seeds, failed, covered), commit, '2026-11-27')

    def lines(self) -> list:
        return [line for line in self.record.page().splitlines() if '..' in line and line.startswith('|')]

    def test_what_is_left_is_what_has_not_passed(self):
        self.assertEqual(self.record.left(60, 25), [(1, 25), (26, 50), (51, 60)])
        self.add('26..50')
        self.assertEqual(self.record.left(60, 25), [(1, 25), (51, 60)])
        self.assertEqual(self.record.passed(60), 25)

    def test_what_has_failed_is_left_until_it_passes(self):
        self.add('1..25', failed=[7, 9])
        self.assertEqual(self.lines(), ['| 1..25 | 25 | **failed**: 7 9 | 0123abcd | 12.22 18.1 | 2026-11-27 | 10 |'])
        self.assertEqual(self.record.left(25, 25), [(1, 25)])
        self.add('1..25', commit='456789ab')
        self.assertEqual(self.lines(), ['| 1..25 | 25 | passed | 456789ab | 12.22 18.1 | 2026-11-27 | 10 |'])
        self.assertEqual(self.record.left(25, 25), [])

    def test_neighbours_of_one_commit_are_one_line(self):
        self.add('51..75')
        self.add('1..25')
        self.add('76..100', commit='456789ab')
        self.add('26..50')
        self.assertEqual(self.lines(), ['| 1..75 | 75 | passed | 0123abcd | 12.22 18.1 | 2026-11-27 | 30 |',
                                        '| 76..100 | 25 | passed | 456789ab | 12.22 18.1 | 2026-11-27 | 10 |'])

    def test_a_page_is_read_as_it_was_written(self):
        self.add('1..25', covered={'key: none': 3, 'fault: cut': 1})
        self.add('26..50', failed=[33], covered={'key: none': 4})
        again = record.parse(self.record.page())
        self.assertEqual(again, self.record)
        self.assertEqual(again.covered, {'key: none': 3, 'fault: cut': 1})
        self.assertEqual(again.page(), self.record.page())

    def test_the_page_says_how_a_seed_is_run_again(self):
        self.add('1..25')
        self.assertIn('CROSSOVER_TEST_VERSIONS="12 18" CROSSOVER_TEST_SEEDS=17 ', self.record.page())


if __name__ == '__main__':
    unittest.main()
