import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from programs import Outcome, refused_otherwise, unproven  # noqa: E402


def outcome(code: int, **document) -> Outcome:
    return Outcome('db-provision remove', 1.0, code, document)


class Endings(unittest.TestCase):
    def test_success_is_exit_0(self):
        self.assertEqual(unproven(outcome(0), ''), '')
        self.assertEqual(unproven(outcome(4), ''), 'db-provision remove failed')

    def test_a_proof_must_be_there_and_have_passed(self):
        text = "db-provision remove does not show that 'flyway validate' passes"
        self.assertEqual(unproven(outcome(0), 'flyway validate'), text)
        for result, expected in (('pass', ''), ('fail', text)):
            checks = [{'name': 'flyway validate', 'outcome': result}]
            self.assertEqual(unproven(outcome(0, checks=checks), 'flyway validate'), expected)

    def test_a_refusal_is_exit_3_with_the_whole_message(self):
        error = {'message': "unable to remove 'x': 'a' leads to 'b'"}
        self.assertEqual(refused_otherwise(outcome(3, error=error), error['message']), '')
        for found in (outcome(0), outcome(1, error=error), outcome(3, error={'message': 'else'}), outcome(3)):
            self.assertNotEqual(refused_otherwise(found, error['message']), '')


if __name__ == '__main__':
    unittest.main()
