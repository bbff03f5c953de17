"""The shape of a text: every number that Gopher's, C4's and FineWeb's filters cut on.

Measured only; thresholds live in the mixture (`corpus.languages.thresholds` has FineWeb-2's).
Definitions are those of datatrove 0.10, so that a threshold gives its decisions. A token is what
`corpus.segment` finds, a word is a token with a character outside datatrove's PUNCTUATION_SET, a
character is a code point. A ratio whose denominator is 0 is null (no line, no word, an empty text).

| column | unit | measure |
|---|---|---|
| `n_bytes`, `n_chars` | count | size of the text |
| `n_words_and_marks` | count | tokens of the segmenter, punctuation included |
| `n_words` | count | Gopher: words |
| `n_lines`, `n_paragraphs` | count | `str.splitlines`; blocks between blank lines |
| `max_line_length` | characters | longest line |
| `mean_word_length` | characters | Gopher: mean over words |
| `hash_ratio`, `ellipsis_ratio` | per token | Gopher: `#`; `...` and `…` |
| `bullet_line_ratio`, `ellipsis_line_ratio` | of lines | Gopher: bullets; end with an ellipsis |
| `alpha_word_ratio` | of tokens | Gopher: have a letter |
| `n_stop_words` | count | Gopher: how many of its 8 English stop words occur |
| `stop_words` | uint8 per language | FineWeb-2: of each language's list, in `LANGUAGES`' order |
| `dup_line_frac`, `dup_para_frac` | of lines, paragraphs | Gopher: have occurred before |
| `dup_line_char_frac`, `dup_para_char_frac` | of characters | Gopher: in these |
| `top_2_gram` … `top_4_gram` | of characters | Gopher: in the most frequent n-gram |
| `dup_5_gram` … `dup_10_gram` | of characters | Gopher: in n-grams that have occurred before |
| `line_punct_ratio` | of filled lines | FineWeb: end with a terminal mark |
| `short_line_ratio` | of filled lines | FineWeb: at most 30 characters |
| `char_dup_ratio` | of characters | FineWeb: in filled lines that have occurred before |
| `new_line_ratio` | per token | FineWeb: newlines |
| `c4_lines`, `c4_kept_lines` | count | C4: lines; lines that it would keep |
| `c4_sentences` | count | C4: sentences in the lines that it would keep |
| `c4_lorem_ipsum`, `c4_curly_bracket` | bool | C4: the page would be dropped for it |
| `c4_javascript_lines`, `c4_policy_lines` | count | C4: dropped for the word, for policies |
| `letter_ratio`, `digit_ratio`, `space_ratio` | of characters | letters, digits, white space |
| `upper_ratio` | of letters | upper case |
| `url_ratio` | of characters | in tokens that are web addresses |

Gopher: arXiv 2112.11446. C4: https://jmlr.org/papers/v21/20-074.html. FineWeb: arXiv 2406.17557.
FineWeb-2: arXiv 2506.20920. C4's counts use the sentence ends of spaCy's sentencizer, as datatrove
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from annotators import c4, lines, repetition
from annotators.annotator import Step, sidecar, sidecar_schema
from corpus.characters import flags as character_flags
from corpus.compiled import compiled
from corpus.hashes import Hashes, word_hashes
from corpus.languages import LANGUAGES, stop_words
from corpus.segment import ALPHA, VISIBLE, Words, words
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 2

Columns: TypeAlias = dict[str, Any]

_COUNT, _RATIO = pa.int64(), pa.float64()
_REPETITION = (
    *("dup_line_frac", "dup_line_char_frac", "dup_para_frac", "dup_para_char_frac"),
    *(f"top_{n}_gram" for n in repetition.TOP_GRAMS),
    *(f"dup_{n}_gram" for n in repetition.DUPLICATE_GRAMS),
)
SCHEMA = sidecar_schema(
    *(
        pa.field(name, _COUNT, nullable=False)
        for name in (
            "n_bytes",
            "n_chars",
            "n_words_and_marks",
            "n_words",
            "n_lines",
            "n_paragraphs",
        )
    ),
    pa.field("max_line_length", _COUNT, nullable=False),
    *(
        pa.field(name, _RATIO)
        for name in (
            *("mean_word_length", "hash_ratio", "ellipsis_ratio"),
            *("bullet_line_ratio", "ellipsis_line_ratio", "alpha_word_ratio"),
        )
    ),
    pa.field("n_stop_words", pa.int32(), nullable=False),
    pa.field("stop_words", pa.list_(pa.uint8(), len(LANGUAGES)), nullable=False),
    *(pa.field(name, _RATIO) for name in _REPETITION),
    *(
        pa.field(name, _RATIO)
        for name in ("line_punct_ratio", "short_line_ratio", "char_dup_ratio", "new_line_ratio")
    ),
    *(
        pa.field(name, _COUNT, nullable=False)
        for name in ("c4_lines", "c4_kept_lines", "c4_sentences")
    ),
    *(
        pa.field(name, pa.bool_(), nullable=False)
        for name in ("c4_lorem_ipsum", "c4_curly_bracket")
    ),
    *(
        pa.field(name, _COUNT, nullable=False)
        for name in ("c4_javascript_lines", "c4_policy_lines")
    ),
    *(
        pa.field(name, _RATIO)
        for name in ("letter_ratio", "digit_ratio", "space_ratio", "upper_ratio", "url_ratio")
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to set."""


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def step(config: Config) -> Step:
    return annotate


