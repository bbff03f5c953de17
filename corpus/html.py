"""The main text of an HTML page, without menus, adverts and footers.

The library is trafilatura, with its defaults but for comments; `corpus.boilerplate` takes out the lines that are still
no content. Measured with `make bench-main_text` on 2026-11-22 on a shared machine (CPU seconds of one core; ours gives
title and date too, the others the text alone; the score of each set is its own project's):

| | aeb F1 | pages/s | trafilatura F1 | pages/s | readability F1 | pages/s |
|---|---|---|---|---|---|---|
| this module | 0.9726 | 31 | 0.9269 | 19 | 0.9400 | 19 |
| trafilatura 2.3.1, no comments | 0.9657 | 32 | 0.9214 | 32 | 0.9399 | 29 |
| the same, with title and date | 0.9657 | 29 | 0.9214 | 17 | 0.9399 | 18 |
| the same, `favor_precision` | 0.9715 | 36 | 0.9167 | 28 | 0.9299 | 29 |
| the same, `favor_recall` | 0.9645 | 62 | 0.9164 | 36 | 0.9398 | 45 |
| resiliparse 2.0.1, main content | 0.9407 | 412 | 0.8534 | 361 | 0.9611 | 428 |
| jusText 3.0.2 | 0.8459 | 51 | 0.8495 | 37 | 0.8663 | 56 |

Where trafilatura finds nothing, resiliparse's main content is taken.

All functions parse in this process: call them through `corpus.limits.Guarded`. `page_text` gives
all text of a page that has nothing around its content, where `main_text` may take a heading or a
list for a menu; `xml_text` gives the text of an XML document that is all content (help pages,
articles), paragraph by paragraph.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import trafilatura
from htmldate import find_date
from lxml import etree
from resiliparse.extract.html2text import extract_plain_text
from trafilatura import load_html
from trafilatura.metadata import (
    Document,
    examine_meta,
    extract_meta_json,
    extract_title,
    extract_url,
)

from corpus.boilerplate import without_boilerplate
from corpus.charset import decode
from corpus.limits import Unreadable

PROVENANCE = f"html/trafilatura-{importlib.metadata.version('trafilatura')}"
PAGE_PROVENANCE = f"html/resiliparse-{importlib.metadata.version('resiliparse')}"
XML_PROVENANCE = f"xml/lxml-{importlib.metadata.version('lxml')}"
_DECLARED = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_HEAD = 4096  # bytes in which a declared charset is looked for; WHATWG asks for 1024
_LANGUAGE = re.compile(
    r"""<html\b[^>]{0,2000}?\slang\s*=\s*["']?([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*)""",
    re.IGNORECASE,
)
_LANGUAGE_HEAD = 20000  # characters
_ELEMENT = re.compile(r"<(?:html|body)\b", re.IGNORECASE)
_DATES: Mapping[str, Any] = {
    "original_date": True,
    "extensive_search": True,
    "max_date": "2035-12-31",
}  # no clock
_MAIN: Mapping[str, Any] = {
    "main_content": True,
    "preserve_formatting": True,
    "alt_texts": False,
    "comments": False,
    "links": False,
}


@dataclass(frozen=True, kw_only=True)
class MainText:
    """What a page says. `text` is "" when there is none; None stands for what it does not say."""

    text: str
    title: str | None
    date: str | None  # ISO 8601
    provenance: str  # the extractor that found the text
    language: str | None  # as declared: BCP 47
    charset: str


def main_text(html: bytes, url: str | None = None, charset: str | None = None) -> MainText:
    """The main text of a page. `charset` is what the transport declared, if it did."""
    page, used = decode(html, charset or declared_charset(html))
    tree = _tree(page)
    about = Document() if tree is None else _about(tree, url)
    text, provenance = "" if tree is None else _extracted(tree, about), PROVENANCE
    if not text.strip():
        text, provenance = extract_plain_text(page, **_MAIN), PAGE_PROVENANCE
    return MainText(
        text=text,
        title=about.title or None,
        date=about.date or None,
        provenance=provenance,
        language=_declared_language(page),
        charset=used,
    )


def _tree(page: str) -> Any:
    """The parsed page, None where there is nothing to parse."""
    if not page.strip():
        return None
    if not _ELEMENT.search(page):  # a fragment, which trafilatura takes for no HTML
        page = f"<html><body>{page}</body></html>"
    return load_html(page)


def _about(tree: Any, url: str | None) -> Document:
    """Title, date and URL, found as `trafilatura.extract_metadata` finds them, without its other fields."""
    about = examine_meta(tree)
    with suppress(Exception):  # of any kind, from JSON-LD that is not what it should be
        about = extract_meta_json(tree, about)
    about.title = about.title or extract_title(tree)
    about.url = about.url or extract_url(tree, url)
    about.date = find_date(tree, url=about.url, **_DATES)
    about.clean_and_trim()
    return about


def _extracted(tree: Any, about: Document) -> str:
    found: Any = trafilatura.bare_extraction(tree, url=about.url, include_comments=False)
    text = (found.text or "") if found else ""
    return without_boilerplate(text, tree, about.title, about.url)


def _declared_language(page: str) -> str | None:
    found = _LANGUAGE.search(page[:_LANGUAGE_HEAD])
    return found[1] if found else None


def page_text(html: bytes, url: str | None = None, charset: str | None = None) -> MainText:
    """The whole text of a page that is all content; `title` and `date` are None."""
    page, used = decode(html, charset or declared_charset(html))
    text = extract_plain_text(page, preserve_formatting=True, alt_texts=False, form_fields=False)
    return MainText(
        text=text,
        title=None,
        date=None,
        provenance=PAGE_PROVENANCE,
        language=_declared_language(page),
        charset=used,
    )


def declared_charset(html: bytes) -> str | None:
    """The charset that a `meta` element or an XML declaration names."""
    found = _DECLARED.search(html[:_HEAD]) or re.search(
        rb"""encoding=["']([\w.:-]{1,40})""", html[:100]
    )
    return found[1].decode("ascii").lower() if found else None


def xml_text(xml: bytes, ignore: tuple[str, ...] = ()) -> str:
    """The paragraphs of an XML document, without the elements named in `ignore`, one line each,
    blank line between."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("xml", str(error)) from error
    if root is None:
        raise Unreadable("xml", "no element")
    return "\n\n".join(_paragraphs(root, frozenset(ignore)))


def _paragraphs(root: etree._Element, ignore: frozenset[str]) -> Iterator[str]:
    """A paragraph is the outermost element with text beside its children."""
    pending = [root]
    while pending:
        element = pending.pop()
        if not isinstance(element.tag, str) or etree.QName(element).localname in ignore:
            continue
        children = list(element)
        own = (element.text, *(child.tail for child in children))
        if any((part or "").strip() for part in own):
            yield " ".join(_all_text(element, ignore).split())
        else:
            pending.extend(reversed(children))


def _all_text(element: etree._Element, ignore: frozenset[str]) -> str:
    parts = [element.text or ""]
    pending: list[etree._Element | str] = list(
        reversed(element)
    )  # elements, whose text is to come, and tails
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        pending.append(node.tail or "")
        if isinstance(node.tag, str) and etree.QName(node).localname not in ignore:
            parts.append(node.text or "")
            pending.extend(reversed(node))
    return "".join(parts)
