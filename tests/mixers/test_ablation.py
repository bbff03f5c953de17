"""What is advised: by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from mixers.ablation import Gain, advice, check, gains, tune, unmet, worse
from tests.mixers.test_composition import PRIOR, documents, pool


def trials(**losses):
    return {name: {"t": np.array(values)} for name, values in losses.items()}


def test_gains_by_hand():
    (gain,) = gains(trials(recommended=[1.8, 1.9], prior=[2.0, 2.0]), ["t"])
    assert gain.mean == pytest.approx(0.075)
    # of two seeds: half their difference, times Student's t of one degree of freedom
    assert gain.high - gain.mean == pytest.approx(0.025 * 12.706, rel=1e-3)
    assert gain.mean - gain.low == pytest.approx(gain.high - gain.mean)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.03, "take the recommended mixture: its loss is lower by 2.00 % (1.00 to 3.00)"),
        (-0.01, 0.05, "keep your present mixture: the difference is within noise"),
        (-0.05, -0.01, "keep your present mixture: the recommended one's loss is higher"),
    ],
)
def test_only_a_gain_above_noise_is_a_reason_to_change(low, high, said):
    gain = Gain(over="prior", mean=(low + high) / 2, low=low, high=high)
    assert advice([gain]).startswith(said)


def test_what_is_not_surely_beaten_is_named_and_without_a_target_nothing_changes():
    better = Gain(over="prior", mean=0.02, low=0.01, high=0.03)
    even = Gain(over="top-k", mean=0.0, low=-0.01, high=0.01)
    assert advice([better, even]).endswith("not surely better than top-k")
    assert advice(gains({}, [])) == (
        "keep your present mixture: no target can be predicted from this swarm and confirmed"
    )
    assert gains(trials(recommended=[1.8, 1.9], prior=[2.0, 2.0]), []) == []


def test_what_is_surely_worse_is_named_though_the_mean_is_better():
    found = {
        "recommended": {"a": np.array([1.0, 1.01]), "b": np.array([3.0, 3.02])},
        "prior": {"a": np.array([2.0, 2.01]), "b": np.array([2.0, 2.01])},
        "natural": {"a": np.array([1.0, 1.0]), "b": np.array([1.0, 1.0])},
    }
    (lost,) = worse(found)
    assert lost.over == "b"
    assert lost.mean == pytest.approx(-0.5, abs=0.01)
    assert advice(gains(found, ["a"]), worse(found)).endswith("; surely worse on b (-50.12 %)")
    assert worse({}) == []


def setting(**changes):
    """The part of a setting that no proxy is needed for."""
    of = {"supply": pool(documents(800)), "prior": PRIOR, "budget": 20_000.0, "cap": 4.0}
    return SimpleNamespace(**(of | changes))


def test_a_mixture_that_cannot_meet_its_budget_is_named():
    narrow = PRIOR.model_copy(
        update={
            "cells": [
                cell.model_copy(update={"criteria": {"level": 1.0}, "cutoff": 0.9, "ceiling": 1})
                for cell in PRIOR.cells
            ]
        }
    )
    of = setting().supply
    budget = float(of.tokens.sum()) / 2
    best = of.tokens[of.values[:, 0] == 1].sum()  # of five levels; each document once
    (line,) = unmet(setting(budget=budget), {"prior": PRIOR, "narrow": narrow})
    assert line.startswith(
        f"narrow gives {100 * best / budget:.0f} % of the tokens that a proxy reads"
    )
    assert best < 0.5 * budget


def test_a_swarm_in_which_nothing_varies_and_one_too_small_are_refused_before_training():
    from mixers.swarm import draws

    members = draws(PRIOR, 12, 1)
    check(setting(), members)
    with pytest.raises(ValueError, match="7 members; a fit takes 8 at least"):
        check(setting(), members[:7])
    with pytest.raises(ValueError, match="nothing varies among the members"):
        check(setting(), members[:1] * 12)


def test_members_too_few_for_what_is_fitted_are_warned_of():
    from mixers.swarm import draws

    members = draws(PRIOR, 8, 1)
    known = setting()
    shares = np.array([cell.share for m in members for cell in m.cells[:1]])
    found = tune(known, members, {"t": 2 + (shares - 0.3) ** 2})
    (fit,) = found.fits
    (line,) = found.warnings
    assert fit.numbers >= 2
    assert line.startswith(f"8 members for fits of {fit.numbers} numbers; three times")
    assert f", {3 * fit.numbers + 3}, are the least" in line
