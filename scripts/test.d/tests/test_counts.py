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


class Failures(unittest.TestCase):
    OUTPUT = """FATAL: a server's words
---LINE
a commit is in doubt
  when it is cut
---LINE
/x/transaction_test.cpp:102
......

/x/transaction_test.cpp:104: PASSED:
  CHECK( true )

/x/transaction_test.cpp:106: FAILED:
  CHECK( a == b )
with expansion:
  1
  ==
  2

0.005 s: when it is cut
===LINE
test cases: 2 | 1 passed | 1 failed
""".replace('---LINE', '-' * 79).replace('===LINE', '=' * 79)

    def test_the_assertion_is_shown_wherever_it_stands(self):
        shown = counts.of_catch(self.OUTPUT + 'x\n' * 200)
        self.assertEqual(shown.splitlines()[:8], [
            'a commit is in doubt', '  when it is cut', '/x/transaction_test.cpp:106: FAILED:', '  CHECK( a == b )',
            'with expansion:', '  1', '  ==', '  2'])

    def test_a_crash_shows_the_end(self):
        self.assertEqual(counts.of_catch('begin\n' + 'x\n' * 100 + 'Segmentation fault\n', 2), 'x\nSegmentation fault')


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
