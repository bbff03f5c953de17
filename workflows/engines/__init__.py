"""Engines answer calls. The dict names them; `ask(model, calls)` of each yields a row of `RESPONSES` per call, as
they come.

`vllm` answers the calls of many parts together instead (`workflows.engines.vllm.answer_parts`).

An engine keeps a bounded number of calls in flight, gives every call a row, and raises `EngineError` only where
asking on makes no sense: a dead endpoint, a key that is refused, a model that does not exist. Calls that have no
row by then stay open and are asked again by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, cast

from corpus.calls import Call
from workflows.engines.model import EngineError, Model

Ask = Callable[[Model, Iterable[Call]], Iterator[dict[str, Any]]]
ENGINES: Mapping[str, str] = {  # modules, loaded by those who ask: clients are slow to load
    "openai": "workflows.engines.openai",
    "replay": "workflows.engines.replay",
}


def ask(model: Model, calls: Iterable[Call]) -> Iterator[dict[str, Any]]:
    """A row per call from the model's engine."""
    return cast(Ask, import_module(ENGINES[model.engine]).ask)(model, calls)


__all__ = ["ENGINES", "EngineError", "Model", "ask"]
