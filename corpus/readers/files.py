"""Opening an input file: where it lies (fsspec) and how it is compressed.

The first bytes decide the compression (gzip, zstd, bzip2, xz); the suffix only says what a file is
called, and a `.gz` that holds plain text is read as plain text. Damage in compressed data is
`Damaged`, also a stream that ends early; an `OSError` is the file system's and passes through.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import fsspec
import zstandard

COMPRESSED = ("", ".gz", ".zst")  # suffixes that a reader accepts behind its own
BROKEN = (
    zlib.error,
    zstandard.ZstdError,
    lzma.LZMAError,
    OSError,
    EOFError,
    ValueError,
)  # of all decompressors
_CHUNK = 8192  # of compressed data: 4 bytes of zstd can be 128 KiB of text, so this bounds memory
_MAX_WINDOW = 1 << 27


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One file of a source."""

    path: str  # relative to the source's root, "/" separators; the identity
    uri: str  # what fsspec opens
    size: int  # bytes, as stored


class Damaged(Exception):  # noqa: N818
    """Compressed data that is broken or ends early."""


def with_compression(*suffixes: str) -> tuple[str, ...]:
    """Each suffix, plain and compressed: `.txt`, `.txt.gz`, `.txt.zst`."""
    return tuple(suffix + compression for suffix in suffixes for compression in COMPRESSED)


@contextmanager
def open_raw(file: InputFile) -> Iterator[io.BufferedReader]:
    """The stored bytes of the file."""
    if "://" not in file.uri:
        with open(file.uri, "rb") as stream:
            yield stream
        return
    with fsspec.open(file.uri, "rb").open() as remote:
        yield io.BufferedReader(remote)


@contextmanager
def open_input(file: InputFile) -> Iterator[io.BufferedReader]:
    """The bytes of the file, decompressed. Reading may raise `Damaged`."""
    with open_raw(file) as stored:
        decompressor = compression_of(stored.peek(16))
        yield (
            stored
            if decompressor is None
            else io.BufferedReader(_Decompressed(stored, decompressor), 1 << 17)
        )


def compression_of(head: bytes) -> Callable[[], Any] | None:
    """The maker of a decompressor for data that starts with `head`, None for data that is not
    compressed."""
    for magic, make in _DECOMPRESSORS:
        if head.startswith(magic):
            return make
    return None


def read_whole(stream: io.BufferedReader, max_bytes: int) -> bytes | None:
    """All of the stream, or None when it has more than `max_bytes`."""
    data = stream.read(max_bytes + 1)
    return None if len(data) > max_bytes else data


_DECOMPRESSORS: Sequence[tuple[bytes, Callable[[], Any]]] = (
    (b"\x1f\x8b\x08", lambda: zlib.decompressobj(wbits=31)),
    (
        b"\x28\xb5\x2f\xfd",
        lambda: zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj(),
    ),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(memlimit=1 << 28)),
)


class _Decompressed(io.RawIOBase):
    """A stream of one or more compressed members, read chunk by chunk."""

    def __init__(self, stored: io.BufferedReader, make: Callable[[], Any]) -> None:
        self._stored, self._make = stored, make
        self._member: Any = None  # None between members
        self._compressed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._more():
                return 0
        view = memoryview(buffer).cast("B")
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _more(self) -> bool:
        """Decompress one chunk; False at the end of the last member."""
        self._compressed = self._compressed or self._stored.read(_CHUNK)
        if not self._compressed:
            if self._member is not None:
                raise Damaged("the compressed data ends early")
            return False
        if self._member is None:
            self._compressed = self._compressed.lstrip(b"\0")  # padding between members
            if not self._compressed:
                return True
            self._member = self._make()
        self._ready = memoryview(self._decompress())
        return True

    def _decompress(self) -> bytes:
        try:
            data: bytes = self._member.decompress(self._compressed)
        except BROKEN as error:
            raise Damaged(f"the compressed data is broken: {error}") from error
        self._compressed = self._member.unused_data
        if self._member.eof:
            self._member = None
        return data
