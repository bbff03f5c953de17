"""What an OCR engine sees: lines on a page of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]  # of a page: rows, columns; 255 is white
TALL = 1.5  # height over width from which a line runs sideways


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
