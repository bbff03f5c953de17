"""Modern Greek in the orthography of before 1982, which a model that learnt the new one takes for Ancient Greek.

A window that is named Ancient Greek is judged once more with the marks of the old orthography folded into those of the
new one: no breathings and no iota below, an acute for grave and circumflex. If it is Greek then, by `SURE` of its
probability, it is Greek. Much of Ancient Greek is named Greek by that, as lid.176 names all of it: that is the smaller
harm.
"""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa

from annotators.fasttext_model import Classifier, Floats
from corpus.texts import Bytes, Offsets, string_bytes

ANCIENT, MODERN = "grc_Grek", "ell_Grek"
SURE = 0.95
_MARKS = str.maketrans("\u0300\u0342", "\u0301\u0301", "\u0313\u0314\u0345")


def settle(probabilities: Floats, model: Classifier, text: Bytes, ends: Offsets) -> None:
    """Put Greek for Ancient Greek, in place, where a window is: (windows, labels of the model)."""
    if not {ANCIENT, MODERN} <= set(model.labels):
        return
    ancient, modern = model.labels.index(ANCIENT), model.labels.index(MODERN)
    rows = np.flatnonzero(probabilities.argmax(axis=1) == ancient)
    if not len(rows):
        return
    folded = [monotonic(text[ends[n] : ends[n + 1]].tobytes().decode()) for n in rows]
    again = model.probabilities(*string_bytes(pa.chunked_array([folded], pa.large_string())))
    sure = again[:, modern] >= SURE
    probabilities[rows[sure]] = again[sure]


def monotonic(text: str) -> str:
    """Greek with the marks of the new orthography alone."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).translate(_MARKS))
