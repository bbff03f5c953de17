"""The sandbox's inner side: shut this process away, then start the untrusted program. `synth.code.sandbox` is outside.

`main()` runs in a Python process of its own, which `sandbox.run` starts, because namespaces belong to processes
that have one thread. It becomes three processes:

1. *this one* takes new user, mount, pid, network, IPC, UTS and cgroup namespaces. The outer side writes the map of
   users, for the world outside knows only what it may map: as root, 65534 (nobody) to itself; otherwise the caller
   to 65534. It then builds a root on a tmpfs of its own: read-only, without set-user-ID and devices, the folders
   that were asked for and five harmless devices; a tmpfs of stated size as scratch, which is also `/tmp`; nothing
   else, in particular no `/proc`, no `/sys`, no home;
2. its child is process 1 of the new namespace: user 65534, no capabilities, `no_new_privs`. It writes the files,
   starts the program and says how it ended. When it ends, for whatever reason, the kernel kills all that is left in
   the namespace; when the outer side or the first process dies, it is killed itself;
3. the program, in a session of its own, under rlimits and the filter of `synth/code/seccomp.py`.

Weak mode leaves out the namespaces, the root and the user: rlimits, the filter, a session, and process 2 as the
reaper of orphans, which kills what is left as far as it can see it.

What is said over the control socket, marshalled: `("map",)` asks for the map of users; `("starting",)`; then
`("exit", status)`, a wait status, or `("failed", step, message)`.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import select
import signal
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from synth.code import seccomp

NOBODY = 65534
SCRATCH = "/scratch"
DEVICES = ("null", "zero", "full", "random", "urandom")
NAMESPACES = (
    0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
)
ROOT_BYTES = 1 << 20  # of the tmpfs that holds the mount points
SCRATCH_FILES = 20_000

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 1, 2, 4, 0x1000, 0x4000, 1 << 19
_MNT_DETACH = 2
_AT_RECURSIVE = 0x8000
_SYS_MOUNT_SETATTR, _SYS_PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 24, 36, 38
_CAPABILITIES_3 = 0x20080522
_OLD = "/.old"

_libc = ctypes.CDLL(None, use_errno=True)


class StepError(Exception):
    """One step of the isolation is not allowed here."""

    def __init__(self, step: str, message: str) -> None:
        super().__init__(f"{step}: {message}")
        self.step, self.message = step, message


def main() -> None:
    """The process that `sandbox.run` starts: arguments are the control socket and the outer process' id."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    outer = int(sys.argv[2])
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        spec = marshal.loads(sys.stdin.buffer.read())
        _die_with_parent(outer)
        _be_first_to_go()
        if not spec["weak"]:
            _take_namespaces(control, outer)
            _build_root(spec["readable"], spec["limits"]["scratch_bytes"])
        _start_reaper(control, spec)
    except StepError as error:
        control.sendall(marshal.dumps(("failed", error.step, error.message)))


# ---------------------------------------------------------------- the first process


def _take_namespaces(control: socket.socket, outer: int) -> None:
    if os.geteuid() == 0:
        with _step("groups of the user"):
            os.setgroups([])
    _check("user and other namespaces", _libc.unshare(NAMESPACES))
    _die_with_parent(outer)  # anew: a change of credentials clears it
    control.sendall(marshal.dumps(("map",)))
    if control.recv(1) != b"y":
        raise SystemExit(1)


def _build_root(readable: list[str], scratch_bytes: int) -> None:
    """A root with nothing in it but `readable`, devices and scratch: a tmpfs over /tmp, made the root."""
    os.umask(0o022)
    _mount("private mounts", "none", "/", None, _MS_REC | _MS_SLAVE)
    _mount("root", "tmpfs", "/tmp", "tmpfs", _MS_NOSUID, f"size={ROOT_BYTES},mode=0755")
    os.mkdir("/tmp" + _OLD)
    pivot_root = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if pivot_root is None:
        raise StepError("root", f"unknown machine {os.uname().machine}")
    _check("root", _libc.syscall(pivot_root, b"/tmp", f"/tmp{_OLD}".encode()))
    os.chdir("/")
    for path in readable:
        _show(path)
    for name in DEVICES:
        _bind(f"/dev/{name}")
    os.mkdir(SCRATCH)
    options = f"size={scratch_bytes},nr_inodes={SCRATCH_FILES},mode=0700,uid={NOBODY},gid={NOBODY}"
    _mount("scratch", "tmpfs", SCRATCH, "tmpfs", _MS_NOSUID | _MS_NODEV, options)
    for path in ("/tmp", "/dev/shm"):
        if not os.path.lexists(path):
            os.symlink(SCRATCH, path)
    _check("old root", _libc.umount2(_OLD.encode(), _MNT_DETACH))
    os.rmdir(_OLD)
    _read_only("/", 0)


def _show(path: str) -> None:
    """Make a file or folder of the old root visible, read-only; a link stays a link."""
    if not os.path.lexists(_OLD + path) or os.path.lexists(path):
        return
    if os.path.islink(_OLD + path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.readlink(_OLD + path), path)
        return
    _bind(path)
    _read_only(path, _AT_RECURSIVE)


