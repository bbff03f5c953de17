"""Nothing is run where it cannot be shut away, unless the environment says so."""

from __future__ import annotations

import pytest

from synth.code import sandbox, trust
from synth.code.sandbox import Isolation, isolation
from synth.code.verify import Candidate

CANDIDATE = Candidate(
    language="python",
    code="def double(x: int) -> int:\n    return 2 * x\n",
    tests="assert double(3) == 6\nassert double(0) == 0\n",
)


@pytest.fixture
def confined(monkeypatch):
    """A system that allows no sandbox."""
    none = Isolation(full=False, missing="user namespaces: EPERM", remedy="Allow them.")
    monkeypatch.setattr(trust, "isolation", lambda: none)
    monkeypatch.setattr(sandbox, "isolation", lambda: none)
    monkeypatch.delenv(trust.VARIABLE, raising=False)


def test_without_a_sandbox_nothing_is_run_and_the_verdict_says_why(confined, monkeypatch):
    monkeypatch.setattr(trust, "verify", lambda *_: pytest.fail("it was run"))
    for value in (None, "0", "yes"):
        if value is not None:
            monkeypatch.setenv(trust.VARIABLE, value)
        (found,) = trust.verified(CANDIDATE)
        assert (found.guard, found.passed) == ("isolated", False)
        assert "user namespaces: EPERM. Allow them." in found.detail
        assert f"{trust.VARIABLE}=1" in found.detail
        assert trust.refused() == found.detail


def test_the_environment_can_allow_it(confined, monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "1")
    assert trust.refused() == ""
    found = {verdict.guard: verdict for verdict in trust.verified(CANDIDATE)}
    assert all(verdict.passed for verdict in found.values()), found
    assert found["isolated"].detail.endswith(f"{trust.VARIABLE}=1")


def test_what_does_not_parse_is_not_excused(confined, monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "1")
    broken = Candidate(language="python", code="def", tests="assert True")
    found = {verdict.guard: verdict.passed for verdict in trust.verified(broken)}
    assert found["parses"] is found["isolated"] is False


@pytest.mark.skipif(not isolation().full, reason=f"no isolation here: {isolation().missing}")
def test_with_a_sandbox_the_variable_changes_nothing(monkeypatch):
    monkeypatch.setenv(trust.VARIABLE, "1")
    allowed = trust.verified(CANDIDATE)
    monkeypatch.delenv(trust.VARIABLE)
    assert trust.verified(CANDIDATE) == allowed
    assert all(verdict.passed for verdict in allowed)
