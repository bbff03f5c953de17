"""The taxonomy's dimensions for every document, by one small model with a head for each.

For each dimension that the model has (`heads`), by its name:

| column | type | meaning |
|---|---|---|
| `<name>` | int8 level, string or list<string> | the most probable answer; null where it abstains or has no text |
| `<name>_score` | float32 | ordinal: the expected level; nominal: probability of the answer; multi: of any value |
| `abstained` | list<string> | the dimensions without an answer, each with the reason: `field: no text` |
| `tier` | int8 | where there is a second student: 1, or 2 where it was asked, null without text |

It abstains, with null, on a language, or all languages of a family, that was read too badly when it was measured: the
whole interval of the share of right answers lay below the floor (`annotators.training`). No guess is written. A family
may have a temperature of its own, which makes answers in its languages as sure as they were right
(`annotators.calibration`).

What is read of a text is a vector (`annotators.vectors`), and beside it `annotators.shape`. The vectors were trained so
that translations lie near each other, and so what is learnt from a text in one language holds in others. One pass over
the text serves all heads.

A second tier is for those with a GPU: `second`, a student that reads with a multilingual encoder
(`annotators.encoder`), answers the dimensions that both have for the texts that the first is not sure of.

`model` names another file that `tokenmill train-student` wrote.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from annotators import language
from annotators.annotator import file_hash, sidecar, sidecar_schema
from annotators.encoder import Encoder, encoder, folder_hash
from annotators.encoder import check as check_encoder
from annotators.heads import Head
from annotators.shape import SIZE, shape
from annotators.taxonomy import Dimension
from annotators.vectors import Vectors, stored
from corpus.languages import LANGUAGES
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 1
MODEL = Path(__file__).parent / "models" / "student" / "student.npz"
NO_FAMILY = "none"  # of a text whose language is none of the 119
_BATCH = 1 << 22

Floats = npt.NDArray[np.floating]
Floats64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which file holds the model: by default ours. `second` is a student that is asked, too, where the first is less
    sure than `sure`; `encoder` is the folder of the encoder that either of them reads with.
    """

    model: str = ""
    second: str = ""
    encoder: str = ""
    sure: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.sure <= 1:
            raise ValueError(f"sure is {self.sure:g}; it is a probability, from 0 to 1")

    @property
    def path(self) -> Path:
        return Path(self.model) if self.model else MODEL


class Reader(Protocol):
    """What turns texts into vectors of length 1."""

    @property
    def size(self) -> int:
        """Numbers of a vector."""

    def read(self, data: Bytes, offsets: Offsets) -> Floats:
        """(texts, size)"""


class Student(NamedTuple):
    """What a model's file holds, but for an encoder, which lies elsewhere."""

    reader: Vectors | Encoder
    mean: Floats  # of the features, and their spread, over the texts it was fitted on
    spread: Floats
    dimensions: Mapping[str, Dimension]
    heads: Mapping[str, Head]
    floors: Mapping[str, Mapping[str, str]]  # dimension -> family or language -> why it abstains
    temperatures: Mapping[str, Mapping[str, float]]  # dimension -> family, where not the head's
    card: Mapping[str, Any]  # how it was made

    def features(self, texts: Sequence[str]) -> Floats:
        """(texts, dim + shape), of about unit variance."""
        return self._features(pa.table({"text": pa.array(texts, pa.large_string())}))

    def _features(self, table: pa.Table) -> Floats:
        data, offsets = text_bytes(table)
        found = [
            raw_features(self.reader, data, offsets[lo : hi + 1])
            for lo, hi in batches(offsets, _BATCH)
        ]
        whole = np.concatenate(found) if found else np.zeros((0, len(self.mean)), np.float32)
        return np.asarray((whole - self.mean) / self.spread, np.float32)


def raw_features(reader: Reader, data: Bytes, offsets: Offsets) -> Floats:
    """The vector of each text, and its shape."""
    return np.hstack([reader.read(data, offsets), shape(data, offsets)])


# ---------------------------------------------------------------- the file


def untaught(reader: Vectors | Encoder) -> Student:
    """A student that can read, and has no head yet."""
    size = reader.size + SIZE
    return Student(
        reader=reader,
        mean=np.zeros(size, np.float32),
        spread=np.ones(size, np.float32),
        dimensions={},
        heads={},
        floors={},
        temperatures={},
        card={},
    )


def save(student: Student, path: Path) -> None:
    """Write a student to one file; of an encoder only its hash."""
    reader = student.reader
    arrays: dict[str, npt.NDArray[Any]] = {
        "mean": student.mean.astype(np.float32),
        "spread": student.spread.astype(np.float32),
    }
    about: dict[str, Any] = {}
    if isinstance(reader, Vectors):
        about["sizes"] = reader.sizes
        arrays["words"] = np.frombuffer(b"\0".join(reader.words), np.uint8)
        arrays |= {"rows": reader.rows, "grams": reader.grams, "scales": reader.scales}
    else:
        about["encoder"] = reader.sha256
    for name, head in student.heads.items():
        arrays[f"weights.{name}"] = head.weights.astype(np.float32)
        arrays[f"biases.{name}"] = head.biases.astype(np.float32)
    about |= {
        "version": VERSION,
        "dimensions": {name: d.model_dump() for name, d in student.dimensions.items()},
        "temperatures": {name: head.temperature for name, head in student.heads.items()},
        "floors": student.floors,
        "family_temperatures": student.temperatures,
        "card": student.card,
    }
    arrays["about"] = np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    path.write_bytes(buffer.getvalue())


def load(path: Path, encoder_at: str = "") -> Student:
    """Read a student; one of an encoder takes the encoder's folder. ValueError where the file is none, or of another
    version, or the encoder another.
    """
    arrays, about = _arrays(path)
    dimensions = _dimensions(about)
    return Student(
        reader=_reader(path, arrays, about, encoder_at),
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
        temperatures=about.get("family_temperatures", {}),  # older files have none
        card=about["card"],
    )


def _arrays(path: Path, *names: str) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """What a file holds, or some of it, and what it says of itself. ValueError as `load`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in names or file.files}
            about = json.loads(file["about"].tobytes())
    except OSError as error:
        raise ValueError(f"{path} is no student: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, EOFError, BadZipFile):
        raise ValueError(f"{path} is no student: not a file of `tokenmill train-student`") from None
    if about["version"] != VERSION:
        raise ValueError(
            f"{path} is a student of version {about['version']}; this one reads {VERSION}: train it anew"
        )
    return arrays, about


def _dimensions(about: Mapping[str, Any]) -> dict[str, Dimension]:
    return {name: Dimension(**entry) for name, entry in about["dimensions"].items()}


def _reader(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any], encoder_at: str
) -> Vectors | Encoder:
    if "encoder" not in about:
        words = arrays["words"].tobytes().split(b"\0")
        rows, grams, scales = (arrays[name] for name in ("rows", "grams", "scales"))
        return stored(words, rows, grams, scales, tuple(about["sizes"]))
    if not encoder_at:
        raise ValueError(f"{path} is a student of an encoder: name its folder as `encoder`")
    found = encoder(encoder_at)
    if found.sha256 != about["encoder"]:
        raise ValueError(f"{path} is a student of another encoder than {encoder_at}: train it anew")
    return found


@cache
def _loaded(path: Path, sha256: str, encoder_at: str) -> Student:
    return load(path, encoder_at)


def _student(config: Config, path: Path) -> Student:
    sha256 = file_hash(path) if path.is_file() else ""
    return _loaded(path, sha256, config.encoder)


# ---------------------------------------------------------------- the annotator


def dimensions(config: Config) -> Mapping[str, Dimension]:
    """What the model answers."""
    return _student(config, config.path).dimensions


def schema(config: Config) -> pa.Schema:
    _check_second(config)
    columns = []
    for name, dimension in dimensions(config).items():
        columns += [pa.field(name, dimension.type), pa.field(f"{name}_score", pa.float32())]
    columns.append(pa.field("abstained", pa.list_(pa.string())))
    return sidecar_schema(*columns, *([pa.field("tier", pa.int8())] if config.second else []))


def _check_second(config: Config) -> None:
    """ValueError where the second tier is not there, or answers otherwise. Of its file, maybe large, little is read."""
    if config.encoder:
        check_encoder(config.encoder)
    if not config.second:
        return
    _, about = _arrays(Path(config.second), "about")
    if "encoder" in about and not config.encoder:
        raise ValueError(
            f"{config.second} is a student of an encoder: name its folder as `encoder`"
        )
    mine, others = dimensions(config), _dimensions(about)
    if not mine.keys() & others.keys():
        raise ValueError(
            f"{config.second} answers {', '.join(others)}, of which the first student has none: it would never be asked"
        )
    for name in mine.keys() & others.keys():
        if (mine[name].kind, mine[name].labels) != (others[name].kind, others[name].labels):
            raise ValueError(
                f"{config.second}: {name} has other values than in {config.path}, or in another order; train both with "
                "one taxonomy"
            )


def assets(config: Config) -> Mapping[str, str]:
    found = {"student": file_hash(config.path), "language": file_hash(language.MODEL)}
    if config.second:
        found["second"] = file_hash(Path(config.second))
    if config.encoder:
        found["encoder"] = folder_hash(config.encoder)
    return found


@dataclass(frozen=True)
class _Said:
    """What one tier says along one dimension: probabilities (texts, values), and where it abstains why."""

    probabilities: Floats
    why: Sequence[str | None]


class Step:
    """Holds the models; `step(documents)` is the sidecar."""

    def __init__(self, config: Config) -> None:
        self._first = _student(config, config.path)
        self._second = _student(config, Path(config.second)) if config.second else None
        self._sure = config.sure
        self._schema = schema(config)
        self._language = language.step(language.Config())

    def __call__(self, documents: pa.Table) -> pa.Table:
        return self.judged(documents)[0]

    @property
    def dimensions(self) -> Mapping[str, Dimension]:
        """What is answered."""
        return self._first.dimensions

    def judged(self, documents: pa.Table) -> tuple[pa.Table, dict[str, Floats]]:
        """The sidecar; and the probabilities of each dimension's values: (texts, values)."""
        languages = self._language(documents).column("language").to_pylist()
        written = pc.utf8_trim_whitespace(documents.column("text"))
        has_text = pc.greater(pc.binary_length(written), 0).to_numpy(zero_copy_only=False)
        said = _said(self._first, documents, languages)
        tiers = np.ones(len(languages), np.int8)
        if self._second is not None:
            tiers[has_text & _unsure(said, self._second, self._sure, len(languages))] = 2
            _ask_second(said, self._second, documents, languages, np.flatnonzero(tiers == 2))
        columns: dict[str, pa.Array] = {"tier": pa.array(tiers, mask=~has_text)}
        reasons: list[list[str]] = [[] for _ in languages]
        for name, dimension in self._first.dimensions.items():
            why = said[name].why
            known = has_text & np.array([reason is None for reason in why], bool)
            for row in np.flatnonzero(~known):
                reasons[row].append(f"{name}: {why[row] if has_text[row] else 'no text'}")
            found = answers(dimension, said[name].probabilities, known)
            columns[name], columns[f"{name}_score"] = found
        columns["abstained"] = pa.array(reasons, pa.list_(pa.string()))
        made = sidecar(documents, self._schema, {n: columns[n] for n in self._schema.names[1:]})
        return made, {name: one.probabilities for name, one in said.items()}


