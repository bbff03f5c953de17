r"""Units of measure: what two of them have in common, and by what factor they differ.

A unit is a factor and the powers of what it is made of: `km/h` is 5/18 of `m^1 s^-1`. A word that is
no unit of the table counts things: `12 apples` is twelve of `apple`. Factors are exact fractions; the
degree and the turn, which are multiples of π, say so with `pi`. Temperatures are not converted, and
`pounds` may be money or mass: `readings` gives both. No errors: None where the text is no unit.

International yard and pound (1959), SI brochure (9th edition, 2019).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What a number is a number of."""

    factor: Fraction = Fraction(1)
    powers: frozenset[tuple[str, int]] = frozenset()
    pi: bool = False  # the factor is times π


_TABLE = """
m 1 m metre meter
m 1000 km kilometre kilometer
m 1/100 cm centimetre centimeter
m 1/10 dm decimetre decimeter
m 1/1000 mm millimetre millimeter
m 1/1000000 µm micron micrometre micrometer
m 127/5000 in inch inche
m 381/1250 ft foot feet
m 1143/1250 yd yard
m 201168/125 mi mile
s 1 s sec second
s 1/1000 ms millisecond
s 60 min minute
s 3600 h hr hour
s 86400 day
s 604800 week
month 1 month
month 12 yr year
kg 1 kg kilogram kilogramme
kg 1/1000 g gram gramme
kg 1/1000000 mg milligram
kg 1000 tonne
kg 45359237/100000000 lb lbs
kg 45359237/1600000000 oz ounce
l 1 L l litre liter
l 1/1000 mL ml millilitre milliliter
gal 1 gal gallon
gal 1/4 qt quart
gal 1/8 pt pint
gal 1/16 cup
dollar 1 $ dollar usd buck
dollar 1/100 cent ¢
euro 1 € euro eur
pound 1 £ gbp
pound 1/100 pence penny
yen 1 ¥ yen
rupee 1 ₹ rupee
celsius 1 celsius °C
fahrenheit 1 fahrenheit °F
kelvin 1 K kelvin
N 1 N newton
J 1 J joule
J 1000 kJ kilojoule
W 1 W watt
W 1000 kW kilowatt
V 1 V volt
A 1 A amp ampere
ohm 1 ohm Ω
Hz 1 Hz hertz
mol 1 mol mole
- 1 rad radian
- 1/100 % percent pct
- 12 dozen
"""
_COMPOUND = {
    "mph": "mi/h", "kph": "km/h", "kmh": "km/h", "kmph": "km/h", "hectare": "hectares", "acre": "acres",
}  # fmt: skip
_PREFIXES = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_DROPPED = {
    "a",
    "an",
    "the",
    "of",
    "total",
    "more",
    "each",
    "about",
    "exactly",
    "approximately",
    "old",
}
_PIECE = re.compile(
    r"\s*(?:(?P<word>°[CF]|[a-zA-ZµΩ]+|[$€£¥₹¢%°])(?:\s*\^\s*\{?\s*(?P<power>[+-]?\d)\s*\}?)?|(?P<sign>[/*·.-]))"
)


@cache
def _known() -> dict[str, tuple[str, Fraction]]:
    """Word of a unit -> what it measures, factor."""
    found: dict[str, tuple[str, Fraction]] = {}
    for line in _TABLE.strip().split("\n"):
        base, factor, *words = line.split()
        found |= {word: ("" if base == "-" else base, Fraction(factor)) for word in words}
    return found


def is_unit(word: str) -> bool:
    """Whether a word of several letters is a unit wherever it stands after a number."""
    return any(
        w in _known() or w in _COMPOUND or w in _PREFIXES
        for w in (word, word.lower(), _singular(word))
    )


def readings(text: str) -> tuple[Unit, ...]:
    """What a text may mean as a unit; empty where it is none."""
    text = re.sub(r"\\degree\s*(?:([CF])(?![a-zA-Z]))?", lambda m: f"°{m[1] or ''}", text)
    text = re.sub(
        r"\bdegrees?\s*(celsius|fahrenheit|C|F)\b",
        lambda m: f"°{m[1][0].upper()}",
        text,
        flags=re.I,
    )
    text = re.sub(r"\bper\b", "/", text, flags=re.I)
    if re.match(r"%|percent", text):
        text = re.sub(r"/\s*(?:year|annum|month)\b|\b(?:a year|annually)\b", "", text)
    if re.search(r"\bpounds?\b", text):
        both = [unit_of(re.sub(r"\bpounds?\b", to, text)) for to in ("£", "lb")]
        return tuple(unit for unit in both if unit is not None)
    unit = unit_of(text)
    return () if unit is None else (unit,)


def unit_of(text: str) -> Unit | None:
    """The unit that a text names."""
    factor, powers, pi = Fraction(1), dict[str, int](), False
    sign, prefix, place = 1, 1, 0
    text = text.strip().rstrip(".")
    for word, power in _pieces(text):
        if word in ("/",):
            sign = -1
        elif word.lower() in _PREFIXES:
            prefix = _PREFIXES[word.lower()]
        elif word == "squared" or word == "cubed":
            return _raised(text, word)
        elif word.lower() in ("degree", "degrees", "°"):
            factor, pi = factor / 180, True
        elif word.lower() not in _DROPPED:
            base, times = _base(word)
            exponent = sign * (power or 1) * prefix
            factor *= times**exponent
            powers[base] = powers.get(base, 0) + exponent
            prefix = 1
        place += 1
    if not place:
        return None
    kept = frozenset((base, power) for base, power in powers.items() if base and power)
    return _litres(Unit(factor=factor, powers=kept, pi=pi))


def _pieces(text: str) -> Iterable[tuple[str, int]]:
    for compound, meaning in _COMPOUND.items():
        text = re.sub(rf"\b{compound}\b", meaning, text)
    place, found = 0, []
    while place < len(text):
        match = _PIECE.match(text, place)
        if match is None:
            return []
        place = match.end()
        if match["sign"] in (None, "/"):
            found.append((match["word"] or "/", int(match["power"] or 0)))
    return found


def _raised(text: str, word: str) -> Unit | None:
    """`metres squared` is `square metres`."""
    rest = re.sub(rf"\b{word}\b", "", text, count=1)
    return unit_of(("square " if word == "squared" else "cubic ") + rest)


def _base(word: str) -> tuple[str, Fraction]:
    known = _known()
    for form in (word, _singular(word), word.lower(), _singular(word.lower())):
        if form in known:
            return known[form]
    return _singular(word.lower()), Fraction(1)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _litres(unit: Unit) -> Unit:
    """Litres as cubic metres, so that both meet."""
    powers = dict(unit.powers)
    count = powers.pop("l", 0)
    if not count:
        return unit
    powers["m"] = powers.get("m", 0) + 3 * count
    factor = unit.factor * Fraction(1, 1000) ** count
    return Unit(factor=factor, powers=frozenset(powers.items()), pi=unit.pi)
