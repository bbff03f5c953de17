"""What a text opens and does not close: tables, code fences, formulas and LaTeX environments.

A model that ran out of tokens, or lost count, leaves these behind. `left_open` names the first that
it finds:

| name | meaning |
|---|---|
| `fence` | a code fence without its end |
| `html table` | `<table>`, or a row or cell in it, that is opened more often than closed |
| `environment` | `\\begin{x}` without `\\end{x}`, or the reverse |
| `formula` | `$$`, `\\[` or `\\(` without its end, or braces in a formula that do not match |
| `markdown table` | a table whose last row has fewer cells than its head, or a head without a row |

What stands in code fences is not looked at. Round brackets in prose are not either: lists (`a)`),
faces and intervals leave them open in good text. Time is linear in the text.
"""

from __future__ import annotations

import re

VERSION = 1

_FENCE = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)
_INLINE = re.compile(r"``[^`\n]*``|`[^`\n]*`")
_TAG = re.compile(r"<(/?)(table|thead|tbody|tr|td|th)\b[^<>]*(?:>|\Z)", re.IGNORECASE)
_ENVIRONMENT = re.compile(r"\\(begin|end)\s?\{([A-Za-z]{1,30}\*?)\}")
_DISPLAY = re.compile(r"(?<!\\)(?:\$\$|\\\[|\\\]|\\\(|\\\))")
_FORMULA = re.compile(r"(?<!\\)\$\$(.+?)(?<!\\)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)
_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$")
_CUT_RULE = re.compile(r"^[ \t]*\|[ \t:|-]*$")
_ENDS = {"\\[": "\\]", "\\(": "\\)"}


def left_open(text: str) -> str | None:
    """The first thing that is left open, with where it is; None where all is closed."""
    prose, fence = _without_code(text)
    if fence is not None:
        return f"fence: {fence[:40]}"
    prose = _INLINE.sub("", prose)
    for find in (_html_table, _environment, _formula, _markdown_table):
        found = find(prose)
        if found is not None:
            return found
    return None


def _without_code(text: str) -> tuple[str, str | None]:
    """The text outside of fences, and the fence that has no end."""
    pieces, taken, opened = [], 0, None
    for match in _FENCE.finditer(text):
        marks = match[1]
        if opened is None:
            pieces.append(text[taken : match.start()])
            opened = match
        elif marks[0] == opened[1][0] and len(marks) >= len(opened[1]) and not match[2].strip():
            opened, taken = None, match.end()
    if opened is not None:
        return "".join(pieces), opened[0].strip()
    return "".join([*pieces, text[taken:]]), None


def _html_table(text: str) -> str | None:
    """HTML lets `</td>` and `</tr>` be left out, so only a document that writes some must write all."""
    counts: dict[tuple[str, bool], int] = {}
    for match in _TAG.finditer(text):
        if not match[0].endswith(">"):
            return f"html table: {match[0][:40]}"
        key = (match[2].lower(), bool(match[1]))
        counts[key] = counts.get(key, 0) + 1
    for name in ("table", "tr", "td", "th"):
        begun, ended = counts.get((name, False), 0), counts.get((name, True), 0)
        if begun > ended and (ended or name == "table"):
            return f"html table: {begun} <{name}>, {ended} </{name}>"
    if any(counts) and re.search(r"<[a-z]{0,5}\Z", text):
        return "html table: a tag is cut"
    return None


def _environment(text: str) -> str | None:
    stack: list[str] = []
    for kind, name in _ENVIRONMENT.findall(text):
        if kind == "begin":
            stack.append(name)
        elif not stack or stack.pop() != name:
            return f"environment: \\end{{{name}}} without its begin"
    return f"environment: \\begin{{{stack[-1]}}} without its end" if stack else None


def _formula(text: str) -> str | None:
    expected: str | None = None
    for match in _DISPLAY.finditer(text):
        mark = match[0]
        if expected is None:
            if mark in ("\\]", "\\)"):
                return f"formula: {mark} without its begin"
            expected = _ENDS.get(mark, "$$")
        elif mark == expected:
            expected = None
    if expected is not None:
        return f"formula: no {expected}"
    for match in _FORMULA.finditer(text):
        inside = re.sub(r"\\[{}]", "", match[1] or match[2] or match[3])
        if inside.count("{") != inside.count("}"):
            return f"formula: braces of {match[0][:40]}"
    return None


def _markdown_table(text: str) -> str | None:
    """Only tables whose head begins and ends with a bar: without them a short row is good style."""
    lines = text.split("\n")
    last = _last_filled(lines)
    if last and _CUT_RULE.match(lines[last]) and _is_head(lines[last - 1]):
        return f"markdown table: {lines[last][:40]}"
    for number, line in enumerate(lines[1:], 1):
        head = lines[number - 1].strip()
        if "-" not in line or "|" not in line or not (_is_head(head) and _RULE.match(line)):
            continue
        rows = _rows_after(lines, number)
        if not rows and number >= last:
            return f"markdown table: no row after {head[:40]}"
        if rows and _cells(rows[-1]) < _cells(head):
            return f"markdown table: {_cells(rows[-1])} cells of {_cells(head)}: {rows[-1][:40]}"
        if rows and not rows[-1].endswith("|") and all(row.endswith("|") for row in rows[:-1]):
            return f"markdown table: {rows[-1][:40]}"
    return None


def _is_head(line: str) -> bool:
    line = line.strip()
    return len(line) > 2 and line.startswith("|") and line.endswith("|")


def _rows_after(lines: list[str], number: int) -> list[str]:
    rows = []
    for line in lines[number + 1 :]:
        if not line.strip().startswith("|"):
            break
        rows.append(line.strip())
    return rows


def _last_filled(lines: list[str]) -> int:
    return max((n for n, line in enumerate(lines) if line.strip()), default=0)


def _cells(row: str) -> int:
    return len(re.sub(r"\\\|", "", row).strip().strip("|").split("|"))
