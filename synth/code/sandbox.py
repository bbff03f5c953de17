"""Run untrusted programs: what a language model wrote, and what it tests itself with.

`run(command, files, limits)` starts a command in a fresh folder with `files` in it, and says how it ended. The
program has namespaces of its own (users, mounts, processes, network, IPC), made with plain system calls and without
a daemon or a set-user-ID tool, as `bubblewrap` makes them. It sees `/usr`, the libraries, the interpreter that runs
us and what `readable` names, all read-only; a scratch folder, its working directory, home and `/tmp`; no other
file, no process but its own, no network and no variable of our environment. It is user 65534 without capabilities,
and `synth.code.seccomp` filters its system calls. `synth.code.jail` is the inner side. Starting it costs some 50 ms.

| limit | of what | by what | seen as |
|---|---|---|---|
| `cpu_seconds` | all its processes | looked at every 20 ms; rlimit of each | `limit="cpu"` |
| `wall_seconds` | the run | the outer side's clock | `limit="wall"` |
| `memory_bytes` | all its processes, resident | looked at every 20 ms | `limit="memory"` |
| | private data of each process | rlimit | the program's own out-of-memory |
| `processes` | processes and threads | rlimit; weak: looked at every 20 ms | EAGAIN; weak: `limit="processes"` |
| `output_bytes` | stdout and stderr together | the outer side | `limit="output"` |
| `open_files` | of each process | rlimit | EMFILE |
| `scratch_bytes` | all files in scratch | size of a tmpfs; weak: of each file | ENOSPC; weak: EFBIG |

Scratch is memory and comes on top of `memory_bytes`. Between two looks memory may overshoot by what can be written
in 20 ms. When the run ends, for whatever reason, everything that it started is killed by the kernel.

Errors: `IsolationError` where the system does not allow all of this: nothing is run. `isolation()` asks beforehand.
With `allow_weak=True` the program then runs under rlimits, the filter of system calls and a session of its own
only: it has no sockets, but reads and writes every file that we may. `ValueError` for files that do not fit into
scratch and for a command that is not there.

What is left: the kernel itself is shared, and so are its bugs and the time that its caches betray. For code of which
one expects attacks, run the whole pipeline in a virtual machine.
"""

from __future__ import annotations

import marshal
import math
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from glob import glob
from pathlib import Path
from typing import IO, Any, Literal

from corpus.errors import TokenmillError
from synth.code.jail import NOBODY, SCRATCH

LOOK_SECONDS = 0.02
WEAK_ROUNDS = 1000
PATH = "/usr/local/bin:/usr/bin:/bin"
PYTHON = (os.path.realpath(sys.executable), "-s", "-S", "-B")  # without site-packages
VISIBLE = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/etc/alternatives", "/etc/ld.so.cache", *sorted(glob("/etc/java-*-openjdk"))),
)
_BOOT = f"import sys; sys.path.append({str(Path(__file__).parents[2])!r}); from synth.code.jail import main; main()"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
REMEDY = (
    "Untrusted code needs user, mount, pid, network and IPC namespaces (Linux 5.14 or newer, x86-64 or ARM). "
    "On a host: `sysctl user.max_user_namespaces=10000`, and where they exist `kernel.unprivileged_userns_clone=1` and "
    "`kernel.apparmor_restrict_unprivileged_userns=0`. In Docker: `--security-opt seccomp=unconfined --security-opt "
    "apparmor=unconfined`, or `--privileged`. On Kubernetes: a pod with `hostUsers: false` and a seccomp profile "
    "`Unconfined`. Or run it weakly, which does not protect your files, with allow_weak."
)

LimitName = Literal["cpu", "wall", "memory", "processes", "output"]


