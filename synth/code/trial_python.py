"""Runs inside the sandbox: a Python program and its mutants against their tests, each in a process forked for it.

`python trial_python.py` reads `job.marshal` (a dict: `variants`, texts of the program; `tests`; `cpu_seconds` of
the first variant; `memory_bytes` of each; `paths` to put before `sys.path`) and prints one JSON line per variant:
`[kind, assertions, detail, cpu]`. The first variant is the program itself; where it does not pass, the others are
not run. The others may take five times its CPU time and 0.2 s.

| kind | meaning |
|---|---|
| `passed` | the tests ran to their end and nothing was raised |
| `failed` | a test noticed: AssertionError, or any error raised outside of the program |
| `crashed` | an error with the program among its frames |
| `exited` | the process ended without coming to the end of the tests |
| `limit` | too much CPU or wall time |

The program is the module `solution`; the tests see its names, may import it, and are run as a script, then their
`test…` functions without parameters and their unittest cases. `assertions` counts the calls of `__asserted__`, which
`synth.code.verify` puts before each `assert`, and of unittest's methods.

A test process proves that it came to the end by a random word that it was given by its parent and that is in no
file. A program that searches its own process' memory or frames for it can still forge the proof; the mutants are
what such a program has yet to get past. It cannot write to the real output, which is closed in its process, nor
reach its parent.
"""

from __future__ import annotations

import json
import marshal
import os
import resource
import select
import shutil
import signal
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

WALL_FACTOR = 5  # of the CPU seconds, and a second
Result = tuple[str, int, str]


def main() -> None:
    """Run every variant."""
    with open("job.marshal", "rb") as file:
        job = marshal.load(file)
    resource.setrlimit(resource.RLIMIT_DATA, (job["memory_bytes"],) * 2)
    sys.path[:0] = job["paths"]
    cpu = job["cpu_seconds"]
    for k, variant in enumerate(job["variants"]):
        _sweep()
        result, used = _in_child(variant, job["tests"], cpu)
        sys.stdout.write(json.dumps([*result, used]) + "\n")
        sys.stdout.flush()
        if k == 0:
            if result[0] != "passed":
                return
            cpu = min(cpu, 0.2 + 5 * used)


def _sweep() -> None:
    """Remove all files, so that no variant learns from an earlier one."""
    for entry in os.scandir("."):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.remove(entry.path)


def _in_child(program: str, tests: str, cpu: float) -> tuple[Result, float]:
    """One variant in a process of its own, and the CPU seconds that it took."""
    proof = os.urandom(16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(program, tests, cpu, writing, proof)
    os.close(writing)
    watched = os.pidfd_open(child)
    in_time = bool(select.select([watched], [], [], 1 + WALL_FACTOR * cpu)[0])
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    os.set_blocking(reading, False)
    with suppress(BlockingIOError), os.fdopen(reading, "rb", buffering=0) as stream:
        said = stream.read(1 << 16) or b""
    os.close(watched)
    return _read(said, proof, status, in_time), usage.ru_utime + usage.ru_stime


def _read(said: bytes, proof: bytes, status: int, in_time: bool) -> Result:
    if said.startswith(proof):
        return marshal.loads(said[len(proof) :])  # type: ignore[no-any-return]
    code = os.waitstatus_to_exitcode(status)
    if not in_time or code in (-signal.SIGPROF, -signal.SIGXCPU):
        return "limit", 0, "too much time"
    how = f"signal {-code}" if code < 0 else f"exit status {code}"
    return "exited", 0, f"{how} before the end of the tests"


# ---------------------------------------------------------------- in the child


def _be_child(program: str, tests: str, cpu: float, writing: int, proof: bytes) -> None:
    try:
        os.setpgid(0, 0)
        signal.setitimer(signal.ITIMER_PROF, cpu)
        hard = min(int(cpu) + 2, resource.getrlimit(resource.RLIMIT_CPU)[1])
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        result = _outcome(program, tests)
        os.write(writing, proof + marshal.dumps(result))
    finally:
        os._exit(0)


def _outcome(program: str, tests: str) -> Result:
    asserted: list[None] = []
    try:
        _run(program, tests, lambda: asserted.append(None))
    except BaseException as error:  # noqa: BLE001  also SystemExit and KeyboardInterrupt
        return _kind(error), len(asserted), _words(error)
    return "passed", len(asserted), ""


def _run(program: str, tests: str, count: Callable[[], None]) -> None:
    solution = types.ModuleType("solution")
    sys.modules["solution"] = solution
    exec(compile(program, "solution.py", "exec", dont_inherit=True), solution.__dict__)
    own = {name: value for name, value in vars(solution).items() if not name.startswith("__")}
    module = types.ModuleType("tests")
    sys.modules["tests"] = module
    space = vars(module)
    space |= {**own, "__asserted__": count}
    if "unittest" in tests:
        _count_methods(count)
    exec(compile(tests, "tests.py", "exec", dont_inherit=True), space)
    for name, value in list(space.items()):
        if name.startswith("test") and value is not own.get(name) and _takes_nothing(value):
            value()
    if "unittest" in sys.modules:
        _run_cases(module)


def _takes_nothing(value: object) -> bool:
    if not isinstance(value, types.FunctionType):
        return False
    return value.__code__.co_argcount == len(value.__defaults__ or ())


def _count_methods(count: Callable[[], None]) -> None:
    import unittest

    def counting(method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            count()
            return method(*args, **kwargs)

        return counted

    for name in dir(unittest.TestCase):
        if name.startswith("assert"):
            setattr(unittest.TestCase, name, counting(getattr(unittest.TestCase, name)))


def _run_cases(module: types.ModuleType) -> None:
    import unittest

    class First(unittest.TestResult):
        """Raises what a test raised."""

        def addError(self, _test: Any, error: Any) -> None:  # noqa: N802
            raise error[1]

        addFailure = addError  # type: ignore[assignment]  # noqa: N815

        def addSubTest(self, _test: Any, _subtest: Any, error: Any) -> None:  # noqa: N802
            if error is not None:
                raise error[1]

    unittest.defaultTestLoader.loadTestsFromModule(module).run(First())


def _kind(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "exited"
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "solution.py":
            return "crashed"
        frame = frame.tb_next
    return "failed"


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except Exception:  # noqa: BLE001  a message of theirs that raises
        return type(error).__name__


if __name__ == "__main__":
    main()
