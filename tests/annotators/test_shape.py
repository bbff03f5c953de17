"""Shape by hand, and for texts of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from annotators.shape import CLASSES, SIZE, shape


def of(*texts: str) -> np.ndarray:
    offsets = np.cumsum([0, *(len(text.encode()) for text in texts)], dtype=np.int64)
    return shape(np.frombuffer("".join(texts).encode(), np.uint8), offsets)


def test_by_hand() -> None:
    (row,) = of("Ab, 12\n\né!")
    assert len(row) == SIZE == 24
    # bytes: A b , space 1 2 \n \n é é !  = 11
    kinds = {"A": 1, "a": 1, ",": 1, " \t": 1, "0": 2, "\n": 2, "!": 1}
    for key, count in kinds.items():
        (place,) = [n for n, characters in enumerate(CLASSES) if key[0] in characters]
        assert row[place] == pytest.approx((count / 11) ** 0.5)
    assert row[15] == row[16] == pytest.approx((1 / 11) ** 0.5)  # both bytes of é
    assert row[18] == pytest.approx(np.log(12) / 10)
    assert row[19] == pytest.approx(np.log1p(11 / 3) / 8)
    assert list(row[20:23]) == pytest.approx([1, 1 / 3, 0])
    assert row[23] == pytest.approx(11 / 3 / 20)


def test_texts_are_alone_and_an_empty_one_is_zero() -> None:
    texts = ["one two", "", "- a\n- b\n", "ок"]
    together = of(*texts)
    for row, text in zip(together, texts, strict=True):
        assert np.array_equal(row, of(text)[0])
    assert not together[1].any()
    assert together[2][22] == pytest.approx(2 / 3)


def test_hostile(hostile_texts: list[str]) -> None:
    found = of(*hostile_texts)
    assert np.isfinite(found).all()
    assert found.min() >= 0
