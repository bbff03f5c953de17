"""What the scripts under `samples/` make: equal bytes each time, and as their truth files say."""

from __future__ import annotations

import csv
import io
import json
import re
import string
import subprocess
import sys
import tarfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import ModuleType

import pymupdf
import pytest
from fastwarc.warc import ArchiveIterator

Script = Callable[[str], ModuleType]


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def read_texts(path: Path) -> dict[str, str]:
    records = map(json.loads, path.read_text("utf-8").splitlines())
    return {record["id"]: record["text"] for record in records}


def words_of(text: str) -> list[str]:
    stripped = (word.strip(string.punctuation).lower() for word in text.split())
    return [word for word in stripped if word]


def five_grams(text: str) -> set[str]:
    words = words_of(text)
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


def test_two_runs_give_equal_bytes(made_twice: tuple[Path, Path]) -> None:
    first, second = map(contents, made_twice)
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []


def test_what_is_complete_is_not_made_again(made: Path, samples: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    command = [sys.executable, samples / "prepare.py", "--out", made, "--no-volume"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line.rsplit(" ", 1)[1] for line in output.splitlines()] == ["complete"] * 3
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_near_duplicates_have_the_stated_similarity(made: Path) -> None:
    texts = read_texts(made / "planted" / "near_duplicates.jsonl")
    truth = read_tsv(made / "planted" / "near_duplicates.tsv")
    levels = Counter(row["jaccard"] for row in truth)
    assert set(levels) == {"0.20", "0.50", "0.70", "0.80", "0.90", "0.95"}
    assert min(levels.values()) >= 40
    for row in truth:
        a, b = five_grams(texts[row["id_a"]]), five_grams(texts[row["id_b"]])
        assert (len(a & b), len(a | b)) == (int(row["shared"]), int(row["union"]))
        assert Fraction(len(a & b), len(a | b)) == Fraction(row["jaccard"])


def test_no_two_pairs_resemble_each_other(made: Path) -> None:
    texts = read_texts(made / "planted" / "near_duplicates.jsonl")
    grams = {name: five_grams(text) for name, text in texts.items() if name.endswith("-a")}
    holders = defaultdict(list)
    for name, found in grams.items():
        for gram in found:
            holders[gram].append(name)
    shared: Counter[tuple[str, str]] = Counter()
    for names in holders.values():
        shared.update((a, b) for a in names for b in names if a < b)
    worst = max(count / len(grams[a] | grams[b]) for (a, b), count in shared.items())
    assert worst < 0.1


def test_exact_duplicates_are_equal(made: Path) -> None:
    texts = read_texts(made / "planted" / "exact_duplicates.jsonl")
    groups = defaultdict(set)
    sizes: Counter[str] = Counter()
    for row in read_tsv(made / "planted" / "exact_duplicates.tsv"):
        groups[row["group"]].add(texts[row["id"]])
        sizes[row["group"]] += 1
    assert all(len(found) == 1 for found in groups.values())
    assert set(sizes.values()) == {2, 3, 4, 5}
    assert len(set(texts.values())) == len(groups)


def test_quotations_have_the_stated_length(made: Path, samples: Path) -> None:
    texts = read_texts(made / "planted" / "contaminated.jsonl")
    lines = (samples / "evaluation.jsonl").read_text("utf-8").splitlines()
    items = {item["id"]: item for item in map(json.loads, lines)}
    truth = read_tsv(made / "planted" / "contaminated.tsv")
    assert {row["id"] for row in truth} == set(texts)
    for row in truth:
        if row["id"] == "contaminated-everything":
            assert items[row["item"]]["answer"] in texts[row["id"]]
            continue
        item = items[row["item"]]
        quoted = f"{item['question']} {item['answer']}".split()
        text, count = " ".join(texts[row["id"]].split()), int(row["words"])
        runs = [" ".join(quoted[i : i + count]) for i in range(len(quoted) - count + 1)]
        longer = [" ".join(quoted[i : i + count + 1]) for i in range(len(quoted) - count)]
        assert any(run in text for run in runs)
        assert not any(run in text for run in longer)
        assert (row["part"] == "trace") == (count < 13)


def test_the_long_documents_supply_the_long_stage(made: Path) -> None:
    texts: dict[str, str] = {}
    for path in sorted((made / "planted").glob("long-*.jsonl")):
        texts |= read_texts(path)
    truth = read_tsv(made / "planted" / "long.tsv")
    assert {row["id"] for row in truth} == set(texts)
    tokens: Counter[str] = Counter()
    for row in truth:
        size = len(texts[row["id"]].encode())
        assert size == int(row["bytes"])
        # measured with Qwen's ranks: 4.0 to 4.2 bytes a token
        low, high = {"4k-16k": (1, 4), "16k-32k": (4, 8), "over-32k": (8, 16)}[row["class"]]
        assert low * 4096 < size / 4.2, row["id"]
        assert size / 4.0 < high * 4096, row["id"]
        tokens[row["class"]] += size // 4
    assert tokens["16k-32k"] > 1_200_000
    assert tokens["4k-16k"] > 400_000
    assert tokens["over-32k"] > 0


def test_the_long_documents_repeat_themselves_little(made: Path) -> None:
    for text in read_texts(made / "planted" / "long-07.jsonl").values():
        words = words_of(text)
        grams = [tuple(words[i : i + 10]) for i in range(len(words) - 9)]
        assert len(set(grams)) > 0.98 * len(grams)


def test_every_second_line_is_broken(made: Path) -> None:
    lines = (made / "planted" / "broken" / "records.jsonl").read_bytes().split(b"\n")
    truth = read_tsv(made / "planted" / "broken" / "truth.tsv")
    assert [int(row["line"]) for row in truth] == list(range(2, 2 * len(truth) + 1, 2))
    assert len(lines) == 2 * len(truth) + 1
    assert lines[-1] == b""
    for line in lines[:-1:2]:
        assert json.loads(line)["text"].startswith("A good line")
    parsed = {row["what"]: lines[int(row["line"]) - 1] for row in truth}
    with pytest.raises(UnicodeDecodeError):
        parsed["invalid UTF-8"].decode()
    with pytest.raises(RecursionError):
        json.loads(parsed["deep nesting"])
    assert len(parsed["2 MB of one character"]) > 2_000_000
    assert b"\0" in parsed["NUL bytes in the line"]


def warc_records(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for record in ArchiveIterator(file, parse_http=False):
            assert record.verify_block_digest(), record.headers
            yield record.headers["WARC-Type"], record.reader.read().decode("latin-1")


def test_the_archives_hold_what_they_should(made: Path, samples: Path) -> None:
    pages = len(list((samples / "web").glob("*.html")))
    kinds = Counter(kind for kind, _ in warc_records(made / "warc" / "pages.warc.gz"))
    assert kinds["warcinfo"] == kinds["revisit"] == 1
    assert kinds["request"] == kinds["metadata"] == pages
    assert kinds["response"] == pages + 4
    plain = Counter(kind for kind, _ in warc_records(made / "warc" / "plain.warc"))
    assert plain["request"] == pages // 2
    wet = [text for kind, text in warc_records(made / "warc" / "text.wet.gz")]
    assert len(wet) == 1 + 119


def test_the_cut_archive_is_a_beginning_of_the_whole(made: Path) -> None:
    whole = (made / "warc" / "pages.warc.gz").read_bytes()
    cut = (made / "warc" / "truncated.warc.gz").read_bytes()
    assert whole.startswith(cut)
    assert 0.5 < len(cut) / len(whole) < 0.8


LIGATURE = re.compile("[\ufb00-\ufb06]")


def spelt(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


def test_the_pdfs_say_what_their_truth_says(made: Path) -> None:
    truth = json.loads((made / "pdf" / "truth.json").read_text("utf-8"))
    exact = {"hebrew.pdf", "japanese.pdf", "chinese.pdf", "picture.pdf", "blank.pdf", "table.pdf"}
    assert exact | {"rotated.pdf", "hebrew_scan.pdf"} < set(truth)
    for name, pages in truth.items():
        with pymupdf.open(made / "pdf" / name) as opened:
            assert len(opened) == len(pages)
            for page, expected in zip(opened, pages, strict=True):
                found = "".join(LIGATURE.sub(spelt, page.get_text()).split())
                if page.get_images():  # it shows letters and has none
                    assert not found
                    assert expected
                elif name in exact:
                    assert found == "".join(expected.split()), name
                elif name == "arabic.pdf":
                    assert found.replace("\x06", "") == "".join(expected.split())
                elif name == "arabic_garbled.pdf":
                    assert "كتاب" not in found
                    assert "ﻛﺘﺎﺏ" in found
                else:
                    last = "".join(expected.split()[-3:])
                    assert last in found, name


def test_the_picture_has_dots_and_no_letters(made: Path) -> None:
    with pymupdf.open(made / "pdf" / "picture.pdf") as opened:
        assert [len(page.get_images()) for page in opened] == [0, 1, 0]
        assert len(set(opened[1].get_pixmap(dpi=40).samples)) > 20
    with pymupdf.open(made / "pdf" / "rotated.pdf") as opened:
        assert [(len(page.get_images()), page.rotation) for page in opened] == [(1, 0), (1, 0)]
    with pymupdf.open(made / "pdf" / "blank.pdf") as opened:
        assert set(opened[1].get_pixmap(dpi=40).samples) == {255}


def test_the_lines_of_the_single_column_are_hyphenated(made: Path) -> None:
    with pymupdf.open(made / "pdf" / "single_column.pdf") as opened:
        for number, page in enumerate(opened, 1):
            lines = page.get_text().splitlines()
            assert lines[:2] == ["On Canals and Patience", f"- {number} -"]
        lines = [line for page in opened for line in page.get_text().splitlines()]
        assert sum(line.endswith("-") for line in lines) >= 8 + len(opened)


def test_the_encrypted_file_opens_with_its_password_only(made: Path) -> None:
    with pymupdf.open(made / "pdf" / "encrypted.pdf") as opened:
        assert opened.needs_pass
        assert not opened.authenticate("please")
        assert opened.authenticate("open sesame")
        assert "the word that opens the mountain" in opened[0].get_text()


def test_only_documents_leave_an_archive(script: Script) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("p-1/doc/a.rst", "p-1/setup.py", "p-1/tests/b.md", "p-1/../../c.md"):
            member = tarfile.TarInfo(name)
            member.size = 2
            archive.addfile(member, io.BytesIO(b"hi"))
        link = tarfile.TarInfo("p-1/link.rst")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    volume = script("fetch_volume")
    found = list(volume._documents_of_archive(content.getvalue(), PurePosixPath("docs", "p")))
    assert found == [(PurePosixPath("docs/p/doc/a.rst"), b"hi")]


def test_volume_is_filled_once(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = script("fetch_volume")
    calls = []

    def documents() -> Iterator[tuple[PurePosixPath, bytes]]:
        calls.append(1)
        yield PurePosixPath("docs/p/a.rst"), b"hello"

    monkeypatch.setattr(volume, "_documents", documents)
    monkeypatch.setattr(volume, "INSTALLED", ("click",))
    assert "complete" not in volume.fetch_volume(tmp_path)
    assert "complete" in volume.fetch_volume(tmp_path)
    assert calls == [1]
    assert (tmp_path / "docs/p/a.rst").read_bytes() == b"hello"
    assert (tmp_path / "code/click/click/core.py").is_file()
    assert (tmp_path / "code/click/LICENSE").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"docs", "code", "stamp.json"}


def test_a_package_that_is_not_installed_is_named(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = script("fetch_volume")
    monkeypatch.setattr(volume, "INSTALLED", ("no-such-package",))
    with pytest.raises(SystemExit, match=r"no-such-package.*--no-volume"):
        volume.fetch_volume(tmp_path)
