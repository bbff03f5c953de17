"""How much of any item of the evaluation sets a document repeats.

`build_index` hashes the items of the evaluations; the annotator looks the document's n-grams up in
it.

| column | type | meaning |
|---|---|---|
| `contamination` | float32 | largest share (0 to 1) of one item's n-grams that it has |
| `contaminated_by` | list<string> | names of the evaluations with such an item, sorted |
| `contamination_items` | list<struct> | evaluation, item, overlap (float32), ngrams (int32) |

`contamination_items` are the `max_items` items of largest overlap; `item` counts from 0 in its
evaluation, `ngrams` is how many of its n-grams were found. Nothing is null: no overlap is 0 and
empty lists.

An n-gram is 13 words (tokens with a letter or number, in lower case), as GPT-3's (arXiv 2005.14165,
appendix C). An item mostly in a script without spaces uses 24 characters of such scripts instead,
everything else left out: dictionary segmentation depends on what stands around a quotation,
characters do not, and 13 words of Chinese or Japanese are about 24 characters. A shorter item is
one n-gram as a whole, unless it has fewer than 5 words (8 characters), which any document may
contain: `Index.skipped` lists these.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from annotators.annotator import segmenter, sidecar, sidecar_schema
from corpus import storage
from corpus.characters import ALPHA, DICTIONARY, flags
from corpus.compiled import compiled
from corpus.hashes import Hashes, n_gram_hashes, word_hashes
from corpus.segment import WORD, Words, words
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 1
NGRAM_WORDS, NGRAM_CHARACTERS = 13, 24
LEAST_WORDS, LEAST_CHARACTERS = 5, 8

_ITEM = pa.struct(
    [
        pa.field("evaluation", pa.string()),
        pa.field("item", pa.int32()),
        pa.field("overlap", pa.float32()),
        pa.field("ngrams", pa.int32()),
    ]
)
SCHEMA = sidecar_schema(
    pa.field("contamination", pa.float32(), nullable=False),
    pa.field("contaminated_by", pa.list_(pa.string()), nullable=False),
    pa.field("contamination_items", pa.list_(_ITEM), nullable=False),
)

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Index:
    """N-grams of all items: the k-th key belongs to items `items[offsets[k]:offsets[k + 1]]`."""

    keys: Hashes  # sorted, distinct
    offsets: Indices
    items: Indices
    item_evaluation: Indices  # of each item: which of `evaluations`
    item_number: Indices  # and its place there
    item_ngrams: Indices  # and its distinct n-grams
    word_sizes: Indices  # the lengths of n-grams that occur
    character_sizes: Indices
    evaluations: npt.NDArray[np.str_]

    @property
    def skipped(self) -> list[tuple[str, int]]:
        """The items that are too short to look for."""
        short = np.flatnonzero(self.item_ngrams == 0).tolist()
        return [
            (str(self.evaluations[self.item_evaluation[k]]), int(self.item_number[k]))
            for k in short
        ]

    def to_bytes(self) -> bytes:
        """As a NumPy archive; equal indexes have equal bytes."""
        buffer = io.BytesIO()
        np.savez(buffer, **vars(self))
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Index:
        """The index that `to_bytes` wrote."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in arrays.files})


@dataclass(frozen=True, kw_only=True)
class Config:
    """`index` is the path or URI of a file with `Index.to_bytes`."""

    index: str
    max_items: int = 100

    def __post_init__(self) -> None:
        if self.max_items < 1:
            raise ValueError(f"max_items is {self.max_items}; it must be at least 1")


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def assets(config: Config) -> Mapping[str, str]:
    return {"index": hashlib.sha256(storage.get(config.index)).hexdigest(), **segmenter(config)}


