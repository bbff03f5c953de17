"""The taxonomy's dimensions for every document, by one small model with a head for each.

For each dimension that the model has (`heads`), by its name:

| column | type | meaning |
|---|---|---|
| `<name>` | int8 level, string or list<string> | the most probable answer; null where it abstains or has no text |
| `<name>_score` | float32 | ordinal: the expected level; nominal: probability of the answer; multi: of any value |
| `abstained` | list<string> | the dimensions without an answer, each with the reason: `field: no text` |

It abstains, with null, on the languages of a family that were read too badly when it was measured: the whole interval
of the share of right answers lay below the floor (`annotators.training`). No guess is written.

The features of a text are the mean of the vectors of its words and of their n-grams, after small letters and without
ASCII's punctuation, of windows spread evenly over it; beside them `annotators.shape`. The vectors were trained so that
translations lie near each other, and so what is learnt from a text in one language holds in others. One pass over the
text serves all heads.

`model` names another file that `tokenmill train-student` wrote.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from annotators import language
from annotators.annotator import file_hash, sidecar, sidecar_schema
from annotators.fasttext_model import Network, network, sums
from annotators.heads import Head
from annotators.shape import SIZE, shape
from annotators.taxonomy import Dimension
from corpus.compiled import compiled
from corpus.languages import LANGUAGES
from corpus.texts import Bytes, Offsets, batches, string_bytes, text_bytes

VERSION = 1
MODEL = Path(__file__).parent / "models" / "student" / "student.npz"
WINDOWS = language.Config(windows=8, window_bytes=512)
NO_FAMILY = "none"  # of a text whose language is none of the 119
_BATCH = 1 << 22

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which file holds the model: by default ours."""

    model: str = ""

    @property
    def path(self) -> Path:
        return Path(self.model) if self.model else MODEL


class Student(NamedTuple):
    """What a model's file holds. The vectors of words and n-grams are bytes, with a scale per column."""

    words: Sequence[bytes]
    rows: npt.NDArray[np.int8]
    grams: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    sizes: tuple[int, int]  # characters of the shortest and the longest n-grams
    vectors: Network
    mean: Floats  # of the features, and their spread, over the texts it was fitted on
    spread: Floats
    dimensions: Mapping[str, Dimension]
    heads: Mapping[str, Head]
    floors: Mapping[str, Mapping[str, str]]  # dimension -> family -> why it abstains
    card: Mapping[str, Any]  # how it was made

    def features(self, texts: Sequence[str]) -> Floats:
        """(texts, dim + shape), of about unit variance."""
        return self._features(pa.table({"text": pa.array(texts, pa.large_string())}))

    def _features(self, table: pa.Table) -> Floats:
        data, offsets = text_bytes(table)
        found = [
            raw_features(self.vectors, data, offsets[lo : hi + 1])
            for lo, hi in batches(offsets, _BATCH)
        ]
        whole = np.concatenate(found) if found else np.zeros((0, len(self.mean)), np.float32)
        return np.asarray((whole - self.mean) / self.spread, np.float32)


def raw_features(vectors: Network, data: Bytes, offsets: Offsets) -> Floats:
    """Mean vector of each text's words and n-grams at length 1, and its shape."""
    text, ends, owner = language.windows(data, offsets, WINDOWS)
    whole = np.zeros((len(offsets) - 1, vectors.grams.shape[1]), np.float32)
    np.add.at(whole, owner, sums(vectors, *_small(text, ends)))
    length = np.linalg.norm(whole, axis=1, keepdims=True)
    return np.hstack([whole / np.maximum(length, 1e-9), shape(data, offsets)])


def folded(texts: Sequence[str]) -> tuple[Bytes, Offsets]:
    """Texts as their words are looked up: small letters, and spaces for ASCII's punctuation."""
    return _small(*text_bytes(pa.table({"text": pa.array(texts, pa.large_string())})))


def _small(text: Bytes, ends: Offsets) -> tuple[Bytes, Offsets]:
    column = pa.LargeStringArray.from_buffers(
        len(ends) - 1, pa.py_buffer(np.ascontiguousarray(ends)), pa.py_buffer(text)
    )
    small = pl.from_arrow(column).str.to_lowercase().to_arrow()  # type: ignore[union-attr]
    data, offsets = string_bytes(pa.chunked_array([small]))
    plain = data[offsets[0] : offsets[-1]].copy()
    _without_punctuation(plain)
    return plain, offsets - offsets[0]


@compiled
def _without_punctuation(data: Bytes) -> None:
    for i in range(len(data)):
        byte = data[i]
        if byte < 0x80 and not (97 <= byte <= 122 or 48 <= byte <= 57):
            data[i] = 0x20


# ---------------------------------------------------------------- the file


def untaught(
    words: Sequence[bytes], rows: Floats, grams: Floats, sizes: tuple[int, int]
) -> Student:
    """A student that has vectors, and no head yet."""
    scales = np.maximum(np.abs(rows).max(axis=0), np.abs(grams).max(axis=0)) / 127
    scales = scales.astype(np.float32)
    kept = [np.round(array / scales).astype(np.int8) for array in (rows, grams)]
    size = grams.shape[1] + SIZE
    return Student(
        words=words,
        rows=kept[0],
        grams=kept[1],
        scales=scales,
        sizes=sizes,
        vectors=network(words, kept[0] * scales, kept[1] * scales, *sizes),
        mean=np.zeros(size, np.float32),
        spread=np.ones(size, np.float32),
        dimensions={},
        heads={},
        floors={},
        card={},
    )


