r"""Where the unit of a quantity begins: tokens to the value's tokens and the text of its unit.

A unit is what follows a number in words (`5 cm`, `12 apples`), a sign of money before or after it, and `%`
or degrees at the end of what is a number alone: the degrees of `\\sin 30^\\circ` belong to the formula. One
letter is a unit when it is set upright, or stands apart after a number: `5 m`, not `5m`. No errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from synth.math.notation import COMMAND, NAME, NUMBER, SIGN, TEXT, Token
from synth.math.units import Unit, unit_of

VERSION = 1

MONEY = {"\\$": "$", "$": "$", "€": "€", "£": "£", "¥": "¥", "₹": "₹"}
_LETTER_UNITS = set("mgshLlKNJWVACF")


def with_unit(tokens: Sequence[Token]) -> tuple[Sequence[Token], str]:
    """The tokens of the value, and the text of the unit."""
    lead = 1 if tokens[0].text in "+-" and tokens[0].kind == SIGN else 0
    if len(tokens) > lead + 1 and tokens[lead].kind == SIGN and tokens[lead].text in MONEY:
        value, after = with_unit([*tokens[:lead], *tokens[lead + 1 :]])
        money = MONEY[tokens[lead].text]
        if after.startswith(("/", "per ")):
            return value, f"{money} {after}"
        return value, after if after and not after.lower().startswith("us") else money
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
    if str(token) == "/" and k + 1 < len(tokens):
        return tokens[k + 1].kind == TEXT and len(tokens[k + 1].text) > 1
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
    return token.kind == SIGN and token.text in MONEY


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
            text += MONEY.get(token.text, token.text)
    return text.strip() if re.fullmatch(r"[^()=<>+\[\]|,!]*", text) else None


def summed(tokens: Sequence[Token]) -> tuple[Fraction, Unit] | None:
    """`3 hours 30 minutes`: the sum and its unit; None where the tokens are no such list."""
    pairs: list[tuple[Fraction, Unit]] = []
    rest = [token for token in tokens if token.text.lower() != "and"]
    while (
        len(rest) >= 2
        and rest[0].kind == NUMBER
        and rest[1].text.isalpha()
        and "e" not in rest[0].text
    ):
        unit = unit_of(rest[1].text)
        if unit is None or not unit.powers:
            return None
        pairs.append((Fraction(rest[0].text.rstrip(".")), unit))
        rest = rest[2:]
    units = [unit for _, unit in pairs]
    falling = all(a.powers == b.powers and a.factor > b.factor for a, b in pairwise(units))
    if rest or len(pairs) < 2 or not falling:
        return None
    total = sum((number * unit.factor for number, unit in pairs), Fraction(0))
    return total, Unit(powers=units[0].powers)
