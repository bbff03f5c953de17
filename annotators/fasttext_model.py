"""A fastText classifier, read from its model file and run over many texts by one kernel.

The answers are those of fastText's own `predict(text + "\\n", k=-1, threshold=0)`: the same
probability of every label up to rounding. The kernel does less work for them: the n-grams of a known word
are added up when the model is read, and those of another word are hashed in place and looked up in a
bitmap, which a core's own cache holds, before the table of their rows.

Read are models (`.bin`, or quantised: `.ftz`) with a softmax, whole (ours, OpenLID, GlotLID) or
hierarchical (lid.176), and no word n-grams. The file holds, little-endian: the settings, the
dictionary (words, then labels by falling count), the buckets of n-grams that pruning left, and the
input and output matrices.

Joulin et al., "Bag of Tricks for Efficient Text Classification", arXiv 1607.01759; "FastText.zip",
arXiv 1612.03651 (the quantised file).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from annotators.heads import softmax
from corpus.compiled import compiled
from corpus.texts import Bytes, Offsets

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int32]
Word: TypeAlias = npt.NDArray[np.uint32]  # "<", a token, ">": bytes, sign-extended as hashed

MAGIC, FORMAT = 793712314, 12
HIERARCHICAL_SOFTMAX, SOFTMAX = 1, 3  # fastText's numbers of these losses
LABEL_PREFIX = "__label__"
LINE_END = b"</s>"  # the word that stands for a newline

_PREFIX = np.frombuffer(LABEL_PREFIX.encode(), np.uint8).astype(np.uint32)
_LEFT, _RIGHT = np.uint32(ord("<")), np.uint32(ord(">"))
_FNV_OFFSET, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
_TINY = 1e-5  # fastText adds it to each probability before the logarithm
_UNBUILT = 10**15  # the count of a node of the Huffman tree that is not made yet


class Network(NamedTuple):
    """What the kernel reads. An entry is a word, a label, or LINE_END where it is no known word."""

    slots: Ints  # open addressing by the hash of an entry: its number, or -1
    entry_bytes: Bytes
    entry_offsets: Offsets
    bags: Floats  # (entries, dim): sum of the inputs of an entry, 0 for a label
    inputs: Ints  # how many inputs that are
    line_end: int  # the entry of LINE_END
    grams: Floats  # (rows, dim): inputs of n-grams
    buckets: Ints  # row in `grams` of each n-gram hash modulo their number, or -1
    present: Bytes  # one bit per bucket, the lowest first: whether it has a row
    shortest: int  # characters of an n-gram
    longest: int
    children: (
        Ints  # (2 * labels - 1, 2): the Huffman tree; leaves first, the root last. Empty: no tree
    )
    output: (
        Floats  # (labels - 1, dim): weights of the tree's inner nodes; without a tree (labels, dim)
    )


class Classifier:
    """The model in a file. ValueError where the file is no such model."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        file = _File(data)
        if len(data) < struct.calcsize("2i") or file.numbers("2i") != (MAGIC, FORMAT):
            raise ValueError(f"{path} is not a fastText model of format {FORMAT}")
        settings = file.numbers("12id")
        word_n_grams, loss, _, bucket, shortest, longest = settings[5:11]
        if word_n_grams != 1 or loss not in (HIERARCHICAL_SOFTMAX, SOFTMAX):
            raise ValueError(
                f"{path}: wordNgrams is {word_n_grams} and loss {loss}; only a model with wordNgrams 1 "
                f"and loss {HIERARCHICAL_SOFTMAX} (hierarchical softmax) or {SOFTMAX} (softmax) is read"
            )
        size, words, _, _, pruned = file.numbers("3i2q")
        names, counts = zip(*(file.entry() for _ in range(size)), strict=True)
        pairs = file.array("<i4", 2 * max(pruned, 0)).reshape(-1, 2)
        quantised = file.numbers("?")[0]
        rows = file.quantised_matrix() if quantised else file.matrix()
        output = file.quantised_matrix() if file.numbers("?")[0] and quantised else file.matrix()
        self.labels = tuple(name.decode().removeprefix(LABEL_PREFIX) for name in names[words:])
        entries = names if LINE_END in names else (*names, LINE_END)
        kept = pairs if pruned >= 0 else np.arange(bucket, dtype=np.int32)[:, None].repeat(2, 1)
        self._network = Network(
            **_vocabulary(entries, rows[:words]),
            **_buckets(bucket, kept),
            grams=rows[words:],
            shortest=shortest,
            longest=longest,
            children=_huffman(counts[words:] if loss == HIERARCHICAL_SOFTMAX else ()),
            output=output[: len(self.labels) - (loss == HIERARCHICAL_SOFTMAX)],
        )
        _fold(self._network, words, *_scratch(self._network, max(map(len, entries))))

    def probabilities(self, data: Bytes, offsets: Offsets) -> Floats:
        """For each text the probability of each of `labels`; all 0 where nothing of it is known."""
        net = self._network
        hidden = np.zeros((len(offsets) - 1, net.output.shape[1]), np.float32)
        inputs = np.zeros(len(hidden), np.int64)
        _sums(
            data, offsets, net, *_scratch(net, int(np.diff(offsets).max(initial=0))), hidden, inputs
        )
        hidden /= np.maximum(inputs, 1)[:, None].astype(np.float32)
        scores = _scores(hidden, np.ascontiguousarray(net.output.T))
        found = _leaves(net.children, scores) if len(net.children) else softmax(scores)
        found[inputs == 0] = 0
        return found


