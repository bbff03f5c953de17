"""An OpenAI-compatible server on loopback with a scripted writer behind it, which can be told to fail in many ways.

What it answers is a function of the last message alone (of its picture, where it has one), so an answer that comes
through is the same however many faults came before. Whether a call fails, and how, is drawn from a hash of its body and
of how often that body has come.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

TRANSPORT = ("429", "500", "cut", "stall", "not_json")  # the client sees no answer
CONTENT = ("truncated", "loop", "refusal", "empty", "wrong_language")  # it sees a bad one
RUSSIAN = """\
Мельница стоит в самом конце переулка, за последним огородом. Её колесо сняли ещё до войны, а пруд за плотиной давно
затянуло илом. Зимой, когда ольха стоит голая, ещё видно, где прежде шла вода. Старый мельник записывал в тетрадь каждый
мешок, который ему привозили из деревни. Внуки нашли эту тетрадь на чердаке и отдали её в музей."""


def write_pairs(prompt: str) -> str:
    """A scripted writer of questions and answers, in the passage's own words: two sentences, asked by their halves."""
    passage = prompt.rpartition("Passage:")[2].strip()
    sentences = [s.strip() for s in passage.replace("\n", " ").split(". ") if s.strip()][:2]
    return "\n".join(f"Q: {s[: len(s) // 2]}…?\nA: {s}." for s in sentences)


class Server:
    """Runs in a thread of its own; use as a context manager. `asked` counts bodies that it answered well or badly."""

    def __init__(
        self,
        write: Callable[[Any], str] = write_pairs,  # of the last message: its text, or its PNG file
        *,
        identity: Callable[[bytes], str] = lambda body: hashlib.sha256(body).hexdigest(),
        faults: Sequence[str] = (),
        share: float = 0.0,
        dies_after: int = 1 << 30,
    ) -> None:
        self._write, self._faults, self._share = write, list(faults), share
        self._identity = identity  # of a body: what the counters below go by
        self._dies_after = dies_after  # so many answers; then every connection is cut
        self.came = Counter[str]()  # bodies, by hash
        self.answered = Counter[str]()  # bodies whose answer the client has seen whole
        self.faulted = Counter[str]()
        self.busy = self.busiest = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        stalled = asyncio.all_tasks(self._loop)
        for task in stalled:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*stalled, return_exceptions=True))
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            return await self._reply(request)
        finally:
            self.busy -= 1

    async def _reply(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        key = self._identity(body)
        self.came[key] += 1
        fault = self._drawn(key)
        self.faulted[fault or "none"] += 1
        if fault == "429":
            return web.json_response(_error("slow"), status=429, headers={"Retry-After": "0.05"})
        if fault == "500":
            return web.json_response(_error("down"), status=500)
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if fault == "stall":
            await asyncio.sleep(3600)
        self.answered[key] += 1
        if fault == "not_json":
            return web.Response(text="{not json", content_type="application/json")
        question = json.loads(body)
        text, reason = self._text(_shown(question["messages"][-1]["content"]), fault)
        return web.json_response(_completion(question["model"], text, reason))

    def _text(self, prompt: str | bytes, fault: str | None) -> tuple[str, str]:
        text = self._write(prompt)
        match fault:
            case "truncated":
                return text[: len(text) // 2], "length"
            case "loop":
                return "and so on and so on\n" * 60, "stop"
            case "refusal":
                return "I'm sorry, but as an AI language model I cannot help with that.", "stop"
            case "empty":
                return "", "stop"
            case "wrong_language":
                return RUSSIAN, "stop"
        return text, "stop"

    def _drawn(self, key: str) -> str | None:
        digest = hashlib.sha256(f"{key}{self.came[key]}".encode()).digest()
        if self.answered.total() >= self._dies_after:
            return "cut"
        if not self._faults or digest[0] / 256 >= self._share:
            return None
        return self._faults[digest[1] % len(self._faults)]


def _shown(content: Any) -> str | bytes:
    """What the last message shows: a text, or a picture beside it."""
    if isinstance(content, str):
        return content
    return base64.b64decode(content[0]["image_url"]["url"].partition(",")[2])


def _error(message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "server_error"}}


def _completion(model: str, text: str, reason: str) -> dict[str, object]:
    words = len(text.split())
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": reason,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": 1 + words},
    }
