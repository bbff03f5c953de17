"""Telephone numbers in text, by the numbering plans of libphonenumber (the package phonenumbers).

A run of digits is a number where one of these holds:

- it begins with `+` (or `00`) and a country's code, and is valid there; a possible length is enough where it is
  written in groups or behind a word for it (`+41 (0)96 471 07 95`);
- it is written as North America writes them, `212-736-5000`, `(212) 736-5000`, `212.736.5000`, with an area code
  that exists;
- it begins with the 0 that many countries dial before the area code, or with an area code in parentheses, is
  written in groups, and is valid in a country that would write the same first group (`0494 92 82 32`, `(11)
  91234-5678`);
- a word for a telephone stands before it or behind it (`WORDS`, in some sixty languages), and it has 7 to 15
  digits.

So a number in local form without area code, parentheses or a word for it is not found: nothing tells it from
any other number. No numbers: dates, years, decimals, postal codes, what is joined to letters, and what a word like
ISBN stands before; nor what is kept for fiction (the exchange 555 of North America, 07700 900 in Britain). An
extension (`x123`) belongs to the span. Of the numbers on one line, those are told apart that more than a space
parts; a run of more than 17 digits is a table.
"""

from __future__ import annotations

import itertools
import re
from functools import cache, lru_cache
from typing import Any

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat

Found = tuple[int, int]

# patterns in lower case, between two characters that are none of a word; then those of scripts without spaces
WORDS = """
tels? telephones? phones? ph mobile mob cell cellphone desk calls? dial fax faxes whatsapp viber telegram
sms hotline helpline landline contact voicemail switchboard ext t[eé]l[eé]phone t[eé]l appele[rz] contactez
telefonnummer telefonisch handy mobil mobiltelefon rufnummer anruf durchwahl tlf tfn tel[eé]fonos? m[oó]vil
celular ll[aá]ma[rn]?(?:os)? fono telem[oó]vel telefones? ligue contato contacto cellulare chiam[ai]
chiamare chiamaci telefoon telefoonnummer mobiel gsm telefon[aeoiuyěů]? telefonn[aey] kom[oó]rk[aiy] kontakt
zadzwo[nń] mobiln[ií] volejte puhelin puh soita matkapuhelin telefonszám mobilszám hívja telefonas tālrunis
tālr s[ií]mi fón ffôn selfoon telepon hubungi điện.thoại đt sđt di.động simu telepono telefòn cep
arayın(?:ız)? zəng qo['‘]ng['‘]iroq celulari teli ucingo τηλ τηλέφων[οα] κινητό φαξ тел телефон[аыуи]? моб
мобильный факс звоните мобільний дзвоніть мобилен утас հեռ հեռախոս ტელ ტელეფონი هاتف الهاتف تليفون تلفون
جوال موبايل فاكس اتصل للاتصال تلفن موبایل همراه فون טלפון טל נייד פקס फ़ोन फोन दूरभाष मोबाइल संपर्क ফোন
মোবাইল ਫ਼ੋਨ ਫੋਨ ફોન મોબાઇલ தொலைபேசி கைபேசி போன் ఫోన్ మొబైల్ ಫೋನ್ ದೂರವಾಣಿ ഫോൺ දුරකථන
"""
_UNSPACED = """
电话 電話 手机 手機 传真 傳真 热线 致电 联系方式 携帯 ファックス 전화 휴대폰 연락처 팩스 โทร มือถือ ໂທ ទូរស័ព្ទ ဖုန်း
"""
_WORD = re.compile(
    rf"(?:(?<!\w)(?:{'|'.join(WORDS.split())})(?!\w)|{'|'.join(_UNSPACED.split())})[^\d\n]{{0,20}}\n?[^\d\n]{{0,4}}\Z"
)
_WORD_BEHIND = re.compile(
    r"[\s(,;-]{1,3}(?:fax|tel|telephone|phone|mobile|mobil|cell|office|home|work)\b", re.IGNORECASE
)
_OTHER_WORD = re.compile(
    r"\b(?:isbn(?:-1[03])?|issn|doi|ean|upc|gtin|pmid|arxiv|oclc|lccn|isni|orcid|asin|sku|rfc)"
    r"[\s.:#°=]{0,4}\Z",
    re.IGNORECASE,
)
_GLUED = re.compile(r"[\w$€£¥₹₽%&#@=~^]\Z|\d ?[.,:/+]\Z|\w[/+-]\Z")
_GLUED_BEHIND = re.compile(r"[\w%€$£¥₹°=@_]|[.,:-][\w(]|\s?(?:%|€|USD|EUR|km|kg|mm|cm)\b")
_DATE = re.compile(
    r"(?:1\d|20)\d\d([-./ ])(?:0?[1-9]|1[0-2])\1(?:[0-2]?\d|3[01])(?!\d)|"
    r"(?:[0-2]?\d|3[01])([-./])(?:[0-2]?\d|3[01])\2(?:1\d|20)?\d\d(?![-./]?\d)|"
    r"(?:[0-2]?\d|3[01]) (?:[0-2]?\d|3[01]) (?:1\d|20)\d\d(?!\d)|"
    r"(?:1\d|20)\d\d ?[-/] ?(?:1\d|20)\d\d$|(?:1[5-9]|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:\d{6})?$"
)
_AMERICAN = re.compile(
    r"(?:1[-. ]{1,2})?(?:\([2-9]\d\d\)[-. ]{0,2}[2-9]\d\d[-. ]|[2-9]\d\d([-.])[2-9]\d\d\1)\d{4}\Z"
)
_TRUNK = re.compile(r"\(?0[1-9]\d{0,4}\)?[-. /]{1,2}\d{2,9}(?:[-. ]\d{2,8}){0,4}\Z")
_AREA = re.compile(r"(?:[18][-. ]?)?\(\d{2,5}\)[-. ]{0,2}\d{2,8}(?:[-. ]\d{2,5}){0,4}\Z")
_POSTAL = re.compile(r"\d{5}-\d{4}\Z")  # ZIP+4
_EXTENSION = re.compile(r" ?(?:x|ext\.? ?|доб\.? ?)\d{1,6}(?!\w)", re.IGNORECASE)
_OPENING = re.compile(r"(?:\(?\+ ?\(?|\()\Z")
_BETWEEN = re.compile(r"(?: [-/] |  ) *\(?|[-/]\(| \((?=\d{3})")  # two numbers
_NOT_DIGITS = re.compile(r"\D+")
_AMERICA, _ITALY = 1, 39  # Italy keeps the 0 behind its code
_LEAST, _MOST, _MOST_ABROAD = 7, 15, 17  # digits, without and with the 00 before a country's code
_GROUPED_LEAST, _GROUPED_MOST = 9, 12  # digits of a number that nothing but its form shows
_FEW_GROUPS = 3
_BEFORE = 48  # characters that are looked at for a word


