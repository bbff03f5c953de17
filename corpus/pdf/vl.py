"""A page as a vision-language model reads it: what it is asked, how its answer is read, and what it must stand up to.

The answer begins with a line `rotation: 0` (degrees clockwise by which the page has to be turned to be upright); then
comes the page's text as Markdown, or `blank` where there is none. Models that leave the line out are taken to mean 0.

| guard | turned down |
|---|---|
| `truncated`, those of `corpus.guards.ALONE`, `prompt_leak` | as for every answer |
| `rotation` | the model says that the page lies on its side: `detail` is by how much to turn it |
| `blank` | the model sees nothing on a page that has ink |
| `length` | much shorter or longer than the page's text layer, where that has enough letters |
| `language` | in scripts that few letters of the neighbouring pages are of, where these have enough letters |

Follows olmOCR (arXiv 2502.18443): a page at a time, rising temperatures, the rotation asked of the model, a fallback.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from corpus import enclosures, guards, refusals
from corpus.guards import ALONE, Judged, Verdict, prompt_leak, truncated, verdict
from corpus.normalise import normalise
from corpus.scripts import SCRIPTS, resolve, script_counts

VERSION = 1
VERSIONS = {  # of all that decides which answer is a page's text
    module.__name__: module.VERSION for module in (enclosures, guards, refusals)
} | {__name__: VERSION}
TEMPERATURES = (0.1, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9, 1.0)  # one per round
MAX_TOKENS = 4096
SIDE = (
    1288  # pixels of the longer side: 46 squares of 28, as Qwen2.5-VL sees; olmOCR's is 1,288 too
)
BLANK_INK = 0.002  # share of the pixels: the paper of a scan has specks
LAYER_CHARACTERS = 200  # of a text layer whose length is held against the answer's
LENGTH_LOW, LENGTH_HIGH = 0.3, 3.0  # such a layer is not to be trusted, but it is of this page
NEIGHBOUR_LETTERS = 200
SCRIPT_KNOWN = (
    1 / 3
)  # of the neighbours' letters: one of them may be an answer in the wrong language
SCRIPT_SHARE = 0.5  # of the answer's letters

PROMPT = """\
Transcribe the page in the image.

First write the line `rotation: N`, where N is 0, 90, 180 or 270: the degrees by which the page has to be turned \
clockwise before its text is upright. Then write all of its text in natural reading order, in the language in which \
it is written, as Markdown: headings with #, tables as Markdown tables, formulas as LaTeX between $ signs. Join words \
that are cut at the end of a line. Leave out running heads, page numbers and pictures. Do not translate, explain or \
add anything. If there is no text on the page, write the single word `blank` after the first line.
"""

_ROTATION = re.compile(r"\A\W{0,6}rotation\W{0,6}(\d{1,3})\W{0,4}(?:\n|\Z)", re.IGNORECASE)
_FENCE = re.compile(r"\A```[a-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)


def prompt_identity() -> str:
    """Name and digest: a changed prompt or picture is another question."""
    content = f"{PROMPT}\n{SIDE}"
    return f"page/{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def parameters(round_: int, seed: int) -> dict[str, Any]:
    """What the engine is told in a round."""
    return {"temperature": TEMPERATURES[round_], "max_tokens": MAX_TOKENS, "seed": seed}


def parse(answer: str) -> tuple[int, str]:
    """(degrees clockwise to turn the page by, its text in normal form; "" for a blank page)."""
    text = answer.strip()
    fence = _FENCE.match(text)
    text = fence[1].strip() if fence else text
    head = _ROTATION.match(text)
    body = text[head.end() :].strip() if head else text
    fence = _FENCE.match(body)
    body = fence[1].strip() if fence else body
    degrees = int(head[1]) % 360 if head else 0
    if body.strip("`*. ").lower() == "blank":
        body = ""
    return (degrees if degrees in (90, 180, 270) else 0), normalise(body)


def judge(
    answer: str,
    finish_reason: str,
    *,
    features: Mapping[str, Any],
    neighbours: str = "",
    ink: Callable[[], float] | None = None,
) -> Judged:
    """What an answer is worth. `features` are those of the page's text layer, `neighbours` the text of the pages around
    it; `ink` gives the share of the page's pixels that are not paper. An accepted blank page has the text "".
    """
    whole = truncated(finish_reason)
    if not whole.passed:
        return Judged(text=None, verdicts=(whole,))
    degrees, text = parse(answer)
    verdicts = [whole, verdict("rotation", str(degrees) if degrees else None)]
    if text or degrees or not answer.strip():
        verdicts += [guard(text) for guard in ALONE.values()] if not degrees else []
        verdicts.append(prompt_leak(text, PROMPT, ""))
        verdicts += [_length(text, features), _language(text, neighbours)]
    else:
        verdicts.append(_blank(features, ink))
    passed = all(one.passed for one in verdicts)
    return Judged(text=text if passed else None, verdicts=tuple(verdicts))


def _blank(features: Mapping[str, Any], ink: Callable[[], float] | None) -> Verdict:
    """Nothing may be said of a page that has hardly a mark, and only of such a page."""
    if features.get("n_chars", 0):
        return verdict("blank", f"the text layer has {features['n_chars']} characters")
    share = 0.0 if ink is None else ink()
    return verdict("blank", f"{share:.1%} of the page is ink" if share > BLANK_INK else None)


def _length(text: str, features: Mapping[str, Any]) -> Verdict:
    layer = int(features.get("n_chars", 0))
    if layer < LAYER_CHARACTERS:
        return verdict("length", None)
    ratio = sum(map(len, text.split())) / layer
    inside = LENGTH_LOW <= ratio <= LENGTH_HIGH
    return verdict("length", None if inside else f"{ratio:.2f} times the text layer")


def _language(text: str, neighbours: str) -> Verdict:
    ours, theirs = _letters(text), _letters(neighbours)
    if theirs.sum() < NEIGHBOUR_LETTERS or not ours.sum():
        return verdict("language", None)
    known = theirs / theirs.sum() >= SCRIPT_KNOWN
    foreign = np.where(known, 0, ours / ours.sum())
    if foreign.sum() <= SCRIPT_SHARE:
        return verdict("language", None)
    return verdict("language", f"{foreign.max():.0%} {SCRIPTS[int(foreign.argmax())]}")


def _letters(text: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = resolve(
        script_counts(data, np.array([0, len(data)], np.int64))
    )[0]
    return found
