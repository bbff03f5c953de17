"""Hashes of words and n-grams, against their plain definition."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.hashes import n_gram_hashes, word_hashes
from corpus.segment import words
from corpus.texts import text_bytes

MASK = (1 << 64) - 1


def mix(h: int) -> int:
    h ^= h >> 30
    h = h * 0xBF58476D1CE4E5B9 & MASK
    h ^= h >> 27
    h = h * 0x94D049BB133111EB & MASK
    return h ^ h >> 31


def plain_hash(word: str, fold: bool) -> int:
    h = 0xCBF29CE484222325
    for char in word:
        small = char.lower() if fold else char
        h = (h ^ ord(small if len(small) == 1 else char)) * 0x100000001B3 & MASK
    return mix(h)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(), max_size=4), st.booleans())
def test_words(texts: list[str], fold: bool) -> None:
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    found = words(table)
    hashes = word_hashes(*text_bytes(table), found, fold=fold)
    expected = [
        plain_hash(text.encode()[found.starts[k] : found.ends[k]].decode(), fold)
        for d, text in enumerate(texts)
        for k in range(found.offsets[d], found.offsets[d + 1])
    ]
    assert hashes.tolist() == expected


def test_case_is_folded_on_request() -> None:
    table = pa.table({"text": pa.array(["Straße STRAßE"], pa.large_string())})
    folded = word_hashes(*text_bytes(table), words(table), fold=True)
    exact = word_hashes(*text_bytes(table), words(table), fold=False)
    assert folded[0] == folded[1]
    assert exact[0] != exact[1]


def test_n_grams() -> None:
    table = pa.table({"text": pa.array(["a b c a b c", "", "a b", "c a b"], pa.large_string())})
    hashes = word_hashes(*text_bytes(table), words(table), fold=True)
    grams, offsets = n_gram_hashes(hashes, words(table).offsets, 3)
    assert offsets.tolist() == [0, 4, 4, 5, 6]
    abc, bca, cab, again = grams[:4].tolist()
    assert abc == again
    assert grams[5] == cab
    assert len({abc, bca, cab, int(grams[4])}) == 4
