"""The texts of a Debian package, extracted once: what `benchmarks.compose_text` chooses from.

`extract` writes one row per text:

| column | type | meaning |
|---|---|---|
| `path` | string | path in the package, or in the source archive that the package holds |
| `language` | string | as the package names it: `de`, `pt-br`, `sr@latin`; of code the programming language |
| `text` | large_string | 200 bytes to 5 MB |
| `bytes` | int64 | its length as UTF-8 |
| `turn` | uint64 | hash of package and path |
| `digest` | uint64 | hash of the text |

Archives are streamed, and those in them; no file is put on the disk. HTML becomes its main content (resiliparse),
Mallard and DocBook their paragraphs (lxml). Manual pages are not typeset: requests and escapes of roff are cut, the
arguments of headings and fonts kept, and paragraphs filled; equations and tables stay as written. Left out: code that
is no UTF-8 or in the data formats JSON, XML and plain text; pages of code or links that a documentation tool made; and
pages under another language that are English still: one of the, and, this, you or that every 120 characters, which is
94 % of the bytes of English help pages and 7 % of German ones.
"""

from __future__ import annotations

import bz2
import gzip
import io
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from lxml import etree
from resiliparse.extract.html2text import extract_plain_text

from corpus.charset import decode
from corpus.html import declared_charset, xml_text
from corpus.limits import Unreadable
from corpus.readers.programming import language_of

SCHEMA = pa.schema(
    {"path": pa.string(), "language": pa.string(), "text": pa.large_string()}
    | {"bytes": pa.int64(), "turn": pa.uint64(), "digest": pa.uint64()}
)
MIN_BYTES, MAX_BYTES, MAX_RAW = 200, 5_000_000, 30_000_000
HELD = 32_000_000  # bytes of text in memory
MEMBERS = {  # by folder: the files of a package that are taken; the group is the language
    "code": re.compile(""),
    "help": re.compile(
        r"share/(?:help|doc/HTML|libreoffice/help|gimp/2\.0/help)/([^/]+)/.*"
        r"(?:\.html|\.page|\.xml|(?<!/index)\.docbook|/index\.cache\.bz2)$"
    ),
    "manuals": re.compile(r"share/man/(?:([^/]+)/)?man\d\w*/|\.(?:html?|txt)(?:\.gz)?$"),
}
NAME = re.compile(r"-(?:doc|html|legacy|guide|faq|help|policy|reference)-([a-z]{2}(?:-[a-z]{2})?)$")
MADE = re.compile(
    r"_source\.html|\.rs\.html|/_modules/|/_sources/|genindex|/search\.html|-members\.html|/src-html/"
)
NO_CODE = {"JSON", "XML", "Text"}  # as in `corpus.readers.source_tree`
MAIN = {"main_content": True, "preserve_formatting": True, "alt_texts": False}
IGNORED = ("info", "bookinfo", "articleinfo")
ENGLISH = re.compile(r"\b(?:the|and|this|you|that)\b", re.IGNORECASE)
ENGLISH_EVERY = 120  # characters
REQUEST = re.compile(r"[.'][ \t]*(\w*)[ \t]*(.*)")
HEADS = {"SH", "SS", "Sh", "Ss", "IP", "It"}
SPACES = {"PP", "P", "LP", "TP", "HP", "Pp", "sp", "br"}
FONTS = {"B", "I", "SM", "SB", "BR", "IR", "RB", "RI", "BI", "IB"}
ESCAPE = re.compile(
    r"""\\".*|\\[fF*]?(?:\[[^]]*\]|\(..)|\\[fF*].|\\s[-+]?\d+|\\[hmvw]'[^']*'|\\."""
)
NAMED = ("aq", "dq", "em", "en", "bu", "co", "lq", "rq", "oq", "cq", "ha", "ti")
CHARACTERS = {r"\-": "-", r"\e": "\\", r"\\": "\\", r"\ ": " ", r"\~": " ", r"\'": "'"} | {
    rf"\({name}": character for name, character in zip(NAMED, "'\"—–•©“”‘’^~", strict=True)
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A folder of the corpus: its share of the bytes, and the patterns of its packages' names."""

    name: str
    folder: str
    share: float
    packages: str


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of a kind, fetched: where its archive lies, and its extracted texts."""

    kind: Kind
    name: str
    version: str
    archive: Path
    texts: Path


def extract(package: Package) -> None:
    """Write all texts of a package that may be chosen."""
    package.texts.parent.mkdir(parents=True, exist_ok=True)
    unfinished = package.texts.with_suffix(".part")
    rows: list[dict[str, str | int]] = []
    held = 0
    with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd", compression_level=1) as writer:
        for row in _rows(package):
            rows.append(row)
            held += int(row["bytes"])
            if held >= HELD:
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                rows, held = [], 0
        writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
    unfinished.rename(package.texts)


def _rows(package: Package) -> Iterator[dict[str, str | int]]:
    is_code = package.kind.folder == "code"
    for path, data in _members(package):
        declared, text = _code(path, data) if is_code else _prose(path, data)
        language = declared if is_code else _language(package, path, declared)
        encoded = text.encode("utf-8", "replace")
        if MIN_BYTES <= len(encoded) <= MAX_BYTES and (is_code or _translated(language, text)):
            yield {
                "path": path,
                "language": language,
                "text": encoded.decode(),
                "bytes": len(encoded),
                "turn": _hash(f"{package.name}/{path}".encode("utf-8", "surrogateescape")),
                "digest": _hash(encoded),
            }


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest())


def _members(package: Package) -> Iterator[tuple[str, bytes]]:
    """The files of a package that its kind takes, in the archive's order, decompressed."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package.archive)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as unpacked,
        tarfile.open(fileobj=unpacked.stdout, mode="r|") as archive,
    ):
        for path, data in _files(archive):
            if MEMBERS[package.kind.folder].search(path) and not MADE.search(path):
                yield from _pages(path, data)
        if unpacked.stdout is not None:
            unpacked.stdout.read()  # padding, without which dpkg-deb says that it was cut off
    if unpacked.returncode:
        raise OSError(f"{package.archive}: dpkg-deb ended with {unpacked.returncode}")


