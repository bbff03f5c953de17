"""What an answer can be: a quantity, a tuple, a collection of values, a set of reals, an equation, an inequality.

`synth.math.reading` makes them of tokens, `synth.math.equality` compares them. Runs in the child process only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synth.math.formulas import Value
from synth.math.units import Unit


@dataclass(frozen=True)
class Quantity:
    """A value, and what its unit may mean; a value without unit has none."""

    value: Value
    units: tuple[Unit, ...] = ()
    bare: Value | None = None  # the value where the letter after it is no unit but a factor


@dataclass(frozen=True)
class Tuple:
    """Answers in order."""

    items: tuple[Answer, ...]


@dataclass(frozen=True)
class Ratio:
    """`3:4`, `3 to 4`."""

    items: tuple[Value, ...]


@dataclass(frozen=True)
class Collection:
    """Answers in any order. `listed`: written without braces."""

    items: tuple[Answer, ...]
    listed: bool = False


@dataclass(frozen=True)
class Reals:
    """A set of numbers, as sympy has it."""

    set: Any


@dataclass(frozen=True)
class Equation:
    """`difference` = 0."""

    difference: Value


@dataclass(frozen=True)
class Inequality:
    """`difference` > 0, or >= 0 where it is not strict."""

    difference: Value
    strict: bool


@dataclass(frozen=True)
class Named:
    """A value with the name it was given."""

    name: str
    answer: Answer


Answer = Quantity | Tuple | Ratio | Collection | Reals | Equation | Inequality | Named
