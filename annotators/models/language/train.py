"""Train the language identifier that ships with us: `python -m annotators.models.language.train PACKAGES SIB200`.

PACKAGES is a folder for Debian's packages (`sources.fetch` fills it), SIB200 the JSON Lines of SIB-200's train and dev
rows, of which the train rows are taken. Two cores need about five minutes. fastText's threads race, so a second
training gives another file of nearly the same figures (`make bench-language`); the file in the repository is data.

A softmax over the 119, some 270 other languages, program code (`code`) and noise (`noise`), on words and on n-grams of
1 to 5 characters; then pruned and quantised (arXiv 1612.03651).
"""

from __future__ import annotations

import base64
import logging
import random
import string
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import fasttext

from annotators.language import MODEL
from annotators.models.language.sources import fetch, lines
from corpus.languages import LANGUAGES

log = logging.getLogger("tokenmill")
SETTINGS = {
    "dim": 32,
    "minn": 1,
    "maxn": 4,
    "bucket": 1_000_000,
    "minCount": 5,
    "loss": "softmax",
    "epoch": 12,
    "lr": 0.4,
    "thread": 2,
    "verbose": 1,
}
KEPT = 350_000  # words and n-grams that pruning leaves
MOST = 6000  # lines of a language besides SIB-200's
MOST_OTHER = 400  # of one that is none of the 119
LEAST_OTHER = 100
EVEN = 2500  # a language with fewer lines has each up to REPEATED times
REPEATED = 4
# Languages beside a close one that is written far less: each line so many times, so that doubt goes to them.
FAVOURED = {
    "eng_Latn": 3,
    "nld_Latn": 3,
    "hin_Deva": 8,
    "tgl_Latn": 8,
    "arb_Arab": 2,
    "pes_Arab": 2,
    "hye_Armn": 2,
}
PLAIN = 0.1  # of the lines in Latin letters stand without their marks, too, as people type them
NOISE = 20_000
CODE_SUFFIXES = frozenset(
    {".py", ".c", ".h", ".js", ".lua", ".qml", ".css", ".xml", ".json", ".pl", ".sh"}
)
CODE_FILES = 4000
PIECES = 5  # of each


def main(packages: Path, sib: Path, out: Path = MODEL) -> None:
    fetch(packages)
    rng = random.Random(1)
    rows = [*_languages(lines(packages, sib), rng)]
    rows += [("code", text) for text in code(packages, rng)]
    rows += [("noise", noise(rng)) for _ in range(NOISE)]
    rng.shuffle(rows)
    log.info("%s lines, %s labels", len(rows), len({label for label, _ in rows}))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "lines.txt"
        text = "".join(f"__label__{label} {_one_line(line)}\n" for label, line in rows)
        file.write_text(text, encoding="utf-8")
        model = fasttext.train_supervised(str(file), **SETTINGS)
        model.quantize(input=str(file), qnorm=True, retrain=False, cutoff=KEPT, dsub=2)
        model.save_model(str(out))
    log.info("%s: %.1f MB", out, out.stat().st_size / 1e6)