def annotate(documents: pa.Table) -> pa.Table:
    """The sidecar of these documents, a few megabytes of text at a time."""
    _, offsets = text_bytes(documents)
    pieces = [_annotate(documents.slice(lo, hi - lo)) for lo, hi in batches(offsets)]
    return pa.concat_tables(pieces) if pieces else SCHEMA.empty_table()


def _annotate(documents: pa.Table) -> pa.Table:
    found = words(documents)
    data, offsets = text_bytes(documents)
    text, local = data[offsets[0] : offsets[-1]], offsets - offsets[0]
    flags = character_flags(text)
    lengths = token_lengths(text, local, found.offsets, found.starts, found.ends)
    hashes = word_hashes(text, local, found, fold=False)
    line = dict(zip(lines.COUNTS, lines.line_counts(text, flags, local).T, strict=True))
    columns: Columns = {"n_bytes": np.diff(offsets), "n_chars": line["chars"]}
    columns |= _gopher_quality(line, found, lengths)
    columns |= _stop_words(hashes, found.offsets)
    columns |= _repetition(text, flags, local, line, repeated(hashes, lengths, found))
    columns |= _fineweb(line, np.diff(found.offsets))
    columns |= _c4(c4.c4_counts(text, flags, local, found))
    columns |= _shares(line, _url_chars(text, local, found, lengths))
    return sidecar(documents, SCHEMA, columns)


def repeated(hashes: Hashes, lengths: npt.NDArray[np.int32], found: Words) -> npt.NDArray[np.int64]:
    """Characters in repeated n-grams of all tokens."""
    return repetition.repeated_n_grams(hashes, lengths, found.offsets)


def _gopher_quality(line: Columns, found: Words, lengths: npt.NDArray[np.int32]) -> Columns:
    visible = _sums((found.kinds & VISIBLE) != 0, found.offsets)
    alpha = _sums((found.kinds & ALPHA) != 0, found.offsets)
    visible_chars = _sums(np.where((found.kinds & VISIBLE) != 0, lengths, 0), found.offsets)
    tokens = np.diff(found.offsets)
    return {
        "n_words_and_marks": tokens,
        "n_words": visible,
        "n_lines": line["lines"],
        "max_line_length": line["max_line"],
        "mean_word_length": ratio(visible_chars, visible),
        "hash_ratio": ratio(line["hashes"], tokens),
        "ellipsis_ratio": ratio(line["ellipses"], tokens),
        "bullet_line_ratio": ratio(line["bullet_lines"], line["lines"]),
        "ellipsis_line_ratio": ratio(line["ellipsis_lines"], line["lines"]),
        "alpha_word_ratio": ratio(alpha, tokens),
    }


