"""Files under one root that is a local path or an object-store URI (fsspec), with one atomic verb.

`put` is the only way the lake makes a thing visible: on a local disk it writes beside and renames, on an
object store a single PUT is atomic by itself. `create` puts only where nothing stands yet. Data files
are streamed through `Sink`, which hashes what passes, and stay unreferenced until a manifest entry names them.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem


def is_local(uri: str) -> bool:
    """Whether `uri` is a path on this machine's file system."""
    return "://" not in uri or uri.startswith("file://")


def absolute(uri: str) -> str:
    """A local path made absolute; an object-store URI as it is, without a trailing slash."""
    if is_local(uri):
        return os.path.abspath(uri.removeprefix("file://"))
    return uri.rstrip("/")


def join(root: str, *names: str) -> str:
    """`root/name/name` for paths and URIs alike."""
    return "/".join([root.rstrip("/"), *names])


def filesystem(uri: str) -> Any:
    """The fsspec file system of `uri`; listings are never cached, since other processes write."""
    if is_local(uri):
        return LocalFileSystem()
    return fsspec.filesystem(uri.split("://", 1)[0], use_listings_cache=False)


def put(uri: str, data: bytes) -> None:
    """Make `data` stand at `uri`, wholly or not at all."""
    if not is_local(uri):
        filesystem(uri).pipe_file(uri, data)
        return
    temporary = _write_beside(uri, data)
    os.replace(temporary, uri)


def create(uri: str, data: bytes) -> bool:
    """Like `put`, but only where nothing stands: False, and nothing changed, if something does."""
    if not is_local(uri):
        try:
            filesystem(uri).pipe_file(uri, data, mode="create")
        except FileExistsError:
            return False
        return True
    temporary = _write_beside(uri, data)
    try:
        os.link(temporary, uri)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def get(uri: str) -> bytes:
    """The bytes at `uri`; FileNotFoundError if there are none."""
    data: bytes = filesystem(uri).cat_file(uri)
    return data


def get_or_none(uri: str) -> bytes | None:
    """The bytes at `uri`, or None."""
    try:
        return get(uri)
    except FileNotFoundError:
        return None


def get_many(uris: list[str]) -> list[bytes]:
    """The bytes at each URI, in their order, fetched concurrently from an object store."""
    if not uris:
        return []
    file_system = filesystem(uris[0])
    found = file_system.cat(uris)  # sorted by path, whatever order was asked for
    return [found[file_system._strip_protocol(uri)] for uri in uris]


def get_ranges(uris: list[str], starts: list[int], ends: list[int]) -> list[bytes]:
    """The bytes `start` to `end` of the object at each URI, fetched concurrently from an object store."""
    if not uris:
        return []
    found: list[bytes] = filesystem(uris[0]).cat_ranges(uris, starts, ends, on_error="raise")
    return found


def exists(uri: str) -> bool:
    """Whether an object or file stands at `uri`."""
    return bool(filesystem(uri).exists(uri))


def remove(uri: str) -> None:
    """Remove one file; nothing happens if there is none."""
    with suppress(FileNotFoundError):
        filesystem(uri).rm_file(uri)


def remove_many(uris: list[str]) -> None:
    """Remove files in one request where the store can."""
    if uris:
        filesystem(uris[0]).rm(uris)


def names(uri: str) -> list[str]:
    """The names directly under a folder, sorted; empty if there is no such folder. One listing call."""
    try:
        listing = filesystem(uri).ls(uri, detail=False)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for path in listing if (name := path.rstrip("/").rsplit("/", 1)[-1]))


def sizes(uri: str) -> dict[str, int]:
    """Name and size in bytes of the files directly under a folder. One listing call."""
    try:
        listing = filesystem(uri).ls(uri, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    files = [info for info in listing if info["type"] == "file"]
    return {info["name"].rsplit("/", 1)[-1]: int(info["size"]) for info in files}


@contextmanager
def reading(uri: str) -> Iterator[BinaryIO]:
    """A seekable binary file open for reading."""
    with filesystem(uri).open(uri, "rb") as file:
        yield file


class Sink:
    """A binary file being written under its final name; counts and hashes the bytes that pass."""

    def __init__(self, uri: str) -> None:
        self.bytes = 0
        self._hash = hashlib.sha256()
        if is_local(uri):
            os.makedirs(os.path.dirname(uri), exist_ok=True)
        self._file = filesystem(uri).open(uri, "wb")

    def write(self, data: bytes) -> int:
        """Append `data`."""
        view = memoryview(data)
        self._hash.update(view)
        self.bytes += view.nbytes
        self._file.write(view)
        return view.nbytes

    @property
    def sha256(self) -> str:
        """Hex digest of all that was written."""
        return self._hash.hexdigest()

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return bool(self._file.closed)

    def flush(self) -> None:
        """Part of the file protocol; an object store has nothing to flush."""

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def sha256_of(uri: str) -> str:
    """Hex SHA-256 of the file at `uri`, read in blocks of 8 MiB."""
    digest = hashlib.sha256()
    with reading(uri) as file:
        while block := file.read(8 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write_beside(uri: str, data: bytes) -> str:
    os.makedirs(os.path.dirname(uri), exist_ok=True)
    temporary = f"{uri}.{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    return temporary
