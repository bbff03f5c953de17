"""Draws belong to the document: they depend on id, seed and purpose alone, and look uniform."""

import hashlib

import numpy as np

from corpus.randomness import hash64, id_words, keyed, uniform


def ids(count: int) -> np.ndarray:
    data = b"".join(hashlib.md5(str(n).encode()).digest() for n in range(count))
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, 16)


def test_words_keep_the_order_of_ids():
    words = id_words(ids(100))
    by_bytes = sorted(range(100), key=lambda n: ids(100)[n].tobytes())
    by_words = sorted(range(100), key=lambda n: tuple(words[n]))
    assert by_bytes == by_words


def test_a_draw_does_not_depend_on_its_neighbours():
    words = id_words(ids(50))
    assert keyed(words, 1, "a")[20:30].tolist() == keyed(words[20:30], 1, "a").tolist()


def test_seed_purpose_and_salt_all_matter():
    words = id_words(ids(50))
    draws = [
        keyed(words, 1, "a"),
        keyed(words, 2, "a"),
        keyed(words, 1, "b"),
        keyed(words, 1, "a", 1),
    ]
    draws.append(keyed(words, 1, "a", np.arange(50) + 7))
    assert len({tuple(d.tolist()) for d in draws}) == 5
    assert keyed(words, 1, "a", 3).tolist() == keyed(words, 1, "a", np.full(50, 3)).tolist()


def test_draws_are_uniform():
    u = uniform(id_words(ids(20_000)), 1, "a")
    assert 0 <= u.min() < u.max() < 1
    counts = np.bincount((u * 20).astype(int), minlength=20)
    # chi-square with 19 degrees of freedom: the 99.99 % point is 50.8
    assert ((counts - 1000.0) ** 2 / 1000.0).sum() < 50.8


def test_hash64_separates_its_arguments():
    assert hash64("ab", "c") != hash64("a", "bc")
    assert hash64("a") == hash64("a") < 2**64
