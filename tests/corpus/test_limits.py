"""Guarded calls: results, errors, each limit, and the life of the child."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits

SAMPLES = """
import ctypes, os, signal, sys, time
from corpus.limits import Unreadable
held = []
def double(x): return 2 * x
def pid(): return os.getpid()
def die(how):
    if how == "segv": ctypes.string_at(0)
    if how == "abort": os.abort()
    if how == "exit": os._exit(3)
    if how == "spin":
        while True: pass
    if how == "sleep": time.sleep(60)
    if how == "memory": return len(bytearray(1 << 32))
    if how == "leak":
        held.append(bytearray(200 << 20)); return len(held)
    if how == "raise": raise KeyError("gone")
    if how == "unreadable": raise Unreadable("encrypted", "no key")
    if how == "bug": return undefined_name
    if how == "print":
        print("noise"); os.write(1, b"noise"); sys.stdout.flush(); return "ok"
    return os.getpid()
"""


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "guarded_samples.py").write_text(textwrap.dedent(SAMPLES))
    monkeypatch.syspath_prepend(tmp_path)
    import guarded_samples  # type: ignore[import-not-found]

    yield guarded_samples
    sys.modules.pop("guarded_samples", None)


@pytest.fixture
def guard(samples: Any) -> Iterator[Callable[..., Any]]:
    opened: list[Guarded] = []

    def make(**limits: Any) -> Guarded:
        opened.append(Guarded(samples.die, Limits(**limits)))
        return opened[-1]

    yield make
    for guarded in opened:
        guarded.close()


def test_result_comes_from_one_child(samples: Any) -> None:
    with Guarded(samples.pid, Limits()) as pid:
        first, second = pid(), pid()
    assert first == second != os.getpid()
    assert not Path(f"/proc/{first}").exists()


def test_errors_are_named(guard: Any) -> None:
    guarded = guard()
    with pytest.raises(GuardedError) as caught:
        guarded("raise")
    assert caught.value.reason == "parse"
    assert "KeyError" in caught.value.detail
    with pytest.raises(GuardedError) as caught:
        guarded("unreadable")
    assert (caught.value.reason, caught.value.detail) == ("encrypted", "no key")
    with pytest.raises(RuntimeError, match="undefined_name"):
        guarded("bug")


@pytest.mark.parametrize(
    ("how", "reason"),
    [("segv", "crash"), ("abort", "crash"), ("exit", "crash"), ("memory", "memory")],
)
def test_death_is_an_error_and_the_next_call_works(guard: Any, how: str, reason: str) -> None:
    guarded = guard(memory_bytes=1 << 29)
    with pytest.raises(LimitExceeded) as caught:
        guarded(how)
    assert caught.value.reason == reason
    assert guarded("") > 0


def test_cpu_limit_counts_each_call_alone(guard: Any) -> None:
    guarded = guard(cpu_seconds=1)
    before = guarded("")
    for _ in range(2):
        with pytest.raises(LimitExceeded) as caught:
            guarded("spin")
        assert caught.value.reason == "cpu"
    assert guarded("") != before


def test_wall_time_is_a_backstop(guard: Any) -> None:
    guarded = guard(cpu_seconds=0.05)
    started = time.monotonic()
    with pytest.raises(LimitExceeded) as caught:
        guarded("sleep")
    assert caught.value.reason == "time"
    assert time.monotonic() - started < 20


def test_no_record_pays_for_the_one_before(guard: Any) -> None:
    """Each call keeps 200 MB of the 500 allowed: the third is repeated in a fresh child."""
    guarded = guard(memory_bytes=500 << 20)
    assert [guarded("leak") for _ in range(4)] == [1, 2, 1, 2]


def test_output_of_native_code_does_not_reach_the_protocol(guard: Any) -> None:
    assert guard()("print") == "ok"


def test_large_values_pass(samples: Any) -> None:
    with Guarded(samples.double, Limits()) as double:
        assert len(double(b"x" * (5 << 20))) == 10 << 20


def test_only_module_level_functions(samples: Any) -> None:
    with pytest.raises(ValueError, match="module-level"):
        Guarded(lambda: None, Limits())


@pytest.mark.parametrize("name", ["cpu_seconds", "memory_bytes", "max_bytes", "max_pages"])
def test_limits_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_child_dies_with_its_parent(samples: Any, tmp_path: Path) -> None:
    """Also in the midst of a call."""
    code = (
        "import sys, threading, time, guarded_samples; from corpus.limits import Guarded, Limits;"
        "g = Guarded(guarded_samples.die, Limits()); print(g(''), flush=True); g('sleep')"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.2)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(child)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
