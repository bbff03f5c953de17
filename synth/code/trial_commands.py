"""Runs inside the sandbox: a program in any language and its mutants against their tests, each in a folder of its own.

`python trial_commands.py` reads `job.marshal` (a dict: `variants`, each a dict of file name to text; `compile`, a
command or empty; `run`, a command; `noticed`, a pattern that a failed assertion leaves in the error output;
`cpu_seconds` of each command; `memory_bytes` of each process) and prints one JSON line per variant, as
`trial_python` does, with `assertions` always 0. Where the first does not pass, the others are not run. One more
kind is `uncompiled`.

A program passed when it exited with 0 and its output ends with a random word. The word replaces `@END_WORD@` in its
files, so a program that reads its own source can forge it.
"""

from __future__ import annotations

import json
import marshal
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

KEPT = 300  # characters of the error output
WALL_FACTOR = 5


def main() -> None:
    """Run every variant."""
    with open("job.marshal", "rb") as file:
        job = marshal.load(file)
    resource.setrlimit(resource.RLIMIT_DATA, (job["memory_bytes"],) * 2)
    cpu = job["cpu_seconds"]
    for k, files in enumerate(job["variants"]):
        _sweep()
        kind, detail, used = _variant(f"v{k}", files, job, cpu)
        sys.stdout.write(json.dumps([kind, 0, detail, used]) + "\n")
        sys.stdout.flush()
        if k == 0:
            cpu = min(cpu, 1 + 5 * used)
        if k == 0 and kind != "passed":
            return


def _sweep() -> None:
    """Remove all files, so that no variant learns from an earlier one."""
    for entry in os.scandir("."):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.remove(entry.path)


def _variant(
    folder: str, files: dict[str, str], job: dict[str, Any], cpu: float
) -> tuple[str, str, float]:
    """How it ended, in words, and the CPU seconds of its run."""
    word = os.urandom(16).hex()
    os.mkdir(folder)
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text.replace("@END_WORD@", word))
    try:
        if job["compile"]:
            code, _, errors = _command(job["compile"], folder, job["cpu_seconds"])
            if code != 0:
                return "uncompiled", errors[:KEPT], 0.0
        before = _cpu_of_children()
        code, output, errors = _command(job["run"], folder, cpu)
    except subprocess.TimeoutExpired:
        return "limit", "too much time", cpu
    kind, detail = _kind(code, output.rstrip().endswith(word), errors, job["noticed"])
    return kind, detail, _cpu_of_children() - before


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _kind(code: int, ended: bool, errors: str, noticed: str) -> tuple[str, str]:
    if code == 0:
        return ("passed", "") if ended else ("exited", "exit status 0 before the end of the tests")
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "limit", "too much time"
    if found := re.search(noticed, errors):
        return "failed", errors[found.start() :][:KEPT]
    return "crashed", errors[:KEPT] or f"exit status {code}"


def _command(command: list[str], folder: str, cpu: float) -> tuple[int, str, str]:
    """Exit status, output and error output of one command; its whole process group ends with it."""
    with open("out", "w+b") as out, open("err", "w+b") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        hard = min(int(cpu) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1])
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (hard, hard))
        try:
            code = process.wait(1 + WALL_FACTOR * cpu)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        err.seek(0)
        return code, out.read().decode(errors="replace"), err.read().decode(errors="replace")


if __name__ == "__main__":
    main()
