"""Mutants of small programs, worked out by hand."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.code.mutants import python_mutants, token_mutants

LESS = ("a <= b < 1", "a >= b < 1", "a < b <= 1", "a < b >= 1", "a < b < 2")


def bodies(code: str) -> set[str]:
    """The mutants of a one-line program."""
    return set(python_mutants(code, 100))


@pytest.mark.parametrize(
    ("code", "mutants"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a == b", {"a != b"}),
        ("a in b", {"a not in b"}),
        ("a is not b", {"a is b"}),
        ("x = a + b", {"x = a - b"}),
        ("x += a", {"x -= a"}),
        ("x = a and b", {"x = a or b"}),
        ("x = not a", {"x = not not a"}),
        ("x = -a", {"x = +a"}),
        ("x = 7", {"x = 8"}),
        ("x = 0.5", {"x = 1.5"}),
        ("x = True", {"x = False"}),
        ("x = 'a'", {"x = 'ax'"}),
        ("x = ''", {"x = 'x'"}),
        ("x = None", set()),
        ("x = a if b else c", {"x = a if not b else c"}),
        ("while a:\n    f()", {"while not a:\n    f()"}),
        ("range(n)", {"range(n + 1)"}),
        ("range(a, n)", {"range(a, n + 1)"}),
        ("min(a)", {"max(a)"}),
        ("def f():\n    return a", {"def f():\n    return None"}),
        ("def f():\n    return g(a)", {"def f():\n    return None", "def f():\n    return a"}),
        ("x = a.strip()", {"x = a"}),
        ("x = f(a, b)", set()),
        ("def f():\n    return a < b < 1", {f"def f():\n    return {t}" for t in LESS}),
    ],
)
def test_each_edit(code, mutants):
    assert bodies(code) == mutants


@pytest.mark.parametrize(
    "code",
    [
        '"""A docstring of 3 words."""',
        "def f(x: 'A'=None) -> 'B':\n    '''7'''",
        "raise ValueError('n < 0')",
        "assert a < 3",
        "import a",
        "if __name__ == '__main__':\n    print(1 + 1)",
    ],
)
def test_what_no_test_should_depend_on_is_left_alone(code):
    assert bodies(code) == set()


SAMPLE = """\
def middle(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2 == 1 and half >= 0:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
"""


def test_equal_code_has_equal_mutants_and_fewer_are_the_first_of_more():
    many = python_mutants(SAMPLE, 100)
    assert python_mutants(SAMPLE, 100) == many
    assert python_mutants(SAMPLE, 5) == many[:5]
    assert len(many) == len(set(many)) == 17


def test_other_code_is_mutated_elsewhere():
    moved = SAMPLE.replace("middle", "median")
    names = [text.replace("median", "middle") for text in python_mutants(moved, 5)]
    assert names != python_mutants(SAMPLE, 5)


def test_each_mutant_parses_and_differs():
    original = ast.unparse(ast.parse(SAMPLE))
    for mutant in python_mutants(SAMPLE, 100):
        assert ast.unparse(ast.parse(mutant)) == mutant != original


@pytest.mark.parametrize(
    ("code", "mutants"),
    [
        ("a < b", {"a <= b"}),
        ("a && b", {"a || b"}),
        ("x += 9", {"x -= 9", "x += 10"}),
        ("i++", {"i--"}),
        ("a === true", {"a !== true", "a === false"}),
        ("x * y", {"x + y"}),
        ("p->next << 2", {"p->next << 3"}),
        ("(a) => a", set()),
        ('s = "a + b"', set()),
        ("s = 'a + 1' // 1 + 1", set()),
        ("/* 1 + \n 1 */", set()),
        ("`${a + 1}`", set()),
        ("#include <stdio.h>\n", set()),
        ("x1 = 0x10", set()),
    ],
)
def test_each_edit_of_tokens(code, mutants):
    assert set(token_mutants(code, 100)) == mutants


@given(st.text(max_size=200), st.integers(min_value=1, max_value=9))
def test_any_text_has_mutants_that_differ(code, most):
    found = token_mutants(code, most)
    assert len(found) <= most
    assert code not in found
