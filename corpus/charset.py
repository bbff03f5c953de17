"""Bytes to text: the byte order mark, then what was declared, then UTF-8, then a detector.

The detector (resiliparse's, after the WHATWG names) always names something, so `decode` never
fails; what cannot be decoded becomes U+FFFD. UTF-8 goes before a declaration that disagrees, for
valid UTF-8 beyond ASCII is almost never anything else, and pages that declare Latin-1 and hold
UTF-8 are common.
"""

from __future__ import annotations

import codecs

from resiliparse.parse.encoding import detect_encoding

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = 1 << 16  # of bytes that the detector sees
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_MAX_CONTROLS = 0.01  # share of a head; text in a legacy charset has none


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text, and the name of the charset that it was in."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), name
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    for candidate in (declared, detect_encoding(_legacy_part(data)), "windows-1252"):
        if candidate is not None and (text := _decode_as(data, candidate)) is not None:
            return text, candidate
    raise AssertionError("windows-1252 with replacement decodes all bytes")


def is_binary(data: bytes) -> bool:
    """Whether these are no text: NUL bytes (but for UTF-16 with its mark), or many control
    characters."""
    head = data[:_HEAD]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    return b"\0" in head or len(head) - len(head.translate(None, _CONTROLS)) > _MAX_CONTROLS * len(
        head
    )


def _legacy_part(data: bytes) -> bytes:
    """A window around the first byte beyond ASCII: the head of a page is often pure ASCII."""
    first = next((i for i in range(0, len(data), 256) if not data[i : i + 256].isascii()), 0)
    return data[first : first + _HEAD]


def _decode_as(data: bytes, name: str) -> str | None:
    """The text, or None where Python knows no such charset, or where it is clearly the wrong
    one."""
    try:
        text = data.decode(name, "replace")
    except (
        LookupError,
        ValueError,
    ):  # unknown names, names with NUL, codecs that are no text encodings
        return None
    if name != "windows-1252" and text.count("\ufffd") > 0.01 * len(text):
        return None
    return text
