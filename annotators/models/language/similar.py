"""Learn what tells similar languages apart: `python -m annotators.models.language.similar SIB200`.

SIB200 is the JSON Lines of SIB-200's train and dev rows, of which the train rows are taken: the same 701 sentences in
every language. Multinomial naive Bayes over hashed n-grams of characters, each set's alone; two seconds.
"""

from __future__ import annotations

import io
import logging
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from annotators.fasttext_model import bags
from annotators.language import SIMILAR
from annotators.models.language.sources import sentences
from annotators.similar import STEP, table
from corpus.texts import string_bytes

log = logging.getLogger("tokenmill")
SETS = {
    "arabic": "arb_Arab ars_Arab apc_Arab arz_Arab ary_Arab acm_Arab acq_Arab aeb_Arab",
    "bengali": "ben_Beng asm_Beng",
    "bosnian_croatian": "bos_Latn hrv_Latn",
    "devanagari": "hin_Deva awa_Deva hne_Deva mag_Deva bho_Deva mai_Deva mar_Deva npi_Deva",
    "dutch": "nld_Latn lim_Latn afr_Latn",
    "malay": "ind_Latn zsm_Latn",
    "persian": "pes_Arab prs_Arab",
    "scandinavian": "nob_Latn nno_Latn dan_Latn",
    "slavic": "ces_Latn slk_Latn slv_Latn",
}
BUCKETS = 1 << 15
PRIOR = 0.1  # times that each n-gram is taken to have been seen


def main(sib: Path, out: Path = SIMILAR) -> None:
    texts: dict[str, list[str]] = defaultdict(list)
    for label, text in sentences(sib):
        texts[label].append(text)
    found: dict[str, npt.NDArray[Any]] = {}
    for name, members in SETS.items():
        labels = members.split()
        weights = learnt([texts[label] for label in labels])
        found |= {
            f"labels/{name}": np.array(labels),
            f"weights/{name}": np.round(weights / STEP).astype(np.int8),
        }
    file = io.BytesIO()
    np.savez_compressed(file, **found)  # type: ignore[arg-type]  # its third parameter is a flag
    out.write_bytes(file.getvalue())
    log.info("%s: %.1f MB", out, len(file.getvalue()) / 1e6)


def learnt(texts: list[list[str]]) -> npt.NDArray[np.float64]:
    """Log-likelihood of each n-gram in each language, less the mean over them: (buckets, languages)."""
    counts = np.full((BUCKETS, len(texts)), PRIOR)
    empty = table(np.zeros((BUCKETS, 1), np.float32))
    for column, some in enumerate(texts):
        numbers, _ = bags(empty, *string_bytes(pa.chunked_array([some], pa.large_string())))
        np.add.at(counts[:, column], numbers, 1)
    logs = np.log(counts / counts.sum(axis=0))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*map(Path, sys.argv[1:]))
