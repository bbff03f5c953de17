"""Programs that attack, each of which the sandbox has to hold; and ordinary ones, which it must not hinder.

Attacks are Python programs. `MARK` stands in the command line of what must not survive, so that it can be looked for.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import textwrap
import threading
import time
import uuid
from pathlib import Path

import pytest

from synth.code import sandbox, seccomp
from synth.code.sandbox import PYTHON, IsolationError, Limits, Outcome, isolation, run

TIGHT = Limits(
    cpu_seconds=2,
    wall_seconds=4,
    memory_bytes=128 << 20,
    processes=16,
    output_bytes=10_000,
    open_files=32,
    scratch_bytes=4 << 20,
)
full = pytest.mark.skipif(not isolation().full, reason=f"no isolation here: {isolation().missing}")


def attack(program: str, limits: Limits = TIGHT, *words: str, **options: object) -> Outcome:
    files = {"attack.py": textwrap.dedent(program).encode()}
    return run((*PYTHON, "attack.py", *words), files, limits, **options)


def survivors(mark: str) -> list[str]:
    """Command lines of living processes that name `mark`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if mark.encode() in words:
            found.append(words.decode(errors="replace"))
    return found


def soon(condition) -> bool:
    """Whether it becomes true within two seconds."""
    return any(condition() or time.sleep(0.02) for _ in range(100))


@pytest.fixture
def mark() -> str:
    return f"mark-{uuid.uuid4().hex}"


# ---------------------------------------------------------------- ordinary programs


@full
def test_an_ordinary_program_runs():
    outcome = run(
        (*PYTHON, "main.py"),
        {
            "main.py": b"import helper, json, sys\nprint(json.dumps(helper.f(20)))\nprint('e', file=sys.stderr)",
            "helper.py": b"def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)",
        },
    )
    assert outcome == Outcome(
        exit_code=0, signal=None, limit=None, stdout=b"6765\n", stderr=b"e\n", isolated=True
    )
    assert not outcome.truncated


@full
def test_it_may_use_scratch_processes_threads_and_temporary_files():
    outcome = attack("""\
        import os, subprocess, tempfile, threading
        os.makedirs("a/b")
        open("a/b/c", "w").write("kept")
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * 100_000)
        import multiprocessing
        with multiprocessing.Pool(2) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
        seen = []
        thread = threading.Thread(target=lambda: seen.append(1))
        thread.start(), thread.join()
        print(seen, subprocess.run(["cat", "a/b/c"], capture_output=True, text=True).stdout)
        """)
    assert (outcome.stdout, outcome.exit_code) == (b"[1] kept\n", 0), outcome


@full
def test_exit_statuses_and_signals_are_told_apart():
    assert attack("raise SystemExit(7)").exit_code == 7
    killed = attack("import os; os.kill(os.getpid(), 11)")
    assert (killed.exit_code, killed.signal, killed.limit) == (None, signal.SIGSEGV, None)


@full
def test_two_runs_share_nothing():
    attack("open('left', 'w').write('x')")
    outcome = attack("import os; print(sorted(os.listdir('.')))")
    assert outcome.stdout == b"['attack.py']\n"


@full
def test_starting_is_cheap():
    attack("")
    start = time.perf_counter()
    for _ in range(5):
        attack("")
    assert (time.perf_counter() - start) / 5 < 1


def test_a_command_that_is_not_there_and_files_outside_are_the_callers_mistake():
    with pytest.raises(ValueError, match="outside scratch"):
        run(("true",), {"../up": b""})
    with pytest.raises(ValueError, match="outside scratch"):
        run(("true",), {"/etc/passwd": b""})
    with pytest.raises(ValueError, match="give a number above 0"):
        Limits(processes=0)


@full
def test_what_does_not_start_is_said():
    with pytest.raises(ValueError, match="start of no-such-program"):
        run(("no-such-program",))
    with pytest.raises(ValueError, match="files"):
        run(("true",), {"big": bytes(5 << 20)}, TIGHT)


# ---------------------------------------------------------------- what it may see


