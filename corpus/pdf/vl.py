"""A page of pixels to text, by a vision-language model: how it is asked, and what its answer is worth.

The prompt is written for models of the class of Qwen2.5-VL and asks nothing that newer ones do not know. An answer is
one line about the page and then its text as Markdown:

    rotation: 0, blank: no

    # The first heading
    ...

`parse` is lenient: the line may be missing, in other words, in a code fence, or the front matter that olmOCR models
write. `judge_page` gives a verdict of every guard, in this order; the first that fails is the reason:

| guard | the answer fails where |
|---|---|
| `header` | it begins with a line about the page that cannot be read: it would become text |
| `rotation` | the model says that the page lies on its side or head; the detail is `90`, `180` or `270`, clockwise |
| `truncated` | it did not stop by itself |
| `blank` | the page is called blank, and there is ink on it, or text below |
| those of `corpus.guards.ALONE` | it is empty, loops, compresses too well or not at all, refuses, leaves a table open |
| `prompt_leak` | it repeats the prompt |
| `ink` | it has more characters than the ink on the page can be: an empty page was made up |
| `length_against` | it is far shorter or longer than a text layer of which the length can be believed |
| `language` | it is in another script than the pages around it |

A page is asked again with the next of `TEMPERATURES`, the ladder of olmOCR (arXiv 2502.18443).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from corpus import enclosures, guards, normalise, refusals
from corpus.guards import ALONE, Judged, Verdict, length_against, prompt_leak, truncated, verdict
from corpus.pdf.trust import MAX_INK_OF_BLANK
from corpus.scripts import SCRIPTS, script_counts

VERSION = 1  # of parsing and judging
VERSIONS = {  # of all that decides what is accepted
    module.__name__: module.VERSION for module in (enclosures, guards, normalise, refusals)
} | {__name__: VERSION}

# Pixels of the longer side. 46 of the 28-pixel squares that are a token of Qwen2.5-VL: an A4 page costs some 1,500
# tokens and has 110 dots per inch, at which print of 8 points can be read; olmOCR 2 was trained at this size.
SIDE = 1288
TEMPERATURES = (0.1, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9, 1.0)  # by round
TOP_P = 0.9
MAX_TOKENS = 8192  # a page of small print is 3,000 in Latin script, and twice as much in others

INK_OF_CHARACTER = 4e-6  # of the page, at least: 5 of its pixels; print of 8 points has 20
LAYER_CHARACTERS = 200  # of a text layer whose length says something
LAYER_LOW, LAYER_HIGH = 0.4, 3.0  # the layer may name what charts show, or lack what pictures do
NEIGHBOUR_LETTERS = 200  # of the pages around, before they say anything of a page's script
PAGE_LETTERS = 40
OTHERS_OF_SCRIPT = 0.4  # share of the letters around that are of a page's main script ...
OWN_OF_SCRIPT = 0.2  # ... or of the page's letters that are of the main one around

SYSTEM = "You transcribe pages of documents: what stands on the page, and nothing else."
USER = """\
The picture shows a page of a document. Begin your answer with this line, filled in, and an empty line:

rotation: 0, blank: no

rotation: by how many degrees the page must be turned clockwise to stand upright: 0, 90, 180 or 270. Where it is \
not 0, write nothing after that line.
blank: yes where the page shows no writing at all; then, too, write nothing after that line.

Go on with everything that is written on the page, as Markdown, in the order in which a person would read it:
- Keep each word in the language and script that it is printed in. Do not translate, shorten, correct or explain.
- Put the lines of a paragraph together, and words that a line end divides.
- Mark headings with #, list items with -, and write formulas as LaTeX between $ or $$.
- Write tables as Markdown, or as HTML where cells span several rows or columns.
- Of pictures and charts give only the words that stand in them.
- Leave out page numbers and lines that stand at the head or foot of every page."""
MESSAGES = ({"role": "system", "content": SYSTEM}, {"role": "user", "content": USER})
PROMPT = f"page/{hashlib.sha256(f'{SYSTEM}{USER}'.encode()).hexdigest()[:12]}/{SIDE}"

_HEADER = re.compile(
    r"\W*rotation\W{1,4}?(?P<rotation>-?\d{1,3})\W+blank\W{1,4}(?P<blank>yes|no)\b[.;,*`]*",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"(rotation_correction|rotation|is_rotation_valid|is_blank|blank|primary_language|is_table|is_diagram)"
    r"\W*[:=]\W*?(-?\w[\w °]{0,40})",
    re.IGNORECASE,
)
_FENCED = re.compile(r"\s*```(?:markdown|md|)[ \t]*\n(.*?)\n?```\s*", re.DOTALL)
_MALFORMED = re.compile(r"\W*(?:rotation\w*|(?:is_)?blank)\W{0,3}[:=]", re.IGNORECASE)
_REMARK = re.compile(r"\([^()]*\)")
_SKIPPED = re.compile(r"[-\s`]*|```\w*")
_MARKUP = re.compile(r"<[^<>]{1,200}>|\\[A-Za-z]+|https?://\S+")
_HAN = tuple(SCRIPTS.index(name) for name in ("Jpan", "Hans", "Hant"))
_HANI = SCRIPTS.index("Hani")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model says of a page."""

    rotation: int  # degrees clockwise that would turn it upright
    blank: bool
    text: str
    unread: bool  # it begins with a line about the page, which cannot be read


def parameters(round_: int, seed: int) -> dict[str, Any]:
    """How round k is asked."""
    temperature = TEMPERATURES[round_]
    return {
        "temperature": temperature,
        "top_p": TOP_P,
        "max_tokens": MAX_TOKENS,
        "seed": seed,
    }


