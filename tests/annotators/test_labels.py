"""The labelled passages by reference: found again in unpacked packages, counted where they are not; what is fetched."""

import hashlib
import json
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from annotators import taxonomy
from annotators.labels import packages
from annotators.labels.passages import FILE, available, main, named, passages

TEXT = "first\nsecond, which is labelled\n"


def reference(package: str, path: str, text: str = TEXT, start: int = 6, stop: int = 32) -> dict:
    return {
        "package": package,
        "path": path,
        "file": hashlib.sha256(text.encode()).hexdigest(),
        "reader": "bytes",
        "start": start,
        "stop": stop,
        "sha256": hashlib.sha256(TEXT[start:stop].encode()).hexdigest(),
        "language": "eng_Latn",
        "labels": [{"field": "none", "note": "short"}, {"field": "law", "note": "other"}],
    }


@pytest.fixture
def references(tmp_path):
    """A file of references to four packages, of which two are there as they were and one is another."""
    file = tmp_path / "labels.jsonl"
    found = [
        reference("debian:songs=1:2.0-1", "usr/songs"),
        reference("npm:@of/rhymes@1.0.0", "package/README.md"),
        reference("pypi:changed==3.0+cpu", "changed/__init__.py"),
        reference("shared:gone", "page.txt"),
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in found), encoding="utf-8")
    for where, text in {
        "songs/usr/songs": TEXT,
        "@of/rhymes/package/README.md": TEXT,
        "changed/changed/__init__.py": "another",
    }.items():
        path = tmp_path / "packages" / where
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("package", "parts"),
    [
        ("debian:songs=1:2.0-1", ("debian", "songs", "1:2.0-1")),
        ("npm:@of/rhymes@1.0.0", ("npm", "@of/rhymes", "1.0.0")),
        ("pypi:changed==3.0+cpu", ("pypi", "changed", "3.0+cpu")),
        ("shared:lid/rows.jsonl.gz", ("shared", "lid/rows.jsonl.gz", "")),
    ],
)
def test_a_package_is_named_by_kind_name_and_version(package, parts):
    assert named(package) == parts


def test_passages_that_are_not_there_or_changed_are_counted_and_the_others_go_on(
    references, tmp_path
):
    found, left_out = available(tmp_path / "packages", tmp_path / "shared", references)
    assert [one.text for one in found] == ["second, which is labelled\n"] * 2
    assert left_out == {"changed: pypi:changed==3.0+cpu": 1, "not there: shared:gone": 1}


def test_all_passages_stop_at_the_first_that_is_not_as_it_was(references, tmp_path):
    with pytest.raises(ValueError, match="is not the file that was labelled"):
        list(passages(tmp_path / "packages", tmp_path / "shared", references))


def test_the_labelled_set_has_the_first_reading_and_the_package(references, tmp_path):
    main(tmp_path / "packages", tmp_path / "shared", tmp_path / "out.jsonl", references)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "text": "second, which is labelled\n",
        "lang": "eng_Latn",
        "package": "debian:songs=1:2.0-1",
        "field": "none",
    }
    assert [row["package"] for row in rows] == ["debian:songs=1:2.0-1", "npm:@of/rhymes@1.0.0"]


def test_every_package_of_ours_is_of_a_kind_that_is_fetched_and_listed_once():
    listed = packages.listed()
    assert len(listed) == len(set(listed))
    assert {named(package)[0] for package in listed} == packages.FETCHERS.keys()


def test_packages_are_unpacked_to_their_names_and_one_that_cannot_be_had_does_not_stop_the_rest(
    references, tmp_path, monkeypatch
):
    asked = []

    def run(words, cwd=".", **_):
        """What the package managers leave in a folder."""
        asked.append(tuple(map(str, words)))
        cwd = Path(cwd)
        if words[0] == "apt-get":
            (cwd / "songs_1%3a2.0-1_all.deb").touch()
        elif words[0] == "dpkg-deb":
            Path(words[-1]).mkdir()
        elif words[0] == "npm":
            (cwd / "package").mkdir()
            (cwd / "package/README.md").write_text("rhymes")
            with tarfile.open(cwd / "of-rhymes-1.0.0.tgz", "w:gz") as archive:
                archive.add(cwd / "package", "package")
        else:
            raise subprocess.CalledProcessError(1, words)

    monkeypatch.setattr(subprocess, "run", run)
    missing = packages.fetch(tmp_path / "new", references)
    assert list(missing) == ["pypi:changed==3.0+cpu"]
    assert (tmp_path / "new/@of/rhymes/package/README.md").read_text() == "rhymes"
    assert [path.name for path in sorted((tmp_path / "new").iterdir())] == ["@of", "songs"]
    assert ("apt-get", "download", "-qq", "songs=1:2.0-1") in asked
    assert asked[-1][-1] == "changed==3.0+cpu"

    def wheel(words, cwd, **_):
        with zipfile.ZipFile(Path(cwd) / "changed-3.0+cpu-py3-none-any.whl", "w") as file:
            file.writestr("changed/__init__.py", TEXT)

    monkeypatch.setattr(subprocess, "run", wheel)
    assert packages.fetch(tmp_path / "new", references) == {}, (
        "and only that one is asked for again"
    )
    assert (tmp_path / "new/changed/changed/__init__.py").read_text() == TEXT


def test_the_card_names_the_values_that_no_passage_has():
    card = (FILE.parent / "README.md").read_text(encoding="utf-8")
    start = card.index("Not one passage has")
    said = card[start : card.index("A student can say these", start)]
    labels = [json.loads(line)["labels"][0] for line in FILE.read_text("utf-8").splitlines()]
    for name, dimension in taxonomy.load().items():
        given = [one[name] for one in labels if one.get(name) is not None]
        seen = {value for one in given for value in (one if isinstance(one, list) else [one])}
        missing = [str(value) for value in dimension.labels if value not in seen]
        if given and missing:
            of_it = re.split(r"[;.]", said[said.index(f"`{name}`") :])[0]
            assert [value for value in missing if value not in of_it] == []
        assert given == [] or missing != [] or f"`{name}`" not in said
