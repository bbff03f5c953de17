"""The passages that were read and labelled, by reference: `labels.jsonl` has no text, but says where each lies.

| field | meaning |
|---|---|
| `package` | `debian:NAME=VERSION`, `npm:NAME@VERSION`, `pypi:NAME==VERSION`, or `shared:PATH` of the data at hand |
| `path` | the file in the unpacked package; "" where `shared:` names it |
| `file` | SHA-256 of the file |
| `reader` | how the file becomes text, `READERS` |
| `rows`, `page` | which rows or page of the file |
| `start`, `stop` | span of that text in characters, for reader `bytes` of the file in bytes |
| `sha256` | of the passage, in UTF-8: a reader that gives another text is noticed |
| `language` | label of the 119, or null |
| `labels` | one or two readings: dimension -> label, and `note` |

How the labels were made stands in `README.md` beside this module. From the folder of `packages.py` and the data at hand

    python -m annotators.labels.passages PACKAGES SHARED OUT.jsonl

writes the passages that are there as the lines that `tokenmill train-student` and `tokenmill evaluate` read: `text`,
`lang`, the labels of the first reading, and `package`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lxml import etree
from resiliparse.extract.html2text import extract_plain_text

from corpus.pdf.text_layer import plain_text

FILE = Path(__file__).parent / "labels.jsonl"
MALLARD = "{http://projectmallard.org/1.0/}"
Reference = Mapping[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A passage, and what its readers said of it, the first first."""

    text: str
    package: str
    language: str | None
    sha256: str
    labels: Sequence[Mapping[str, Any]]


def passages(packages: Path, shared: Path, file: Path = FILE) -> Iterator[Passage]:
    """Those of a file of references, from folders that hold the unpacked packages (`NAME/…`) and the shared data.

    OSError for a file that is not there, ValueError where it is another one or its text differs.
    """
    for reference in _references(file):
        yield _passage(reference, packages, shared)


def available(
    packages: Path, shared: Path, file: Path = FILE
) -> tuple[list[Passage], Counter[str]]:
    """Those whose files are there and unchanged, and how many of the others there are, by reason and package."""
    found, left_out = [], Counter[str]()
    for reference in _references(file):
        try:
            found.append(_passage(reference, packages, shared))
        except (OSError, ValueError) as error:
            why = "not there" if isinstance(error, OSError) else "changed"
            left_out[f"{why}: {reference['package']}"] += 1
    return found, left_out


def rows(found: Iterable[Passage]) -> Iterator[dict[str, Any]]:
    """The rows of a labelled set, with the labels of the first reading."""
    for one in found:
        labels = {name: label for name, label in one.labels[0].items() if name != "note"}
        yield {"text": one.text, "lang": one.language, "package": one.package, **labels}


def _references(file: Path) -> Iterator[Reference]:
    yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


def _passage(reference: Reference, packages: Path, shared: Path) -> Passage:
    return Passage(
        text=passage(reference, packages, shared),
        package=reference["package"],
        language=reference["language"],
        sha256=reference["sha256"],
        labels=reference["labels"],
    )


def passage(reference: Reference, packages: Path, shared: Path) -> str:
    """The text of one reference."""
    where = _where(reference, packages, shared)
    data = _checked(where, reference["file"])
    start, stop = reference.get("start"), reference.get("stop")
    if reference["reader"] == "bytes":
        text = data[start:stop].decode("utf-8")
    else:
        text = READERS[reference["reader"]](data, reference)[start:stop]
    text = text.strip("\0")
    if hashlib.sha256(text.encode()).hexdigest() != reference["sha256"]:
        raise ValueError(
            f"{where}: {reference['reader']} reads another text than the one that was labelled; is a library newer?"
        )
    return text


def named(package: str) -> tuple[str, str, str]:
    """Kind, name and version of what a reference's `package` says; the data at hand have a path for a name."""
    kind, _, rest = package.partition(":")
    name, _, version = rest.rpartition("@") if kind == "npm" else rest.partition("=")
    return kind, name, version.removeprefix("=")


def _where(reference: Reference, packages: Path, shared: Path) -> Path:
    kind, name, _ = named(reference["package"])
    return (shared if kind == "shared" else packages) / name / str(reference["path"])


@lru_cache(maxsize=16)
def _checked(where: Path, sha256: str) -> bytes:
    data = where.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{where} is not the file that was labelled: its SHA-256 differs")
    return gzip.decompress(data) if where.suffix in (".gz", ".dz") else data


def _rows(data: bytes, reference: Reference) -> str:
    lines = data.splitlines()
    rows = [json.loads(lines[row]) for row in reference["rows"]]
    return " ".join(_of_row(row, reference["field"]) for row in rows)


def _of_row(row: Mapping[str, Any], field: str) -> str:
    if field == "question+choices":
        choices = zip("ABCD", row["choices"], strict=True)
        return "\n".join([row["question"], *(f"{letter}. {text}" for letter, text in choices)])
    if field == "question+answer":
        return f"{row['question']}\n\n{row['answer']}"
    return str(row[field])


def _html(data: bytes, reference: Reference) -> str:
    return str(extract_plain_text(data.decode("utf-8", "replace"), main_content=False))


def _mallard(data: bytes, reference: Reference) -> str:
    (row,) = reference["rows"]
    root = etree.fromstring(json.loads(data.splitlines()[row])["xml"].encode())
    for element in list(root.iter(f"{MALLARD}info")):
        element.getparent().remove(element)
    lines = "".join(root.itertext()).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())


def _pdf(data: bytes, reference: Reference) -> str:
    return plain_text(data, reference["page"])


def _text(data: bytes, reference: Reference) -> str:
    return data.decode("utf-8")


READERS: dict[str, Callable[[bytes, Reference], str]] = {
    "text": _text,
    "rows": _rows,
    "html": _html,
    "mallard": _mallard,
    "pdf": _pdf,
}


def main(packages: Path, shared: Path, out: Path, file: Path = FILE) -> None:
    found, left_out = available(packages, shared, file)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows(found))
    out.write_text("".join(lines), encoding="utf-8")
    for why, count in left_out.most_common():
        log.warning("%s passages: %s", count, why)
    log.info("%s of %s passages", len(found), len(found) + left_out.total())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*map(Path, sys.argv[1:]))
