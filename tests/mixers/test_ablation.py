"""What is advised: by hand."""

import numpy as np
import pytest

pytest.importorskip("torch")

from mixers.ablation import Gain, advice, gains


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
        "keep your present mixture: no target can be predicted from this swarm"
    )
