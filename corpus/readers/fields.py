"""From a row (a JSON object, a Parquet row) to a record: which fields hold what.

Shared by the readers `jsonl` and `parquet`. A field is named by its key, or by a path with dots
into nested objects. Outcomes beside a record: Failed `missing_field`, `wrong_type`, `too_large` and
those of the page parsers (`no_main_text`, `xml`, `parse`, `cpu_limit`, ...); Skipped `empty` where
the text is null or white space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from corpus.html import PAGE_PROVENANCE, PROVENANCE, XML_PROVENANCE, main_text, page_text, xml_text
from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits
from corpus.normalise import without_surrogates
from corpus.readers.record import Failed, Record, Skipped

_MISSING = object()
_PARSERS: Mapping[str, tuple[Callable[..., Any], str]] = {
    "html": (main_text, PROVENANCE),
    "html_text": (page_text, PAGE_PROVENANCE),
    "xml": (xml_text, XML_PROVENANCE),
}


@dataclass(frozen=True, kw_only=True)
class FieldOptions:
    """Which fields of a row are read."""

    text: str | tuple[str, ...] = "text"  # several are joined by `separator`
    separator: str = "\n\n"
    format: Literal["plain", "html", "html_text", "xml"] = (
        "plain"  # html: the main text of a page; html_text: all of it
    )
    ignore: tuple[str, ...] = ()  # XML elements that are no text
    id: str | None = None  # kept as metadata `id`
    date: str | None = None
    licence: str | None = None
    url: str | None = None  # kept as metadata `url`
    metadata: tuple[str, ...] = ()  # further fields to keep
    code: bool = False  # the text is source code: never normalised

    def __post_init__(self) -> None:
        for name in ("text", "ignore", "metadata"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.format not in _PARSERS and self.format != "plain":
            raise ValueError(f"format is {self.format!r}: give plain, {', '.join(_PARSERS)}")
        if not self.text or not all(isinstance(field, str) and field for field in self.text_fields):
            raise ValueError(f"text is {self.text!r}: give the name of a field, or a list of names")
        if isinstance(self.metadata, str) or isinstance(self.ignore, str):
            raise ValueError("metadata and ignore are lists of names: write [name]")

    @property
    def text_fields(self) -> tuple[str, ...]:
        return (self.text,) if isinstance(self.text, str) else self.text

    @property
    def columns(self) -> tuple[str, ...]:
        """All fields that are read, each once."""
        single = (self.id, self.date, self.licence, self.url)
        return tuple(dict.fromkeys((*self.text_fields, *(f for f in single if f), *self.metadata)))


class RowReader:
    """Makes records of rows. Holds the child process that parses pages."""

    def __init__(
        self, options: FieldOptions, limits: Limits, provenance: str, pages: Guarded | None
    ) -> None:
        self._options, self._limits, self._pages = options, limits, pages
        parser = _PARSERS.get(options.format)
        self._provenance = f"{provenance}+{parser[1]}" if parser else provenance

    def record(
        self, row: Mapping[str, Any], path: str, index: int, names: Iterable[str] | None = None
    ) -> Record | Failed | Skipped:
        """The record of one row. `names` are those of all fields, where the row has only some."""
        options = self._options
        texts = [lookup(row, field) for field in options.text_fields]
        for field, text in zip(options.text_fields, texts, strict=True):
            if text is _MISSING:
                detail = f"no field {field!r}; there are {sorted(map(str, names or row))[:20]}"
                return Failed(path=path, index=index, reason="missing_field", detail=detail)
            if not isinstance(text, str | None):
                detail = f"{field!r} holds {type(text).__name__}, not text"
                return Failed(path=path, index=index, reason="wrong_type", detail=detail)
        text = options.separator.join(text for text in texts if text)
        if len(text) > self._limits.max_bytes:
            return Failed(
                path=path, index=index, reason="too_large", detail=f"{len(text)} characters"
            )
        metadata = self._metadata(row)
        try:
            text = self._parsed(text, metadata)
        except (LimitExceeded, GuardedError) as error:
            return failed(path, index, error)
        if not text.strip():
            if options.format != "plain" and any(texts):
                return Failed(path=path, index=index, reason="no_main_text", detail="")
            return Skipped(path=path, index=index, reason="empty")
        return Record(
            path=path,
            index=index,
            text=without_surrogates(text),
            provenance=self._provenance,
            code=options.code,
            date=_string(row, options.date),
            licence=_string(row, options.licence),
            metadata=metadata,
        )

    def _metadata(self, row: Mapping[str, Any]) -> dict[str, Any]:
        named = {"id": self._options.id, "url": self._options.url}
        fields = {key: field for key, field in named.items() if field} | {
            field: field for field in self._options.metadata
        }
        values = {key: lookup(row, field) for key, field in fields.items()}
        return {
            key: plain(value)
            for key, value in values.items()
            if value is not _MISSING and value is not None
        }

    def _parsed(self, text: str, metadata: Mapping[str, Any]) -> str:
        if self._pages is None or not text:
            return text
        data = text.encode("utf-8", "replace")
        if self._options.format == "xml":
            return str(self._pages(data, self._options.ignore))
        return str(self._pages(data, metadata.get("url"), "utf-8").text)


@contextmanager
def row_reader(options: FieldOptions, limits: Limits, provenance: str) -> Iterator[RowReader]:
    """A `RowReader` whose child process ends with the block."""
    if options.format not in _PARSERS:
        yield RowReader(options, limits, provenance, None)
        return
    with Guarded(_PARSERS[options.format][0], limits) as pages:
        yield RowReader(options, limits, provenance, pages)


def failed(path: str, index: int, error: LimitExceeded | GuardedError) -> Failed:
    """The dead letter of a record whose parser failed: `cpu_limit`, `memory_limit`, `time_limit`,
    `crash`, `parse`, ..."""
    limited = isinstance(error, LimitExceeded) and error.reason != "crash"
    reason = f"{error.reason}_limit" if limited else error.reason
    return Failed(path=path, index=index, reason=reason, detail=without_surrogates(error.detail))


def lookup(row: Mapping[str, Any], field: str) -> Any:
    """The value of `field`, which is a key or a path with dots."""
    if field in row:
        return row[field]
    value: Any = row
    for key in field.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return _MISSING
        value = value[key]
    return value


def plain(value: Any) -> Any:
    """The value as JSON holds it: what JSON has no type for becomes its string, NaN becomes
    null."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {without_surrogates(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def _string(row: Mapping[str, Any], field: str | None) -> str | None:
    value = None if field is None else lookup(row, field)
    if value is None or value is _MISSING or isinstance(value, Mapping | list):
        return None
    isoformat = getattr(value, "isoformat", None)  # dates and times of Parquet
    return without_surrogates(isoformat() if isoformat else str(value))
