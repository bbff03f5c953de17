"""PDFs of every kind the reader has to cope with: `python samples/make_pdfs.py --out DIR`.

Made with PyMuPDF and its bundled fonts; no time stamp, no random id, no host name is in the result,
so two runs give equal bytes. `truth.json` has, by file, the text that each page of the sound files shows.

| `single_column.pdf` | four pages with running header, page number and hyphenated line ends |
| `two_columns.pdf` | two pages in two columns under a title that spans both |
| `table.pdf` | a paragraph, a ruled table of numbers, a note |
| `hebrew.pdf`, `arabic.pdf` | right-to-left text with a sound text layer |
| `arabic_garbled.pdf` | the same page, its text layer in presentation forms and glyph numbers |
| `japanese.pdf`, `chinese.pdf` | a page each |
| `picture.pdf` | a page that is only a picture of text, between two pages of text |
| `hebrew_scan.pdf` | a page of text and one that is a picture of Hebrew, which the embedded OCR cannot read |
| `rotated.pdf` | two pages that are only pictures of text, one lying on its side, one upside down |
| `blank.pdf` | a blank page between two pages of text |
| `encrypted.pdf` | opens only with a password (`open sesame`) |
| `truncated.pdf`, `garbage.pdf`, `empty.pdf` | cut off, no PDF at all, no byte at all |
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import random
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pymupdf

HERE = Path(__file__).parent
WIDTH, HEIGHT = pymupdf.paper_size("a4")
MARGIN = 72
# Glyphs of the bundled Arabic font that its character map leaves out: parts and ligatures of lam.
LOST_GLYPHS = {
    0x1BE: "لا",
    0x1C1: "ل",
    0x1C2: "ل",
    0x1C4: "ل",
    0x62A: "آ",
    0x628: "\N{ARABIC LETTER ALEF}",
}

SYLLABLE_END = r"[aeiou](?=[b-df-hj-np-tv-z][aeiou])|([lmnprt])(?=\1)|[aeiou][lmnrs](?=[bdgkmpt])"

HAS_SYLLABLE = re.compile(r"[a-z]*[aeiouy]+[a-z]*[a-df-z]")  # more than a silent e

ESSAY = """\
A canal is a river that has been persuaded to be reasonable. It keeps to one level for as long \
as it can, and where the country will not let it, a lock lifts the boats from one level to the \
next. The idea is older than any engine: shut a gate behind the boat, let water in from above, \
wait, and open the gate in front.
The gates meet at a shallow angle that points upstream. The higher water presses them \
together, so the greater the difference in level, the tighter the joint, and no bolt or hinge \
has to bear the load. A child can open such a gate when the levels are equal, and twenty grown \
men cannot when they differ by a hand.
Water for the locks has to come from somewhere. Each boat that crosses the summit takes two \
lockfuls with it, one down either side, and in a dry summer the traffic could empty the \
highest pound within a week. The builders therefore dug reservoirs in the hills, and argued \
with the millers about every stream.
On the towpath the horses walked at the pace of a thoughtful person. One horse could draw \
fifty times on water what it could draw on a road, provided that nobody was in a hurry. Where \
the path changed sides, a bridge turned back over itself like a snail shell, so that the rope \
need not be untied.
Railways took the hurry away with them and the trade followed. For eighty years weeds grew in \
the locks, and the reservoirs became lakes with sailing boats. Then people came back with \
spades at weekends, not to carry coal but to see whether it could be done, and on a wet Sunday \
in May the first gate swung open.
What travels on the water now is mostly leisure, some gravel, and a floating bookshop. The \
keeper of the summit lock says that the boats have become slower and the people faster. She \
still writes down each passage by hand, the name, the hour and the level, since a ledger has \
never run out of battery."""

LETTER = """\
Dear reader, this page was printed, scanned and thrown away. What you see is a picture: it has \
no letters in it, only dots that look like letters. A program that asks the file for its text \
will be told that there is none, although anyone with eyes can read it. That is why some pages \
have to be read by a model."""

TURNED = (
    """\
Whoever fed this sheet into the scanner was looking out of the window. It went in sideways, and \
sideways it has stayed, with the left margin at the top. The words are in good order and only \
want turning by a quarter.""",
    """\