def network(
    words: Sequence[bytes], rows: Floats, grams: Floats, shortest: int, longest: int
) -> Network:
    """Vectors of words (a row each) and of n-grams (a row per bucket) alone, for `sums`."""
    entries = (*words, LINE_END)
    every = np.arange(len(grams), dtype=np.int32)[:, None].repeat(2, 1)
    found = Network(
        **_vocabulary(entries, rows),
        **_buckets(len(grams), every),
        grams=grams,
        shortest=shortest,
        longest=longest,
        children=_huffman(()),
        output=np.empty((0, grams.shape[1]), np.float32),
    )
    _fold(found, len(words), *_scratch(found, max(map(len, entries))))
    return found


def sums(net: Network, data: Bytes, offsets: Offsets) -> Floats:
    """For each text the sum of the vectors of its words and their n-grams: (texts, dim)."""
    found = np.zeros((len(offsets) - 1, net.grams.shape[1]), np.float32)
    inputs = np.zeros(len(found), np.int64)
    _sums(data, offsets, net, *_scratch(net, int(np.diff(offsets).max(initial=0))), found, inputs)
    return found


def bags(net: Network, data: Bytes, offsets: Offsets) -> tuple[Offsets, Offsets]:
    """What `sums` adds up, by number: a known word's entry, and the entries plus the bucket of each n-gram. With where
    the numbers of each text end.
    """
    ends = np.zeros(len(offsets), np.int64)
    scratch = _scratch(net, int(np.diff(offsets).max(initial=0)))
    most = int((offsets[-1] - offsets[0]) * (net.longest - net.shortest + 3) + len(offsets))
    found = np.empty(most, np.int64)
    _bags(data, offsets, net, *scratch, found, ends)
    return found[: ends[-1]].copy(), ends


class _File:
    """The bytes of a model file, read from front to end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def numbers(self, kinds: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + kinds, self._data, self._at)
        self._at += struct.calcsize("<" + kinds)
        return found

    def array(self, kind: str, size: int) -> npt.NDArray[Any]:
        found = np.frombuffer(self._data, kind, size, self._at)
        self._at += found.nbytes
        return found

    def entry(self) -> tuple[bytes, int]:
        """A word or label with its count."""
        end = self._data.index(0, self._at)
        name, self._at = self._data[self._at : end], end + 1
        return name, self.numbers("qb")[0]

    def matrix(self) -> Floats:
        rows, columns = self.numbers("2q")
        return self.array("<f4", rows * columns).reshape(rows, columns)

    def quantised_matrix(self) -> Floats:
        has_norms, rows, _, size = self.numbers("?2qi")
        codes = self.array("u1", size).reshape(rows, -1)
        matrix = self._decoded(codes)
        if has_norms:
            matrix *= self._decoded(self.array("u1", rows).reshape(rows, 1))
        return matrix

    def _decoded(self, codes: Bytes) -> Floats:
        """The vectors that codes of a product quantiser stand for: (rows, dimension)."""
        dimension, parts, width, _ = self.numbers("4i")
        centroids = self.array("<f4", 256 * dimension)
        found = np.empty((len(codes), dimension), np.float32)
        for part in range(parts):
            columns = slice(part * width, min((part + 1) * width, dimension))
            book = centroids[256 * columns.start : 256 * columns.stop].reshape(256, -1)
            found[:, columns] = book[codes[:, part]]
        return found


def _scratch(network: Network, longest: int) -> tuple[Word, Word]:
    """Room for a word of `longest` bytes and the buckets of its n-grams."""
    sizes = max(network.longest - network.shortest + 1, 0)
    return np.empty(longest + 2, np.uint32), np.empty((longest + 2) * sizes, np.uint32)


def _vocabulary(entries: Sequence[bytes], rows: Floats) -> dict[str, Any]:
    """The fields of Network that tell of entries; `bags` are the words' own rows as yet."""
    bags = np.zeros((len(entries), rows.shape[1]), np.float32)
    bags[: len(rows)] = rows
    offsets = np.cumsum([0, *map(len, entries)], dtype=np.int64)
    data = np.frombuffer(b"".join(entries), np.uint8)
    slots = np.full(1 << (4 * len(entries)).bit_length(), -1, np.int32)
    _fill(slots, data, offsets)
    return {
        "slots": slots,
        "entry_bytes": data,
        "entry_offsets": offsets,
        "bags": bags,
        "inputs": (np.arange(len(entries)) < len(rows)).astype(np.int32),
        "line_end": entries.index(LINE_END),
    }