def build_index(evaluations: Mapping[str, Iterable[str]]) -> Index:
    """The index of these evaluations: by name, the text of each item."""
    names = sorted(evaluations)
    listed = [list(evaluations[name]) for name in names]
    texts = pa.table({"text": pa.array([t for item in listed for t in item], pa.large_string())})
    grams, owners, sizes = _item_grams(texts)
    grams, owners = _distinct_pairs(grams, owners)
    keys, first = np.unique(grams, return_index=True)
    counts = [len(items) for items in listed]
    return Index(
        keys=keys,
        offsets=np.append(first, len(grams)).astype(np.int64),
        items=owners,
        item_evaluation=np.repeat(np.arange(len(names)), counts).astype(np.int64),
        item_number=np.concatenate([np.zeros(0, np.int64), *map(np.arange, counts)]).astype(
            np.int64
        ),
        item_ngrams=np.bincount(owners, minlength=sum(counts)).astype(np.int64),
        word_sizes=np.unique(sizes[0]),
        character_sizes=np.unique(sizes[1]),
        evaluations=np.array(names, dtype=np.str_),
    )


def _distinct_pairs(grams: Hashes, owners: Indices) -> tuple[Hashes, Indices]:
    """Sorted by n-gram, then item, each pair once."""
    order = np.lexsort((owners, grams))
    grams, owners = grams[order], owners[order]
    new = np.ones(len(grams), np.bool_)
    new[1:] = (grams[1:] != grams[:-1]) | (owners[1:] != owners[:-1])
    return grams[new], owners[new]


def _item_grams(texts: pa.Table) -> tuple[Hashes, Indices, tuple[Indices, Indices]]:
    """`(hashes, item of each, sizes of word n-grams and of character n-grams)`."""
    by_words, by_characters = _streams(texts)
    wanted = _mostly_dictionary(texts)
    grams, owners, sizes = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], []
    for (hashes, offsets), use, n, least in (
        (by_words, ~wanted, NGRAM_WORDS, LEAST_WORDS),
        (by_characters, wanted, NGRAM_CHARACTERS, LEAST_CHARACTERS),
    ):
        lengths = np.diff(offsets)
        use = use & (lengths >= least)
        found, found_offsets = n_gram_hashes(hashes, offsets, n)
        owner = np.repeat(np.arange(len(lengths)), np.diff(found_offsets))
        grams.append(found[use[owner]])
        owners.append(owner[use[owner]])
        sizes.append(np.minimum(lengths[use], n))
    return np.concatenate(grams), np.concatenate(owners), (sizes[0], sizes[1])


def _mostly_dictionary(texts: pa.Table) -> npt.NDArray[np.bool_]:
    """Which texts have most of their letters in scripts written without spaces."""
    data, offsets = text_bytes(texts)
    found = flags(data)
    letters = np.append(0, ((found & ALPHA) != 0).cumsum())[offsets]
    dictionary = np.append(0, ((found & (ALPHA | DICTIONARY)) == ALPHA | DICTIONARY).cumsum())[
        offsets
    ]
    return 2 * np.diff(dictionary) > np.diff(letters)


def _streams(texts: pa.Table) -> tuple[tuple[Hashes, Offsets], tuple[Hashes, Offsets]]:
    """`(hashes, offsets)` of the words of scripts with spaces, and of the characters of the
    others.
    """
    data, offsets = text_bytes(texts)
    text, local = data[offsets[0] : offsets[-1]], offsets - offsets[0]
    dictionary = (flags(text) & DICTIONARY) != 0
    found = words(texts)
    base = np.repeat(local[:-1], np.diff(found.offsets))
    keep = (found.kinds & WORD) != 0
    keep &= ~dictionary[base + found.starts] if len(keep) else keep
    counts = np.append(0, keep.cumsum())[found.offsets]
    hashes = word_hashes(text, local, found, fold=True)[keep]
    characters = _characters(text, local, dictionary)
    return (hashes, counts), (
        word_hashes(text, local, characters, fold=True),
        characters.offsets,
    )


def _characters(text: Bytes, offsets: Offsets, wanted: npt.NDArray[np.bool_]) -> Words:
    """Each wanted character as a word of its own."""
    first = np.flatnonzero(wanted)
    places = np.searchsorted(first, offsets)
    starts = first - np.repeat(offsets[:-1], np.diff(places))
    sizes = np.where(text[first] >= 0xF0, 4, np.where(text[first] >= 0xE0, 3, 2))
    return Words(
        offsets=places.astype(np.int64),
        starts=starts.astype(np.int32),
        ends=(starts + sizes).astype(np.int32),
        kinds=np.zeros(len(first), np.uint8),
    )


