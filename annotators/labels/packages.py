"""Fetch the packages that the references of `labels.jsonl` name, each unpacked to a folder of its name.

    python -m annotators.labels.packages FOLDER

Debian's through `apt-get download`, PyPI's as wheels through `pip download`, npm's through `npm pack`, each as it is
configured on the machine. A package that cannot be had in the version that was labelled is told of and left out:
`passages.available` then counts its passages. What is there already is not fetched again.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from annotators.labels.passages import FILE, named
from annotators.models.language.sources import fetch_package

# no such program or version, no archive, or not one archive alone
FAULTS = (OSError, ValueError, subprocess.CalledProcessError, tarfile.TarError, zipfile.BadZipFile)
log = logging.getLogger(__name__)


def fetch(folder: Path, file: Path = FILE) -> dict[str, str]:
    """Unpack what a file of references names; the packages that could not be had, and why."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = {}
    for package in listed(file):
        kind, name, version = named(package)
        if (folder / name).exists():
            continue
        try:
            FETCHERS[kind](name, version, folder)
        except FAULTS as error:
            missing[package] = str(error)
            log.warning("%s could not be had: %s", package, error)
    return missing


def listed(file: Path = FILE) -> list[str]:
    """The packages of a file of references, each once, without the data at hand."""
    references = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    packages: Iterable[str] = (reference["package"] for reference in references)
    return sorted({package for package in packages if not package.startswith("shared:")})


def _debian(name: str, version: str, folder: Path) -> None:
    fetch_package(name, folder, version)


def _wheel(name: str, version: str, folder: Path) -> None:
    with TemporaryDirectory() as at:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
        subprocess.run([*pip, "--only-binary", ":all:", f"{name}=={version}"], cwd=at, check=True)
        (file,) = Path(at).glob("*.whl")
        with zipfile.ZipFile(file) as wheel:
            wheel.extractall(folder / name)


def _npm(name: str, version: str, folder: Path) -> None:
    with TemporaryDirectory() as at:
        pack = ["npm", "pack", "--silent", f"{name}@{version}"]
        subprocess.run(pack, cwd=at, check=True, stdout=subprocess.DEVNULL)
        (file,) = Path(at).glob("*.tgz")
        with tarfile.open(file) as archive:
            archive.extractall(folder / name, filter="data")


FETCHERS: dict[str, Callable[[str, str, Path], None]] = {
    "debian": _debian,
    "pypi": _wheel,
    "npm": _npm,
}


def main(folder: Path) -> None:
    missing = fetch(folder)
    log.info("%s of %s packages could not be had", len(missing), len(listed()))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(Path(sys.argv[1]))
