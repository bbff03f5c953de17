"""A small vocabulary for proxies: the tokens that occur most, and every other token spelt in bytes.

A proxy of a million weights cannot carry 151,669 embeddings. The reduced vocabulary holds the 256 bytes, the end of a
document, and the most frequent of the other tokens; a token outside of it is written as its bytes. Nothing is lost, so
a loss in bits per UTF-8 byte means the same as with the whole vocabulary; sequences get longer, most where the kept
tokens are fewest (rare scripts). Ids: 0 to 255 the bytes, 256 the end, then the kept tokens by rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.compiled import compiled
from corpus.tokenizer import END_OF_TEXT

BYTES = 256
END = 256
Ids = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Vocabulary:
    """How token ids become a proxy's, and how many bytes each of these stands for."""

    bytes_of: npt.NDArray[np.int64]  # (size,); 0 for the end
    starts: npt.NDArray[np.int64]  # of each token id's spelling in `spelt`; one more at the end
    spelt: npt.NDArray[np.uint16]

    @property
    def size(self) -> int:
        """Ids of a proxy."""
        return len(self.bytes_of)

    def encode(
        self, ids: Ids, offsets: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
        """A proxy's ids of documents one behind the other, each with its end, and their offsets."""
        return _encode(ids, offsets, self.starts, self.spelt)


def reduced(counts: npt.NDArray[np.int64], pieces: Sequence[bytes], size: int) -> Vocabulary:
    """The vocabulary of `size` ids for text in which each token id occurs `counts` times.

    ValueError for a size below 257 or over 65,536.
    """
    if not END < size <= 1 << 16:
        raise ValueError(f"vocabulary={size}; it must hold 257 to 65,536 ids")
    long = np.array([len(piece) > 1 for piece in pieces])
    # what spelling a token out would cost; of equals the smaller id
    saved = np.where(long, counts * (np.array([len(piece) for piece in pieces]) - 1), 0)
    kept = np.sort(np.argsort(-saved, kind="stable")[: size - END - 1])
    kept = kept[saved[kept] > 0]
    number = {int(token): END + 1 + place for place, token in enumerate(kept)}
    spellings = [
        [number[token]] if token in number else list(piece) for token, piece in enumerate(pieces)
    ]
    spellings[END_OF_TEXT] = [END]
    starts = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum([len(spelling) for spelling in spellings], out=starts[1:])
    lengths = [*[1] * BYTES, 0, *(len(pieces[token]) for token in kept)]
    return Vocabulary(
        bytes_of=np.array(lengths, np.int64),
        starts=starts,
        spelt=np.array([one for spelling in spellings for one in spelling], np.uint16),
    )


@compiled
def _encode(
    ids: Ids,
    offsets: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    spelt: npt.NDArray[np.uint16],
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
    documents = len(offsets) - 1
    ends = np.zeros(documents + 1, np.int64)
    total = 0
    for row in range(documents):
        for place in range(offsets[row], offsets[row + 1]):
            total += starts[ids[place] + 1] - starts[ids[place]]
        total += 1
        ends[row + 1] = total
    out = np.empty(total, np.uint16)
    at = 0
    for row in range(documents):
        for place in range(offsets[row], offsets[row + 1]):
            for k in range(starts[ids[place]], starts[ids[place] + 1]):
                out[at] = spelt[k]
                at += 1
        out[at] = END
        at += 1
    return out, ends
