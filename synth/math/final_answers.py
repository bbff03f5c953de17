r"""The final answer of a worked solution, as it was written.

In this order of trust: the last `\boxed{…}`, the last line `#### …` (the mark of GSM8K, arXiv
2110.14168), the last phrase that announces an answer (`The answer is …`, `Answer: …`, and the same
in French, German, Spanish and Chinese). Within each, the last one counts: models correct themselves.

Time is linear in the text, whatever stands in it. There are no errors: None where none is found.
"""

from __future__ import annotations

import re
from collections import deque

VERSION = 1
MOST = 100  # boxes or phrases that are tried, from the last
LONGEST = 2000  # characters of an answer; what is longer is no answer but an essay

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*(?=[{\w])")
_HASHES = re.compile(r"^[ \t]{0,8}####[ \t]*([^\n]{1,500})$", re.MULTILINE)
_SAYS = re.compile(
    r"\b(?:the |our |my )?(?:final |correct |numerical |exact )?(?:answer|result|solution)"
    r"(?:\*\*)?(?: to (?:the|this) (?:problem|question))?\s{0,3}(?:is|equals|=|:)"
    r"|\b(?:la )?r[ée]ponse(?: finale)?(?:\*\*)?\s{0,3}(?:est|:)"
    r"|\b(?:die )?antwort(?:\*\*)?\s{0,3}(?:ist|lautet|:)"
    r"|\b(?:la )?respuesta(?: final)?(?:\*\*)?\s{0,3}(?:es|:)"
    r"|(?:最终)?答案(?:\*\*)?\s{0,3}(?:是|为|：|:)",
    re.IGNORECASE,
)
_AFTER = re.compile(r"(?:\*\*|__)?\s{0,3}[:：]?\s{0,3}([^\n]{1,500})")
_SENTENCE_ENDS = re.compile(r"[.!?。](?=\s+[A-Z(]|\s*$)|[,;]\s+(?:which|because|since|so|as)\b|。")
_WHOLE_MATH = re.compile(r"\$\$?(?P<a>[^$]+)\$\$?|\\\((?P<b>.+)\\\)|\\\[(?P<c>.+)\\\]")


def final_answer(text: str) -> str | None:
    """The last answer that the text announces; None where it announces none."""
    for found in (_boxed(text), _last(_HASHES, text), _said(text)):
        if found is not None and (answer := _bare(found)):
            return answer
    return None


def _boxed(text: str) -> str | None:
    """What stands in the last box that is closed and not empty."""
    for match in reversed(deque(_BOX.finditer(text), MOST)):
        start = match.end()
        if text[start] != "{":
            return re.match(r"\w+", text[start : start + LONGEST])[0]  # type: ignore[index]
        inside = _group(text, start)
        if inside is not None and inside.strip():
            return inside
    return None


def _group(text: str, start: int) -> str | None:
    """What stands between the brace at `start` and its partner; None where it has none near."""
    depth, escaped = 0, False
    for place in range(start, min(len(text), start + LONGEST)):
        character = text[place]
        if escaped or character == "\\":
            escaped = not escaped
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : place]
    return None


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = None
    for match in pattern.finditer(text):
        found = match[1]
    return found


def _said(text: str) -> str | None:
    """What follows the last announcement, to the end of its sentence."""
    for match in reversed(deque(_SAYS.finditer(text), MOST)):
        after = _AFTER.match(text, match.end())
        if after is None:
            continue
        end = _SENTENCE_ENDS.search(after[1])
        answer = after[1][: end.start()] if end else after[1]
        if _bare(answer):
            return answer
    return None


def _bare(answer: str) -> str:
    """Without emphasis, a full stop at the end, and the marks of mathematics around all of it."""
    answer = answer.strip().removeprefix("**").removesuffix("**").strip()
    if answer.endswith(".") and not answer.endswith(".."):
        answer = answer[:-1].strip().removesuffix("**").strip()
    whole = _WHOLE_MATH.fullmatch(answer)
    if whole:
        answer = next(part for part in whole.groups() if part is not None).strip()
    return answer if len(answer) <= LONGEST else ""
