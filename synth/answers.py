r"""What an answer is: a quantity, a tuple, a collection of values, a set of reals, an equation, an inequality.

`readings` gives all that the same marks may mean, `(1, 2)` for one is a pair and an open interval. Answers
are equal when one reading of each is (`synth.equality`). How the readings are chosen:

- values between commas, `or`, `and`, or from ± are a collection without order; `(a, b)` is ordered;
- `x = 3` is the value 3 that is called x, and an equation; `x = 1, y = 2` is also the pair (1, 2);
- an inequality in one variable is a set of reals, in more an inequality only;
- what follows a number in words is its unit, and so are a sign of money, `%` and degrees around a number.

Runs in the child process only. Errors: `synth.formulas.Unparseable`, and those of `synth.formulas`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import sympy

from synth.formulas import Unparseable, Value, formula
from synth.notation import BEGIN, COMMAND, END, NAME, NUMBER, SIGN, TEXT, Token
from synth.units import Unit
from synth.units import readings as units_of

VERSION = 1


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
    answer: Answer = field(repr=True)


Answer = Quantity | Tuple | Ratio | Collection | Reals | Equation | Inequality | Named

_OPENING, _CLOSING = {"(", "[", "{", "\\{", "langle"}, {")", "]", "}", "\\}", "rangle"}
_RELATIONS = {"=", "<", ">", "le", "ge", "ne", "approx", "equiv"}
_MONEY = {"\\$": "$", "$": "$", "€": "€", "£": "£", "¥": "¥", "₹": "₹"}
_LETTER_UNITS = set("mgshLlKNJWVACF")
_FUNCTION_NAMES = {"y", "f(x)", "g(x)", "h(x)"}
_SETS = {"R": sympy.S.Reals, "Z": sympy.S.Integers, "N": sympy.S.Naturals, "Q": sympy.S.Rationals}


def readings(tokens: Sequence[Token]) -> list[Answer]:
    """All that the tokens may mean, the likeliest first."""
    tokens = _without_outer_spacing(tokens)
    if not tokens:
        raise Unparseable("nothing")
    for reader in (
        _alternatives,
        _listed,
        _member,
        _related,
        _set_algebra,
        _ratio,
        _bracketed,
        _named_set,
    ):
        found = reader(tokens)
        if found is not None:
            return found
    return _quantities(tokens)


def _without_outer_spacing(tokens: Sequence[Token]) -> list[Token]:
    tokens = list(tokens)
    while tokens and tokens[-1].kind == SIGN and tokens[-1].text in ".,;":
        tokens.pop()
    if len(tokens) > 3 and tokens[0].text == "]" and tokens[-1].text in "[]":
        last = Token(SIGN, ")" if tokens[-1].text == "[" else "]")
        return [Token(SIGN, "("), *tokens[1:-1], last]
    if len(tokens) > 3 and tokens[0].text in "([" and tokens[-1].text == "[":
        return [*tokens[:-1], Token(SIGN, ")")]
    return tokens


def _split(
    tokens: Sequence[Token], marks: set[str], kinds: set[str]
) -> list[tuple[str, list[Token]]]:
    """The pieces between marks outside all brackets, each with the mark before it."""
    found: list[tuple[str, list[Token]]] = [("", [])]
    depth = 0
    for token in tokens:
        if token.kind == BEGIN or (token.kind in (SIGN, COMMAND) and token.text in _OPENING):
            depth += 1
        elif token.kind == END or (token.kind in (SIGN, COMMAND) and token.text in _CLOSING):
            depth -= 1
        text = token.text.lower() if token.kind == TEXT else token.text
        if (
            depth == 0
            and token.kind in kinds
            and text.strip(", ") in marks | ({","} & marks and {""})
        ):
            found.append((text, []))
        else:
            found[-1][1].append(token)
    return found


def _parts(tokens: Sequence[Token], marks: set[str], kinds: set[str]) -> list[list[Token]]:
    parts = [part for _, part in _split(tokens, marks, kinds)]
    return [part for part in parts if part] if len(parts) > 1 else []


def _alternatives(tokens: Sequence[Token]) -> list[Answer] | None:
    """`x < 1 or x > 5`."""
    parts = _parts(tokens, {"or", "vee", "lor"}, {TEXT, COMMAND})
    if len(parts) < 2:
        return None
    each = [readings(part) for part in parts]
    regions = [_region(found) for found in each]
    if all(region is not None for region in regions):
        return [_as_answer(sympy.Union(*regions))]
    return [_collection([found[0] for found in each], listed=True)]


def _region(found: Sequence[Answer]) -> Any | None:
    """The set of reals among readings of a relation."""
    if any(isinstance(answer, Tuple | Collection) for answer in found):
        return None
    return next((answer.set for answer in found if isinstance(answer, Reals)), None)


def _listed(tokens: Sequence[Token]) -> list[Answer] | None:
    """`2, 3`, `x = 1 and y = 2`, `x > 1 and x < 4`."""
    parts = _parts(tokens, {",", "and", ", and", ";", "wedge", "land", "&"}, {TEXT, COMMAND, SIGN})
    if len(parts) < 2:
        return None
    each = [readings(part) for part in parts]
    regions = [_region(found) for found in each]
    if all(region is not None for region in regions):
        return [_as_answer(sympy.Intersection(*regions))]
    firsts = [found[0] for found in each]
    names = [answer.name for answer in firsts if isinstance(answer, Named)]
    if len(names) == len(firsts) and len(set(names)) == len(names):
        ordered = sorted(firsts, key=lambda answer: answer.name)  # type: ignore[union-attr]
        return [Tuple(tuple(ordered))]
    return [_collection(firsts, listed=True)]


def _collection(answers: Sequence[Answer], *, listed: bool = False) -> Collection:
    """A flat collection; of values that all have one name, the values."""
    names = {answer.name for answer in answers if isinstance(answer, Named)}
    items: list[Answer] = []
    for answer in answers:
        if isinstance(answer, Named) and len(names) == 1:
            answer = answer.answer
        items += (isinstance(answer, Collection) and answer.items) or [answer]
    return Collection(tuple(items), listed)


def _member(tokens: Sequence[Token]) -> list[Answer] | None:
    r"""`x \in S`: S."""
    parts = _parts(tokens, {"in"}, {COMMAND})
    return readings(parts[1]) if len(parts) == 2 else None


def _related(tokens: Sequence[Token]) -> list[Answer] | None:
    pieces = _split(tokens, _RELATIONS, {SIGN, COMMAND})
    if len(pieces) < 2:
        return None
    sides = [side for _, side in pieces]
    operators = [operator for operator, _ in pieces[1:]]
    if set(operators) <= {"=", "approx", "equiv"}:
        return _equation(sides)
    return _inequality(sides, operators)


def _equation(sides: Sequence[Sequence[Token]]) -> list[Answer]:
    left, right = sides[0], sides[-1]
    if (
        not left
        or _is_words(left)
        or (_encloses(left) and len(_parts(left[1:-1], {","}, {SIGN})) > 1)
    ):
        return readings(right)
    if str(left[0]) in ("angle", "triangle"):
        return [Named("".join(map(str, left)), answer) for answer in readings(right)]
    found: list[Answer] = []
    for a, b in ((left, right), (right, left)):
        name = _name(a)
        if name is not None and name not in _symbols(b):
            found += [
                Named("y" if name in _FUNCTION_NAMES else name, answer) for answer in readings(b)
            ]
            break
    try:
        found.append(Equation(formula(_plain_functions(left)) - formula(_plain_functions(right))))
    except Unparseable:
        if not found:
            raise
    return found


def _is_words(tokens: Sequence[Token]) -> bool:
    return all(token.kind == TEXT and len(token.text) > 1 for token in tokens)


def _plain_functions(tokens: Sequence[Token]) -> list[Token]:
    """`f(x)` alone is called y."""
    written = "".join(map(str, tokens))
    return [Token(NAME, "y")] if written in _FUNCTION_NAMES else list(tokens)


def _name(tokens: Sequence[Token]) -> str | None:
    """The variable that the tokens are; None where they are more."""
    try:
        value = formula(tokens)
    except Unparseable:
        return None
    return str(value) if isinstance(value, sympy.Symbol) else None


def _symbols(tokens: Sequence[Token]) -> set[str]:
    try:
        return {str(symbol) for symbol in formula(tokens).free_symbols}
    except Unparseable:
        return set()


def _inequality(sides: Sequence[Sequence[Token]], operators: Sequence[str]) -> list[Answer]:
    values = [formula(side) for side in sides]
    symbols = set().union(*(value.free_symbols for value in values))
    found: list[Answer] = []
    if len(symbols) == 1:
        regions = [
            _solved(a, operator, b)
            for (a, b), operator in zip(pairwise(values), operators, strict=True)
        ]
        found.append(_as_answer(sympy.Intersection(*regions)))
    if len(operators) == 1 and operators[0] != "ne":
        difference = values[0] - values[1]
        up = operators[0] in (">", "ge")
        found.append(Inequality(difference if up else -difference, operators[0] in "<>"))
    if not found:
        raise Unparseable("a chain in several variables")
    return found


def _solved(left: Value, operator: str, right: Value) -> Any:
    """The reals where the relation holds."""
    relation = {
        "<": sympy.Lt, ">": sympy.Gt, "le": sympy.Le, "ge": sympy.Ge, "ne": sympy.Ne,
        "=": sympy.Eq, "approx": sympy.Eq, "equiv": sympy.Eq,
    }[operator](left, right)  # fmt: skip
    if relation in (True, False):
        return sympy.S.Reals if relation else sympy.S.EmptySet
    try:
        return relation.as_set()
    except (NotImplementedError, ValueError, TypeError) as error:
        raise Unparseable(f"not solved: {error}") from error


def _set_algebra(tokens: Sequence[Token]) -> list[Answer] | None:
    pieces = _split(tokens, {"cup", "cap", "setminus", "\\\\"}, {COMMAND, SIGN})
    if len(pieces) < 2 or not all(piece for _, piece in pieces):
        return None
    value = _as_set(pieces[0][1])
    for operator, piece in pieces[1:]:
        other = _as_set(piece)
        value = {
            "cup": lambda a, b: sympy.Union(a, b),
            "cap": lambda a, b: sympy.Intersection(a, b),
        }.get(operator, lambda a, b: sympy.Complement(a, b))(value, other)
    return [_as_answer(value)]


def _as_set(tokens: Sequence[Token]) -> Any:
    for answer in readings(tokens):
        if isinstance(answer, Reals):
            return answer.set
        if isinstance(answer, Collection):
            if not all(isinstance(item, Quantity) for item in answer.items):
                continue
            return sympy.FiniteSet(
                *(item.value for item in answer.items if isinstance(item, Quantity))
            )
    raise Unparseable("no set")


def _as_answer(value: Any) -> Answer:
    if isinstance(value, sympy.FiniteSet):
        return Collection(tuple(Quantity(item) for item in value))
    return Collection(()) if value is sympy.S.EmptySet else Reals(value)


def _ratio(tokens: Sequence[Token]) -> list[Answer] | None:
    parts = _parts(tokens, {":", "to"}, {SIGN, TEXT})
    if len(parts) < 2:
        return None
    return [Ratio(tuple(formula(part) for part in parts))]


def _bracketed(tokens: Sequence[Token]) -> list[Answer] | None:
    """A set, a tuple, an interval or a matrix of rows, where brackets enclose all of it."""
    opening, closing = str(tokens[0]), str(tokens[-1])
    if len(tokens) < 2 or not _encloses(tokens):
        return None
    inside = tokens[1:-1]
    if opening == "\\{" and closing == "\\}":
        return _braced(inside)
    parts = _parts(inside, {",", ";"}, {SIGN})
    if opening not in ("(", "[", "langle") or len(parts) < 2:
        return readings(inside) if opening == closing == "{" else None
    if opening == "[" and all(str(part[0]) == "[" and _encloses(part) for part in parts):
        rows = [[formula(item) for item in _parts(part[1:-1], {","}, {SIGN})] for part in parts]
        if len({len(row) for row in rows}) == 1 and rows[0]:
            return [Quantity(sympy.ImmutableMatrix(rows))]
    return _tuple_or_interval(parts, opening, closing)


def _encloses(tokens: Sequence[Token]) -> bool:
    """Whether the first bracket's partner is the last token."""
    depth = 0
    for k, token in enumerate(tokens):
        if token.kind in (SIGN, COMMAND):
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth == 0:
            return k == len(tokens) - 1 and k > 0
    return False