def _bind(path: str) -> None:
    with _step(f"mount of {path}"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if stat.S_ISDIR(os.stat(_OLD + path).st_mode):
            os.makedirs(path, exist_ok=True)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(f"mount of {path}", _OLD + path, path, None, _MS_BIND | _MS_REC)


def _read_only(path: str, flags: int) -> None:
    attributes = (ctypes.c_uint64 * 4)(_MS_RDONLY | _MS_NOSUID | _MS_NODEV, 0, 0, 0)
    if path == "/":
        attributes[0] = _MS_RDONLY | _MS_NOSUID
    done = _libc.syscall(
        _SYS_MOUNT_SETATTR, -1, path.encode(), flags, attributes, ctypes.sizeof(attributes)
    )
    _check(f"read-only {path} (mount_setattr, Linux 5.12)", done)


def _mount(
    step: str, source: str, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    data = options.encode() if options is not None else None
    _check(step, _libc.mount(*words, ctypes.c_ulong(flags), data))


# ---------------------------------------------------------------- process 1 of the namespace


def _start_reaper(control: socket.socket, spec: Mapping[str, Any]) -> None:
    alive, lifeline = os.pipe()
    reaper = os.fork()
    if reaper:
        os.close(alive)
        os.waitpid(reaper, 0)
        return
    os.close(lifeline)
    try:
        message = _reap(alive, control, spec)
    except StepError as error:
        message = ("failed", error.step, error.message)
    except OSError as error:
        message = ("failed", "files", str(error))
    with suppress(OSError):
        control.sendall(marshal.dumps(message))
    os._exit(0)


def _reap(alive: int, control: socket.socket, spec: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give up every right, start the program and wait for it."""
    if spec["weak"]:
        _prctl("reaper of orphans", _PR_SET_CHILD_SUBREAPER, 1)
    else:
        _become_nobody()
    _prctl("no new privileges", _PR_SET_NO_NEW_PRIVS, 1)
    _prctl("death with parent", _PR_SET_PDEATHSIG, signal.SIGKILL)
    if select.select([alive], [], [], 0)[0]:  # it died before we listened
        os._exit(1)
    os.chdir(spec["scratch"])
    _write_files(spec["files"])
    _prctl("no dumps", _PR_SET_DUMPABLE, 0)
    control.sendall(marshal.dumps(("starting",)))
    program = os.fork()
    if program == 0:
        _run(control, spec)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == program:
            break
    if spec["weak"]:
        _kill_children()
    return ("exit", status)


def _become_nobody() -> None:
    with _step("user nobody"):
        if os.geteuid() != NOBODY:
            os.setresgid(NOBODY, NOBODY, NOBODY)
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    with _step("user nobody"):
        if os.geteuid() != NOBODY:
            os.setresuid(NOBODY, NOBODY, NOBODY)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    _check("no capabilities", _libc.capset(header, (ctypes.c_uint32 * 6)()))


def _write_files(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if os.path.dirname(name):
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(content)


def _kill_children() -> None:
    """Weak mode: kill whatever has been left to this process, until nothing is."""
    own = f"/proc/self/task/{os.getpid()}/children"
    while True:
        with suppress(OSError), open(own, encoding="ascii") as file:
            for pid in file.read().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


# ---------------------------------------------------------------- the program


def _run(control: socket.socket, spec: Mapping[str, Any]) -> None:
    """Become the untrusted program."""
    try:
        os.setsid()
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python
            signal.signal(ignored, signal.SIG_DFL)
        _set_limits(spec["limits"], spec["weak"])
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        _install_filter()
        command = spec["command"]
        with _step(f"start of {command[0]}"):
            os.execvpe(command[0], command, spec["environment"])
    except StepError as error:
        control.sendall(marshal.dumps(("failed", error.step, error.message)))
    finally:
        os._exit(127)


def _set_limits(limits: Mapping[str, int], weak: bool) -> None:
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, limits["cpu_seconds"], limits["cpu_seconds"] + 1),
        (resource.RLIMIT_DATA, limits["memory_bytes"], limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["scratch_bytes"], limits["scratch_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"], limits["processes"]),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
    ):
        if weak and kind == resource.RLIMIT_NPROC:
            continue  # it would count the user's other processes
        most = resource.getrlimit(kind)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        with _step("limits"):
            resource.setrlimit(kind, (soft, hard))


def _install_filter() -> None:
    try:
        code = seccomp.program(os.uname().machine)
    except ValueError as error:
        raise StepError("filter of system calls", str(error)) from error
    instructions = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    program = Program(len(code) // 8, ctypes.addressof(instructions))
    _prctl("filter of system calls", _PR_SET_SECCOMP, 2, ctypes.byref(program))


# ---------------------------------------------------------------- calls of the C library


def _die_with_parent(parent: int) -> None:
    _prctl("death with parent", _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _be_first_to_go() -> None:
    """Should the machine run out of memory, the kernel shall choose us."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _prctl(step: str, option: int, *arguments: Any) -> None:
    words = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    _check(step, _libc.prctl(option, *words, *[ctypes.c_ulong(0)] * (4 - len(words))))


def _check(step: str, result: int) -> None:
    if result < 0:
        raise StepError(step, os.strerror(ctypes.get_errno()))


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StepError(name, error.strerror or str(error)) from error
