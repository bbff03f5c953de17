"""What a reader of PDF pages gives: pages, and what the PDF says of itself. Loads no parser."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass

PROVENANCE = f"pdf/pymupdf-{importlib.metadata.version('pymupdf')}"


@dataclass(frozen=True, kw_only=True)
class PageText:
    """One page."""

    number: int  # from 0
    arm: str
    text: str  # in normal form; "" unless arm is "text" or "ocr"
    features: Mapping[str, float | int | bool | str]
    layer: str = ""  # of an untrusted page: its text layer, a glyph without character as U+FFFD


@dataclass(frozen=True, kw_only=True)
class PdfPart:
    """Some pages, and what the PDF says of itself."""

    count: int  # pages of the whole document
    title: str  # "" where it has none
    created: str  # ISO 8601 date, or ""
    pages: tuple[PageText, ...]
