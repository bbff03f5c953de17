"""The 119 languages."""

from __future__ import annotations

import pytest

from corpus.languages import (
    GROUPS,
    LANGUAGES,
    Thresholds,
    labels_of,
    language,
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
    ("name", "labels"),
    [
        ("eng_Latn", ("eng_Latn",)),
        ("en", ("eng_Latn",)),
        ("zh", ("zho_Hans", "zho_Hant")),
        ("cmn_Hani", ("zho_Hans", "zho_Hant")),
        ("fas_Arab", ("pes_Arab", "prs_Arab")),
        ("ekk_Latn", ("est_Latn",)),
        ("hyw_Armn", ("hye_Armn",)),
        ("yue", ("yue_Hant",)),
        ("no", ("nob_Latn",)),
        ("bh", ("bho_Deva",)),
        ("sr", ("srp_Cyrl",)),
        ("sh", ()),
        ("eo", ()),
        ("ace_Arab", ()),
        ("code", ()),
        ("", ()),
    ],
)
def test_what_other_identifiers_names_mean(name: str, labels: tuple[str, ...]) -> None:
    assert labels_of(name) == labels


def test_groups_are_of_languages() -> None:
    assert GROUPS.keys() <= LANGUAGES.keys()
    assert sorted(set(GROUPS.values())) == ["arabic", "bosnian_croatian_serbian", "persian"]


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