class IsolationError(TokenmillError):
    """The system does not allow to shut untrusted code away. Nothing was run."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"no sandbox for untrusted code here: {missing}. {REMEDY}")
        self.missing = missing


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may cost."""

    cpu_seconds: float = 10
    wall_seconds: float = 30
    memory_bytes: int = 512 << 20
    processes: int = 64
    output_bytes: int = 1 << 20
    open_files: int = 256
    scratch_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise ValueError(f"limits.{name} is {value}: give a number above 0")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended: by itself, by a signal, or at a limit."""

    exit_code: int | None  # null when it was killed
    signal: int | None  # that killed it, when that was not one of our limits
    limit: LimitName | None  # that it was killed for
    stdout: bytes
    stderr: bytes
    isolated: bool  # false: weak mode

    @property
    def truncated(self) -> bool:
        """Whether there was more output than was kept."""
        return self.limit == "output"


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """What the system allows."""

    full: bool
    missing: str = ""  # the step that failed, and how
    remedy: str = ""


def run(
    command: Sequence[str],
    files: Mapping[str, bytes] | None = None,
    limits: Limits | None = None,
    *,
    readable: Sequence[str] = (),
    allow_weak: bool = False,
) -> Outcome:
    """Run `command` with `files` (relative path to content) around it and wait for its end."""
    weak = allow_weak and not isolation().full
    limits = limits or Limits()
    scratch = tempfile.mkdtemp(prefix="sandbox-") if weak else SCRATCH
    try:
        spec = _spec(command, _relative(files or {}), limits, readable, scratch)
        return _supervised(spec, limits)
    finally:
        if weak:
            shutil.rmtree(scratch, ignore_errors=True)


@lru_cache(maxsize=1)
def isolation() -> Isolation:
    """Try whether a program can be shut away here; the answer is kept."""
    try:
        _supervised(_spec((*PYTHON, "-c", ""), {}, Limits(), (), SCRATCH), Limits())
    except IsolationError as error:
        return Isolation(full=False, missing=error.missing, remedy=REMEDY)
    return Isolation(full=True)


# ---------------------------------------------------------------- what the inner side is told


def _relative(files: Mapping[str, bytes]) -> dict[str, bytes]:
    for name in files:
        if os.path.isabs(name) or ".." in Path(name).parts:
            raise ValueError(f"file {name!r} lies outside scratch: give a path relative to it")
    return dict(files)


def _spec(
    command: Sequence[str],
    files: dict[str, bytes],
    limits: Limits,
    readable: Sequence[str],
    scratch: str,
) -> dict[str, Any]:
    whole = replace(limits, cpu_seconds=math.ceil(limits.cpu_seconds))
    return {
        "command": list(command),
        "files": files,
        "limits": asdict(whole),
        "readable": [*VISIBLE, *_interpreter(), *(os.path.realpath(path) for path in readable)],
        "scratch": scratch,
        "weak": scratch != SCRATCH,
        "environment": {
            "PATH": PATH,
            "HOME": scratch,
            "TMPDIR": scratch,
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",
        },
    }


def _interpreter() -> list[str]:
    """What of our interpreter has to be seen; it may lie in somebody's home."""
    binary = Path(PYTHON[0])
    library = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    prefix = Path(os.path.realpath(sys.base_prefix))
    shared = sorted(str(path) for path in (prefix / "lib").glob("libpython*.so*"))
    return [str(binary), str(prefix / "lib" / library), *shared]


# ---------------------------------------------------------------- the run


def _supervised(spec: dict[str, Any], limits: Limits) -> Outcome:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", _BOOT, *_addresses(theirs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env={},
                cwd="/",
            )
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.write(marshal.dumps(spec))
                process.stdin.close()
            return _Run(process, ours, limits).outcome(isolated=not spec["weak"])
        finally:
            _end(process, weak=spec["weak"])


def _addresses(control: socket.socket) -> tuple[str, str]:
    return str(control.fileno()), str(os.getpid())


def _end(process: subprocess.Popen[bytes], *, weak: bool) -> None:
    """Kill the inner side and its namespace; in weak mode what can be seen of it, as often as it multiplies."""
    for _ in range(WEAK_ROUNDS if weak else 0):
        if process.poll() is not None or not (family := _family(process.pid)[2:]):
            break  # without our own two: orphans become theirs, and so stay in sight
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for pid in reversed(_family(process.pid)) if process.poll() is None else ():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()


