"""The 119 languages."""

from __future__ import annotations

import pytest

from corpus.languages import (
    LANGUAGES,
    Thresholds,
    language,
    lid176_label,
    stop_words,
    thresholds,
)


def test_there_are_119() -> None:
    assert len(LANGUAGES) == 119
    assert all(label == entry.label for label, entry in LANGUAGES.items())


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("eng_Latn", "eng_Latn"),
        ("en", "eng_Latn"),
        ("eng", "eng_Latn"),
        ("English", "eng_Latn"),
        ("zh-Hant", "zho_Hant"),
        ("zh_hant", "zho_Hant"),
        ("zho", "zho_Hans"),
        ("fa", "pes_Arab"),
        ("NB", "nob_Latn"),
    ],
)
def test_names(name: str, label: str) -> None:
    assert language(name).label == label


def test_every_language_is_found_by_its_label_and_tag() -> None:
    for label, entry in LANGUAGES.items():
        assert language(label) is entry
        assert language(entry.bcp47) is entry


def test_an_unknown_language_names_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"'swahilli' is not one of the 119.*'swh_Latn' \(Swahili\)"
    ):
        language("swahilli")


@pytest.mark.parametrize(
    ("code", "script", "label"),
    [
        ("en", "Latn", "eng_Latn"),
        ("zh", "Hans", "zho_Hans"),
        ("zh", "Hant", "zho_Hant"),
        ("zh", "Hani", "zho_Hans"),
        ("zh", "Latn", None),
        ("yue", "Hant", "yue_Hant"),
        ("no", "Latn", "nob_Latn"),
        ("nn", "Latn", "nno_Latn"),
        ("ar", "Arab", "arb_Arab"),
        ("bh", "Deva", "bho_Deva"),
        ("sr", "Cyrl", "srp_Cyrl"),
        ("sr", "Latn", None),
        ("sh", "Latn", None),
        ("eo", "Latn", None),
        ("", "Latn", None),
    ],
)
def test_labels_of_lid176(code: str, script: str, label: str | None) -> None:
    assert lid176_label(code, script) == label


def test_what_lid176_cannot_name_is_never_given() -> None:
    unnamed = {label for label, entry in LANGUAGES.items() if entry.lid176_status == "none"}
    assert len(unnamed) == 20
    given = {
        lid176_label(entry.lid176_code, other.script)
        for entry in LANGUAGES.values()
        for other in LANGUAGES.values()
    }
    assert not given & unnamed
    assert given - {None} == LANGUAGES.keys() - unnamed


def test_thresholds() -> None:
    assert thresholds("en") == Thresholds()
    assert thresholds("fra_Latn").dup_line_frac == 0.264
    assert thresholds("fra_Latn").max_non_alpha_words_ratio == 0.812
    assert all(0 < thresholds(label).dup_10_gram < 1 for label in LANGUAGES)


def test_stop_words() -> None:
    assert stop_words("eng_Latn") == ("the", "be", "to", "of", "and", "that", "have", "with")
    assert "und" in stop_words("deu_Latn")
    assert all(stop_words(label) for label in LANGUAGES)


def test_scripts_without_spaces_need_a_dictionary() -> None:
    found = {entry.iso639_3 for entry in LANGUAGES.values() if entry.segmentation == "dictionary"}
    assert found == {"zho", "yue", "jpn", "tha", "lao", "khm", "mya"}
