"""An HTTP response as an archive keeps it: status line, headers, and a body that may be chunked and
compressed.

Archives often keep the headers of a body that they have already decoded, so a body that is not in
the coding its headers name is taken as it is. Decoding stops at `max_bytes`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import brotli  # type: ignore[import-untyped]

from corpus.readers.files import BROKEN, compression_of

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[^\r\n]*\r?\n")
_MAX_HEAD = 1 << 16
_STEP = 1 << 12  # of compressed input at a time, so that a bomb is noticed early


class BodyTooLarge(Exception):  # noqa: N818
    """The decoded body has more than `max_bytes`."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """A parsed response."""

    status: int
    headers: Mapping[str, str]  # names in lower case; of a repeated header the first
    body: bytes  # decoded

    @property
    def media_type(self) -> str:
        """`text/html`, or "" when there is none."""
        return media_type(self.headers.get("content-type", ""))

    @property
    def charset(self) -> str | None:
        """The charset that the Content-Type declares."""
        found = re.search(
            r"""charset\s*=\s*["']?([\w.:-]+)""",
            self.headers.get("content-type", ""),
            re.IGNORECASE,
        )
        return found[1].lower() if found else None


def media_type(content_type: str) -> str:
    """The type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def parse_response(block: bytes, max_bytes: int) -> Response | None:
    """The response in a block, None when there is none. Raises `BodyTooLarge`."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end = _END_OF_HEAD.search(block, 0, _MAX_HEAD)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block, b"")
    headers = _headers(head)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = unchunked(body)
    for coding in reversed(headers.get("content-encoding", "").lower().split(",")):
        body = decoded(body, coding.strip(), max_bytes)
    return Response(status=int(status[1]), headers=headers, body=body)


def unchunked(body: bytes) -> bytes:
    """The body without chunk sizes; as it is when the first is no chunk size."""
    parts: list[bytes] = []
    position = 0
    while found := _CHUNK_SIZE.match(body, position):
        size = int(found[1], 16)
        if size == 0 or found.end() >= len(body):
            return b"".join(parts)
        parts.append(body[found.end() : found.end() + size])
        position = found.end() + size
        position += (
            2
            if body[position : position + 2] == b"\r\n"
            else body[position : position + 1] == b"\n"
        )
    return b"".join(parts) if parts else body


def decoded(body: bytes, coding: str, max_bytes: int) -> bytes:
    """The body without a content coding; what could be decoded of a body that is broken."""
    if not body or coding in ("", "identity"):
        return body
    if coding == "br":
        return _inflate(body, _Brotli(), max_bytes) or body
    make = compression_of(body)
    if make is not None and coding in ("gzip", "x-gzip", "zstd"):
        return _inflate(body, make(), max_bytes) or body
    if coding == "deflate":
        return (
            _inflate(body, zlib.decompressobj(), max_bytes)
            or _inflate(body, zlib.decompressobj(-15), max_bytes)
            or body
        )
    return body


class _Brotli:
    """brotli's decompressor with the method name of the others."""

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def decompress(self, data: bytes) -> bytes:
        try:
            result: bytes = self._decompressor.process(data)
        except brotli.error as error:
            raise ValueError(str(error)) from error
        return result


def _inflate(body: bytes, decompressor: Any, max_bytes: int) -> bytes:
    parts, size = [], 0
    for start in range(0, len(body), _STEP):
        try:
            part = decompressor.decompress(body[start : start + _STEP])
        except BROKEN:
            break
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise BodyTooLarge(f"over {max_bytes} bytes")
        if getattr(decompressor, "eof", False):
            break
    return b"".join(parts)


def _headers(head: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return headers
