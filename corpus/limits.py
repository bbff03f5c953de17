"""What one record may cost, and a child process that enforces it.

`Guarded(function, limits)` runs a module-level `function(*args)` in a long-lived child process, one
call at a time:

- CPU: before each call the child raises its soft `RLIMIT_CPU` to what it has used plus
  `cpu_seconds` (rounded up to whole seconds, the kernel's resolution); SIGXCPU then ends it inside
  any native loop.
- memory: `RLIMIT_AS` is the size of the started child plus `memory_bytes`.
- wall time: a SIGALRM after ten times the CPU limit, a backstop for a call that waits for ever.
- crash: the child died of any other signal.

After any of these the child is replaced. A crash or lack of memory is believed only from a child
that had served no other call: otherwise the call is repeated in a fresh one, so that no record pays
for the one before it. The child is ended by the kernel (SIGIO on a pipe whose other end the parent
holds) when its parent dies, also in the midst of a native call. It is a subprocess and not
`multiprocessing`, because workers of Ray and of process pools are daemonic, and it talks over
private descriptors, because native code writes to stdout.

Errors: `LimitExceeded` (reason `cpu`, `memory`, `crash` or `time`) and `GuardedError` (reason
`parse`, or what the function said with `Unreadable(reason, detail)`).
"""

from __future__ import annotations

import fcntl
import importlib
import math
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Literal, Self

WALL_FACTOR = 10
_HEADER = struct.Struct("<Q")
_BOOT = "from corpus.limits import _serve; _serve()"
_SIGNALS = {
    signal.SIGXCPU: "cpu",
    signal.SIGALRM: "time",
    signal.SIGKILL: "memory",
}  # KILL: the kernel's OOM killer

LimitReason = Literal["cpu", "memory", "crash", "time"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What reading one record may cost."""

    cpu_seconds: float = 30
    memory_bytes: int = 2 << 30
    max_bytes: int = 256 << 20  # of one record, after decompression
    max_pages: int = 5000  # of one PDF

    def __post_init__(self) -> None:
        for name in ("cpu_seconds", "memory_bytes", "max_bytes", "max_pages"):
            if getattr(self, name) <= 0:
                raise ValueError(f"limits.{name} is {getattr(self, name)}: give a number above 0")


class LimitExceeded(Exception):  # noqa: N818
    """The call cost too much, or killed its process."""

    def __init__(self, reason: LimitReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class GuardedError(Exception):
    """The function raised: `reason` is `parse`, or that of the `Unreadable` it raised."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Unreadable(Exception):  # noqa: N818
    """Raised by a guarded function that knows why its input cannot be read (`encrypted`, ...)."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Guarded:
    """`function` in a child process under `limits`. Use it as a context manager; the child starts
    with the first call."""

    def __init__(self, function: Callable[..., Any], limits: Limits) -> None:
        if "." in function.__qualname__:
            raise ValueError(
                f"{function.__qualname__} is no module-level function: no child could import it"
            )
        self._target = f"{function.__module__}:{function.__qualname__}"
        self._limits = limits
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def __call__(self, *args: Any) -> Any:
        fresh = self._child is None
        try:
            return self._call(args)
        except LimitExceeded as error:
            if fresh or error.reason in ("cpu", "time"):
                raise
        return self._call(args)

    def _call(self, args: tuple[Any, ...]) -> Any:
        if self._child is None:
            self._child = _Child(self._target, self._limits)
        try:
            outcome, value = self._child.call(args)
        except (
            BaseException
        ):  # also KeyboardInterrupt: an answer left in the pipe must never meet the next call
            self.close()
            raise
        if outcome == "result":
            return value
        if outcome == "memory":
            self.close()
            raise LimitExceeded("memory", value)
        if outcome == "bug":
            raise RuntimeError(f"{self._target} is broken: {value}")
        raise GuardedError(*value)


class _Child:
    """The parent's side of one child process."""

    def __init__(self, target: str, limits: Limits) -> None:
        alive, self._lifeline = os.pipe()
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, str(alive)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(alive,),
                env={**os.environ, "PYTHONPATH": path},
            )
        finally:
            os.close(alive)
        outcome, value = self.call((target, limits))
        if outcome != "result":
            self.kill()
            raise RuntimeError(f"the child process for {target} does not start: {value}")

    def call(self, args: tuple[Any, ...]) -> tuple[str, Any]:
        """Send one call and wait for its outcome."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _send(self._process.stdin, args)
            return _receive(self._process.stdout)  # type: ignore[no-any-return]
        except (BrokenPipeError, EOFError):
            code = self._process.wait()
        reason: Any = _SIGNALS.get(signal.Signals(-code), "crash") if code < 0 else "crash"
        raise LimitExceeded(
            reason, signal.Signals(-code).name if code < 0 else f"exit status {code}"
        )

    def kill(self) -> None:
        """End the process and close what is held of it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # what was still buffered for a dead child
                    stream.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


def _send(stream: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_HEADER.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    (size,) = _HEADER.unpack(header)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


def _serve() -> None:
    """The child: answer calls until the parent closes the pipe."""
    _die_with_parent(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, answers = _private_streams()
    target, limits = _receive(requests)
    module, name = target.split(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        _send(answers, ("error", ("import", str(error))))
        return
    _limit_memory(limits.memory_bytes)
    _send(answers, ("result", None))
    while True:
        try:
            args = _receive(requests)
        except EOFError:
            return
        except MemoryError:
            _send(answers, ("memory", "the record itself does not fit"))
            continue
        _limit_time(limits.cpu_seconds)
        data = _outcome(function, args)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(_HEADER.pack(len(data)))
        answers.write(data)
        answers.flush()
        del args, data


def _outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps(("result", function(*args)), protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError as error:
        return pickle.dumps(("memory", str(error) or "MemoryError"))
    except Unreadable as error:
        return pickle.dumps(("error", (error.reason, error.detail[:500])))
    except (NameError, ImportError) as error:  # never the input's fault
        return pickle.dumps(("bug", f"{type(error).__name__}: {error}"))
    except Exception as error:  # noqa: BLE001  the one place where a record becomes a dead letter
        return pickle.dumps(("error", ("parse", f"{type(error).__name__}: {error}"[:500])))


def _die_with_parent(alive: int) -> None:
    fcntl.fcntl(alive, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(alive, fcntl.F_SETFL, fcntl.fcntl(alive, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([alive], [], [], 0)[0]:  # it died before we listened
        os._exit(1)


def _private_streams() -> tuple[IO[bytes], IO[bytes]]:
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    return requests, answers


def _limit_memory(extra: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    _set_soft(resource.RLIMIT_AS, size + extra)


def _limit_time(cpu_seconds: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime + cpu_seconds))
    signal.setitimer(signal.ITIMER_REAL, WALL_FACTOR * cpu_seconds)


def _set_soft(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
