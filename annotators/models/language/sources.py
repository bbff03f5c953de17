"""Labelled lines of text for training the language identifier, out of packages and SIB-200.

Debian's packages carry translations into some 400 languages: message catalogues (`.mo`), MediaWiki's messages (JSON),
help pages, manuals. `packages.txt` lists those that were used; `fetch` downloads and unpacks them. A line's label is
that of the 119 where its locale is one of them, else `code_Script` with the code as the package has it.

What is kept apart for measuring is not read: the Declaration of Human Rights, `eld_sentences_60`, SIB-200's dev rows.
"""

from __future__ import annotations

import gzip
import html
import json
import random
import re
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree
from resiliparse.extract.html2text import extract_plain_text

from annotators.language import LID176, Config, Step, step
from corpus.languages import LANGUAGES, UNMARKED_SCRIPTS, language
from corpus.scripts import dominant, resolve, script_counts
from corpus.texts import text_bytes

LIST = Path(__file__).parent / "packages.txt"
LEAST, MOST = 25, 600  # characters of a line; of scripts without spaces half as many are enough
LETTERS = 0.65  # of a line's characters but spaces
ENGLISH = "eng_Latn"
SURELY_ENGLISH = 0.5
MO_MAGIC = b"\xde\x12\x04\x95"
FILES = 250  # at most, of one package's pages

