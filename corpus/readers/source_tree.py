"""Source-code trees: one document per file, and on request one per repository, joined in dependency
order.

The unit is a folder: all files under one top-level folder of the source are one repository. `code`
is true for every document. Metadata: `repository`, `path` (inside it), `language` (linguist's
name), `generated` is not kept: such files are skipped. `licence` is that of the file's header, else
of the repository. With `join`, a repository of two or more documents also gives one Record with
path `<repository>/`, index 0, the files as `parents`, and metadata `joined: true`; each file starts
with a comment that names its path.

Failed: `truncated` (compressed data). Skipped: `not_source` (by name), `vendored` (by folder),
`generated`, `minified`, `binary`, `empty`, `too_large` (over `max_file_bytes`; for a joined
document over `limits.max_bytes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from corpus.charset import decode, is_binary
from corpus.limits import Limits
from corpus.readers.dependencies import Resolver, dependency_order
from corpus.readers.files import Damaged, InputFile, open_input, read_whole
from corpus.readers.licences import is_licence_file, licence_of_header, licence_of_text
from corpus.readers.programming import Language, language_of
from corpus.readers.record import Failed, Record, Skipped

VERSION = 1
SUFFIXES = ("",)  # every file: licences too, and what is no source is counted as skipped
PROVENANCE = f"source_tree/{VERSION}"
_VENDORED = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|third[_-]?party|vendor(?:ed)?|_vendor|\.git|__pycache__)/"
)
_GENERATED = re.compile(
    r"@generated\b|\bDO NOT (?:EDIT|MODIFY)\b"
    r"|\b(?:auto(?:matically)?[- ]?generated|code generated|generated) (?:by|from)\b",
    re.IGNORECASE,
)
_LOCKS = re.compile(
    r"(?:^|/)(?:package-lock\.json|yarn\.lock|pnpm-lock\.yaml|[^/]*\.min\.(?:js|css)|[^/]*_pb2(?:_grpc)?\.pyi?)$"
)
_HEAD = 1000  # characters in which a file says that it is generated
_MAX_MEAN_LINE = 300  # characters; longer lines are data or minified code
_ROOT = "."  # the repository of files that lie in no folder


@dataclass(frozen=True, kw_only=True)
class SourceTreeOptions:
    """Options of the reader `source_tree`."""

    join: bool = False  # also one document per repository
    max_file_bytes: int = 1 << 20
    languages: tuple[str, ...] | None = (
        None  # linguist's names to take; None: all but the data formats
    )
    keep_vendored: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.languages, list):
            object.__setattr__(self, "languages", tuple(self.languages))
        if self.max_file_bytes <= 0:
            raise ValueError(f"max_file_bytes is {self.max_file_bytes}: give a number above 0")

    def takes(self, language: Language | None) -> bool:
        """Whether files of this language are documents."""
        if language is None:
            return False
        return (
            language.name not in _DATA
            if self.languages is None
            else language.name in self.languages
        )


_DATA = frozenset({"JSON", "XML", "Text"})


def read(
    files: Sequence[InputFile], options: SourceTreeOptions, limits: Limits
) -> Iterator[Record | Failed | Skipped]:
    """The records of one or more repositories."""
    for repository, members in groupby(sorted(files, key=_by_repository), key=repository_of):
        yield from _Repository(repository, list(members), options, limits).records()


def repository_of(file: InputFile) -> str:
    """The top-level folder, `.` for a file that lies in none."""
    folder, slash, _ = file.path.partition("/")
    return folder if slash else _ROOT


def _by_repository(file: InputFile) -> tuple[str, str]:
    return repository_of(file), file.path


class _Repository:
    def __init__(
        self, name: str, files: list[InputFile], options: SourceTreeOptions, limits: Limits
    ) -> None:
        self._name, self._files, self._options, self._limits = name, files, options, limits

    def records(self) -> Iterator[Record | Failed | Skipped]:
        licence = self._licence()
        resolver = Resolver([file.path for file in self._files])
        joined = _Joined(self._name, self._limits.max_bytes)
        for file in self._files:
            record = self._record(file, licence)
            if self._options.join and isinstance(record, Record):
                joined.add(record, resolver)
            yield record
        if joined.count >= 2:
            yield joined.record(licence)

    def _record(self, file: InputFile, licence: str | None) -> Record | Failed | Skipped:
        language = language_of(file.path.removesuffix(".gz").removesuffix(".zst"))
        reason = self._skip_by_name(file.path, language)
        if reason is not None:
            return Skipped(path=file.path, index=0, reason=reason)
        data = self._content(file)
        if isinstance(data, Failed | Skipped):
            return data
        if is_binary(data):
            return Skipped(path=file.path, index=0, reason="binary")
        text = decode(data)[0]
        reason = _skip_by_text(text)
        if reason is not None:
            return Skipped(path=file.path, index=0, reason=reason)
        assert language is not None
        inside = file.path if self._name == _ROOT else file.path.partition("/")[2]
        return Record(
            path=file.path,
            index=0,
            text=text,
            provenance=PROVENANCE,
            code=True,
            licence=licence_of_header(text) or licence,
            metadata={
                "repository": self._name,
                "path": inside,
                "programming_language": language.name,
            },
        )

    def _skip_by_name(self, path: str, language: Language | None) -> str | None:
        if not self._options.takes(language):
            return "not_source"
        if not self._options.keep_vendored and _VENDORED.search(path):
            return "vendored"
        return "generated" if _LOCKS.search(path) else None

    def _content(self, file: InputFile) -> bytes | Failed | Skipped:
        try:
            with open_input(file) as stream:
                data = read_whole(stream, min(self._options.max_file_bytes, self._limits.max_bytes))
        except Damaged as error:
            return Failed(path=file.path, index=0, reason="truncated", detail=str(error))
        return Skipped(path=file.path, index=0, reason="too_large") if data is None else data

    def _licence(self) -> str | None:
        candidates = [
            file
            for file in self._files
            if is_licence_file(file.path) and not _VENDORED.search(file.path)
        ]
        for file in sorted(candidates, key=lambda file: (file.path.count("/"), file.path)):
            data = self._content(file)
            licence = licence_of_text(decode(data)[0]) if isinstance(data, bytes) else None
            if licence is not None:
                return licence
        return None


class _Joined:
    """Collects the files of one repository; holds no more than `max_bytes` characters of text."""

    def __init__(self, repository: str, max_bytes: int) -> None:
        self._repository, self._max = repository, max_bytes
        self._texts: dict[str, str] = {}
        self._imports: dict[str, set[str]] = {}
        self._size = self.count = 0

    def add(self, record: Record, resolver: Resolver) -> None:
        self.count += 1
        self._size += len(record.text)
        if self._size > self._max:
            self._texts.clear()
            return
        self._texts[record.path] = record.text
        self._imports[record.path] = resolver.imports(record.path, record.text)

    def record(self, licence: str | None) -> Record | Skipped:
        path = f"{self._repository}/"
        if self._size > self._max:
            return Skipped(path=path, index=0, reason="too_large")
        order = dependency_order(self._imports)
        return Record(
            path=path,
            index=0,
            text="\n".join(_with_header(member, self._texts[member]) for member in order),
            provenance=f"{PROVENANCE}+join",
            code=True,
            licence=licence,
            parents=tuple((member, 0) for member in order),
            metadata={
                "repository": self._repository,
                "joined": True,
                "programming_language": _main_language(self._texts),
            },
        )


def _with_header(path: str, text: str) -> str:
    language = language_of(path)
    start, end = language.comment if language else ("#", "")
    return f"{start} {path}{end}".lstrip() + f"\n{text.rstrip()}\n"


def _main_language(texts: Mapping[str, str]) -> str:
    """The language with most characters; the first by name of equals."""
    sizes: dict[str, int] = {}
    for path, text in texts.items():
        language = language_of(path)
        if language is not None:
            sizes[language.name] = sizes.get(language.name, 0) + len(text)
    return min(sizes, key=lambda name: (-sizes[name], name))


def _skip_by_text(text: str) -> str | None:
    if not text.strip():
        return "empty"
    if _GENERATED.search(text[:_HEAD]):
        return "generated"
    return "minified" if len(text) > _MAX_MEAN_LINE * (text.count("\n") + 1) else None