def phones_in(text: str, first: int, last: int) -> list[Found]:
    """The telephone numbers of a run of digits and separators of this plain text."""
    whole = phone_in(text, first, last)
    if whole:
        return [whole]
    found, end = [], first
    for gap in [*_BETWEEN.finditer(text[first:last]), None]:
        stop = first + gap.start() if gap else last
        if gap or end > first:
            place = phone_in(text, end, stop)
            found += [place] if place else []
            end = first + gap.end() if gap else last
    return found


def phone_in(text: str, first: int, last: int) -> Found | None:
    """The telephone number that a run of digits and separators of this plain text is, without `+` and `(` before."""
    digits = _NOT_DIGITS.sub("", text[first:last])
    if not _LEAST <= len(digits) <= _MOST_ABROAD:
        return None
    opening = _OPENING.search(text[max(0, first - 3) : first])
    start = first - len(opening[0]) if opening else first
    if text[start] == "(" and ")" not in text[first:last]:
        start += 1  # `(+41 44 668 18 00)`
    extension = _EXTENSION.match(text, last)
    stop = extension.end() if extension else last
    before, number = text[max(0, start - _BEFORE) : start], text[start:last]
    if number.count("(") != number.count(")") or _GLUED.search(before[-3:]):
        return None
    if _GLUED_BEHIND.match(text, stop) and not _WORD_BEHIND.match(text, stop):
        return None
    if _OTHER_WORD.search(before) or (number[0] not in "+(" and _DATE.match(number)):
        return None
    named = _is_named(text, stop, before)
    if _is_fiction(digits) or not ((named and is_phone(number)) or _has_form(number, digits)):
        return None
    return start, stop


