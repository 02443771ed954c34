"""The demo runs the steps of pipelines/ and in their order."""

import json
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))

from journey import Step, journey  # noqa: E402

# Debian's own interpreter has the package python3-yaml, another one on PATH may not.
TO_JSON = 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)'


def pipeline(name):
    """(task, verb, flags...) of each step; gates are left out."""
    with open(HERE.parents[3] / 'pipelines' / f'{name}.yaml', encoding='utf-8') as file:
        read = subprocess.run(['/usr/bin/python3', '-c', TO_JSON], stdin=file, capture_output=True, check=True).stdout
    return [(step['task'], step['verb'], *flags(step.get('flags', {})))
            for step in json.loads(read)['steps'] if 'task' in step]


def flags(given):
    return [word for name, value in given.items() for word in ((f'--{name}',) if value is True else (f'--{name}', value))]


class Order(unittest.TestCase):
    def setUp(self):
        self.journey = [step for step in journey(1, 1) if isinstance(step, Step)]
        self.steps = [(step.task, step.verb, *step.arguments) for step in self.journey if not step.refusal]

    def test_migrate_comes_first(self):
        # Between the first switch and the last step of migrate the demo goes back once.
        expected = pipeline('migrate')
        self.assertEqual(self.steps[:len(expected) - 1], expected[:-1])

    def test_then_back_and_there_again(self):
        back, end = pipeline('rollback'), pipeline('migrate')[-4:]
        at = len(pipeline('migrate')) - 1
        self.assertEqual(self.steps[at:at + len(back) + len(end)], back + end)

    def test_home_and_cleanup_end_it(self):
        expected = pipeline('return-home') + pipeline('cleanup')
        self.assertEqual(self.steps[-len(expected):], expected)

    def test_each_task_has_a_step_that_runs_twice(self):
        self.assertEqual({step.task for step in self.journey if step.repeatable}, {step.task for step in self.journey})

    def test_removal_is_refused_before_the_way_home(self):
        refused = [index for index, step in enumerate(self.journey) if step.refusal]
        home = next(index for index, step in enumerate(self.journey) if '--home' in step.arguments)
        self.assertEqual(refused, [home - 1])


if __name__ == '__main__':
    unittest.main()
