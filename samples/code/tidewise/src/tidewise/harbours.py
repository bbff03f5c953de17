"""Harbours and what is known about their tides. The places are invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tidewise.constituents import Constituent

REFERENCE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Harbour:
    name: str
    mean_level: float  # metres above chart datum
    constituents: tuple[Constituent, ...]

    def height(self, hours: float) -> float:
        """Metres above chart datum, `hours` after `REFERENCE`."""
        return self.mean_level + sum(c.height(hours) for c in self.constituents)

    def slope(self, hours: float) -> float:
        return sum(c.slope(hours) for c in self.constituents)


def hours_since_reference(when: datetime) -> float:
    return (when - REFERENCE).total_seconds() / 3600


HARBOURS = {
    "fennick": Harbour(
        "Fennick",
        3.1,
        (
            Constituent("M2", 1.92, 141.0),
            Constituent("S2", 0.64, 187.0),
            Constituent("N2", 0.37, 118.0),
            Constituent("K1", 0.11, 12.0),
            Constituent("O1", 0.09, 331.0),
        ),
    ),
    "salt-quay": Harbour(
        "Old Salt Quay",
        0.6,
        (Constituent("K1", 0.21, 80.0), Constituent("O1", 0.18, 46.0)),
    ),
}
