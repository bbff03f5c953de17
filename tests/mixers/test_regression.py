"""Fits of losses: each model finds its own kind of truth, the better is taken, noise is refused."""

import numpy as np
import pytest

from mixers.regression import MODELS, Design, fit, interval, rank_correlation

NAMES = ["share:a", "share:b", "share:c", "quality:a:x"]


def members(count: int = 96, seed: int = 0) -> Design:
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.ones(3), count)
    return Design(NAMES, np.column_stack([shares, random.uniform(-0.2, 0.4, count)]))


def log_linear_truth(values: np.ndarray) -> np.ndarray:
    return 2 + np.exp(0.5 - 2 * values[:, 0] - 1.5 * values[:, 3])


def power_truth(values: np.ndarray) -> np.ndarray:
    return 1 + (0.01 + values[:, 0] + 0.1 * values[:, 1]) ** -0.3


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("truth", [log_linear_truth, power_truth])
def test_every_model_orders_unseen_mixtures(model, truth):
    design, asked = members(300), members(100, 1).values
    predict = MODELS[model](design, truth(design.values))
    assert rank_correlation(predict(asked), truth(asked)) > 0.95


def test_a_log_linear_law_is_found_and_extrapolated():
    design, asked = members(), members(50, 1).values + np.array([0, 0, 0, 0.05])
    predict = MODELS["log_linear"](design, log_linear_truth(design.values))
    assert predict(asked) == pytest.approx(log_linear_truth(asked), rel=0.01)


def test_the_model_with_the_smaller_error_is_taken():
    design = members(200)
    steps = fit("power", design, power_truth(design.values))
    assert steps.model == min(steps.errors, key=steps.errors.get).split()[0] == "gaussian_process"
    assert steps.order > 0.99
    assert steps.refused == ""


def test_noise_is_refused():
    found = fit("noise", members(), np.random.default_rng(3).normal(size=96))
    assert "noise: its order over unseen members is foretold with" in found.refused


def test_rank_correlation_by_hand():
    one = np.array([1.0, 2, 3, 4])
    assert rank_correlation(one, np.array([10.0, 20, 30, 400])) == 1
    assert rank_correlation(one, -one) == -1
    # ranks 1, 2.5, 2.5, 4: covariance 4.5, against sqrt(5 * 4.5)
    assert rank_correlation(one, np.array([1.0, 5, 5, 9])) == pytest.approx(4.5 / np.sqrt(22.5))
    assert rank_correlation(one, np.zeros(4)) == 0
    low, high = interval(
        np.arange(40.0), np.arange(40.0) + np.random.default_rng(0).normal(size=40) * 9
    )
    assert 0.4 < low < high < 1


def test_too_few_members_are_refused():
    with pytest.raises(ValueError, match="7 members; a fit takes 8"):
        fit("a", members(7), np.zeros(7))


def test_what_does_not_help_is_not_read_and_usefulness_that_bends_is_seen():
    random = np.random.default_rng(0)
    names = ["share:a", "share:b", "quality:a:x", "bend:a:x"]
    shares, quality = random.dirichlet(np.ones(2), 120), random.uniform(-0.3, 0.3, 120)
    bend = random.uniform(-0.1, 0.1, 120)
    design = Design(names, np.column_stack([shares, quality, bend]))
    noise = random.normal(0, 0.01, 120)
    plain = fit("t", design, 2 + np.exp(-shares[:, 0]) + noise)
    assert plain.reads == "shares"
    rising = fit("t", design, 2 + np.exp(-shares[:, 0] - quality) + noise)
    assert rising.reads == "quality"
    assert rising.bent[0] < 0.05
    bent = fit("t", design, 2 + np.exp(-shares[:, 0] - 2 * bend) + noise)
    assert bent.reads == "bend"
    assert bent.bent[0] > 0.5


def test_one_cell_is_fitted_by_its_quality_alone():
    random = np.random.default_rng(3)
    quality = random.uniform(-0.2, 0.4, 60)
    names = ["share:a", "quality:a:x", "bend:a:x"]
    design = Design(names, np.column_stack([np.ones(60), quality, random.uniform(0, 1, 60)]))
    found = fit("t", design, 2 - quality + random.normal(0, 0.01, 60))
    assert (found.reads, found.refused) == ("quality", "")
    assert found.order > 0.95
    with pytest.raises(ValueError, match="nothing varies"):
        fit("t", Design(names[:1], np.ones((60, 1))), quality)
