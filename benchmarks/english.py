"""English documents of many kinds, for measures that compare with libraries made for English.

`natural(data)` takes labelled sets and what a Debian machine and the virtual environment carry:
docstrings, READMEs, change logs, manuals, program code. `seen(data)` are sets on which the
segmenter's rules were compared with spaCy's while they were written. `made(texts)` cuts and spoils
documents so that they fall on both sides of filters' thresholds. What a machine does not carry is
left out, so counts differ.
"""

from __future__ import annotations

import ast
import gzip
import json
import random
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from lxml import etree
from lxml import html as markup

SHARE = Path("/usr/share")
STDLIB, PACKAGES = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
LONGEST = 8_000  # characters of a document; the rest is cut off at a line end

_BLOCKS = (
    "//p | //div | //li | //h1 | //h2 | //h3 | //h4 | //tr | //pre | //br | //blockquote "
    "| //section | //title | //item | //steps | //note"
)


@dataclass(frozen=True)
class English:
    """A document: what kind of text, where it is from, and the text."""

    kind: str
    name: str
    text: str


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a gzipped file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def natural(data: Path, seed: int = 1) -> list[English]:
    """Documents as they are, of none of the sets of `seen`."""
    found = [*_labelled(data), *_machine(random.Random(seed))]
    shortened = {_short(entry.text): entry for entry in found if not _foreign(entry.text)}
    return [
        English(entry.kind, entry.name, text) for text, entry in shortened.items() if text.strip()
    ]


def seen(data: Path) -> list[English]:
    """Documents that the segmenter's rules were fitted on."""
    files = {
        "quality/onestopenglish": lambda row: row["text"],
        "dedup/django_docs_versions": lambda row: row["text"],
        "topic/masakhanews_16": lambda row: row["text"] if row["lang"] == "eng" else "",
        "bench/humaneval": lambda row: row["prompt"],
    }
    texts = {
        _short(text(row)): f"{name}:{k}"
        for name, text in files.items()
        for k, row in enumerate(rows(data / f"{name}.jsonl.gz"))
    }
    return [English("seen", name, text) for text, name in texts.items() if text]


def made(documents: list[English], count: int, seed: int = 2) -> list[English]:
    """`count` documents, each cut, joined or spoilt in one of ten ways by lot."""
    rng = random.Random(seed)
    ways = cycle(WAYS.items())
    found = []
    for (name, way), _ in zip(ways, range(count), strict=False):
        parts = rng.sample(documents, 3)
        text = way(rng, [part.text for part in parts])
        found.append(English(f"made: {name}", parts[0].name, text))
    return [entry for entry in found if entry.text.strip()]


def text_of_markup(page: bytes) -> str:
    """The text of HTML, each block element on its own line."""
    if not page.strip():
        return ""
    tree = markup.document_fromstring(page, markup.HTMLParser(encoding="utf-8"))
    etree.strip_elements(tree, "script", "style", "head", etree.Comment, with_tail=False)
    for element in tree.xpath(_BLOCKS):
        element.tail = "\n" + (element.tail or "")
    lines = (" ".join(line.split()) for line in tree.text_content().split("\n"))
    return "\n".join(line for line in lines if line)


def _foreign(text: str) -> bool:
    """More than a few letters outside the Latin blocks: no English text."""
    return sum(char > "\u024f" and char.isalpha() for char in text) > 0.02 * len(text)