def _buckets(size: int, pairs: Ints) -> dict[str, Any]:
    """The fields of Network that tell which n-grams have a row, from pairs of bucket and row."""
    found = np.full(max(size, 1), -1, np.int32)
    found[pairs[:, 0]] = pairs[:, 1]
    return {"buckets": found, "present": np.packbits(found >= 0, bitorder="little")}


def _huffman(counts: Sequence[int]) -> Ints:
    """Both children of each node, -1 for a leaf. `counts` fall; the two rarest nodes are joined."""
    labels = len(counts)
    if not labels:
        return np.empty((0, 2), np.int32)
    weights = [*counts, *[_UNBUILT] * (labels - 1)]
    children = np.full((len(weights), 2), -1, np.int32)
    leaf, node = labels - 1, labels
    for parent in range(labels, len(weights)):
        for side in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                children[parent, side], leaf = leaf, leaf - 1
            else:
                children[parent, side], node = node, node + 1
        weights[parent] = sum(weights[child] for child in children[parent])
    return children


@compiled
def _hashed(h: np.uint32, byte: np.uint32) -> np.uint32:
    """One step of FNV-1a, 32 bits."""
    return np.uint32((h ^ byte) * _FNV_PRIME)


@compiled
def _extended(byte: np.uint8) -> np.uint32:
    """fastText's bytes are signed when it hashes them."""
    return np.uint32(np.int8(byte))


@compiled
def _fill(slots: Ints, data: Bytes, offsets: Offsets) -> None:
    mask = np.uint32(len(slots) - 1)
    for entry in range(len(offsets) - 1):
        h = _FNV_OFFSET
        for i in range(offsets[entry], offsets[entry + 1]):
            h = _hashed(h, _extended(data[i]))
        slot = h & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint32(1)) & mask
        slots[slot] = entry


@compiled
def _find(net: Network, word: Word, size: int, h: np.uint32) -> int:
    """The entry whose bytes are word[1 : size - 1], or -1."""
    mask = np.uint32(len(net.slots) - 1)
    slot = h & mask
    while net.slots[slot] >= 0:
        entry = net.slots[slot]
        start = net.entry_offsets[entry]
        if net.entry_offsets[entry + 1] - start == size - 2:
            k = 0
            while k < size - 2 and np.uint8(word[k + 1]) == net.entry_bytes[start + k]:
                k += 1
            if k == size - 2:
                return int(entry)
        slot = (slot + np.uint32(1)) & mask
    return -1


@compiled
def _add(row: Floats, hidden: Floats) -> None:
    for k in range(len(hidden)):
        hidden[k] += row[k]


@compiled
def _buckets_of(net: Network, word: Word, size: int, hits: Word) -> int:
    """Writes the buckets of a word's n-grams that have a row to `hits`; returns how many.

    Every bucket is written and only those with a row are counted, as a branch would be mispredicted.
    """
    count, modulus = 0, np.uint32(len(net.buckets))
    for i in range(size):
        if word[i] & 0xC0 == 0x80:
            continue
        j, n, h = i, 0, _FNV_OFFSET
        while j < size and n < net.longest:
            h = _hashed(h, word[j])
            j, n = j + 1, n + 1
            while j < size and word[j] & 0xC0 == 0x80:
                h = _hashed(h, word[j])
                j += 1
            if n < net.shortest or (n == 1 and (i == 0 or j == size)):
                continue
            bucket = h % modulus
            hits[count] = bucket
            count += (net.present[bucket >> np.uint32(3)] >> (bucket & np.uint32(7))) & 1
    return count


@compiled
def _add_grams(net: Network, word: Word, size: int, hits: Word, hidden: Floats) -> int:
    """Adds the inputs of a word's n-grams to `hidden`; returns how many."""
    count = _buckets_of(net, word, size, hits)
    for k in range(count):
        _add(net.grams[net.buckets[hits[k]]], hidden)
    return count


@compiled
def _fold(net: Network, words: int, word: Word, hits: Word) -> None:
    """Adds the n-grams of each of the first `words` entries to its bag."""
    word[0] = _LEFT
    for entry in range(words):
        size = 1
        for i in range(net.entry_offsets[entry], net.entry_offsets[entry + 1]):
            word[size] = _extended(net.entry_bytes[i])
            size += 1
        word[size] = _RIGHT
        if entry != net.line_end:
            net.inputs[entry] += _add_grams(net, word, size + 1, hits, net.bags[entry])


@compiled
def _is_label(word: Word, size: int) -> bool:
    """Whether a word is written like a label: fastText takes none for a text of its own."""
    k = 0
    while k < len(_PREFIX) and k < size - 2 and word[k + 1] == _PREFIX[k]:
        k += 1
    return k == len(_PREFIX)


@compiled
def _add_text(
    data: Bytes, start: int, end: int, net: Network, word: Word, hits: Word, hidden: Floats
) -> int:
    """Adds the inputs of a text's first line to `hidden`; returns how many."""
    inputs, i = 0, start
    word[0] = _LEFT
    while True:
        size, h = 1, _FNV_OFFSET
        while i < end and not (data[i] == 32 or 9 <= data[i] <= 13 or data[i] == 0):
            word[size] = _extended(data[i])
            h = _hashed(h, word[size])
            size, i = size + 1, i + 1
        if size > 1:
            word[size] = _RIGHT
            entry = _find(net, word, size + 1, h)
            if entry >= 0:
                _add(net.bags[entry], hidden)
                inputs += net.inputs[entry]
                if entry == net.line_end:
                    return int(inputs)
            elif not _is_label(word, size + 1):
                inputs += _add_grams(net, word, size + 1, hits, hidden)
        if i == end or data[i] == 10:
            _add(net.bags[net.line_end], hidden)
            return int(inputs + net.inputs[net.line_end])
        i += 1


@compiled
def _scores(hidden: Floats, weights: Floats) -> Floats:
    """hidden @ weights, each text's by itself: a library's product rounds by where a row stands among others."""
    found = np.zeros((len(hidden), weights.shape[1]), np.float32)
    for text in range(len(hidden)):
        row = found[text]
        for k in range(len(weights)):
            factor = hidden[text, k]
            for label in range(len(row)):
                row[label] += factor * weights[k, label]
    return found


@compiled
def _leaves(children: Ints, scores: Floats) -> Floats:
    """Probabilities of a tree's leaves, from the scores of its inner nodes; a node comes after its children."""
    labels = scores.shape[1] + 1
    found = np.empty((len(scores), labels), np.float32)
    logs = np.zeros(len(children))
    for text in range(len(scores)):
        for node in range(len(children) - 1, labels - 1, -1):
            right = 1 / (1 + np.exp(-np.float64(scores[text, node - labels])))
            logs[children[node, 0]] = logs[node] + np.log(1 - right + _TINY)
            logs[children[node, 1]] = logs[node] + np.log(right + _TINY)
        for label in range(labels):
            found[text, label] = np.exp(logs[label])
    return found


@compiled
def _sums(
    data: Bytes,
    offsets: Offsets,
    net: Network,
    word: Word,
    hits: Word,
    found: Floats,
    inputs: Offsets,
) -> None:
    for text in range(len(found)):
        inputs[text] = _add_text(
            data, offsets[text], offsets[text + 1], net, word, hits, found[text]
        )


@compiled
def _bags(
    data: Bytes,
    offsets: Offsets,
    net: Network,
    word: Word,
    hits: Word,
    found: Offsets,
    ends: Offsets,
) -> None:
    at, entries = 0, len(net.entry_offsets) - 2  # without LINE_END
    word[0] = _LEFT
    for text in range(len(offsets) - 1):
        i, end = offsets[text], offsets[text + 1]
        while i < end:
            size, h = 1, _FNV_OFFSET
            while i < end and not (data[i] == 32 or 9 <= data[i] <= 13 or data[i] == 0):
                word[size] = _extended(data[i])
                h = _hashed(h, word[size])
                size, i = size + 1, i + 1
            i += 1
            if size == 1:
                continue
            word[size] = _RIGHT
            entry = _find(net, word, size + 1, h)
            if 0 <= entry < entries:
                found[at] = entry
                at += 1
            for k in range(_buckets_of(net, word, size + 1, hits)):
                found[at] = entries + hits[k]
                at += 1
        ends[text + 1] = at
