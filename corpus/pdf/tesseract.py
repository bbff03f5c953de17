"""The command `tesseract`, where it is installed with data for the languages that are named.

Pages go in as PGM, words come out as TSV. Tesseract's own detector says how a page must be turned, if
its data (`osd`) is there. Runs on one thread. ValueError with the remedy where the command or the
data of a language is missing.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from corpus.languages import Language, language
from corpus.pdf.ocr_lines import Pixels, Seen

_CODES = {  # where they are not the ISO 639-3 code
    "zho_Hans": "chi_sim",
    "zho_Hant": "chi_tra",
    "yue_Hant": "chi_tra",
    "pes_Arab": "fas",
    "prs_Arab": "fas",
    "npi_Deva": "nep",
    "lvs_Latn": "lav",
    "ory_Orya": "ori",
    "ydd_Hebr": "yid",
    "als_Latn": "sqi",
    "nob_Latn": "nor",
    "nno_Latn": "nor",
    "zsm_Latn": "msa",
    "azj_Latn": "aze",
    "uzn_Latn": "uzb",
    "swh_Latn": "swa",
    **{f"{code}_Arab": "ara" for code in ["arb", "ars", "apc", "arz", "ary", "acm", "acq", "aeb"]},
}


class Tesseract:
    """The command `tesseract`, on one thread: pages go in as PGM, words come out as TSV."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._codes = codes(languages)

    def read(self, page: Pixels) -> tuple[int, list[Seen]]:
        """How far the page was turned, in degrees clockwise, and its lines after that."""
        turned = self._rotation(page)
        page = np.ascontiguousarray(np.rot90(page, -turned // 90))
        table = self._run(page, "-l", "+".join(self._codes), "--psm", "3", "tsv")
        return turned, lines_of(table.stdout.decode("utf-8", "replace"))

    def _rotation(self, page: Pixels) -> int:
        found = self._run(page, "--psm", "0", check=False)  # fails on a page of few letters
        match = re.search(rb"^Rotate: (\d+)", found.stdout, re.MULTILINE)
        return int(match[1]) % 360 if match else 0

    def _run(
        self, page: Pixels, *arguments: str, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        head = b"P5 %d %d 255\n" % (page.shape[1], page.shape[0])
        return subprocess.run(
            ["tesseract", "stdin", "stdout", "--dpi", "200", *arguments],
            input=head + page.tobytes(),
            capture_output=True,
            check=check,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )


def lines_of(table: str) -> list[Seen]:
    """Lines of Tesseract's table of words."""
    words: dict[tuple[int, int, int], list[Mapping[str, str]]] = {}
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    for row in rows:
        if row["level"] == "5" and (row["text"] or "").strip():
            key = (int(row["block_num"]), int(row["par_num"]), int(row["line_num"]))
            words.setdefault(key, []).append(row)
    blocks = {key[:2]: number for number, key in enumerate(dict.fromkeys(k[:2] for k in words))}
    return [_line(blocks[key[:2]], line) for key, line in words.items()]


def _line(block: int, words: Sequence[Mapping[str, str]]) -> Seen:
    sizes = [len(word["text"]) for word in words]
    confidences = [max(float(word["conf"]), 0.0) / 100 for word in words]
    return Seen(
        x0=min(float(word["left"]) for word in words),
        y0=min(float(word["top"]) for word in words),
        x1=max(float(word["left"]) + float(word["width"]) for word in words),
        y1=max(float(word["top"]) + float(word["height"]) for word in words),
        text=" ".join(word["text"] for word in words),
        confidence=sum(s * c for s, c in zip(sizes, confidences, strict=True)) / sum(sizes),
        block=block,
    )


def codes(languages: Sequence[str]) -> tuple[str, ...]:
    found: list[Language] = [language(name) for name in languages or ("eng",)]
    return tuple(dict.fromkeys(_CODES.get(entry.label, entry.iso639_3) for entry in found))


@cache
def version() -> str:
    return _asked("--version").split()[1]


@cache
def data(code: str) -> Path:
    match = re.search(r'"(.+?)/?"', _asked("--list-langs"))
    path = Path(match[1] if match else "", f"{code}.traineddata")
    if not path.exists():
        raise ValueError(
            f"ocr: tesseract has no data for {code} ({path}); install it (Debian: tesseract-ocr-{code}), or change "
            "ocr_languages"
        )
    return path


def _asked(argument: str) -> str:
    if shutil.which("tesseract") is None:
        raise ValueError(
            "ocr: the command tesseract is not installed; install it, or set ocr: rapidocr or ocr: none"
        )
    done = subprocess.run(["tesseract", argument], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr
