import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / 'scripts/check.d'))

import guards  # noqa: E402

ENTRY = {'name': 'fence', 'promise': 'nothing is done twice', 'file': 'a.cpp', 'guard': 'fence();', 'without': '',
         'test': 'a_test', 'case': 'a case'}


class GuardsTest(unittest.TestCase):
    def test_all_guards_are_where_they_are_said_to_be(self):
        for entry in guards.entries(ROOT):
            with self.subTest(entry['name']):
                text = (ROOT / entry['file']).read_text(encoding='utf-8')
                self.assertNotEqual(guards.without(text, entry), text)

    def test_each_case_is_there(self):
        sources = '\n'.join(path.read_text(encoding='utf-8') for path in (ROOT / 'tests').rglob('*_test.cpp'))
        for entry in guards.entries(ROOT):
            with self.subTest(entry['name']):
                self.assertIn(f'"{entry["case"]}"', sources)

    def test_a_guard_that_is_gone_or_there_twice_is_named(self):
        self.assertEqual(guards.without('x; fence(); y;', ENTRY), 'x;  y;')
        for text, count in (('x;', 0), ('fence(); fence();', 2)):
            with self.assertRaisesRegex(guards.Failure, f"guard 'fence' is {count} times in a.cpp"):
                guards.without(text, ENTRY)

    def test_what_was_seen_is_the_first_failure(self):
        output = ('\na.cpp:7: FAILED:\n  CHECK( lost == 0 )\nwith expansion:\n  3 == 0\n\na.cpp:9: FAILED:\n  CHECK( b )\n\n')
        self.assertEqual(guards.seen(output), '3 == 0')
        output = ('\na.cpp:7: FAILED:\ndue to unexpected exception with message:\n  unable to run on\n'
                  "  '127.0.0.1:4711/app': no | answer\n\n")
        self.assertEqual(guards.seen(output), "unable to run on 'SERVER/app': no \\| answer")
        self.assertEqual(guards.seen('nothing'), 'it fails')

    def test_a_case_is_named_as_catch2_takes_it(self):
        self.assertEqual(guards.pattern('a lock, taken [once]'), 'a lock\\, taken \\[once]')

    def test_a_line_has_all(self):
        self.assertEqual(guards.line(ENTRY, '3 == 0'), '| nothing is done twice | `a.cpp`: fence | a case | 3 == 0 |')


if __name__ == '__main__':
    unittest.main()
