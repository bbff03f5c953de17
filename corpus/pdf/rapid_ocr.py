"""PP-OCRv6 small on ONNX Runtime, by rapidocr: lines are found, then read.

The models lie in the wheel; nothing is downloaded. One model reads Chinese, Japanese and the
languages in Latin script but Vietnamese. A page is turned upright first: by a quarter where most of
what lines cover runs up or down, by a half where the longest of them are read with more confidence
upside down. Runs on one thread, so that the output does not depend on the machine's cores.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from corpus.pdf.ocr_lines import TALL, Pixels, Seen

SCRIPTS = frozenset({"Latn", "Hans", "Hant", "Jpan"})
# It lacks 12 % of the letters of Vietnamese, and is sure of what it makes of them. The letters that
# it has and that only this language uses give such a page away.
LACKS = {"vie_Latn": "ơưƠƯ"}
GIVEN_AWAY = 0.003  # share of such letters on a page
MODELS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
DETECTION_SIDE = 1280  # pixels of the longer side in which lines are looked for
SAMPLE = 8  # of the longest lines are read both ways up
_DISTRIBUTIONS = ("rapidocr", "onnxruntime", "opencv-python-headless")


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
                **{f"{part}.model_path": str(models / file) for part, file in MODELS.items()},
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
def versions() -> Mapping[str, str]:
    """Of what decides the output. ValueError where it is not installed."""
    try:
        return {name: importlib.metadata.version(name) for name in _DISTRIBUTIONS}
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            f"ocr: rapidocr needs {error.name}, which is not installed; install it, or set ocr: none"
        ) from None
