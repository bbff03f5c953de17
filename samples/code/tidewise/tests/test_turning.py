# ruff: noqa: PT009, PT027 - this sample knows nothing but the standard library
"""Run with `PYTHONPATH=src python -m unittest discover -s tests`."""

from __future__ import annotations

import unittest
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from tidewise import HARBOURS, Harbour, turning_points
from tidewise.constituents import Constituent

START = datetime(2024, 3, 10, tzinfo=UTC)


class TurningPoints(unittest.TestCase):
    def test_the_sun_alone_turns_every_six_hours(self) -> None:
        harbour = Harbour("Test", 2.0, (Constituent("S2", 1.0, 90.0),))
        turns = list(turning_points(harbour, START, 1))
        self.assertEqual([turn.high for turn in turns], [True, False, True, False])
        self.assertEqual([turn.when.hour for turn in turns], [3, 9, 15, 21])
        for turn in turns:
            self.assertAlmostEqual(turn.height, 3.0 if turn.high else 1.0, places=5)

    def test_high_and_low_take_turns(self) -> None:
        for harbour in HARBOURS.values():
            kinds = [turn.high for turn in turning_points(harbour, START, 14)]
            self.assertTrue(all(a != b for a, b in pairwise(kinds)))

    def test_a_turn_is_higher_or_lower_than_what_is_around_it(self) -> None:
        harbour = HARBOURS["fennick"]
        for turn in turning_points(harbour, START, 3):
            hours = (turn.when - datetime(2000, 1, 1, tzinfo=UTC)) / timedelta(hours=1)
            for near in (hours - 0.2, hours + 0.2):
                self.assertEqual(harbour.height(near) < turn.height, turn.high)

    def test_mistakes_are_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "known are"):
            Constituent("X9", 1.0, 0.0)
        with self.assertRaisesRegex(ValueError, "days must be positive"):
            list(turning_points(HARBOURS["fennick"], START, 0))


if __name__ == "__main__":
    unittest.main()
