"""What is checked of a model's answer: each guard looks for one kind of error and says what it found.

A guard is a function that gives a `Verdict`. It never raises for a bad answer, changes nothing and decides nothing: an
answer is accepted by those who asked, when the verdicts that they require have passed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one guard found."""

    guard: str  # its name, stable: it is counted, and stands in tables as the reason of a rejection
    passed: bool
    detail: str = ""  # for people: the words, numbers or line that it is about
