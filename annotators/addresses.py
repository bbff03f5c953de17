"""E-mail addresses and IP addresses in text.

An e-mail address has a local part of letters, digits and `._+'-`, in any script, and a domain that ends with a
top-level domain of the Public Suffix List (as the package tld carries it), so that `logo@2x.png` is none. In
scripts written without spaces, and in Hangul, an address of Latin letters ends where the script begins. Not
personal, and left alone: domains of RFC 2606 and RFC 6761 (`example.org`, `.test`), handles
(`@user@host.social`), user names in URLs, and accounts of version control (`git@host.org:path`).

An IP address is one of a single public machine. Not personal: private, loopback, link-local, multicast and
documentation ranges (`ipaddress`, by IANA's registries), networks (`93.184.216.0/24`). Four numbers of at most 31
each are a version or a section unless the word IP stands before them: one public address in 4,096 is lost by
that. An IPv6 address with `::` must lie in 2000::/3, where addresses are given out: `a::b` is program code; and eight
groups of two digits at most are a serial number.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

import regex
from tld import is_tld

Found = tuple[int, int]

_MOST_LOCAL, _MOST_DOMAIN = 64, 253  # characters, RFC 5321
_LETTERS = r"\p{L}\p{M}\p{N}"
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Hangul}"
_LOCAL_BACKWARDS = regex.compile(rf"[{_LETTERS}_.+'’-]*", regex.V1)
_SPACED_BACKWARDS = regex.compile(rf"[[{_LETTERS}_.+'’-]--[{_UNSPACED}]]*", regex.V1)
_DOMAIN = regex.compile(rf"[{_LETTERS}-]+(?:[.。][{_LETTERS}-]+)+", regex.V1)
_LATIN_DOMAIN = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_USER_OF_URL = re.compile(r"://[^\s/?#]*\Z")
_RESERVED = {"example.com", "example.net", "example.org", "example.edu"}
_VERSION_CONTROL = {"git", "hg", "svn"}

_V4 = re.compile(r"(?<![\w.-])(?<!\w/)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w|/\d)")
_VERSION = re.compile(
    r"(?:\b(?:v|ver|version|versi[oó]n|versão|release|build|firmware|revision|section|chapter|rfc|oid)|版本|"
    r"バージョン|верси[яи]|§)[\s.:=\"'“]{0,6}\Z|\b(?:upgrade|update|bump|downgrade)[sd]?\b[^\d\n]{0,24}(?:\d[^\d\n]{0,6})?\Z|"
    r"(?<![\d.])-?\d*\.\d+[ ,]\Z",  # the last: a list of decimals
    re.IGNORECASE,
)
_IP_WORD = re.compile(r"\bip(?:v4)?\b[^\d\n]{0,16}\Z", re.IGNORECASE)
_ASSIGNED = ipaddress.IPv6Network("2000::/3")
_SMALL = 31


def email_around(text: str, at: int) -> Found | None:
    """The e-mail address of this plain text whose `@` stands at `at`."""
    domain = _domain(text[at + 1 : at + 2 + _MOST_DOMAIN])
    if domain is None:
        return None
    backwards = _SPACED_BACKWARDS if domain.isascii() else _LOCAL_BACKWARDS
    match = backwards.match(text[max(0, at - _MOST_LOCAL - 1) : at][::-1])
    assert match is not None
    local = match[0][::-1].lstrip("_.+'’-")
    start, stop = at - len(local), at + 1 + len(domain)
    if not local or len(match[0]) > _MOST_LOCAL or local.endswith(".") or ".." in local:
        return None
    if local.lower() in _VERSION_CONTROL or text[start - 1 : start] == "@":
        return None
    if text[start - 1 : start] in (":", "/") and _USER_OF_URL.search(text[:start][-256:]):
        return None
    return start, stop


def is_email(text: str) -> bool:
    """Whether all of a plain text is an e-mail address."""
    return email_around(text, text.find("@")) == (0, len(text)) if "@" in text else False


def _domain(text: str) -> str | None:
    """The longest domain name at the beginning of a text that ends with a top-level domain."""
    for pattern in (_LATIN_DOMAIN, _DOMAIN):
        match = pattern.match(text)
        found = match and _registered(match[0])
        if found:
            return found
    return None


def _registered(name: str) -> str | None:
    labels = name.replace("。", ".").split(".")
    for place, label in enumerate(labels):
        if not label or len(label) > 63 or label[0] == "-" or label[-1] == "-":
            labels = labels[:place]
            break
    while len(labels) > 1:
        if _is_top(labels[-1].lower()):
            return (
                None
                if ".".join(labels[-2:]).lower() in _RESERVED
                else name[: len(".".join(labels))]
            )
        labels.pop()
    return None


@lru_cache(maxsize=4096)
def _is_top(label: str) -> bool:
    return bool(is_tld(label))


def ips_in(text: str, first: int, last: int) -> list[Found]:
    """The IPv4 addresses of a plain text that begin in a part of it."""
    found = []
    for match in _V4.finditer(text, first):
        if match.start() >= last:
            break
        if is_public_ip(match[0]) and not _is_version(
            match[0], text[max(match.start() - 40, 0) : match.start()]
        ):
            found.append(match.span())
    return found


def _is_version(digits: str, before: str) -> bool:
    if _VERSION.search(before):
        return True
    return max(map(int, digits.split("."))) <= _SMALL and not _IP_WORD.search(before)


def ip6_of(text: str, start: int, stop: int) -> Found | None:
    """The IPv6 address that a run of hexadecimal digits and colons of this plain text is."""
    if text[start] == ":" and text[start + 1] != ":":
        start += 1  # `address:2001:…`
    elif text[start - 1 : start].isalnum():
        return None
    if text[stop - 1] == ":" and text[stop - 2] != ":":
        stop -= 1
    elif text[stop : stop + 1].isalnum():
        return None
    return (start, stop) if is_public_ip(text[start:stop]) else None


def is_public_ip(text: str) -> bool:
    """Whether all of a plain text is the address of one public machine."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or address.is_unspecified:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return address in _ASSIGNED if "::" in text else max(map(len, text.split(":"))) > 2
    return not address.is_reserved
