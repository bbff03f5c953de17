"""The Qwen byte-level BPE: text in, token ids out, equal to the reference tokenizer's.

151,643 ranks from `qwen.tiktoken` (in the `dashscope` distribution), 26 special tokens behind them, of which only
`<|endoftext|>` = 151643 is ever written, by the packer. Text is put into NFC first, as Qwen does, and special-token
strings that occur in text are encoded as ordinary text. Source of the specials: the tokenizer configuration of Qwen2.5
and Qwen3.

The encoder is gigatoken's, which knows Qwen's pattern by name. `tests/corpus/test_tokenizer.py` holds it equal to
tiktoken with the pattern written out, on every code point and on random text; `make bench-tokens` to the reference.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import unicodedata
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gigatoken.gigatoken_rs import BPETokenizer

from corpus.texts import string_bytes

VERSION = 2
END_OF_TEXT = 151_643
VOCABULARY = 151_669

_PATTERN = "qwen2"  # gigatoken's name for the pattern of Qwen2, Qwen2.5 and Qwen3
# gigatoken remembers every word it has met, so its memory grows with the text: measured at some 300 MB for four
# million random words. An encoder is made anew (0.2 s) when this many bytes have passed.
_RENEW_BYTES = 1 << 28
_FIRST_COMBINING = 0xCC  # UTF-8 of U+0300; text of smaller bytes is its own NFC


class Tokenizer:
    """Qwen's tokenizer over Arrow columns."""

    def __init__(self, ranks: str | None = None) -> None:
        self.ranks_file = ranks or default_ranks()
        self._encoder = _encoder(self.ranks_file)
        self._passed = 0

    def encode(self, text: str) -> npt.NDArray[np.uint32]:
        """Token ids of one text, without `<|endoftext|>`."""
        return self._encode(unicodedata.normalize("NFC", text).encode())

    def encode_column(self, texts: pa.ChunkedArray) -> pa.Array:
        """list<uint32> of the token ids of each text."""
        data, bounds = string_bytes(texts)
        rows = [self._encode(composed(data[a:b])) for a, b in itertools.pairwise(bounds)]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        values = np.concatenate([np.empty(0, np.uint32), *rows])
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values, pa.uint32()))

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of token ids; bytes that are no UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids: npt.ArrayLike) -> bytes:
        """The bytes of token ids; specials are left out."""
        every = np.asarray(ids, dtype=np.uint32).ravel()
        return bytes(self._encoder.decode(every[every < END_OF_TEXT]))

    @cached_property
    def paragraph_ends(self) -> npt.NDArray[np.bool_]:
        """For each id, whether a cut behind that token falls at the end of a paragraph."""
        return np.array([p.endswith((b"\n\n", b"\n\r\n")) for p in self.pieces], np.bool_)

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of each id; none for the specials."""
        known = self._encoder.vocab
        return [bytes(known[n]) if n < END_OF_TEXT else b"" for n in range(VOCABULARY)]

    def _encode(self, text: bytes) -> npt.NDArray[np.uint32]:
        self._passed += len(text)
        if self._passed > _RENEW_BYTES:
            self._encoder, self._passed = _encoder(self.ranks_file), len(text)
        return self._encoder.encode(text)


def composed(text: npt.NDArray[np.uint8]) -> bytes:
    """UTF-8 in NFC."""
    if len(text) == 0 or text.max() < _FIRST_COMBINING:
        return text.tobytes()
    return unicodedata.normalize("NFC", text.tobytes().decode()).encode()


def default_ranks() -> str:
    """The ranks file inside the `dashscope` distribution, found without importing it."""
    spec = importlib.util.find_spec("dashscope")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "the Qwen ranks file is not installed: `pip install --no-deps dashscope`, or set "
            "`tokenizer: {ranks: PATH}` in the plan"
        )
    return str(Path(spec.origin).parent / "resources" / "qwen.tiktoken")


@lru_cache(maxsize=4)
def file_sha256(path: str) -> str:
    """Hash of the ranks file, part of the tokens' fingerprint."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _encoder(ranks_file: str) -> BPETokenizer:
    return BPETokenizer.from_tiktoken(ranks_file, _PATTERN)
