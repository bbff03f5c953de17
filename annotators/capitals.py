"""Text in capitals, as headings are, in small letters: identifiers of languages know little else.

A window that has more than `MOST` capitals to a small letter is judged in small letters.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import characters as ch
from corpus.texts import Bytes, Offsets, string_bytes

MOST = 3


def lowered(text: Bytes, ends: Offsets) -> tuple[Bytes, Offsets]:
    """Windows, the one after the other and where each ends, those in capitals in small letters."""
    flags = ch.flags(text)
    worth = (flags & ch.UPPER != 0).astype(np.int8) - MOST * (flags & ch.LOWER != 0)
    total = np.r_[0, np.cumsum(worth, dtype=np.int64)]
    capitals = total[ends[1:]] > total[ends[:-1]]
    if not capitals.any():
        return text, ends
    windows = pa.LargeStringArray.from_buffers(
        len(capitals), pa.py_buffer(ends), pa.py_buffer(text)
    )
    mask = pa.array(capitals)
    found = pc.replace_with_mask(windows, mask, pc.utf8_lower(windows.filter(mask)))
    return string_bytes(pa.chunked_array([found]))
