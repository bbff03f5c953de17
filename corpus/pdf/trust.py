"""Whether the text that a PDF page carries is to be believed, and the features that this is decided
on.

| feature | meaning |
|---|---|
| `n_chars` | characters of text without white space |
| `garbled_share` | of these, those without a meaning: U+FFFD, private use, control characters |
| `odd_word_share` | of these, those in words that mix letters with digits or symbols |
| `invisible_share` | of these, those drawn without fill or stroke, or wholly transparent: the text layer of a scan |
| `image_share` | of the page's area that images cover (0 to 1; overlaps count once) |
| `fonts_without_unicode` | composite and Type 3 fonts without a ToUnicode map |
| `uniform` | the page, when rendered, is of one colour (looked at only where there is no text) |
| `reader` | `mupdf`, or `pdfium` where its text was better |

Those of a page that OCR read stand in `corpus.pdf.ocr`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Literal

MAX_GARBLED = 0.05
MAX_ODD_WORDS = (
    0.85  # tables of code and options reach 0.7 on pages of debian-reference that are read well
)
MAX_ODD_WORDS_OF_SCAN = 0.12  # where the text is the invisible layer of a scan
MIN_CHARS = 50  # below, no word is called odd
SCAN_IMAGE = 0.5  # of the area
FEW_CHARS = 50  # on a page that is mostly picture: its text is in the picture
MIN_CHARS_OF_OCR = 3  # it reads a letter into a blot or a tick box
MIN_CONFIDENCE = 0.9  # of OCR, over the characters of a page; Greek, which it cannot read, has 0.88
MIN_DENSITY = (
    0.4  # letters per line height of line; Cyrillic, of which it reads the commas, has 0.0
)
MAX_DOUBTFUL = 0.2  # share of its characters in lines that OCR is not sure of
MAX_ODD_WORDS_OF_OCR = 0.2
MAX_INK_OF_BLANK = 0.002  # of a page on which OCR finds no line: specks
_WORDS = re.compile(r"\S{2,}")
_EDGES = "()[]{}<>«»„“”\"'‘’`.,;:!?…*-–—/|•·"
_PLAIN = re.compile(
    r"[^\W\d_]+(?:['’./@:_&-]+[^\W\d_]+)*|[\W\d_]*[\d\W_]+[\W\d_]*|[\w.+-]+@[\w.-]+|\w+://\S+|\w*\d\w{0,2}"
)

Arm = Literal["text", "ocr", "blank", "untrusted"]


def arm_of(features: Mapping[str, float | int | bool | str]) -> Arm:
    """What to do with the page."""
    if not features["n_chars"]:
        return "blank" if features.get("uniform") else "untrusted"
    image, odd = float(features["image_share"]), float(features["odd_word_share"])
    if float(features["garbled_share"]) > MAX_GARBLED or odd > MAX_ODD_WORDS:
        return "untrusted"
    if image > SCAN_IMAGE and float(features["n_chars"]) < FEW_CHARS:
        return "untrusted"
    scan = image > SCAN_IMAGE and float(features["invisible_share"]) > 0.5
    return "untrusted" if scan and odd > MAX_ODD_WORDS_OF_SCAN else "text"


def ocr_arm(features: Mapping[str, float | int | bool | str]) -> Arm:
    """What to do with a page that OCR has read."""
    if not features["ocr_chars"]:
        return "blank" if float(features["ink"]) <= MAX_INK_OF_BLANK else "untrusted"
    sure = (
        not features["ocr_unread"]
        and int(features["ocr_chars"]) >= MIN_CHARS_OF_OCR
        and float(features["ocr_confidence"]) >= MIN_CONFIDENCE
        and float(features["ocr_density"]) >= MIN_DENSITY
        and float(features["ocr_doubtful_share"]) <= MAX_DOUBTFUL
        and float(features["ocr_odd_word_share"]) <= MAX_ODD_WORDS_OF_OCR
    )
    return "ocr" if sure else "untrusted"


def text_features(text: str) -> dict[str, float | int]:
    """The features that the text alone gives."""
    chars = [char for char in text if not char.isspace()]
    garbled = sum(count for char, count in Counter(chars).items() if is_garbled(char))
    words = (stripped for word in _WORDS.findall(text) if len(stripped := word.strip(_EDGES)) > 1)
    odd = sum(len(word) for word in words if is_odd_word(word)) if len(chars) >= MIN_CHARS else 0
    return {
        "n_chars": len(chars),
        "garbled_share": round(garbled / len(chars), 4) if chars else 0.0,
        "odd_word_share": round(odd / len(chars), 4) if chars else 0.0,
    }


def is_garbled(char: str) -> bool:
    """Whether this stands for a glyph that has no character."""
    return char == "\ufffd" or unicodedata.category(char) in ("Co", "Cc", "Cn", "Cs")


def is_odd_word(word: str) -> bool:
    """`7KLV`, `w|th`, `tHe`: no word of a language, nor a number, name or address."""
    if word.isascii() and word.isalpha():
        return not (word.islower() or word.isupper() or word[1:].islower()) and bool(
            re.search("[a-z][A-Z][a-z]|^[a-z][A-Z]", word)
        )
    has_latin = re.search("[A-Za-z\u00c0-\u024f]", word) is not None
    return has_latin and not word.isalpha() and not _PLAIN.fullmatch(word)
