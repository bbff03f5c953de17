"""How the documents of a language are told apart when some are drawn, and which of them are drawn sooner.

A stratum is named `language|source|length|level`: length is the power of four of the characters, level what the
student says along one dimension. A language's quota is shared evenly by its strata, so that long documents, small
sources and the ends of a scale are seen. Within a stratum a document that the student is wholly unsure of is drawn
`active` times as readily as one that it is sure of. Without a student there are no levels, and all are drawn alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from annotators.taxonomy import Dimension, Kind

VERSION = 1  # of which documents are drawn
BINS = 1 << 24  # of 10^9 documents of a stratum some 60 are in a bin
SEPARATOR = "|"


@dataclass(frozen=True, kw_only=True)
class Strata:
    """What is told apart; by default a language is one stratum."""

    apart: bool = False
    level: str = ""  # the dimension by whose answers documents are told apart
    unsure: Sequence[tuple[str, Kind]] = ()  # the student's dimensions that are asked about
    active: float = 1.0

    @classmethod
    def of(cls, dimensions: Sequence[Dimension], columns: Sequence[str], active: float) -> Strata:
        """Strata for questions about some dimensions, from the columns that are there."""
        known = [(d.name, d.kind) for d in dimensions if f"{d.name}_score" in columns]
        return cls(apart=True, level=known[0][0] if known else "", unsure=known, active=active)

    @property
    def columns(self) -> set[str]:
        """What is looked at."""
        found = {name for dimension, _ in self.unsure for name in (dimension, f"{dimension}_score")}
        return found | ({"n_chars"} if self.apart else set())

    @property
    def name(self) -> pl.Expr:
        """The stratum of a row that has `language`, `source` and `columns`."""
        if not self.apart:
            return pl.col("language")
        length = pl.col("n_chars").clip(1).log(4).floor().cast(pl.Int8).cast(pl.String)
        level = pl.col(self.level).cast(pl.String).fill_null("") if self.level else pl.lit("")
        return pl.concat_str("language", "source", length, level, separator=SEPARATOR)

    @property
    def odds(self) -> pl.Expr:
        """How readily a row is drawn, beside one that the student is sure of."""
        if not self.unsure:
            return pl.lit(1.0)
        doubts = [_doubt(name, kind) for name, kind in self.unsure]
        return self.active ** pl.mean_horizontal(doubts)


BY_LANGUAGE = Strata()


def language_of(stratum: str) -> str:
    """The language of a stratum."""
    return stratum.partition(SEPARATOR)[0]


def raced(uniform: pl.Expr, odds: pl.Expr) -> pl.Expr:
    """When a row comes in, from 0 to 1, in an exponential race: one of twice the odds is first twice as often. At odds
    of 1 the uniform number itself.
    """
    return 1 - (1 - uniform) ** (1 / odds)


def evenly(quota: int, supply: Mapping[str, int]) -> dict[str, int]:
    """A quota shared evenly: what small strata cannot give the others do; the fullest first where it does not come out
    even. What a stratum has beyond the quota does not count.
    """
    shares = {}
    left = quota
    full = {name: min(documents, quota) for name, documents in supply.items()}
    for place, stratum in enumerate(sorted(full, key=lambda name: (full[name], name))):
        shares[stratum] = min(full[stratum], left // (len(full) - place))
        left -= shares[stratum]
    return shares


def _doubt(name: str, kind: Kind) -> pl.Expr:
    """From 0, sure, to 1: of what the student says, where it says nothing 1."""
    score = pl.col(f"{name}_score")
    if kind == "ordinal":  # the expected level lies half way between two
        doubt = 2 * (score - pl.col(name)).abs()
    elif kind == "multi":
        doubt = 1 - (2 * score - 1).abs()
    else:
        doubt = 1 - score
    return doubt.clip(0, 1).fill_null(1.0)
