import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import counts  # noqa: E402


class Catch(unittest.TestCase):
    def test_all_passed(self):
        count = counts.catch('All tests passed (1,204 assertions in 37 test cases)', True)
        self.assertEqual((count.passed, count.failed), (37, 0))

    def test_one_test_case(self):
        count = counts.catch('All tests passed (2 assertions in 1 test case)', True)
        self.assertEqual((count.passed, count.failed), (1, 0))

    def test_some_failed(self):
        count = counts.catch('test cases:  5 |  4 passed | 1 failed\nassertions: 15 | 14 passed | 1 failed\n', False)
        self.assertEqual((count.passed, count.failed), (4, 1))

    def test_all_failed(self):
        count = counts.catch('test cases: 2 | 2 failed\n', False)
        self.assertEqual((count.passed, count.failed), (0, 2))

    def test_failed_as_expected_is_no_failure(self):
        count = counts.catch('test cases: 3 | 2 passed | 1 failed as expected\n', True)
        self.assertEqual((count.passed, count.failed), (3, 0))

    def test_a_crash_after_the_summary_is_a_failure(self):
        self.assertEqual(counts.catch('All tests passed (2 assertions in 9 test cases)', False).failed, 1)

    def test_a_program_of_another_kind_is_one_test(self):
        self.assertEqual(counts.catch('102 cases, all well', True).passed, 1)


class Others(unittest.TestCase):
    def test_unittest(self):
        text = 'Ran 12 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n'
        count = counts.unittest(text, 1, {})
        self.assertEqual((count.passed, count.failed), (9, 3))

    def test_unittest_that_does_not_start(self):
        self.assertEqual(counts.unittest('ImportError', 1, {}).failed, 1)

    def test_last_line(self):
        count = counts.last_line('1 passed, 9 failed\nregistry: 22 passed, 0 failed\n', 0, {})
        self.assertEqual((count.passed, count.failed), (22, 0))

    def test_last_line_does_not_hide_the_exit_status(self):
        self.assertEqual(counts.last_line('registry: 22 passed, 0 failed\n', 1, {}).failed, 1)

    def test_report_of_ctest(self):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, 'unit.xml')
            with open(report, 'w', encoding='utf-8') as file:
                file.write('<testsuite><testcase name="a" status="run"><system-out>All tests passed '
                           '(3 assertions in 2 test cases)</system-out></testcase><testcase name="b" status="fail">'
                           '<failure/><system-out>Segmentation fault</system-out></testcase></testsuite>')
            count = counts.ctest('', 8, {'CTEST_REPORT': report})
        self.assertEqual((count.passed, count.failed), (2, 1))
        self.assertEqual(count.output, '--- b\nSegmentation fault\n')


if __name__ == '__main__':
    unittest.main()
