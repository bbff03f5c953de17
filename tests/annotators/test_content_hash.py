"""Exact and folded hashes."""

from __future__ import annotations

import hashlib
import itertools
import unicodedata

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from annotators.content_hash import annotate, folded
from corpus.texts import string_bytes


def hashes(documents, *texts: str) -> list[tuple[bytes, bytes]]:
    rows = annotate(documents(texts)).to_pylist()
    return [(row["content_hash"], row["folded_hash"]) for row in rows]


def test_exact_is_blake2b_of_the_bytes(documents) -> None:
    [(exact, fold)] = hashes(documents, "Hello,  World!\n")
    assert exact == hashlib.blake2b(b"Hello,  World!\n", digest_size=16).digest()
    assert fold == hashlib.blake2b(b"hello world", digest_size=16).digest()


def test_folding_joins_what_differs_in_form_only(documents) -> None:
    found = hashes(documents, "A b, c.", "a\tB c", "a b d", "a + b", "a b", "", "…!")
    assert len({exact for exact, _ in found}) == 7
    folds = [fold for _, fold in found]
    assert folds[0] == folds[1]
    assert folds[5] == folds[6]
    assert len({folds[k] for k in (0, 2, 3, 4, 5)}) == 5


def lower(char: str) -> str:
    small = char.lower()
    return small if len(small) == 1 else char


@given(st.lists(st.text() | st.text(alphabet="aA .,\t\x1cÅⱯȺİß字…"), max_size=5))
def test_plain_definition(texts: list[str]) -> None:
    data, bounds = folded(*string_bytes(pa.chunked_array([pa.array(texts, pa.large_string())])))
    found = [data[a:b].tobytes().decode() for a, b in itertools.pairwise(bounds)]
    for text, fold in zip(texts, found, strict=True):
        if all(unicodedata.category(c) not in ("Cn", "Co") for c in text):
            kept = "".join(lower(c) for c in text if unicodedata.category(c)[0] != "P")
            assert fold == " ".join(kept.split())
