"""Programs of models are run where they can be shut away, and elsewhere only when whoever runs the machine says so.

`verified` is `synth.code.verify.verify` for recipes. Where the system allows no sandbox (`synth.code.sandbox`)
nothing is run, and the answer is turned down by the guard `isolated`, with what is missing and the remedy; `refused`
says so before anything is asked. The environment variable TOKENMILL_ALLOW_WEAK_SANDBOX=1 runs programs all the same,
under limits but with our files in their reach: for machines that are thrown away. Set it for every worker. The
verdicts do not say so in a fingerprint: what was accepted or turned down stays.
"""

from __future__ import annotations

import os

from corpus.guards import Verdict
from synth.code.sandbox import isolation
from synth.code.verify import Candidate, Settings, verify

VERSION = 1
VARIABLE = "TOKENMILL_ALLOW_WEAK_SANDBOX"


def settings() -> Settings:
    """How strictly candidates are judged here."""
    return Settings(allow_weak=os.environ.get(VARIABLE) == "1")


def refused() -> str:
    """Why no program can be run here, and the remedy; "" where it can."""
    found = isolation()
    if found.full or settings().allow_weak:
        return ""
    return f"no sandbox for untrusted code here: {found.missing}. {found.remedy} ({VARIABLE}=1)"


def verified(candidate: Candidate) -> tuple[Verdict, ...]:
    """The verdicts on one candidate; that of isolation alone where nothing is run."""
    reason = refused()
    if reason:
        return (Verdict(guard="isolated", passed=False, detail=reason),)
    judged = settings()
    found = verify(candidate, judged)
    return tuple(_allowed(v) if judged.allow_weak and _ran_weakly(v) else v for v in found)


def _ran_weakly(verdict: Verdict) -> bool:
    return verdict.guard == "isolated" and verdict.detail.startswith("ran")


def _allowed(verdict: Verdict) -> Verdict:
    return Verdict(guard="isolated", passed=True, detail=f"{verdict.detail}: {VARIABLE}=1")
