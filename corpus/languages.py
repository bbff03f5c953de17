"""The 119 languages and dialects: their names, codes and what the parts of the system know of each.

The tables are facts from `corpus/data/`: `languages.csv` (the list of the Qwen3 report, arXiv
2505.09388, with the codes of other systems), `fineweb2_thresholds.csv` and
`fineweb2_stopwords.json` (huggingface/fineweb-2, Apache-2.0). A language is known by its label,
`eng_Latn`: ISO 639-3 code and ISO 15924 script.

`lid176_status` says what the language identifier lid.176 can name:

| status | meaning |
|---|---|
| `exact` | its code is this language |
| `macro` | its code is a group or macrolanguage, of which this is the one of the 119 we report |
| `none` | it cannot name this language; documents in it get another label or null |
"""

from __future__ import annotations

import csv
import difflib
import json
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Literal

DATA = resources.files("corpus") / "data"

# Written without spaces between words: ICU's dictionaries find the words.
DICTIONARY_SCRIPTS = frozenset({"Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr"})

# Chinese has one code in lid.176; the text's script decides. Unmarked Han is read as simplified.
UNMARKED_SCRIPTS = {"Hani": "Hans"}

# What single sentences hardly separate (confusions: annotators/models/language/README.md), by the group's name.
GROUPS = {
    **dict.fromkeys(("arb_Arab", "ars_Arab", "apc_Arab", "arz_Arab"), "arabic"),
    **dict.fromkeys(("ary_Arab", "acm_Arab", "acq_Arab", "aeb_Arab"), "arabic"),
    **dict.fromkeys(("pes_Arab", "prs_Arab"), "persian"),
    **dict.fromkeys(("bos_Latn", "hrv_Latn", "srp_Cyrl"), "bosnian_croatian_serbian"),
}


# Written standards of one of the 119 that ISO 639-3 names apart.
STANDARDS = {"hyw_Armn": "hye_Armn"}  # Western Armenian


@dataclass(frozen=True, kw_only=True)
class Language:
    """One of the 119. A code is "" where that system does not know the language."""

    label: str
    family: str
    name: str
    iso639_3: str
    script: str
    bcp47: str
    glotlid_label: str
    lid176_code: str
    lid176_status: Literal["exact", "macro", "none"]
    flores200_code: str
    openlid_label: str
    fineweb2_config: str
    segmentation: Literal["spaces", "dictionary"]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where FineWeb-2's filters cut for one language; the defaults are FineWeb's, tuned on English.

    A document is dropped when a fraction is above its threshold, or when `language_score`,
    `line_punct_thr`, `max_non_alpha_words_ratio` (which, despite its name, is the least share of
    words with a letter) or `min_avg_word_length` is below it.
    """

    language_score: float = 0.65
    dup_line_frac: float = 0.3
    top_2_gram: float = 0.2
    top_3_gram: float = 0.18
    top_4_gram: float = 0.16
    dup_5_gram: float = 0.15
    dup_6_gram: float = 0.14
    dup_7_gram: float = 0.13
    dup_8_gram: float = 0.12
    dup_9_gram: float = 0.11
    dup_10_gram: float = 0.10
    line_punct_thr: float = 0.12
    new_line_ratio: float = 0.3
    min_avg_word_length: float = 3.0
    max_avg_word_length: float = 10.0
    max_non_alpha_words_ratio: float = 0.8


ENGLISH_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Gopher, table A1


def _languages() -> dict[str, Language]:
    return {entry.label: entry for entry in map(_language, _rows("languages.csv"))}


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()))


def _language(row: dict[str, str]) -> Language:
    return Language(
        label=f"{row['iso639_3']}_{row['script']}",
        family=row["family"],
        name=row["name"],
        iso639_3=row["iso639_3"],
        script=row["script"],
        bcp47=row["bcp47"],
        glotlid_label=row["glotlid_label"],
        lid176_code=row["lid176_code"],
        lid176_status=_status(row["lid176_status"]),
        flores200_code=row["flores200_code"],
        openlid_label=row["openlid_label"],
        fineweb2_config=row["fineweb2_config"],
        segmentation="dictionary" if row["script"] in DICTIONARY_SCRIPTS else "spaces",
    )


def _status(text: str) -> Literal["exact", "macro", "none"]:
    if text == "exact":
        return "exact"
    return "none" if text == "none" else "macro"


LANGUAGES: dict[str, Language] = _languages()


@cache
def _names() -> dict[str, str]:
    """Every name a user may type, in lower case, and the label that it means.

    A label beats a BCP 47 tag, which beats an ISO 639-3 code, which beats other systems' codes;
    what several of the 119 share (`zho`) means the first of them.
    """
    names = {_folded(label): label for label in LANGUAGES}
    kinds = ("bcp47", "iso639_3", "name", "fineweb2_config", "glotlid_label", "lid176_code")
    for kind in kinds:
        for label, entry in LANGUAGES.items():
            names.setdefault(_folded(getattr(entry, kind)), label)
    del names[""]
    return names


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def language(name: str) -> Language:
    """The language of a label (`eng_Latn`), BCP 47 tag (`en`), ISO 639-3 code (`eng`) or name."""
    names = _names()
    label = names.get(_folded(name))
    if label is None:
        near = difflib.get_close_matches(_folded(name), names, n=1, cutoff=0.0)
        raise ValueError(
            f"language {name!r} is not one of the 119; the nearest known name is "
            f"{names[near[0]]!r} ({LANGUAGES[names[near[0]]].name}); see `tokenmill languages`"
        )
    return LANGUAGES[label]


def thresholds(label: str) -> Thresholds:
    """FineWeb-2's thresholds for this language; FineWeb's own for English, the only one without a
    row.
    """
    return _thresholds().get(language(label).label, Thresholds())


def stop_words(label: str) -> tuple[str, ...]:
    """The language's frequent words; Gopher's for English, none where FineWeb-2 lists none."""
    return _stop_words().get(language(label).label, ())


@cache
def _thresholds() -> dict[str, Thresholds]:
    names = [field.name for field in fields(Thresholds)]
    return {
        f"{row['iso639_3']}_{row['script']}": Thresholds(
            **{name: float(row[name]) for name in names if row[name]}
        )
        for row in _rows("fineweb2_thresholds.csv")
    }


@cache
def _stop_words() -> dict[str, tuple[str, ...]]:
    """By label. FineWeb-2 names a few languages by another code, which `fineweb2_config` gives."""
    listed = json.loads((DATA / "fineweb2_stopwords.json").read_text(encoding="utf-8"))
    found = {
        label: tuple(listed[key])
        for label, entry in LANGUAGES.items()
        for key in (label, entry.fineweb2_config)
        if key in listed
    }
    return found | {"eng_Latn": ENGLISH_STOP_WORDS}


@cache
def lid176_candidates(code: str) -> tuple[Language, ...]:
    """Which of the 119 lid.176 may mean by this code: none, one, or several that the script
    separates.
    """
    return tuple(
        entry
        for entry in LANGUAGES.values()
        if entry.lid176_code == code and entry.lid176_status != "none"
    )


def labels_of(name: str) -> tuple[str, ...]:
    """What a name that an identifier gives means among the 119: none, one, or several that the script separates. Names
    are our labels, GlotLID's, OpenLID's, and lid.176's codes.
    """
    name = STANDARDS.get(name, name)
    if name in LANGUAGES:
        return (name,)
    for column in ("glotlid_label", "openlid_label"):
        found = tuple(k for k, entry in LANGUAGES.items() if getattr(entry, column) == name != "")
        if found:
            return found
    return tuple(entry.label for entry in lid176_candidates(name))
