r"""Whether two answers are the same.

Formulas without variables are compared as exact fractions, or by value to 50 of 80 digits. Formulas with
variables are compared at ten fixed points, positive and negative, to 30 of 60 digits, where both are real
(everywhere, where they are real together nowhere): identity testing in the manner of Schwartz (1980) and
Zippel (1979). A decimal is exactly what it says: 0.33 is not 1/3, 3.14 is not π. Equations are the same
when one is a constant multiple of the other, inequalities when the multiple is positive.

Two units must measure the same; a unit, %, or ° that one side alone has is taken as understood by the
other. What our reader does not know (sums, integrals, limits) is left to math-verify, without its
reader of plain expressions.

`same_answer` runs in the child process only. Errors: `corpus.limits.Unreadable` with reason `unreadable`
(no reader knows one of them), `too_large`, or `undecided` (no point where both have a value).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import sympy

from corpus.limits import Unreadable
from synth.math.answers import (
    Answer,
    Collection,
    Equation,
    Inequality,
    Named,
    Quantity,
    Ratio,
    Reals,
    Tuple,
)
from synth.math.formulas import Unparseable, Value
from synth.math.notation import clean, tokens
from synth.math.reading import readings
from synth.math.units import Unit
from synth.math.wording import is_text, same_text, spelled_out, with_digits

VERSION = 1

_POINTS = (
    "1.2731",
    "0.3719",
    "2.6183",
    "5.3417",
    "0.7773",
    "-0.4129",
    "-1.7321",
    "-2.9173",
    "3.0871",
    "-5.1379",
)
_STEP = sympy.Rational("0.61803")
_DIGITS, _NEAR = 60, mpmath.mpf(10) ** -30


class _Undecided(Exception):  # noqa: N818
    """Neither shown equal nor different."""


def same_answer(left: str, right: str) -> bool:
    """Whether two answers, LaTeX or plain, are the same."""
    a, b = with_digits(clean(left)), with_digits(clean(right))
    if a == b:
        return True
    by_words = same_text(a, b)
    if by_words is not None:
        return by_words
    a, b = spelled_out(a), spelled_out(b)
    try:
        return _any_reading(readings(tokens(a)), readings(tokens(b)))
    except _Undecided as error:
        raise Unreadable("undecided", str(error)) from error
    except (Unparseable, RecursionError) as error:
        return _otherwise(a, b, error)


def _any_reading(left: Sequence[Answer], right: Sequence[Answer]) -> bool:
    undecided = None
    for a in left:
        for b in right:
            try:
                if _same(a, b):
                    return True
            except _Undecided as error:
                undecided = error
    if undecided is not None:
        raise undecided
    return False


def _otherwise(a: str, b: str, error: Exception) -> bool:
    """Answers that our reader does not know."""
    if is_text(a) or is_text(b):
        return False
    found = _by_library(a, b) if "\\" in a + b and not isinstance(error, RecursionError) else None
    if found is None:
        raise Unreadable("unreadable", str(error))
    return found


def _by_library(a: str, b: str) -> bool | None:
    """What math-verify says; None where it cannot read one of them."""
    from math_verify import LatexExtractionConfig, parse, verify

    parsed = []
    for text in (a, b):
        found = parse(
            f"${text}$",
            [LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=None,
        )
        if not found:
            return None
        parsed.append(found)
    return bool(
        verify(parsed[0], parsed[1], float_rounding=30, numeric_precision=60, timeout_seconds=None)
    )


def _same(a: Answer, b: Answer) -> bool:
    for kinds, compare in _RULES:
        for left, right in ((a, b), (b, a)):
            if isinstance(left, kinds[0]) and isinstance(right, kinds[1]):
                return compare(left, right)
    return False


def _named(a: Named, b: Named) -> bool:
    return a.name == b.name and _same(a.answer, b.answer)


def _in_order(a: Sequence[Answer], b: Sequence[Answer]) -> bool:
    return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))


def _collections(a: Collection, b: Collection) -> bool:
    """Each of one is in the other; as often, where both are written as lists."""
    if a.listed and b.listed:
        rest = list(b.items)
        for item in a.items:
            partner = next((k for k, other in enumerate(rest) if _same(item, other)), None)
            if partner is None:
                return False
            del rest[partner]
        return not rest
    return all(any(_same(x, y) for y in b.items) for x in a.items) and all(
        any(_same(x, y) for x in a.items) for y in b.items
    )


def _alone(a: Collection, b: Answer) -> bool:
    if isinstance(b, Tuple):
        return a.listed and _in_order(a.items, b.items)
    return len(a.items) == 1 and _same(a.items[0], b)


def _vectors(a: Tuple, b: Quantity) -> bool:
    """A column of a matrix is a tuple."""
    if not isinstance(b.value, sympy.MatrixBase) or b.value.cols != 1:
        return False
    return _in_order(a.items, [Quantity(item) for item in b.value])


def _ratios(a: Ratio, b: Ratio) -> bool:
    pairs = list(zip(a.items, b.items, strict=False))
    (x, y), rest = pairs[0], pairs[1:]
    return len(a.items) == len(b.items) and all(_same_value(x * q, y * p) for p, q in rest)


def _ratio_and_quantity(a: Ratio, b: Quantity) -> bool:
    return len(a.items) == 2 and not b.units and _same_value(a.items[0], a.items[1] * b.value)


def _regions(a: Reals, b: Reals) -> bool:
    if a.set == b.set:
        return True
    left, right = _spans(a.set), _spans(b.set)
    return len(left) == len(right) > 0 and all(
        x[2:] == y[2:] and _same_end(x[0], y[0]) and _same_end(x[1], y[1])
        for x, y in zip(left, right, strict=True)
    )


def _same_end(a: Value, b: Value) -> bool:
    return bool(a == b) or (
        a.is_finite is not False and b.is_finite is not False and _same_value(a, b)
    )


def _spans(region: Any) -> list[tuple[Value, Value, bool, bool]]:
    """The intervals of a set in order; empty where it has other parts."""
    parts = region.args if isinstance(region, sympy.Union) else (region,)
    if not all(isinstance(part, sympy.Interval) for part in parts):
        return []
    spans = [(p.start, p.end, bool(p.left_open), bool(p.right_open)) for p in parts]
    return sorted(spans, key=lambda span: float(span[0])) if len(spans) > 1 else spans


def _quantities(a: Quantity, b: Quantity) -> bool:
    if not a.units and not b.units:
        return _same_value(a.value, b.value)
    if a.units and b.units:
        return any(_same_measure(a.value, u, b.value, v) for u in a.units for v in b.units)
    measured, plain = (a, b) if a.units else (b, a)
    if measured.bare is not None and _same_value(measured.bare, plain.value):
        return True
    if _same_value(measured.value, plain.value):
        return True
    return any(
        not unit.powers and _same_value(_scaled(measured.value, unit), plain.value)
        for unit in measured.units
    )


def _same_measure(x: Value, u: Unit, y: Value, v: Unit) -> bool:
    return u.powers == v.powers and _same_value(_scaled(x, u), _scaled(y, v))


def _scaled(value: Value, unit: Unit) -> Value:
    factor = sympy.Rational(unit.factor.numerator, unit.factor.denominator)
    return value * factor * (sympy.pi if unit.pi else 1)


def _same_value(a: Value, b: Value) -> bool:
    """Whether two expressions have the same value wherever both have one."""
    if isinstance(a, sympy.MatrixBase) or isinstance(b, sympy.MatrixBase):
        both = (
            isinstance(a, sympy.MatrixBase)
            and isinstance(b, sympy.MatrixBase)
            and a.shape == b.shape
        )
        return both and all(_same_value(x, y) for x, y in zip(a, b, strict=True))
    if a in (sympy.nan, sympy.zoo) or b in (sympy.nan, sympy.zoo):
        raise _Undecided("a division by zero")
    if a == b:
        return True
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    if not symbols:
        return _same_number(a, b)
    a, b, symbols = _one_constant(a, b, symbols)
    values = [(_at(a, point), _at(b, point)) for point in _points(symbols)]
    return all(_close(x, y) for x, y in _comparable(values))


def _one_constant(a: Value, b: Value, symbols: list[Any]) -> tuple[Value, Value, list[Any]]:
    """The constant of integration is C on both sides, where one writes c."""
    small, large = (sympy.Symbol(letter, real=True) for letter in "cC")
    if {small, large} <= set(symbols):
        for value in (a, b):
            if small in value.free_symbols and (
                large in value.free_symbols or small in (value - small).free_symbols
            ):
                return a, b, symbols
        a, b = a.xreplace({small: large}), b.xreplace({small: large})
        symbols = [symbol for symbol in symbols if symbol != small]
    return a, b, symbols


def _same_number(a: Value, b: Value) -> bool:
    if a.is_Rational and b.is_Rational:
        return False  # equal ones were the same object
    infinite = [value for value in (a, b) if value.is_infinite or value is sympy.nan]
    if infinite:
        return False
    x, y = (mpmath.mpmathify(value.evalf(80, maxn=400)) for value in (a, b))
    with mpmath.workdps(80):
        return bool(abs(x - y) <= mpmath.mpf(10) ** -50 * max(1, abs(x)))


def _points(symbols: Sequence[Any]) -> list[dict[Any, Value]]:
    return [
        {
            symbol: sympy.Float(sympy.Rational(point) + k * _STEP, _DIGITS + 10)
            for k, symbol in enumerate(symbols)
        }
        for point in _POINTS
    ]


def _at(value: Value, point: dict[Any, Value]) -> Any | None:
    """The value at a point, None where it has none."""
    try:
        found = value.xreplace(point).evalf(_DIGITS)
        number = mpmath.mpmathify(found)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if mpmath.isfinite(number) else None


def _comparable(values: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The pairs where both are real, or all where they never are."""
    known = [(x, y) for x, y in values if x is not None and y is not None]
    real = [(x, y) for x, y in known if _is_real(x) and _is_real(y)]
    found = real if len(real) >= 3 else known
    if len(found) < 3:
        raise _Undecided("fewer than three points where both have a value")
    return found