def _repetition(
    text: Bytes, flags: Any, offsets: Offsets, line: Columns, grams: npt.NDArray[np.int64]
) -> Columns:
    found = repetition.repeated_lines(text, flags, offsets)
    empty = line["chars"] == 0
    elements = np.where(empty[:, None], 0, found)  # an empty text has no line, not an empty one
    counts: Columns = {
        "n_paragraphs": elements[:, repetition.PARAGRAPHS],
        "dup_line_frac": ratio(found[:, repetition.DUP_LINES], elements[:, repetition.LINES]),
        "dup_line_char_frac": ratio(found[:, repetition.DUP_LINE_CHARS], line["chars"]),
        "dup_para_frac": ratio(
            found[:, repetition.DUP_PARAGRAPHS], elements[:, repetition.PARAGRAPHS]
        ),
        "dup_para_char_frac": ratio(found[:, repetition.DUP_PARAGRAPH_CHARS], line["chars"]),
        "char_dup_ratio": ratio(
            found[:, repetition.DUP_FILLED_LINE_CHARS], line["chars"] - line["newlines"]
        ),
    }
    names = _REPETITION[4:]
    return counts | {name: ratio(grams[:, k], line["chars"]) for k, name in enumerate(names)}


def _fineweb(line: Columns, tokens: npt.NDArray[np.int64]) -> Columns:
    return {
        "line_punct_ratio": ratio(line["punctuated_lines"], line["filled_lines"]),
        "short_line_ratio": ratio(line["short_lines"], line["filled_lines"]),
        "new_line_ratio": ratio(line["newlines"], tokens),
    }


def _c4(counts: npt.NDArray[np.int64]) -> Columns:
    found = dict(zip(c4.COUNTS, counts.T, strict=True))
    return {
        "c4_lines": found["lines"],
        "c4_kept_lines": found["kept_lines"],
        "c4_sentences": found["sentences"],
        "c4_lorem_ipsum": found["lorem_ipsum"] > 0,
        "c4_curly_bracket": found["curly_bracket"] > 0,
        "c4_javascript_lines": found["javascript"],
        "c4_policy_lines": found["policy"],
    }


def _shares(line: Columns, url_chars: npt.NDArray[np.int64]) -> Columns:
    return {
        "letter_ratio": ratio(line["letters"], line["chars"]),
        "digit_ratio": ratio(line["digits"], line["chars"]),
        "space_ratio": ratio(line["spaces"], line["chars"]),
        "upper_ratio": ratio(line["upper"], line["letters"]),
        "url_ratio": ratio(url_chars, line["chars"]),
    }


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> pa.Array:
    """part / whole; null where whole is 0. In double, so that 3 of 10 is not above a threshold of
    0.3.
    """
    none = whole == 0
    return pa.array(part / np.where(none, 1, whole), _RATIO, mask=none)


def _sums(values: npt.NDArray[Any], offsets: Offsets) -> npt.NDArray[np.int64]:
    """The sum over each document's tokens."""
    totals: npt.NDArray[np.int64] = np.append(np.int64(0), values.astype(np.int64).cumsum())
    sums: npt.NDArray[np.int64] = totals[offsets[1:]] - totals[offsets[:-1]]
    return sums


@compiled
def token_lengths(
    data: Bytes,
    offsets: Offsets,
    word_offsets: Offsets,
    starts: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int32],
) -> npt.NDArray[np.int32]:
    """Characters of each token."""
    out = np.zeros(len(starts), np.int32)
    for d in range(len(word_offsets) - 1):
        for w in range(word_offsets[d], word_offsets[d + 1]):
            for i in range(offsets[d] + starts[w], offsets[d] + ends[w]):
                out[w] += (data[i] & 0xC0) != 0x80
    return out


