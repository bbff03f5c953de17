"""What each part of the system can do for each of the 119 languages."""

from __future__ import annotations

from dataclasses import dataclass

from corpus.errors import PlanError
from corpus.languages import GROUPS, LANGUAGES, Language, language, stop_words


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """One language's row."""

    label: str
    name: str
    family: str
    identified: str  # yes, or the group of languages that hardly separate
    words: str  # how words are found
    stop_words: str  # how many are known
    thresholds: str  # whose filter thresholds apply


def abilities(name: str | None = None) -> list[Abilities]:
    """All languages, or the one named. PlanError for a name that is none of the 119."""
    try:
        chosen = list(LANGUAGES.values()) if name is None else [language(name)]
    except ValueError as error:
        raise PlanError(str(error)) from None
    return [_abilities(entry) for entry in chosen]


def _abilities(entry: Language) -> Abilities:
    return Abilities(
        label=entry.label,
        name=entry.name,
        family=entry.family,
        identified=GROUPS.get(entry.label, "yes"),
        words="by spaces" if entry.segmentation == "spaces" else "by dictionary",
        stop_words=str(len(stop_words(entry.label))),
        thresholds="FineWeb" if entry.label == "eng_Latn" else "FineWeb-2",
    )
