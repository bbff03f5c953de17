"""The OCR engines: which there are, what they read, and pixels to lines.

`rapidocr` is PP-OCRv6 small on ONNX Runtime. Its models lie in the wheel; one model reads Chinese,
Japanese and the languages in Latin script. `tesseract` is the command of this name, where it is
installed with data for the languages that are named.

`check` refuses languages that an engine cannot read, `unread` finds text in one, `identity` says what
decides its output (versions, hashes of data), `engine` loads it. An engine turns a page upright
first: `rapidocr` by the shape of its lines, and by which way up the longest of them are read with
more confidence; Tesseract by its own detector, where it has the data for it. Both run on one thread,
so that the output does not depend on the machine's cores. Nothing is downloaded.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import importlib.resources
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from corpus.languages import Language, language

Name = Literal["rapidocr", "tesseract"]
Pixels: TypeAlias = NDArray[np.uint8]  # of a page: rows, columns; 255 is white

RAPIDOCR_SCRIPTS = frozenset({"Latn", "Hans", "Hant", "Jpan"})
# It lacks 12 % of the letters of Vietnamese, and is sure of what it makes of them. The letters that
# it has and that only this language uses give such a page away.
RAPIDOCR_LACKS = {"vie_Latn": "ơưƠƯ"}
GIVEN_AWAY = 0.003  # share of such letters on a page
RAPIDOCR_MODELS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
DETECTION_SIDE = 1280  # pixels of the longer side in which lines are looked for
SAMPLE = 8  # of the longest lines are read both ways up
TALL = 1.5  # height over width from which a line runs sideways
_DISTRIBUTIONS = ("rapidocr", "onnxruntime", "opencv-python-headless")
_TESSERACT_CODES = {  # where they are not the ISO 639-3 code
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


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A line on an upright page, in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str  # "" where the line was seen and not read
    confidence: float  # 0 to 1
    block: int | None = None  # where the engine finds blocks

    @property
    def is_sideways(self) -> bool:
        """Whether it runs up or down the page."""
        return self.y1 - self.y0 > TALL * (self.x1 - self.x0) and len(self.text) > 2


class Engine(Protocol):
    """Reads pages."""

    def read(self, page: Pixels) -> tuple[int, list[Seen]]:
        """How far the page was turned, in degrees clockwise, and its lines after that."""


def check(name: Name, languages: Sequence[str]) -> None:
    """ValueError where the engine cannot read one of the languages."""
    for entry in map(language, languages):
        readable = entry.script in RAPIDOCR_SCRIPTS and entry.label not in RAPIDOCR_LACKS
        if name == "rapidocr" and not readable:
            raise ValueError(
                f"ocr_languages: {entry.label} is not read by the model of rapidocr, which reads the "
                f"scripts {', '.join(sorted(RAPIDOCR_SCRIPTS))} but for {', '.join(RAPIDOCR_LACKS)}; "
                "use ocr: tesseract, or ocr: none"
            )


def unread(name: Name, text: str) -> str:
    """The language of the text, where it is one that the engine reads without some of its letters;
    else nothing."""
    letters = sum(map(str.isalpha, text))
    for label, telling in RAPIDOCR_LACKS.items() if name == "rapidocr" else ():
        if sum(map(text.count, telling)) > GIVEN_AWAY * letters:
            return label
    return ""


def identity(name: Name, languages: Sequence[str]) -> Mapping[str, str]:
    """What decides the engine's output. ValueError with the remedy where it is not installed."""
    if name == "rapidocr":
        return _versions()
    wanted = {code: _tesseract_data(code) for code in _tesseract_codes(languages)}
    return {"tesseract": _tesseract_version()} | {
        code: hashlib.sha256(path.read_bytes()).hexdigest() for code, path in wanted.items()
    }


def label(name: Name) -> str:
    """The engine with its version, as it stands in a document's provenance."""
    version = _versions()["rapidocr"] if name == "rapidocr" else _tesseract_version()
    return f"{name}-{version}"


@cache
def engine(name: Name, languages: tuple[str, ...]) -> Engine:
    """The engine, loaded."""
    return RapidOcr() if name == "rapidocr" else Tesseract(languages)


