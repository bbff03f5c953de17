"""Reduced vocabularies lose nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.tokenizer import END_OF_TEXT, VOCABULARY, Tokenizer
from mixers.vocabulary import END, reduced

TOKENIZER = Tokenizer()


def spelt(vocabulary, ids, pieces, kept):
    """The bytes that a proxy's ids stand for."""
    return b"".join(
        bytes([n]) if n < END else b"" if n == END else pieces[kept[n - END - 1]] for n in ids
    )


def test_by_hand():
    pieces = [bytes([n]) for n in range(256)] + [b"ab", b"abc", b"zz"]
    pieces += [b""] * (VOCABULARY - len(pieces))
    counts = np.zeros(VOCABULARY, np.int64)
    counts[[97, 256, 257, 258]] = 100, 5, 4, 1
    found = reduced(counts, pieces, 259)  # room for two: of 5, 8 and 1 bytes that they save
    assert found.size == 259
    assert found.bytes_of[[97, END, 257, 258]].tolist() == [1, 0, 2, 3]
    ids = np.array([256, 97, 258, 257], np.uint32)
    out, offsets = found.encode(ids, np.array([0, 2, 2, 4]))
    assert out.tolist() == [257, 97, END, END, 122, 122, 258, END]
    assert offsets.tolist() == [0, 3, 4, 8]


@settings(max_examples=8)  # a vocabulary takes a second
@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_nothing_is_lost(texts):
    rows = [TOKENIZER.encode(text) for text in texts]
    ids, offsets = np.concatenate(rows), np.cumsum([0, *map(len, rows)])
    counts = np.bincount(ids, minlength=VOCABULARY)
    found = reduced(counts, TOKENIZER.pieces, 260)
    out, ends = found.encode(ids.astype(np.uint32), offsets)
    saved = counts * (np.array([len(p) for p in TOKENIZER.pieces]) - 1)
    kept = sorted(np.argsort(-saved, kind="stable")[:3].tolist())
    kept = [token for token in kept if saved[token] > 0]
    for n, row in enumerate(rows):
        part = out[ends[n] : ends[n + 1]]
        assert part[-1] == END
        assert spelt(found, part, TOKENIZER.pieces, kept) == TOKENIZER.decode_bytes(row)
        assert found.bytes_of[part].sum() == len(TOKENIZER.decode_bytes(row))


def test_an_impossible_size_is_refused():
    with pytest.raises(ValueError, match="vocabulary=100"):
        reduced(np.zeros(VOCABULARY, np.int64), TOKENIZER.pieces, 100)


def test_pieces_are_the_bytes_of_each_id():
    assert TOKENIZER.pieces[END_OF_TEXT] == b""
    assert len(TOKENIZER.pieces) == VOCABULARY
    ids = TOKENIZER.encode("Ein Löwe, 獅子")
    assert b"".join(TOKENIZER.pieces[n] for n in ids) == "Ein Löwe, 獅子".encode()
