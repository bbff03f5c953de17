r"""Whether answers to a mathematical problem, which a model wrote, can be trusted.

`equivalent` compares two answers, LaTeX or plain; `agreement` groups those of independent samples
(self-consistency, arXiv 2203.11171); `verify` judges a problem with its worked solutions. The comparing
runs in a child process under limits, so that no expression can hold up or kill the caller. What it cannot
decide within them is *not shown equal*, and counted by its reason in `Mathematics.undecided`: `cpu`,
`memory`, `crash`, `time`, `too_long`, `too_large`, `unreadable`, `undecided`, `parse`.

Guards of `verify`, in order:

| guard | passed when |
|---|---|
| `problem_open` | the problem does not announce its own answer |
| `answer_found` | at least half of the solutions, and two, announce an answer |
| `agreement` | the most frequent answer leads the second by the margin |
| `arithmetic` | a solution with the agreed answer has no wrong step |

Equivalence is not transitive where units are left out (50 % is 0.5 and is 50): answers are grouped by
the first of each group, in the order in which they come.

Errors: `ValueError` for a margin outside (0, 1], or for no answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from corpus.guards import Verdict
from corpus.limits import Guarded, GuardedError, LimitExceeded, Limits
from synth.math.arithmetic import arithmetic
from synth.math.final_answers import final_answer

__all__ = [
    "Agreement",
    "Mathematics",
    "Verified",
    "agreement",
    "arithmetic",
    "equivalent",
    "final_answer",
    "verify",
]

VERSION = 1
OF_CHILD = {  # VERSION of the modules that the child alone loads, which say what is equal
    f"synth.math.{name}": 1
    for name in ("equality", "formulas", "measures", "notation", "reading", "units", "wording")
}
LONGEST = 2000  # characters of an answer that is compared; longer ones are equal only to themselves
MARGIN = 0.25
LIMITS = Limits(
    cpu_seconds=4, memory_bytes=1 << 30
)  # of one pair; the first loads sympy in about 1 s


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What independent samples say. Shares are of all samples, those without an answer too."""

    answer: str | None  # as its first sample wrote it; None where the margin is not met
    share: float
    margin: float  # share of the first less share of the second
    groups: tuple[tuple[str, int], ...]  # answer and count, most frequent first
    members: tuple[int, ...]  # which samples gave the most frequent answer
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What is known of a problem with its solutions."""

    answer: str | None
    chosen: int | None  # the first solution with the agreed answer and no wrong step
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether all guards passed."""
        return all(verdict.passed for verdict in self.verdicts)


class Mathematics:
    """Compares answers in a child process that it keeps. Use it as a context manager."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._compare = Guarded(_same_answer, limits)
        self.undecided: Counter[str] = Counter()  # pairs not shown equal, by reason

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child process."""
        self._compare.close()

    def equivalent(self, left: str, right: str) -> bool:
        """Whether both are shown to be the same answer."""
        if left.strip() == right.strip():
            return bool(left.strip())
        if not left.strip() or not right.strip():
            return False
        if max(len(left), len(right)) > LONGEST:
            self.undecided["too_long"] += 1
            return False
        try:
            return bool(self._compare(left, right))
        except (LimitExceeded, GuardedError) as error:
            self.undecided[error.reason] += 1
            return False

    def agreement(self, answers: Sequence[str | None], margin: float = MARGIN) -> Agreement:
        """The answer of most samples, when it leads the second by `margin` of all samples."""
        if not 0 < margin <= 1:
            raise ValueError(f"margin is {margin}: give a share above 0, at most 1")
        if not answers:
            raise ValueError("no answers to agree: give at least one sample")
        groups = self._groups(answers)
        sizes = [len(group) for group in groups] + [0, 0]
        share, lead = sizes[0] / len(answers), (sizes[0] - sizes[1]) / len(answers)
        met = bool(groups) and lead >= margin
        counted = tuple((str(answers[group[0]]), len(group)) for group in groups)
        detail = f"{sizes[0]} and {sizes[1]} of {len(answers)}"
        return Agreement(
            answer=counted[0][0] if met else None,
            share=share,
            margin=lead,
            groups=counted,
            members=tuple(groups[0]) if groups else (),
            verdict=Verdict(guard="agreement", passed=met, detail=detail),
        )

    def _groups(self, answers: Sequence[str | None]) -> list[list[int]]:
        """Indexes of equal answers, the largest group first, then the earliest."""
        groups: list[list[int]] = []
        for k, answer in enumerate(answers):
            if answer is None:
                continue
            for group in groups:
                if self.equivalent(str(answers[group[0]]), answer):
                    group.append(k)
                    break
            else:
                groups.append([k])
        return sorted(groups, key=lambda group: (-len(group), group[0]))

    def verify(self, problem: str, solutions: Sequence[str], margin: float = MARGIN) -> Verified:
        """Judge a problem by its independent worked solutions."""
        answers = [final_answer(solution) for solution in solutions]
        agreed = self.agreement(answers, margin)
        steps = [(k, arithmetic(solutions[k])) for k in agreed.members]
        sound = next((k for k, verdict in steps if verdict.passed), None)
        chosen = sound if agreed.answer is not None else None
        if chosen is not None:
            steps_verdict = dict(steps)[chosen]
        else:
            detail = steps[0][1].detail if steps else "no answer, no steps"
            steps_verdict = Verdict(guard="arithmetic", passed=sound is not None, detail=detail)
        return Verified(
            answer=agreed.answer,
            chosen=chosen,
            verdicts=(
                _problem_open(problem),
                _answer_found(answers),
                agreed.verdict,
                steps_verdict,
            ),
        )


def equivalent(left: str, right: str) -> bool:
    """Whether two answers are the same. Starts and ends a child: for many pairs keep a `Mathematics`."""
    with Mathematics() as mathematics:
        return mathematics.equivalent(left, right)


def agreement(answers: Sequence[str | None], margin: float = MARGIN) -> Agreement:
    """`Mathematics.agreement` in a child of its own."""
    with Mathematics() as mathematics:
        return mathematics.agreement(answers, margin)


def verify(problem: str, solutions: Sequence[str], margin: float = MARGIN) -> Verified:
    """`Mathematics.verify` in a child of its own."""
    with Mathematics() as mathematics:
        return mathematics.verify(problem, solutions, margin)


def _problem_open(problem: str) -> Verdict:
    told = final_answer(problem)
    return Verdict(
        guard="problem_open", passed=bool(problem.strip()) and told is None, detail=told or ""
    )


def _answer_found(answers: Sequence[str | None]) -> Verdict:
    found = sum(answer is not None for answer in answers)
    passed = found >= 2 and 2 * found >= len(answers)
    return Verdict(guard="answer_found", passed=passed, detail=f"{found} of {len(answers)}")


def _same_answer(left: str, right: str) -> bool:
    """The child's side: what loads sympy is loaded there only."""
    from synth.math.equality import same_answer

    return same_answer(left, right)
