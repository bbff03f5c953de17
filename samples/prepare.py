"""Make everything of the sample data that is not kept in the repository: `prepare.py --out DIR`.

Fills DIR/warc, DIR/pdf, DIR/planted and, unless `--no-volume` is given, DIR/volume (which downloads
about 75 MB through pip). Prints one line a step. A step whose inputs have not changed since the
last call is not done again: its folder holds a stamp with the hash of the files it is made of.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from fetch_volume import fetch_volume

HERE = Path(__file__).parent
STAMP = ".stamp"

# step -> the module and function that make it, and what else under `samples/` it is made of
STEPS: dict[str, tuple[str, Sequence[str]]] = {
    "warc": ("make_warc", ("languages.jsonl", "web/*.html")),
    "pdf": ("make_pdfs", ("languages.jsonl",)),
    "planted": ("make_planted", ("prose.py", "grammar.txt", "evaluation.jsonl")),
}


def prepare(out: Path, *, volume: bool) -> None:
    for step, (module, inputs) in STEPS.items():
        print(_made(out / step, module, _hash([f"{module}.py", *inputs])), flush=True)
    if volume:
        print(fetch_volume(out / "volume"), flush=True)


def _made(folder: Path, module: str, wanted: str) -> str:
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text("ascii") == wanted:
        return f"{folder.name}: {folder} is complete"
    shutil.rmtree(folder, ignore_errors=True)
    # imported only here: PyMuPDF takes a second to load, and usually everything is complete
    line: str = getattr(importlib.import_module(module), module)(folder)
    stamp.write_text(wanted, "ascii")
    return line


def _hash(patterns: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in HERE.glob(pattern)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(HERE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    parser.add_argument("--no-volume", action="store_true", help="leave out what is downloaded")
    arguments = parser.parse_args()
    prepare(arguments.out, volume=not arguments.no_volume)


if __name__ == "__main__":
    main()
