"""Guards that compare an answer with its source: each both ways, in several scripts."""

from __future__ import annotations

import time

import pytest

from corpus.numerals import numbers as numbers_of
from synth.text import grounding as g
from synth.text.alignment import align

MILL = (
    "The mill at Astley was built in 1802 by Henry Marsden. Its wheel drove four pairs of stones.\n"
    "When the railway came to Barton in 1847, the corn went there instead, and Marsden sold the pond."
)
SOURCES = {
    "en": MILL,
    "zh": "阿斯特利的磨坊建于1802年，由马斯登出资。水轮带动四对磨石。1847年铁路通到巴顿之后，粮食改运那里。",
    "ja": "アストリーの水車小屋は1802年にマースデンが建てた。"
    "1847年に鉄道がバートンまで来ると、穀物はそちらへ運ばれた。",
    "th": "โรงสีที่แอสต์ลีย์สร้างในปี ๑๘๐๒ โดยมาร์สเดน เมื่อรถไฟมาถึงบาร์ตันในปี ๑๘๔๗ ข้าวจึงถูกส่งไปที่นั่นแทน",
    "ar": "بُنيت طاحونة أستلي عام ١٨٠٢ على يد مارسدن. "
    "وعندما وصلت السكة الحديدية إلى بارتون عام ١٨٤٧ نُقل القمح إليها.",
    "hi": "एस्टली की चक्की मार्सडेन ने १८०२ में बनवाई थी। जब १८४७ में रेल बार्टन तक आई तब अनाज वहाँ भेजा जाने लगा।",
}

# What a refiner does right: the damaged source and the repaired answer.
REPAIRED = {
    "line ends": (
        "The mill at Ast-\nley was built\nin 1802.",
        "The mill at Astley was built in 1802.",
    ),
    "spaces": ("The  mill at Astley\twas built .", "The mill at Astley was built."),
    "quotes": ('"The mill" -- he said...', "“The mill” — he said…"),
    "ligatures": ("The ﬁrst ﬂoor of the mill", "The first floor of the mill"),
    "slips": ("The mlil at Astley was bulit", "The mill at Astley was built"),
    "running head": (
        f"Mills of the county 12\n{MILL}\nMills of the county 13",
        MILL,
    ),
    "page number": (f"{MILL}\n- 12 -", MILL),
    "doubled word": ("The mill at at Astley was built", "The mill at Astley was built"),
    "han cut by a line": ("阿斯特利的磨\n坊建于1802年。", "阿斯特利的磨坊建于1802年。"),
    "thai cut by a line": ("โรงสีที่แอสต์ลีย์สร้\nางในปี ๑๘๐๒", "โรงสีที่แอสต์ลีย์สร้างในปี ๑๘๐๒"),
    "digits of another script": ("عام ١٨٠٢", "عام 1802"),
    "address cut by a line": (
        "See https://mills.example/ast-\nley for more",
        "See https://mills.example/ast-ley for more",
    ),
    "formula as LaTeX": ("so that x² + y² = z² holds", "so that $x^2 + y^2 = z^2$ holds"),
}


@pytest.mark.parametrize("text", SOURCES.values(), ids=SOURCES)
def test_a_text_is_a_good_answer_to_itself(text):
    assert [v for guard in g.REFINED.values() if not (v := guard(text, text)).passed] == []


@pytest.mark.parametrize(("source", "answer"), REPAIRED.values(), ids=REPAIRED)
def test_repairs_pass_all(source, answer):
    guards = [guard for name, guard in g.REFINED.items() if name != "length_ratio"]
    assert [v for guard in guards if not (v := guard(source, answer)).passed] == []


# guard, language of the source, what is replaced by what
SPOILT = [
    ("numbers", "en", "1802", "1820"),
    ("numbers", "en", "in 1847", "then"),
    ("numbers", "zh", "1802", "1803"),
    ("numbers", "ja", "1847年に", ""),
    ("numbers", "th", "๑๘๐๒", "๑๘๐๓"),
    ("numbers", "ar", "١٨٤٧", "١٨٤٨"),
    ("numbers", "hi", "१८४७", "१९४७"),
    ("names", "en", "Henry Marsden", "Henry Ellis"),
    ("names", "en", "Astley", ""),
    ("names", "zh", "巴顿", "上海"),
    ("names", "ja", "バートン", "ロンドン"),
    ("names", "th", "บาร์ตัน", "เชียงใหม่"),
    ("names", "ar", "بارتون", "لندن"),
    ("names", "hi", "बार्टन", "लंदन"),
    ("invention", "en", "stones.", "stones. The lord of the manor kept the fishing."),
    ("invention", "zh", "磨石。", "磨石。庄园主保留了池塘里的捕鱼权利。"),
    ("invention", "hi", "थी।", "थी। उस तालाब की मछलियाँ ज़मींदार की मानी जाती थीं।"),
    ("dropped", "en", "Its wheel drove four pairs of stones.", ""),
    ("dropped", "ar", "وعندما وصلت السكة الحديدية إلى بارتون عام ١٨٤٧ نُقل القمح إليها.", ""),
    ("length_ratio", "en", MILL[40:], ""),
    ("language", "en", MILL[:120], "阿斯特利的磨坊建于一八零二年，由马斯登出资。"),
]


