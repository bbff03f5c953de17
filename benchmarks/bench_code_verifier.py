"""Does the verifier of code accept right code with real tests, and reject wrong code and vacuous tests?

    make bench-code_verifier    DATA=../shared/data

HumanEval's problems (arXiv 2107.03374) are the candidates: the reference solution with the problem's own tests
should be accepted, by all guards. Rejected should be:

- the reference solution with one fault (three mutants of each, equivalent ones among them) and the problem's tests;
- the solution of the next problem under this one's name;
- the reference solution with vacuous tests, made of the problem's tests: nothing but `assert True`; an empty check;
  each assertion swallowed; each comparison with the call itself in place of the answer; each comparison replaced by
  whether there was any answer.

The share of noticed mutants is shown as well, since `KILL_SHARE` was set by it: the lowest of the real tests, and the
highest of the vacuous ones. Seconds are of wall time of one candidate after another. Each kind takes 10 to 60 s.
"""

from __future__ import annotations

import ast
import copy
import gzip
import json
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.results import Figure, report
from corpus.guards import Verdict
from synth.code.mutants import python_mutants
from synth.code.sandbox import PYTHON, run
from synth.code.verify import Candidate, verify

DATA = Path(os.environ.get("DATA", "../shared/data"))
N_FAULTS = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """One problem with its reference solution and its tests."""

    name: str
    entry_point: str
    solution: str
    check: str

    @property
    def tests(self) -> str:
        return f"{self.check}\n\ncheck({self.entry_point})\n"


def main() -> None:
    problems = _problems()
    figures = [_start_of_a_sandbox(), *_accepted(problems), *_faulty(problems)]
    figures += [_of_others(problems)]
    for name, spoil in VACUOUS.items():
        figures += _vacuous(name, problems, spoil)
    report("code_verifier", figures)


def _problems() -> list[Problem]:
    with gzip.open(DATA / "bench/humaneval.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        Problem(
            row["task_id"],
            row["entry_point"],
            row["prompt"] + row["canonical_solution"],
            row["test"],
        )
        for row in rows
    ]


# ---------------------------------------------------------------- what each kind of candidate gets


def _start_of_a_sandbox() -> Figure:
    seconds = [_timed(lambda: run((*PYTHON, "-c", "")))[1] for _ in range(20)]
    bare = [
        _timed(lambda: os.spawnv(os.P_WAIT, PYTHON[0], [*PYTHON, "-c", ""]))[1] for _ in range(20)
    ]
    return Figure(
        measure="a sandbox with an empty Python program",
        unit="s, median of 20",
        ours=statistics.median(seconds),
        reference=statistics.median(bare),
        beside="the program alone",
    )


def _accepted(problems: Sequence[Problem]) -> list[Figure]:
    results = [_timed(lambda p=problem: _verdicts(p.solution, p.tests)) for problem in problems]
    for problem, (verdicts, _) in zip(problems, results, strict=True):
        if _reasons(verdicts):
            print(problem.name, _reasons(verdicts))
    seconds = sorted(seconds for _, seconds in results)
    shares = [_share(verdicts) for verdicts, _ in results]
    return [
        _rate("reference solutions accepted", [not _reasons(v) for v, _ in results]),
        Figure(
            measure="lowest share of mutants noticed by real tests", unit="share", ours=min(shares)
        ),
        Figure(measure="a candidate, median", unit="s", ours=statistics.median(seconds)),
        Figure(measure="a candidate, the slowest", unit="s", ours=seconds[-1]),
    ]


def _faulty(problems: Sequence[Problem]) -> list[Figure]:
    cases = [(p, fault) for p in problems for fault in python_mutants(p.solution, N_FAULTS)]
    results = [_timed(lambda c=case: _verdicts(c[1], c[0].tests)) for case in cases]
    return [
        _rate("solutions with one fault rejected", [bool(_reasons(v)) for v, _ in results]),
        Figure(
            measure="a candidate that fails, median",
            unit="s",
            ours=statistics.median(seconds for _, seconds in results),
        ),
    ]


def _of_others(problems: Sequence[Problem]) -> Figure:
    """Each problem with the next one's solution, under the name that its tests call."""
    following = [*problems[1:], problems[0]]
    pairs = [
        (f"{other.solution}\n{problem.entry_point} = {other.entry_point}\n", problem.tests)
        for problem, other in zip(problems, following, strict=True)
    ]
    return _rate(
        "solutions of another problem rejected", [bool(_reasons(_verdicts(*p))) for p in pairs]
    )


def _vacuous(
    name: str, problems: Sequence[Problem], spoil: Callable[[Problem], str]
) -> list[Figure]:
    results = [_verdicts(problem.solution, spoil(problem)) for problem in problems]
    print(name, Counter(v.guard for verdicts in results for v in verdicts if not v.passed))
    return [
        _rate(f"vacuous tests rejected: {name}", [bool(_reasons(v)) for v in results]),
        Figure(
            measure=f"highest share of mutants noticed: {name}",
            unit="share",
            ours=max(map(_share, results)),
        ),
    ]


def _verdicts(code: str, tests: str) -> tuple[Verdict, ...]:
    return verify(Candidate(language="python", code=code, tests=tests))


def _reasons(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"{v.guard}: {v.detail}"[:80] for v in verdicts if not v.passed]


def _share(verdicts: Sequence[Verdict]) -> float:
    """Noticed of decided mutants; 0 where there were none."""
    detail = next(v.detail for v in verdicts if v.guard == "tests_bite")
    found = re.search(r"noticed (\d+) of (\d+)", detail)
    return int(found[1]) / max(1, int(found[2])) if found else 0.0


def _rate(measure: str, right: Sequence[bool]) -> Figure:
    return Figure(
        measure=measure,
        unit=f"of {len(right):,}",
        ours=sum(right) / len(right),
        reference=1.0,
        beside="all",
    )


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    found = call()
    return found, time.perf_counter() - start


# ---------------------------------------------------------------- vacuous tests


class _Spoilt(ast.NodeTransformer):
    """Makes a vacuous statement of each assertion."""

    def __init__(self, spoil: Callable[[ast.Assert], ast.stmt]) -> None:
        self._spoil = spoil

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return self._spoil(node)


def _spoilt(spoil: Callable[[ast.Assert], ast.stmt]) -> Callable[[Problem], str]:
    def tests(problem: Problem) -> str:
        tree = _Spoilt(spoil).visit(ast.parse(problem.tests))
        return ast.unparse(ast.fix_missing_locations(tree))

    return tests


def _swallowed(node: ast.Assert) -> ast.stmt:
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])
    return ast.Try([node], [handler], [], [])


def _with_itself(node: ast.Assert) -> ast.stmt:
    value = _answer(node)
    return ast.Assert(ast.Compare(value, [ast.Eq()], [copy.deepcopy(value)]), None)


def _any_answer(node: ast.Assert) -> ast.stmt:
    return ast.Assert(ast.Compare(_answer(node), [ast.IsNot()], [ast.Constant(None)]), None)


def _answer(node: ast.Assert) -> ast.expr:
    """The side of an assertion in which the function is called."""
    test = node.test
    return test.left if isinstance(test, ast.Compare) else test


VACUOUS: dict[str, Callable[[Problem], str]] = {
    "assert True": lambda problem: "assert True\n",
    "empty check": lambda p: f"def check(candidate):\n    pass\n\ncheck({p.entry_point})\n",
    "swallowed": _spoilt(_swallowed),
    "compared with itself": _spoilt(_with_itself),
    "any answer": _spoilt(_any_answer),
}


if __name__ == "__main__":
    main()
