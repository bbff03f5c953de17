"""A multilingual encoder by path, from which the second tier of the student reads a text.

`Encoder(folder)` takes any model that transformers' AutoModel reads (XLM-R, E5, BGE, MiniLM, …), frozen; nothing is
downloaded. What is read of a text is the mean of the last states of its first `TOKENS` tokens, at length 1, on a GPU
where there is one. Texts are read in batches of about the same length, in an order that depends on the part alone, so a
part gives the same bytes again on the same machine; another machine or library rounds otherwise.
"""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from annotators.annotator import file_hash
from corpus.texts import Bytes, Offsets

TOKENS = 512
BATCH = 32
BYTES = 16 * TOKENS  # of a text that its first tokens are looked for in

Floats = npt.NDArray[np.floating]


class Encoder:
    """A model in a folder. ValueError where transformers reads none there."""

    def __init__(self, folder: str) -> None:
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise ValueError(
                f"an encoder needs torch and transformers ({error}): `make engine`, or install them"
            ) from None
        told: Any = logging
        told.disable_progress_bar()
        check(folder)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
            model: Any = AutoModel.from_pretrained(folder, dtype=torch.float32)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{folder} is no encoder: {str(error).splitlines()[0]}") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.eval().to(self._device)
        limit = getattr(model.config, "max_position_embeddings", TOKENS)
        self._tokens = min(TOKENS, self._tokenizer.model_max_length, limit)
        self.size = int(model.config.hidden_size)
        self.sha256 = folder_hash(folder)

    def read(self, data: Bytes, offsets: Offsets) -> Floats:
        """(texts, size), each row of length 1."""
        import torch

        texts = [
            data[lo : min(hi, lo + BYTES)].tobytes().decode("utf-8", "ignore")
            for lo, hi in pairwise(offsets)
        ]
        found = np.zeros((len(texts), self.size), np.float32)
        order = np.argsort([len(text) for text in texts], kind="stable")
        with torch.inference_mode():
            for lo in range(0, len(order), BATCH):
                batch = order[lo : lo + BATCH]
                found[batch] = self._means([texts[n] for n in batch])
        return found

    def _means(self, texts: list[str]) -> Floats:
        from torch.nn.functional import normalize

        read = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._tokens, return_tensors="pt"
        ).to(self._device)
        mask = read["attention_mask"][..., None]
        states = self._model(**read).last_hidden_state * mask
        means = states.sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return np.asarray(normalize(means, dim=1).float().cpu().numpy())


def check(folder: str) -> None:
    """ValueError where no model can lie in a folder."""
    if not (Path(folder) / "config.json").is_file():
        raise ValueError(f"{folder} is no encoder: it has no config.json")


@cache
def encoder(folder: str) -> Encoder:
    """The encoder of a folder, loaded once per process."""
    return Encoder(folder)


@cache
def folder_hash(folder: str) -> str:
    """SHA-256 over names and contents of the files of a folder."""
    found = hashlib.sha256()
    for file in sorted(Path(folder).glob("*")):
        if file.is_file():
            found.update(f"{file.name} {file_hash(file)}\n".encode())
    return found.hexdigest()