def _files(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """The regular files of an archive and of the source archives in it, one at a time."""
    for member in archive:
        stream = archive.extractfile(member) if member.isreg() else None
        if stream is None:
            continue
        if re.search(r"usr/src/.*\.tar\.(?:xz|bz2|gz)$", member.name):
            with tarfile.open(fileobj=stream, mode="r|*") as inner:
                yield from _files(inner)
        elif member.name.endswith("/src.zip"):
            with zipfile.ZipFile(io.BytesIO(stream.read())) as zipped:
                yield from ((name, zipped.read(name)) for name in zipped.namelist())
        elif member.size <= MAX_RAW:
            yield member.name.removeprefix("./"), stream.read()


def _pages(path: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file as it was before its compression; of a KDE handbook, its pages."""
    if path.endswith(".gz"):
        yield path.removesuffix(".gz"), gzip.decompress(data)
    elif path.endswith("/index.cache.bz2"):
        for page in bz2.decompress(data).split(b'<FILENAME filename="')[1:]:
            name, _, html = page.partition(b'">')
            yield f"{path.removesuffix('index.cache.bz2')}{name.decode()}", html
    else:
        yield path, data


def _code(path: str, data: bytes) -> tuple[str, str]:
    """The programming language and the text, "" for what is no code."""
    language = language_of(path)
    if language is None or language.name in NO_CODE or len(data) > MAX_BYTES or b"\0" in data:
        return "", ""
    try:
        return language.name, data.decode("utf-8")
    except UnicodeDecodeError:
        return "", ""


def _prose(path: str, data: bytes) -> tuple[str, str]:
    """The language as the page declares it, "" where it does not, and the text."""
    if path.endswith((".html", ".htm")):
        page = decode(data, declared_charset(data))[0]
        said = re.search(r"<html[^>]{0,500}?\slang=[\"']?([\w-]+)", page[:5000], re.IGNORECASE)
        return said[1] if said else "", extract_plain_text(page, **MAIN)
    if path.endswith((".page", ".xml", ".docbook")):
        return "", _xml(data)
    text = decode(data)[0]
    return "", _roff(text) if "/man/" in path else text


def _xml(data: bytes) -> str:
    """The paragraphs; entities that the document declares are put in, others are nothing."""
    if b"<!ENTITY" in data:
        root = etree.fromstring(data, etree.XMLParser(recover=True, no_network=True))
        data = b"" if root is None else etree.tostring(root, encoding="utf-8")
    try:
        return xml_text(data, IGNORED)
    except (Unreadable, ValueError):  # no XML; a prefix that is not declared
        return ""


def _roff(page: str) -> str:
    """A manual page without requests and escapes, its paragraphs filled."""
    pieces, filled = [], True
    for line in page.split("\n"):
        request = REQUEST.match(line)
        name, line = (request[1], _arguments(request[1], request[2])) if request else ("", line)
        filled = name in ("fi", "EE") or (filled and name not in ("nf", "EX"))
        if name in HEADS:
            pieces.append(f"\n\n{line}\n")
        elif name in SPACES:
            pieces.append("\n\n")
        elif name in FONTS or request is None:
            pieces.append(line + (" " if filled else "\n"))
    text = ESCAPE.sub(lambda found: CHARACTERS.get(found[0], ""), "".join(pieces))
    return re.sub(r" *\n[ \n]*\n", "\n\n", text).strip()


def _arguments(name: str, line: str) -> str:
    """What a request says: of two fonts in turn, with nothing between; of a list item, its mark."""
    words = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]
    if name == "IP":
        return "".join(words[:1])
    return ("" if name in FONTS and len(set(name) - {"S"}) == 2 else " ").join(words)


def _language(package: Package, path: str, declared: str) -> str:
    """By path, name of the package, declaration of the page; English where none says."""
    place, name = MEMBERS[package.kind.folder].search(path), NAME.search(package.name)
    tag = (place and place[1]) or (name and name[1]) or declared or "en"
    tag = "en" if tag == "C" else tag.split(".")[0].replace("_", "-").lower()
    return tag if tag.startswith(("zh", "pt")) else tag.partition("-")[0]


def _translated(language: str, text: str) -> bool:
    """Whether a page is in its language, as far as it must not be English."""
    return language == "en" or len(ENGLISH.findall(text)) * ENGLISH_EVERY <= len(text)
