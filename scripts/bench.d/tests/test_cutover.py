"""What makes a table of cutovers: which figures count, and what is said of a contestant that did not get there."""

import contextlib
import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import contestants  # noqa: E402
import cutover  # noqa: E402


def result(gave_up='', failures=None, **figures):
    return {'acknowledged': 1, 'failed': 0, 'retried': 0, 'lost': 0, 'doubled': 0, 'in_doubt': 0, 'wrong_counters': 0,
            'missing_rows': 0, 'writes_per_second': 1450.4, 'longest_gap_ms': 20.0, 'worst_writer_ms': 40.0,
            'gap_before_ms': 5.0, 'failures': failures or {}, 'gave_up': gave_up, **figures}


class Table(unittest.TestCase):
    def line(self, *results):
        table = cutover.table({'peer': list(results), contestants.OWN: [result()]}, 1450, 1450)
        return table.lines[0], table.notes

    def test_figures_are_medians_of_the_rounds(self):
        line, notes = self.line(result(lost=1), result(lost=30, longest_gap_ms=60.0), result(lost=5))
        self.assertEqual(line, ('peer', '5', '0', '20.0', '40.0', '0', '0', '1450'))
        self.assertEqual(notes, [])

    def test_a_round_without_an_end_has_no_part_in_them_and_its_reason_is_told(self):
        line, notes = self.line(result(lost=7), result('too late', longest_gap_ms=60_000.0))
        self.assertEqual(line[1:4], ('7', '0', '20.0'))
        self.assertEqual(notes, ['peer: gave up: too late'])

    def test_who_never_got_there_has_lost_nothing_that_could_be_counted(self):
        line, _ = self.line(result('no plugin', longest_gap_ms=60_000.0, failed=3))
        self.assertEqual(line, ('peer', '-', '3', '60000.0', '40.0', '-', '0', '1450'))

    def test_what_the_columns_do_not_say_is_a_note(self):
        _, notes = self.line(result(doubled=2, failures={"23505 on '127.0.0.1:1/app'": 1, 'other': 2}),
                             result(in_doubt=1, failures={"23505 on '127.0.0.1:2/app'": 2}))
        self.assertEqual(notes, ['peer: 2 written twice', 'peer: 1 failed and there all the same',
                                 "peer: most failed with: 23505 on 'HOST/app'"])

    def goals(self, *ours):
        return {goal.text: goal.met() for goal in cutover.table({contestants.OWN: list(ours)}, 1450, 1450).goals}

    def test_one_lost_write_of_ours_in_any_round_is_a_goal_missed(self):
        self.assertNotIn(False, self.goals(result(), result(), result()).values())
        for figure, text in (('lost', 'lost'), ('doubled', 'lost'), ('failed', 'failed'),
                             ('wrong_counters', 'counters')):
            met = self.goals(result(), result(**{figure: 1}), result())
            self.assertEqual([goal for goal, good in met.items() if not good], [goal for goal in met if text in goal])

    def test_a_switch_of_ours_that_did_not_happen_is_no_goal_met(self):
        self.assertFalse(self.goals(result(), result('refused'))['ours: cutovers that did not happen'])


class Rate(unittest.TestCase):
    def test_the_rate_is_what_was_wanted_or_less_than_what_was_held(self):
        self.assertEqual(cutover.held(1450, 1449.2), 1450)
        self.assertEqual(cutover.held(1450, 1100.0), 950)
        self.assertEqual(cutover.held(1450, 10.0), 50)

    def test_a_lower_rate_is_told(self):
        table = cutover.table({contestants.OWN: [result()]}, 1450, 950)
        self.assertIn('950 writes/s', table.title)
        self.assertIn('does not hold 1450 writes/s', table.notes[0])


class Fake(contestants.Contestant):
    def __init__(self, fails_in=''):
        self.fails_in, self.steps = fails_in, []

    def step(self, name):
        self.steps.append(name)
        if name == self.fails_in:
            raise contestants.GaveUp(f'no {name}')

    def prepare(self, service):
        self.step('prepare')

    def cut_over(self, service):
        self.step('cut_over')

    def finish(self, service):
        self.step('finish')


class OneCutover(unittest.TestCase):
    def run_one(self, contestant):
        service = mock.Mock()
        service.tell.return_value = {'failed': 0}
        with mock.patch.object(cutover, 'service_of', lambda *_: contextlib.nullcontext(service)), \
                mock.patch.object(cutover, 'AFTER', 0):
            return cutover.one_cutover(None, contestant, 1450), service.tell.call_args.args

    def test_who_moved_is_judged_by_the_new_database(self):
        contestant = Fake()
        self.assertEqual(self.run_one(contestant), ({'failed': 0, 'gave_up': '', 'phases': None}, ('stop', 'new')))
        self.assertEqual(contestant.steps, ['prepare', 'cut_over', 'finish'])

    def test_who_gave_up_by_the_old_one_and_cleans_up(self):
        contestant = Fake('prepare')
        self.assertEqual(self.run_one(contestant),
                         ({'failed': 0, 'gave_up': 'no prepare', 'phases': None}, ('stop', 'old')))
        self.assertEqual(contestant.steps, ['prepare', 'finish'])

    def test_a_failed_tidying_up_does_not_move_the_service_back(self):
        self.assertEqual(self.run_one(Fake('finish')), ({'failed': 0, 'gave_up': '', 'phases': None}, ('stop', 'new')))


if __name__ == '__main__':
    unittest.main()