@pytest.mark.parametrize(("guard", "language", "was", "now"), SPOILT)
def test_spoilt_answers_are_found_and_named(guard, language, was, now):
    source = SOURCES[language]
    assert was in source
    verdict = g.REFINED[guard](source, source.replace(was, now))
    assert (verdict.guard, verdict.passed) == (guard, False)
    assert verdict.detail


SWAPS = [
    ("en", "Astley", "Barton"),
    ("zh", "阿斯特利", "马斯登"),
    ("ja", "アストリー", "バートン"),
    ("th", "แอสต์ลีย์", "บาร์ตัน"),
    ("ar", "مارسدن", "بارتون"),
    ("hi", "एस्टली", "बार्टन"),
    ("en", "1802", "1847"),
]


@pytest.mark.parametrize(("language", "one", "other"), SWAPS)
def test_names_and_numbers_that_change_places_are_found(language, one, other):
    source = SOURCES[language]
    swapped = source.replace(one, "\0").replace(other, one).replace("\0", other)
    assert not g.names(source, swapped).passed
    assert g.numbers(source, swapped).passed  # the same multiset


def test_a_name_next_to_a_like_name_is_no_slip():
    source = "From Iran they rode to Iraq, and from Iraq by sea."
    assert not g.names(source, source.replace("Iran", "Iraq").replace("to Iraq", "to Iran")).passed
    assert g.names("They rode thruogh Persia.", "They rode through Persia.").passed


# ---------------------------------------------------------------- numbers

NUMBERS = [
    ("1,234.5 and 1.234,5 and 1'234.5", ["1234.5"] * 3),
    ("12,34,567 or 1 234", ["1234567", "1", "234"]),
    ("1\u202f234\u00a0567", ["1234567"]),
    ("12.03.2024 and 1.2.3", ["12", "3", "2024", "1", "2", "3"]),
    ("0.125 of 007", ["0.125", "7"]),
    ("١٬٢٣٤٫٥ २०२४ ๑๒ ১৯৭১ １２", ["1234.5", "2024", "12", "1971", "12"]),
    ("二〇二四年，三万五千人，3万5千元", ["2024", "35000", "35000"]),
    ("千万不要一个人", []),
    ("x² and ½", ["2", "1", "2"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_numbers_of_a_text(text, expected):
    assert numbers_of(text) == expected


def test_groups_may_gain_or_lose_their_separator():
    assert g.numbers("It cost 12 500 pounds.", "It cost 12,500 pounds.").passed
    assert not g.numbers("It cost 12 500 pounds.", "It cost 12,400 pounds.").passed


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("The mill is of 1802.", True),
        ("The mill is of 1805.", False),
        ("1. Who built it?\n2. When?\n3. In 1802.", True),
        ("Question 1: who?\nQuestion 2: when?", True),
        ("7. Who built it?", False),
        ("الطاحونة من عام ١٨٠٢", True),
        ("磨坊建于一八〇二年", True),
    ],
)
def test_numbers_of_a_recipe_are_those_of_the_source(answer, passed):
    assert g.numbers_grounded(MILL, answer).passed is passed


# ---------------------------------------------------------------- the others


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("Who built the mill? It was Henry Marsden.", True),
        ("Who built the mill? It was Robert Marsden.", False),
        ("The railway came to Barton, not to Astley.", True),
    ],
)
def test_names_of_a_recipe_are_those_of_the_source(answer, passed):
    assert g.names_grounded(MILL, answer).passed is passed


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("$a + b = c$", "$a - b = c$"),
        ("so 3 + 4 = 7", "so 3 × 4 = 7"),
        ("3 rolls + 4 rolls = 7 rolls", "3 rolls * 4 rolls = 7 rolls"),
        ("\\[ E = mc^2 \\]", ""),
        ("then x ≤ y + 1", "then x ≥ y + 1"),
    ],
)
def test_formulas_survive(was, now):
    assert g.formulas(f"We see {was} here.", f"We see {was} here.").passed
    assert not g.formulas(f"We see {was} here.", f"We see {now} here.").passed


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("https://mills.example/astley", "https://mills.example/ashley"),
        ("https://mills.example/astley", "https://mills.example/"),
        ("miller@astley.example", "milner@astley.example"),
        ("/var/log/mill", "/var/log/mills"),
        ("read_page", "read_pages"),
        ("readPage", "readpage"),
        ("--dry-run", "--dryrun"),
    ],
)
def test_addresses_and_identifiers_survive(was, now):
    assert g.urls(f"See {was}.", f"See {was}!").passed
    assert not g.urls(f"See {was}.", f"See {now}.").passed
    assert not g.urls(f"See {was}.", "See.").passed