def save(student: Student, path: Path) -> None:
    """Write a student to one file."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "words": np.frombuffer(b"\0".join(student.words), np.uint8),
        "rows": student.rows,
        "grams": student.grams,
        "scales": student.scales,
        "mean": student.mean.astype(np.float32),
        "spread": student.spread.astype(np.float32),
    }
    for name, head in student.heads.items():
        arrays[f"weights.{name}"] = head.weights.astype(np.float32)
        arrays[f"biases.{name}"] = head.biases.astype(np.float32)
    about = {
        "version": VERSION,
        "sizes": student.sizes,
        "dimensions": {name: d.model_dump() for name, d in student.dimensions.items()},
        "temperatures": {name: head.temperature for name, head in student.heads.items()},
        "floors": student.floors,
        "card": student.card,
    }
    arrays["about"] = np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    path.write_bytes(buffer.getvalue())


def load(path: Path) -> Student:
    """Read a student. ValueError where the file is none, or of another version."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        about = json.loads(arrays["about"].tobytes())
    except OSError as error:
        raise ValueError(f"{path} is no student: {error.strerror}") from None
    except (ValueError, KeyError, BadZipFile):
        raise ValueError(f"{path} is no student: not a file of `tokenmill train-student`") from None
    if about["version"] != VERSION:
        raise ValueError(
            f"{path} is a student of version {about['version']}; this one reads {VERSION}: train it anew"
        )
    rows, grams = (arrays[name] * arrays["scales"] for name in ("rows", "grams"))
    sizes = tuple(about["sizes"])
    words = arrays["words"].tobytes().split(b"\0")
    dimensions = {name: Dimension(**entry) for name, entry in about["dimensions"].items()}
    return Student(
        words=words,
        rows=arrays["rows"],
        grams=arrays["grams"],
        scales=arrays["scales"],
        sizes=sizes,
        vectors=network(words, rows, grams, *sizes),
        mean=arrays["mean"],
        spread=arrays["spread"],
        dimensions=dimensions,
        heads={
            name: Head(
                kind=dimension.kind,
                weights=arrays[f"weights.{name}"].astype(np.float64),
                biases=arrays[f"biases.{name}"].astype(np.float64),
                temperature=about["temperatures"][name],
            )
            for name, dimension in dimensions.items()
        },
        floors=about["floors"],
        card=about["card"],
    )


@cache
def _loaded(path: Path, sha256: str) -> Student:
    return load(path)


def _student(config: Config) -> Student:
    sha256 = file_hash(config.path) if config.path.is_file() else ""
    return _loaded(config.path, sha256)


# ---------------------------------------------------------------- the annotator


def dimensions(config: Config) -> Mapping[str, Dimension]:
    """What the model answers."""
    return _student(config).dimensions


def schema(config: Config) -> pa.Schema:
    columns = []
    for name, dimension in _student(config).dimensions.items():
        columns += [pa.field(name, dimension.type), pa.field(f"{name}_score", pa.float32())]
    return sidecar_schema(*columns, pa.field("abstained", pa.list_(pa.string())))


def assets(config: Config) -> Mapping[str, str]:
    return {"student": file_hash(config.path), "language": file_hash(language.MODEL)}


class Step:
    """Holds the model; `step(documents)` is the sidecar."""

    def __init__(self, config: Config) -> None:
        self._student = _student(config)
        self._schema = schema(config)
        self._language = language.step(language.Config())

    def __call__(self, documents: pa.Table) -> pa.Table:
        student = self._student
        features = student._features(documents)
        families = family_of(self._language(documents).column("language").to_pylist())
        written = pc.utf8_trim_whitespace(documents.column("text"))
        has_text = pc.greater(pc.binary_length(written), 0).to_numpy(zero_copy_only=False)
        columns: dict[str, pa.Array] = {}
        reasons: list[list[str]] = [[] for _ in families]
        for name, dimension in student.dimensions.items():
            floors = student.floors.get(name, {})
            why = [floors.get(family) for family in families]
            known = has_text & np.array([reason is None for reason in why], bool)
            for row in np.flatnonzero(~known):
                reasons[row].append(f"{name}: {why[row] if has_text[row] else 'no text'}")
            found = student.heads[name].probabilities(features)
            columns[name], columns[f"{name}_score"] = answers(dimension, found, known)
        columns["abstained"] = pa.array(reasons, pa.list_(pa.string()))
        return sidecar(documents, self._schema, columns)


def step(config: Config) -> Step:
    return Step(config)


def family_of(labels: Sequence[str | None]) -> list[str]:
    """The family of each language, by which a student is measured."""
    return [LANGUAGES[label].family if label else NO_FAMILY for label in labels]


def answers(
    dimension: Dimension, probabilities: Floats, known: npt.NDArray[np.bool_]
) -> tuple[pa.Array, pa.Array]:
    """The answer and the score of each text, null where it is not known."""
    if dimension.kind == "multi":
        names = np.array(dimension.labels)
        chosen = [
            list(names[row > 0.5]) if sure else None
            for row, sure in zip(probabilities, known, strict=True)
        ]
        score = 1 - np.prod(1 - probabilities, axis=1)
        return pa.array(chosen, dimension.type), pa.array(score, pa.float32(), mask=~known)
    best = probabilities.argmax(axis=1)
    if dimension.kind == "ordinal":
        levels = np.array(dimension.labels, np.int8)
        score = probabilities @ levels.astype(np.float64)
        return pa.array(levels[best], mask=~known), pa.array(score, pa.float32(), mask=~known)
    values = pa.array(dimension.labels, pa.string()).take(pa.array(best, mask=~known))
    score = probabilities[np.arange(len(best)), best] if len(best) else np.zeros(0)
    return values, pa.array(score, pa.float32(), mask=~known)