def _is_real(x: Any) -> bool:
    return bool(abs(mpmath.im(x)) <= _NEAR * max(1, abs(x)))


def _close(x: Any, y: Any) -> bool:
    with mpmath.workdps(_DIGITS):
        return bool(abs(x - y) <= _NEAR * max(1, abs(x)))


def _equations(a: Equation, b: Equation) -> bool:
    return any(abs(ratio) > _NEAR for ratio in _constant_ratio(a.difference, b.difference))


def _inequalities(a: Inequality, b: Inequality) -> bool:
    return a.strict == b.strict and any(
        _is_real(ratio) and mpmath.re(ratio) > _NEAR
        for ratio in _constant_ratio(a.difference, b.difference)
    )


def _constant_ratio(a: Value, b: Value) -> list[Any]:
    """What b is times a, where that is the same everywhere; else empty."""
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    if not symbols or a.free_symbols != b.free_symbols:
        return []
    values = [(_at(a, point), _at(b, point)) for point in _points(symbols)]
    with mpmath.workdps(_DIGITS):
        ratios = [y / x for x, y in _comparable(values) if abs(x) > _NEAR]
    return ratios[:1] if ratios and all(_close(ratios[0], ratio) for ratio in ratios) else []


_RULES: tuple[tuple[tuple[Any, Any], Callable[[Any, Any], bool]], ...] = (
    ((Named, Named), _named),
    ((Named, object), lambda a, b: _same(a.answer, b)),
    ((Collection, Collection), _collections),
    ((Collection, object), _alone),
    ((Tuple, Tuple), lambda a, b: _in_order(a.items, b.items)),
    ((Tuple, Quantity), _vectors),
    ((Ratio, Ratio), _ratios),
    ((Ratio, Quantity), _ratio_and_quantity),
    ((Reals, Reals), _regions),
    ((Quantity, Quantity), _quantities),
    ((Equation, Equation), _equations),
    ((Inequality, Inequality), _inequalities),
)
