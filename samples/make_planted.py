"""Planted cases with known answers: `python samples/make_planted.py --out DIR`.

Every file is a function of this script, `grammar.txt`, `prose.py` and `evaluation.jsonl`; nothing
depends on the clock or the machine. JSON lines have `id` and `text`; the truth lies beside as TSV:

- `near_duplicates.jsonl`: pairs at exactly 0.2, 0.5, 0.7, 0.8, 0.9 and 0.95.
  `near_duplicates.tsv`: pair, id_a, id_b, shared, union, jaccard
- `exact_duplicates.jsonl`: texts that occur two to five times. `exact_duplicates.tsv`: group, id
- `contaminated.jsonl`: documents that quote `evaluation.jsonl` fully, in part, or by a trace.
  `contaminated.tsv`: id, item, part, words
- `long-*.jsonl`: invented books of 7k to 45k tokens. `long.tsv`: id, class, bytes, sections
- `broken/*`: records no reader may stumble over. `broken/truth.tsv`: file, line, what

Jaccard is over the sets of word 5-grams, a word being a maximal run of letters, in lower case. The
near-duplicate texts hold neither figures, hyphens nor apostrophes, so a segmenter that leaves
punctuation out sees the same words.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from prose import GENRES, Prose

HERE = Path(__file__).parent
SHINGLE = 5
# n shingles in a document, d of them changed: the Jaccard similarity is (n - d) / (n + d).
LEVELS = {
    "0.20": (375, 250),
    "0.50": (375, 125),
    "0.70": (425, 75),
    "0.80": (405, 45),
    "0.90": (380, 20),
    "0.95": (390, 10),
}
PAIRS_PER_LEVEL = 40
# class -> (documents, smallest and largest size in bytes), at about 4.2 bytes a token
LONG = {
    "4k-16k": (48, 26_000, 62_000),
    "16k-32k": (52, 76_000, 124_000),
    "over-32k": (4, 150_000, 190_000),
}
LONG_PER_FILE = 13


def make_planted(out: Path) -> str:
    """Write all files into `out`; returns one line that says what was written."""
    (out / "broken").mkdir(parents=True, exist_ok=True)
    _near_duplicates(out)
    _exact_duplicates(out)
    _contaminated(out)
    _long(out)
    _broken(out / "broken")
    files = sorted(path for path in out.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    return f"planted: {len(files)} files, {size / 1e6:.1f} MB in {out}"


def shingles(text: str) -> set[tuple[str, ...]]:
    """The word 5-grams of a text, as the truth counts them."""
    words = re.findall(r"[a-z]+", text.lower())
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}


def _near_duplicates(out: Path) -> None:
    records, truth = [], []
    for level, (count, changed) in LEVELS.items():
        for number in range(PAIRS_PER_LEVEL):
            name = f"near-{level}-{number:02d}"
            first, second = _pair(name, count, changed)
            a, b = shingles(first), shingles(second)
            shared, union = len(a & b), len(a | b)
            assert Fraction(shared, union) == Fraction(level), name
            records += [{"id": f"{name}-a", "text": first}, {"id": f"{name}-b", "text": second}]
            truth.append((name, f"{name}-a", f"{name}-b", shared, union, level))
    random.Random("near").shuffle(records)
    _write_jsonl(out / "near_duplicates.jsonl", records)
    head = ("pair", "id_a", "id_b", "shared", "union", "jaccard")
    _write_tsv(out / "near_duplicates.tsv", head, truth)


def _pair(name: str, count: int, changed: int) -> tuple[str, str]:
    """Two texts of `count` shingles; a replaced word, five from the next, changes five of them."""
    assert changed % SHINGLE == 0
    prose = Prose(name)
    while True:
        words = prose.words(count + SHINGLE - 1)
        spots = range(SHINGLE - 1, count, SHINGLE)
        chosen = prose.random.sample(spots, changed // SHINGLE)
        other = list(words)
        for spot in chosen:
            other[spot] = _letters(prose.random)
        first, second = (_as_text(each) for each in (words, other))
        if len(shingles(first)) == len(shingles(second)) == count:  # no 5-gram occurs twice
            return first, second


def _letters(rng: random.Random) -> str:
    """A word that is in no dictionary."""
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(4))


def _as_text(words: Sequence[str]) -> str:
    """Sentences of eleven words, paragraphs of five sentences."""
    sentences = [" ".join(words[i : i + 11]).capitalize() + "." for i in range(0, len(words), 11)]
    return "\n\n".join(" ".join(sentences[i : i + 5]) for i in range(0, len(sentences), 5))


def _exact_duplicates(out: Path) -> None:
    records, truth = [], []
    for group in range(20):
        prose = Prose(f"exact-{group}")
        prose.section(GENRES[group % len(GENRES)])
        text = "\n\n".join(prose.paragraph() for _ in range(3))
        for copy in range(2 + group % 4):
            name = f"exact-{group:02d}-{copy}"
            records.append({"id": name, "text": text})
            truth.append((f"exact-{group:02d}", name))
    random.Random("exact").shuffle(records)
    _write_jsonl(out / "exact_duplicates.jsonl", records)
    _write_tsv(out / "exact_duplicates.tsv", ("group", "id"), truth)


def _contaminated(out: Path) -> None:
    """Of each evaluation item: a full quotation, one of 20 words, and a mere trace of 8."""
    lines = (HERE / "evaluation.jsonl").read_text("utf-8").splitlines()
    items = [json.loads(line) for line in lines]
    records, truth = [], []
    for item in items:
        whole = f"{item['question']} {item['answer']}"
        words = whole.split()
        parts = {"full": whole, "partial": " ".join(words[3:23]), "trace": " ".join(words[2:10])}
        for part, quotation in parts.items():
            name = f"contaminated-{item['id']}-{part}"
            prose = Prose(name)
            prose.section("place")
            paragraphs = [prose.paragraph(), f"Someone wrote: {quotation}", prose.paragraph()]
            records.append({"id": name, "text": "\n\n".join(paragraphs)})
            truth.append((name, item["id"], part, len(quotation.split())))
    everything = "\n\n".join(f"Q: {item['question']}\nA: {item['answer']}" for item in items)
    records.append({"id": "contaminated-everything", "text": everything})
    for item in items:
        count = len(f"{item['question']} {item['answer']}".split())
        truth.append(("contaminated-everything", item["id"], "full", count))
    _write_jsonl(out / "contaminated.jsonl", records)
    _write_tsv(out / "contaminated.tsv", ("id", "item", "part", "words"), truth)


def _long(out: Path) -> None:
    books, truth = [], []
    for kind, (count, smallest, largest) in LONG.items():
        for number in range(count):
            name = f"long-{kind}-{number:02d}"
            size = smallest + (largest - smallest) * number // max(1, count - 1)
            text, sections = _book(name, size)
            books.append({"id": name, "text": text})
            truth.append((name, kind, len(text.encode()), sections))
    for old in out.glob("long-*.jsonl"):
        old.unlink()
    for start in range(0, len(books), LONG_PER_FILE):
        file = out / f"long-{start // LONG_PER_FILE:02d}.jsonl"
        _write_jsonl(file, books[start : start + LONG_PER_FILE])
    _write_tsv(out / "long.tsv", ("id", "class", "bytes", "sections"), truth)


def _book(name: str, size: int) -> tuple[str, int]:
    """A book of at least `size` bytes, and how many sections it has."""
    prose = Prose(name)
    blocks = [f"An account of the country between {prose.place} and the {prose.river}"]
    length, sections = len(blocks[0]), 0
    while length < size:
        sections += 1
        heading = f"{sections}. {prose.section(prose.random.choice(GENRES))}"
        section = [heading, *(prose.paragraph() for _ in range(prose.random.randint(2, 6)))]
        blocks += section
        length += sum(len(block) + 2 for block in section)
    return "\n\n".join(blocks) + "\n", sections


def _broken(out: Path) -> None:
    """Bad lines between good ones: a reader must yield every good one and name every bad one."""
    good = (
        b'{"id": "good-%d", "text": "A good line between two bad ones must come through unharmed."}'
    )
    bad: list[tuple[str, bytes]] = [
        ("invalid JSON: cut off", b'{"id": "cut", "text": "this line ends in the mid'),
        ("invalid JSON: not JSON at all", b"<html><body>This is no JSON.</body></html>"),
        ("invalid JSON: single quotes", b"{'id': 'quotes', 'text': 'written by hand'}"),
        ("wrong type: array", b'["an", "array", "is", "no", "record"]'),
        ("wrong type: string", b'"just a string"'),
        ("wrong type: null", b"null"),
        ("wrong type: number", b"42"),
        ("text is a number", b'{"id": "number", "text": 1234}'),
        ("text is a list", b'{"id": "list", "text": ["one", "two"]}'),
        ("text is null", b'{"id": "null", "text": null}'),
        ("text is missing", b'{"id": "missing", "body": "the field has another name here"}'),
        ("text is empty", b'{"id": "empty", "text": ""}'),
        ("text is white space", b'{"id": "space", "text": " \\n\\t \\u00a0 "}'),
        ("invalid UTF-8", b'{"id": "bytes", "text": "a lone \xff\xfe and a cut \xe2\x82 sign"}'),
        ("lone surrogate escape", b'{"id": "surrogate", "text": "half a pair: \\ud83d, no more"}'),
        ("NUL bytes in the line", b'{"id": "nul", "text": "zero\x00zero"}'),
        ("NUL escape in the text", b'{"id": "nul-escape", "text": "zero\\u0000zero is valid"}'),
        ("empty line", b""),
        ("UTF-8 byte order mark", b'\xef\xbb\xbf{"id": "mark", "text": "a mark before it"}'),
        ("huge number", b'{"id": 1e999, "text": "the id does not fit into a double"}'),
        ("duplicate keys", b'{"id": "twice", "text": "the first", "text": "the second"}'),
        ("deep nesting", b'{"id": "deep", "text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("2 MB of one character", b'{"id": "wall", "text": "' + b"a" * 2_000_000 + b'"}'),
    ]
    lines, truth = [], []
    for number, (what, line) in enumerate(bad):
        lines += [good % number, line]
        truth.append(("records.jsonl", 2 * number + 2, what))
    content = b"\n".join(lines)
    (out / "records.jsonl").write_bytes(content + b"\n")
    (out / "no_final_newline.jsonl").write_bytes(good % 0 + b"\n" + good % 1)
    (out / "windows_line_ends.jsonl").write_bytes(good % 0 + b"\r\n" + good % 1 + b"\r\n")
    (out / "empty.jsonl").write_bytes(b"")
    (out / "garbage.jsonl").write_bytes(random.Random("garbage").randbytes(4096))
    (out / "not_gzip.jsonl.gz").write_bytes(b"this file only says that it is compressed\n")
    _write_tsv(out / "truth.tsv", ("file", "line", "what"), truth)


def _write_jsonl(path: Path, records: Iterable[dict[str, Any]]) -> None:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_bytes("".join(lines).encode())


def _write_tsv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    lines = ("\t".join(str(cell) for cell in row) + "\n" for row in [head, *rows])
    path.write_bytes("".join(lines).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    print(make_planted(parser.parse_args().out))


if __name__ == "__main__":
    main()