def _url_chars(
    text: Bytes, offsets: Offsets, found: Words, lengths: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    return _count_urls(text, offsets, found.offsets, found.starts, found.ends, lengths)


@compiled
def _count_urls(
    data: Bytes,
    offsets: Offsets,
    word_offsets: Offsets,
    starts: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
) -> npt.NDArray[np.int64]:
    """Characters in tokens that begin with http://, https:// or www."""
    out = np.zeros(len(word_offsets) - 1, np.int64)
    for d in range(len(word_offsets) - 1):
        for w in range(word_offsets[d], word_offsets[d + 1]):
            i, size = offsets[d] + starts[w], ends[w] - starts[w]
            if size < 5 or (data[i] != 104 and data[i] != 119):
                continue
            www = data[i] == 119 and data[i + 1] == 119 and data[i + 2] == 119 and data[i + 3] == 46
            http = size > 8 and data[i] == 104 and data[i + 1] == 116 and data[i + 2] == 116
            k = i + 5 if http and data[i + 4] == 115 else i + 4
            http = http and data[i + 3] == 112 and data[k] == 58 and data[k + 1] == 47
            if www or http:
                out[d] += lengths[w]
    return out


# ---------------------------------------------------------------- stop words


def _stop_words(hashes: Hashes, offsets: Offsets) -> Columns:
    keys, owners, owner_offsets = _stop_word_table()
    counts = _count_stop_words(hashes, offsets, keys, owners, owner_offsets, len(LANGUAGES))
    english = list(LANGUAGES).index("eng_Latn")
    return {
        "n_stop_words": counts[:, english].astype(np.int32),
        "stop_words": pa.FixedSizeListArray.from_arrays(pa.array(counts.ravel()), len(LANGUAGES)),
    }


@cache
def _stop_word_table() -> tuple[Hashes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sorted hashes of all stop words; the languages of the k-th are `owners[offsets[k]:offsets[k
    + 1]]`.
    """
    lists: dict[str, list[int]] = {}
    for index, label in enumerate(LANGUAGES):
        for word in stop_words(label):
            lists.setdefault(word, []).append(index)
    texts = [word.encode() for word in lists]
    ends = np.cumsum([0, *map(len, texts)])
    one_each = Words(
        offsets=np.arange(len(texts) + 1),
        starts=np.zeros(len(texts), np.int32),
        ends=np.diff(ends).astype(np.int32),
        kinds=np.zeros(len(texts), np.uint8),
    )
    hashes = word_hashes(np.frombuffer(b"".join(texts), np.uint8), ends, one_each, fold=False)
    order = np.argsort(hashes)
    owners = [list(lists.values())[k] for k in order]
    return (
        hashes[order],
        np.concatenate([np.array(item) for item in owners]),
        np.cumsum([0, *map(len, owners)]),
    )


@compiled
def _count_stop_words(
    hashes: Hashes,
    offsets: Offsets,
    keys: Hashes,
    owners: npt.NDArray[np.int64],
    owner_offsets: npt.NDArray[np.int64],
    languages: int,
) -> npt.NDArray[np.uint8]:
    """Distinct stop words of each language in each document."""
    size = 4096
    while size < 4 * len(keys):
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, -1, np.int64)
    for k in range(len(keys)):
        slot = keys[k] & mask
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = k
    last = np.full(len(keys), -1, np.int64)
    counts = np.zeros((len(offsets) - 1, languages), np.uint8)
    for d in range(len(offsets) - 1):
        for w in range(offsets[d], offsets[d + 1]):
            slot = hashes[w] & mask
            while table[slot] >= 0 and keys[table[slot]] != hashes[w]:
                slot = (slot + np.uint64(1)) & mask
            k = table[slot]
            if k < 0 or last[k] == d:
                continue
            last[k] = d
            for j in range(owner_offsets[k], owner_offsets[k + 1]):
                counts[d, owners[j]] += 1
    return counts
