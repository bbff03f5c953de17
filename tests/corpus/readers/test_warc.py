"""Web archives: kinds of records, codings of bodies, WET and ARC."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.limits import Limits
from corpus.readers import READERS, Failed, InputFile, Record, Skipped
from corpus.readers.http import BodyTooLarge, decoded, parse_response, unchunked

STORY = "The harbour of the town was built in the time of the old king and has three quays. " * 3
HTML = f"<html lang='en'><body><article><p>{STORY}</p></article></body></html>".encode()


def record(
    kind: str, block: bytes, content_type: str = "application/http", extra: str = ""
) -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: <http://a.example/>\r\n"
    head += f"WARC-Date: 2024-01-31T00:00:00Z\r\n{extra}Content-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"


def http(body: bytes, status: str = "200 OK", headers: str = "Content-Type: text/html") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + body


def read(tmp_path: Path, data: bytes) -> list[Record | Failed | Skipped]:
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    file = InputFile(path="a.warc", uri=str(path), size=len(data))
    reader = READERS["warc"]
    return list(reader.read([file], reader.options(), Limits(max_bytes=1 << 20)))


def test_kinds(tmp_path: Path) -> None:
    records = [
        record("warcinfo", b"software: x", "application/warc-fields"),
        record("request", b"GET / HTTP/1.1\r\n\r\n"),
        record("response", http(HTML)),
        record("response", http(HTML, "404 Not Found")),
        record("response", http(b"\x89PNG", headers="Content-Type: image/png")),
        record("response", http(b"Plain words.", headers="Content-Type: text/plain")),
        record("resource", HTML, "text/html; charset=utf-8"),
        record(
            "conversion",
            "Näher".encode(),
            "text/plain",
            "WARC-Identified-Content-Language: deu\r\n",
        ),
        record("response", b"no http"),
        record("response", http(b"")),
        record("response", http(b"x" * (2 << 20))),
        record("revisit", http(b"")),
    ]
    outcomes = read(tmp_path, b"".join(gzip.compress(r, mtime=0) for r in records))
    assert outcomes == read(tmp_path, b"".join(records))
    assert [outcome.index for outcome in outcomes] == list(range(12))
    assert [o.text.split()[0] if isinstance(o, Record) else o.reason for o in outcomes] == [
        *(
            "record_type",
            "record_type",
            "The",
            "http_status",
            "media_type",
            "Plain",
            "The",
            "Näher",
        ),
        *("no_http", "empty", "too_large", "record_type"),
    ]
    page, wet = outcomes[2], outcomes[7]
    assert isinstance(page, Record)
    assert isinstance(wet, Record)
    assert page.date == "2024-01-31T00:00:00Z"
    assert page.metadata == {"url": "http://a.example/", "language": "en"}
    assert wet.metadata == {"url": "http://a.example/", "language": "deu"}


def test_arc(tmp_path: Path) -> None:
    block = http(HTML)
    data = b"filedesc://x.arc 0.0.0.0 20140216050221 text/plain 9\n1 0 Live\n\n"
    data += (
        f"http://a.example/ 1.2.3.4 20140216050221 text/html {len(block)}\n".encode()
        + block
        + b"\n"
    )
    first, second = read(tmp_path, data)
    assert isinstance(first, Skipped)
    assert isinstance(second, Record)
    assert second.date == "2014-02-16T05:02:21Z"
    assert STORY.strip() in second.text


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("br", brotli.compress),
        ("identity", bytes),
        ("gzip", bytes),  # an archive that decoded the body and kept the header
    ],
)
def test_codings(coding: str, encode: object) -> None:
    assert callable(encode)
    block = http(encode(HTML), headers=f"Content-Type: text/html\r\nContent-Encoding: {coding}")
    response = parse_response(block, 1 << 20)
    assert response is not None
    assert response.body == HTML


def test_chunks() -> None:
    assert unchunked(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == b"abcde"
    assert unchunked(b"<html>not chunked") == b"<html>not chunked"
    assert unchunked(b"5\r\nabc") == b"abc"


def test_a_bomb_stops() -> None:
    with pytest.raises(BodyTooLarge):
        decoded(gzip.compress(bytes(50 << 20)), "gzip", 1 << 20)


@given(st.binary(max_size=300))
def test_any_block_is_parsed(block: bytes) -> None:
    headers = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: br, deflate\r\n\r\n"
    )
    response = parse_response(headers + block, 1 << 20)
    assert response is not None
    assert response.status == 200
