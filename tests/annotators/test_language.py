"""Language and script of short true texts."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.capitals import lowered
from annotators.fasttext_model import Classifier
from annotators.language import MODEL, Config, Step, _Names, identify, step, windows
from annotators.polytonic import monotonic
from corpus.languages import GROUPS, LANGUAGES
from corpus.texts import string_bytes, text_bytes


@pytest.fixture(scope="module")
def judge(documents):
    annotate = step(Config())
    return lambda *texts: annotate(documents(texts)).to_pylist()


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        ("This is a sentence in plain English.", "eng_Latn", "Latn"),
        ("Dies ist ein Satz in deutscher Sprache.", "deu_Latn", "Latn"),
        ("Это предложение на русском языке.", "rus_Cyrl", "Cyrl"),
        ("这是一个中文句子，我们都会说汉语。", "zho_Hans", "Hans"),
        ("這是一個中文句子，我們都會說漢語。", "zho_Hant", "Hant"),
        ("佢哋喺度食緊嘢，我唔知佢哋幾時走。", "yue_Hant", "Hant"),
        ("これは日本語の文章です。", "jpn_Jpan", "Jpan"),
        ("이것은 한국어 문장입니다.", "kor_Hang", "Hang"),
        ("ພາສາລາວເປັນພາສາທາງການຂອງປະເທດລາວ", "lao_Laoo", "Laoo"),
        ("To jest zdanie po polsku, które każdy rozumie.", "pol_Latn", "Latn"),
    ],
)
def test_known(judge, text: str, language: str, script: str) -> None:
    [row] = judge(text)
    assert (row["language"], row["language_raw"], row["script"]) == (language, language, script)
    assert row["language_group"] == GROUPS.get(language, language)
    assert 0.3 < row["language_score"] <= row["language_group_score"] <= 1.0
    assert row["language_share"] == 1
    assert row["language_second"] != language
    assert 0 <= row["language_second_score"] <= row["language_score"]


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("Ĉi tio estas frazo en Esperanto, kaj vi komprenas ĝin, ĉu ne?", "epo_Latn"),
        ("ይህ በአማርኛ የተጻፈ ዓረፍተ ነገር ነው። ሁሉም ሰው ያነበዋል።", "amh_Ethi"),
        ("for (int i = 0; i < n; i++) { sum += a[i] * b[i]; } return sum;", "code"),
        ("def f(x): return {k: v for k, v in x.items() if v is not None}", "code"),
        ("6f1a9c03be77d2e15580aa94c1d3e0fb42a7b9e6d0558c31", "noise"),
    ],
)
def test_none_of_the_119_is_null(judge, text: str, raw: str) -> None:
    [row] = judge(text)
    found = {name: value for name, value in row.items() if name != "id" and value is not None}
    assert found == {"language_raw": raw, "script": row["script"]}


def test_nothing_to_judge_is_null(judge) -> None:
    for row in judge("", " \n", "12345 !!", "😀"):
        assert [row[name] for name in row if name != "id"] == [None] * 9


def test_a_label_needs_its_script(judge) -> None:
    """Serbian in Latin letters is none of the 119; what is near it is said, as a group."""
    [row] = judge("Ovo je rečenica koja je napisana na srpskom jeziku latinicom.")
    assert row["language"] != "srp_Cyrl"
    assert row["language_group"] == "bosnian_croatian_serbian"


def test_what_hardly_separates_is_sure_as_a_group(judge) -> None:
    [row] = judge("هذه جملة مكتوبة باللغة العربية الفصحى وهي واضحة لكل من يقرأها.")
    assert row["language_group"] == "arabic"
    assert row["language_group_score"] > 0.9


def test_a_mixed_document_is_seen_as_mixed(judge) -> None:
    german = "Dieser Abschnitt ist auf Deutsch geschrieben und hat mehrere Sätze. " * 40
    french = "Ce passage est écrit en français et il a plusieurs phrases. " * 15
    one, two = judge(german, german + french)
    assert one["language_share"] == 1
    assert two["language"] == "deu_Latn"
    assert two["language_second"] == "fra_Latn"
    assert 0.5 < two["language_share"] < 1


def test_the_model_names_all_119_and_others() -> None:
    names = set(Classifier(MODEL).labels)
    assert names >= LANGUAGES.keys()
    assert {"code", "noise", "epo_Latn"} <= names
    assert MODEL.stat().st_size <= 10_000_000


def test_another_model_by_name_or_path(documents) -> None:
    annotate = step(Config(model="lid.176"))
    english, chinese, serbian = annotate(
        documents(
            [
                "This is a sentence in plain English.",
                "這是一個中文句子，我們都會說漢語。",
                "Ово је реченица на српском језику.",
            ]
        )
    ).to_pylist()
    assert (english["language"], english["language_raw"]) == ("eng_Latn", "en")
    assert (chinese["language"], chinese["language_raw"]) == ("zho_Hant", "zh")
    assert (serbian["language"], serbian["language_raw"]) == ("srp_Cyrl", "sr")


def test_another_model_judges_texts_as_they_are(documents, tmp_path) -> None:
    ours = tmp_path / "copy.ftz"
    ours.write_bytes(MODEL.read_bytes())
    old = "Οἱ ἄνθρωποι περπατοῦν στὸν δρόμο καὶ μιλοῦν γιὰ τὸν καιρὸ ποὺ ἄλλαξε χθὲς τὸ βράδυ."
    heading = "VERDENSERKLÆRINGEN OM MENNESKERETTIGHEDERNE"
    for text in (old, heading):
        alone, helped = (
            step(config)(documents([text])).to_pylist()[0]
            for config in (Config(model=str(ours)), Config())
        )
        assert alone["language_raw"] != helped["language_raw"]


def test_similar_languages_are_told_apart(judge) -> None:
    rows = judge(
        "Vlak za Split kreće u osam sati, a zrakoplov iz Zagreba tek u siječnju.",
        "Voz za Sarajevo kreće u osam sati, a avion iz Tuzle tek u januaru.",
        "वह कल अपने भाई के साथ बाज़ार गया था और शाम को घर लौट आया।",
        "Մենք Պէյրութի մէջ կ՚ապրինք, եւ տղաքը ամէն օր դպրոց կ՚երթան։",
    )
    assert [row["language"] for row in rows] == ["hrv_Latn", "bos_Latn", "hin_Deva", "hye_Armn"]
    assert rows[3]["language_raw"] == "hyw_Armn"  # Western Armenian


def test_greek_in_the_old_orthography_is_greek(judge) -> None:
    old = "Οἱ ἄνθρωποι περπατοῦν στὸν δρόμο καὶ μιλοῦν γιὰ τὸν καιρὸ ποὺ ἄλλαξε χθὲς τὸ βράδυ."
    (row,) = judge(old)
    assert row["language"] == "ell_Grek"
    assert row["language_score"] >= 0.95
    assert judge(monotonic(old))[0]["language_score"] == pytest.approx(row["language_score"])
    assert monotonic("ᾧ ἀνθρώπῳ καὶ τῷ Ῥήγᾳ, ΐ") == "ώ ανθρώπω καί τώ Ρήγα, ΐ"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("DIE SCHULE BEGINNT AM MONTAG", "deu_Latn"),
        ("DE GEMEENTERAAD VERGADERT OVER HET NIEUWE ZWEMBAD", "nld_Latn"),
        ("İCLASDA YENİ MƏKTƏBİN TİKİNTİSİ MÜZAKİRƏ OLUNUB", "azj_Latn"),
        ("ՆՈՐ ԴՊՐՈՑԻ ԲԱՑՈՒՄԸ ԵՐԵՎԱՆՈՒՄ", "hye_Armn"),
        ("НОВА ШКОЛА ВІДКРИЛАСЯ У МІСТІ", "ukr_Cyrl"),
    ],
)
def test_headings_in_capitals(judge, text: str, language: str) -> None:
    (capitals, small) = judge(text, text.lower().replace("i\u0307", "i"))
    assert capitals["language"] == language
    assert {**capitals, "id": None} == {**small, "id": None}


def test_windows_in_capitals_are_lowered() -> None:
    texts = ["ÉTÉS à", "ÉTÉ à", "IBM und SAP", "", "ABCD e", "한국 KRX", "ΑΒ Ⴀ 𐐀"]
    data, ends = string_bytes(pa.chunked_array([texts]))
    found, at = lowered(data, ends)
    said = [found[a:b].tobytes().decode() for a, b in itertools.pairwise(at)]
    assert said == ["étés à", "ÉTÉ à", "IBM und SAP", "", "abcd e", "한국 krx", "αβ ⴀ 𐐨"]
    small = string_bytes(pa.chunked_array([["nothing", "In Capitals"]]))
    assert lowered(*small)[0] is small[0]  # nothing is copied


def test_a_text_of_one_or_two_letters_is_in_no_language(judge) -> None:
    for row in judge("a", "IV", "1. b)", "и"):
        assert row["language"] is None
        assert row["language_raw"] is not None
    assert judge("et al")[0]["language"] is not None
    assert judge("ຫາ")[0]["language"] == "lao_Laoo"  # nothing else is written so


def test_one_text_at_a_time() -> None:
    assert identify("This is a sentence in plain English.") == "eng_Latn"
    assert identify("def f(x): return {k: v for k, v in x.items() if v is not None}") is None


def test_lines_do_not_matter(judge) -> None:
    one, two = judge(
        "Une phrase assez longue en langue française.",
        "Une phrase assez longue\nen langue\nfrançaise.",
    )
    assert one["language"] == two["language"] == "fra_Latn"
    assert one["language_score"] == pytest.approx(two["language_score"])


def test_a_long_document_is_judged_all_over(judge) -> None:
    header = "Copyright notice and license terms in English. " * 20
    body = "Dieser lange Text ist ganz überwiegend auf Deutsch geschrieben worden. " * 2000
    [row] = judge(header + body)
    assert row["language"] == "deu_Latn"


def test_windows_do_not_split_characters(judge) -> None:
    [row] = judge("ภาษาไทยเป็นภาษาที่ใช้ในประเทศไทย" * 500)
    assert (row["language"], row["script"]) == ("tha_Thai", "Thai")


@given(
    st.lists(st.text(st.sampled_from("aé中😀\0\n\t "), max_size=30), min_size=1, max_size=5),
    st.integers(1, 40),
    st.builds(Config, windows=st.integers(1, 5), window_bytes=st.integers(64, 80)),
)
def test_windows(documents, texts: list[str], times: int, config: Config) -> None:
    texts = [text * times for text in texts]
    found, ends, owner = windows(*text_bytes(documents(texts)), config)
    for place, text in enumerate(texts):
        line = text.encode().translate(bytes.maketrans(bytes(range(0x20)), b" " * 0x20))
        own = np.flatnonzero(owner == place)
        pieces = [found[ends[n] : ends[n + 1]].tobytes() for n in own]
        assert len(pieces) <= config.windows
        assert (not pieces) == (not text)
        for piece in pieces:
            assert piece.decode() in line.decode()  # whole characters, of the text
            assert len(piece) < 2 * config.window_bytes + 4
        if len(line) < (config.windows + 1) * config.window_bytes:
            assert b"".join(pieces) == line
        else:
            assert len(pieces) == config.windows
            assert pieces[0] == line[: len(pieces[0])]
            assert config.windows == 1 or line.endswith(pieces[-1])


def test_a_slice_is_judged_as_the_whole(documents) -> None:
    texts = [
        "Ceci est une phrase.",
        "",
        "Dies ist ein Satz in deutscher Sprache.",
        "12",
        "Это так.",
    ]
    table, annotate = documents(texts), step(Config())
    assert annotate(table.slice(2, 2)).to_pylist() == annotate(table).to_pylist()[2:4]
    assert annotate(table.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize("wrong", [{"windows": 0}, {"window_bytes": 10}])
def test_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*at least"):
        Config(**wrong)


class Answers:
    """A model with an answer for each window, whatever stands in it."""

    def __init__(self, labels: tuple[str, ...], *rows: tuple[float, ...]) -> None:
        self.labels = labels
        self._rows = np.array(rows, np.float32)

    def probabilities(self, data: object, offsets: np.ndarray) -> np.ndarray:
        assert len(offsets) - 1 == len(self._rows)
        return self._rows


def told(documents, text: str, answers: Answers, count: int) -> dict[str, object]:
    """The row of one text, cut into so many windows, of which the model says this."""
    size = len(text.encode()) // count
    annotate = Step(Config(windows=count, window_bytes=size))
    annotate._model, annotate._names = answers, _Names(answers.labels)
    annotate._similar = None
    (row,) = annotate(documents([text])).to_pylist()
    return row


LAO = "ພາສາລາວເປັນພາສາທາງການຂອງປະເທດລາວ"


def test_what_a_script_rules_out_says_nothing_of_the_others(documents) -> None:
    labels = ("eng_Latn", "kor_Hang", "lao_Laoo", "zzz_Latn")
    row = told(documents, LAO, Answers(labels, (0.05, 0.7, 0.25, 0.0)), 1)
    assert row["language"] == "lao_Laoo"
    assert row["language_score"] == pytest.approx(1)
    row = told(documents, LAO, Answers(labels, (0.0, 0.5, 0.1, 0.4)), 1)  # 0.1 / 0.5 is less
    assert row["language"] is None
    row = told(documents, LAO, Answers(labels, (0.0, 0.99, 0.01, 0.0)), 1)  # nothing to go by
    assert row["language"] is None


def test_characters_decide_which_chinese_it_is(documents) -> None:
    labels = ("eng_Latn", "zho_Hans", "zho_Hant")
    text = "這是一個中文句子，我們都會說漢語，請大家讀這一行字。"
    row = told(documents, text, Answers(labels, (0.1, 0.7, 0.2)), 1)
    assert row["language"] == "zho_Hant"
    assert row["language_score"] == pytest.approx(1)  # both Chinese together; no Latin letter
    assert row["language_second"] is None
    row = told(documents, text, Answers(labels, (0.0, 0.995, 0.005)), 1)  # however sure it is
    assert (row["language"], row["language_score"]) == ("zho_Hant", pytest.approx(1))


def test_the_group_is_decided_first(documents) -> None:
    labels = ("apc_Arab", "arb_Arab", "fra_Latn", "zzz_Latn")
    text = "هذه جملة مكتوبة بالعربية وهي واضحة Cette phrase est en langue française"
    row = told(documents, text, Answers(labels, (0.25, 0.31, 0.4, 0.04)), 1)
    assert (row["language"], row["language_group"]) == ("arb_Arab", "arabic")
    assert row["language_score"] == pytest.approx(0.31)
    assert row["language_group_score"] == pytest.approx(0.56)
    assert (row["language_second"], row["language_second_score"]) == (
        "fra_Latn",
        pytest.approx(0.4),
    )


def test_a_window_of_something_else_is_not_of_the_language(documents) -> None:
    english = "This text is cut into three windows of which two are English and one is code. " * 4
    answers = Answers(("code", "eng_Latn"), (0, 1), (1, 0), (0, 1))
    row = told(documents, english, answers, 3)
    assert row["language"] == "eng_Latn"
    assert row["language_score"] == pytest.approx(2 / 3)
    assert row["language_share"] == pytest.approx(2 / 3)
    assert (row["language_second"], row["language_raw"]) == ("code", "eng_Latn")