def _short(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[: text.rfind("\n", LONGEST // 2, LONGEST)] if "\n" in text else text[:LONGEST]


# ---------------------------------------------------------------- labelled data


def _labelled(data: Path) -> Iterator[English]:
    for k, row in enumerate(rows(data / "quality/clear_readability.jsonl.gz")[:900]):
        yield English("school texts", f"clear:{k}", row["excerpt"])
    for k, row in enumerate(rows(data / "bench/bbh_half.jsonl.gz")[::12]):
        yield English("puzzles", f"bbh:{k}", row["input"])
    for row in rows(data / "lid/gnome_help_pages_42.jsonl.gz"):
        if row["lang"] in ("en", "en_GB", "en-GB"):
            yield English("manuals", f"gnome:{row['page']}", text_of_markup(row["xml"].encode()))
    for path in sorted((data / "web/readability").glob("*/expected.html.gz")):
        known = json.loads(path.with_name("expected-metadata.json").read_text("utf-8"))
        if (known.get("lang") or "en").lower().startswith("en"):
            text = text_of_markup(gzip.decompress(path.read_bytes()))
            yield English("web pages", f"readability:{path.parent.name}", text)
    articles = json.loads((data / "web/aeb/ground-truth.json").read_text("utf-8"))
    for key, row in articles.items():
        yield English("web pages", f"aeb:{key[:8]}", row["articleBody"])
    book = gzip.decompress((data / "pdf/debian_reference/debian-reference.en.txt.gz").read_bytes())
    for k, text in enumerate(_pieces(book.decode("utf-8"), 4000)):
        yield English("manuals", f"debian-reference:{k}", text)


def _pieces(text: str, size: int) -> Iterator[str]:
    """Runs of whole paragraphs of about `size` characters."""
    piece: list[str] = []
    for paragraph in text.split("\n\n"):
        piece.append(paragraph)
        if sum(map(len, piece)) >= size:
            yield "\n\n".join(piece)
            piece = []
    yield "\n\n".join(piece)


# ---------------------------------------------------------------- what the machine carries


def _machine(rng: random.Random) -> Iterator[English]:
    code = [p for p in STDLIB.rglob("*.py") if not {"site-packages", "test"} & set(p.parts)]
    doc = SHARE / "doc"
    kinds: tuple[tuple[str, Iterable[Path], int, Callable[[str], str]], ...] = (
        ("docstrings", code, 400, _docstrings),
        ("program code", code, 150, str),
        ("package pages", PACKAGES.glob("*/METADATA"), 200, str),
        ("package pages", [*PACKAGES.rglob("*.md"), *PACKAGES.rglob("*.rst")], 100, str),
        ("change logs", [*doc.rglob("changelog*"), *doc.rglob("NEWS*")], 250, str),
        ("licences", doc.rglob("copyright"), 150, str),
        ("READMEs", [*doc.rglob("README*"), *doc.rglob("*.txt*"), *doc.rglob("TODO*")], 250, str),
        ("HTML pages", doc.rglob("*.html"), 150, lambda page: text_of_markup(page.encode())),
        ("manual sources", (SHARE / "man").glob("man?/*.gz"), 200, str),
        ("manuals", (SHARE / "info").glob("*.gz"), 100, _node),
        ("Perl", [*(SHARE / "perl").rglob("*.p[om]d"), *(SHARE / "perl5").rglob("*.pm")], 80, str),
    )
    for kind, paths, most, text in kinds:
        files = sorted(path for path in paths if path.is_file() and not path.is_symlink())
        for path in rng.sample(files, min(most, len(files))):
            yield English(kind, str(path.relative_to(path.parents[1])), text(_read(path)))


def _read(path: Path) -> str:
    """The text of a file, "" if it is none."""
    raw = path.read_bytes()
    try:
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (UnicodeDecodeError, OSError):
        return ""
    return "" if "\0" in text else text


def _docstrings(source: str) -> str:
    """All docstrings of a module, blank lines between them."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return ""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef)
    found = (ast.get_docstring(node) for node in nodes if isinstance(node, owners))
    return "\n\n".join(text for text in found if text)


def _node(manual: str) -> str:
    """The longest node of an info manual that is not longer than a document may be."""
    return max((n for n in manual.split("\x1f") if len(n) <= LONGEST), key=len, default="")


# ---------------------------------------------------------------- documents made to be bad


def _cut(rng: random.Random, texts: list[str]) -> str:
    start = rng.randrange(max(1, len(texts[0]) - 300))
    return texts[0][start : start + rng.choice((250, 400, 800, 1500))]


def _joined(rng: random.Random, texts: list[str]) -> str:
    return "\n".join(text[:4000] for text in texts)


def _lines(
    change: Callable[[random.Random, str], str],
) -> Callable[[random.Random, list[str]], str]:
    """A way that changes a random share of the lines."""

    def way(rng: random.Random, texts: list[str]) -> str:
        share = rng.choice((0.1, 0.35, 0.7, 0.95))
        lines = texts[0][:4000].splitlines()
        return "\n".join(change(rng, line) if rng.random() < share else line for line in lines)

    return way


def _repeated(rng: random.Random, texts: list[str]) -> str:
    lines = texts[0][:4000].splitlines() or [""]
    share = rng.choice((0.02, 0.1, 0.3))
    return "\n".join(rng.choice(lines) if rng.random() < share else line for line in lines)


def _stuttered(rng: random.Random, texts: list[str]) -> str:
    """Some runs of words twice, inside the lines."""
    words, found = texts[0][:4000].split(" "), []
    share = rng.choice((0.005, 0.02, 0.05))
    for k, word in enumerate(words):
        found.append(word)
        if rng.random() < share:
            found += words[max(0, k - 9) : k + 1]
    return " ".join(found)


def _wrapped(rng: random.Random, texts: list[str]) -> str:
    """A sentence a line."""
    return texts[0][:4000].replace("\n", " ").replace(". ", ".\n")


NOTICES = (
    "This page needs JavaScript to be shown.",
    "We use cookies to count our readers.",
    "Our privacy policy has changed.",
    "Lorem ipsum and so on.",
    "It is set as {name} here.",
    "Nobody reads the terms of use!",
)

WAYS: dict[str, Callable[[random.Random, list[str]], str]] = {
    "cut": _cut,
    "joined": _joined,
    "repeated lines": _repeated,
    "repeated words": _stuttered,
    "sentence a line": _wrapped,
    "bullets": _lines(lambda rng, line: rng.choice(("- ", "• ", "  -", "* ")) + line),
    "ellipses": _lines(lambda rng, line: line[: len(line) // 2] + rng.choice(("...", "…", " ..."))),
    "marks": _lines(lambda rng, line: rng.choice(("# ", "### ", "## 12 ")) + line[:40]),
    "citations": _lines(
        lambda rng, line: (
            line + rng.choice(("[1]", ".[23]", " [edit].", ".[citation needed]", "[a]."))
        )
    ),
    "notices": _lines(lambda rng, line: f"{line} {rng.choice(NOTICES)}"),
}
