"""Every engine gives every call one row; the OpenAI engine outlives a bad server and names a dead one."""

from __future__ import annotations

import socket
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.calls import RESPONSES, Call
from tests.servers import TRANSPORT, Server
from workflows.engines import EngineError, Model, ask
from workflows.engines.openai import DEAD


def calls(count: int, **more) -> list[Call]:
    return [
        Call(
            id=number.to_bytes(16, "big"),
            messages=[{"role": "user", "content": f"Passage: Sentence {number} is here. And more"}],
            parameters={"temperature": 0.0, "max_tokens": 50, "seed": number},
            **more,
        )
        for number in range(count)
    ]


def openai(url: str, **more) -> Model:
    return Model(engine="openai", model="scripted", base_url=url, **more)


def test_each_call_has_one_row_and_no_more_are_in_flight_than_allowed():
    with Server() as server:
        rows = list(ask(openai(server.url, in_flight=5), calls(40)))
    assert sorted(row["id"] for row in rows) == [call.id for call in calls(40)]
    assert {row["error"] for row in rows} == {None}
    assert {row["finish_reason"] for row in rows} == {"stop"}
    assert server.busiest <= 5
    table = pa.Table.from_pylist(rows, schema=RESPONSES)
    assert table.num_rows == 40
    by_id = {row["id"]: row for row in rows}
    assert "Sentence 7 is here" in by_id[calls(8)[7].id]["text"]


def test_faults_are_retried_and_what_stays_is_a_row_with_its_reason():
    model = {"timeout": 0.3, "deadline": 30.0, "retries": 1, "in_flight": 16}
    with Server(faults=TRANSPORT, share=0.5) as server:
        rows = list(ask(openai(server.url, **model), calls(60)))
    assert sorted(row["id"] for row in rows) == [call.id for call in calls(60)]
    reasons = {(row["error"] or "none").partition(":")[0] for row in rows}
    assert reasons >= {"none", "http_500", "bad_response"}
    assert reasons <= {"none", "http_429", "http_500", "timeout", "connection", "bad_response"}
    assert all((row["text"] is None) == (row["error"] is not None) for row in rows)
    assert set(server.faulted) == {*TRANSPORT, "none"}


def test_connections_that_are_lost_now_and_then_are_no_dead_endpoint():
    with Server(faults=("cut",), share=0.3) as server:
        rows = list(ask(openai(server.url, retries=0, in_flight=1), calls(80)))
    assert sorted(row["id"] for row in rows) == [call.id for call in calls(80)]
    lost = [row["error"] for row in rows if row["error"] is not None]
    assert len(lost) == server.faulted["cut"] > 2 * DEAD
    assert all(error.startswith("connection: ") for error in lost)


def test_a_deadline_ends_a_call_whatever_its_tries_may_take():
    model = {"timeout": 60.0, "deadline": 0.3, "retries": 9, "in_flight": 8}
    started = time.monotonic()
    with Server(faults=("stall",), share=0.5) as server:
        rows = list(ask(openai(server.url, **model), calls(8)))
    assert time.monotonic() - started < 20
    stalled = [row for row in rows if row["error"] is not None]
    assert 0 < len(stalled) < 8
    assert all(row["error"].startswith("timeout: ") for row in stalled)


def test_the_server_is_sent_the_schema_the_choices_and_the_images(monkeypatch):
    from workflows.engines.openai import _body

    schema = {"type": "object"}
    (call,) = calls(1, schema=schema, choices=("a", "b"), images=(b"\x89PNG",))
    body = _body(openai("http://127.0.0.1:1/v1"), call)
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert body["extra_body"] == {"structured_outputs": {"choice": ["a", "b"]}}
    image, text = body["messages"][-1]["content"]
    assert image["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    assert text["text"].startswith("Passage")
    assert body["seed"] == 0


def test_a_dead_endpoint_is_named_with_the_remedy():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    model = openai(f"http://127.0.0.1:{port}/v1", retries=0, in_flight=4)
    rows = ask(model, calls(100))
    with pytest.raises(
        EngineError, match=rf"nobody answers at http://127.0.0.1:{port}/v1.*base_url"
    ):
        list(rows)


def test_a_table_of_responses_is_replayed_and_a_miss_is_a_row(tmp_path):
    with Server() as server:
        rows = list(ask(openai(server.url), calls(5)))
    folder = tmp_path / "responses"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=RESPONSES), folder / "some.parquet")
    replayed = list(ask(Model(engine="replay", model="m", responses=str(folder)), calls(6)))
    as_stored = pa.Table.from_pylist(rows, schema=RESPONSES).sort_by("id")
    assert pa.Table.from_pylist(replayed[:5], schema=RESPONSES) == as_stored
    assert replayed[5]["error"].startswith("replay_miss")


def test_responses_that_are_not_there_are_named(tmp_path):
    model = Model(engine="replay", model="m", responses=str(tmp_path / "none"))
    with pytest.raises(EngineError, match=r"no responses can be read at .*none"):
        list(ask(model, calls(1)))


def test_half_a_surrogate_in_an_answer_can_be_stored():
    with Server(lambda prompt: "Q: \ud83d?\nA: a \udc00b.") as server:
        (row,) = ask(openai(server.url), calls(1))
    table = pa.Table.from_pylist([row], schema=RESPONSES)
    assert table.column("text").to_pylist() == ["Q: \ufffd?\nA: a \ufffdb."]


def test_vllm_that_is_not_installed_is_named(monkeypatch):
    from workflows.engines import vllm

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="vllm is not installed here"):
        next(vllm.answer_parts(Model(engine="vllm", model="m"), [{}], list, print))


def test_vllm_that_is_asked_about_images_must_be_said_to_see():
    from workflows.engines.vllm import _expanded

    asked = calls(1, images=(b"\x89PNG",))
    blind = Model(engine="vllm", model="m")
    with pytest.raises(EngineError, match="model m is asked about images; say `images: true`"):
        list(_expanded(blind, lambda item: asked, {"item": "{}"}))
    (row,) = _expanded(
        Model(engine="vllm", model="m", images=True), lambda item: asked, {"item": "{}"}
    )
    assert "data:image/png;base64,iVBORw==" in row["messages"]
