"""Numbers as people read them. The exact number always stands beside, in `title`."""

from __future__ import annotations

UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
NO_BREAK = "\u00a0"


def short(number: float) -> str:
    """Three digits and a unit, `1.23 M`; whole numbers below 10,000 as they are."""
    size = abs(number)
    if size < 10_000:
        return f"{number:,.0f}"
    for unit, letter in UNITS:
        if size >= unit * 0.9995:
            return f"{_three(number / unit)}{NO_BREAK}{letter}"
    raise AssertionError("10,000 is at least one k")


def exact(number: float) -> str:
    """Every digit, `1,234,567`."""
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Bytes, in decimal units."""
    for unit, letter in UNITS:
        if number >= unit * 0.9995:
            return f"{_three(number / unit)}{NO_BREAK}{letter.replace('B', 'G')}B"
    return f"{number:,.0f}{NO_BREAK}B"


def percent(share: float | None) -> str:
    """`12.3 %`; what is not nothing, or not all, never looks like it."""
    if share is None:
        return "–"
    value = 100 * share
    if value == 0 or abs(value - 100) < 1e-6:
        return f"{value:.0f}{NO_BREAK}%"
    if value < 0.05:
        return f"<{NO_BREAK}0.1{NO_BREAK}%"
    if 99.95 <= value < 100:
        return f">{NO_BREAK}99.9{NO_BREAK}%"
    return f"{value:.1f}{NO_BREAK}%"


def ratio(share: float, first: float) -> str:
    """How a share compares with that of the first stage: `×2.4`, `new`, `gone`."""
    if first == 0:
        return "new" if share else ""
    if share == 0:
        return "gone"
    value = share / first
    return f"×{value:.2f}" if value < 9.995 else f"×{value:,.0f}"


def share(part: float, whole: float) -> float:
    """`part / whole`, 0 of nothing."""
    return part / whole if whole else 0.0


def _three(value: float) -> str:
    size = abs(value)
    decimals = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:,.{decimals}f}"
