"""Numbers that name one person or account: payment cards, IBANs, national ids, wallets.

python-stdnum has the check digits, and with them the birth dates and places inside a number. A check digit is
passed by one random number of ten, so that form decides besides:

- a **card** has Luhn's check digit, a length and first digits of its issuer (ISO/IEC 7812), no letter or URL about
  it, and at least three different digits (4111 1111 … is printed for tests). Where digits are neither written in
  groups nor 15 or 16, they may as well be a barcode or a counter, and need a word for a card before them;
- an **IBAN** has the length and structure of its country, and passes mod 97;
- a **national id** has the punctuation, letters, or date and check digits by which it can be told from other
  numbers (`RULES` without words); one that is digits alone counts where its name stands before it (`RULES` with
  words: `PESEL 44051401359`). Tax numbers count where they are those of persons;
- a **wallet** is a Bitcoin address (Base58Check or Bech32). Other chains have no checksum that the library knows.

Some of the library's modules compare a birth date with today's (NO, KR, ZA): the number of somebody not born yet
counts from the day of birth.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from stdnum import bitcoin, iban, luhn, numdb

Found = tuple[int, int]

_CARD = re.compile(
    r"(?<![\w./=#@-])(?<!\d[ ,])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}|\d{12,19})"
    r"(?![\w@%]|[-/]\w|[.,]\d|[ -]\d{4}\b)"
)
_CARD_WORD = re.compile(
    r"(?:card|credit|debit|\bvisa\b|amex|maestro|\bpan\b|\bcc\b|karte|kaart|kort|kart[aeuı]?\b|carte|carta|cart[aã]o|"
    r"tarjeta|κάρτα|карт|بطاقة|کارت|כרטיס|कार्ड|কার্ড|kadi|thẻ|บัตร|卡|カード|카드)[^\d]{0,24}\Z",
    re.IGNORECASE,
)
_ISSUERS = (  # first digits from and to, lengths
    ("4", "4", {13, 16, 19}),  # Visa
    ("51", "55", {16}),  # Mastercard
    ("2221", "2720", {16}),
    ("34", "34", {15}),  # American Express
    ("37", "37", {15}),
    ("300", "305", {14, 16, 19}),  # Diners Club
    ("36", "36", {14, 16, 19}),
    ("38", "39", {14, 16, 19}),
    ("3528", "3589", {16, 17, 18, 19}),  # JCB
    ("2131", "2131", {15}),
    ("1800", "1800", {15}),
    ("6011", "6011", {16, 17, 18, 19}),  # Discover
    ("644", "659", {16, 17, 18, 19}),
    ("62", "62", {16, 17, 18, 19}),  # UnionPay
    ("81", "82", {16}),  # RuPay
    ("508", "508", {16}),
    ("2200", "2204", {16, 17, 18, 19}),  # Mir
    ("9792", "9792", {16}),  # Troy
    ("5018", "5018", {12, 13, 14, 15, 16, 17, 18, 19}),  # Maestro
    ("5020", "5020", {12, 13, 14, 15, 16, 17, 18, 19}),
    ("5038", "5038", {12, 13, 14, 15, 16, 17, 18, 19}),
    ("56", "58", {12, 13, 14, 15, 16, 17, 18, 19}),
    ("60", "60", {12, 13, 14, 15, 16, 17, 18, 19}),
    ("63", "63", {12, 13, 14, 15, 16, 17, 18, 19}),
    ("67", "69", {12, 13, 14, 15, 16, 17, 18, 19}),
)
_USUAL = {15, 16}  # digits

_IBAN = re.compile(r"[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,40}", re.ASCII | re.IGNORECASE)
_MOST_IBAN = 48  # characters, with separators
_WALLET = re.compile(
    r"[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,59}|BC1[02-9AC-HJ-NP-Z]{11,59}"
)


@dataclass(frozen=True)
class Rule:
    """A national id: its module in stdnum, its forms (9: a digit, A: a capital letter), and the words of which one
    has to stand before it, if any.
    """

    module: str
    forms: tuple[str, ...]
    words: str = ""


_AADHAAR = "a+dh?a+r|uidai|आधार|আধার|ஆதார்|ఆధార్|ಆಧಾರ್|આધાર|ആധാർ|ਆਧਾਰ"
RULES = (
    Rule("us.ssn", ("999-99-9999",)),
    Rule("us.itin", ("999-99-9999",)),
    Rule("us.ssn", ("999999999", "999 99 9999"), r"ssn|social security"),
    Rule(
        "ca.sin",
        ("999-999-999", "999 999 999", "999999999"),
        r"\bsin\b|\bnas\b|social insurance|assurance sociale",
    ),
    Rule("mx.curp", ("AAAA999999AAAAAA99", "AAAA999999AAAAAAA9")),
    Rule("br.cpf", ("999.999.999-99",)),
    Rule("br.cpf", ("99999999999",), r"\bcpf\b"),
    Rule("cl.rut", ("99.999.999-9", "99.999.999-A", "9.999.999-9", "9.999.999-A")),
    Rule("cl.rut", ("99999999-9", "99999999-A"), r"\brut\b|\brun\b"),
    Rule("ar.cuit", ("99-99999999-9",), r"cui[tl]"),
    Rule("ar.dni", ("99.999.999", "99999999"), r"\bdni\b"),
    Rule("pe.cui", ("99999999", "99999999-9"), r"\bdni\b"),
    Rule("ec.ci", ("9999999999", "999999999-9"), r"c[eé]dula|\bc\.?i\.?\b"),
    Rule("do.cedula", ("999-9999999-9",)),
    Rule("ve.rif", ("A-99999999-9", "A99999999-9"), r"\brif\b"),
    Rule("es.dni", ("99999999A", "99999999-A", "99.999.999-A")),
    Rule("es.nie", ("A9999999A", "A-9999999-A", "A9999999-A")),
    Rule("pt.nif", ("999999999", "999 999 999"), r"\bnif\b|contribuinte"),
    Rule("it.codicefiscale", ("AAAAAA99A99A999A",)),
    Rule("fr.nir", ("9 99 99 99 999 999 99", "9 99 99 9A 999 999 99")),
    Rule("fr.nir", ("999999999999999",), r"\bnir\b|s[eé]curit[eé] sociale|\binsee\b|\bn[°o] ?ss\b"),
    Rule("be.nn", ("99.99.99-999.99",)),
    Rule("nl.bsn", ("999999999", "9999.99.999"), r"\bbsn\b|burgerservice|sofi"),
    Rule(
        "de.idnr",
        ("99999999999", "99 999 999 999"),
        r"steuer|\bidnr\b|\btin\b|identifikationsnummer",
    ),
    Rule(
        "at.vnr",
        ("9999 999999", "9999999999"),
        r"svnr|\bsv-n|sozialversicherung|versicherungsnummer",
    ),
    Rule("ch.ssn", ("999.9999.9999.99",)),
    Rule("gb.nhs", ("999 999 9999", "999-999-9999", "9999999999"), r"\bnhs\b"),
    Rule("ie.pps", ("9999999A", "9999999AA"), r"\bpps"),
    Rule(
        "fi.hetu",
        ("999999-999A", "999999-9999", "999999+999A", "999999+9999", "999999A999A", "999999A9999"),
    ),
    Rule("se.personnummer", ("999999-9999", "999999+9999", "99999999-9999", "99999999+9999")),
    Rule("no.fodselsnummer", ("999999 99999",)),
    Rule("no.fodselsnummer", ("99999999999",), r"f[øo]dsels|personnummer|\bfnr\b"),
    Rule("is_.kennitala", ("999999-9999",)),
    Rule("ee.ik", ("99999999999",), r"isikukood|personal code"),
    Rule("lt.asmens", ("99999999999",), r"asmens"),
    Rule("pl.pesel", ("99999999999",), r"pesel"),
    Rule("cz.rc", ("999999/9999", "999999/999")),
    Rule("ro.cnp", ("9999999999999",), r"\bcnp\b|cod numeric"),
    Rule("bg.egn", ("9999999999",), r"\bегн\b|\begn\b"),
    Rule("gr.amka", ("99999999999",), r"αμκα|amka"),
    Rule("hr.oib", ("99999999999",), r"\boib\b"),
    Rule("si.emso", ("9999999999999",), r"em[sš]o|jmbg|јмбг"),
    Rule("ua.rntrc", ("9999999999",), r"рнокпп|\bіпн\b|ідентифікаційн"),
    Rule("ru.inn", ("999999999999",), r"\bинн\b|\binn\b"),
    Rule("tr.tckimlik", ("99999999999",), r"kimlik|\btc\b|t\.c\."),
    Rule("il.idnr", ("999999999", "99999999-9"), r"ת[\"'״]?\.?ז|תעודת|זהות|\bid\b"),
    Rule("za.idnr", ("9999999999999", "999999 9999 999"), r"\bid\b|identity"),
    Rule("mu.nid", ("A999999999999A",), r"\bid\b|\bnid\b|identity"),
    Rule("pk.cnic", ("99999-9999999-9",)),
    Rule(
        "in_.aadhaar",
        ("9999 9999 9999", "999999999999", "9999-9999-9999"),
        _AADHAAR,
    ),
    Rule("id.nik", ("9999999999999999",), r"\bnik\b|\bktp\b"),
    Rule("my.nric", ("999999-99-9999",)),
    Rule("th.pin", ("9-9999-99999-99-9", "9 9999 99999 99 9")),
    Rule("th.pin", ("9999999999999",), r"ประชาชน|citizen id"),
    Rule("cn.ric", ("999999999999999999", "99999999999999999A")),
    Rule("kr.rrn", ("999999-9999999",)),
    Rule(
        "jp.in_",
        ("9999 9999 9999", "999999999999", "9999-9999-9999"),
        r"マイナンバー|個人番号|my number",
    ),
)
_SHAPE = str.maketrans("0123456789" + "".join(map(chr, range(65, 91))), "9" * 10 + "A" * 26)
_ID_BEFORE = re.compile(r"(?:(?<![A-Za-z])[A-Z]-|[A-Za-z]*)\Z")
_ID_BEHIND = re.compile(r"(?:-[A-Z](?![A-Za-z])|[A-Za-z0-9]{0,8})")
_ID_GLUED = re.compile(r"[\w=#@$€£+.]\Z|\w[-/,]\Z")
_ID_GLUED_BEHIND = re.compile(r"[\w@%=]|[-/.,]\w")
_PIECE = re.compile(r"\S+")
_ADDED, _WORD_REACH = (
    8,
    48,
)  # characters before a run that may belong to it, and that are looked at for a word


@cache
def _by_form() -> dict[str, list[tuple[Callable[[str], bool], re.Pattern[str] | None]]]:
    found = defaultdict(list)
    for rule in RULES:
        words = (
            re.compile(rf"(?:{rule.words})[^\d\n]{{0,32}}\Z", re.IGNORECASE) if rule.words else None
        )
        for form in rule.forms:
            found[form].append((import_module(f"stdnum.{rule.module}").is_valid, words))
    return dict(found)


def is_national_id(text: str, before: str | None = None) -> bool:
    """Whether a plain text is the id of a person behind the text `before`; None stands for any words."""
    for is_valid, words in _by_form().get(text.translate(_SHAPE), ()):
        if (words is None or before is None or words.search(before)) and is_valid(text):
            return True
    return False


def national_id_in(text: str, first: int, last: int) -> Found | None:
    """The national id that a run of digits and separators of this plain text is, or has between two spaces."""
    before, behind = (
        _ID_BEFORE.search(text[max(0, first - _ADDED) : first]),
        _ID_BEHIND.match(text, last),
    )
    assert before is not None
    assert behind is not None
    start, stop = first - len(before[0]), behind.end()
    whole = text[start:stop]
    places = [(0, len(whole))]
    if " " in whole:
        places += [match.span() for match in _PIECE.finditer(whole)]
    for a, b in places:
        if whole[a:b].translate(_SHAPE) not in _by_form():
            continue
        a, b = start + a, start + b
        if _ID_GLUED.search(text[max(0, a - 2) : a]) or _ID_GLUED_BEHIND.match(text, b):
            continue
        if is_national_id(text[a:b], text[max(0, a - _WORD_REACH) : a]):
            return a, b
    return None


def cards_in(text: str, first: int, last: int) -> list[Found]:
    """The payment cards of a plain text that begin in a part of it."""
    found = []
    for match in _CARD.finditer(text, first):
        if match.start() >= last:
            break
        before = text[max(match.start() - 40, 0) : match.start()]
        if is_card(match[0], known=bool(_CARD_WORD.search(before))):
            found.append(match.span())
    return found


def is_card(text: str, *, known: bool = True) -> bool:
    """Whether a plain text is the number of a payment card; `known`: the word for one stands before it."""
    digits = text.replace(" ", "").replace("-", "")
    if not digits.isdecimal() or not any(
        len(digits) in lengths and low <= digits[: len(low)] <= high
        for low, high, lengths in _ISSUERS
    ):
        return False
    if len(set(digits)) < 3 or not luhn.is_valid(digits):
        return False
    return known or len(digits) in _USUAL or digits != text


def iban_at(text: str, start: int) -> Found | None:
    """The IBAN that begins at a place of a plain text."""
    country = text[start : start + 2].upper()
    length = _iban_length(country) if country else 0
    if not length or text[start - 1 : start].isalnum():
        return None
    match = _IBAN.match(text[start : start + _MOST_IBAN])
    if match is None:
        return None
    places = [k for k, char in enumerate(match[0]) if char not in " -"]
    if len(places) < length:
        return None
    end = places[length - 1] + 1
    if match[0][end : end + 1].isalnum() or not iban.is_valid(match[0][:end], check_country=False):
        return None
    return start, start + end


@cache
def _iban_length(country: str) -> int:
    """How many characters the IBANs of a country have, 0 where it has none."""
    (_, properties), *_ = numdb.get("iban").info(country)
    blocks = re.findall(r"(\d+)!", properties.get("bban", ""))
    return 4 + sum(map(int, blocks)) if blocks else 0


def is_iban(text: str) -> bool:
    """Whether all of a plain text is an IBAN."""
    return iban_at(text, 0) == (0, len(text))


def is_wallet(text: str) -> bool:
    """Whether all of a plain text is a Bitcoin address."""
    return bool(_WALLET.fullmatch(text)) and bool(bitcoin.is_valid(text))