def label(model: str) -> str:
    """The model with the version of prompt and guards, as it stands in a document's provenance."""
    return f"vl-{VERSION}/{model}"


def parse(answer: str) -> Answer:
    """The line about the page, wherever it can be recognised, and the text after it."""
    fenced = _FENCED.fullmatch(answer)
    if fenced and (answer.lstrip()[3:4] == "m" or _HEADER.match(fenced[1])):
        answer = fenced[1]
    match = _HEADER.match(answer)
    if match:
        fields = {name: value.lower() for name, value in match.groupdict().items()}
        rest = answer[match.end() :]
    else:
        fields, rest = _front_matter(answer)
    fenced = _FENCED.fullmatch(rest)
    rest = fenced[1] if fenced and rest.lstrip()[3:4] == "m" else rest
    unread = not fields and bool(_MALFORMED.match(rest))
    said = fields.get("blank", fields.get("is_blank", ""))
    turned = fields.get("rotation", fields.get("rotation_correction", ""))
    return Answer(
        rotation=_degrees(turned),
        blank=said.startswith(("yes", "true")),
        text=rest.strip(),
        unread=unread,
    )


def judge(response: Mapping[str, Any], **known: Any) -> Judged:
    """`judge_page` of a row of `corpus.calls.RESPONSES`: an error of the engine is a rejection like any other."""
    if response["error"] is not None:
        return Judged.of_error(response["error"])
    return judge_page(response["text"], response["finish_reason"], **known)


def judge_page(
    answer: str,
    finish_reason: str | None,
    *,
    layer_text: str = "",
    ink: float = 1.0,
    neighbours: Sequence[str] = (),
) -> Judged:
    """The page's text in normal form ("" for a blank page), or what is wrong with the answer.

    `layer_text` is the text layer that was not believed, `ink` the share of the page that is not paper, `neighbours`
    are texts of pages around.
    """
    said = parse(answer)
    verdicts = [
        verdict("header", said.text[:60] if said.unread else None),
        verdict("rotation", str(said.rotation) if said.rotation else None),
        truncated(finish_reason),
    ]
    if said.blank:
        text = ""
        verdicts.append(_blank(said, ink))
    else:
        text = normalise.normalise(said.text).strip("\n")
        verdicts += [guard(text) for guard in ALONE.values()]
        verdicts += [
            prompt_leak(text, f"{SYSTEM}\n{USER}"),
            _inked(text, ink),
            _long_enough(text, layer_text),
            agreement(text, neighbours),
        ]
    passed = all(one.passed for one in verdicts)
    return Judged(text=text if passed else None, verdicts=tuple(verdicts))


def agreement(text: str, neighbours: Sequence[str]) -> Verdict:
    """The page's main script is one of those around it. Han is one script here, with or without kana."""
    own, around = _letters(text), _letters("\n".join(neighbours))
    found = None
    if own.sum() >= PAGE_LETTERS and around.sum() >= NEIGHBOUR_LETTERS:
        main, usual = int(own.argmax()), int(around.argmax())
        others, mine = around[main] / around.sum(), own[usual] / own.sum()
        if others < OTHERS_OF_SCRIPT and mine < OWN_OF_SCRIPT:
            found = f"{SCRIPTS[main]} among pages in {SCRIPTS[usual]}"
    return verdict("language", found)


# ---------------------------------------------------------------- helpers


def _front_matter(answer: str) -> tuple[dict[str, str], str]:
    """Fields in lines of their own, each at most once, before the text."""
    fields: dict[str, str] = {}
    lines = answer.split("\n")
    for number, line in enumerate(lines):
        parts = re.split("[,;|]", _REMARK.sub("", line))
        pieces = [_FIELD.fullmatch(part.strip(" *_`\"'{}#>.")) for part in parts]
        here = {match[1].lower(): match[2].strip().lower() for match in pieces if match}
        if len(here) == len(pieces) and not here.keys() & fields.keys():
            fields |= here
        elif not _SKIPPED.fullmatch(line):
            return fields, "\n".join(lines[number:] if fields else lines)
    return fields, "" if fields else answer


def _degrees(said: str) -> int:
    """A multiple of 90 clockwise, 0 for what is none."""
    match = re.match(r"-?\d{1,3}", said)
    turned = int(match[0]) if match else 0
    turned = -turned if "counter" in said or "anti" in said else turned
    return turned % 360 if turned % 90 == 0 else 0


def _blank(said: Answer, ink: float) -> Verdict:
    if said.text:
        return verdict("blank", f"called blank, with the text {said.text[:60]}")
    return verdict("blank", f"{ink:.2%} of it is ink" if ink > MAX_INK_OF_BLANK else None)


def _inked(text: str, ink: float) -> Verdict:
    size = sum(map(len, _MARKUP.sub("", text).split()))
    too_much = size * INK_OF_CHARACTER > ink
    return verdict("ink", f"{size} characters on {ink:.3%} of ink" if too_much else None)


def _long_enough(text: str, layer: str) -> Verdict:
    if sum(map(len, layer.split())) < LAYER_CHARACTERS:
        return verdict("length_against", None)
    return length_against(_MARKUP.sub("", text), layer, LAYER_LOW, LAYER_HIGH)


def _letters(text: str) -> Any:
    """Letters by script."""
    data = np.frombuffer(_MARKUP.sub(" ", text).encode("utf-8", "replace"), np.uint8)
    counts = script_counts(data, np.array([0, len(data)], np.int64))[0]
    for index in _HAN:
        counts[_HANI] += counts[index]
        counts[index] = 0
    return counts
