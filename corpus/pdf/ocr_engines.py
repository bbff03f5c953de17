"""The OCR engines: which there are, and what they read.

`rapidocr` is embedded (`corpus.pdf.rapid_ocr`), `tesseract` is used where it is installed
(`corpus.pdf.tesseract`). `check` refuses languages that an engine cannot read, `unread` finds text in
one, `identity` says what decides its output (versions, hashes of data), `engine` loads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from corpus.languages import language
from corpus.pdf import rapid_ocr, tesseract
from corpus.pdf.ocr_lines import Engine

Name = Literal["rapidocr", "tesseract"]


def check(name: Name, languages: Sequence[str]) -> None:
    """ValueError where the engine cannot read one of the languages."""
    for entry in map(language, languages):
        readable = entry.script in rapid_ocr.SCRIPTS and entry.label not in rapid_ocr.LACKS
        if name == "rapidocr" and not readable:
            raise ValueError(
                f"ocr_languages: {entry.label} is not read by the model of rapidocr, which reads the "
                f"scripts {', '.join(sorted(rapid_ocr.SCRIPTS))} but for {', '.join(rapid_ocr.LACKS)}; "
                "use ocr: tesseract, or ocr: none"
            )


def unread(name: Name, text: str) -> str:
    """The language of the text, where it is one that the engine reads without some of its letters;
    else nothing."""
    letters = sum(map(str.isalpha, text))
    for label, telling in rapid_ocr.LACKS.items() if name == "rapidocr" else ():
        if sum(map(text.count, telling)) > rapid_ocr.GIVEN_AWAY * letters:
            return label
    return ""


def identity(name: Name, languages: Sequence[str]) -> Mapping[str, str]:
    """What decides the engine's output. ValueError with the remedy where it is not installed."""
    if name == "rapidocr":
        return rapid_ocr.versions()
    wanted = {code: tesseract.data(code) for code in tesseract.codes(languages)}
    return {"tesseract": tesseract.version()} | {
        code: hashlib.sha256(path.read_bytes()).hexdigest() for code, path in wanted.items()
    }


def label(name: Name) -> str:
    """The engine with its version, as it stands in a document's provenance."""
    version = rapid_ocr.versions()["rapidocr"] if name == "rapidocr" else tesseract.version()
    return f"{name}-{version}"


@cache
def engine(name: Name, languages: tuple[str, ...]) -> Engine:
    """The engine, loaded."""
    return rapid_ocr.RapidOcr() if name == "rapidocr" else tesseract.Tesseract(languages)
