"""Whether code that a language model wrote is right, as far as its own tests can show it.

`verify(candidate)` gives the verdicts of these guards, always all of them and in this order. What does not parse is
not run.

| guard | passed when |
|---|---|
| `parses` | code and tests do (Python: the syntax tree; others: the compiler or interpreter takes them) |
| `isolated` | they ran shut away (`synth/code/sandbox.py`); false only in weak mode, which the caller has to allow |
| `tests_pass` | the tests came to their end and nothing was raised |
| `tests_bite` | they noticed at least `kill_share` of the mutants, and (Python) ran an assertion |
| `stdlib_only` | Python: code and tests import nothing but the standard library and `allowed_imports` |
| `self_contained` | Python: the code defines or imports every global name that it uses |

A model's tests are often vacuous: they assert what is always true, compare the function with itself, or swallow the
error. So small faults are put into the code (`synth/code/mutants.py`). A mutant *survives* when the tests pass all the
same, and is *noticed* when a test fails: an assertion, or an error outside of the code's own frames (Python; in
other languages a failed assertion). One that crashes or does not end says nothing about what the tests check, and
counts as neither. `kill_share` is of noticed and surviving ones. Mutants may be equivalent to the code, so the
share is below 1.

All of a candidate's runs are one sandbox. Tests are a script, with `test…` functions and unittest cases called; see
`trial_python` and `trial_commands` beside this file, which also say how the end of the tests is proven and what a
program can do against it. In other languages tests use the language's own assertion: in JavaScript node's `assert`;
in C `assert`, in a `main` of the tests; in Java `assert` or AssertionError, in `Tests.main`.

Verdicts depend on the candidate and the settings alone, except at limits of time. Errors: `ValueError` for a
language that is unknown or has no toolchain here (`available()`), `IsolationError` where code cannot be shut away.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import json
import marshal
import os
import re
import shutil
import symtable
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.guards import Verdict
from synth.code import trial_commands, trial_python
from synth.code.mutants import python_mutants, token_mutants
from synth.code.sandbox import PATH, PYTHON, Limits, Outcome, run

VERSION = 1
MOST_CHARACTERS = 100_000  # of code and of tests
KILL_SHARE = 0.4  # HumanEval's tests notice 0.41 and more, half of them all; bench_code_verifier
WHOLE = Limits(cpu_seconds=60, wall_seconds=180, memory_bytes=1 << 30)  # of all runs of a candidate
_MODULE_NAMES = {"__name__", "__doc__", "__builtins__", "__package__", "__spec__", "__loader__"}
_DECLARES_ASSERT = re.compile(r"\b(?:const|let|var|import)\s+\{?\s*assert\b")
_PUBLIC_TYPE = re.compile(r"^\s*public\s+(?:\w+\s+)*(?:class|interface|enum|record)\s+(\w+)", re.M)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A program and the tests that came with it."""

    language: str
    code: str
    tests: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How strictly a candidate is judged, and what it may cost."""

    allowed_imports: frozenset[str] = frozenset()  # beside the standard library
    mutants: int = 24
    kill_share: float = KILL_SHARE
    cpu_seconds: float = 5.0  # of the tests on the code itself; 26 runs share those of `limits`
    limits: Limits = field(default_factory=lambda: WHOLE)
    allow_weak: bool = False

    def __post_init__(self) -> None:
        if self.mutants < 1:
            raise ValueError(f"mutants is {self.mutants}: without one no test can be judged")
        if not 0 < self.kill_share <= 1:
            raise ValueError(f"kill_share is {self.kill_share}: give a share above 0 and up to 1")


@dataclass(frozen=True, kw_only=True)
class Language:
    """How programs of one language are put together with their tests and run."""

    tools: tuple[str, ...]
    files: Callable[
        [str, str], dict[str, str]
    ]  # of code and tests; `@END_WORD@` is printed at the end
    compile: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    noticed: str = ""  # what a failed assertion leaves in the error output
    most_mutants: int = 24  # where each costs a compilation


def verify(candidate: Candidate, settings: Settings | None = None) -> tuple[Verdict, ...]:
    """The verdicts on one candidate."""
    settings = settings or Settings()
    missing = available().get(candidate.language)
    if missing is None:
        raise ValueError(f"language {candidate.language!r}: give one of {', '.join(LANGUAGES)}")
    if missing:
        raise ValueError(f"{candidate.language} needs {missing}: install it, or leave it out")
    if candidate.language == "python":
        return _verify_python(candidate, settings)
    return _verify_commands(candidate, settings)


def available() -> dict[str, str]:
    """Each language, and which tools it lacks on this machine: empty where it can be verified."""
    return {
        name: ", ".join(tool for tool in language.tools if shutil.which(tool, path=PATH) is None)
        for name, language in LANGUAGES.items()
    }


# ---------------------------------------------------------------- languages


def _javascript(code: str, tests: str) -> dict[str, str]:
    own = "" if "require('./solution')" in tests.replace('"', "'") else code
    declared = _DECLARES_ASSERT.search(own + "\n" + tests)
    head = "" if declared else "const assert = require('assert');"
    end = "process.stdout.write('\\n@END_WORD@');"
    return {"solution.js": code, "main.js": f"{head}{own}\n{tests}\n;{end}\n"}


def _c(code: str, tests: str) -> dict[str, str]:
    main = """\
