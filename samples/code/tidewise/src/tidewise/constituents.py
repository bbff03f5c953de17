"""The rhythms that a tide is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Angular speed in degrees per hour of mean solar time.
SPEEDS = {
    "M2": 28.9841042,  # the moon, twice a day
    "S2": 30.0,  # the sun, twice a day
    "N2": 28.4397295,  # the changing distance of the moon
    "K1": 15.0410686,  # moon and sun, once a day
    "O1": 13.9430356,  # the moon, once a day
}


@dataclass(frozen=True)
class Constituent:
    """One cosine: `amplitude` in metres, `phase` in degrees at the reference time."""

    name: str
    amplitude: float
    phase: float

    def __post_init__(self) -> None:
        if self.name not in SPEEDS:
            known = ", ".join(sorted(SPEEDS))
            raise ValueError(f"unknown constituent {self.name!r}; known are {known}")
        if self.amplitude < 0:
            raise ValueError(f"the amplitude of {self.name} is negative: {self.amplitude}")

    @property
    def speed(self) -> float:
        """Radians per hour."""
        return math.radians(SPEEDS[self.name])

    def height(self, hours: float) -> float:
        return self.amplitude * math.cos(self.speed * hours - math.radians(self.phase))

    def slope(self, hours: float) -> float:
        """Metres per hour."""
        angle = self.speed * hours - math.radians(self.phase)
        return -self.amplitude * self.speed * math.sin(angle)
