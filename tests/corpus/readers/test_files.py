"""Opening: compression by the first bytes, members, damage; and charsets of plain text."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from corpus.charset import decode, is_binary
from corpus.readers.files import Damaged, InputFile, open_input

CODECS: list[Callable[[bytes], bytes]] = [
    gzip.compress,
    zstandard.compress,
    bz2.compress,
    lzma.compress,
]


def content(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    with open_input(InputFile(path=path.name, uri=str(path), size=len(data))) as stream:
        return stream.read()


@pytest.mark.parametrize("compress", CODECS)
def test_magic_decides(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    text = b"one\ntwo\n" * 20_000
    assert content(tmp_path / "a.txt", compress(text)) == text
    assert content(tmp_path / "a.gz", text) == text
    assert (
        content(tmp_path / "a.gz", compress(b"one") + compress(b"") + compress(b"two")) == b"onetwo"
    )
    with pytest.raises(Damaged):
        content(tmp_path / "a.gz", compress(text)[:-5])


def test_padding_behind_a_member(tmp_path: Path) -> None:
    assert content(tmp_path / "a.gz", gzip.compress(b"one") + bytes(30_000)) == b"one"
    with pytest.raises(Damaged):
        content(tmp_path / "a.gz", gzip.compress(b"one") + b"tail")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("Größe".encode(), ("Größe", "utf-8")),
        (b"\xef\xbb\xbfa", ("a", "utf-8")),
        ("\ufeffGröße".encode("utf-16-le"), ("Größe", "utf-16-le")),
        ("\ufeffGröße".encode("utf-16-be"), ("Größe", "utf-16-be")),
        ("Съешь же ещё этих мягких булок, да выпей чаю. ".encode("windows-1251") * 5, None),
        ("吾輩は猫である。名前はまだ無い。".encode("shift_jis") * 5, None),
    ],
)
def test_decode(data: bytes, expected: tuple[str, str] | None) -> None:
    text, charset = decode(data)
    assert (text, charset) == (expected or (data.decode(charset), charset))
    assert "\ufffd" not in text


@given(st.binary(), st.none() | st.text(max_size=10))
def test_decode_never_fails(data: bytes, declared: str | None) -> None:
    decode(data, declared)[0].encode()
    is_binary(data)
