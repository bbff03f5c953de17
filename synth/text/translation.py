"""Guards of a text that was made out of a text in another language.

| guard | passed when |
|---|---|
| `language` | half of the letters are of the target's script, and no piece surely is in another language |
| `untranslated` | at most COPIED of the answer stands in the source letter for letter |
| `length_band` | it is LENGTH_LOW to LENGTH_HIGH times as long, a wide character counted for three |

Letters of texts in different languages say nothing of whether one is made from the other, so nothing asks for any
that they share. Measured on the parallel sentences of SIB-200 (arXiv 2309.07445) in the 119 languages, eight at a
time:

- runs of 30 letters: the translation has under 0.03 of them from its source, 0.13 between Arabic dialects; Najdi
  Arabic alone is written as Standard Arabic (0.8), and cannot be its target.
- length: 0.56 to 1.62; an explanation may be longer.
- script: 0.82 and more of the letters are the target's.
- names: in languages of one script half of a good translation's names are not in the source (inflection, exonyms, and
  nouns with capitals), 0.9 in Latvian, so there is no guard of names.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from corpus import languages
from corpus.guards import Verdict, verdict
from corpus.scripts import SCRIPTS
from synth.text.grounding import script_shares

VERSION = 2
TARGET_SHARE = 0.5
RUN = 30  # letters
COPIED = 0.3
LENGTH_LOW, LENGTH_HIGH = 0.4, 3.0
WIDE = 3  # letters that a wide character stands for
_UNMARKED = {"Hans": "Hani", "Hant": "Hani"}


def target_language(answer: str, target: str, found: Collection[str] = ()) -> Verdict:
    """The answer is in the language `target`; `found` are labels of its pieces, or their groups, where an identifier is
    sure. ValueError for an unknown target.
    """
    entry = languages.language(target)
    shares = dict(zip(SCRIPTS, script_shares(answer).tolist(), strict=True))
    ours = shares.get(entry.script, 0.0) + shares.get(_UNMARKED.get(entry.script, ""), 0.0)
    if ours < TARGET_SHARE:
        return verdict("language", f"{ours:.0%} {entry.script}, for {entry.name}")
    others = sorted(set(found) - {entry.label, languages.GROUPS.get(entry.label)})
    if others:
        return verdict("language", f"{', '.join(others)} instead of {entry.label}")
    return verdict("language", None)


def untranslated(source: str, answer: str) -> Verdict:
    """The answer is no copy of what should have been put into other words."""
    known, theirs = _runs(source), _runs(answer)
    share = len(theirs & known) / len(theirs) if theirs else 0.0
    return verdict("untranslated", None if share <= COPIED else f"{share:.0%} stands in the source")


def length_band(source: str, answer: str) -> Verdict:
    """The answer is about as long as the source, in whatever script."""
    ratio = _weight(answer) / max(_weight(source), 1)
    inside = LENGTH_LOW <= ratio <= LENGTH_HIGH
    return verdict("length_band", None if inside else f"ratio {ratio:.2f}")


def _runs(text: str) -> set[str]:
    letters = "".join(c for c in text.casefold() if c.isalnum())
    return {letters[n : n + RUN] for n in range(len(letters) - RUN + 1)}


def _weight(text: str) -> int:
    return sum(
        WIDE if unicodedata.east_asian_width(c) in "WF" else 1 for c in text if not c.isspace()
    )
