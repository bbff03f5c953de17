"""Words: every document of a table is cut into tokens in one pass.

Scripts written with spaces are cut by one kernel over the UTF-8 bytes that follows the rules of
spaCy's blank English tokeniser (white space; special chunks; affixes stripped from both ends; web
addresses whole; infixes), because datatrove's English filters count its tokens. Where spaCy lists
the letters of some alphabets, every alphabet counts here, so one rule set serves all languages.
Runs of Han, kana, Thai, Lao, Khmer and Myanmar go to ICU's dictionaries
(https://unicode-org.github.io/icu/userguide/boundaryanalysis/).

Punctuation marks are tokens too; `kinds` tells what a token is, a sum of these bits:

| bit | meaning |
|---|---|
| `WORD` 1 | has a letter, mark or number |
| `ALPHA` 2 | has a letter (`str.isalpha`) |
| `VISIBLE` 4 | has a character outside datatrove's PUNCTUATION_SET: a word to Gopher |
| `PUNCTUATION` 8 | all of category P |
| `TERMINAL` 16 | a single mark that ends a sentence |

`with_words` adds three columns, so that several annotators share one pass:

| column | type | meaning |
|---|---|---|
| `word_starts`, `word_ends` | large_list<int32> | byte offsets of each token in the UTF-8 text |
| `word_kinds` | large_list<uint8> | the bits above |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from icu4py.breakers import WordBreaker

from corpus import characters as ch
from corpus.texts import Bytes, Offsets, batches, text_bytes
from corpus.word_rules import (
    ALPHA,
    PUNCTUATION,
    TERMINAL,
    UNCUT,
    VISIBLE,
    WORD,
    Kinds,
    find_tokens,
    tables,
    token_kinds,
)

__all__ = [
    "ALPHA",
    "COLUMNS",
    "PUNCTUATION",
    "TERMINAL",
    "VISIBLE",
    "WORD",
    "Kinds",
    "Spans",
    "Words",
    "segment",
    "with_words",
    "words",
]

COLUMNS = ("word_starts", "word_ends", "word_kinds")

_ICU_BYTES = 1 << 20  # of text per call, so that memory stays bounded

Spans: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Words:
    """Tokens of document i: entries `offsets[i]` to `offsets[i + 1]` of the other three arrays."""

    offsets: Offsets
    starts: Spans
    ends: Spans
    kinds: Kinds


def words(table: pa.Table) -> Words:
    """The tokens of each document; from the columns of `with_words` where the table has them."""
    if all(name in table.column_names for name in COLUMNS):
        return _stored(table)
    data, offsets = text_bytes(table)
    return segment(data, offsets)


def with_words(table: pa.Table) -> pa.Table:
    """The table with the columns `word_starts`, `word_ends`, `word_kinds`."""
    found = words(table)
    offsets = _list_offsets(found.offsets)
    for name, values in zip(COLUMNS, (found.starts, found.ends, found.kinds), strict=True):
        table = table.append_column(name, pa.LargeListArray.from_arrays(offsets, pa.array(values)))
    return table


def segment(data: Bytes, offsets: Offsets) -> Words:
    """The tokens of texts that lie in `data` as `corpus.texts.text_bytes` gives them."""
    parts = [_segment(data, offsets[lo : hi + 1]) for lo, hi in batches(offsets)]
    counts = [np.diff(part.offsets) for part in parts]
    return Words(
        offsets=np.concatenate([np.zeros(1, np.int64), *counts]).cumsum(),
        starts=_joined([part.starts for part in parts], np.int32),
        ends=_joined([part.ends for part in parts], np.int32),
        kinds=_joined([part.kinds for part in parts], np.uint8),
    )


def _segment(data: Bytes, offsets: Offsets) -> Words:
    """One batch."""
    text = data[offsets[0] : offsets[-1]]
    local = offsets - offsets[0]
    flags = ch.flags(text)
    token_offsets, starts, ends = find_tokens(text, flags, local, tables())
    kinds = token_kinds(flags, starts, ends)
    if (kinds == UNCUT).any():
        token_offsets, starts, ends = _cut_runs(text, token_offsets, starts, ends, kinds)
        kinds = token_kinds(flags & ~np.uint32(ch.DICTIONARY), starts, ends)
    base = np.repeat(local[:-1], np.diff(token_offsets))
    return Words(
        offsets=token_offsets,
        starts=(starts - base).astype(np.int32),
        ends=(ends - base).astype(np.int32),
        kinds=kinds,
    )


def _joined(arrays: list[npt.NDArray[Any]], kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *arrays])


def _list_offsets(offsets: Offsets) -> pa.Array:
    return pa.array(offsets, pa.int64())


def _stored(table: pa.Table) -> Words:
    lists = [table.column(name).combine_chunks() for name in COLUMNS]
    arrays = [item.chunk(0) if isinstance(item, pa.ChunkedArray) else item for item in lists]
    if any(isinstance(item, pa.ChunkedArray) and item.num_chunks == 0 for item in lists):
        arrays = [pa.array([], item.type) for item in lists]
    lengths = arrays[0].value_lengths().to_numpy(zero_copy_only=False)
    flat = [np.array(array.flatten()) for array in arrays]
    return Words(
        offsets=np.concatenate([[0], lengths]).astype(np.int64).cumsum(),
        starts=flat[0],
        ends=flat[1],
        kinds=flat[2],
    )


# ---------------------------------------------------------------- scripts without spaces


def _cut_runs(
    text: Bytes, token_offsets: Offsets, starts: Offsets, ends: Offsets, kinds: Kinds
) -> tuple[Offsets, Offsets, Offsets]:
    """The same tokens, with each run of a dictionary script replaced by ICU's words of it."""
    runs = np.flatnonzero(kinds == UNCUT)
    cut_starts, cut_ends, cuts = _icu_words(text, starts[runs], ends[runs])
    counts = np.ones(len(starts), np.int64)
    counts[runs] = cuts
    positions = np.concatenate([[0], counts.cumsum()])
    new_starts, new_ends = np.repeat(starts, counts), np.repeat(ends, counts)
    inside = np.repeat(kinds == UNCUT, counts)
    new_starts[inside], new_ends[inside] = cut_starts, cut_ends
    return positions[token_offsets], new_starts, new_ends


