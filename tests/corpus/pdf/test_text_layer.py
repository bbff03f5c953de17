"""The text layer, on PDFs that are made here."""

from __future__ import annotations

from collections.abc import Sequence

import pymupdf
import pytest

from corpus.limits import Unreadable
from corpus.pdf.text_layer import read_pages, turned

LEFT = "The left column tells how the harbour was built over a period of nearly thirty years"
RIGHT = "The right column describes the ships that later came and the goods that they carried"


def pdf(*pages: Sequence[tuple[tuple[float, float, float, float], str]], **save: object) -> bytes:
    document = pymupdf.open()
    for boxes in pages:
        page = document.new_page()
        for box, text in boxes:
            assert page.insert_textbox(pymupdf.Rect(box), text, fontsize=10) >= 0
    data: bytes = document.tobytes(**save)
    return data


def read(data: bytes, *passwords: str) -> list[tuple[str, str]]:
    part = read_pages(data, passwords, 100, 0, 100)
    assert part.count == len(part.pages)
    return [(page.arm, page.text) for page in part.pages]


def test_lines_become_paragraphs() -> None:
    ((arm, text),) = read(pdf([((50, 50, 300, 200), LEFT + ". " + RIGHT + ".")]))
    assert arm == "text"
    assert text == f"{LEFT}. {RIGHT}."


def test_two_columns_under_a_title() -> None:
    left, right = ". ".join([LEFT] * 4), ". ".join([RIGHT] * 4)
    title = "A title that runs over both columns of the page, as titles of papers do"
    page = [((50, 40, 560, 60), title), ((50, 80, 290, 400), left), ((310, 80, 560, 400), right)]
    ((_, text),) = read(pdf(page))
    words = " ".join(text.split())
    assert words == f"{title} {left} {right}"


def test_a_table_is_read_by_rows() -> None:
    rows = [("Oslo", "709"), ("Bergen", "291"), ("Trondheim", "212"), ("Stavanger", "149")]
    page = [
        ((x, 100 + 20 * i, x + 120, 118 + 20 * i), cell)
        for x, column in ((50, 0), (300, 1))
        for i, row in enumerate(rows)
        for cell in [row[column]]
    ]
    ((_, text),) = read(pdf(page))
    assert text.split() == [cell for row in rows for cell in row]


def test_rotated_page() -> None:
    document = pymupdf.open(stream=pdf([((50, 50, 400, 300), f"{LEFT}. {RIGHT}.")]))
    document[0].set_rotation(90)
    ((_, text),) = read(document.tobytes())
    assert text == f"{LEFT}. {RIGHT}."


def written(*lines: tuple[float, float, str], rotation: int = 0) -> bytes:
    """A page of 300 x 200 points with lines of height 14 from (x, baseline)."""
    document = pymupdf.open()
    page = document.new_page(width=300, height=200)
    for x, y, text in lines:
        page.insert_text((x, y), text, fontsize=10)
    page.set_rotation(rotation)
    data: bytes = document.tobytes()
    return data


def test_a_line_over_the_edge_is_read_whole() -> None:
    ((_, text),) = read(written((20, 50, LEFT), (20, 70, RIGHT), (400, 50, "Off the page")))
    assert " ".join(text.split()) == f"{LEFT} {RIGHT}"


def test_lines_that_run_over_the_lower_edge() -> None:
    over = [(20, 180, "On it."), (20, 198, "Across."), (20, 216, "Below."), (20, 234, "Last.")]
    mark = (20, 280, "Printed at noon")
    ((_, text),) = read(written(*over, mark))
    assert text.split() == ["On", "it.", "Across.", "Below.", "Last."]
    ((_, text),) = read(written(over[0], *over[2:]))
    assert text.split() == ["On", "it."]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_no_line_of_a_rotated_page_is_off_it(rotation: int) -> None:
    lines = [(10, 20, "Top"), (250, 20, "Right"), (10, 190, "Bottom"), (250, 190, "Corner")]
    ((_, text),) = read(written(*lines, rotation=rotation))
    assert sorted(text.split()) == ["Bottom", "Corner", "Right", "Top"]


def test_text_that_a_path_hides_is_not_read() -> None:
    document = pymupdf.open(stream=written((20, 50, "Seen"), (20, 150, "Hidden")))
    page = document[0]
    page.clean_contents()
    xref = page.get_contents()[0]
    document.update_stream(xref, b"0 100 300 100 re W n\n" + document.xref_stream(xref))
    ((_, text),) = read(document.tobytes())
    assert text == "Seen"


def test_blank_and_picture_pages() -> None:
    document = pymupdf.open(stream=pdf([], []))
    pixmap = pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 40, 40), False)
    pixmap.clear_with(128)
    document[1].insert_image(pymupdf.Rect(50, 50, 500, 700), pixmap=pixmap)
    assert [arm for arm, _ in read(document.tobytes())] == ["blank", "untrusted"]


@pytest.mark.parametrize("how", [{"render_mode": 3}, {"fill_opacity": 0}])
def test_text_that_nobody_sees_is_counted(how: dict[str, int]) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((50, 50), "Everybody sees it. ")
    page.insert_text((50, 80), "A machine reads it.", **how)
    (page_text,) = read_pages(document.tobytes(), (), 1, 0, 1).pages
    assert page_text.features["invisible_share"] == 0.5


def test_encrypted() -> None:
    data = pdf(
        [((50, 50, 300, 100), LEFT)],
        encryption=pymupdf.PDF_ENCRYPT_AES_256,
        user_pw="secret",
        owner_pw="owner",
    )
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.reason == "encrypted"
    assert read(data, "wrong", "secret")[0][1] == LEFT


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "not_pdf"), (b"<html>", "not_pdf"), (b"%PDF-1.7\nnothing", "broken_pdf|no_pages")],
)
def test_unreadable(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.reason in reason.split("|")


def test_too_many_pages() -> None:
    with pytest.raises(Unreadable) as caught:
        read_pages(pdf([], [], []), (), 2, 0, 1)
    assert caught.value.reason == "too_many_pages"


def test_title_and_date() -> None:
    document = pymupdf.open(stream=pdf([]))
    document.set_metadata({"title": "On  harbours", "creationDate": "D:20210506120000Z"})
    part = read_pages(document.tobytes(), (), 9, 0, 0)
    assert (part.count, part.title, part.created, part.pages) == (
        1,
        "On harbours",
        "2021-05-06",
        (),
    )


def test_ligatures_of_arabic_are_turned() -> None:
    """One glyph for lam and alef: MuPDF gives the alef, without width, before the lam."""
    chars = [("ا", 3.0), ("إ", 0.0), ("ل", 6.6), ("ن", 3.7)]
    assert turned(chars) == "الإن"
    assert turned([("ب", 3.0), ("\u064e", 0.0), ("ا", 2.0)]) == "ب\u064eا"
    assert turned([("f", 0.0), ("i", 3.0)]) == "fi"
