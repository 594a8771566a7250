"""How many workflows are due when, and which of them fail."""

import math
import random
import unittest

from scenarios import SCENARIOS, Phase, chosen, due, fails, percentile, phase_at


class Due(unittest.TestCase):
    def test_the_first_is_due_at_once_and_the_others_evenly_after_it(self) -> None:
        load = [Phase("load", 10, 2)]
        self.assertEqual([due(load, at) for at in (0, 0.1, 0.5, 0.6, 1.0, 9.5, 9.6)], [0, 1, 1, 2, 2, 19, 20])

    def test_a_phase_has_exactly_its_rate_times_its_length_whatever_the_floats(self) -> None:
        for rate in (0.1, 0.3, 1, 3, 7.7, 40):
            for seconds in (1, 10, 60, 90):
                load = [Phase("load", seconds, rate)]
                whole = math.ceil(round(rate * seconds, 6))
                self.assertEqual(due(load, seconds), whole, (rate, seconds))
                self.assertEqual(due(load, seconds + 100), whole, (rate, seconds))

    def test_phases_follow_each_other_and_nothing_becomes_less(self) -> None:
        phases = [Phase("calm", 2, 1), Phase("spike", 1, 10), Phase("nothing", 5, 0), Phase("calm", 2, 1)]
        counts = [due(phases, at) for at in (1.9, 2.01, 2.15, 2.95, 3, 5, 7.9, 8.1, 9.1, 10)]
        self.assertEqual(counts, [2, 3, 4, 12, 12, 12, 12, 13, 14, 14])
        names = [phase_at(phases, at) for at in (0, 2, 3, 9.9, 10)]
        self.assertEqual(names, ["calm", "spike", "nothing", "calm", "drain"])
        rng = random.Random(7)
        for _ in range(300):
            phases = [Phase("x", rng.uniform(0, 9), rng.choice([0, rng.uniform(0, 50)])) for _ in range(4)]
            times = sorted(rng.uniform(0, 40) for _ in range(50))
            counts = [due(phases, at) for at in times]
            self.assertEqual(counts, sorted(counts))
            self.assertLessEqual(counts[-1], math.ceil(sum(it.seconds * it.rate for it in phases)))


class Fails(unittest.TestCase):
    def test_exactly_so_many_of_a_hundred_fail_and_never_many_in_a_row(self) -> None:
        for percent in (0, 1, 7, 30, 50, 99, 100):
            failing = [number for number in range(1000) if fails(number, percent)]
            self.assertEqual(len(failing), percent * 10)
            if 0 < percent <= 50:
                self.assertGreaterEqual(min(b - a for a, b in zip(failing, failing[1:])), 100 // percent)


class Percentile(unittest.TestCase):
    def test_it_is_a_value_that_was_seen(self) -> None:
        self.assertIsNone(percentile([], 0.95))
        self.assertEqual(percentile([7], 0.95), 7)
        self.assertEqual(percentile(list(map(float, range(100, 0, -1))), 0.95), 95)
        self.assertEqual(percentile([1, 2], 0.5), 1)
        self.assertEqual(percentile([1, 2], 1), 2)
        self.assertEqual(percentile([1, 2], 0), 1)


class Scenarios(unittest.TestCase):
    def test_they_are_the_ones_that_people_know(self) -> None:
        self.assertEqual(list(SCENARIOS), ["steady", "spike", "errors", "backlog", "soak"])
        spike = SCENARIOS["spike"].phases()
        self.assertEqual([(it.name, it.seconds, it.rate) for it in spike], [("calm", 90, 5), ("spike", 60, 40)] * 3)
        self.assertEqual(SCENARIOS["soak"].seconds, 45 * 60)
        backlog = SCENARIOS["backlog"]
        done = backlog.slots / (2 * backlog.milliseconds / 1000)
        self.assertLess(done, backlog.rate / 2, "the worker is to be too weak")

    def test_what_is_wanted_otherwise_replaces_and_nothing_else_does(self) -> None:
        changed = chosen("errors", rate=3.0, fail_percent=None, mode="timeout", seconds=None)
        self.assertEqual((changed.rate, changed.fail_percent, changed.mode, changed.seconds), (3, 30, "timeout", 120))
        self.assertEqual(chosen("steady"), SCENARIOS["steady"])


if __name__ == "__main__":
    unittest.main()
