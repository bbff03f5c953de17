"""The rules by which words are found in scripts written with spaces, as kernels over UTF-8 bytes.

They follow spaCy's tokeniser (https://spacy.io/usage/linguistic-features#how-tokenizer-works): a
chunk between white space is looked up among the special ones (`corpus.english`), loses one affix at
each end and is looked up again, until nothing splits off; what is left is a web address, or is cut
at its infixes. At last neighbours that together spell a special chunk, such as a smiley, become one
again. Every step is bounded, so the cost is linear in the text, whatever the text.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from corpus import characters as ch
from corpus.compiled import compiled
from corpus.english import UNITS
from corpus.english import special as special_chunks
from corpus.texts import Bytes, Offsets

# What a token is, a sum of these; `corpus.segment` tells what they mean.
WORD, ALPHA, VISIBLE, PUNCTUATION, TERMINAL = 1, 2, 4, 8, 16
UNCUT = 255  # a run of a script without spaces, for ICU to cut

Kinds = npt.NDArray[np.uint8]

_LONGEST_SPECIAL = 24  # bytes
_LONGEST_UNIT = 12
_SHAPES = 4096

_SPACE, _INSIDE, _DICTIONARY, _SPLITS = ch.SPACE, ch.INSIDE, ch.DICTIONARY, ch.SPLITS
_PREFIX, _SUFFIX, _ICON, _HYPHEN = ch.PREFIX, ch.SUFFIX, ch.ICON, ch.HYPHEN
_QUOTE, _CURRENCY, _BEFORE_STOP = ch.QUOTE, ch.CURRENCY, ch.BEFORE_STOP
_ASCII_DIGIT, _HOST, _ALPHA = ch.ASCII_DIGIT, ch.HOST, ch.ALPHA
_CASE_LOWER, _CASE_UPPER = ch.CASE_LOWER, ch.CASE_UPPER
_F_WORD, _F_SYMBOL, _F_PUNCTUATION, _F_TERMINAL = ch.WORD, ch.SYMBOL, ch.PUNCTUATION, ch.TERMINAL
_DOT = ord(".")


class Lookup(NamedTuple):
    """A set of short byte strings, open addressing over their hashes."""

    keys: npt.NDArray[np.uint64]
    shapes: npt.NDArray[np.uint32]  # by first and last byte: a bit for each length that occurs
    longest: npt.NDArray[np.uint8]  # by first byte


class Tables(NamedTuple):
    """Special chunks, where each is cut, of how many tokens it were else, and units."""

    special: Lookup
    cuts: npt.NDArray[np.int8]
    pieces: npt.NDArray[np.int8]
    units: Lookup


@cache
def tables() -> Tables:
    """What the kernels look up."""
    special, units = _lookup(8192), _lookup(512)
    cuts, pieces = np.zeros((8192, 3), np.int8), np.zeros(8192, np.int8)
    for unit in UNITS:
        _insert(units, unit)
    plain = Tables(_lookup(8192), cuts, pieces, units)
    for chunk, parts in special_chunks().items():
        ends = np.cumsum([len(part.encode()) for part in parts])[:-1]
        slot = _insert(special, chunk)
        cuts[slot, : len(ends)] = ends
        pieces[slot] = _count(chunk, plain)
    return Tables(special, cuts, pieces, units)


def _count(chunk: str, tables: Tables) -> int:
    data = np.frombuffer(chunk.encode(), np.uint8)
    offsets = np.array([0, len(data)])
    return len(find_tokens(data, ch.flags(data), offsets, tables)[1])


def _lookup(size: int) -> Lookup:
    return Lookup(np.zeros(size, np.uint64), np.zeros(_SHAPES, np.uint32), np.zeros(256, np.uint8))


def _insert(lookup: Lookup, text: str) -> int:
    data = np.frombuffer(text.encode(), np.uint8)
    keys, key = lookup.keys, np.uint64(_hash(data, 0, len(data)))
    lookup.shapes[_shape(data, 0, len(data))] |= np.uint32(1 << len(data))
    lookup.longest[data[0]] = max(lookup.longest[data[0]], len(data))
    slot = int(key) & (len(keys) - 1)
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & (len(keys) - 1)
    keys[slot] = key
    return slot


@compiled
def _hash(data: Bytes, start: int, end: int) -> np.uint64:
    """FNV-1a, then mixed; never 0."""
    h = np.uint64(14695981039346656037)
    for i in range(start, end):
        h = (h ^ np.uint64(data[i])) * np.uint64(1099511628211)
    h ^= h >> np.uint64(32)
    return h | np.uint64(1 << 63)


@compiled
def _shape(data: Bytes, start: int, end: int) -> int:
    return int(((np.int64(data[start]) << 4) ^ np.int64(data[end - 1])) & (_SHAPES - 1))


@compiled
def _find(lookup: Lookup, data: Bytes, start: int, end: int) -> int:
    """The slot of `data[start:end]`, at most 24 bytes, or -1."""
    if not (lookup.shapes[_shape(data, start, end)] >> np.uint32(end - start)) & 1:
        return -1  # most words end here, before they are hashed
    key = _hash(data, start, end)
    mask = np.uint64(len(lookup.keys) - 1)
    slot = key & mask
    while lookup.keys[slot] != 0:
        if lookup.keys[slot] == key:
            return int(np.int64(slot))
        slot = (slot + np.uint64(1)) & mask
    return -1


@compiled
def _is_special(lookup: Lookup, data: Bytes, start: int, end: int) -> bool:
    return start < end <= start + _LONGEST_SPECIAL and _find(lookup, data, start, end) >= 0


@compiled
def _back(flags: ch.Flags, i: int) -> int:
    """The first byte of the character that ends before i."""
    i -= 1
    while flags[i] & _INSIDE:
        i -= 1
    return i


@compiled
def _next(flags: ch.Flags, i: int, end: int) -> int:
    """The first byte of the character after the one at i."""
    i += 1
    while i < end and flags[i] & _INSIDE:
        i += 1
    return i


@compiled
def _is_ellipsis(data: Bytes, i: int) -> bool:
    return i + 2 < len(data) and data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6


@compiled
def _prefix(data: Bytes, flags: ch.Flags, start: int, end: int) -> int:
    """How many bytes split off the beginning."""
    byte = data[start]
    if byte == _DOT:
        i = start
        while i < end and data[i] == _DOT:
            i += 1
        return i - start if i - start >= 2 else 0
    if byte == ord("+"):
        return 0 if start + 1 < end and flags[start + 1] & _ASCII_DIGIT else 1
    if flags[start] & _PREFIX:
        return _next(flags, start, end) - start
    if (byte == ord("C") or byte == ord("A")) and start + 1 < end and data[start + 1] == ord("$"):
        return 2
    if (
        byte == ord("U")
        and start + 2 < end
        and data[start + 1] == ord("S")
        and data[start + 2] == ord("$")
    ):
        return 3
    return 0


@compiled
def _suffix(
    data: Bytes,
    flags: ch.Flags,
    start: int,
    end: int,
    units: Lookup,
    has_digit: bool,
) -> int:
    """How many bytes split off the end."""
    if start >= end:
        return 0
    last = _back(flags, end)
    before = _back(flags, last) if last > start else -1
    if has_digit and before >= start:
        found = _unit_suffix(data, flags, start, end, units)
        if found:
            return found
    byte = data[last]
    if byte == _DOT:
        return _dot_suffix(data, flags, start, end, before)
    if (byte == ord("s") or byte == ord("S")) and before >= start:
        size = last - before
        if data[before] == ord("'") or (
            size == 3
            and data[before] == 0xE2
            and data[before + 1] == 0x80
            and data[before + 2] == 0x99
        ):
            return end - before
    if flags[last] & _SUFFIX:
        if before >= start and _is_ellipsis(data, last) and _is_ellipsis(data, before):
            return end - before
        return end - last
    if byte == ord("+") and before >= start and flags[before] & _ASCII_DIGIT:
        return 1
    return 0


@compiled
def _dot_suffix(data: Bytes, flags: ch.Flags, start: int, end: int, before: int) -> int:
    """How many bytes split off an end that is a full stop."""
    if before < start:
        return 0
    if data[before] == _DOT:
        i = end
        while i > start and data[i - 1] == _DOT:
            i -= 1
        return end - i
    if flags[before] & _BEFORE_STOP:
        return 1
    if before > start:
        second = _back(flags, before)
        if flags[before] & _CASE_UPPER and flags[second] & _CASE_UPPER:
            return 1
        degree = data[second] == 0xC2 and data[second + 1] == 0xB0
        if degree and data[before] in (ord("F"), ord("C"), ord("K")):
            return 1
    return 0


@compiled
def _unit_suffix(data: Bytes, flags: ch.Flags, start: int, end: int, units: Lookup) -> int:
    """Length of a unit or currency sign that stands behind a digit at the end, or 0."""
    i = end
    while i > start and end - i <= _LONGEST_UNIT and not flags[i - 1] & _ASCII_DIGIT:
        i -= 1
    if i <= start or i == end or not flags[i - 1] & _ASCII_DIGIT:
        return 0
    if _find(units, data, i, end) >= 0:
        return end - i
    first = i
    if end - i == 3 and data[i] == ord("U") and data[i + 1] == ord("S"):
        first = i + 2
    elif end - i == 2 and (data[i] == ord("C") or data[i] == ord("A")):
        first = i + 1
    if flags[first] & _CURRENCY and (first == i or data[first] == ord("$")):
        return end - i if _next(flags, first, end) == end else 0
    return 0


@compiled
def _is_url(data: Bytes, flags: ch.Flags, start: int, end: int) -> bool:
    """Scheme, user and port optional: is this a host name, with or without a path?"""
    i = start
    for j in range(start, end - 2):
        byte = data[j]
        if byte == ord(":"):
            if data[j + 1] == ord("/") and data[j + 2] == ord("/") and j - start >= 2:
                i = j + 3
            break
        if not (flags[j] & (_F_WORD | _INSIDE) or byte in (ord("_"), ord("+"), ord("-"), _DOT)):
            break
    if _is_host(data, flags, i, end):
        return True
    for j in range(end - 1, i, -1):
        if data[j] == ord("@"):
            return _is_host(data, flags, j + 1, end)
    return False


@compiled
def _is_host(data: Bytes, flags: ch.Flags, start: int, end: int) -> bool:
    """Labels and dots, then a lower-case top-level domain, then nothing, a port or a path."""
    i, dot, label, tld = start, -1, start, True
    while i < end:
        byte = data[i]
        if byte == _DOT:
            if i == label or not flags[_back(flags, i)] & _HOST or not flags[label] & _HOST:
                return False
            dot, label, tld = i, i + 1, True
        elif not (flags[i] & _HOST or byte == ord("-") or byte == ord("_")):
            break
        elif not flags[i] & _CASE_LOWER:
            tld = False
        i = _next(flags, i, end)
    if dot < 0 or not tld or i - label < 2:
        return False
    if i < end and data[i] == ord(":"):
        i += 1
        port = i
        while i < end and flags[i] & _ASCII_DIGIT:
            i += 1
        if i - port < 2 or i - port > 5:
            return False
    return i == end or data[i] == ord("/") or data[i] == ord("?") or data[i] == ord("#")


@compiled
def _infix(data: Bytes, flags: ch.Flags, start: int, i: int, end: int) -> int:
    """How many bytes at i are an infix of the chunk `start..end`, or 0."""
    byte, flag = data[i], flags[i]
    if byte == _DOT and i + 1 < end and data[i + 1] == _DOT:
        j = i
        while j < end and data[j] == _DOT:
            j += 1
        return j - i
    after = _next(flags, i, end)
    if flag & _ICON or _is_ellipsis(data, i):
        return after - i
    if i == start or after >= end:
        return 0
    before = flags[_back(flags, i)]
    follows = flags[after]
    operator = byte == ord("+") or byte == ord("-") or byte == ord("*") or byte == ord("^")
    number = follows & _ASCII_DIGIT or data[after] == ord("-")
    if operator and before & _ASCII_DIGIT and number:
        return 1
    if byte == _DOT:
        ok = before & (_CASE_LOWER | _QUOTE) and follows & (_CASE_UPPER | _QUOTE)
        return 1 if ok else 0
    if byte == ord(","):
        return 1 if before & _ALPHA and follows & _ALPHA else 0
    if not before & (_ALPHA | _ASCII_DIGIT):
        return 0
    if flag & _HYPHEN:
        return _hyphens(data, flags, i, after, end)
    if (
        byte == ord(":")
        or byte == ord("<")
        or byte == ord(">")
        or byte == ord("=")
        or byte == ord("/")
    ):
        return 1 if follows & _ALPHA else 0
    return 0


@compiled
def _hyphens(data: Bytes, flags: ch.Flags, i: int, after: int, end: int) -> int:
    """One hyphen or dash before a letter; also --, --- and a doubled em dash."""
    if flags[after] & _ALPHA:
        return after - i
    size = after - i
    same = size == 1 and data[i] == ord("-")
    long = size == 3 and data[i + 2] == 0x94
    j = after
    for count in range(2, 4):
        if j + size > end or not (same or (long and count == 2)):
            return 0
        for k in range(size):
            if data[j + k] != data[i + k]:
                return 0
        j += size
        if j < end and flags[j] & _ALPHA:
            return j - i
    return 0


@compiled
def _emit(starts: Offsets, ends: Offsets, n: int, start: int, end: int) -> int:
    starts[n] = start
    ends[n] = end
    return n + 1


@compiled
def _emit_special(
    starts: Offsets, ends: Offsets, n: int, start: int, end: int, cuts: npt.NDArray[np.int8]
) -> int:
    a = start
    for k in range(3):
        if cuts[k]:
            n = _emit(starts, ends, n, a, start + cuts[k])
            a = start + cuts[k]
    return _emit(starts, ends, n, a, end)


@compiled
def _middle(
    data: Bytes, flags: ch.Flags, start: int, end: int, starts: Offsets, ends: Offsets, n: int
) -> int:
    """What affixes left: a web address whole, anything else cut at its infixes."""
    i, a, found = start, start, False
    while i < end:
        if flags[i] & (_ALPHA | _ASCII_DIGIT | _INSIDE):  # never an infix
            i += 1
            continue
        size = _infix(data, flags, start, i, end)
        if size == 0:
            i = _next(flags, i, end)
            continue
        if not found:
            found = True
            if _is_url(data, flags, start, end):
                break
        if i != start:
            if i != a:
                n = _emit(starts, ends, n, a, i)
            n = _emit(starts, ends, n, i, i + size)
            a = i + size
        i += size
    return _emit(starts, ends, n, a, end) if a < end else n


@compiled
def _chunk(
    data: Bytes,
    flags: ch.Flags,
    start: int,
    end: int,
    starts: Offsets,
    ends: Offsets,
    n: int,
    pending: Offsets,
    tables: Tables,
    has_digit: bool,
) -> int:
    """One chunk without white space. Suffixes wait in `pending`, outermost first."""
    waiting, first = 0, n
    while start < end:
        if end - start <= _LONGEST_SPECIAL:
            slot = _find(tables.special, data, start, end)
            if slot >= 0:
                n = _emit_special(starts, ends, n, start, end, tables.cuts[slot])
                start = end
                break
        prefix = _prefix(data, flags, start, end)
        if prefix and _is_special(tables.special, data, start + prefix, end):
            n = _emit(starts, ends, n, start, start + prefix)
            start += prefix
            continue
        suffix = _suffix(data, flags, start + prefix, end, tables.units, has_digit)
        if suffix and _is_special(tables.special, data, start, end - suffix):
            prefix = 0
        if prefix == 0 and suffix == 0:
            break
        if prefix:
            n = _emit(starts, ends, n, start, start + prefix)
            start += prefix
        if suffix:
            pending[waiting] = end
            waiting += 1
            end -= suffix
    if start < end:
        n = _middle(data, flags, start, end, starts, ends, n)
        start = end
    for k in range(waiting - 1, -1, -1):
        n = _emit(starts, ends, n, start, pending[k])
        start = pending[k]
    return _merge(data, starts, ends, first, n, tables)


@compiled
def _merge(
    data: Bytes,
    starts: Offsets,
    ends: Offsets,
    first: int,
    n: int,
    tables: Tables,
) -> int:
    """Neighbours that are what a special chunk would be without its entry become its parts, the
    longest first from the left: `i`, `d`, `.` of `id.` become `i`, `d.`, since `d.` is special.
    """
    i, out = first, first
    while i < n:
        start, end, slot, last = starts[i], ends[i], -1, i
        longest = tables.special.longest[data[start]]
        j = i + 1
        while j < n and ends[j] - start <= longest:
            found = _find(tables.special, data, start, ends[j])
            fits = found >= 0 and tables.pieces[found] == j - i + 1
            if (
                fits and (tables.cuts[found] > 0).sum() <= j - i
            ):  # in place: no more parts than tokens
                slot, last = found, j
            j += 1
        i = last + 1
        if slot < 0:
            out = _emit(starts, ends, out, start, end)
            continue
        out = _emit_special(starts, ends, out, start, ends[last], tables.cuts[slot])
    return out


@compiled
def find_tokens(
    data: Bytes,
    flags: ch.Flags,
    offsets: Offsets,
    tables: Tables,
) -> tuple[Offsets, Offsets, Offsets]:
    """`(token offsets per document, starts, ends)`; a run of a dictionary script is one token."""
    total = len(data)
    starts = np.empty(total, np.int64)
    ends = np.empty(total, np.int64)
    pending = np.empty(total + 1, np.int64)
    token_offsets = np.zeros(len(offsets), np.int64)
    n = 0
    for document in range(len(offsets) - 1):
        i, stop = offsets[document], offsets[document + 1]
        while i < stop:
            if flags[i] & (_SPACE | _INSIDE):
                i += 1
                continue
            start = i
            run = flags[i] & _DICTIONARY
            seen = np.uint32(0)
            while i < stop:
                flag = flags[i]
                if flag & _SPACE or (not flag & _INSIDE and flag & _DICTIONARY != run):
                    break
                seen |= flag
                i += 1
            if run or (not seen & _SPLITS and i - start > _LONGEST_SPECIAL):
                n = _emit(starts, ends, n, start, i)
            elif not seen & _SPLITS:
                slot = _find(tables.special, data, start, i)
                if slot >= 0:
                    n = _emit_special(starts, ends, n, start, i, tables.cuts[slot])
                else:
                    n = _emit(starts, ends, n, start, i)
            else:
                has_digit = seen & _ASCII_DIGIT != 0
                n = _chunk(data, flags, start, i, starts, ends, n, pending, tables, has_digit)
        token_offsets[document + 1] = n
    return token_offsets, starts[:n].copy(), ends[:n].copy()


@compiled
def token_kinds(flags: ch.Flags, starts: Offsets, ends: Offsets) -> Kinds:
    """What each token is; `UNCUT` for a run that ICU has yet to cut."""
    kinds = np.zeros(len(starts), np.uint8)
    for t in range(len(starts)):
        any_flag, all_flag, characters = np.uint32(0), np.uint32(0xFFFFFFFF), 0
        for i in range(starts[t], ends[t]):
            if not flags[i] & _INSIDE:
                any_flag |= flags[i]
                all_flag &= flags[i]
                characters += 1
        if any_flag & _DICTIONARY:
            kinds[t] = UNCUT
            continue
        kind = 0
        if any_flag & _F_WORD:
            kind |= WORD
        if any_flag & _ALPHA:
            kind |= ALPHA
        if not all_flag & _F_SYMBOL:
            kind |= VISIBLE
        if all_flag & _F_PUNCTUATION:
            kind |= PUNCTUATION
        if characters == 1 and all_flag & _F_TERMINAL:
            kind |= TERMINAL
        kinds[t] = kind
    return kinds
