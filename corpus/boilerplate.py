"""Lines of a page's main text that are still no content: which they are, and the text without them.

An extractor chooses a region of the page; within it stand lines that its author did not write as part of the text.
Four kinds can be told from the page itself, in any language:

- links to other pages of the site: a paragraph that is a label with a colon and a link ("Read more: …"), or hardly
  anything but links to the same site;
- notes on origin: date and author as the markup names them (`time`, microdata), credits, copyright, disclosures;
- a line that opens with a copyright sign or the word;
- the title, and the short lines above it (section, date): the title is a field of its own.

A text under `SHORT` characters stays as it is (there, the title may be all the context), and so does one of which
more than half would go: a page of links, where links are what it says. Lines are compared by their letters and digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urljoin, urlsplit

from lxml import etree

SHORT = 1000  # characters of text
_BLOCKS = ("p", "blockquote", "div")
_INLINE = frozenset(
    (
        *("a", "abbr", "b", "cite", "em", "font", "i", "img", "mark", "path", "q", "small"),
        *("span", "strong", "sub", "sup", "svg", "time", "u"),
    )
)
_LINK_TEXT = 20  # characters: a headline, not a name or "here"
_LINK_SHARE = 2 / 3  # of the characters of a paragraph of links
_LABEL = 40  # characters of a label, with its colon
_COLONS = (":", "：")
_SENTENCE_ENDS = (".", "!", "?", "。")
_NOTE_CLASS = re.compile("credit|copyright|disclosure|disclaimer", re.IGNORECASE)
_NOTE_FIELDS = frozenset(("author", "dateCreated", "dateModified", "datePublished", "publisher"))
_NOTE_TAGS = ("div", "p", "span", "section", "aside", "small", "em", "figcaption", "ul", "dl", "li")
_NOTE = 300  # characters: what is longer is a section, whatever its class says
_FIELD = 100  # characters of a date or a name
_COPYRIGHT = re.compile(r"\W{0,3}(?:©|ⓒ|\(c\)|copyright\b)", re.IGNORECASE)
_COPYRIGHT_LINE = 250  # characters
_ABOVE = 4  # lines among which the title is looked for
_SHORT_LINE = 100  # characters
_TITLE = 8  # letters and digits under which a line is not taken for the title
_PART = 12  # the same for a line that is a part of the title, or has it as a part


def without_boilerplate(text: str, page: etree._Element, title: str | None, url: str | None) -> str:
    """The main text `text` of `page` without the lines that are boilerplate. `url` tells the page's site; without
    it only relative links are known to stay on the site."""
    if len(text) < SHORT:
        return text
    boilerplate = frozenset((*_linked_lines(page, url), *_noted_lines(page)))
    titles = (title or "", *(_text(heading) for heading in page.iter("h1")))
    kept = "\n".join(
        line
        for line in _below_title(text.split("\n"), [_key(one) for one in titles])
        if _key(line) not in boilerplate and not _is_copyright(line)
    )
    return kept if 2 * len(kept) >= len(text) else text


def _linked_lines(page: etree._Element, url: str | None) -> Iterator[str]:
    site = _site(url or "")
    for block in page.iter(*_BLOCKS):
        if _is_line_block(block) and _is_links(block, site):
            yield from _keys(block)


def _is_line_block(block: etree._Element) -> bool:
    return all(inner.tag in _INLINE or inner.tag == "br" for inner in block.iterdescendants())


def _is_links(block: etree._Element, site: str) -> bool:
    """A label and a link, or hardly anything but links to the site, none of them to a part of the page itself."""
    found = ((_text(link), link.get("href") or "#") for link in block.iter("a"))
    links = {text: href for text, href in found if text and not href.startswith("#")}
    if sum(map(len, links)) < _LINK_TEXT:
        return False
    whole = _text(block)
    before, beside = _beside(whole, links)
    if before.endswith(_COLONS) and len(before) <= _LABEL and len(beside) <= len(before) + 2:
        return True
    return (
        len(whole) - len(beside) >= _LINK_SHARE * len(whole)
        and not beside.endswith(_SENTENCE_ENDS)
        and all(_site(href) in ("", site) for href in links.values())
    )


def _beside(whole: str, links: Iterable[str]) -> tuple[str, str]:
    """What stands before the first of the links, and all that stands beside them."""
    for link in links:
        whole = whole.replace(link, "\0", 1)
    return whole.split("\0")[0].strip(), " ".join(whole.replace("\0", " ").split())


def _site(url: str) -> str:
    """The host of a URL, "" where it is relative or none."""
    try:
        return urlsplit(urljoin("http:", url)).netloc.lower().removeprefix("www.")
    except ValueError:
        return ""


def _noted_lines(page: etree._Element) -> Iterator[str]:
    for element in page.iter(*_NOTE_TAGS, "a", "time"):
        limit = _FIELD if _is_field(element) else _NOTE if _is_note(element) else 0
        if limit and len(_text(element)) <= limit:
            yield from _keys(element)


def _is_field(element: etree._Element) -> bool:
    return element.tag == "time" or element.get("itemprop") in _NOTE_FIELDS


def _is_note(element: etree._Element) -> bool:
    names = f"{element.get('class', '')} {element.get('id', '')}"
    return element.tag in _NOTE_TAGS and _NOTE_CLASS.search(names) is not None


def _is_copyright(line: str) -> bool:
    return len(line) <= _COPYRIGHT_LINE and _COPYRIGHT.match(line) is not None


def _below_title(lines: list[str], titles: list[str]) -> list[str]:
    """The lines after the title where it stands near the top with nothing but short lines above it."""
    for above, line in enumerate(lines[:_ABOVE]):
        if _is_title(_key(line), titles):
            return lines[above + 1 :]
        if len(line) > _SHORT_LINE:
            break
    return lines


def _is_title(line: str, titles: list[str]) -> bool:
    """Equal to a title, or the larger part of one (without the site's name), or one with a little more."""
    return len(line) >= _TITLE and any(
        line == title
        or (len(short) >= _PART and 2 * len(short) >= len(long) and long.startswith(short))
        for title in titles
        for short, long in [sorted((line, title), key=len)]
    )


def _text(element: etree._Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _keys(element: etree._Element) -> Iterator[str]:
    """The keys of the lines that an element shows: blocks and `br` break them."""
    parts: list[str] = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if node.tag not in _INLINE:
            parts.append("\n")
        if event == "start":
            parts.append((node.text or "").replace("\n", " "))
        elif node is not element:
            parts.append((node.tail or "").replace("\n", " "))
    return (key for line in "".join(parts).split("\n") if (key := _key(line)))


def _key(line: str) -> str:
    return "".join(filter(str.isalnum, line.lower()))