def _braced(inside: Sequence[Token]) -> list[Answer]:
    if not inside:
        return [Collection(())]
    subject = _split(inside, {":", "|"}, {SIGN})[0][1]
    if len(subject) < len(inside) and _name(
        _parts(subject, {"in"}, {COMMAND})[0] if "in" in map(str, subject) else subject
    ):
        return readings(inside[len(subject) + 1 :])
    parts = _parts(inside, {",", ";"}, {SIGN}) or [list(inside)]
    return [_collection([readings(part)[0] for part in parts])]


def _tuple_or_interval(
    parts: Sequence[Sequence[Token]], opening: str, closing: str
) -> list[Answer]:
    found: list[Answer] = []
    if (opening, closing) in (("(", ")"), ("langle", "rangle")):
        found.append(Tuple(tuple(readings(part)[0] for part in parts)))
    if len(parts) == 2 and opening != "langle":
        try:
            ends = [formula(part) for part in parts]
            found.append(Reals(_interval(ends[0], ends[1], opening == "(", closing == ")")))
        except (Unparseable, ValueError, TypeError):
            if not found:
                raise Unparseable("no interval") from None
    if not found and (opening, closing) == ("[", "]"):
        found.append(Named("[]", Tuple(tuple(readings(part)[0] for part in parts))))
    if not found:
        raise Unparseable("brackets that do not match")
    return found


