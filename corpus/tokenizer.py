"""The Qwen byte-level BPE: text in, token ids out, equal to the reference tokenizer's.

151,643 ranks from `qwen.tiktoken` (in the `dashscope` distribution), 26 special tokens behind them, of which only
`<|endoftext|>` = 151643 is ever written, by the packer. Text is put into NFC first, as Qwen does, and special-token
strings that occur in text are encoded as ordinary text. Source of the pattern and the specials: the tokenizer
configuration of Qwen2.5 and Qwen3.

A very long text is encoded in pieces, cut only where a token can never span: behind a newline that a letter follows,
or behind a decimal digit. `tests/corpus/test_tokenizer.py` holds the property that the ids are equal.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import regex
import tiktoken

VERSION = 1
END_OF_TEXT = 151_643
VOCABULARY = 151_669
PIECE_CHARACTERS = 1 << 20
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SAME_PATTERN = regex.compile(
    PATTERN.replace(r"[^\s", r"[^\p{White_Space}")
    .replace(r"\s", r"\p{White_Space}")
    .replace(r"\S", r"\P{White_Space}")
)
_SAFE = re.compile(r"(?:\n(?=[^\W\d_])|(?<=[0-9])(?=.))", re.DOTALL)


class Tokenizer:
    """Qwen's tokenizer over Arrow columns."""

    def __init__(self, ranks: str | None = None) -> None:
        self.ranks_file = ranks or default_ranks()
        self._encoding = _encoding(self.ranks_file)

    def encode(self, text: str) -> npt.NDArray[np.uint32]:
        """Token ids of one text, without `<|endoftext|>`."""
        text = unicodedata.normalize("NFC", text)
        pieces = [self._encode_piece(piece) for piece in pieces_of(text)]
        return np.concatenate(pieces).astype(np.uint32) if pieces else np.empty(0, np.uint32)

    def _encode_piece(self, text: str) -> npt.NDArray[np.uint32]:
        try:
            return self._encoding.encode_to_numpy(text, disallowed_special=())
        except ValueError:  # tiktoken's regex engine overflows on a run of a million blanks
            found = _SAME_PATTERN.finditer(text)
            ids = [self._encoding._encode_single_piece(match.group()) for match in found]
            return np.array([i for piece in ids for i in piece], dtype=np.uint32)

    def encode_column(self, texts: pa.ChunkedArray) -> pa.Array:
        """list<uint32> of the token ids of each text."""
        rows = [self.encode(text.as_py()) for text in texts]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        values = np.concatenate(rows) if rows else np.empty(0, np.uint32)
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values, pa.uint32()))

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of token ids; bytes that are no UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids: npt.ArrayLike) -> bytes:
        """The bytes of token ids; specials are left out."""
        plain = [int(i) for i in np.asarray(ids).ravel() if i < END_OF_TEXT]
        return self._encoding.decode_bytes(plain)

    @cached_property
    def paragraph_ends(self) -> npt.NDArray[np.bool_]:
        """For each id, whether a cut behind that token falls at the end of a paragraph."""
        ends = np.zeros(VOCABULARY, dtype=np.bool_)
        for token in range(END_OF_TEXT):
            piece = self._encoding.decode_single_token_bytes(token)
            ends[token] = piece.endswith((b"\n\n", b"\n\r\n"))
        return ends


def pieces_of(text: str, size: int = PIECE_CHARACTERS) -> Iterator[str]:
    """Cut a text at safe boundaries into pieces of about `size` characters; longer where there is none."""
    start = 0
    while len(text) - start > size:
        found = _SAFE.search(text, start + size)
        if found is None:
            break
        yield text[start : found.end()]
        start = found.end()
    if start < len(text):
        yield text[start:]


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


@lru_cache(maxsize=2)
def _encoding(ranks_file: str) -> tiktoken.Encoding:
    # not tiktoken's loader: it caches by path, and a file that changed would keep its old ranks
    lines = Path(ranks_file).read_bytes().splitlines()
    ranks = {
        base64.b64decode(token): int(rank) for token, rank in map(bytes.split, filter(None, lines))
    }
    return tiktoken.Encoding("qwen", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
