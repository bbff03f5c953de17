"""Guards of an explanation in another language."""

from __future__ import annotations

import pytest

from synth.text.translation import length_band, target_language, untranslated

ENGLISH = "Bees find their way home by the sun, and on dull days by the light of the blue sky."
GERMAN = "Bienen finden den Heimweg nach der Sonne, an trüben Tagen nach dem Licht des Himmels."
FRENCH = "Les abeilles rentrent en se guidant sur le soleil, ou par temps gris sur le ciel bleu."
RUSSIAN = "Пчёлы находят дорогу домой по солнцу, а в пасмурные дни по свету голубого неба."
CHINESE = "蜜蜂靠太阳认路回家，阴天则靠蓝天的光。"
JAPANESE = "ミツバチは太陽を頼りに巣へ帰り、曇りの日は青空の光を頼りにする。"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("deu_Latn", GERMAN),
        ("rus_Cyrl", RUSSIAN),
        ("zho_Hans", CHINESE),
        ("zho_Hans", "水在山上"),
        ("jpn_Jpan", JAPANESE),
        ("rus_Cyrl", f"{RUSSIAN} (by the light of the blue sky, as it is said)"),
    ],
)
def test_the_targets_script_dominates(target, text):
    assert target_language(text, target).passed


@pytest.mark.parametrize(
    ("target", "text", "detail"),
    [
        ("fra_Latn", RUSSIAN, "0% Latn, for French"),
        ("rus_Cyrl", GERMAN, "0% Cyrl, for Russian"),
        ("zho_Hant", CHINESE, "0% Hant"),
        ("zho_Hans", JAPANESE, "0% Hans"),
        ("rus_Cyrl", f"{RUSSIAN} {ENGLISH} {ENGLISH}", "Cyrl"),
        ("fra_Latn", "12 + 30", "0% Latn"),
    ],
)
def test_another_script_is_turned_down(target, text, detail):
    found = target_language(text, target)
    assert not found.passed
    assert found.guard == "language"
    assert detail in found.detail


def test_a_sure_label_of_another_language_is_turned_down():
    assert target_language(FRENCH, "fra_Latn", {"fra_Latn"}).passed
    found = target_language(GERMAN, "fra_Latn", {"deu_Latn", "fra_Latn"})
    assert (found.passed, found.detail) == (False, "deu_Latn instead of fra_Latn")


def test_languages_that_hardly_separate_count_as_one():
    assert target_language("هذه جملة.", "arz_Arab", {"arabic"}).passed
    assert not target_language("هذه جملة.", "pes_Arab", {"arabic"}).passed


def test_a_target_has_to_be_known():
    with pytest.raises(ValueError, match="is not one of the 119"):
        target_language(FRENCH, "")


def test_a_copy_is_noticed_and_a_quotation_is_not():
    assert untranslated(ENGLISH, FRENCH).passed
    assert untranslated(
        ENGLISH, f"{FRENCH} {FRENCH} « by the light of the blue sky, and so on »"
    ).passed
    assert not untranslated(ENGLISH, ENGLISH).passed
    assert not untranslated(ENGLISH, f"{FRENCH} {ENGLISH.upper()}").passed


def test_length_is_compared_across_scripts():
    for text in (GERMAN, FRENCH, RUSSIAN, CHINESE, JAPANESE):
        assert length_band(ENGLISH, text).passed
        assert length_band(text, ENGLISH).passed
    assert not length_band(ENGLISH, "Les abeilles rentrent.").passed
    assert not length_band(ENGLISH, FRENCH * 4).passed
