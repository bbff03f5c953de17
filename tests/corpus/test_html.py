"""Main text: what is kept, what is not, charsets, and pages made to break it."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trafilatura

from corpus.html import declared_charset, main_text, page_text, xml_text
from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits, Unreadable

STORY = (
    "The ferry to the island leaves twice a day, and the crossing takes about forty minutes when "
    "the sea is calm.",
    "In winter the second boat often stays in the harbour, so that travellers have to wait for "
    "the morning; Überfahrten after dark are not offered.",
)
PAGE = f"""<!DOCTYPE html><html lang="en-GB"><head><title>The ferry</title>
<meta property="article:published_time" content="2021-05-06T10:00:00Z"></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Shop now</a></li></ul></nav>
<article><h1>The ferry</h1><p>{STORY[0]}</p><p>{STORY[1]}</p></article>
<footer>Imprint | Cookies | All rights reserved</footer></body></html>"""


def test_story_is_kept_and_menus_are_not() -> None:
    page = main_text(PAGE.encode(), "https://ferry.example/story")
    assert all(paragraph in page.text for paragraph in STORY)
    assert "Shop now" not in page.text
    assert "Cookies" not in page.text
    assert (page.title, page.date, page.language) == ("The ferry", "2021-05-06", "en-GB")
    assert page.provenance.startswith("html/trafilatura-")


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_declared_charsets(charset: str) -> None:
    html = PAGE.replace("<head>", f'<head><meta charset="{charset}">').encode(charset)
    assert STORY[1] in main_text(html).text


def test_transport_charset_goes_before_detection() -> None:
    html = PAGE.replace("Überfahrten", "Перевозки").encode("koi8-r")
    assert "Перевозки" in main_text(html, charset="koi8-r").text


def test_wrong_declaration_does_not_harm_utf8() -> None:
    html = PAGE.replace("<head>", '<head><meta charset="latin-1">').encode()
    assert STORY[1] in main_text(html).text


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'<meta charset="UTF-8">', "utf-8"),
        (b'<meta http-equiv=x content="text/html; charset=Shift_JIS">', "shift_jis"),
        (b'<?xml version="1.0" encoding="euc-kr"?>', "euc-kr"),
        (b"<title>none</title>", None),
    ],
)
def test_declared_charset(head: bytes, expected: str | None) -> None:
    assert declared_charset(b"<html>" * bool(b"xml" not in head) + head) == expected


LINKED_DATA = """<script type="application/ld+json">{"@context": "https://schema.org", "@type": "NewsArticle",
"headline": "Boats in winter", "datePublished": "2020-02-03"}</script>"""


@pytest.mark.parametrize("head", ["", LINKED_DATA, LINKED_DATA.replace("{", "[")])
def test_title_and_date_are_those_of_the_library(head: str) -> None:
    html = PAGE.replace("<title>", f"{head}<title>").replace("published_time", "other")
    page = main_text(html.encode(), "https://ferry.example/2019/08/07/story")
    library = trafilatura.extract_metadata(
        html, "https://ferry.example/2019/08/07/story", {"max_date": "2035-12-31"}
    )
    assert (page.title, page.date) == (library.title, library.date)
    assert page.date == "2019-08-07"


def test_fragments_are_pages() -> None:
    assert STORY[0] in main_text(f"<div><p>{STORY[0]}</p><p>{STORY[1]}</p></div>".encode()).text


def test_page_text_keeps_all() -> None:
    assert "Shop now" in page_text(PAGE.encode()).text


def test_xml_paragraphs() -> None:
    xml = (
        b"<a><i>skip</i><t>Title</t><s><p>One <b>bold</b>\n word.</p><!-- no --><p>Two.</p></s></a>"
    )
    assert xml_text(xml, ("i",)) == "Title\n\nOne bold word.\n\nTwo."
    with pytest.raises(Unreadable, match="xml"):
        xml_text(b"")


def test_xml_entities_are_not_followed(tmp_path: object) -> None:
    xml = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><p>see &x; here</p></a>'
    assert "root" not in xml_text(xml)


HOSTILE = {
    "deep": b"<html><body>" + b"<div>" * 20_000 + b"text",
    "attribute": b'<html><p class="' + b"a" * 5_000_000 + b'">text</p>',
    "angles": b"<" * 50_000,
    "comments": b"<!--" * 50_000,
    "tables": b"<table>" * 2000 + b"text",
    "empty": b"",
    "spaces": b"  \n ",
    "nul": b"\0" * 1000,
    "bytes": bytes(range(256)) * 1000,
    "surrogate": b"<p>&#xD800; &#0; text</p>",
    "charset": b'<meta charset="no-such-charset"><p>text \xff</p>',
    "codec": b'<meta charset="base64"><p>text \xff</p>',
}


def test_hostile_pages_end() -> None:
    with Guarded(main_text, Limits(cpu_seconds=1)) as extract:
        for name, html in HOSTILE.items():
            with suppress(LimitExceeded, GuardedError):
                assert isinstance(extract(html, None).text, str), name
        assert STORY[0] in extract(PAGE.encode(), None).text