#include <assert.h>
#include <stdio.h>
#define main solution_main
#include "solution.h"
#undef main
#define main tests_main
#include "tests.h"
#undef main
int main(void) {
    int status = ((int (*)(int, char **))tests_main)(0, 0);
    if (status == 0) printf("\\n@END_WORD@");
    return status;
}
"""
    return {"solution.h": code, "tests.h": tests, "main.c": main}


def _java(code: str, tests: str) -> dict[str, str]:
    public = _PUBLIC_TYPE.search(code)
    main = """\
public class Harness {
    public static void main(String[] arguments) throws Throwable {
        Tests.main(new String[0]);
        System.out.print("\\n@END_WORD@");
        System.out.flush();
        System.exit(0);
    }
}
"""
    name = public.group(1) if public else "Solution"
    return {f"{name}.java": code, "Tests.java": tests, "Harness.java": main}


_JAVA = ("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")
_JAVAC = tuple(f"-J{flag}" for flag in _JAVA)


def _of_jdk(tool: str) -> tuple[str, ...]:
    """How a tool of the JDK is started without `/proc`, in which it would look for its libraries."""
    home = os.path.dirname(os.path.dirname(os.path.realpath(shutil.which(tool, path=PATH) or "")))
    return ("env", f"LD_LIBRARY_PATH={home}/lib", tool)


LANGUAGES = {
    "python": Language(tools=(), files=lambda code, tests: {"code": code, "tests": tests}),
    "javascript": Language(
        tools=("node",),
        files=_javascript,
        compile=("node", "--check", "main.js"),
        run=("node", "main.js"),
        noticed="AssertionError",
    ),
    "c": Language(
        tools=("cc",),
        files=_c,
        compile=("cc", "-std=c11", "-w", "-O0", "-o", "main", "main.c", "-lm"),
        run=("./main",),
        noticed=r"Assertion `",
    ),
    "java": Language(
        tools=("javac", "java"),
        files=_java,
        compile=(*_of_jdk("javac"), *_JAVAC, "-proc:none", "-nowarn", "-d", ".", "Harness.java"),
        run=(*_of_jdk("java"), *_JAVA, "-ea", "-cp", ".", "Harness"),
        noticed="AssertionError",
        most_mutants=6,
    ),
}


# ---------------------------------------------------------------- Python


def _verify_python(candidate: Candidate, settings: Settings) -> tuple[Verdict, ...]:
    try:
        code, tests = _tree("code", candidate.code), _tree("tests", candidate.tests)
        foreign = _foreign([code, tests], settings.allowed_imports)
        undefined = _undefined(candidate.code)
        asserting = ast.unparse(ast.fix_missing_locations(_Counting().visit(tests)))
        mutants = python_mutants(candidate.code, settings.mutants)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return _unparsed(str(error) or type(error).__name__, _OF_PYTHON)
    job = {
        "variants": [candidate.code, *mutants, candidate.code],
        "tests": asserting,
        "paths": _paths(settings.allowed_imports),
    }
    outcome, results = _trial(trial_python.__file__, job, settings)
    return (
        Verdict(guard="parses", passed=True),
        _isolated(outcome),
        _tests_pass(outcome, results),
        _tests_bite(outcome, results, settings, counted=True),
        Verdict(guard="stdlib_only", passed=not foreign, detail=", ".join(foreign)),
        Verdict(guard="self_contained", passed=not undefined, detail=", ".join(undefined)),
    )


def _tree(name: str, text: str) -> ast.Module:
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{name}: over {MOST_CHARACTERS} characters")
    return ast.parse(text, f"<{name}>")


class _Counting(ast.NodeTransformer):
    """Puts a call of `__asserted__` before each assertion."""

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        call = ast.Expr(ast.Call(ast.Name("__asserted__", ast.Load()), [], []))
        return [ast.copy_location(call, node), node]


def _foreign(trees: Sequence[ast.Module], allowed: frozenset[str]) -> list[str]:
    """The modules that are imported and are neither the standard library's nor allowed."""
    names: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").partition(".")[0])
    return sorted(names - sys.stdlib_module_names - allowed - {"solution"})