This one went in the other way round. Its first line stands at the foot of the page with its \
feet in the air, as a bat would print it. Half a turn puts it right, and nothing is lost but \
a little dignity.""",
)

RIVERS = (
    ("Gauge", "Low (cm)", "Mean (cm)", "High (cm)", "Year"),
    ("Alderbridge", "41", "118", "396", "1983"),
    ("Fennick Weir", "22", "97", "288", "2002"),
    ("Old Salt Quay", "150", "231", "512", "1954"),
    ("Thornmouth", "8", "64", "177", "2013"),
    ("Upper Mere", "35", "71", "149", "1997"),
)


def make_pdfs(out: Path) -> str:
    """Write the files and `truth.json` into `out`; returns one line that says what was written."""
    out.mkdir(parents=True, exist_ok=True)
    truth: dict[str, list[str]] = {}
    for name, (document, pages) in _documents().items():
        truth[name] = pages
        (out / name).write_bytes(_bytes(document))
    secret = "Nobody reads this page without the word that opens the mountain."
    (out / "encrypted.pdf").write_bytes(_encrypted(secret, "open sesame"))
    whole = (out / "single_column.pdf").read_bytes()
    (out / "truncated.pdf").write_bytes(whole[: len(whole) * 3 // 5])
    (out / "garbage.pdf").write_bytes(random.Random("pdf").randbytes(5000))
    (out / "empty.pdf").write_bytes(b"")
    (out / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1), "utf-8")
    files = sorted(out.glob("*.pdf"))
    size = sum(path.stat().st_size for path in files)
    return f"pdf: {len(files)} files, {size / 1e3:.0f} kB in {out}"


def _documents() -> dict[str, tuple[pymupdf.Document, list[str]]]:
    return {
        "single_column.pdf": _single_column(),
        "two_columns.pdf": _two_columns(),
        "table.pdf": _table(),
        "hebrew.pdf": _language_page("heb_Hebr", "rtl"),
        "arabic.pdf": _mended(_language_page("arb_Arab", "rtl")),
        "arabic_garbled.pdf": _language_page("arb_Arab", "rtl"),
        "japanese.pdf": _language_page("jpn_Jpan"),
        "chinese.pdf": _language_page("zho_Hans"),
        "picture.pdf": _picture(),
        "hebrew_scan.pdf": _hebrew_scan(),
        "rotated.pdf": _rotated(),
        "blank.pdf": _blank(),
    }


def _bytes(document: pymupdf.Document) -> bytes:
    document.set_metadata({})
    content: bytes = document.tobytes(garbage=4, deflate=True, no_new_id=True)
    return content


def _page(document: pymupdf.Document) -> pymupdf.Page:
    return document.new_page(width=WIDTH, height=HEIGHT)


def _single_column() -> tuple[pymupdf.Document, list[str]]:
    """Lines are set one by one, so that the hyphens at their ends are where we say."""
    document = pymupdf.open()
    paragraphs = ESSAY.splitlines()
    pages = [paragraphs[0:2], paragraphs[2:4], paragraphs[4:5], paragraphs[5:6]]
    for number, page_paragraphs in enumerate(pages, 1):
        page = _page(document)
        page.insert_text((MARGIN, 40), "On Canals and Patience", fontname="tiit", fontsize=9)
        page.insert_text(
            (WIDTH / 2 - 10, HEIGHT - 36), f"- {number} -", fontname="tiro", fontsize=9
        )
        top = 90
        for paragraph in page_paragraphs:
            for line in _hyphenated(paragraph, 59):
                page.insert_text((MARGIN, top), line, fontname="tiro", fontsize=14)
                top += 19
            top += 12
    return document, ["\n\n".join(page) for page in pages]


def _hyphenated(paragraph: str, width: int) -> list[str]:
    """Lines of at most `width` characters; a long word at the end is cut between two syllables."""
    lines, line = [], ""
    for word in paragraph.split():
        if len(line) + 1 + len(word) <= width:
            line = f"{line} {word}".strip()
            continue
        room = width - len(line) - 2  # what a space and a hyphen leave
        cuts = [match.end() for match in re.finditer(SYLLABLE_END, word)]
        cut = max((c for c in cuts if 2 <= c <= room and HAS_SYLLABLE.match(word[c:])), default=0)
        lines.append(f"{line} {word[:cut]}-" if cut else line)
        line = word[cut:]
    return [*lines, line]


def _two_columns() -> tuple[pymupdf.Document, list[str]]:
    document = pymupdf.open()
    paragraphs = ESSAY.splitlines()
    halves = [paragraphs[:3], paragraphs[3:]]
    gap = 18
    column = (WIDTH - 2 * MARGIN - gap) / 2
    for number, half in enumerate(halves):
        page = _page(document)
        title = ("How Water Learned to Climb", "How Water Learned to Climb, continued")[number]
        page.insert_text((MARGIN, 80), title, fontname="hebo", fontsize=18)
        # the first column ends in the middle of the text, wherever it is full
        words = "\n".join(half).split(" ")
        left = words[: len(words) * 11 // 20]
        for side, part in enumerate((left, words[len(left) :])):
            x = MARGIN + side * (column + gap)
            box = pymupdf.Rect(x, 110, x + column, HEIGHT - MARGIN)
            rest = page.insert_textbox(box, " ".join(part), fontname="tiro", fontsize=11)
            assert rest >= 0, "the column must hold its text"
    return document, ["\n\n".join(half) for half in halves]


def _table() -> tuple[pymupdf.Document, list[str]]:
    document = pymupdf.open()
    page = _page(document)
    before, after = "Water levels at five gauges, in centimetres.", "The year is that of the flood."
    page.insert_text((MARGIN, 100), before, fontname="helv", fontsize=12)
    height, width = 24, (WIDTH - 2 * MARGIN) / len(RIVERS[0])
    for row, cells in enumerate(RIVERS):
        for number, cell in enumerate(cells):
            x, y = MARGIN + number * width, 120 + row * height
            page.draw_rect(pymupdf.Rect(x, y, x + width, y + height), width=0.7)
            font = "hebo" if row == 0 else "helv"
            page.insert_text((x + 5, y + 16), cell, fontname=font, fontsize=10)
    page.insert_text((MARGIN, 300), after, fontname="helv", fontsize=12)
    return document, ["\n".join([before, *(" ".join(cells) for cells in RIVERS), after])]


def _language_page(language: str, direction: str = "ltr") -> tuple[pymupdf.Document, list[str]]:
    lines = (HERE / "languages.jsonl").read_text("utf-8").splitlines()
    item = next(i for i in map(json.loads, lines) if i["lang"] == language)
    paragraphs = [item["title"], *item["text"].split("\n\n")]
    document = pymupdf.open()
    _html_page(document, paragraphs, direction)
    return document, ["\n\n".join(paragraphs)]


def _html_page(
    document: pymupdf.Document, paragraphs: Sequence[str], direction: str = "ltr"
) -> None:
    box = pymupdf.Rect(MARGIN, MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN)
    body = "".join(f'<p dir="{direction}">{html.escape(text)}</p>' for text in paragraphs)
    spare, _ = _page(document).insert_htmlbox(box, body, css="p { font-size: 13px }")
    assert spare >= 0, "the page must hold its text"
    if direction == "ltr":
        document.subset_fonts()


def _mended(made: tuple[pymupdf.Document, list[str]]) -> tuple[pymupdf.Document, list[str]]:
    """Give every Arabic glyph of the document the letters that it stands for."""
    document, pages = made
    for xref in range(1, document.xref_length()):
        kind, value = document.xref_get_key(xref, "ToUnicode")
        if kind == "xref" and "Arabic" in document.xref_get_key(xref, "BaseFont")[1]:
            stream = int(value.split()[0])
            document.update_stream(stream, _mended_map(document.xref_stream(stream)))
    return document, pages


def _mended_map(stream: bytes) -> bytes:
    """Presentation forms become letters, alone and in ranges; the lost glyphs are put in."""

    def letters(match: re.Match[str]) -> str:
        return f"{match[1]} {_letters(int(match[2], 16))}"

    def ranges(match: re.Match[str]) -> str:
        first, last, code = (int(match[group], 16) for group in (1, 2, 3))
        found = " ".join(_letters(code + i) for i in range(last - first + 1))
        return f"<{match[1]}> <{match[2]}> [{found}]"

    text = re.sub(r"(?m)^(<\w{4}>) <(f[be]\w\w)>$", letters, stream.decode("ascii"))
    text = re.sub(r"(?m)^<(\w{4})> ?<(\w{4})> ?<(f[be]\w\w)>$", ranges, text)
    lost = "".join(f"<{glyph:04x}> {_hex(found)}\n" for glyph, found in LOST_GLYPHS.items())
    more = f"{len(LOST_GLYPHS)} beginbfchar\n{lost}endbfchar\nendcmap"
    return text.replace("endcmap", more).encode("ascii")


def _letters(code: int) -> str:
    return _hex(unicodedata.normalize("NFKC", chr(code)))


def _hex(text: str) -> str:
    return f"<{text.encode('utf-16-be').hex()}>"


def _picture() -> tuple[pymupdf.Document, list[str]]:
    document, (first, last) = pymupdf.open(), ESSAY.splitlines()[:2]
    _html_page(document, [first])
    _page(document).insert_image(pymupdf.Rect(0, 0, WIDTH, HEIGHT), pixmap=_pixels(LETTER))
    _html_page(document, [last])
    return document, [first, LETTER, last]


def _hebrew_scan() -> tuple[pymupdf.Document, list[str]]:
    drawn, (text,) = _language_page("heb_Hebr", "rtl")
    document, first = pymupdf.open(), ESSAY.splitlines()[4]
    _html_page(document, [first])
    pixels = drawn[0].get_pixmap(dpi=110, colorspace=pymupdf.csGRAY)
    _page(document).insert_image(pymupdf.Rect(0, 0, WIDTH, HEIGHT), pixmap=pixels)
    return document, [first, text]


def _rotated() -> tuple[pymupdf.Document, list[str]]:
    document = pymupdf.open()
    for text, turn in zip(TURNED, (90, 180), strict=True):
        width, height = (HEIGHT, WIDTH) if turn == 90 else (WIDTH, HEIGHT)
        page = document.new_page(width=width, height=height)
        page.insert_image(page.rect, pixmap=_pixels(text), rotate=turn)
    return document, list(TURNED)


def _pixels(text: str) -> pymupdf.Pixmap:
    """A page with this text, as a scanner sees it."""
    drawn = pymupdf.open()
    _html_page(drawn, [text])
    return drawn[0].get_pixmap(dpi=110, colorspace=pymupdf.csGRAY)


def _blank() -> tuple[pymupdf.Document, list[str]]:
    document, (first, last) = pymupdf.open(), ESSAY.splitlines()[2:4]
    _html_page(document, [first])
    _page(document)
    _html_page(document, [last])
    return document, [first, "", last]


def _encrypted(text: str, password: str) -> bytes:
    """One page by hand, with the standard handler of revision 3 (ISO 32000-1, 7.6): PyMuPDF would
    put a random id into it."""
    padded = (password.encode() + _PADDING)[:32]
    identity = hashlib.md5(text.encode()).digest()
    owner = _many_rc4(_md5(padded, 51), padded)
    key = _md5(padded + owner + (-4).to_bytes(4, "little", signed=True) + identity, 51)
    user = _many_rc4(key, hashlib.md5(_PADDING + identity).digest()) + bytes(16)
    content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode("ascii")
    content = _rc4(hashlib.md5(key + b"\5\0\0\0\0").digest(), content)  # of object 5, generation 0
    page = b"/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</Font<</F1 4 0 R>>>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page" + page + b">>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(content), content),
        b"<</Filter/Standard/V 2/R 3/Length 128/P -4/O<%b>/U<%b>>>"
        % (owner.hex().encode(), user.hex().encode()),
    ]
    file, places = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, item)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    table = b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, rows)
    ids = b"<%b>" % identity.hex().encode() * 2
    trailer = b"<</Size %d/Root 1 0 R/Encrypt 6 0 R/ID[%b]>>" % (len(objects) + 1, ids)
    return file + table + b"trailer\n%b\nstartxref\n%d\n%%%%EOF\n" % (trailer, len(file))


_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def _md5(data: bytes, times: int) -> bytes:
    for _ in range(times):
        data = hashlib.md5(data).digest()
    return data


def _many_rc4(key: bytes, data: bytes) -> bytes:
    for step in range(20):
        data = _rc4(bytes(byte ^ step for byte in key), data)
    return data


def _rc4(key: bytes, data: bytes) -> bytes:
    box, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    print(make_pdfs(parser.parse_args().out))


if __name__ == "__main__":
    main()
