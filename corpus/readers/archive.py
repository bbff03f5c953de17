"""The records of web archives, WARC and WET (ISO 28500) and ARC, as `Capture`s.

Both are sequences of framed records, so a record that claims more bytes than there are, or a header
that is none, ends the reading of the file with `Damaged`; what came before is given. The framing is
read here and not by FastWARC 2.0.1, whose native parser panics on a stream that cannot seek (a
decompressed one) and does not tell a record that is cut short.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from corpus.readers.files import Damaged

_WARC = re.compile(rb"\s*WARC/\d")
_ARC = re.compile(rb"filedesc://")
_ARC_HEADER = re.compile(rb"(\S+) (\S+) (\d{8,14}) (?:(.*) )?(\d+)\s*$")
_MAX_HEADER = 1 << 16  # bytes of one line
_MAX_FIELDS = 1000


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One record of an archive."""

    type: str  # "response", "resource", "conversion", "request", ...
    uri: str | None
    date: str | None  # of the capture, ISO 8601
    content_type: (
        str  # of the block: `application/http; msgtype=response` where it holds headers and body
    )
    block: bytes | None  # None when it is larger than asked for
    language: str | None = None  # as the crawler identified it
    truncated: str | None = None  # why the crawler cut the payload


def captures(stream: io.BufferedReader, max_bytes: int) -> Iterator[Capture]:
    """The records of an archive that is already decompressed. Raises `Damaged`."""
    head = stream.peek(64)
    if not head:
        return
    if _ARC.match(head):
        yield from _arc_captures(stream, max_bytes)
    elif _WARC.match(head):
        yield from _warc_captures(stream, max_bytes)
    else:
        raise Damaged(f"neither WARC nor ARC: it starts with {head[:16]!r}")


def _warc_captures(stream: io.BufferedReader, max_bytes: int) -> Iterator[Capture]:
    while line := stream.readline(_MAX_HEADER):
        if not line.strip():
            continue
        if not _WARC.match(line):
            raise Damaged(f"no WARC header: {line[:80]!r}")
        headers = _warc_headers(stream)
        size = headers.get("content-length", "")
        if not re.fullmatch(r"\d{1,18}", size, re.ASCII):
            raise Damaged(f"the record's Content-Length is {size!r}")
        yield Capture(
            type=headers.get("warc-type", "unknown").lower(),
            uri=headers.get("warc-target-uri", "").strip("<>") or None,
            date=headers.get("warc-date") or None,
            content_type=headers.get("content-type", ""),
            block=_block(stream, int(size), max_bytes),
            language=headers.get("warc-identified-content-language") or None,
            truncated=headers.get("warc-truncated") or None,
        )


def _warc_headers(stream: io.BufferedReader) -> dict[str, str]:
    """Header fields up to the blank line, names in lower case; a line that starts with white space
    continues the one before."""
    headers: dict[str, str] = {}
    name = ""
    for _ in range(_MAX_FIELDS):
        line = stream.readline(_MAX_HEADER)
        if not line.endswith(b"\n"):
            raise Damaged("a header ends early")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            return headers
        if text[0] in " \t":
            headers[name] = f"{headers.get(name, '')} {text.strip()}"
            continue
        name, _, value = text.partition(":")
        name = name.strip().lower()
        headers[name] = value.strip()
    raise Damaged(f"a header of over {_MAX_FIELDS} fields")


def _arc_captures(stream: io.BufferedReader, max_bytes: int) -> Iterator[Capture]:
    while line := stream.readline(_MAX_HEADER):
        if not line.strip():
            continue
        found = _ARC_HEADER.match(line)
        if found is None:
            raise Damaged(f"no ARC header: {line[:80]!r}")
        size = int(found[5])
        block = _block(stream, size, max_bytes)
        uri = found[1].decode("utf-8", "replace")
        kind = (
            "warcinfo"
            if uri.startswith("filedesc:")
            else "response"
            if uri.startswith("http")
            else "resource"
        )
        content_type = (
            "application/http" if kind == "response" else (found[4] or b"").decode("latin-1")
        )
        yield Capture(
            type=kind,
            uri=uri,
            date=_arc_date(found[3].decode("ascii")),
            content_type=content_type,
            block=block,
        )


def _block(stream: io.BufferedReader, size: int, max_bytes: int) -> bytes | None:
    if size <= max_bytes:
        block = stream.read(size)
        if len(block) < size:
            raise Damaged(f"the record has {len(block)} of {size} bytes")
        return block
    while size > 0:
        skipped = len(stream.read(min(size, 1 << 20)))
        if not skipped:
            raise Damaged(f"the record ends {size} bytes early")
        size -= skipped
    return None


def _arc_date(digits: str) -> str:
    """`20140216050221` as `2014-02-16T05:02:21Z`."""
    day = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    return f"{day}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}Z" if len(digits) == 14 else day
