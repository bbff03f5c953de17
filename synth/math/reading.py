r"""What the tokens of an answer mean: all readings of them, `(1, 2)` for one is a pair and an open interval.

Answers are equal when one reading of each is (`synth.math.equality`). How the readings are chosen:

- values between commas, `or`, `and`, or from ± are a collection without order; `(a, b)` is ordered;
- `x = 3` is the value 3 that is called x, and an equation; `x = 1, y = 2` is also the pair (1, 2);
- an inequality in one variable is a set of reals, in more an inequality only;
- a value has a unit where `synth.math.measures` finds one.

Runs in the child process only. Errors: `synth.math.formulas.Unparseable`, and those of `synth.math.formulas`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import sympy

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
from synth.math.formulas import Unparseable, Value, formula
from synth.math.measures import summed, with_unit
from synth.math.notation import BEGIN, COMMAND, END, NAME, SIGN, TEXT, Token
from synth.math.units import readings as units_of

VERSION = 1

_OPENING, _CLOSING = {"(", "[", "{", "\\{", "langle"}, {")", "]", "}", "\\}", "rangle"}
_RELATIONS = {"=", "<", ">", "le", "ge", "ne", "approx", "equiv"}
_FUNCTION = re.compile(r"[A-Za-z](?:\^\{?-1\}?)?\([a-z]\)")
_EMPTY_WORDS = {
    *("the", "a", "an", "point", "points", "either", "both", "vector", "set", "interval", "value", "values", "line"),
    *("about", "approximately", "roughly", "exactly", "total", "ratio", "length", "area", "volume", "number"),
    *("probability", "angle", "pair", "matrix", "function"),
}  # fmt: skip
_CHANGING = {"not", "no", "than", "most", "least", "never", "minus", "negative", "except"}
_SETS = {"R": sympy.S.Reals, "Z": sympy.S.Integers, "N": sympy.S.Naturals, "Q": sympy.S.Rationals}


def readings(tokens: Sequence[Token]) -> list[Answer]:
    """All that the tokens may mean, the likeliest first."""
    tokens = _without_outer_spacing(tokens)
    tokens = _without_lead(tokens)
    if not tokens:
        raise Unparseable("nothing")
    for reader in (
        _summed,
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


def _without_lead(tokens: list[Token]) -> list[Token]:
    """Without words before the mathematics that change nothing: `the point (2, 5)`, `the area is 24`."""
    start = 0
    while start < len(tokens) and tokens[start].kind == TEXT and len(tokens[start].text) > 1:
        start += 1
    words = " ".join(token.text for token in tokens[:start]).lower().rstrip(":").split()
    if not words or all(token.kind == TEXT for token in tokens[start:]):
        return tokens
    tells = words[-1] in ("is", "are", "equals") and not _CHANGING & set(words)
    return tokens[start:] if tells or set(words) <= _EMPTY_WORDS else tokens


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
    found = [_collection([found[0] for found in each], listed=True)]
    pairs = [answer.set for readings_ in each for answer in readings_ if isinstance(answer, Reals)]
    return [*found, _as_answer(sympy.Union(*pairs))] if len(pairs) == len(each) else list(found)


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
    written = "".join(map(str, left))
    if str(left[0]) in ("angle", "triangle") or "'" in written or _is_product_of_letters(left):
        return [Named(written, answer) for answer in readings(right)]
    left, right = _plain_function(left), _plain_function(right)
    found: list[Answer] = []
    signed = _is_signed([*left, *right])
    if (
        not signed
        and not _symbols(left) | _symbols(right)
        and _is_number(left)
        and _is_number(right)
    ):
        return readings(right) if formula(left).equals(formula(right)) else []
    for a, b in ((left, right), (right, left)):
        name = _name(a)
        if name is not None and name not in _symbols(b):
            found += [Named(name, answer) for answer in readings(b)]
            break
    if signed:
        return found or [
            Collection(tuple(_system(left, right, sign) for sign in "+-"), listed=True)
        ]
    try:
        found.append(Equation(formula(left) - formula(right)))
    except (Unparseable, TypeError):  # a matrix has a name, and no difference from it
        if not found:
            raise
    return found


def _is_signed(tokens: Sequence[Token]) -> bool:
    return any(token.kind == COMMAND and token.text in ("pm", "mp") for token in tokens)


def _is_number(tokens: Sequence[Token]) -> bool:
    try:
        return bool(formula(tokens).is_number)
    except (Unparseable, AttributeError):
        return False


def _system(left: Sequence[Token], right: Sequence[Token], sign: str) -> Equation:
    return Equation(formula(_with_sign(left, sign)) - formula(_with_sign(right, sign)))


def _is_words(tokens: Sequence[Token]) -> bool:
    return all(token.kind == TEXT and len(token.text) > 1 for token in tokens)


def _is_product_of_letters(tokens: Sequence[Token]) -> bool:
    """`AB`, `\\frac{m}{n}`: the name of a value, where a number or a formula is what it equals."""
    letters = [token for token in tokens if token.kind == NAME]
    return len(letters) > 1 and all(
        token.kind == NAME or str(token) in ("frac", "{", "}", "/") for token in tokens
    )


def _plain_function(tokens: Sequence[Token]) -> list[Token]:
    """`f(x)` alone is called y."""
    return [Token(NAME, "y")] if _FUNCTION.fullmatch("".join(map(str, tokens))) else list(tokens)


def _summed(tokens: Sequence[Token]) -> list[Answer] | None:
    """`3 hours 30 minutes`."""
    found = summed(tokens)
    if found is None:
        return None
    total, unit = found
    return [Quantity(sympy.Rational(total.numerator, total.denominator), (unit,))]


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
    if any(_is_signed(side) for side in sides):
        raise Unparseable("an inequality with ±")
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
    if _is_point(tokens):
        return readings(tokens[1:])
    if len(tokens) < 2 or not _encloses(tokens):
        return None
    if _is_signed(tokens) and opening in ("(", "langle") and _parts(tokens[1:-1], {","}, {SIGN}):
        return [Collection(tuple(readings(_with_sign(tokens, sign))[0] for sign in "+-"))]
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


def _is_point(tokens: Sequence[Token]) -> bool:
    """`A(2, 3)`."""
    named = len(tokens) > 4 and tokens[0].kind == NAME and str(tokens[1]) == "("
    return named and _encloses(tokens[1:]) and len(_parts(tokens[2:-1], {","}, {SIGN})) > 1


def _with_sign(tokens: Sequence[Token], sign: str) -> list[Token]:
    """With ± as this sign and ∓ as the other."""
    signs = {"pm": sign, "mp": "-" if sign == "+" else "+"}
    return [
        Token(SIGN, signs[t.text]) if t.text in signs and t.kind == COMMAND else t for t in tokens
    ]


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
        return _solutions(readings(inside[len(subject) + 1 :]))
    parts = _parts(inside, {",", ";"}, {SIGN}) or [list(inside)]
    return [_collection([readings(part)[0] for part in parts])]


def _solutions(found: list[Answer]) -> list[Answer]:
    """The real solutions, where a condition is an equation in one variable."""
    first = found[0]
    if not isinstance(first, Equation) or len(first.difference.free_symbols) != 1:
        return found
    return [
        _as_answer(sympy.solveset(first.difference, *first.difference.free_symbols, sympy.S.Reals))
    ]


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
    value, unit = with_unit(tokens)
    units = units_of(unit) if unit else ()
    if unit and not units:
        raise Unparseable(f"unknown unit {unit}")
    if _is_signed(value):
        return [Collection(tuple(Quantity(formula(value, sign), units) for sign in (1, -1)))]
    bare = None
    if any(token.kind == NAME for token in tokens[len(value) :]):
        try:
            bare = formula(tokens)
        except Unparseable:
            bare = None
    return [Quantity(formula(value), units, bare)]
