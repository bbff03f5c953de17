"""A page of pixels to text, by OCR: the arm for pages without a text layer that can be trusted.

`read_page` asks an engine (`corpus.pdf.ocr_engines`) for the lines of the page, finds paragraphs
among them, puts them in reading order (`corpus.pdf.layout`) and decides
(`corpus.pdf.trust.ocr_arm`) whether the text is to be believed. Lines that the engine is not sure of
are left out; where they are many, the whole page is. Features:

| feature | meaning |
|---|---|
| `ocr` | the engine that read the page, with its version |
| `ocr_chars` | characters of all lines, without white space |
| `ocr_confidence` | the engine's confidence, 0 to 1: the mean over these characters |
| `ocr_doubtful_share` | of these characters, those in lines that were left out (confidence below `MIN_LINE`) |
| `ocr_density` | letters and digits that were read, per height of its line in the length of all lines |
| `ocr_odd_word_share` | of the characters of the text, those in words that mix letters with digits or symbols |
| `ocr_unread` | language of the text, where the engine lacks letters of it; else "" |
| `ink` | share of the page's pixels that differ from its paper |
| `rotation` | degrees clockwise by which the page was turned before it was read |

A page that has (nearly) no ink and no line is `blank`: the paper of a scan is seldom of one colour.
A page without ink is not read at all. Runs in the child process: call it through
`corpus.limits.Guarded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from corpus.normalise import normalise
from corpus.pdf.layout import Line, page_text
from corpus.pdf.ocr_engines import Name, check, engine, label, unread
from corpus.pdf.ocr_lines import Pixels, Seen
from corpus.pdf.trust import ocr_arm, text_features

MIN_LINE = 0.6  # confidence of a line that is kept
PAPER = 24  # grey levels around the paper's that are paper too
NEXT_LINE = 1.6  # of a paragraph's lines: distance of their middles, in heights ...
PITCH = 1.3  # ... and in the usual distance on the page


@dataclass(frozen=True, kw_only=True)
class Ocr:
    """Which engine, and the languages to expect."""

    engine: Name
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(self.engine, self.languages)


def read_page(page: Pixels, ocr: Ocr) -> tuple[str, str, dict[str, Any]]:
    """(arm, text in normal form, features) of a page."""
    features: dict[str, Any] = {"ocr": label(ocr.engine), "ink": ink(page)}
    turned, seen = engine(ocr.engine, ocr.languages).read(page) if features["ink"] else (0, [])
    sure = [line for line in seen if line.confidence >= MIN_LINE and line.text]
    text = normalise(text_of(sure))
    features |= {
        "ocr_chars": sum(map(_size, seen)),
        "ocr_confidence": round(_mean(seen), 4),
        "ocr_doubtful_share": round(1 - sum(map(_size, sure)) / max(sum(map(_size, seen)), 1), 4),
        "ocr_density": round(_density(seen), 4),
        "ocr_odd_word_share": text_features(text)["odd_word_share"],
        "ocr_unread": unread(ocr.engine, text),
        "rotation": turned,
    }
    if not seen:
        features["ocr_doubtful_share"] = 0.0
    arm = ocr_arm(features)
    return arm, text if arm == "ocr" else "", features


def ink(page: Pixels) -> float:
    """The share of pixels that are neither of the paper's grey nor near it."""
    counts = np.bincount(page.ravel(), minlength=256)
    paper = int(counts.argmax())
    near = counts[max(paper - PAPER, 0) : paper + PAPER + 1].sum()
    return round(1 - int(near) / max(page.size, 1), 6)


def text_of(lines: Sequence[Seen]) -> str:
    """The lines in reading order; those that run up or down the page come last."""
    upright = [line for line in lines if not line.is_sideways]
    sideways = [line for line in lines if line.is_sideways]
    texts = [page_text(in_blocks(upright)), *(line.text for line in sideways)]
    return "\n\n".join(text for text in texts if text)


def in_blocks(lines: Sequence[Seen]) -> list[Line]:
    """The lines with their paragraphs as blocks: each goes with the one right below it that is of
    its size, near, and alone there."""
    ordered = sorted(lines, key=lambda line: (line.y0 + line.y1, line.x0))
    after = [_below(ordered, number) for number in range(len(ordered))]
    pitches = [_pitch(ordered[i], ordered[j]) for i, j in enumerate(after) if j is not None]
    usual = median(pitches) if pitches else 0.0
    blocks = list(range(len(ordered)))
    taken: set[int] = set()
    for number, below in enumerate(after):
        if below is not None and below not in taken:
            pitch = _pitch(ordered[number], ordered[below])
            if pitch <= PITCH * usual or pitch <= 1.2 * _height(ordered[number]):
                blocks[below] = blocks[number]
                taken.add(below)
    return [
        _line(line, block if line.block is None else line.block)
        for line, block in zip(ordered, blocks, strict=True)
    ]


def _below(lines: Sequence[Seen], number: int) -> int | None:
    """The nearest line under this one that may continue its paragraph."""
    line = lines[number]
    for other in range(number + 1, len(lines)):
        candidate = lines[other]
        pitch = _pitch(line, candidate)
        if pitch > NEXT_LINE * max(_height(line), _height(candidate)):
            return None
        overlap = min(line.x1, candidate.x1) - max(line.x0, candidate.x0)
        narrower = min(line.x1 - line.x0, candidate.x1 - candidate.x0)
        if pitch > 0.5 * _height(line) and overlap > 0.5 * narrower:
            sizes = sorted((_height(line), _height(candidate)))
            return other if sizes[1] <= 1.4 * sizes[0] else None
    return None


def _pitch(line: Seen, other: Seen) -> float:
    return (other.y0 + other.y1 - line.y0 - line.y1) / 2


def _height(line: Seen) -> float:
    return max(line.y1 - line.y0, 1.0)


def _line(line: Seen, block: int) -> Line:
    return Line(x0=line.x0, y0=line.y0, x1=line.x1, y1=line.y1, text=line.text, block=block)


def _size(line: Seen) -> int:
    return sum(not char.isspace() for char in line.text)


def _density(lines: Sequence[Seen]) -> float:
    """Of a script that the model does not know it reads the commas, and is sure of them."""
    letters = sum(char.isalnum() for line in lines for char in line.text)
    sides = [sorted((line.x1 - line.x0, _height(line))) for line in lines]
    return letters / max(sum(length / max(height, 1.0) for height, length in sides), 1.0)


def _mean(lines: Sequence[Seen]) -> float:
    return sum(_size(line) * line.confidence for line in lines) / max(sum(map(_size, lines)), 1)