def _said(
    student: Student, documents: pa.Table, languages: Sequence[str | None]
) -> dict[str, _Said]:
    features, families = student._features(documents), family_of(languages)
    said = {}
    for name, head in student.heads.items():
        floors = student.floors.get(name, {})
        at = temperatures_of(head, student.temperatures.get(name, {}), families)
        why = [
            floors.get(family, floors.get(language or NO_FAMILY))
            for family, language in zip(families, languages, strict=True)
        ]
        said[name] = _Said(head.probabilities(features, at), why)
    return said


def _unsure(
    said: Mapping[str, _Said], second: Student, sure: float, texts: int
) -> npt.NDArray[np.bool_]:
    """Which texts the second tier is asked about: a dimension that it has is less sure than this, or abstained on."""
    found = np.zeros(texts, bool)
    for name in said.keys() & second.dimensions.keys():
        one = said[name]
        if second.dimensions[name].kind == "multi":
            surest = np.maximum(one.probabilities, 1 - one.probabilities).min(axis=1)
        else:
            surest = one.probabilities.max(axis=1)
        found |= (surest < sure) | np.array([why is not None for why in one.why], bool)
    return found


def _ask_second(
    said: dict[str, _Said],
    second: Student,
    documents: pa.Table,
    languages: Sequence[str | None],
    rows: npt.NDArray[np.intp],
) -> None:
    """Put what the second tier says of some texts in the place of what the first said; not where it abstains."""
    more = _said(second, documents.take(rows), [languages[row] for row in rows])
    for name in said.keys() & more.keys():
        probabilities, why = said[name].probabilities.copy(), list(said[name].why)
        for place, row in enumerate(rows):
            if more[name].why[place] is None:
                probabilities[row], why[row] = more[name].probabilities[place], None
        said[name] = _Said(probabilities, why)


def step(config: Config) -> Step:
    return Step(config)


def family_of(labels: Sequence[str | None]) -> list[str]:
    """The family of each language, by which a student is measured."""
    return [LANGUAGES[label].family if label else NO_FAMILY for label in labels]


def temperatures_of(head: Head, own: Mapping[str, float], families: Sequence[str]) -> Floats64:
    """That of each text: its family's own, or the head's."""
    return np.array([own.get(family, head.temperature) for family in families], np.float64)


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