def _languages(found: Mapping[str, Sequence[str]], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Lines of each language, and pieces of some: short texts are judged too."""
    for label, texts in sorted(found.items()):
        ours = label in LANGUAGES
        if not ours and len(texts) < LEAST_OTHER:
            continue
        chosen = [
            *texts[:700],
            *rng.sample(texts[700:], min(len(texts[700:]), MOST if ours else MOST_OTHER)),
        ]
        if ours:
            chosen += [_piece(text, rng) for text in chosen[:700]]
        times = max(1, min(REPEATED, round(EVEN / len(chosen)))) if ours else 1
        chosen += [typed for text in chosen if (typed := _as_typed(label, text, rng)) != text]
        for text in chosen:
            yield from [(label, text)] * (times * FAVOURED.get(label, 1))


def _as_typed(label: str, text: str, rng: random.Random) -> str:
    """A line as many type it: Persian with the letters of an Arabic keyboard, some Latin ones without their marks."""
    if label in ("pes_Arab", "prs_Arab"):
        return text.replace("\u06cc", "\u064a").replace("\u06a9", "\u0643")
    if label.endswith("_Latn") and label in LANGUAGES and rng.random() < PLAIN:
        parts = unicodedata.normalize("NFD", text)
        return "".join(character for character in parts if not unicodedata.combining(character))
    return text


def _piece(text: str, rng: random.Random) -> str:
    """Some words of a text, or some characters where it has hardly a space."""
    words = text.split(" ")
    if len(words) > 8:
        start = rng.randrange(len(words) - 5)
        return " ".join(words[start : start + rng.randrange(4, 9)])
    start = rng.randrange(max(1, len(text) - 10))
    return text[start : start + rng.randrange(8, 24)]


def code(packages: Path, rng: random.Random) -> Iterator[str]:
    """Some lines of program files."""
    files = sorted(
        file for file in packages.rglob("*") if file.suffix in CODE_SUFFIXES and file.is_file()
    )
    for file in rng.sample(files, min(len(files), CODE_FILES)):
        rows = [row for row in file.read_text("utf-8", "replace").splitlines() if row.strip()]
        for _ in range(PIECES if len(rows) >= 10 else 0):
            start = rng.randrange(len(rows) - 5)
            yield " ".join(rows[start : start + rng.randrange(1, 16)])[:600]


def noise(rng: random.Random) -> str:
    """A text of no language: letters at random, keys side by side, encoded bytes, numbers, characters of anywhere."""
    return rng.choice(_NOISES)(rng, rng.randrange(15, 200))


def _letters(rng: random.Random, size: int) -> str:
    return "".join(rng.choice(f"{string.ascii_lowercase}    ") for _ in range(size))


def _keys(rng: random.Random, size: int) -> str:
    row = rng.choice(("qwertyuiop", "asdfghjkl", "zxcvbnm"))
    return " ".join("".join(rng.choices(row, k=rng.randrange(3, 12))) for _ in range(size // 8 + 1))


def _base64(rng: random.Random, size: int) -> str:
    return base64.b64encode(rng.randbytes(size)).decode()


def _hexadecimal(rng: random.Random, size: int) -> str:
    return rng.randbytes(size // 2).hex()


def _numbers(rng: random.Random, size: int) -> str:
    return " ".join(str(rng.randrange(10 ** rng.randrange(1, 9))) for _ in range(size // 6 + 1))


def _printable(rng: random.Random, size: int) -> str:
    return "".join(rng.choice(f"{string.printable[:94]}  ") for _ in range(size))


def _anywhere(rng: random.Random, size: int) -> str:
    """Characters of many scripts side by side."""
    return "".join(chr(rng.randrange(*rng.choice(_BLOCKS))) for _ in range(size))


def _one_block(rng: random.Random, size: int) -> str:
    """Letters of one script at random, of all of it or of some."""
    low, high = rng.choice(_BLOCKS)
    start = rng.choice([low, rng.randrange(low, max(low + 1, high - 40))])
    block = rng.choice([(low, high), (start, min(high, start + rng.randrange(20, 120)))])
    return "".join(" " if rng.random() < 0.15 else chr(rng.randrange(*block)) for _ in range(size))


def _wrong_encoding(rng: random.Random, size: int) -> str:
    """Bytes that are no text, or of another encoding, read as some."""
    data = rng.choice([rng.randbytes(size), _one_block(rng, size).encode()])
    return data.decode(rng.choice(["latin-1", "cp1252", "koi8-r", "utf-16-le"]), "replace")


def _few_letters(rng: random.Random, size: int) -> str:
    """A handful of letters again and again, as sequences and held keys are."""
    letters = rng.sample(string.ascii_letters, rng.randrange(2, 7))
    gap = rng.choice([0, 0, 0.1, 0.2])
    return "".join(" " if rng.random() < gap else rng.choice(letters) for _ in range(size))


_BLOCKS = (
    (0xC0, 0x250),
    (0x370, 0x400),
    (0x400, 0x530),
    (0x530, 0x590),
    (0x5D0, 0x5EB),
    (0x621, 0x700),
    (0x900, 0xE00),
    (0xE00, 0xF00),
    (0x10D0, 0x10F1),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A4),
)
_NOISES: tuple[Callable[[random.Random, int], str], ...] = (
    *(_letters, _keys, _base64, _hexadecimal, _numbers, _printable, _anywhere, _one_block),
    *(_wrong_encoding, _few_letters),
)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*map(Path, sys.argv[1:]))
