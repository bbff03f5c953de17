"""Which lines of a page's text are boilerplate, and what is left alone."""

from __future__ import annotations

import pytest
from lxml import html

from corpus.boilerplate import SHORT, without_boilerplate
from corpus.html import main_text

URL = "https://ferry.example/news/story"
STORY = [
    f"On day {day} the ferry left the harbour at eight, and the crossing took about forty minutes."
    for day in range(1, 16)
]
TITLE = "The ferry in winter"


def kept(
    markup: str, lines: list[str], title: str | None = TITLE, url: str | None = URL
) -> list[str]:
    """Of the lines put before, within and after the story, those that are left."""
    text = "\n".join([*STORY[:8], *lines, *STORY[8:]])
    assert len(text) >= SHORT
    left = without_boilerplate(text, html.fromstring(f"<body>{markup}</body>"), title, url)
    rest = left.split("\n")
    assert [line for line in rest if line in STORY] == STORY
    return [line for line in rest if line not in STORY]


HEADLINE = "A new boat for the island is on its way"


@pytest.mark.parametrize(
    "markup",
    [
        f'<p>Read more: <a href="https://other.example/boat">{HEADLINE}</a></p>',
        f'<p><strong>Lesen Sie auch： <a href="/boat">{HEADLINE}</a></strong></p>',
        f'<p><a href="/boat">{HEADLINE}</a></p>',
        f'<div><a href="https://www.ferry.example/boat">{HEADLINE}</a> [News]</div>',
        f"<p><a href='/boat'>{HEADLINE}</a><br><a href='/pier'>The pier is closed until May</a></p>",
    ],
)
def test_links_to_other_pages_go(markup: str) -> None:
    lines = [
        line for part in markup.split("<br>") for line in [html.fromstring(part).text_content()]
    ]
    assert kept(markup, lines) == []


@pytest.mark.parametrize(
    "markup",
    [
        f'<p><a href="https://other.example/boat">{HEADLINE}</a></p>',  # a source that is named
        f'<p><a href="#boat">{HEADLINE}</a></p>',  # a part of the page
        f'<p><a href="/boat">{HEADLINE}</a>, he said.</p>',  # a sentence
        f'<p>The harbour has written in a letter to all of us: <a href="/boat">{HEADLINE}</a></p>',
        '<p>Boat: <a href="/boat">Ada</a></p>',  # a name
    ],
)
def test_links_that_say_something_stay(markup: str) -> None:
    line = html.fromstring(markup).text_content()
    assert kept(markup, [line]) == [line]


def test_of_a_block_of_paragraphs_only_the_links_go() -> None:
    markup = f'<div><p>The pier</p><p><a href="/boat">{HEADLINE}</a></p></div>'
    assert kept(markup, ["The pier", HEADLINE]) == ["The pier"]


@pytest.mark.parametrize(
    ("markup", "lines"),
    [
        ("<time>6 May 2021</time>", ["6 May 2021"]),
        ("<span itemprop='author'>Ada Pier</span>", ["Ada Pier"]),
        ("<div class='photo-credit'>Picture: <b>Ada Pier</b></div>", ["Picture: Ada Pier"]),
        ("<p id='disclosure'>We are paid<br>by the ferry</p>", ["We are paid", "by the ferry"]),
        ("<p>© 2021 Ferry News</p>", ["© 2021 Ferry News"]),
        ("<p>Copyright: Ferry News</p>", ["- Copyright: Ferry News"]),
    ],
)
def test_notes_on_origin_go(markup: str, lines: list[str]) -> None:
    assert kept(markup, lines) == []


def test_a_section_stays_whatever_its_class_says() -> None:
    line = "The bank gives credit to those who build boats. " * 8
    assert kept(f"<div class='credit'>{line}</div>", [line]) == [line]
    word = "Copyrighted works are in the library."
    assert kept("", [word]) == [word]


@pytest.mark.parametrize("line", [TITLE, "THE FERRY IN WINTER", f"{TITLE} | Ferry News"])
def test_the_title_and_what_is_above_it_go(line: str) -> None:
    text = "\n".join(["News", line, *STORY])
    page = html.fromstring(f"<body><h1>{TITLE}</h1></body>")
    assert without_boilerplate(text, page, None, URL) == "\n".join(STORY)
    assert without_boilerplate(text, html.fromstring("<p/>"), TITLE, URL) == "\n".join(STORY)


def test_a_short_title_is_a_whole_line() -> None:
    text = "\n".join(["The boats", *STORY])
    page = html.fromstring("<p/>")
    assert without_boilerplate(text, page, "The boats", URL) == "\n".join(STORY)
    assert without_boilerplate(text, page, "The boats of May", URL) == text


def test_the_title_below_a_paragraph_stays() -> None:
    text = "\n".join([f"{STORY[0]} It was late.", TITLE, *STORY])
    assert without_boilerplate(text, html.fromstring("<p/>"), TITLE, URL) == text


def test_short_texts_and_pages_of_links_stay() -> None:
    short = "\n".join([TITLE, *STORY[:3]])
    assert without_boilerplate(short, html.fromstring("<p/>"), TITLE, URL) == short
    links = "".join(f'<p><a href="/{k}">{line}</a></p>' for k, line in enumerate(STORY))
    text = "\n".join(STORY)
    assert without_boilerplate(text, html.fromstring(links), None, URL) == text


def test_bad_addresses_are_read() -> None:
    line = f'<p><a href="http://[bad">{HEADLINE}</a></p>'
    assert kept(line, [HEADLINE], url="http://[worse") == []


def test_the_main_text_is_without_them() -> None:
    page = f"""<html><head><title>{TITLE}</title></head><body><article><h1>{TITLE}</h1>
    {"".join(f"<p>{line}</p>" for line in STORY)}
    <p>See also: <a href="/boat">{HEADLINE}</a></p></article></body></html>"""
    assert main_text(page.encode(), URL).text == "\n".join(STORY)
