"""What a reader yields: a record that becomes a document, one that failed, or one that is skipped.

Every record of the input is exactly one of the three, so that
`records = documents + failed + skipped` holds for every file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a PDF, as it will stand in the lake's `pages` table."""

    number: int  # from 0
    arm: str  # "text" | "vl" | "ocr" | "blank" | "untrusted" (nobody could read it) | "failed"
    text: str  # "" unless arm is "text", "vl" or "ocr"
    features: Mapping[str, float | int | bool | str]  # what the decision was made on
    attempts: int = 0  # calls of a model
    guard: str | None = None  # the last guard or error that turned an answer down
    seconds: float | None = None  # of all calls; None where there was none
    tokens: int = 0  # that the model wrote
    layer: str = ""  # of a page that waits: the text layer that is not believed


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record with text. `path` and `index` identify it under the source's root."""

    path: str
    index: int
    text: str
    provenance: str
    code: bool = False  # a code document is never normalised
    date: str | None = None
    licence: str | None = None
    parents: tuple[tuple[str, int], ...] = ()  # (path, index) of the records it was made from
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pages: tuple[Page, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A record that could not be read. `reason` is a short stable word, `detail` is for people."""

    path: str
    index: int
    reason: str
    detail: str
    pages: tuple[Page, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A record that is no document by its nature: a WARC request, an image, a binary file."""

    path: str
    index: int
    reason: str
