"""Model calls as data: what is asked, what was answered, and what of it is still open.

A *request* names a document, a span of its text and how to ask; it carries no text, since the lake has that
already: the prompt is rendered when it is sent. `REQUESTS`, one file per part and round:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | `request_id`: hash of model, prompt and everything below but `row` |
| `document_id` | binary[16] | whom it is about |
| `row` | int32 | the document's row in its part |
| `start`, `stop` | int32 | span of the text, in characters (code points); a page's number and the next for pages |
| `sample` | int16 | 0, 1, … where a recipe asks several times |
| `round` | int16 | 0, then 1 for what round 0 failed, and so on |
| `target` | string | language or other choice that the prompt names; "" where it has none |
| `parameters` | string | JSON with sorted keys: `temperature`, `top_p`, `max_tokens`, `seed` |

`RESPONSES`, appended in small committed flushes; a request that has one is never sent again:

| column | type | meaning |
|---|---|---|
| `id` | binary[16] | of the request |
| `text` | large_string, null where `error` stands | the answer as it came; half surrogates are U+FFFD |
| `finish_reason` | string, null where `error` stands | `stop`, `length`, … |
| `error` | string, null where it was answered | a short stable word, then `: ` and details for people |
| `prompt_tokens`, `completion_tokens` | int32 | as the engine counts; 0 where unknown |
| `model`, `engine` | string | what answered |
| `seconds` | float32 | from sending to answer, with the client's own retries |

Answers of models cannot be made again, so a folder of responses is named by what was asked, and everything after
it is a function of these two tables.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from corpus.document import ID, ID_BYTES
from corpus.normalise import without_surrogates

VERSION = 1
REQUESTS = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("document_id", ID, nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("stop", pa.int32(), nullable=False),
        pa.field("sample", pa.int16(), nullable=False),
        pa.field("round", pa.int16(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("parameters", pa.string(), nullable=False),
    ]
)
RESPONSES = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("text", pa.large_string()),
        pa.field("finish_reason", pa.string()),
        pa.field("error", pa.string()),
        pa.field("prompt_tokens", pa.int32(), nullable=False),
        pa.field("completion_tokens", pa.int32(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("engine", pa.string(), nullable=False),
        pa.field("seconds", pa.float32(), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One row of `REQUESTS`, before it has its id."""

    document_id: bytes
    row: int
    start: int
    stop: int
    sample: int = 0
    round: int = 0
    target: str = ""
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request rendered: what an engine is given. `images` are PNG files."""

    id: bytes
    messages: Sequence[Mapping[str, str]]  # role and content, as chat APIs take them
    parameters: Mapping[str, Any]
    images: Sequence[bytes] = ()
    schema: Mapping[str, Any] | None = None  # JSON schema that the answer must meet
    choices: Sequence[str] = ()  # the answer must be one of these


def request_id(request: Request, model: str, prompt: str) -> bytes:
    """The identity of a question: equal questions to one model are asked once. `prompt` is name and digest."""
    key = [
        model,
        prompt,
        request.document_id.hex(),
        request.start,
        request.stop,
        request.sample,
        request.round,
        request.target,
        canonical(request.parameters),
    ]
    return hashlib.blake2b(json.dumps(key).encode(), digest_size=ID_BYTES).digest()


def requests_table(requests: Sequence[Request], model: str, prompt: str) -> pa.Table:
    """The requests as rows, each with its id. ValueError where two are the same question."""
    rows = [
        {name: getattr(request, name) for name in REQUESTS.names if hasattr(request, name)}
        | {"id": request_id(request, model, prompt), "parameters": canonical(request.parameters)}
        for request in requests
    ]
    if len({row["id"] for row in rows}) != len(rows):
        raise ValueError("two requests ask the same; give them another `sample`")
    return pa.Table.from_pylist(rows, schema=REQUESTS)


def canonical(parameters: Mapping[str, Any]) -> str:
    """JSON with sorted keys, so that equal parameters have equal bytes."""
    return json.dumps(parameters, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def unanswered(requests: pa.Table, responses: pa.Table) -> pa.Table:
    """The requests without a response, in their order."""
    answered = set(responses.column("id").to_pylist())
    open_ = [id_ not in answered for id_ in requests.column("id").to_pylist()]
    return requests.filter(pa.array(open_, pa.bool_()))


def answer(
    call: Call,
    *,
    text: str,
    finish_reason: str,
    tokens: tuple[int, int],
    model: str,
    engine: str,
    seconds: float,
) -> dict[str, Any]:
    """A row of `RESPONSES`. `tokens` are those of prompt and completion."""
    return _row(call, model, engine, seconds, tokens) | {
        "text": without_surrogates(text),
        "finish_reason": finish_reason,
        "error": None,
    }


def failure(call: Call, *, error: str, model: str, engine: str, seconds: float) -> dict[str, Any]:
    """A row of `RESPONSES` for a call that came to nothing."""
    missing = {"text": None, "finish_reason": None, "error": without_surrogates(error)}
    return _row(call, model, engine, seconds, (0, 0)) | missing


def _row(
    call: Call, model: str, engine: str, seconds: float, tokens: tuple[int, int]
) -> dict[str, Any]:
    return {
        "id": call.id,
        "prompt_tokens": tokens[0],
        "completion_tokens": tokens[1],
        "model": model,
        "engine": engine,
        "seconds": seconds,
    }
