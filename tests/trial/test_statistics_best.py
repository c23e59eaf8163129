from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import MCS, SPA

from heedful.errors import OptionError, ShapeError
from heedful.trial.statistics import model_confidence_set, spa
from heedful.trial.statistics.best import _bootstrap_variance, _means, _resamples

DRAWS = 4000  # p values then differ by chance by 0.008 at most, twice that between two programs


def losses(models: int = 5, origins: int = 300) -> np.ndarray:
    rng = np.random.default_rng(3)
    shared = rng.standard_normal(origins + 5)
    own = rng.standard_normal((models, origins + 5))
    windows = np.lib.stride_tricks.sliding_window_view((shared + own) ** 2, 6, axis=1).mean(2)
    return windows + 0.09 * np.arange(models)[:, None]


def test_the_model_confidence_set_agrees_with_arch():
    table = losses()
    theirs = MCS(table.T, size=0.1, reps=DRAWS, block_size=12, method="R", seed=1)
    theirs.compute()
    found = model_confidence_set(table, block=12, draws=DRAWS)
    assert list(found.p) == pytest.approx(theirs.pvalues["Pvalue"].sort_index().tolist(), abs=0.035)
    assert 0.05 < np.sort(found.p)[1] < 0.95  # something is there to agree on
    assert list(found.kept) == theirs.included


def test_p_values_never_fall_as_models_leave_the_set():
    table = np.random.default_rng(9).standard_normal((6, 300)) ** 2 + np.array([0, 0, 1, 1, 1, 1])[:, None] / 4
    theirs = MCS(table.T, size=0.1, reps=DRAWS, block_size=3, method="R", seed=1)
    theirs.compute()
    found = np.sort(model_confidence_set(table, block=3, draws=DRAWS).p)
    assert found.tolist() == pytest.approx(np.sort(theirs.pvalues["Pvalue"]).tolist(), abs=0.035)
    assert found[3] == found[4] < 1  # without the maximum, 0.68 against 0.83


def test_hansens_test_agrees_with_arch():
    """arch maximises differences that it does not divide by their spread, so these have the same one."""
    table = losses()
    d = table[2] - table[[0, 1, 3, 4]]
    d = d / np.sqrt(_bootstrap_variance(d, 12))[:, None]
    theirs = SPA(table[2], (table[2] - d).T, block_size=12, reps=DRAWS, seed=1)
    theirs.compute()
    found = spa(table[2], table[2] - d, block=12, draws=DRAWS)
    assert [found.lower, found.p, found.upper] == pytest.approx(theirs.pvalues.tolist(), abs=0.03)
    assert 0.02 < found.p < 0.98
    assert found.statistic == pytest.approx(np.sqrt(300) * d.mean(1).max(), rel=1e-9)
    assert found.best == d.mean(1).argmax()


def test_hansens_test_does_not_depend_on_a_models_own_scale():
    table = losses()
    d = (table[2] - table[[0, 1, 3, 4]]) * np.array([[1.0], [10], [0.1], [3]])
    same, scaled = (spa(table[2], table[2] - one, block=12) for one in (table[2] - table[[0, 1, 3, 4]], d))
    assert same.p == scaled.p
    assert same.statistic == pytest.approx(scaled.statistic)


def test_the_bootstraps_variance_in_closed_form_is_that_of_its_draws():
    d = losses()[:2]
    means = np.array([d[:, index].mean(1) for index in _resamples(300, 12, DRAWS, 0)])
    assert _bootstrap_variance(d, 12) == pytest.approx(300 * means.var(0), rel=0.07)  # 2 / sqrt(draws), three times


def test_no_model_beats_a_benchmark_that_is_best():
    table = losses()
    found = spa(table[0] - 1, table, block=12)
    assert found.p > 0.9
    assert found.statistic == 0
    assert spa(table[4] + 1, table, block=12).p < 0.01


def test_equal_models_stay_in_the_set_together():
    table = np.stack([losses()[0]] * 2 + [losses()[0] + 3])
    assert model_confidence_set(table, block=6).kept == (0, 1)


def test_the_same_seed_gives_the_same_numbers():
    table = losses()
    assert model_confidence_set(table, block=6, draws=200) == model_confidence_set(table, block=6, draws=200)
    assert spa(table[0], table, block=6, draws=200) == spa(table[0], table, block=6, draws=200)
    assert model_confidence_set(table, block=6, draws=200) != model_confidence_set(table, block=6, draws=200, seed=1)


def test_losses_that_cannot_be_resampled_are_refused():
    table = losses()
    with pytest.raises(ShapeError, match="2 models and 10 origins or more, got"):
        model_confidence_set(table[:1], block=6)
    with pytest.raises(ShapeError, match="Leave out origins"):
        spa(table[0], np.full((2, 300), np.nan), block=6)
    with pytest.raises(ShapeError, match="the models' 300 origins, got"):
        spa(table[0, 1:], table, block=6)
    with pytest.raises(OptionError, match="block of 1 to 150 origins"):
        model_confidence_set(table, block=200)
    with pytest.raises(OptionError, match="level between 0 and 1"):
        model_confidence_set(table, block=6, level=1)


def test_bootstrap_means_are_those_of_the_drawn_origins():
    losses = np.random.default_rng(0).chisquare(4, (3, 120))
    drawn = list(_resamples(120, 7, 130, 5))  # more than are multiplied at once
    np.testing.assert_allclose(_means(losses, 7, 130, 5), [losses[:, index].mean(1) for index in drawn])