class Step:
    """Holds the index; `step(documents)` is the sidecar."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.index = Index.from_bytes(storage.get(config.index))
        self._table = _hash_table(self.index.keys)

    def __call__(self, documents: pa.Table) -> pa.Table:
        _, offsets = text_bytes(documents)
        pieces = [self._annotate(documents.slice(lo, hi - lo)) for lo, hi in batches(offsets)]
        return pa.concat_tables(pieces) if pieces else SCHEMA.empty_table()

    def _annotate(self, documents: pa.Table) -> pa.Table:
        rows, items, counts = self._matches(documents)
        overlap = (counts / self.index.item_ngrams[items]).astype(np.float32)
        order = np.lexsort((items, -overlap, rows))
        rows, items, counts, overlap = rows[order], items[order], counts[order], overlap[order]
        largest = np.zeros(documents.num_rows, np.float32)
        np.maximum.at(largest, rows, overlap)
        bounds = np.searchsorted(rows, np.arange(documents.num_rows + 1)).tolist()
        columns = {
            "contamination": largest,
            "contaminated_by": [self._names(items[a:b]) for a, b in pairwise(bounds)],
            "contamination_items": [
                self._entries(items[a:b], overlap[a:b], counts[a:b]) for a, b in pairwise(bounds)
            ],
        }
        return sidecar(documents, SCHEMA, columns)

    def _matches(self, documents: pa.Table) -> tuple[Indices, Indices, Indices]:
        """`(row, item, distinct n-grams found)`, one entry per pair with any."""
        by_words, by_characters = _streams(documents)
        jobs = [(by_words, size) for size in self.index.word_sizes.tolist()]
        jobs += [(by_characters, size) for size in self.index.character_sizes.tolist()]
        found = [
            _lookup(*n_gram_hashes(*stream, size), self.index.keys, self._table)
            for stream, size in jobs
        ]
        pairs = np.unique(np.concatenate([np.zeros((0, 2), np.int64), *found]), axis=0)
        rows, keys = pairs[:, 0], pairs[:, 1]
        per_key = self.index.offsets[keys + 1] - self.index.offsets[keys]
        within = np.arange(per_key.sum()) - np.repeat(per_key.cumsum() - per_key, per_key)
        items = self.index.items[np.repeat(self.index.offsets[keys], per_key) + within]
        both, counts = np.unique(
            np.stack([np.repeat(rows, per_key), items], axis=1), axis=0, return_counts=True
        )
        return both[:, 0], both[:, 1], counts

    def _names(self, items: Indices) -> list[str]:
        return sorted({str(self.index.evaluations[k]) for k in self.index.item_evaluation[items]})

    def _entries(self, items: Indices, overlap: Any, counts: Indices) -> list[dict[str, Any]]:
        return [
            {
                "evaluation": str(self.index.evaluations[self.index.item_evaluation[item]]),
                "item": int(self.index.item_number[item]),
                "overlap": share,
                "ngrams": count,
            }
            for item, share, count in zip(
                items[: self.config.max_items].tolist(),
                overlap.tolist(),
                counts.tolist(),
                strict=False,
            )
        ]


def step(config: Config) -> Step:
    return Step(config)


@compiled
def _hash_table(keys: Hashes) -> npt.NDArray[np.int64]:
    """An open-addressing table of positions in `keys`; -1 is free."""
    size = 16
    while size < 2 * len(keys):
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, -1, np.int64)
    for k in range(len(keys)):
        slot = keys[k] & mask
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = k
    return table


@compiled
def _lookup(
    grams: Hashes, offsets: Offsets, keys: Hashes, table: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """`(document, key)` of each n-gram that is in the index."""
    mask = np.uint64(len(table) - 1)
    found = np.empty((64, 2), np.int64)
    n = 0
    for d in range(len(offsets) - 1):
        for k in range(offsets[d], offsets[d + 1]):
            slot = grams[k] & mask
            while table[slot] >= 0 and keys[table[slot]] != grams[k]:
                slot = (slot + np.uint64(1)) & mask
            if table[slot] >= 0:
                if n == len(found):
                    larger = np.empty((2 * n, 2), np.int64)
                    larger[:n] = found
                    found = larger
                found[n, 0], found[n, 1] = d, table[slot]
                n += 1
    return found[:n].copy()