def _icu_words(
    text: Bytes, starts: Offsets, ends: Offsets
) -> tuple[Offsets, Offsets, npt.NDArray[np.int64]]:
    """`(starts, ends, words per run)` of the runs' words. Runs are sent many at a time, a line
    each.
    """
    pieces = [_icu_lines(text, starts[lo:hi], ends[lo:hi]) for lo, hi in _groups(ends - starts)]
    return (
        np.concatenate([piece[0] for piece in pieces]),
        np.concatenate([piece[1] for piece in pieces]),
        np.concatenate([piece[2] for piece in pieces]),
    )


def _groups(lengths: Offsets) -> Iterable[tuple[int, int]]:
    bounds = np.concatenate([[0], lengths.cumsum()])
    return batches(bounds, _ICU_BYTES)


def _icu_lines(
    text: Bytes, starts: Offsets, ends: Offsets
) -> tuple[Offsets, Offsets, npt.NDArray[np.int64]]:
    joined = b"\n".join(text[a:b].tobytes() for a, b in zip(starts, ends, strict=True))
    breaker = WordBreaker(joined.decode("utf-8", "replace"), "en")
    units = np.array(list(breaker.segments()), np.int64).reshape(-1, 2)
    spans = _byte_of_unit(np.frombuffer(joined, np.uint8))[units]
    data = np.frombuffer(joined, np.uint8)
    spans = spans[data[spans[:, 0]] != ord("\n")]
    line_starts = np.concatenate([[0], (ends - starts + 1).cumsum()])[:-1]
    line = np.searchsorted(line_starts, spans[:, 0], "right") - 1
    shift = (starts - line_starts)[line]
    return spans[:, 0] + shift, spans[:, 1] + shift, np.bincount(line, minlength=len(starts))


def _byte_of_unit(data: Bytes) -> Offsets:
    """Where in UTF-8 each UTF-16 unit begins (ICU counts in these), and the end."""
    first = np.flatnonzero((data & 0xC0) != 0x80)
    units = np.where(data[first] >= 0xF0, 2, 1)
    return np.append(np.repeat(first, units), len(data))
