"""A source: an immutable snapshot of raw files, listed once and cut into units of work once.

The snapshot stands in the lake as `sources/<source>.json`: path, size and a mark per file (the store's ETag, or
the modification time of a local file). When the files differ from it, the run stops with
`ChangedInputError`: new input is a new source. The cut is a function of the listing alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from corpus import storage
from corpus.errors import ChangedInputError, PlanError
from corpus.readers.files import InputFile


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What lies under a source's root."""

    files: tuple[InputFile, ...]  # those its reader takes, sorted by path
    marks: Mapping[str, str]  # by path; what changes when a file does
    ignored: Mapping[str, int]  # how many files of which suffix the reader does not take


def list_source(root: str, suffixes: Sequence[str], *, name: str, reader: str) -> Listing:
    """List a file or folder. PlanError if the reader takes nothing there."""
    file_system = storage.filesystem(root)
    found = file_system.find(root, withdirs=False, detail=True)
    prefix = storage.absolute(root).split("://", 1)[-1].rstrip("/")
    files, marks, ignored = [], {}, Counter[str]()
    for path, info in sorted(found.items()):
        relative = path[len(prefix) + 1 :] or path.rsplit("/", 1)[-1]
        if storage.is_local(root) and not os.path.isfile(path):
            ignored["(no regular file)"] += 1  # opening a pipe or a device would block for ever
        elif (found.keys() == {path} and path == prefix) or path.lower().endswith(tuple(suffixes)):
            uri = path if storage.is_local(root) else file_system.unstrip_protocol(path)
            files.append(InputFile(path=relative, uri=uri, size=int(info["size"])))
            marks[relative] = str(info.get("ETag") or info.get("mtime") or "")
        else:
            ignored["." + path.rsplit("/", 1)[-1].partition(".")[2]] += 1
    if not files:
        raise PlanError(
            f"source {name}: reader {reader} finds no file under {root} (it takes "
            f"{', '.join(sorted(set(suffixes)))}); there are {dict(ignored) or 'no files'}"
        )
    return Listing(files=tuple(files), marks=marks, ignored=dict(ignored))


def file_uri(root: str, path: str) -> str:
    """Where a file lies that a listing of `root` calls `path`."""
    single = storage.filesystem(root).isfile(root)
    return storage.absolute(root) if single else storage.join(storage.absolute(root), path)


def cut(files: Iterable[InputFile], unit: str, part_bytes: int) -> list[list[InputFile]]:
    """Units of about `part_bytes` of raw input, in path order. A file, or a top-level folder, stays whole."""
    units: list[list[InputFile]] = []
    size = part_bytes
    for _, members in groupby(files, key=lambda file: _atom(file, unit)):
        atom = list(members)
        if size >= part_bytes:
            units.append([])
            size = 0
        units[-1].extend(atom)
        size += sum(file.size for file in atom)
    return units


def check_snapshot(
    lake: str, source: str, listing: Listing, digests: Callable[[], Mapping[str, str] | None]
) -> None:
    """Compare a listing with the snapshot in the lake, or make it the snapshot.

    `digests` gives the content hashes recorded when files were read, None if nothing of the source was read yet: then
    the new state is the snapshot. A file that only looks touched (same size, other mark) is hashed again and forgiven
    if its content is the same.
    """
    uri = storage.join(lake, "sources", f"{source}.json")
    now = {file.path: [file.size, listing.marks[file.path]] for file in listing.files}
    data = storage.get_or_none(uri)
    if data is not None:
        before = json.loads(data)["files"]
        if before == now:
            return
        recorded = digests()
        if recorded is not None:
            _compare(source, before, now, {file.path: file for file in listing.files}, recorded)
    content = {"files": now, "ignored": dict(listing.ignored)}
    storage.put(uri, json.dumps(content, sort_keys=True).encode())


def content_digest(file: InputFile) -> str:
    """128-bit hash of a file's bytes, hex."""
    digest = hashlib.blake2b(digest_size=16)
    with storage.reading(file.uri) as stream:
        while block := stream.read(8 << 20):
            digest.update(block)
    return digest.hexdigest()


def _compare(
    source: str,
    before: Mapping[str, list[object]],
    now: Mapping[str, list[object]],
    files: Mapping[str, InputFile],
    digests: Mapping[str, str],
) -> None:
    remedy = (
        "A source is an immutable snapshot: put the files back, or give the new state a name of its "
        "own under `sources:`"
    )
    gone = sorted(before.keys() - now.keys())
    new = sorted(now.keys() - before.keys())
    if gone or new:
        what = f"{gone[0]} is gone" if gone else f"{new[0]} is new"
        raise ChangedInputError(
            f"source {source} has changed since it was read: {what} "
            f"({len(gone)} files gone, {len(new)} new). {remedy}."
        )
    for path in sorted(now):
        if before[path] == now[path]:
            continue
        same_size = before[path][0] == now[path][0]
        if not same_size or digests.get(path, "") != content_digest(files[path]):
            raise ChangedInputError(
                f"source {source} has changed since it was read: {path} has other content. {remedy}."
            )


def _atom(file: InputFile, unit: str) -> str:
    return file.path.split("/", 1)[0] if unit == "folder" else file.path
