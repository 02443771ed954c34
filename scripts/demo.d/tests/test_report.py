import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import report  # noqa: E402
import screen  # noqa: E402

LOAD = {'acked': 21000, 'failed': 0, 'rate': 349.6, 'wanted_rate': 350, 'phases': [
    {'name': 'before', 'acked': 2800, 'failed': 0, 'rate': 350, 'p50_ms': 4.2, 'p99_ms': 20, 'max_ms': 31,
     'longest_gap_ms': 40}]}
CHECK = {'lost': [], 'duplicates': [], 'missing_rows': [], 'undeleted_rows': [], 'counter_expected': 7,
         'counter_found': 7, 'differences': 0}


class Complaints(unittest.TestCase):
    def test_nothing_to_complain_about(self):
        self.assertEqual(report.Facts(load=LOAD, check=CHECK).complaints(), [])

    def test_a_lost_write(self):
        facts = report.Facts(load=LOAD, check={**CHECK, 'lost': ['t'], 'differences': 1})
        self.assertEqual(facts.complaints(), ['1 differences between what was acknowledged and what is there'])

    def test_a_failed_request(self):
        self.assertEqual(report.Facts(load={**LOAD, 'failed': 3}, check=CHECK).complaints(), ['3 requests failed'])

    def test_a_check_that_did_not_run_is_no_success(self):
        self.assertEqual(report.Facts(load=LOAD).complaints(), ['the writes could not be checked'])

    def test_a_load_that_did_not_run_is_no_success(self):
        self.assertEqual(report.Facts(check=CHECK).complaints(), ['there is no report of the load'])


class Lines(unittest.TestCase):
    def test_totals(self):
        self.assertEqual(report.totals(report.Facts(load=LOAD, check=CHECK))[0], 'acknowledged writes            21,000')

    def test_pauses_show_each_part(self):
        moves = [('switch 1', {'metrics': {'paused_seconds': 0.0312, 'pause_seconds': 0.002, 'lock_seconds': 0.029,
                                           'resume_seconds': 0.0002, 'route_seconds': 5},
                               'phases': [{'name': 'route'}, {'name': 'pause'}, {'name': 'lock'}, {'name': 'resume'}]}),
                 ('loss 1', {'metrics': {'paused_seconds': 0.5}, 'phases': []}),
                 ('status', {'metrics': {}})]
        self.assertEqual([line.split() for line in report.pauses(moves)],
                         [['PAUSE', 'to', 'RESUME', 'ms', 'pause', 'lock', 'resume'],
                          ['switch', '1', '31.2', '2.0', '29.0', '0.2'],
                          ['loss', '1', '500.0', '-', '-', '-']])

    def test_no_pauses_no_table(self):
        self.assertEqual(report.pauses([('status', {'metrics': {}})]), [])

    def test_a_bar_is_a_block_a_second(self):
        self.assertEqual(screen.bar(2.5).rstrip(), '██▌')
        self.assertEqual(len(screen.bar(500)), screen.BAR)


if __name__ == '__main__':
    unittest.main()