def _undefined(code: str) -> list[str]:
    """Global names that the code uses and neither defines nor imports."""
    if re.search(r"^\s*from\s+\S+\s+import\s+\*", code, re.MULTILINE):
        return []
    scopes = list(_scopes(symtable.symtable(code, "<code>", "exec")))
    defined = {s.get_name() for s in scopes[0].get_symbols() if s.is_assigned() or s.is_imported()}
    used: set[str] = set()
    for scope in scopes:
        for symbol in scope.get_symbols():
            if symbol.is_declared_global() and symbol.is_assigned():
                defined.add(symbol.get_name())
            outer = symbol.is_global() or scope is scopes[0]
            if outer and symbol.is_referenced():
                used.add(symbol.get_name())
    return sorted(used - defined - set(dir(builtins)) - _MODULE_NAMES)


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def _paths(allowed: frozenset[str]) -> list[str]:
    """The folders that the allowed packages lie in."""
    found: set[str] = set()
    for name in allowed - sys.stdlib_module_names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ValueError(f"allowed import {name!r} is not installed here: install or remove it")
        path = Path(os.path.realpath(spec.origin))
        found.add(str(path.parent.parent if path.name == "__init__.py" else path.parent))
    return sorted(found)


# ---------------------------------------------------------------- other languages


def _verify_commands(candidate: Candidate, settings: Settings) -> tuple[Verdict, ...]:
    language = LANGUAGES[candidate.language]
    if max(len(candidate.code), len(candidate.tests)) > MOST_CHARACTERS:
        return _unparsed(f"over {MOST_CHARACTERS} characters", ())
    most = min(settings.mutants, language.most_mutants)
    codes = [candidate.code, *token_mutants(candidate.code, most), candidate.code]
    job = {
        "variants": [language.files(code, candidate.tests) for code in codes],
        "compile": list(language.compile),
        "run": list(language.run),
        "noticed": language.noticed,
    }
    outcome, results = _trial(trial_commands.__file__, job, settings)
    first = results[0] if results else _NOTHING
    if first.kind == "uncompiled":
        return _unparsed(first.detail, ())
    return (
        Verdict(guard="parses", passed=True),
        _isolated(outcome),
        _tests_pass(outcome, results),
        _tests_bite(outcome, results, settings, counted=False),
    )


# ---------------------------------------------------------------- the run and its verdicts


@dataclass(frozen=True)
class _Result:
    """How one variant ended."""

    kind: str
    n_assertions: int
    detail: str


_NOTHING = _Result("exited", 0, "nothing came back from the sandbox")
_OF_PYTHON = ("stdlib_only", "self_contained")


def _trial(script: str, job: dict[str, Any], settings: Settings) -> tuple[Outcome, list[_Result]]:
    """Run all variants of a candidate in one sandbox."""
    job["cpu_seconds"] = settings.cpu_seconds
    job["memory_bytes"] = settings.limits.memory_bytes * 3 // 4  # the rest is the trial's own
    files = {"trial.py": Path(script).read_bytes(), "job.marshal": marshal.dumps(job)}
    outcome = run(
        (*PYTHON, "trial.py"),
        files,
        settings.limits,
        readable=job.get("paths", ()),
        allow_weak=settings.allow_weak,
    )
    return outcome, [_Result(*line[:3]) for line in map(json.loads, _lines(outcome.stdout))]


def _lines(output: bytes) -> list[bytes]:
    """The lines that came whole."""
    return output[: output.rfind(b"\n") + 1].splitlines()


def _unparsed(detail: str, others: Sequence[str]) -> tuple[Verdict, ...]:
    guards = ("isolated", "tests_pass", "tests_bite", *others)
    skipped = (Verdict(guard=name, passed=False, detail="does not parse") for name in guards)
    return (Verdict(guard="parses", passed=False, detail=detail), *skipped)


def _isolated(outcome: Outcome) -> Verdict:
    detail = "" if outcome.isolated else "ran under rlimits only, with our files in reach"
    return Verdict(guard="isolated", passed=outcome.isolated, detail=detail)


def _tests_pass(outcome: Outcome, results: Sequence[_Result]) -> Verdict:
    first = results[0] if results else _NOTHING
    if first.kind == "passed":
        return Verdict(guard="tests_pass", passed=True)
    detail = f"{first.kind}: {first.detail}"
    if not results and outcome.limit:
        detail = f"limit: {outcome.limit}"
    return Verdict(guard="tests_pass", passed=False, detail=detail)


def _tests_bite(
    outcome: Outcome, results: Sequence[_Result], settings: Settings, *, counted: bool
) -> Verdict:
    kinds = [result.kind for result in results]
    mutants = kinds[1:-1]  # first and last is the code itself
    noticed, survived = mutants.count("failed"), mutants.count("passed")
    detail = f"noticed {noticed} of {noticed + survived} mutants"
    problem = ""
    if kinds[:1] != ["passed"]:
        problem = "the tests do not pass"
    elif outcome.limit:
        problem = f"the mutants went over the limit of {outcome.limit}"
    elif kinds[-1] != "passed":
        problem = "the tests do not always pass"
    elif counted and not results[0].n_assertions:
        problem = f"no assertion was run; {detail}"
    if problem:
        return Verdict(guard="tests_bite", passed=False, detail=problem)
    share = noticed / (noticed + survived) if noticed + survived else 0.0
    return Verdict(guard="tests_bite", passed=share >= settings.kill_share, detail=detail)
