"""Types, docstrings, and what a program shares with its seed."""

from __future__ import annotations

import pytest

from synth.code.style import copied, documented, related, typed

GOOD = '''\
class Gauge:
    """Counts hours."""

    def __init__(self, sill: float):
        self._sill = sill

    def below(self, *levels: float, **rest: int) -> int:
        return sum(level < self._sill for level in levels)

    def _inside(self, x):
        return x


def longest_tide(levels: list[float], /, sill: float, *, hours: int = 1) -> int:
    """The longest."""
    return hours


def _helper(x):
    return x
'''
SEED = "def tideHours(levels, sill):\n    # hours below\n    return sum(l < sill for l in levels)\n"


def test_a_program_with_types_and_docstrings_passes():
    assert typed(GOOD).passed
    assert documented(GOOD).passed


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("sill: float,", "sill,", "longest_tide: sill"),
        ("= 1) -> int:", "= 1):", "longest_tide: its result"),
        ("*levels: float", "*levels", "below: levels"),
        ("**rest: int", "**rest", "below: rest"),
        ("sill: float)", "sill)", "__init__: sill"),
    ],
)
def test_each_missing_type_is_named(old, new, detail):
    found = typed(GOOD.replace(old, new))
    assert (found.passed, found.detail) == (False, detail)


def test_each_missing_docstring_is_named():
    assert documented(GOOD.replace('    """Counts hours."""\n', "")).detail == "Gauge"
    assert documented(GOOD.replace('"""The longest."""', "hours = 2")).detail == "longest_tide"
    assert documented("print(1)").detail == "no public function or class"
    assert documented("def _f():\n    '''Hidden.'''").detail == "no public function or class"


def test_words_of_names_tell_what_a_program_is_about():
    assert related(SEED, GOOD).passed
    other = "def parse_header(line: str) -> str:\n    field, _, value = line.partition(':')\n    return value"
    found = related(SEED, other)
    assert (found.passed, found.detail) == (False, "0% of the names' words are the seed's")
    assert related(SEED, "def tide_hours(levels: list[float]) -> int:\n    return 1").passed


def test_a_copy_is_noticed_whatever_its_comments():
    body = "\n".join(f"    level_{n} = levels[{n}] - sill" for n in range(9))
    seed = f"def tide(levels, sill):\n{body}\n"
    commented = seed.replace("[3] - sill", "[3] - sill  # the third")
    assert copied(seed, f"# Tides.\n{commented}").detail == "100% of the lines"
    assert not copied(seed, seed.replace("(levels, sill)", "(levels: list, sill: int)")).passed
    assert copied(seed, GOOD).passed


@pytest.mark.parametrize("code", ["def f(:", "x = \0", "(" * 5000])
def test_what_does_not_parse_fails(code):
    for found in (typed(code), documented(code), related(SEED, code)):
        assert (found.passed, found.detail) == (False, "does not parse")