def test_addresses_of_a_recipe_are_those_of_the_source():
    source = "Write to miller@astley.example."
    assert g.urls_grounded(source, "To whom? miller@astley.example").passed
    assert not g.urls_grounded(source, "See https://astley.example").passed


def test_language_by_labels():
    french = "Le moulin fut construit en 1802."
    assert g.language(MILL, french).passed  # the same script, and no labels
    assert not g.language(MILL, french, {"eng_Latn"}, {"fra_Latn"}).passed
    assert g.language(MILL, french, {"eng_Latn"}, ()).passed
    assert g.language(MILL, MILL, {"eng_Latn", "fra_Latn"}, {"fra_Latn"}).passed


def test_pieces_are_the_text():
    text = MILL * 9
    assert "".join(g.pieces(text)) == text
    assert {len(piece) // g.PIECE for piece in g.pieces(text)} == {1}
    assert g.pieces("") == [""]


def test_overlap_is_between_a_copy_and_an_invention():
    retold = "Who built the mill at Astley? Henry Marsden did, and later he sold the pond when trains reached Barton."
    assert g.overlap(MILL, retold).passed
    assert not g.overlap(MILL, MILL).passed
    assert not g.overlap(MILL, "Bees prefer heather to clover in the late weeks of August.").passed
    assert not g.overlap(MILL, "").passed


def test_alignment_says_what_became_of_what():
    found = align("Page 3\nthe old mlil\nat Astley", "the old mill at Barton")
    assert found.furniture == {0}
    assert [(found.source.keys[i], found.answer.keys[j]) for i, j in found.repairs] == [
        ("mlil", "mill")
    ]
    (change,) = found.changes
    assert [found.source.raw[i] for i in change.lost] == ["Astley"]
    assert [found.answer.raw[j] for j in change.added] == ["Barton"]


# ---------------------------------------------------------------- hostile

HOSTILE = [
    "",
    " \n",
    ".,;:!?" * 50,
    "\ud800 mill \udfff",
    "\x00" * 99,
    "a" + "\u0301" * 999,
    "$" * 999,
]
ALL = {
    **g.REFINED,
    "numbers_g": g.numbers_grounded,
    "names_g": g.names_grounded,
    "urls_g": g.urls_grounded,
}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_get_a_verdict_that_can_be_stored(text):
    for guard in [*ALL.values(), g.overlap]:
        for source, answer in ((text, MILL), (MILL, text), (text, text)):
            guard(source, answer).detail.encode()


LONG = {
    "prose": (MILL * 5000, MILL * 4999),
    "one letter": ("a" * 1_000_000, "a" * 999_999),
    "other prose": (MILL * 1000, "x".join(map(str, range(30_000)))),
    "two words": ("a b " * 50_000, "b b a " * 32_000),
    "signs": ("=/@._$" * 32_000, "/a=@b._$" * 24_000),
    "brackets": ("\\[ x " * 20_000, "\\begin{align} x " * 5_000),
    "dollars": ("$$ x " * 20_001, "$x" * 50_001),
    "digits": ("1," * 100_000, "1 000 " * 32_000),
    "han": ("磨坊的水轮" * 12_000, "水轮的磨坊" * 12_000),
}


@pytest.mark.parametrize("name", LONG)
def test_a_megabyte_takes_seconds(name):
    source, answer = LONG[name]
    start = time.process_time()
    for guard in ALL.values():
        guard(source, answer)
    g.overlap(source, answer)
    assert time.process_time() - start < 20
