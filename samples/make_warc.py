"""WARC and WET files from the pages in `web/`: `python samples/make_warc.py --out DIR`.

Written byte by byte after ISO 28500 (WARC/1.0), so that nothing but the pages and this script
decides the result: dates and record ids are functions of a record's position and address.

- `pages.warc.gz`: each record its own gzip member: warcinfo, then request, response and metadata of
  every page, with chunked and gzip-encoded bodies, a redirect, an error page, a picture, a revisit
- `plain.warc`: the first half of the same pages, not compressed
- `text.wet.gz`: conversion records, as of text that somebody else extracted: `languages.jsonl`
- `truncated.warc.gz`: `pages.warc.gz` cut in the middle of a record
- `garbage.warc.gz`: bytes that are no archive at all
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import random
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
START = datetime(2024, 5, 1, 6, 30, tzinfo=UTC)
HTML = "text/html"
SOFTWARE = "tokenmill-samples/1"


def make_warc(out: Path) -> str:
    """Write the archives into `out`; returns one line that says what was written."""
    out.mkdir(parents=True, exist_ok=True)
    pages = sorted((HERE / "web").glob("*.html"))
    records = list(_crawl(pages))
    whole = _members(records)
    files = {
        "pages.warc.gz": whole,
        "plain.warc": b"".join(_crawl(pages[: len(pages) // 2])),
        "text.wet.gz": _members(_conversions()),
        "truncated.warc.gz": whole[: len(whole) * 2 // 3 + 7],
        "garbage.warc.gz": random.Random("warc").randbytes(3000),
    }
    for name, content in files.items():
        (out / name).write_bytes(content)
    size = sum(map(len, files.values()))
    return f"warc: {len(files)} files, {size / 1e3:.0f} kB in {out}"


def _members(records: Iterable[bytes]) -> bytes:
    """Every record as a gzip member of its own, without a time stamp."""
    return b"".join(gzip.compress(record, 9, mtime=0) for record in records)


def _crawl(pages: list[Path]) -> Iterator[bytes]:
    """The records of one crawl: three a page, and the oddities of any real crawl at the end."""
    yield _record("warcinfo", 0, None, "application/warc-fields", _fields(software=SOFTWARE))
    number = 1
    for position, page in enumerate(pages):
        url = f"https://pages.example/{page.name}"
        head = f"GET /{page.name} HTTP/1.1\r\nHost: pages.example\r\nAccept: */*\r\n\r\n"
        request = "application/http; msgtype=request"
        yield _record("request", number, url, request, head.encode())
        coding = ("", "chunked", "gzip")[position % 3]
        answer = _http("200 OK", HTML, page.read_bytes(), coding)
        yield _record("response", number + 1, url, _RESPONSE, answer)
        fields = _fields(fetchTimeMs=str(40 + position))
        yield _record("metadata", number + 2, url, "application/warc-fields", fields)
        number += 3
    yield from _oddities(number)


_RESPONSE = "application/http; msgtype=response"


def _oddities(number: int) -> Iterator[bytes]:
    host = "https://pages.example"
    moved = _http("301 Moved Permanently", HTML, b"<p>It has moved.</p>", location="/empty.html")
    missing = _http("404 Not Found", HTML, b"<h1>Not found</h1><p>No such page here, sorry.</p>")
    pixel = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
    yield _record("response", number, f"{host}/old", _RESPONSE, moved)
    yield _record("response", number + 1, f"{host}/nowhere", _RESPONSE, missing)
    picture = _http("200 OK", "image/gif", pixel)
    yield _record("response", number + 2, f"{host}/pixel.gif", _RESPONSE, picture)
    yield _record(
        "revisit", number + 3, f"{host}/empty.html", _RESPONSE, b"HTTP/1.1 200 OK\r\n\r\n"
    )
    yield _record("response", number + 4, f"{host}/no-http", _RESPONSE, b"this is no HTTP answer")
    note = b"<title>Note</title><p>A page that was saved by hand is a resource, not a response.</p>"
    yield _record("resource", number + 5, f"{host}/note.html", HTML, note)


def _conversions() -> Iterator[bytes]:
    yield _record("warcinfo", 0, None, "application/warc-fields", _fields(software=SOFTWARE))
    lines = (HERE / "languages.jsonl").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        item = json.loads(line)
        url = f"https://{item['lang'].lower().replace('_', '-')}.example/text"
        text = f"{item['title']}\n{item['text']}\n"
        yield _record("conversion", number, url, "text/plain", text.encode())


def _record(kind: str, number: int, url: str | None, content_type: str, block: bytes) -> bytes:
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {number} {url}")
    digest = base64.b32encode(hashlib.sha1(block, usedforsecurity=False).digest()).decode()
    date = (START + timedelta(seconds=7 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    head = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Date: {date}",
        f"WARC-Record-ID: <urn:uuid:{identity}>",
        *([f"WARC-Target-URI: {url}"] if url else []),
        f"WARC-Block-Digest: sha1:{digest}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def _http(status: str, kind: str, body: bytes, coding: str = "", location: str = "") -> bytes:
    """An HTTP answer. No charset in its header: the page itself says what it is, or does not."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}"]
    if location:
        head.append(f"Location: {location}")
    if coding == "gzip":
        body = gzip.compress(body, 9, mtime=0)
        head.append("Content-Encoding: gzip")
    if coding == "chunked":
        body = b"".join(_chunk(body[i : i + 1000]) for i in range(0, len(body), 1000)) + _chunk(b"")
        head.append("Transfer-Encoding: chunked")
    else:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _chunk(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def _fields(**fields: str) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    print(make_warc(parser.parse_args().out))


if __name__ == "__main__":
    main()
