"""A small student for tests: vectors at random, so that only the words themselves tell."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from annotators.student import Student, save, untaught
from annotators.vectors import quantised

POLITE = ["please", "kindly", "thank", "welcome", "gladly", "bitte", "danke", "пожалуйста"]
RUDE = ["idiot", "stupid", "shut", "nonsense", "fool", "dumm", "klappe", "дурак"]
PLAIN = ["table", "river", "number", "window", "garden", "haus", "wasser", "дом", "вода", "день"]
POLITENESS = """\
politeness:
  kind: ordinal
  first: 1
  question: How polite is the text?
  values: {rude: It insults., plain: It does neither., polite: It takes care of its reader.}
  abstain: It speaks to nobody.
  source: ours
"""


def vectors(dim: int = 24) -> Student:
    rng = np.random.default_rng(5)
    words = [word.encode() for word in POLITE + RUDE + PLAIN]
    rows = rng.normal(size=(len(words), dim)).astype(np.float32)
    grams = rng.normal(size=(512, dim)).astype(np.float32) * 0.05
    return untaught(quantised(words, rows, grams, (2, 3)))


def base(folder: Path) -> Path:
    path = folder / "base.npz"
    save(vectors(), path)
    return path


def rows(count: int, seed: int = 1) -> list[dict[str, object]]:
    """Texts with a label that their words decide, in three languages; shape says nothing."""
    rng = random.Random(seed)
    found: list[dict[str, object]] = []
    for number in range(count):
        level = 1 + number % 3
        mood = {1: RUDE, 2: PLAIN, 3: POLITE}[level]
        words = rng.choices(mood, k=4) + rng.choices(PLAIN, k=8)
        rng.shuffle(words)
        found.append(
            {
                "text": " ".join(words),
                "politeness": level,
                "lang": ("eng_Latn", "deu_Latn", "tur_Latn")[number % 5 % 3],
            }
        )
    return found
