"""What is told of measurements that were made in parts, by size, and beside a peer."""

import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import capture  # noqa: E402
import data  # noqa: E402
import engine  # noqa: E402
import samples  # noqa: E402


class Samples(unittest.TestCase):
    def test_parts_add_up_in_the_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / 'samples.json'
            samples.Samples(file).add('data', 'narrow 1', {'ours': {'seconds': 2.0}})
            later = samples.Samples(file)
            later.add('data', 'narrow 1', {'ours': {'seconds': 4.0}})
            later.add('engine', '1', {})
            again = samples.Samples(file)
            self.assertEqual(samples.figures(again.of('data', 'narrow 1'), 'ours', 'seconds'), [2.0, 4.0])
            self.assertEqual(again.of('data', 'wide 1'), [])

    def test_everybody_is_first_once(self):
        self.assertEqual([samples.turned(['a', 'b', 'c'], turn)[0] for turn in range(4)], ['a', 'b', 'c', 'a'])


def a_round(seconds: dict, other=10.0, peak=20_000):
    return {name: {'seconds': seconds.get(name, other), 'peak_kib': peak, 'megabytes': 100.0}
            for name in data.CONTESTANTS}


OURS, PIPE = 'data-sync start, 2 workers', 'COPY pipe, binary, two at once'


class Data(unittest.TestCase):
    def test_ours_is_told_beside_the_best_pipe_whichever_that_is(self):
        rounds = [a_round({OURS: 4.0, PIPE: 3.0}), a_round({OURS: 8.0, PIPE: 6.0}), a_round({OURS: 4.0, PIPE: 3.0})]
        table = data.table('narrow', {1: rounds})
        self.assertEqual(table.lines[0], (OURS, '4.00 (4.00-8.00)', '0.75'))
        self.assertIn(f'the best pipe is: {PIPE}', table.notes[0])
        met = {goal.text: goal.met() for goal in table.goals}
        self.assertEqual(met, {'1 M narrow rows: speed beside the best pipe': False,
                               '1 M narrow rows: speed beside pg_dump | psql': True,
                               '1 M narrow rows: speed beside pgcopydb': True, '1 M narrow rows: peak memory': True})

    def test_the_largest_peak_of_all_rounds_is_held_against_the_goal(self):
        table = data.table('narrow', {1: [a_round({}), a_round({}, peak=70_000), a_round({})]})
        self.assertFalse(table.goals[-1].met())

    def test_growth_is_of_the_time_per_row(self):
        table = data.table('jsonb', {1: [a_round({})], 10: [a_round({OURS: 150.0}, other=100.0)]})
        self.assertEqual([line[-1] for line in table.lines[:2]], ['1.50', '1.00'])

    def test_halves_have_half_of_all_pages_each(self):
        both = mock.Mock(tables=['owner', 'large', 'small'])
        both.pages.return_value = {'owner': 10, 'large': 600, 'small': 390}
        both.psql.side_effect = lambda side: side
        one, two = data.Halves(None).lines(both)
        self.assertIn("COPY (SELECT * FROM large WHERE ctid < '(500,0)') TO", one)
        self.assertIn("COPY (SELECT * FROM large WHERE ctid >= '(500,0)') TO", two)
        self.assertEqual(('owner' in one, 'small' in one, 'owner' in two, 'small' in two), (True, False, False, True))


class Engine(unittest.TestCase):
    def measured(self, factor):
        return {'30000': {'seconds': 0.5}, '300000': {'seconds': 3.0 * factor}, 'verify': {'seconds': factor, 'peak_kib': 1},
                'read': {'seconds': 0.6 * factor}}

    def test_a_drain_that_grows_with_the_database_misses_its_goal(self):
        table = engine.table({1: [self.measured(1)], 10: [self.measured(10)]})
        self.assertEqual([line[-1] for line in table.lines], ['1.00', '10.00', '1.00', '1.00'])
        self.assertEqual([goal.met() for goal in table.goals[:4]], [True, False, True, True])
        self.assertEqual([round(goal.value) for goal in table.goals if 'changed rows a second' in goal.text],
                         [100_000, 10_000])

    def test_changes_are_as_many_as_asked_for_at_any_size(self):
        for rows in (1_000_000, 10_000_000):
            both = mock.Mock(rows=rows)
            with tempfile.TemporaryDirectory() as folder, mock.patch.object(engine, 'configuration', lambda _: ''):
                engine.Engine(mock.Mock(scratch=pathlib.Path(folder)), both).change(7, 300_000)
            update = both.sql.call_args_list[0].args[1]
            step = int(update.split('id % ')[1].split(' ')[0])
            accounts = rows * 5 // 6
            self.assertEqual(sum(1 for i in range(1, accounts + 1) if i % step == 7 % step and i <= 240_000 * step),
                             240_000)


class Capture(unittest.TestCase):
    def run_of(self, median, most, wrong=0, held=500.0):
        return {'median_ms': median, 'p99_ms': 2 * median, 'wal_bytes': 900.0, 'log_bytes': 100.0,
                'most_per_second': most, 'p99_ms_at_most': 20.0, 'behind_seconds': 0.1, 'writes_per_second': held,
                'wrong': wrong}

    def table(self, ours, **others):
        rounds = [{name: self.run_of(2.0, 3000.0) for name in capture.CONTESTANTS} | {capture.OURS: ours, **others}]
        return capture.table(rounds, 500)

    def test_costs_are_told_beside_nothing_and_held_against_a_subscription(self):
        table = self.table(self.run_of(3.0, 1500.0))
        line = next(line for line in table.lines if line[0] == capture.OURS)
        self.assertEqual(line[-3:], ('1.50', '1.50', '0.50'))
        self.assertEqual([goal.met() for goal in table.goals], [False, False, False, True])

    def test_a_write_that_is_wrong_anywhere_and_a_rate_that_was_not_held_are_told(self):
        table = self.table(self.run_of(2.0, 3000.0), **{capture.PEER: self.run_of(2.0, 3000.0, wrong=1, held=400.0)})
        self.assertEqual([goal.met() for goal in table.goals], [True, True, True, False])
        self.assertEqual(table.notes, [f'{capture.PEER}: 400 writes/s instead of 500'])


if __name__ == '__main__':
    unittest.main()
