"""Personal data: found where it is, by hand-worked examples, and nothing that only looks like it."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.candidates import plain
from annotators.masking import masked, masked_column
from annotators.personal_data import CHECKS, KINDS, Config, Span, _settled, spans, step


def found(text: str) -> list[tuple[str, str]]:
    """Kind and text of each span."""
    return [(kind, text[start:stop]) for kind, start, stop in spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to Jo.Doe+x@mail.firma.co.uk.", "Jo.Doe+x@mail.firma.co.uk"),
        ("<mailto:o'brien@ucd.ie>", "o'brien@ucd.ie"),
        ("请联系wang@sina.cn谢谢", "wang@sina.cn"),
        ("문의: kim@naver.com으로", "kim@naver.com"),
        ("müller@firma.de", "müller@firma.de"),
        ("info@müller.de", "info@müller.de"),
        ("пишите на почта@почта.рф!", "почта@почта.рф"),
        ("संपर्क@डाटामेल.भारत", "संपर्क@डाटामेल.भारत"),
        ("seen on jo@site.com.Then we", "jo@site.com"),
        ("ｊｏ＠ｓｉｎａ．ｃｎ", "ｊｏ＠ｓｉｎａ．ｃｎ"),
        ("_jo@firma.de_", "jo@firma.de"),
        ("x" * 64 + "@firma.de", "x" * 64 + "@firma.de"),
    ],
)
def test_email(text: str, expected: str) -> None:
    assert found(text) == [("email", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png, react@18.2.0, a@b, @name, me @ home.com",
        "jo@example.org, jo@mail.example.com, jo@host.test, root@localhost",  # RFC 2606, 6761
        "@jo@social.example.net and @jo@mastodon.social",
        "git@github.com:group/project.git",
        "https://user:secret@host.com/path",
        "x" * 65 + "@firma.de",
        "jo@-firma.de jo..x@firma.de jo.@firma.de",
    ],
)
def test_no_email(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call +41 44 668 18 00 now", "+41 44 668 18 00"),
        ("+41 (0)44 668 18 00", "+41 (0)44 668 18 00"),
        ("(+442079460018)", "+442079460018"),
        ("0041 44 668 18 00", "0041 44 668 18 00"),
        ("Fax (212) 736-5000.", "(212) 736-5000"),
        ("212-736-5000 x12", "212-736-5000 x12"),
        ("1-212-736-5000", "1-212-736-5000"),
        ("(0494 92 82 32)", "0494 92 82 32"),  # Belgium
        ("03-3224-9999", "03-3224-9999"),  # Tokyo
        ("06 12 34 56 78", "06 12 34 56 78"),  # France, no date
        ("06.12.34.56.78", "06.12.34.56.78"),
        ("02 123 456", "02 123 456"),  # Sofia
        ("(11) 91234-5678", "(11) 91234-5678"),  # São Paulo
        ("8 (495) 123-45-67", "8 (495) 123-45-67"),  # Moscow
        ("Tel.: 612 34 56 78", "612 34 56 78"),
        ("mobile\n5403926876", "5403926876"),
        ("082490169-Office", "082490169"),
        ("手机：13812345678", "13812345678"),
        ("هاتف: ٠٥٠١٢٣٤٥٦٧", "٠٥٠١٢٣٤٥٦٧"),
        ("+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧"),
        ("फ़ोन ९८७६५ ४३२१०", "९८७६५ ४३२१०"),
        ("＋８１ ３ ３２２４ ９９９９", "＋８１ ３ ３２２４ ９９９９"),
        ("212‑736‑5000", "212‑736‑5000"),  # hyphens that do not break
    ],
)
def test_phone(text: str, expected: str) -> None:
    assert found(text) == [("phone", expected)]


def test_two_numbers_on_a_line_are_two() -> None:
    text = "Tel: 0494 92 82 32 / 0490 39 07 81"
    assert found(text) == [("phone", "0494 92 82 32"), ("phone", "0490 39 07 81")]


@pytest.mark.parametrize(
    "text",
    [
        "01-2017-02, 0900-0130, 01 02 03 04 05",
        "01 02 2003, 01 02 03 04, 01.02.03, 3.5.1999 12 30, 2024 05 17 0494",
        "2024-05-17 12:30:45, 17.05.2024, 05/17/2024, 1939-1945, call 20240517",
        "1234567 and 1,234,567 and 1 234 567 and 3.14159265",
        "ISBN 0-306-40615-2, ISBN 978-0-306-40615-7, ISSN 0317-8471, ISBN: 0306 406 152",
        "version 10.15.7.2004 of firmware 0494.92.82",
        "Boston, MA 02110-1301",
        "212-555-0187 and +1 212 555 0187 and 07700 900123",  # kept for fiction
        "a+12345678901 = 0494928232 x 9",
        "order-0494-92-82-32, €0494 92 82 32",
        "call 1111111111",
        "0.25 0.35 0.44 10 20 30 40 50",
        "699 956 915",  # as good as any number
        "(0494 92 82 32 0490 39 07 81 0490 39 07 82)",  # a table
    ],
)
def test_no_phone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 93.184.216.34.", "93.184.216.34"),
        ("http://93.184.216.34:80/x", "93.184.216.34"),
        ("IP: 1.2.3.9", "1.2.3.9"),  # small numbers behind the word
        ("۹۳.۱۸۴.۲۱۶.۳۴", "۹۳.۱۸۴.۲۱۶.۳۴"),
        ("[2606:4700:4700::1111]", "2606:4700:4700::1111"),
        ("address:2a00:1450:4001:81b:0:0:0:200e", "2a00:1450:4001:81b:0:0:0:200e"),
    ],
)
def test_ip(text: str, expected: str) -> None:
    assert found(text) == [("ip", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 0.0.0.0 10.1.2.77 172.16.3.99 192.168.1.77 169.254.3.99 224.0.0.251 255.255.255.0",
        "192.0.2.44, 198.51.100.44, 203.0.113.44",  # RFC 5737
        "2001:db8::1, ::1, fe80::1:2:3, fc00::1:2:3",  # RFC 3849 and local ones
        "section 4.3.2.1, v93.1.1.200, version: 93.1.1.200, Chrome/95.0.46.51, 93.1.1.200-beta",
        "1.3.6.1.4.1.311 and 93.184.216.340 and 93.184.216 and 093.184.216.034",
        "93.184.216.0/24",
        "upgrade to 93.1.1.200",
        "12:30:45:11 00:1A:2B:3C:4D:5E AF:A2:8B:B9:33:AD:DA:AC a::b::c std::dec::abc",
    ],
)
def test_no_ip(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("paid by 5105 1051 0510 5100 05/27", "5105 1051 0510 5100"),
        ("5105-1051-0510-5100", "5105-1051-0510-5100"),
        ("5105105105105100", "5105105105105100"),
        ("3782 822463 10005", "3782 822463 10005"),
        ("my card 4047737215142", "4047737215142"),
        ("कार्ड ५१०५ १०५१ ०५१० ५१००", "५१०५ १०५१ ०५१० ५१००"),
        ("cc: 30569309025904", "30569309025904"),
    ],
)
def test_card(text: str, expected: str) -> None:
    assert found(text) == [("card", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "5105 1051 0510 5101",  # Luhn
        "9780306406157 and 978-0-306-40615-7",  # ISBN
        "4006381333931",  # EAN
        "4047737215142",  # thirteen digits without a word
        "4111 1111 1111 1111, 4444444444444448",
        "id=5105105105105100 x/5105105105105100 0.5105105105105100 A5105105105105100",
        "1051 5105 1051 0510 5100 1051",  # a table
        "1234567812345670",  # Luhn, no issuer
    ],
)
def test_no_card(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GB82 WEST 1234 5698 7654 32 and", "GB82 WEST 1234 5698 7654 32"),
        ("IBAN:DE89370400440532013000.", "DE89370400440532013000"),
        ("gb82west12345698765432", "gb82west12345698765432"),
        ("NO93 8601 1117 947", "NO93 8601 1117 947"),
        ("FR14 2004 1010 0505 0001 3M02 606 BIC", "FR14 2004 1010 0505 0001 3M02 606"),
        ("DE٨٩٣٧٠٤٠٠٤٤٠٥٣٢٠١٣٠٠٠", "DE٨٩٣٧٠٤٠٠٤٤٠٥٣٢٠١٣٠٠٠"),
    ],
)
def test_iban(text: str, expected: str) -> None:
    assert found(text) == [("iban", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "GB83 WEST 1234 5698 7654 32",  # mod 97
        "XX82 WEST 1234 5698 7654 32",  # no such country
        "DE8937040044053201300",  # too short
        "xDE89370400440532013000 DE893704004405320130001",
        "FY19 2010 2011 2012",
    ],
)
def test_no_iban(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SSN 460-89-9847", "460-89-9847"),
        ("CPF 529.982.247-25", "529.982.247-25"),
        ("DNI 12345678Z", "12345678Z"),
        ("NIE X-1234567-L", "X-1234567-L"),
        ("C.F. RCCMNL83S18D969H", "RCCMNL83S18D969H"),
        ("hetu 131052-308T", "131052-308T"),
        ("11010519491231002X", "11010519491231002X"),
        ("PESEL: 44051401359", "44051401359"),
        ("AHV 756.9217.0769.85", "756.9217.0769.85"),
        ("आधार २३४१ २३४१ २३४६", "२३४१ २३४१ २३४६"),
        ("NHS number 943 476 5919", "943 476 5919"),
        ("born 1944 460-89-9847", "460-89-9847"),  # between two spaces of a run
    ],
)
def test_national_id(text: str, expected: str) -> None:
    assert found(text) == [("national_id", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "000-12-3456 666-12-3456 078-05-1120",  # never issued, or printed everywhere
        "44051401359",  # a PESEL, but nothing says so
        "PESEL 44051401358",  # check digit
        "12345678A",
        "A460-89-9847 460-89-98471 460-89-9847-1",
        "2341 2341 2346",
    ],
)
def test_no_national_id(text: str) -> None:
    assert found(text) == []


def test_wallets() -> None:
    for wallet in (
        "1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD",
        "bc1qardv855yjngspvxuttq897aqca3lxju2y69jce",
    ):
        assert found(f"to {wallet}, please") == [("crypto", wallet)]
        assert found(f"to {wallet[:-1]}X, please") == []
    assert found("da39a3ee5e6b4b0d3255bfef95601890afd80709") == []  # a hash


def test_offsets_count_characters() -> None:
    text = "👩‍👩‍👧‍👦 e\u0301\u0301 नमस्ते \U0010ffff jo@firma.de 🇳🇴 +41 44 668 18 00"
    assert [tuple(span) for span in spans(text)] == [
        ("email", text.index("jo@"), text.index("jo@") + 11),
        ("phone", text.index("+41"), len(text)),
    ]


def test_of_two_that_overlap_the_surer_one_stays() -> None:
    assert found("phone GB82 WEST 1234 5698 7654 32") == [("iban", "GB82 WEST 1234 5698 7654 32")]
    assert found("call 460-89-9847") == [("national_id", "460-89-9847")]


def test_the_sidecar_counts_by_kind(documents) -> None:
    table = documents(["jo@firma.de, al@firma.de", "", "tel 0494 92 82 32: 93.184.216.34"])
    first, second, third = step(Config())(table).to_pylist()
    assert first["pii"] == [
        {"kind": "email", "start": 0, "stop": 11},
        {"kind": "email", "start": 13, "stop": 24},
    ]
    assert (first["pii_count"], first["pii_email"], first["pii_phone"]) == (2, 2, 0)
    assert (second["pii"], second["pii_count"]) == ([], 0)
    assert [span["kind"] for span in third["pii"]] == ["phone", "ip"]
    assert (third["pii_phone"], third["pii_ip"], third["pii_count"]) == (1, 1, 2)
    assert sum(third[f"pii_{kind}"] for kind in KINDS) == 2


HOSTILE = {
    "digits": "1234567890" * 100_000,
    "native digits": "١" * 1_000_000,
    "at signs": "@" * 1_000_000,
    "addresses without a domain": "a@" * 500_000,
    "a local part without end": "a" * 1_000_000 + "@firma.de",
    "labels": "a@" + "b." * 500_000,
    "groups": "1234 " * 200_000,
    "octets": "1.2.3." * 160_000,
    "octets with dots": "1." * 500_000,
    "colons": "a:" * 500_000,
    "plus signs": "+1" * 500_000,
    "parentheses": "(1" * 500_000,
    "heads of IBANs": "AB12 " * 200_000,
    "heads of German IBANs": "DE12 " * 200_000,
    "words": "tel " * 100_000 + "1 " * 100_000,
    "urls": "://" * 300_000 + "a@firma.de",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_anything_takes_seconds(name: str) -> None:
    spans("compile the pass once")
    start = process_time()
    spans(HOSTILE[name])
    assert process_time() - start < 10


def test_time_is_linear_in_the_hits() -> None:
    def seconds(lines: int) -> float:
        text = "jo@firma.de, 212-736-5000 or 5105 1051 0510 5100\n" * lines
        start = process_time()
        assert len(spans(text)) == 3 * lines
        return process_time() - start

    seconds(100)
    assert seconds(8_000) < 8 * seconds(2_000) + 1


@pytest.mark.parametrize("hit", ["93.184.216.34 ", "4929 1234 5678 9012  "])
def test_time_is_linear_in_a_run_of_numbers(hit: str) -> None:
    def seconds(times: int) -> float:
        start = process_time()
        spans(hit * times)
        return process_time() - start

    seconds(10)
    assert seconds(160_000) < 8 * seconds(40_000) + 0.5


PIECES = st.one_of(
    st.sampled_from(
        [
            *(
                "jo@firma.de",
                "@",
                "info@müller.de",
                "почта@почта.рф",
                "+41 44 668 18 00",
                "tel ",
                "card ",
            ),
            *(
                "(11) 91111-1111",
                "0494 92 82 32",
                "212-736-5000",
                "x12",
                "5105 1051 0510 5100",
                "PESEL ",
            ),
            *("GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "460-89-9847", "12345678Z"),
            *(
                "93.184.216.34",
                "2606:4700:4700::1111",
                "1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD",
                "44051401359",
            ),
            *(
                "0041 44 668 18 00",
                "👩‍👩‍👧",
                "e\u0301",
                "谢谢",
                "ß",
                "ŉ",
                "İ",
                " ",
                " ",
                "\n",
                "-",
                ".",
                "/",
                "(",
                ")",
            ),
        ]
    ),
    st.text(alphabet="0123456789", max_size=12),
    st.text(alphabet="0123456789 .-+()/:@abcdefGBx٣३", max_size=24),
    st.text(max_size=8),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_spans_are_sorted_disjoint_and_valid_by_themselves(text: str) -> None:
    end = 0
    for kind, start, stop in spans(text):
        assert kind in KINDS
        assert end <= start < stop <= len(text)
        assert CHECKS[kind](plain(text[start:stop])), (kind, text[start:stop])
        end = stop


@given(st.text())
def test_plain_keeps_every_place(text: str) -> None:
    assert len(plain(text)) == len(text)


def test_masking_replaces_the_kinds_that_are_named(documents) -> None:
    text = "👩 jo@firma.de or al@firma.de, +41 44 668 18 00"
    assert masked(text, {"email": "<e>"}) == "👩 <e> or <e>, +41 44 668 18 00"
    assert masked(text, {"phone": "", "email": "x"}) == "👩 x or x, "
    assert masked(text, {}) == text
    texts = documents([text, "nothing", "", text]).column("text")
    new = masked_column(texts, {"phone": "<p>"})
    line = "👩 jo@firma.de or al@firma.de, <p>"
    assert new.to_pylist() == [line, "nothing", "", line]
    assert new.type == texts.type
    assert masked_column(texts, {"iban": "<i>"}).equals(texts)
    assert masked_column(texts.slice(0, 0), {"iban": "<i>"}).to_pylist() == []


def test_of_overlapping_spans_the_kind_that_stands_first_has_it() -> None:
    phone, card, mail = Span("phone", 0, 10), Span("card", 4, 20), Span("email", 30, 40)
    assert _settled([phone, card, mail]) == [card, mail]
    assert _settled([Span("card", 0, 16), Span("phone", 4, 20)]) == [Span("card", 0, 16)]
    assert _settled([Span("phone", 0, 10), Span("iban", 0, 22)]) == [Span("iban", 0, 22)]
