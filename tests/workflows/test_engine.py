"""The engine on a real Ray: every item has an outcome, whatever becomes of its worker."""

from __future__ import annotations

import os
import time
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest

from workflows.engine import LEAST_IN_FLIGHT, POOLS, RETRIES, SHOWN, Engine, StepError
from workflows.progress import Progress


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """One Ray for the tests of this module."""
    lake = str(tmp_path_factory.mktemp("lake"))
    with Engine(lake=lake, num_cpus=2, progress=Progress(quiet=True)) as engine:
        yield engine


def touch(folder, item):
    (Path(folder) / item["key"]).touch(exist_ok=False)
    return {"counts": {"documents": 1}}


def die_on(number, folder, item):
    if item["number"] == number:
        with (Path(folder) / "attempts").open("a") as file:
            file.write("died\n")
        os._exit(1)
    return touch(folder, item)


class NotThere(dict):
    """What an item becomes on a node that has not our code."""

    def __reduce__(self):
        return (__import__, ("no_such_module",))


def busy(log, item):
    for mark in ("+", "-"):
        with Path(log).open("a") as file:
            file.write(mark)
        time.sleep(0.1)
    return {}


def raise_on(numbers, item):
    if item["number"] in numbers:
        raise ValueError(f"number {item['number']} is odd")
    return {}


def pools(folder, item):
    (Path(folder) / item["key"]).write_text(" ".join(os.environ.get(name, "-") for name in POOLS))
    return {}


def items(count):
    return [{"source": "s", "key": f"{number:05d}", "number": number} for number in range(count)]


def test_every_item_runs_once_when_there_are_more_than_may_be_in_flight(engine, tmp_path):
    count = LEAST_IN_FLIGHT + 50
    engine.map("touch", partial(touch, str(tmp_path)), items(count))
    assert len(list(tmp_path.iterdir())) == count


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (None, 2)])
def test_no_more_run_at_once_than_asked_for(engine, tmp_path, at_once, most):
    log = tmp_path / "log"
    engine.map("busy", partial(busy, str(log)), items(8), at_once=at_once)
    running = list(accumulate(1 if mark == "+" else -1 for mark in log.read_text()))
    assert max(running) == most
    assert running[-1] == 0


def test_an_item_whose_worker_dies_is_named_and_the_others_go_on(engine, tmp_path):
    with pytest.raises(StepError, match=r"1 of 6 parts failed.*\n  s 00003: its worker was lost"):
        engine.map("die", partial(die_on, 3, str(tmp_path)), items(6))
    done = {path.name for path in tmp_path.iterdir()}
    assert done == {"00000", "00001", "00002", "00004", "00005", "attempts"}
    assert (tmp_path / "attempts").read_text().splitlines() == ["died"] * (1 + RETRIES)


def test_what_a_worker_cannot_load_is_said_and_not_called_a_lost_worker(engine, tmp_path):
    todo = [*items(1), NotThere(source="s", key="00001")]
    with pytest.raises(StepError, match="1 of 2 parts failed") as raised:
        engine.map("load", partial(touch, str(tmp_path)), todo)
    assert "no_such_module" in str(raised.value)
    assert "was lost" not in str(raised.value)


def test_errors_are_counted_and_the_first_are_named(engine):
    odd = set(range(1, 20, 2))
    with pytest.raises(StepError, match=r"10 of 20 parts failed") as raised:
        engine.map("raise", partial(raise_on, odd), items(20))
    lines = str(raised.value).splitlines()
    assert len(lines) == 1 + SHOWN + 1
    assert all("ValueError: number" in line for line in lines[1:-1])
    assert lines[-1] == "  … and 5 more"


def test_a_task_has_one_thread_of_each_pool(engine, tmp_path):
    engine.map("pools", partial(pools, str(tmp_path)), items(2))
    assert {path.read_text() for path in tmp_path.iterdir()} == {"1 1 1 1"}