class RapidOcr:
    """PP-OCR on one thread: finds lines, then reads each."""

    def __init__(self) -> None:
        import cv2
        from rapidocr import RapidOCR

        cv2.setNumThreads(1)
        models = importlib.resources.files("rapidocr") / "models"
        ocr: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Det.limit_type": "max",
                "Det.limit_side_len": DETECTION_SIDE,
                **{
                    f"{part}.model_path": str(models / file)
                    for part, file in RAPIDOCR_MODELS.items()
                },
            }
        )
        self._detect, self._recognise = ocr._load_det_model(), ocr._load_rec_model()
        self._crop = ocr.crop_text_regions

    def read(self, page: Pixels) -> tuple[int, list[Seen]]:
        """How far the page was turned, in degrees clockwise, and its lines after that."""
        page = np.repeat(page[:, :, None], 3, axis=2)
        turned, boxes = 0, self._boxes(page)
        if not len(boxes):
            return 0, []
        if _are_sideways(boxes):
            turned, page = 90, np.ascontiguousarray(np.rot90(page, -1))
            boxes = self._boxes(page)
        if self._is_upside_down(page, boxes):
            turned, page = turned + 180, np.ascontiguousarray(page[::-1, ::-1])
            boxes = self._boxes(page)
        return turned, self._lines(page, boxes)

    def _boxes(self, page: Any) -> Any:
        """Four corners of each line, from the upper left on clockwise."""
        boxes = self._detect(page).boxes
        return np.zeros((0, 4, 2)) if boxes is None else np.asarray(boxes, dtype=np.float32)

    def _is_upside_down(self, page: Any, boxes: Any) -> bool:
        widths = np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1)
        longest = np.sort(np.argsort(-widths, kind="stable")[:SAMPLE])
        crops = self._crop(page, boxes[longest])
        upright = self._recognised(crops)
        turned = self._recognised([crop[::-1, ::-1] for crop in crops])
        return _certainty(turned) > _certainty(upright)

    def _lines(self, page: Any, boxes: Any) -> list[Seen]:
        crops = self._crop(page, boxes)
        read = self._recognised(crops)
        sideways = [i for i, box in enumerate(boxes) if _is_tall(box)]
        others = self._recognised([crops[i][::-1, ::-1] for i in sideways])
        for i, other in zip(sideways, others, strict=True):  # up or down the page
            read[i] = max(read[i], other, key=lambda found: found[1])
        return [
            Seen(
                x0=float(box[:, 0].min()),
                y0=float(box[:, 1].min()),
                x1=float(box[:, 0].max()),
                y1=float(box[:, 1].max()),
                text=text,
                confidence=confidence,
            )
            for box, (text, confidence) in zip(boxes, read, strict=True)
        ]

    def _recognised(self, crops: Sequence[Any]) -> list[tuple[str, float]]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not crops:
            return []
        crops = [np.ascontiguousarray(crop) for crop in crops]
        found = self._recognise(TextRecInput(img=crops, return_word_box=False))
        return [(text, float(score)) for text, score in zip(found.txts, found.scores, strict=True)]


def _is_tall(box: Any) -> bool:
    width, height = np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[3] - box[0])
    return bool(height > TALL * width)


def _are_sideways(boxes: Any) -> bool:
    """Whether most of what lines cover runs up or down the page."""
    widths = np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1)
    heights = np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1)
    areas = widths * heights
    return bool(areas[heights > TALL * widths].sum() > 0.5 * areas.sum())


def _certainty(read: Sequence[tuple[str, float]]) -> float:
    return sum(score * score * len(text) for text, score in read)


@cache
def _versions() -> Mapping[str, str]:
    try:
        return {name: importlib.metadata.version(name) for name in _DISTRIBUTIONS}
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            f"ocr: rapidocr needs {error.name}, which is not installed; install it, or set ocr: none"
        ) from None


class Tesseract:
    """The command `tesseract`, on one thread: pages go in as PGM, words come out as TSV."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._codes = _tesseract_codes(languages)

    def read(self, page: Pixels) -> tuple[int, list[Seen]]:
        """How far the page was turned, in degrees clockwise, and its lines after that."""
        turned = self._rotation(page)
        page = np.ascontiguousarray(np.rot90(page, -turned // 90))
        table = self._run(page, "-l", "+".join(self._codes), "--psm", "3", "tsv")
        return turned, tesseract_lines(table.stdout.decode("utf-8", "replace"))

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


def tesseract_lines(table: str) -> list[Seen]:
    """Lines of Tesseract's table of words."""
    words: dict[tuple[int, int, int], list[Mapping[str, str]]] = {}
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    for row in rows:
        if row["level"] == "5" and (row["text"] or "").strip():
            key = (int(row["block_num"]), int(row["par_num"]), int(row["line_num"]))
            words.setdefault(key, []).append(row)
    blocks = {key[:2]: number for number, key in enumerate(dict.fromkeys(k[:2] for k in words))}
    return [_tesseract_line(blocks[key[:2]], line) for key, line in words.items()]


def _tesseract_line(block: int, words: Sequence[Mapping[str, str]]) -> Seen:
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


def _tesseract_codes(languages: Sequence[str]) -> tuple[str, ...]:
    found: list[Language] = [language(name) for name in languages or ("eng",)]
    return tuple(
        dict.fromkeys(_TESSERACT_CODES.get(entry.label, entry.iso639_3) for entry in found)
    )


@cache
def _tesseract_version() -> str:
    return _asked("--version").split()[1]


@cache
def _tesseract_data(code: str) -> Path:
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