def _interval(low: Value, high: Value, left_open: bool, right_open: bool) -> Any:
    if (high - low).is_extended_nonpositive and (left_open or right_open or high != low):
        raise ValueError(f"{low} is not below {high}")
    return sympy.Interval(low, high, left_open, right_open)


def _named_set(tokens: Sequence[Token]) -> list[Answer] | None:
    written = "".join(str(token) for token in tokens)
    if written == "emptyset":
        return [Collection(())]
    match = re.fullmatch(r"mathbb\{?([RZNQ])\}?", written)
    return [Reals(_SETS[match[1]])] if match else None


def _quantities(tokens: Sequence[Token]) -> list[Answer]:
    """A value with its unit; with ± the two of them."""
    value, unit = _with_unit(tokens)
    units = units_of(unit) if unit else ()
    if unit and not units:
        raise Unparseable(f"unknown unit {unit}")
    signed = any(token.kind == COMMAND and token.text in ("pm", "mp") for token in value)
    if signed:
        return [Collection(tuple(Quantity(formula(value, sign), units) for sign in (1, -1)))]
    bare = None
    if any(token.kind == NAME for token in tokens[len(value) :]):
        try:
            bare = formula(tokens)
        except Unparseable:
            bare = None
    return [Quantity(formula(value), units, bare)]


def _with_unit(tokens: Sequence[Token]) -> tuple[Sequence[Token], str]:
    """The tokens of the value, and the text of the unit."""
    lead = 1 if tokens[0].text in "+-" and tokens[0].kind == SIGN else 0
    if len(tokens) > lead + 1 and tokens[lead].kind == SIGN and tokens[lead].text in _MONEY:
        value, after = _with_unit([*tokens[:lead], *tokens[lead + 1 :]])
        return value, after if after and not after.lower().startswith("us") else _MONEY[
            tokens[lead].text
        ]
    for k in range(1, len(tokens)):
        if _opens_unit(tokens, k):
            unit = _unit_text(tokens[k:])
            if unit is not None:
                return tokens[:k], unit
    return tokens, ""


def _opens_unit(tokens: Sequence[Token], k: int) -> bool:
    token, before = tokens[k], tokens[k - 1]
    if token.kind == TEXT:
        return len(token.text) > 1 or token.text in _LETTER_UNITS
    if token.kind == NAME:
        after_number = before.kind == NUMBER and (k < 2 or str(tokens[k - 2]) not in "^_")
        return token.spaced and after_number and token.text in _LETTER_UNITS
    if str(token) == "min":
        return before.kind == NUMBER and (
            k + 1 == len(tokens) or str(tokens[k + 1]) not in ("(", "\\{")
        )
    if str(token) in ("degree", "%"):
        return all(
            t.kind in (NUMBER, SIGN) or t.text in ("frac", "pi", "sqrt", "pm") for t in tokens[:k]
        )
    return token.kind == SIGN and token.text in _MONEY


def _unit_text(tokens: Sequence[Token]) -> str | None:
    """The text of a unit; None where numbers or operators stand in it that belong to none."""
    text = ""
    for k, token in enumerate(tokens):
        if token.kind == NUMBER and str(tokens[k - 1]) not in ("^", "{", "-"):
            return None
        if token.kind in (TEXT, NAME):
            text += f" {token.text}"
        elif token.kind == COMMAND:
            if token.text not in ("degree", "cdot", "min"):
                return None
            text += {"degree": "\\degree ", "cdot": "*", "min": " min"}[token.text]
        else:
            text += _MONEY.get(token.text, token.text)
    return text.strip() if re.fullmatch(r"[^()=<>+\[\]|,!]*", text) else None
