"""Numbers that are given, worked out, or come from nowhere."""

from __future__ import annotations

import pytest

from synth.math.derivation import numbers_derived

SOURCE = "A cart carries 18 crates of 24 bottles each, at 8.4 euros a crate."


@pytest.mark.parametrize(
    "answer",
    [
        "It carries 18 crates of 24.",
        "There are 18 * 24 = 432 bottles.",
        "432 is what we get: 18 × 24 = 432.",
        r"$18 \times 24 = 432$, and $432 / 6 = 72$ packs of six.",
        "18 * 24 = 18 * 20 + 18 * 4 = 360 + 72 = 432",
        "The crates cost 18 * 8.4 = 151.2 euros, or 151.20.",
        "1. Count: 18.\n2. Multiply.\n3. Check.",
        "x^2 + 1 stays as it is.",
    ],
)
def test_what_is_given_or_worked_out_is_grounded(answer):
    found = numbers_derived(SOURCE, answer)
    assert found.passed, found.detail


@pytest.mark.parametrize(
    ("answer", "foreign"),
    [
        ("There are 19 crates.", "19"),
        ("There are 18 * 24 = 431 bottles.", "431"),
        ("There are 18 * 24 = 432 bottles and 433 labels.", "433"),
        ("Add 73 crates: 73 + 18 = 91.", "73, 73, 91"),
        ("18 = 11 + 7", "11, 7"),
        ("432 = 431 + 1", "431, 432"),
        ("It takes 5 men.", "5"),
    ],
)
def test_what_comes_from_nowhere_is_named(answer, foreign):
    found = numbers_derived(SOURCE, answer)
    assert (found.guard, found.passed) == ("numbers", False)
    assert found.detail == f"not in the source: {foreign}"


def test_a_wrong_step_hands_nothing_on():
    assert not numbers_derived(SOURCE, "18 + 24 = 43, and 43 - 18 = 25.").passed
