"""Personal data that has a form: where it stands in the text, and how much there is.

| column | type | meaning |
|---|---|---|
| `pii` | list<struct<kind: string, start: int32, stop: int32>> | the spans, sorted, none over another |
| `pii_count` | int32 | how many there are |
| `pii_KIND` for each of `KINDS` | int32 | how many of that kind: `pii_email`, `pii_phone` … |

Offsets count the characters (code points) of the text; `stop` is behind the last. Never null.

What each kind is, and what looks like it and is not, stand in `annotators.addresses` (e-mail and
IP addresses), `annotators.phones` and `annotators.identifiers` (cards, IBANs, national ids, wallets): what is
reserved for documentation, tests or private networks is no personal data. Digits of every script are digits. Names,
street addresses and dates of birth have no form that could be told without a model: they are out of scope, and so
is what somebody disguised (`name (at) host`).

One compiled pass marks candidates (`annotators.candidates`); the slow judgement sees only these. Measured
(`make bench-personal_data`, one core of an AMD EPYC): 100 MB/s and more on news in 16 languages and on documentation;
30 MB/s on Python source, which has a number in every 700 bytes; 0.7 MB/s on text that is nothing but addresses and
numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from annotators import addresses, identifiers, phones
from annotators.annotator import Step, sidecar, sidecar_schema
from annotators.candidates import AT, COLONS, NUMBER, WORD, find, plain
from corpus.texts import Bytes, Offsets, batches, text_bytes

VERSION = 1
# where two overlap, the kind that stands first has it
KINDS = ("email", "iban", "crypto", "ip", "card", "national_id", "phone")
SPANS = pa.list_(pa.struct([("kind", pa.string()), ("start", pa.int32()), ("stop", pa.int32())]))
SCHEMA = sidecar_schema(
    pa.field("pii", SPANS, nullable=False),
    pa.field("pii_count", pa.int32(), nullable=False),
    *(pa.field(f"pii_{kind}", pa.int32(), nullable=False) for kind in KINDS),
)
CHECKS = {
    "email": addresses.is_email,
    "iban": identifiers.is_iban,
    "crypto": identifiers.is_wallet,
    "ip": addresses.is_public_ip,
    "card": identifiers.is_card,
    "national_id": identifiers.is_national_id,
    "phone": phones.is_phone,
}
_LEAST_CARD = 12  # characters
_MOST_NUMBER = 128


class Span(NamedTuple):
    """Personal data in a text: its kind, its first character, and the one behind its last."""

    kind: str
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to set."""


def schema(config: Config) -> pa.Schema:
    return SCHEMA


def assets(config: Config) -> Mapping[str, str]:
    """The libraries that know numbering plans, check digits and top-level domains."""
    return {name: metadata.version(name) for name in ("phonenumbers", "python-stdnum", "tld")}


def step(config: Config) -> Step:
    return annotate


def annotate(documents: pa.Table) -> pa.Table:
    """The sidecar of these documents."""
    found = spans_by_row(*text_bytes(documents))
    counts = np.zeros((len(KINDS), documents.num_rows), np.int32)
    for row, spans in found.items():
        for span in spans:
            counts[KINDS.index(span.kind), row] += 1
    columns = {
        "pii": _column(found, documents.num_rows),
        "pii_count": counts.sum(axis=0, dtype=np.int32),
        **{f"pii_{kind}": counts[k] for k, kind in enumerate(KINDS)},
    }
    return sidecar(documents, SCHEMA, columns)


def spans(text: str) -> list[Span]:
    """The personal data of one text."""
    data = np.frombuffer(text.encode(), np.uint8)
    return spans_by_row(data, np.array([0, len(data)])).get(0, [])


def spans_by_row(data: Bytes, offsets: Offsets) -> dict[int, list[Span]]:
    """The personal data of those texts that have any, by their place; laid out as in `corpus.texts`."""
    found = {}
    for lo, hi in batches(offsets):
        marked = find(data, offsets[lo : hi + 1])
        bounds = np.flatnonzero(np.diff(marked[:, 0], prepend=-1, append=-1))
        for start, stop in itertools.pairwise(bounds.tolist()):
            row = lo + int(marked[start, 0])
            text = data[offsets[row] : offsets[row + 1]].tobytes().decode()
            if judged := _settled(_judged(text, marked[start:stop, 1:].tolist())):
                found[row] = judged
    return found


def _settled(found: Iterable[Span]) -> list[Span]:
    """Sorted, and of overlapping spans the one whose kind comes first."""
    kept: list[Span] = []
    for span in sorted(found, key=lambda one: (one.start, KINDS.index(one.kind))):
        if not kept or span.start >= kept[-1].stop:
            kept.append(span)
        elif KINDS.index(span.kind) < KINDS.index(kept[-1].kind):
            kept[-1] = span
    return kept


def _judged(text: str, marked: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    for kind, start, stop in marked:
        reach = _REACH[kind]
        origin = max(0, start - reach[0])
        window = plain(text[origin : stop + reach[1]])
        for name, first, last in _JUDGES[kind](window, start - origin, stop - origin):
            yield Span(name, origin + first, origin + last)


def _email(window: str, first: int, last: int) -> Iterator[Span]:
    if place := addresses.email_around(window, first):
        yield Span("email", *place)


def _ip6(window: str, first: int, last: int) -> Iterator[Span]:
    if place := addresses.ip6_of(window, first, last):
        yield Span("ip", *place)


def _word(window: str, first: int, last: int) -> Iterator[Span]:
    if place := identifiers.iban_at(window, first):
        yield Span("iban", *place)
    elif identifiers.is_wallet(window[first:last]):
        yield Span("crypto", first, last)
    elif identifiers.is_national_id(window[first:last], ""):
        yield Span("national_id", first, last)


def _number(window: str, first: int, last: int) -> Iterator[Span]:
    number = window[first:last]
    if number.count(".") >= 3:
        for place in addresses.ips_in(window, first, last):
            yield Span("ip", *place)
    if len(number) >= _LEAST_CARD:
        for place in identifiers.cards_in(window, first, last):
            yield Span("card", *place)
    if len(number) > _MOST_NUMBER:
        return  # a table
    if found := identifiers.national_id_in(window, first, last):
        yield Span("national_id", *found)
    for place in phones.phones_in(window, first, last):
        yield Span("phone", *place)


_JUDGES = {AT: _email, NUMBER: _number, COLONS: _ip6, WORD: _word}
_REACH = {AT: (320, 256), NUMBER: (64, 32), COLONS: (2, 2), WORD: (1, 64)}  # characters around


def _column(found: Mapping[int, Sequence[Span]], rows: int) -> pa.Array:
    sizes = np.zeros(rows + 1, np.int32)
    for row, of_row in found.items():
        sizes[row + 1] = len(of_row)
    every = [span for row in sorted(found) for span in found[row]]
    fields = [SPANS.value_type.field(k) for k in range(3)]
    columns = [pa.array([s[k] for s in every], field.type) for k, field in enumerate(fields)]
    values = pa.StructArray.from_arrays(columns, fields=fields)
    return pa.ListArray.from_arrays(pa.array(np.cumsum(sizes, dtype=np.int32)), values, type=SPANS)