def _is_fiction(digits: str) -> bool:
    """Whether a number is of a range that nobody has: the exchange 555, and Ofcom's 07700 900."""
    american = len(digits) == 10 or (len(digits) == 11 and digits[0] == "1")
    return (american and digits[-7:-4] == "555") or digits[-10:-3] == "7700900"


def _is_named(text: str, stop: int, before: str) -> bool:
    return bool(_WORD.search(before.lower()) or _WORD_BEHIND.match(text, stop))


def is_phone(text: str) -> bool:
    """Whether a plain text may be a telephone number, in a place where one is expected."""
    number = _EXTENSION.sub("", text)
    digits = _NOT_DIGITS.sub("", number)
    if number.lstrip("(")[:1] == "+" or number[:2] == "00":
        return _is_abroad(digits.removeprefix("00"), grouped=True)
    return _LEAST <= len(digits) <= _MOST and len(set(digits)) > 1 and " / " not in number


def _has_form(number: str, digits: str) -> bool:
    """Whether its form alone shows a telephone number."""
    if number.lstrip("(").startswith("+"):
        return _is_abroad(digits, grouped=len(digits) != len(number) - 1)
    if _AMERICAN.match(number):
        return _is_american(digits[-10:])
    if number.startswith("00"):
        return (
            number[2:3].isdecimal()
            and _is_abroad(digits[2:], grouped=False)
            and len(digits) != len(number)
        )
    return _is_grouped(number, digits)


def _is_grouped(number: str, digits: str) -> bool:
    """Whether it has an area code as a country writes it, in parentheses or behind the 0 that is dialled."""
    groups = re.findall(r"\d+", number)
    # eight digits are dates and lists, unless in few groups and without hyphens
    least = _GROUPED_LEAST - (len(groups) <= _FEW_GROUPS and "-" not in number)
    steps = {int(b) - int(a) for a, b in itertools.pairwise(groups)}
    if not least <= len(digits) <= _GROUPED_MOST or _POSTAL.match(number):
        return False
    if len(groups) > 2 and len(steps) == 1:
        return False  # 01 02 03 04 05
    if not (_TRUNK.match(number) or _AREA.match(number)):
        return False
    area = re.search(r"\((\d+)\)", number)
    return _is_local(digits, area[1] if area else groups[0])


@lru_cache(maxsize=4096)
def _is_abroad(digits: str, *, grouped: bool) -> bool:
    try:
        number = phonenumbers.parse("+" + digits, None)
    except NumberParseException:
        return False
    possible = grouped and phonenumbers.is_possible_number(number)
    return possible or phonenumbers.is_valid_number(number)


@lru_cache(maxsize=4096)
def _is_american(digits: str) -> bool:
    return phonenumbers.is_valid_number(
        PhoneNumber(country_code=_AMERICA, national_number=int(digits))
    )


@lru_cache(maxsize=4096)
def _is_local(digits: str, area: str) -> bool:
    """Whether a country has this number and would write its area code so."""
    for region, (prefix, code, pattern) in _plans().items():
        rest = digits.removeprefix(prefix) if prefix else digits
        if (rest == digits and digits[0] == "0" and code != _ITALY) or not pattern.fullmatch(rest):
            continue
        zeros = len(rest) - len(rest.lstrip("0"))
        number = PhoneNumber(
            country_code=code,
            national_number=int(rest),
            italian_leading_zero=zeros > 0,
            number_of_leading_zeros=zeros or None,
        )
        if not phonenumbers.is_valid_number_for_region(number, region):
            continue
        groups = re.findall(r"\d+", phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
        own = next(group for group in groups if group != prefix).removeprefix(prefix)
        if area.lstrip("0") == own.lstrip("0"):
            return True
    return False


@cache
def _plans() -> dict[str, tuple[str, int, re.Pattern[str]]]:
    """Of each region: what is dialled before an area code, the country's code, and which numbers there are."""
    found = {}
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        plan: Any = PhoneMetadata.metadata_for_region(region)
        if plan.country_code != _AMERICA:  # which has its own form
            pattern = re.compile(plan.general_desc.national_number_pattern)
            found[region] = (plan.national_prefix or "", plan.country_code, pattern)
    return found