class _Run:
    """The outer side of one run: what came out so far, and what the inner side said."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: socket.socket, limits: Limits
    ) -> None:
        self._process, self._control, self._limits = process, control, limits
        self._out = {"stdout": bytearray(), "stderr": bytearray()}
        self._said: tuple[Any, ...] = ()
        self._ended = False

    def outcome(self, *, isolated: bool) -> Outcome:
        """Wait for the end."""
        limit = self._wait()
        if self._said[:1] == ("failed",):
            _raise(*self._said[1:])
        if limit is None and not self._said:
            said = self._out["stderr"].decode(errors="replace")
            raise IsolationError(f"the inner side died: {said.strip()[-500:]}")
        code = None if limit else self._code()
        if code == -signal.SIGXCPU:
            code, limit = None, "cpu"
        return Outcome(
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            limit=limit,
            stdout=bytes(self._out["stdout"]),
            stderr=bytes(self._out["stderr"]),
            isolated=isolated,
        )

    def _code(self) -> int:
        """Its exit status, or minus the signal: SIGKILL where the kernel killed all of it, say for want of memory."""
        if self._said[0] == "exit":
            return os.waitstatus_to_exitcode(self._said[1])
        return -signal.SIGKILL

    def _wait(self) -> LimitName | None:
        deadline = time.monotonic() + self._limits.wall_seconds
        look = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ, self._listen)
            for name, stream in self._streams():
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, name)
            while not self._ended:
                for key, _ in selector.select(LOOK_SECONDS):
                    if callable(key.data):
                        key.data()
                    elif not self._read(key.data, key.fd):
                        selector.unregister(key.fileobj)
                now = time.monotonic()
                if self._n_output() > self._limits.output_bytes:
                    return self._cut()
                if now >= look:
                    look = now + LOOK_SECONDS
                    if (over := self._over()) is not None:
                        return over
                if now > deadline:
                    return "wall"
        self._process.wait()
        for name, stream in self._streams():  # all writers are dead: what is left, is there
            while self._n_output() <= self._limits.output_bytes and self._read(
                name, stream.fileno()
            ):
                pass
        return self._cut() if self._n_output() > self._limits.output_bytes else None

    def _streams(self) -> list[tuple[str, IO[bytes]]]:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        return [("stdout", self._process.stdout), ("stderr", self._process.stderr)]

    def _listen(self) -> None:
        """A message of the inner side, or its end."""
        data = self._control.recv(1 << 16)
        if not data:
            self._ended = True
            return
        message = marshal.loads(data)
        if message == ("map",):
            _map_users(self._process.pid)
            self._control.sendall(b"y")
        elif self._said[:1] != ("failed",):
            self._said = message

    def _read(self, name: str, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return False
        self._out[name] += data
        return bool(data)

    def _n_output(self) -> int:
        return sum(len(data) for data in self._out.values())

    def _cut(self) -> LimitName:
        most = self._limits.output_bytes
        for name in ("stdout", "stderr"):
            del self._out[name][most:]
            most -= len(self._out[name])
        return "output"

    def _over(self) -> LimitName | None:
        """The limit that the living processes exceed together."""
        family = _family(self._process.pid)[2:]  # without our own two
        if len(family) > self._limits.processes:
            return "processes"
        if sum(map(_cpu_seconds, family)) > self._limits.cpu_seconds:
            return "cpu"
        most = self._limits.memory_bytes
        if sum(map(_resident, family)) > most and sum(map(_proportional, family)) > most:
            return "memory"
        return None


def _raise(step: str, message: str) -> None:
    if step == "files" or step.startswith("start of "):
        raise ValueError(f"{step}: {message}; give a larger limit, or what is there")
    raise IsolationError(f"{step}: {message}")


def _map_users(pid: int) -> None:
    """Write the map of users of the inner side's namespace: nobody but 65534 lives there in the end."""
    if os.geteuid() == 0:
        users = groups = f"0 0 1\n{NOBODY} {NOBODY} 1\n"
    else:
        users, groups = f"{NOBODY} {os.geteuid()} 1\n", f"{NOBODY} {os.getegid()} 1\n"
    try:
        for name, content in (("setgroups", "deny"), ("uid_map", users), ("gid_map", groups)):
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                file.write(content)
    except OSError as error:
        _raise("map of users", str(error.strerror))


# ---------------------------------------------------------------- what /proc says of them


def _family(pid: int) -> list[int]:
    """A process and all its descendants, elders first."""
    found = [pid]
    for member in found:
        with suppress(OSError):
            for task in os.listdir(f"/proc/{member}/task"):
                with suppress(OSError):
                    children = Path(f"/proc/{member}/task/{task}/children").read_text("ascii")
                    found += [int(child) for child in children.split()]
    return found


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process and of those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except OSError:
        return 0


def _proportional(pid: int) -> int:
    """Resident memory with pages shared among processes divided among them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return _resident(pid)
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line[:4] == "Pss:"), 0)
