"""The segmenter: hand-worked tokens, spaCy's where it is installed, and what holds for any text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.english import special
from corpus.segment import ALPHA, PUNCTUATION, TERMINAL, VISIBLE, WORD, segment, with_words, words
from corpus.texts import text_bytes

CORES = [
    *(
        "word",
        "Word",
        "WORD",
        "don't",
        "can't",
        "I'm",
        "dogs'",
        "it's",
        "U.S.",
        "e.g.",
        "Mr.",
        "10am",
    ),
    *("http://a.example.com/b?c=d", "www.example.org", "a@example.com", "C$5", "$10", "20%", "5km"),
    *("+1", "1+1", "é", "ß", "İ", "😀", "©", "20°C", "3.14", "1,000", "lower.Upper", "a", "B", "7"),
    *(
        "gonna",
        "cannot",
        "y’all",
        "doesn’t",
        "f(x)",
        "x[0]",
        "__init__",
        "foo_bar",
        "#tag",
        "@user",
    ),
]
JOINERS = ["-", "--", "—", "/", "=", "...", "…", ",", "&", "~", "+", "*", "|", "_"]
OPENING = ["", "", "", "(", "[", '"', "'", "“", "$", "#", "*", "<", "=", "-", "...", "§", "~"]
CLOSING = ["", "", "", ",", ".", "!", "?", ";", ")", "]", '"', "'", "”", "...", "…", "%", "'s", ">"]
SPACES = [" ", " ", "  ", "\n", "\t", "\u00a0", "\u2028"]
JOINED = st.tuples(st.sampled_from(CORES), st.sampled_from(JOINERS), st.sampled_from(CORES))
CHUNK = st.tuples(
    st.sampled_from(OPENING),
    st.one_of(st.sampled_from(CORES), JOINED.map("".join)),
    st.sampled_from(CLOSING),
    st.sampled_from(CLOSING),
    st.sampled_from(SPACES),
)
ENGLISH = st.lists(CHUNK.map("".join), max_size=12).map("".join)


def table(*texts: str) -> pa.Table:
    return pa.table({"text": pa.array(texts, pa.large_string())})


def tokens(text: str) -> list[str]:
    found, data = words(table(text)), text.encode()
    return [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t", []),
        ("Hello, world!", "Hello|,|world|!"),
        ("I don't think it's John's.", "I|do|n't|think|it|'s|John|'s|."),
        ("Mr. Smith, e.g. (in the U.S.)...", "Mr.|Smith|,|e.g.|(|in|the|U.S.|)|..."),
        ("It is 5km, 20% and 10am.", "It|is|5|km|,|20|%|and|10|am|."),
        ("see https://example.com/a?b=c.", "see|https://example.com/a?b=c|."),
        ("well-known and/or x=1 a/b", "well|-|known|and/or|x=1|a|/|b"),
        ("end.Start 3.14 1,000 a,b", "end|.|Start|3.14|1,000|a|,|b"),
        ("nice :) (really):", "nice|:)|(|really|):"),
        ("Das ist schön. Ça va?", "Das|ist|schön|.|Ça|va|?"),
        ("नमस्ते दुनिया।", "नमस्ते|दुनिया|।"),
        ("我们都是中国人，hello世界。", "我们|都是|中国人|，|hello|世界|。"),
        ("𠮷野家に行く", "𠮷|野家|に|行く"),
        ("สวัสดีครับ abc", "สวัสดี|ครับ|abc"),
    ],
)
def test_hand_worked(text: str, expected: str | list[str]) -> None:
    assert tokens(text) == (expected.split("|") if isinstance(expected, str) else expected)


def test_kinds() -> None:
    text = "Word 12 ! !? $ 中 😀 x1"
    found = words(table(text))
    assert tokens(text) == ["Word", "12", "!", "!", "?", "$", "中", "😀", "x1"]
    assert found.kinds.tolist() == [
        WORD | ALPHA | VISIBLE,
        WORD | VISIBLE,
        PUNCTUATION | TERMINAL,
        PUNCTUATION | TERMINAL,
        PUNCTUATION | TERMINAL,
        0,
        WORD | ALPHA | VISIBLE,
        VISIBLE,
        WORD | ALPHA | VISIBLE,
    ]


@settings(max_examples=500, deadline=None)
@given(ENGLISH)
def test_english_is_cut_as_spacy_cuts_it(text: str) -> None:
    assert tokens(text) == _spacy(text)


@pytest.mark.parametrize("form", ["{}.", '"{}."', "({})", "x {},"])
def test_special_chunks_among_marks_are_cut_as_spacy_cuts_them(form: str) -> None:
    pytest.importorskip("spacy")
    wrong = {
        form.format(chunk)
        for chunk in special()
        if tokens(form.format(chunk)) != _spacy(form.format(chunk))
    }
    assert wrong == set()


def _spacy(text: str) -> list[str]:
    tokenizers = pytest.importorskip("datatrove.utils.word_tokenizers")
    pytest.importorskip("spacy")
    return tokenizers.load_word_tokenizer("eng").word_tokenize(text) if text else []


def test_special_chunks_are_spacys() -> None:
    rules = pytest.importorskip("spacy").blank("en").tokenizer.rules
    cut = {
        chunk: tuple(next(iter(part.values())) for part in rule) for chunk, rule in rules.items()
    }
    assert {chunk: cut[chunk] for chunk in special()} == special()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(), max_size=6))
def test_tokens_cover_exactly_what_is_not_white_space(texts: list[str]) -> None:
    found = words(table(*texts))
    assert len(found.offsets) == len(texts) + 1
    for k, text in enumerate(texts):
        a, b = found.offsets[k], found.offsets[k + 1]
        data = text.encode()
        spans = list(zip(found.starts[a:b].tolist(), found.ends[a:b].tolist(), strict=True))
        assert all(start < end for start, end in spans)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        kept = "".join(data[start:end].decode() for start, end in spans)
        assert kept == "".join(char for char in text if not char.isspace())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="aé中ก !.'5", max_size=30), min_size=1, max_size=6), st.data())
def test_a_document_is_cut_alike_wherever_it_stands(texts: list[str], data: st.DataObject) -> None:
    whole = words(table(*texts))
    k = data.draw(st.integers(0, len(texts) - 1))
    for alone in (words(table(texts[k])), words(table(*texts).slice(k, 1))):
        a, b = whole.offsets[k], whole.offsets[k + 1]
        assert alone.starts.tolist() == whole.starts[a:b].tolist()
        assert alone.kinds.tolist() == whole.kinds[a:b].tolist()


def test_columns_hold_the_same_words() -> None:
    texts = table("One two.", "", "三个词。", "four")
    stored = with_words(texts)
    assert stored.schema.field("word_starts").type.value_type == pa.int32()
    assert stored.schema.field("word_kinds").type.value_type == pa.uint8()
    for cut in (slice(0, 4), slice(1, 3), slice(4, 4)):
        given_words = words(stored.slice(cut.start, cut.stop - cut.start))
        found = words(texts.slice(cut.start, cut.stop - cut.start))
        for name in ("offsets", "starts", "ends", "kinds"):
            assert np.array_equal(getattr(given_words, name), getattr(found, name)), name


def test_long_input_is_cut_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Document {k}, isn't it? 我们 都是" for k in range(50)]
    whole = words(table(*texts))
    import corpus.segment as module

    small = module.batches
    monkeypatch.setattr(module, "batches", lambda offsets, size=64: small(offsets, 64))
    again = segment(*text_bytes(table(*texts)))
    assert np.array_equal(whole.starts, again.starts)
    assert np.array_equal(whole.offsets, again.offsets)
