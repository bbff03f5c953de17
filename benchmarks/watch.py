"""Run `tokenmill` as a user would and watch it: seconds per step, and the memory of all its processes.

Memory is the proportional set size (PSS: pages shared by n processes count 1/n each; Linux, `smaps_rollup`), summed
over the command and all its descendants, Ray's own among them, once a second; the page cache does not count.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_STEP = re.compile(r"(?P<step>\w[\w ]*?) {2,}(?P<done>[\d,]+)/(?P<total>[\d,]+) parts.*\d s$")


@dataclass
class Watched:
    """What was seen of one command that ended well. Bytes and seconds."""

    seconds: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)  # seconds from the end of the step before
    peak: int = 0  # PSS of all processes together
    peak_of: dict[str, int] = field(default_factory=dict)  # largest PSS of one process of each role
    peak_in: dict[str, int] = field(default_factory=dict)  # PSS of all together, by step
    cpu: float = 0.0  # CPU seconds of all processes, as far as they were seen


def watched(words: Sequence[str], every: float = 1.0) -> Watched:
    """Run `tokenmill WORDS` to its end, with a look at its memory `every` so many seconds.

    SystemExit with its last lines if it fails. A look takes a twentieth of a second.
    """
    command = [sys.executable, "-m", "workflows", *words]
    started = last = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = []
    with watching(process.pid, every) as seen:
        for line in process.stderr:
            lines.append(line)
            found = _STEP.match(line.strip())
            if found and found["done"] == found["total"]:
                now = time.monotonic()
                step = found["step"].strip()
                seen.steps[step], last = now - last, now
                seen.peak_in[step] = seen.peak_in.pop("", 0)
        code = process.wait()
        seen.seconds = time.monotonic() - started
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{''.join(lines[-20:])}")
    return seen


@contextmanager
def watching(pid: int, every: float = 1.0) -> Iterator[Watched]:
    """Look at the memory of a process and its descendants while the block runs."""
    seen, stop = Watched(), threading.Event()
    sampler = threading.Thread(target=_sample, args=(pid, seen, stop, every))
    sampler.start()
    try:
        yield seen
    finally:
        stop.set()
        sampler.join()


def _sample(pid: int, seen: Watched, stop: threading.Event, every: float) -> None:
    cpu: dict[tuple[int, float], float] = defaultdict(float)
    while not stop.wait(every):
        sizes: dict[str, int] = defaultdict(int)
        total = 0
        for process in _family(pid):
            try:
                size, role = process.memory_full_info().pss, _role(process, pid)
                times = process.cpu_times()
                cpu[process.pid, process.create_time()] = times.user + times.system
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            total += size
            sizes[role] = max(sizes[role], size)
        seen.peak = max(seen.peak, total)
        seen.peak_in[""] = max(seen.peak_in.get("", 0), total)  # of the step that goes on
        for role, size in sizes.items():
            seen.peak_of[role] = max(seen.peak_of.get(role, 0), size)
    seen.cpu = sum(cpu.values())


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _role(process: psutil.Process, driver: int) -> str:
    if process.pid == driver:
        return "driver"
    name = " ".join(process.cmdline()[:1]) or process.name()
    return "worker" if name.startswith("ray::") else "ray"
