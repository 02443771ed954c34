import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import parts  # noqa: E402
from parts import Part  # noqa: E402


class SideBySide(unittest.TestCase):
    def run_all(self, *given, stop=lambda: None) -> list:
        self.done = []

        def one(part):
            part.work()
            self.done.append(part.name)

        parts.run(list(given), one, stop)
        return self.done

    def test_a_part_waits_for_what_it_needs(self):
        self.assertEqual(self.run_all(Part('c', int, ('b',)), Part('b', int, ('a',)), Part('a', int)), ['a', 'b', 'c'])

    def test_parts_that_need_nothing_of_each_other_run_at_the_same_time(self):
        together = threading.Barrier(2, timeout=30)
        self.assertEqual(sorted(self.run_all(Part('a', together.wait), Part('b', together.wait))), ['a', 'b'])

    def test_after_a_failure_none_is_begun_and_those_that_run_are_stopped_and_waited_for(self):
        stopped = threading.Event()

        def fail():
            raise RuntimeError('no disk')

        with self.assertRaisesRegex(RuntimeError, 'no disk'):
            self.run_all(Part('a', fail), Part('b', lambda: stopped.wait(30)), Part('c', int, ('a',)),
                         Part('d', int, ('b',)), stop=stopped.set)
        self.assertTrue(stopped.is_set())
        self.assertEqual(self.done, ['b'])

    def test_parts_that_wait_for_each_other(self):
        with self.assertRaisesRegex(ValueError, 'these parts wait for each other: a, b'):
            self.run_all(Part('a', int, ('b',)), Part('b', int, ('a',)))


if __name__ == '__main__':
    unittest.main()
