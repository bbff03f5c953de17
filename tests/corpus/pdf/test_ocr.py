"""OCR, on pages that are drawn here: words come back, whichever way up, and noise does not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from corpus.pdf import tesseract as command
from corpus.pdf.ocr import Ocr, in_blocks, ink, read_page, text_of
from corpus.pdf.ocr_engines import check, identity
from corpus.pdf.ocr_lines import Pixels, Seen
from corpus.pdf.tesseract import Tesseract, lines_of
from corpus.pdf.text_layer import render

RAPIDOCR = Ocr(engine="rapidocr")
LINES = (
    "The ferry leaves the northern quay at seven.",
    "It carries letters, bread and the doctor,",
    "and returns before the tide has turned.",
)


def page(*lines: str, width: float = 320, height: float = 160) -> Pixels:
    document = pymupdf.open()
    drawn = document.new_page(width=width, height=height)
    for number, line in enumerate(lines):
        drawn.insert_text((20, 40 + 18 * number), line, fontsize=12)
    return render(document.tobytes(), (), 0)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_words_come_back_whichever_way_up(turned: int) -> None:
    pixels = np.ascontiguousarray(np.rot90(page(*LINES), turned // 90))
    arm, text, features = read_page(pixels, RAPIDOCR)
    assert arm == "ocr"
    assert text.split() == " ".join(LINES).split()
    assert features["rotation"] == turned
    assert features["ocr_confidence"] > 0.95
    assert features["ocr_chars"] == len("".join(LINES).replace(" ", ""))


def test_twice_is_equal() -> None:
    pixels = page(*LINES)
    assert read_page(pixels, RAPIDOCR) == read_page(pixels.copy(), RAPIDOCR)


def test_two_columns() -> None:
    document = pymupdf.open()
    drawn = document.new_page(width=400, height=200)
    left = "Left is where the harbour lies, with its cranes and its long grey sheds."
    right = "Right is where the town begins, with its bells and its narrow streets."
    drawn.insert_textbox(pymupdf.Rect(20, 20, 190, 180), left, fontsize=12)
    drawn.insert_textbox(pymupdf.Rect(215, 20, 385, 180), right, fontsize=12)
    _, text, _ = read_page(render(document.tobytes(), (), 0), RAPIDOCR)
    assert " ".join(text.split()) == f"{left} {right}"


def test_blank_paper_is_blank() -> None:
    white = np.full((600, 400), 255, np.uint8)
    assert read_page(white, RAPIDOCR)[0] == "blank"
    specks = np.random.default_rng(0).integers(232, 250, (600, 400)).astype(np.uint8)
    specks[300:302, 200:203] = 0
    arm, text, features = read_page(specks, RAPIDOCR)
    assert (arm, text) == ("blank", "")
    assert 0 < features["ink"] < 0.0001


def test_a_blot_is_no_letter() -> None:
    document = pymupdf.open()
    drawn = document.new_page(width=200, height=200)
    drawn.draw_circle((100, 100), 40, color=(0, 0, 0), width=2)
    drawn.draw_circle((100, 100), 15, fill=(0, 0, 0))
    assert read_page(render(document.tobytes(), (), 0), RAPIDOCR)[:2] == ("untrusted", "")


def test_noise_stays_untrusted() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (700, 500)).astype(np.uint8)
    assert read_page(noise, RAPIDOCR)[:2] == ("untrusted", "")


UNKNOWN = {
    "Arabic": "تغادر العبارة الرصيف الشمالي في الساعة السابعة وتحمل الرسائل والخبز والطبيب. ",
    "Cyrillic": "Паром уходит в семь, от северного причала: он везёт письма, хлеб и врача. ",
    "Vietnamese": "Chuyến phà rời bến cảng phía bắc lúc bảy giờ, mang theo thư từ, bánh mì và bác sĩ. ",
    "Greek": "Το πλοίο φεύγει στις επτά από τη βόρεια αποβάθρα, με γράμματα και ψωμί. ",
}


@pytest.mark.parametrize("script", UNKNOWN)
def test_what_the_model_does_not_know_stays_untrusted(script: str) -> None:
    """Of Cyrillic it reads the commas, of Vietnamese all but the tones, and is sure of them."""
    document = pymupdf.open()
    direction = "rtl" if script == "Arabic" else "ltr"
    html = f'<p dir="{direction}">{UNKNOWN[script] * 3}</p>'
    drawn = document.new_page(width=400, height=200)
    drawn.insert_htmlbox(pymupdf.Rect(20, 20, 380, 180), html)
    assert read_page(render(document.tobytes(), (), 0), RAPIDOCR)[:2] == ("untrusted", "")


def test_ink() -> None:
    pixels = np.full((10, 10), 200, np.uint8)
    assert ink(pixels) == 0.0
    pixels[0, :3] = 10
    pixels[1, 0] = 180  # paper too
    assert ink(pixels) == 0.03


def seen(x0: float, y0: float, x1: float, y1: float, text: str, confidence: float = 0.9) -> Seen:
    return Seen(x0=x0, y0=y0, x1=x1, y1=y1, text=text, confidence=confidence)


def test_paragraphs_are_lines_that_follow_each_other() -> None:
    first = [seen(10, 10 + 20 * i, 300, 26 + 20 * i, f"first {i}") for i in range(3)]
    second = [seen(10, 100 + 20 * i, 300, 116 + 20 * i, f"second {i}") for i in range(2)]
    heading = seen(10, 150, 200, 190, "A heading")
    blocks = {line.text: line.block for line in in_blocks([*second, heading, *first])}
    assert blocks["first 0"] == blocks["first 1"] == blocks["first 2"]
    assert blocks["second 0"] == blocks["second 1"] != blocks["first 0"]
    assert blocks["A heading"] not in (blocks["first 0"], blocks["second 0"])


def test_what_runs_up_the_margin_comes_last() -> None:
    margin = seen(0, 0, 12, 300, "Printed sideways")
    assert text_of([margin, seen(30, 10, 300, 26, "Upright")]) == "Upright\n\nPrinted sideways"


def test_languages_that_an_engine_cannot_read_are_refused() -> None:
    check("rapidocr", ["de", "zho_Hans", "Japanese"])
    check("tesseract", ["ar"])
    with pytest.raises(ValueError, match="vie_Latn is not read by"):
        check("rapidocr", ["vi"])
    with pytest.raises(ValueError, match=r"arb_Arab is not read by .*tesseract"):
        Ocr(engine="rapidocr", languages=("ar",))


TABLE = """\
level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext
1\t1\t0\t0\t0\t0\t0\t0\t500\t400\t-1\t
5\t1\t1\t1\t1\t1\t10\t20\t40\t12\t90\tFour
5\t1\t1\t1\t1\t2\t60\t18\t60\t14\t60\tquays
5\t1\t1\t1\t2\t1\t10\t40\t80\t12\t95\t"remain
5\t1\t2\t1\t1\t1\t10\t90\t80\t12\t95\tdry.
"""


def test_words_of_tesseract_become_lines() -> None:
    lines = lines_of(TABLE)
    assert [(line.text, line.block) for line in lines] == [
        ("Four quays", 0),
        ('"remain', 0),
        ("dry.", 1),
    ]
    assert (lines[0].x0, lines[0].y0, lines[0].x1, lines[0].y1) == (10, 18, 120, 32)
    assert lines[0].confidence == pytest.approx((4 * 0.9 + 5 * 0.6) / 9)


@pytest.fixture
def tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command of this name that answers as Tesseract does, and says in `asked` what it was asked."""
    (tmp_path / "deu.traineddata").write_bytes(b"data")
    (tmp_path / "table").write_text(TABLE)
    script = tmp_path / "tesseract"
    script.write_text(f"""#!/bin/sh
echo "$OMP_THREAD_LIMIT $@" >> {tmp_path}/asked
case "$1 $*" in
--version*) echo tesseract 5.3.0 ;;
--list-langs*) echo 'List of available languages in "{tmp_path}/" (1):' ;;
*"--psm 0"*) cat > /dev/null; echo 'Rotate: 90' ;;
*) head -c 13 > {tmp_path}/head; cat > /dev/null; cat {tmp_path}/table ;;
esac
""")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for cached in (command.version, command.data):
        cached.cache_clear()
    return tmp_path


def test_tesseract_is_asked_for_an_upright_page_on_one_thread(tesseract: Path) -> None:
    turned, lines = Tesseract(["de"]).read(np.zeros((30, 20), np.uint8))
    assert turned == 90
    assert [line.text for line in lines] == ["Four quays", '"remain', "dry."]
    assert (tesseract / "head").read_bytes().startswith(b"P5 30 20 255\n")
    asked = (tesseract / "asked").read_text().splitlines()
    assert asked[-1] == "1 stdin stdout --dpi 200 -l deu --psm 3 tsv"


def test_what_decides_the_text_is_named(tesseract: Path) -> None:
    found = identity("tesseract", ["de"])
    assert found["tesseract"] == "5.3.0"
    assert len(found["deu"]) == 64
    with pytest.raises(ValueError, match=r"no data for ara.*tesseract-ocr-ara"):
        identity("tesseract", ["ar"])
    assert {"rapidocr", "onnxruntime"} <= set(identity("rapidocr", []))


def test_without_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    command.version.cache_clear()
    with pytest.raises(ValueError, match="not installed"):
        identity("tesseract", [])
