"""A conversation of two: turns that alternate, each a paragraph that opens with its speaker and a colon.

Models name speakers in any language and dress (`**Teacher:**`, `- Anna:`, `老师：`). The two are those labels that open
most lines; a line with another label (`Note: …`) belongs to the turn before it.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from synth.recipe import Unparsable

VERSION = 1
TURNS = 4
_LABEL = re.compile(
    r"^[\s>*_\-•]{0,6}([^\W\d_][^\W\d_.'’ \-]{0,24}(?:[ .'’\-][^\W\d_]{1,24}){0,2})[*_ ]{0,3}([:：])[*_]{0,3}\s*"
)

Turn = tuple[str, str]  # `Teacher:`, and what is said


def dialogue(answer: str) -> str:
    """The turns, a blank line between them; Unparsable where they are fewer than TURNS or do not alternate."""
    turns = _turns(answer.strip().splitlines())
    if any(not said for _, said in turns):
        raise Unparsable("a turn says nothing")
    for (speaker, _), (following, _) in pairwise(turns):
        if speaker == following:
            raise Unparsable(f"{speaker[:-1]} speaks twice in a row")
    if len(turns) < TURNS:
        raise Unparsable(f"{len(turns)} turns; at least {TURNS} are needed")
    return "\n\n".join(
        f"{speaker}{'' if speaker.endswith('：') else ' '}{said}" for speaker, said in turns
    )


def _turns(lines: list[str]) -> list[Turn]:
    """Lines of the two speakers, with the lines that follow; what comes before the first is dropped."""
    speakers = _speakers(lines)
    found: list[Turn] = []
    for line in lines:
        label = _LABEL.match(line)
        if label and label[1] in speakers:
            found.append((label[1] + label[2], line[label.end() :].strip()))
        elif found and line.strip():
            speaker, said = found[-1]
            found[-1] = (speaker, f"{said}\n{line.strip()}".strip())
    return found


def _speakers(lines: list[str]) -> set[str]:
    labels = Counter(label[1] for line in lines if (label := _LABEL.match(line)))
    first = labels.most_common(3)
    if len(first) < 2 or first[1][1] < 2:
        raise Unparsable("no two speakers take turns, each line as `Name: …`")
    if len(first) == 3 and first[2][1] == first[1][1]:
        raise Unparsable(f"more than two speakers: {', '.join(label for label, _ in first)}")
    return {label for label, _ in first[:2]}
