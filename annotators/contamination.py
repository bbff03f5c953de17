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
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from annotators.annotator import segmenter, sidecar, sidecar_schema
from corpus import storage
from corpus.characters import ALPHA, DICTIONARY, flags
from corpus.compiled import compiled
from corpus.hashes import Hashes, word_hashes
from corpus.segment import WORD, Words, words
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 2
NGRAM_WORDS, NGRAM_CHARACTERS = 13, 24
LEAST_WORDS, LEAST_CHARACTERS = 5, 8
_BASE = 0x9E3779B97F4A7C15

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
        found, found_offsets = _n_grams(hashes, offsets, n)
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
        self._filter = _filter(self.index.keys)

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
        columns = {
            "contamination": largest,
            "contaminated_by": self._names(rows, items, documents.num_rows),
            "contamination_items": self._items(rows, items, counts, overlap, documents.num_rows),
        }
        return sidecar(documents, SCHEMA, columns)

    def _matches(self, documents: pa.Table) -> tuple[Indices, Indices, Indices]:
        """`(row, item, distinct n-grams found)`, one entry per pair with any."""
        by_words, by_characters = _streams(documents)
        found = [
            _lookup(*stream, sizes, self.index.keys, self._table, self._filter)
            for stream, sizes in (
                (by_words, self.index.word_sizes),
                (by_characters, self.index.character_sizes),
            )
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

    def _names(self, rows: Indices, items: Indices, documents: int) -> pa.Array:
        """Per document, the evaluations of its items; they are numbered in the order of their names."""
        evaluations = self.index.item_evaluation[items]
        pairs = np.unique(np.stack([rows, evaluations], axis=1), axis=0)
        names = pa.array(self.index.evaluations[pairs[:, 1]].tolist(), pa.string())
        return _lists(pairs[:, 0], names, documents)

    def _items(
        self, rows: Indices, items: Indices, counts: Indices, overlap: Any, documents: int
    ) -> pa.Array:
        """Per document, its first `max_items` items."""
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        kept = place < self.config.max_items
        chosen = items[kept]
        names = self.index.evaluations[self.index.item_evaluation[chosen]].tolist()
        columns = [
            pa.array(names, pa.string()),
            pa.array(self.index.item_number[chosen].astype(np.int32)),
            pa.array(overlap[kept]),
            pa.array(counts[kept].astype(np.int32)),
        ]
        return _lists(
            rows[kept], pa.StructArray.from_arrays(columns, fields=list(_ITEM)), documents
        )


def step(config: Config) -> Step:
    return Step(config)


def _lists(rows: Indices, values: pa.Array, documents: int) -> pa.Array:
    """The values of each document as a list; `rows` ascend."""
    offsets = np.searchsorted(rows, np.arange(documents + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


# ---------------------------------------------------------------- n-grams, by rolling hashes


@compiled
def _gram(prefix: Hashes, k: int, n: int, power: np.uint64) -> np.uint64:
    """The hash of words k to k + n; `prefix` is a polynomial in _BASE, `power` its n-th power."""
    h = prefix[k + n] - prefix[k] * power + np.uint64(n)
    h ^= h >> np.uint64(30)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(27)
    h *= np.uint64(0x94D049BB133111EB)
    return np.uint64(h ^ (h >> np.uint64(31)))


@compiled
def _prefixes(hashes: Hashes, start: int, stop: int, prefix: Hashes) -> None:
    """prefix[k] becomes the polynomial of the first k words."""
    prefix[0] = 0
    for k in range(stop - start):
        prefix[k + 1] = prefix[k] * np.uint64(_BASE) + hashes[start + k]


@compiled
def _power(n: int) -> np.uint64:
    power = np.uint64(1)
    for _ in range(n):
        power *= np.uint64(_BASE)
    return power


@compiled
def _longest(offsets: Offsets) -> int:
    most = 0
    for d in range(len(offsets) - 1):
        most = max(most, offsets[d + 1] - offsets[d])
    return most


@compiled
def _n_grams(hashes: Hashes, offsets: Offsets, n: int) -> tuple[Hashes, Offsets]:
    """`(hashes, offsets)` of each text's n-grams; a text of fewer words is one as a whole."""
    texts = len(offsets) - 1
    bounds = np.zeros(texts + 1, np.int64)
    for d in range(texts):
        count = offsets[d + 1] - offsets[d]
        bounds[d + 1] = bounds[d] + (max(count - n + 1, 1) if count else 0)
    out = np.empty(bounds[texts], np.uint64)
    prefix = np.empty(_longest(offsets) + 1, np.uint64)
    for d in range(texts):
        _prefixes(hashes, offsets[d], offsets[d + 1], prefix)
        size = min(n, offsets[d + 1] - offsets[d])
        power = _power(size)
        for k in range(bounds[d + 1] - bounds[d]):
            out[bounds[d] + k] = _gram(prefix, k, size, power)
    return out, bounds


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
def _filter(keys: Hashes) -> npt.NDArray[np.uint64]:
    """One bit of 16 or more per key, by its upper half: most n-grams of a text end here."""
    words = 16
    while 4 * words < len(keys):
        words *= 2
    bits = np.zeros(words, np.uint64)
    for key in keys:
        place = key >> np.uint64(32)
        bits[(place >> np.uint64(6)) & np.uint64(words - 1)] |= np.uint64(1) << (
            place & np.uint64(63)
        )
    return bits


@compiled
def _lookup(
    hashes: Hashes,
    offsets: Offsets,
    sizes: Indices,
    keys: Hashes,
    table: npt.NDArray[np.int64],
    bits: npt.NDArray[np.uint64],
) -> npt.NDArray[np.int64]:
    """`(document, key)` of each n-gram of one of the sizes that is in the index."""
    mask, words = np.uint64(len(table) - 1), np.uint64(len(bits) - 1)
    prefix = np.empty(_longest(offsets) + 1, np.uint64)
    found = np.empty((64, 2), np.int64)
    n = 0
    for d in range(len(offsets) - 1):
        _prefixes(hashes, offsets[d], offsets[d + 1], prefix)
        for size in sizes:
            power = _power(size)
            for k in range(offsets[d + 1] - offsets[d] - size + 1):
                gram = _gram(prefix, k, size, power)
                place = gram >> np.uint64(32)
                if not (
                    bits[(place >> np.uint64(6)) & words] >> (place & np.uint64(63))
                ) & np.uint64(1):
                    continue
                slot = gram & mask
                while table[slot] >= 0 and keys[table[slot]] != gram:
                    slot = (slot + np.uint64(1)) & mask
                if table[slot] >= 0:
                    if n == len(found):
                        larger = np.empty((2 * n, 2), np.int64)
                        larger[:n] = found
                        found = larger
                    found[n, 0], found[n, 1] = d, table[slot]
                    n += 1
    return found[:n].copy()
