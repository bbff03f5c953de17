"""Normalisation: hand-worked cases, and its laws on any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.normalise import normalise, without_surrogates

CASES = {
    "plain": ("Plain text.\n\tTab.", "Plain text.\n\tTab."),
    "line ends": ("a\r\nb\rc\u2028d\u2029e\x0bf\x0cg", "a\nb\nc\nd\ne\nf\ng"),
    "ellipsis of windows-1252": ("and so on\x85", "and so on…"),
    "controls": ("a\x00b\x07c\x1bd\x7fe", "abcde"),
    "byte order mark": ("\ufeffa\ufeffb", "ab"),
    "noncharacters": ("a\ufffe\uffff\ufdd0b", "ab"),
    "surrogates": ("a\ud800b", "a\ufffdb"),
    "composed": ("e\u0301", "é"),
    "hangul": ("\u1112\u1161\u11ab", "한"),
    "mojibake": ("sch\u00c3\u00b6n", "schön"),
    "mojibake with a C1 control": ("\u00c3\x85ngstr\u00c3\u00b6m", "Ångström"),
    "mojibake twice": ("â\u0080\u0099tis the season", "\u2019tis the season"),
    "only lines that show it": ("sch\u00c3\u00b6n\nnaïve café", "schön\nnaïve café"),
    "joiners stay": ("می\u200cخواهم 👩\u200d💻", "می\u200cخواهم 👩\u200d💻"),
    "replacement stays": ("a\ufffdb", "a\ufffdb"),
    "compatibility stays": ("ﬁ ² ｱ", "ﬁ ² ｱ"),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    text, expected = CASES[name]
    assert normalise(text) == expected


MOJIBAKE = st.text(min_size=1).map(lambda text: text.encode("utf-8", "replace").decode("latin-1"))
ANY = st.text(st.characters(exclude_categories=())) | MOJIBAKE | st.text("\r\n\x85Ã©Â\xa0â€™\ufeff")


@given(ANY)
def test_laws(text: str) -> None:
    result = normalise(text)
    assert normalise(result) == result
    assert unicodedata.is_normalized("NFC", result)
    result.encode("utf-8")
    assert not any(unicodedata.category(char) == "Cc" for char in result if char not in "\n\t")


@pytest.mark.parametrize("charset", ["latin-1", "windows-1252", "windows-1251"])
@pytest.mark.parametrize("text", ["“Größe” – naïve façade", "l’été à Noël", "Привет, мир: ещё раз"])
def test_mojibake_of_common_charsets(text: str, charset: str) -> None:
    try:
        broken = text.encode().decode(charset)
    except UnicodeDecodeError:
        pytest.skip("the charset has no character for one of the bytes")
    assert normalise(broken) == text


def test_a_letter_before_a_space_is_not_mojibake() -> None:
    """Sango has the word â: ftfy alone would make a no-break space of it."""
    sango = "Â tondo a yeke tâa ngangu na hunda ti tongana a ngbian yâ ti â ngobo."
    assert normalise(sango) == sango


@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc",))))
def test_clean_text_is_the_same(text: str) -> None:
    assert normalise(text) == text


@given(st.text(st.characters(exclude_categories=())))
def test_without_surrogates_keeps_the_rest(text: str) -> None:
    result = without_surrogates(text)
    result.encode("utf-8")
    assert [a for a in result if a != "\ufffd"] == [
        a for a in text if a != "\ufffd" and not "\ud800" <= a <= "\udfff"
    ]
