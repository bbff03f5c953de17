"""Held-out text that proxies are judged on: what target a document belongs to, how much is taken, what is known.

A target is the code, the mathematics, or all text in languages of one family; users name others. A document that shares
`GRAM` tokens in a row with the pool that proxies read is no judge of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from corpus.languages import LANGUAGES
from mixers.mixture import OTHER

TARGET_TOKENS = 40_000  # of a target, at most
LEAST_TARGET = 2_000  # tokens; a smaller target says nothing
GRAM = 13  # tokens in a row that a target's document may not share with the pool
TOLD = ["code", "math"]  # kinds that are targets of their own
NAMES = {*TOLD, OTHER, *(entry.family for entry in LANGUAGES.values())}
TOGETHER = 1 << 22  # grams of the pool that are looked at together
Ids = npt.NDArray[np.uint32]


def target_of() -> pl.Expr:
    """The target that a held-out document belongs to: code, mathematics, or the family of its language."""
    families = {label: entry.family for label, entry in LANGUAGES.items()}
    family = (
        pl.col("language")
        .replace_strict(families, default=OTHER, return_dtype=pl.String)
        .fill_null(OTHER)
    )
    return pl.when(pl.col("kind").is_in(TOLD)).then("kind").otherwise(family)


def up_to(rows: Iterable[Ids], tokens: int) -> list[Ids]:
    """The first rows, up to so many tokens; the last of them is cut."""
    found, room = [], tokens
    for row in rows:
        if room <= 0:
            break
        found.append(row[:room])
        room -= len(row)
    return found


def apart(
    targets: Mapping[str, list[Ids]], pool: Ids
) -> tuple[dict[str, list[Ids]], dict[str, int]]:
    """The documents of each target that share no `GRAM` tokens in a row with the pool, and how many do. Those that have
    fewer are left out.
    """
    targets = {name: [row for row in rows if len(row) >= GRAM] for name, rows in targets.items()}
    grams = {name: [_grams(row) for row in rows] for name, rows in targets.items()}
    wanted = np.unique(
        np.concatenate([np.empty(0, np.uint64), *(g for r in grams.values() for g in r)])
    )
    there = np.zeros(len(wanted), bool)
    for start in range(0, len(pool), TOGETHER):
        found = _grams(pool[start : start + TOGETHER + GRAM - 1])
        there |= np.isin(wanted, found)
    known = wanted[there]
    kept, shared = {}, {}
    for name, rows in targets.items():
        clean = [
            row for row, of in zip(rows, grams[name], strict=True) if not np.isin(of, known).any()
        ]
        kept[name], shared[name] = clean, len(rows) - len(clean)
    return kept, shared


def _grams(ids: Ids) -> npt.NDArray[np.uint64]:
    """A hash of each run of `GRAM` tokens."""
    words = ids.astype(np.uint64)
    total = np.zeros(max(0, len(words) - GRAM + 1), np.uint64)
    with np.errstate(over="ignore"):
        for place in range(GRAM if len(total) else 0):
            total = (total ^ words[place : place + len(total)]) * np.uint64(0x9E3779B97F4A7C15)
            total ^= total >> np.uint64(29)
    return total
