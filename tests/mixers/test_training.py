"""Stacked training: what members read, equal to training alone, goes on where it was saved, and learns."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mixers.proxy import Architecture  # noqa: E402
from mixers.training import (  # noqa: E402
    Pool,
    Schedule,
    advance,
    begun,
    bits_per_byte,
    loaded,
    rows_of,
    stream,
)
from mixers.vocabulary import END, Vocabulary  # noqa: E402

TINY = Architecture(
    vocabulary=300, layers=2, width=32, heads=2, key_heads=1, head_width=16, hidden=48
)
BYTES = Vocabulary(
    np.r_[np.ones(256), 0, np.full(43, 3)].astype(np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.uint16),
)


def pool(documents: int = 60, low: int = 97, high: int = 107, seed: int = 0) -> Pool:
    """Documents of letters, each of which has a favourite: something to learn."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(documents):
        letters = random.choice(np.arange(low, high), random.integers(5, 60))
        letters[random.random(len(letters)) < 0.7] = random.integers(low, high)
        rows.append(np.append(letters, END))
    offsets = np.cumsum([0, *map(len, rows)])
    return Pool(np.concatenate(rows).astype(np.uint16), offsets.astype(np.int64))


def test_what_a_step_reads_by_hand():
    three = Pool(
        np.array([1, 2, END, 3, END, 4, 5, 6, END], np.uint16), np.array([0, 3, 5, 9], np.int64)
    )
    of = stream(three, np.array([1, 0, 2]))
    tokens, documents, targets = rows_of(three, of, 0, 2, 4)
    assert tokens.tolist() == [[3, END, 1, 2], [END, 4, 5, 6]]
    assert documents.tolist() == [[0, 0, 1, 1], [0, 1, 1, 1]]
    assert targets.tolist() == [[END, -1, 2, END], [-1, 5, 6, END]]
    # the stream starts again behind its end
    assert rows_of(three, of, 8, 1, 3)[0].tolist() == [[END, 3, END]]
    with pytest.raises(ValueError, match="no document to read"):
        stream(three, np.array([], np.int64))


def test_stacked_is_alone_after_many_steps():
    texts, by = pool(), Schedule(steps=200, batch=4, length=32)
    orders = [np.random.default_rng(n).permutation(60) for n in range(3)]
    streams = [stream(texts, order) for order in orders]
    together = begun(TINY, [1, 2, 3])
    advance(together, texts, streams, by, by.steps)
    judged = bits_per_byte(together, texts, BYTES, 32)
    for n in range(3):
        alone = begun(TINY, [n + 1])
        advance(alone, texts, streams[n : n + 1], by, by.steps)
        assert bits_per_byte(alone, texts, BYTES, 32)[0] == pytest.approx(judged[n], rel=1e-4)
    before = bits_per_byte(begun(TINY, [1, 2, 3]), texts, BYTES, 32)
    assert (judged < before - 1).all()
    assert len(set(judged.round(4))) == 3


def test_a_training_that_was_saved_ends_the_same():
    texts, by = pool(), Schedule(steps=20, batch=4, length=32)
    streams = [stream(texts, np.random.default_rng(n).permutation(60)) for n in range(2)]
    whole, first = begun(TINY, [1, 2]), begun(TINY, [1, 2])
    advance(whole, texts, streams, by, 20)
    advance(first, texts, streams, by, 7)
    second = loaded(first.saved())
    assert second.step == 7
    advance(second, texts, streams, by, 20)
    for name, weight in whole.weights.items():
        assert torch.equal(weight, second.weights[name]), name


def test_bits_per_byte_by_hand():
    """A model that knows nothing pays the logarithm of the vocabulary for each token."""
    blank = begun(TINY, [1])
    for weight in blank.weights.values():
        weight.zero_()
    two = Pool(np.array([97, 98, 260, END, 97, 260, END], np.uint16), np.array([0, 4, 7], np.int64))
    # judged are b, the token of 3 bytes, and that again: not the first token of a document, and no end
    expected = 3 * np.log2(300) / (1 + 3 + 3)
    assert bits_per_byte(blank, two, BYTES, 16)[0] == pytest.approx(expected)


def test_the_rate_rises_and_falls():
    by = Schedule(steps=100, rate=1.0, warmup=0.1)
    rates = [by.rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1
    assert rates[99] == pytest.approx(0.1, abs=0.02)
    with pytest.raises(ValueError, match="must be 1 or more"):
        Schedule(steps=0)
