"""Any OpenAI-compatible endpoint, through the `openai` client.

The client retries what passes (429 with its `Retry-After`, 408, 409, 5xx, lost connections, a try over `timeout`) with
backoff and jitter; `deadline` bounds all of it. What is left becomes a row with an `error`: `timeout`, `http_<status>`,
`connection`, `bad_response` (no JSON, no choice, no content). An endpoint is dead when `DEAD` calls in a row end
without a connection and none is answered: their rows are not given, so that they stay open.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

import openai

from corpus.calls import Call, answer, failure
from workflows.engines.messages import chat_messages
from workflows.engines.model import EngineError, Model

ENGINE = "openai"
DEAD = 8  # calls in a row that found nobody
SAMPLING = frozenset(  # that every endpoint knows; others are for those that do, such as vLLM
    ["temperature", "top_p", "max_tokens", "seed", "stop", "frequency_penalty", "presence_penalty"]
)
_LOST = ("connection", "timeout")
_REFUSED = (401, 403, 404)  # asking on with another question will not help


def ask(model: Model, calls: Iterable[Call]) -> Iterator[dict[str, Any]]:
    """A row per call, as they come. EngineError for an endpoint that is dead or refuses us."""
    waiting = iter(calls)
    unheard: list[dict[str, Any]] = []
    with asyncio.Runner() as runner:
        client = openai.AsyncOpenAI(
            base_url=model.base_url,
            api_key=os.environ.get(model.api_key_env) or "none",
            max_retries=model.retries,
            timeout=model.timeout,
        )
        flying: set[asyncio.Task[dict[str, Any]]] = set()
        try:
            while True:
                while len(flying) < model.in_flight and (call := next(waiting, None)) is not None:
                    flying.add(runner.get_loop().create_task(_row(client, model, call)))
                if not flying:
                    break
                done, flying = runner.run(_first(flying))
                for row in (task.result() for task in done):
                    if str(row["error"]).partition(":")[0] in _LOST:
                        unheard.append(row)
                        if len(unheard) >= DEAD:
                            raise EngineError(_dead(model, unheard[-1]["error"]))
                        continue
                    yield from unheard
                    unheard.clear()
                    yield row
        finally:
            for task in flying:
                task.cancel()
            runner.run(_end(client, flying))
    yield from unheard


async def _first(flying: set[asyncio.Task[dict[str, Any]]]) -> Any:
    return await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)


async def _end(client: openai.AsyncOpenAI, tasks: set[asyncio.Task[dict[str, Any]]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()


async def _row(client: openai.AsyncOpenAI, model: Model, call: Call) -> dict[str, Any]:
    started, body = time.monotonic(), _body(model, call)
    try:
        async with asyncio.timeout(model.deadline):
            reply = await client.chat.completions.create(**body)
        return _answered(reply, model, call, time.monotonic() - started)
    except (TimeoutError, openai.APITimeoutError):
        error = f"timeout: nothing within {model.timeout:g} s a try and {model.deadline:g} s in all"
    except openai.APIConnectionError as problem:
        error = f"connection: {problem.__cause__ or problem}"
    except openai.APIStatusError as problem:
        if problem.status_code in _REFUSED:
            raise EngineError(_refused(model, problem)) from None
        error = f"http_{problem.status_code}: {problem.message}"
    except (openai.OpenAIError, ValueError, TypeError, AttributeError, IndexError) as problem:
        error = f"bad_response: {type(problem).__name__}: {problem}"
    seconds = time.monotonic() - started
    return failure(call, error=error[:500], model=model.model, engine=ENGINE, seconds=seconds)


def _answered(reply: Any, model: Model, call: Call, seconds: float) -> dict[str, Any]:
    choice = reply.choices[0]
    text = choice.message.content
    if not isinstance(text, str):
        raise ValueError("the answer has no content")
    usage = reply.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    return answer(
        call,
        text=text,
        finish_reason=choice.finish_reason or "",
        tokens=tokens,
        model=reply.model or model.model,
        engine=ENGINE,
        seconds=seconds,
    )


def _body(model: Model, call: Call) -> dict[str, Any]:
    known = {name: value for name, value in call.parameters.items() if name in SAMPLING}
    body: dict[str, Any] = {"model": model.model, "messages": chat_messages(call), **known}
    extra = {name: value for name, value in call.parameters.items() if name not in SAMPLING}
    if call.schema is not None:
        schema = {"name": "answer", "schema": dict(call.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if call.choices:
        extra["structured_outputs"] = {"choice": list(call.choices)}
    return body | ({"extra_body": extra} if extra else {})


def _dead(model: Model, error: str) -> str:
    return (
        f"nobody answers at {model.base_url} ({error}). Start the server or correct `base_url`, then run the same "
        "command again: what was answered is kept"
    )


def _refused(model: Model, problem: openai.APIStatusError) -> str:
    return (
        f"{model.base_url} refuses model {model.model} with {problem.status_code} ({problem.message}). Correct "
        f"`model`, `base_url` or the key in ${model.api_key_env}"
    )