@full
def test_homes_and_secrets_cannot_be_read(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_text("planted")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SECRET", "planted-variable")
    outcome = attack(f"""\
        import os
        places = [{str(home)!r}, {str(Path.home())!r}, {os.getcwd()!r}, "/var", "/run", "/sys", "/proc", "/mnt"]
        for place in places:
            for folder, _, names in os.walk(place):
                print("found", folder, names)
        for path in [{str(home / "secret")!r}, "/proc/1/environ", "/proc/self/environ", "/etc/passwd", "/etc/shadow"]:
            try:
                print("read", path, open(path).read())
            except OSError:
                pass
        print(sorted(os.environ), os.getuid(), os.getgid(), os.listdir("/tmp") == os.listdir("."))
        """)
    names = ["HOME", "LANG", "PATH", "PYTHONHASHSEED", "TMPDIR"]
    assert outcome.stdout.decode() == f"{names} 65534 65534 True\n", outcome


@full
def test_the_folders_above_the_interpreter_show_nothing_else(tmp_path):
    outcome = attack(f"""\
        import os
        folder = os.path.dirname({PYTHON[0]!r})
        while folder != "/":
            print(folder, os.listdir(folder))
            folder = os.path.dirname(folder)
        """)
    allowed = (*sandbox.VISIBLE, *sandbox._interpreter())
    for line in outcome.stdout.decode().splitlines():
        folder, names = line.split(" ", 1)
        if not folder.startswith("/usr"):
            for name in eval(names):
                path = f"{folder}/{name}"
                assert any(a == path or a.startswith(path + "/") for a in allowed), path


@full
def test_readable_folders_are_seen_and_not_written(tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "text").write_text("shown")
    (tmp_path / "other").write_text("hidden")
    outcome = attack(
        f"""\
        import os
        print(open({str(tmp_path / "given" / "text")!r}).read(), os.listdir({str(tmp_path)!r}))
        open({str(tmp_path / "given" / "text")!r}, "w")
        """,
        readable=(str(tmp_path / "given"),),
    )
    assert outcome.stdout == b"shown ['given']\n"
    assert b"Read-only file system" in outcome.stderr
    assert (tmp_path / "given" / "text").read_text() == "shown"


@full
def test_nothing_outside_scratch_can_be_written(tmp_path):
    outcome = attack(f"""\
        import os, sys
        for path in ["/", "/usr", "/usr/lib", "/etc", "/dev", os.path.dirname({PYTHON[0]!r})]:
            try:
                os.makedirs(path, exist_ok=True)
                open(path + "/planted", "w").write("x")
                print("wrote", path)
            except OSError:
                pass
        for call in [lambda: os.chmod("/usr", 0o777), lambda: os.unlink("/lib"), lambda: os.mkdir("/new")]:
            try:
                call()
                print("changed")
            except OSError:
                pass
        """)
    assert (outcome.stdout, outcome.exit_code) == (b"", 0), outcome
    assert not Path("/usr/planted").exists()
    path = (
        tmp_path / "planted"
    )  # a place of the host's /tmp, which is another one than the program's
    attack(f"import os; os.makedirs({str(tmp_path)!r}); open({str(path)!r}, 'w').write('x')")
    assert not path.exists()


@full
def test_no_socket_reaches_a_server_on_this_machine():
    reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    server.accept()
                except OSError:
                    return
                reached.set()

        threading.Thread(target=serve, daemon=True).start()
        outcome = attack(
            f"""\
            import ctypes, socket
            for address in [("127.0.0.1", {port}), ("localhost", {port}), ("1.1.1.1", 53), ("::1", {port})]:
                try:
                    socket.create_connection(address, 1)
                    print("connected to", address)
                except OSError as error:
                    pass
            for family, kind in [(2, 1), (2, 2), (2, 3), (10, 1), (16, 3), (17, 3), (38, 5), (40, 1)]:
                if ctypes.CDLL(None).socket(family, kind, 0) >= 0:
                    print("socket of family", family)
            """
        )
        assert (outcome.stdout, outcome.exit_code) == (b"", 0), outcome
        assert not reached.is_set()
        socket.create_connection(("127.0.0.1", port), 1).close()
        assert reached.wait(2)  # contrast: it can be reached from here


@full
def test_the_network_namespace_is_empty_behind_the_filter(monkeypatch):
    """The inner wall alone: with a filter that allows everything, there is no interface that is up."""
    allow_all = (
        "from synth.code import seccomp; "
        "seccomp.program = lambda machine: (6).to_bytes(4, 'little') + (0x7FFF0000).to_bytes(4, 'little'); "
        "from synth.code.jail import main"
    )
    boot = sandbox._BOOT.replace("from synth.code.jail import main", allow_all)
    monkeypatch.setattr(sandbox, "_BOOT", boot)
    outcome = attack("""\
        import socket
        for address in [("127.0.0.1", 22), ("1.1.1.1", 53)]:
            try:
                socket.create_connection(address, 1)
            except OSError as error:
                print(error.strerror)
        print(socket.if_nameindex())
        """)
    assert outcome.stdout.decode().splitlines()[:2] == ["Network is unreachable"] * 2, outcome
    assert outcome.stdout.decode().splitlines()[2] == "[(1, 'lo')]"


# ---------------------------------------------------------------- what it may use up


@full
def test_a_fork_bomb_ends(mark):
    outcome = attack(
        """\
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
        TIGHT,
        mark,
    )
    assert outcome.limit in ("cpu", "wall"), outcome
    assert soon(lambda: not survivors(mark))


@full
def test_no_more_processes_than_allowed():
    outcome = attack("""\
        import os, time
        n = 1
        try:
            while True:
                if os.fork() == 0:
                    time.sleep(60)
                n += 1
        except OSError as error:
            print(n, error.strerror)
        """)
    n, message = outcome.stdout.decode().split(" ", 1)
    assert message == "Resource temporarily unavailable\n"
    assert 10 <= int(n) <= TIGHT.processes


@full
def test_endless_output_is_cut():
    outcome = attack("while True: print('x' * 1000)")
    assert (outcome.limit, outcome.truncated, outcome.exit_code) == ("output", True, None)
    assert len(outcome.stdout) + len(outcome.stderr) == TIGHT.output_bytes
    errors = attack("import sys\nwhile True: sys.stderr.write('x' * 1000)")
    assert (errors.limit, len(errors.stderr)) == ("output", TIGHT.output_bytes)


@full
def test_output_up_to_the_limit_is_kept():
    outcome = attack("print('x' * 9_998, end='!\\n')")
    assert (outcome.limit, len(outcome.stdout)) == (None, 10_000)


@full
def test_scratch_fills_up():
    outcome = attack("""\
        import os
        written = 0
        try:
            for k in range(1000):
                with open(f"file{k}", "wb", buffering=0) as file:
                    written += file.write(bytes(1 << 20))
        except OSError as error:
            print(error.strerror)
        print(sum(os.path.getsize(name) for name in os.listdir(".")))
        """)
    message, size = outcome.stdout.decode().splitlines()
    assert message == "No space left on device"
    assert int(size) <= TIGHT.scratch_bytes


@full
def test_gigabytes_are_refused():
    outcome = attack("x = bytearray(4 << 30)")
    assert outcome.exit_code == 1
    assert b"MemoryError" in outcome.stderr


@full
@pytest.mark.parametrize(
    "program",
    [
        "import mmap; m = mmap.mmap(-1, 1 << 30)\nfor k in range(0, 1 << 30, 4096): m[k] = 1",
        "import os, time\nfor k in range(6):\n    if os.fork() == 0:\n        x = b'x' * (100 << 20)\n"
        "        time.sleep(60)\ntime.sleep(60)",
    ],
    ids=["shared pages", "many processes"],
)
def test_memory_that_no_rlimit_counts_is_seen(program):
    outcome = attack(program)
    assert outcome.limit == "memory", outcome


@full
def test_memory_outside_of_processes_cannot_be_had():
    outcome = attack("""\
        import ctypes, os
        try:
            os.memfd_create("x")
            print("memfd")
        except PermissionError:
            pass
        libc = ctypes.CDLL(None)
        mount = (b"x", b"/scratch", b"tmpfs", 0, None)
        for name, words in [("shmget", (0, 1 << 30, 0o1600)), ("unshare", (0x10000000,)), ("mount", mount)]:
            if getattr(libc, name)(*words) >= 0:
                print(name)
        """)
    assert (outcome.stdout, outcome.exit_code) == (b"", 0), outcome


@full
def test_too_many_open_files():
    outcome = attack("""\
        files = []
        try:
            while True:
                files.append(open("/dev/null"))
        except OSError as error:
            print(len(files), error.strerror)
        """)
    n, message = outcome.stdout.decode().split(" ", 1)
    assert message == "Too many open files\n"
    assert 20 <= int(n) <= TIGHT.open_files


@full
def test_an_endless_loop_costs_its_cpu_seconds():
    start = time.monotonic()
    outcome = attack("while True: pass", Limits(cpu_seconds=0.5, wall_seconds=20))
    assert outcome.limit == "cpu"
    assert time.monotonic() - start < 10


@full
def test_the_processes_of_a_run_share_its_cpu_seconds():
    outcome = attack(
        """\
        import os
        while True:  # each child alone stays below the limit
            child = os.fork()
            if child == 0:
                for k in range(2_000_000): pass
                os._exit(0)
            os.waitpid(child, 0)
        """,
        Limits(cpu_seconds=1, wall_seconds=20),
    )
    assert outcome.limit == "cpu"


@full
@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(1000)",
        "import signal, time\nfor s in set(signal.Signals) - {9, 19}: signal.signal(s, signal.SIG_IGN)\n"
        "time.sleep(1000)",
    ],
    ids=["sleeping", "deaf to signals"],
)
def test_waiting_for_ever_ends(program, mark):
    outcome = attack(program, Limits(wall_seconds=0.5), mark)
    assert (outcome.limit, outcome.exit_code) == ("wall", None)
    assert soon(lambda: not survivors(mark))


@full
def test_a_daemon_does_not_survive(mark):
    outcome = attack(
        """\
        import os, signal, sys, time
        for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(s, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                open("alive", "w").close()
                os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(1000)", sys.argv[1]])
            os._exit(0)
        while not os.path.exists("alive"):
            time.sleep(0.01)
        print("daemon runs")
        """,
        TIGHT,
        mark,
    )
    assert (outcome.stdout, outcome.exit_code) == (b"daemon runs\n", 0), outcome
    assert soon(lambda: not survivors(mark))


@full
def test_everything_dies_with_the_process_that_started_it(mark):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from synth.code.sandbox import PYTHON, run\n"
        "run((*PYTHON, '-c', 'import time; time.sleep(1000)', sys.argv[1]))"
    )
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen([sys.executable, "-c", code, mark, root])
    try:
        assert soon(lambda: len(survivors(mark)) > 1)
    finally:
        process.kill()
        process.wait()
    assert soon(lambda: not survivors(mark))


@full
def test_other_processes_and_process_one_are_out_of_reach():
    outcome = attack("""\
        import ctypes, os, signal
        for number in set(signal.Signals) - {signal.SIGCHLD}:
            os.kill(1, number)
        if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0:
            print("attached")
        for pid in range(3, 40000, 7):
            try:
                os.kill(pid, 0)
                print("sees", pid)
            except ProcessLookupError:
                pass
        print(os.getppid())
        """)
    assert (outcome.stdout, outcome.exit_code) == (b"1\n", 0), outcome


@full
def test_a_sandbox_that_the_kernel_kills_is_an_outcome(monkeypatch):
    """As the kernel does when memory runs out: process 1 of the namespace is killed from outside."""

    def kill_all(run) -> None:
        family = sandbox._family(run._process.pid)
        if len(family) > 2 and b"attack.py" in Path(f"/proc/{family[2]}/cmdline").read_bytes():
            os.kill(family[1], signal.SIGKILL)

    monkeypatch.setattr(sandbox._Run, "_over", kill_all)
    outcome = attack("import time; time.sleep(100)")
    assert (outcome.signal, outcome.limit, outcome.exit_code) == (signal.SIGKILL, None, None)


# ---------------------------------------------------------------- where less is allowed


def test_without_isolation_nothing_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "_map_users", lambda pid: sandbox._raise("map of users", "no"))
    with pytest.raises(IsolationError, match=r"map of users: no\. Untrusted code needs") as caught:
        run(("touch", str(tmp_path / "touched")))
    assert caught.value.missing == "map of users: no"
    assert not (tmp_path / "touched").exists()


@full
def test_a_system_without_namespaces_is_refused_with_a_remedy():
    """A real one: inside the sandbox, where the filter forbids namespaces as Docker's does."""
    ours = [str(Path(sandbox.__file__).parents[2]), os.path.realpath(sysconfig.get_path("purelib"))]
    program = f"""\
        import sys
        sys.path[:0] = {ours}
        from synth.code.sandbox import PYTHON, IsolationError, isolation, run
        command = (*PYTHON, "-c", "print(1)")
        print(isolation().full, isolation().missing, isolation().remedy[:14])
        try:
            run(command)
        except IsolationError as error:
            print(error.missing)
        print(run(command, allow_weak=True).stdout)
        """
    outcome = attack(program, Limits(memory_bytes=2 << 30), readable=ours)
    missing = "user and other namespaces: Operation not permitted"
    assert outcome.stdout.decode().splitlines() == [
        f"False {missing} Untrusted code",
        missing,
        "b'1\\n'",
    ], outcome


@pytest.fixture
def weak(monkeypatch):
    """A system that does not allow namespaces."""
    refused = sandbox.Isolation(full=False, missing="user and other namespaces: no")
    monkeypatch.setattr(sandbox, "isolation", lambda: refused)


def test_weak_mode_keeps_limits_and_session(weak, mark):
    outcome = attack("print(1)", allow_weak=True)
    assert (outcome.stdout, outcome.isolated) == (b"1\n", False)
    assert attack("while True: pass", Limits(cpu_seconds=0.5), allow_weak=True).limit == "cpu"
    assert b"MemoryError" in attack("x = bytearray(4 << 30)", allow_weak=True).stderr
    assert attack("while True: print(1)", allow_weak=True).limit == "output"
    refused = attack("import socket; socket.socket()", allow_weak=True)
    assert b"PermissionError" in refused.stderr
    daemon = """\
        import os, sys
        if os.fork() == 0:
            os.setsid()
            os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(1000)", sys.argv[1]])
        """
    assert attack(daemon, TIGHT, mark, allow_weak=True).exit_code == 0
    assert soon(lambda: not survivors(mark))


def test_weak_mode_leaves_no_scratch_behind(weak):
    outcome = attack("import os; print(os.getcwd())", allow_weak=True)
    assert not Path(outcome.stdout.decode().strip()).exists()


def test_weak_mode_ends_a_fork_bomb(weak, mark):
    program = "import os, time\nfor k in range(100):\n    if os.fork() == 0: time.sleep(100)\ntime.sleep(100)"
    assert attack(program, TIGHT, mark, allow_weak=True).limit == "processes"
    assert soon(lambda: not survivors(mark))


SYSTEM_PYTHON = "/usr/bin/python3.11"  # one that another user may start


@full
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(not Path(SYSTEM_PYTHON).exists(), reason=f"no {SYSTEM_PYTHON}")
def test_a_user_without_rights_has_the_same_sandbox():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from synth.code.sandbox import PYTHON, isolation, run\n"
        "print(isolation().missing, run((*PYTHON, '-c', 'import os; print(os.getuid())')).stdout)"
    )
    paths = [str(Path(__file__).parents[3]), sysconfig.get_path("purelib")]
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", code, *paths],
        capture_output=True,
        text=True,
        user=12345,
        group=12345,
        extra_groups=[],
        cwd="/",
    )
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip("another user may not read this checkout")
    assert done.stdout == " b'65534\\n'\n", done.stderr


# ---------------------------------------------------------------- the filter of system calls


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_whole_instructions_whose_jumps_stay_inside(machine):
    import struct

    code = seccomp.program(machine)
    steps = list(struct.iter_unpack("=HBBI", code))
    assert len(steps) < 4096
    for k, (kind, yes, no, _) in enumerate(steps):
        if kind & 7 == 5:
            assert k + 1 + max(yes, no) < len(steps)
    assert steps[-1][0] == 6


def test_an_unknown_machine_is_named():
    with pytest.raises(ValueError, match="no system call filter for riscv64"):
        seccomp.program("riscv64")
