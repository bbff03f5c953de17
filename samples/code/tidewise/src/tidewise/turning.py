"""High and low water: the places where the slope of the tide changes its sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidewise.harbours import REFERENCE, Harbour, hours_since_reference

STEP = 0.25  # hours; the shortest rhythm has a period of twelve
PRECISION = 1 / 3600  # hours


@dataclass(frozen=True)
class Turn:
    when: datetime
    height: float
    high: bool


def turning_points(harbour: Harbour, start: datetime, days: float) -> Iterator[Turn]:
    """Every high and low water within `days` after `start`, in order."""
    if days <= 0:
        raise ValueError(f"days must be positive, not {days}")
    first = hours_since_reference(start)
    steps = round(days * 24 / STEP)
    left = first
    for number in range(1, steps + 1):
        right = first + number * STEP
        if (harbour.slope(left) > 0) != (harbour.slope(right) > 0):
            hours = _bisect(harbour, left, right)
            when = REFERENCE + timedelta(hours=hours)
            yield Turn(when, harbour.height(hours), high=harbour.slope(left) > 0)
        left = right


def _bisect(harbour: Harbour, left: float, right: float) -> float:
    rising = harbour.slope(left) > 0
    while right - left > PRECISION:
        middle = (left + right) / 2
        if (harbour.slope(middle) > 0) == rising:
            left = middle
        else:
            right = middle
    return (left + right) / 2