# Locales whose name alone does not tell, or tells another of the 119 than the one they are.
LOCALES = {
    tag: label
    for label, tags in {
        "nob_Latn": "no",
        "eng_Latn": "c",
        "tgl_Latn": "fil",
        "yue_Hant": "yue yue-hant",
        "ory_Orya": "or",
        "zho_Hans": "zh-cn zh-hans",
        "zho_Hant": "zh-tw zh-hk zh-hant",
        "arb_Arab": "ar",
        "aeb_Arab": "aeb-arab",
        "srp_Cyrl": "sr-ec",
        "kaz_Cyrl": "kk-cyrl",
        "tat_Cyrl": "tt-cyrl",
        "tgk_Cyrl": "tg-cyrl",
        "bel_Cyrl": "be-tarask",
        "ydd_Hebr": "yi",
        "als_Latn": "sq",
        "pes_Arab": "fa",
    }.items()
    for tag in tags.split()
}
# In a script or spelling that is none of the 119's, of no one language, or a dialect of one of them that most readers
# would call by its name: as a class of their own they draw texts of the language away.
LEFT_OUT = """
    sr-el sr-latn sr@latin sr@ijekavianlatin sh sh-latn sh-cyrl cnr cnr-latn kk-arab kk-latn tg-latn uz-cyrl
    uz@cyrillic be@latin ms-arab aeb-latn jv-java ban-bali tt-latn tt@iqtelif en@shaw gan wuu wuu-hans hak lzh mo
    ro-md sd@devanagari qqq sa isv-latn isv-cyrl tok crh-ro pa-pk skr-arab azb arq aln cdo-hant cpx-hant cpx-hans
    nan-hant nan-hans gan-hans gan-hant zh zh-mo zh-my zh-sg yue-hans bat-smg bar gsw frc gpe hrx jut pfl sli ext sro
    lld vmf dty anp hil bcl racv map-bms
"""
_LETTER = re.compile(r"[^\W\d_]|[\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_TAG = re.compile(r"<[^<>]{1,200}>")
_TEMPLATE = re.compile(r"\{\{([^{}]*)\}\}")
_LINK = re.compile(r"\[\[(?:[^\[\]|]{0,200}\|)?([^\[\]|]*)\]\]")
_CODE = re.compile(
    r"\[?https?://\S+|\$\w+|%\d*\$?[-\d.]*[a-zA-Z]|\{[^{}]*\}|%[A-Z_]+|&\w;?|'''?|\\[nt]"
)
_ROFF = re.compile(r"\\f[BIRP]|\\-|\\&|\\\(..|\\%|\\.")
_SENTENCE = re.compile(r"(?<=[.!?。।])\s*")
_TEXTS = pa.schema([("id", pa.binary(16)), ("text", pa.large_string())])
Line = tuple[str, str]  # label, text
Translation = tuple[str, str, str]  # locale, text, the English message or ""


def fetch(packages: Path) -> None:
    """Download Debian's packages of the list and unpack each to a folder of its name."""
    packages.mkdir(parents=True, exist_ok=True)
    for name in LIST.read_text(encoding="utf-8").split():
        fetch_package(name, packages)


def fetch_package(name: str, packages: Path, version: str = "") -> None:
    """Download one of Debian's packages, in a version if one is named, and unpack it; not if its folder is there."""
    if (packages / name).exists():
        return
    wanted = f"{name}={version}" if version else name
    subprocess.run(["apt-get", "download", "-qq", wanted], cwd=packages, check=True)
    (file,) = packages.glob(f"{name}_*.deb")
    subprocess.run(["dpkg-deb", "-x", file, packages / name], check=True)
    file.unlink()


def lines(packages: Path, sib: Path) -> dict[str, list[str]]:
    """Distinct lines by label. Those of SIB-200's train rows are first."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for name, text in sentences(sib):
        found[name].setdefault(text)
    # SIB-200's `yue_Hant` is Mandarin: none of its rows has a character that only Cantonese writes
    found.pop("yue_Hant", None)
    raw: dict[str, dict[str, None]] = defaultdict(dict)
    longer = _three_letters(packages)
    for locale, text, _ in _translations(packages):
        if label := _label(locale):
            raw[longer.get(label, label)].setdefault(_clean(text))
    for language_, texts in raw.items():
        for text, script in zip(texts, _scripts(list(texts)), strict=True):
            named = _in_script(language_, script)
            if named and _is_text(text, named):
                found[named].setdefault(text)
    return {label: _translated(label, list(texts), found) for label, texts in found.items()}


def _translated(label: str, texts: list[str], found: Mapping[str, Mapping[str, None]]) -> list[str]:
    """The lines that are not English, as what nobody translated is: the same line under English, or one that lid.176
    takes for it.
    """
    if label == ENGLISH or not label.endswith("_Latn"):
        return texts
    texts = [text for text in texts if text not in found[ENGLISH]]
    judged = _lid176()(pa.table({"id": [bytes(16)] * len(texts), "text": texts}, schema=_TEXTS))
    names, scores = (judged.column(c).to_pylist() for c in ("language", "language_score"))
    pairs = zip(texts, names, scores, strict=True)
    return [text for text, name, score in pairs if name != ENGLISH or score < SURELY_ENGLISH]


@cache
def _lid176() -> Step:
    return step(Config(model=LID176))


# ---------------------------------------------------------------- labels


@cache
def _label(locale: str) -> str | None:
    """A label of the 119, another language's own code, or null for what is left out."""
    name = locale.replace("_", "-").lower()
    base = re.split(r"[-@]", name)[0]
    if name in LEFT_OUT.split():
        return None
    if name in LOCALES:
        return LOCALES[name]
    script = name.rpartition("-")[2]
    for tag in (name, base if len(script) != 4 else name):
        try:
            return LOCALES.get(tag) or language(tag).label
        except ValueError:
            continue
    return base


def _three_letters(packages: Path) -> dict[str, str]:
    """ISO 639-3 codes, which SIB-200 has, of the two-letter ones of locales."""
    file = packages / "iso-codes/usr/share/iso-codes/json/iso_639-3.json"
    entries = json.loads(file.read_text(encoding="utf-8"))["639-3"]
    return {entry["alpha_2"]: entry["alpha_3"] for entry in entries if "alpha_2" in entry}


def _in_script(label: str, script: str | None) -> str | None:
    """The label with its script: null where a text of one of the 119 has another."""
    script = UNMARKED_SCRIPTS.get(script or "", script)
    if label not in LANGUAGES:
        return f"{label}_{script}" if script else None
    wanted = LANGUAGES[label].script
    return label if script == wanted or {script, wanted} == {"Hans", "Hant"} else None


def _scripts(texts: Sequence[str]) -> list[str | None]:
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    return list(dominant(resolve(script_counts(*text_bytes(table)))))


# ---------------------------------------------------------------- text


def _clean(text: str) -> str:
    """Without markup, placeholders and links."""
    text = html.unescape(_TAG.sub(" ", text))
    text = _CODE.sub(" ", _LINK.sub(r"\1", _TEMPLATE.sub(_last_choice, text)))
    return " ".join(text.replace("_", "").replace("~", "").split()).strip(" []|*#=:")


def _last_choice(template: re.Match[str]) -> str:
    """What stands last between the bars of `{{plural:$1|page|pages}}`."""
    return template[1].rpartition("|")[2]


def _is_text(text: str, label: str) -> bool:
    dense = label.rpartition("_")[2] in (
        "Hans",
        "Hant",
        "Jpan",
        "Hang",
        "Thai",
        "Laoo",
        "Mymr",
        "Khmr",
    )
    letters = len(_LETTER.findall(text))
    long_enough = (LEAST // 2 if dense else LEAST) <= len(text) <= MOST
    return long_enough and letters >= LETTERS * len(text.replace(" ", ""))


def sentences(sib: Path) -> Iterator[Line]:
    """SIB-200's train rows, in all its 205 languages."""
    for row in _rows(sib):
        yield row["lang"], " ".join(row["text"].split())


def _rows(sib: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(sib, "rt", encoding="utf-8") as file:
        yield from (row for row in map(json.loads, file) if row["split"] == "train")


def _translations(packages: Path) -> Iterator[Translation]:
    """Everything in the packages that somebody translated."""
    for read in (_catalogues, _wiki_messages, _help_pages, _mallard, _sky_cultures, _manuals):
        yield from read(packages)


def pairs(packages: Path, sib: Path) -> Iterator[tuple[str, str, str]]:
    """English, label of the 119, translation: of messages, and of SIB-200's train rows, which are parallel."""
    rows = list(_rows(sib))
    english = {row["index_id"]: row["text"] for row in rows if row["lang"] == "eng_Latn"}
    for row in rows:
        if row["lang"] in LANGUAGES:
            yield english[row["index_id"]], row["lang"], row["text"]
    for read in (_catalogues, _wiki_messages):
        for locale, text, message in read(packages):
            label = _label(locale)
            if message and label in LANGUAGES and (cleaned := _clean(text)):
                yield _clean(message), label, cleaned


def _catalogues(packages: Path) -> Iterator[Translation]:
    """Translations in gettext's compiled catalogues that are not as the message was."""
    for file in sorted(packages.rglob("*.mo")):
        data = file.read_bytes()
        if data[:4] != MO_MAGIC or file.parent.name != "LC_MESSAGES":
            continue
        count, messages, translations = struct.unpack_from("<3I", data, 8)
        for n in range(count):
            message = _string(data, messages + 8 * n).rpartition(b"\4")[2]
            translation = _string(data, translations + 8 * n)
            if message and translation != message:
                locale = file.parent.parent.name
                yield (
                    locale,
                    translation.decode("utf-8", "ignore"),
                    message.decode("utf-8", "ignore"),
                )


def _string(data: bytes, at: int) -> bytes:
    """The string, without its plural forms, that an entry of a catalogue's table names."""
    length, start = struct.unpack_from("<2I", data, at)
    return data[start : start + length].split(b"\0")[0]


def _wiki_messages(packages: Path) -> Iterator[Translation]:
    for file in sorted(packages.glob("mediawiki/**/i18n/**/*.json")):
        english = file.parent / "en.json"
        if file == english or not english.exists():
            continue
        ours = json.loads(english.read_text(encoding="utf-8"))
        yield from (("en", str(text), "") for text in ours.values())
        for key, text in json.loads(file.read_text(encoding="utf-8")).items():
            if isinstance(text, str) and text != ours.get(key):
                yield file.stem, text, str(ours.get(key, ""))


def _help_pages(packages: Path) -> Iterator[Translation]:
    """LibreOffice's, GIMP's and Debian's; the locale is the end of the package's name."""
    for folder in sorted(packages.iterdir()):
        found = re.fullmatch(r"(?:libreoffice-help|gimp-help|debian-faq)-([\w-]+)", folder.name)
        for file in _some(folder.rglob("*.html")) if found else ():
            for line in extract_plain_text(file.read_text("utf-8", "replace")).splitlines():
                for text in [line] if len(line) < MOST else _SENTENCE.split(line):
                    yield found[1], text, ""  # type: ignore[index]


def _mallard(packages: Path) -> Iterator[Translation]:
    """Paragraphs of GNOME's help."""
    for folder in sorted(packages.glob("gnome-user-docs/usr/share/help/*")):
        for file in _some(folder.rglob("*.page")):
            for node in etree.parse(file).iter("{*}p", "{*}title", "{*}desc"):
                yield folder.name, "".join(node.itertext()), ""


def _sky_cultures(packages: Path) -> Iterator[Translation]:
    for file in sorted(packages.glob("stellarium-data/**/description.*.utf8")):
        for line in extract_plain_text(file.read_text("utf-8", "replace")).splitlines():
            yield file.name.split(".")[1], line, ""


def _manuals(packages: Path) -> Iterator[Translation]:
    """Paragraphs of manual pages, between roff's requests."""
    for folder in sorted(packages.glob("manpages-*")):
        for file in _some(folder.rglob("man/*/man*/*.gz")):
            text = gzip.decompress(file.read_bytes()).decode("utf-8", "replace")
            paragraphs = re.split(r"^[.'].*$", text, flags=re.MULTILINE)
            for paragraph in paragraphs:
                yield file.parent.parent.name, _ROFF.sub("", paragraph), ""


def _some(files: Iterable[Path]) -> list[Path]:
    found = sorted(files)
    random.Random(5).shuffle(found)
    return found[:FILES]
