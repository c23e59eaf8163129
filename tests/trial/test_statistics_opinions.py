from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels
from statsmodels.tsa.stattools import diebold_mariano_test

from heedful.errors import OptionError, ShapeError, UnknownName
from heedful.trial.statistics import corrected_resampled_t, diebold_mariano, mcnemar, sign_flips


def forecasts(n: int = 83) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.standard_normal(n).cumsum()
    return y, y + rng.standard_normal((3, n)), y + 1.3 * rng.standard_normal((3, n))


@pytest.mark.parametrize(("horizon", "lags"), [(1, 0), (1, 6), (5, 4), (9, None)])
def test_diebold_mariano_agrees_with_statsmodels(horizon, lags):
    y, f, g = forecasts()
    found = diebold_mariano((y - f) ** 2, (y - g) ** 2, horizon, lags=lags, kernel="bartlett")
    assert len(found) == 3
    for s, test in enumerate(found):
        counted = horizon - 1 if lags is None else lags
        theirs = diebold_mariano_test(y, f[s], g[s], lags=counted, harvey_adj=True, horizon=horizon)
        assert test.statistic == pytest.approx(theirs.statistic, rel=1e-9)
        assert test.p == pytest.approx(theirs.pvalue, rel=1e-8)


def test_the_rectangular_kernel_is_the_one_of_the_paper():
    y, f, g = forecasts()
    d = ((y - f) ** 2 - (y - g) ** 2)[0]
    n, h = len(d), 3
    x = d - d.mean()
    covariances = [sum(x[t] * x[t - k] for t in range(k, n)) / n for k in range(h)]
    plain = d.mean() / math.sqrt((covariances[0] + 2 * sum(covariances[1:])) / n)
    expected = plain * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    [test, *_] = diebold_mariano((y - f) ** 2, (y - g) ** 2, h)
    assert test.statistic == pytest.approx(expected, rel=1e-10)
    assert test.p == pytest.approx(2 * stats.t.sf(abs(expected), n - 1), rel=1e-10)


def test_a_rectangular_variance_below_zero_gives_way_to_bartlett():
    d = np.array([1.0, -0.9] * 20)
    [test] = diebold_mariano(d, 0 * d, 2)
    [bartlett] = diebold_mariano(d, 0 * d, 2, kernel="bartlett")
    assert np.isfinite(test.statistic)
    assert test == bartlett


def test_origins_without_truth_are_left_out_of_diebold_mariano():
    a, b = np.random.default_rng(0).chisquare(3, (2, 50))
    holes = np.insert(a, 20, np.nan)
    assert diebold_mariano(holes, np.insert(b, 20, 1.0), 1) == diebold_mariano(a, b, 1)


def test_sign_flips_agree_with_a_permutation_test_of_scipy():
    d = np.random.default_rng(0).standard_normal(9) + 0.4
    theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    found = sign_flips(d)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert found.statistic == pytest.approx(theirs.statistic)
    assert "These trained nets only" in found.holds_for


def test_the_corrected_t_is_a_t_test_with_a_larger_variance():
    d = np.array([-0.02, -0.01, -0.03, -0.02, -0.02, 0.01])
    found = corrected_resampled_t(d, 0.25)
    plain = stats.ttest_1samp(d, 0)
    shrink = math.sqrt((1 / 6) / (1 / 6 + 1 / 3))  # n2 / n1 = 0.25 / 0.75
    assert found.statistic == pytest.approx(plain.statistic * shrink, rel=1e-12)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(plain.statistic * shrink), 5), rel=1e-12)


def test_mcnemar_agrees_with_statsmodels():
    rng = np.random.default_rng(0)
    a, b = rng.random(70) < 0.8, rng.random(70) < 0.6
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    found = mcnemar(a, b)
    assert found.p == pytest.approx(mcnemar_of_statsmodels(table, exact=True).pvalue, rel=1e-10)
    assert found.statistic < 0  # the first is right more often
    assert mcnemar(a, a).p == 1


def test_equal_models_are_never_told_apart():
    b = np.random.default_rng(0).chisquare(3, (2, 40))
    assert [test.p for test in diebold_mariano(b, b, 3)] == [1, 1]
    assert sign_flips(np.zeros(6)).p == 1
    assert corrected_resampled_t(np.zeros(5), 0.2).p == 1


def test_input_that_cannot_be_tested_is_refused():
    b = np.ones((2, 40))
    with pytest.raises(ShapeError, match="one shape.*Give both models the same origins"):
        diebold_mariano(b, b[:, 1:], 1)
    with pytest.raises(ShapeError, match="two origins or more for each of 24 steps, got 40"):
        diebold_mariano(b, b, 24)
    with pytest.raises(UnknownName, match="bartlett"):
        diebold_mariano(b, b, 1, kernel="bartlet")
    with pytest.raises(ShapeError, match="2 to 20 finite block means.*larger blocks"):
        sign_flips(np.ones(21))
    with pytest.raises(ShapeError, match="two folds or more"):
        corrected_resampled_t(np.ones(1), 0.2)
    with pytest.raises(OptionError, match="share between 0 and 1"):
        corrected_resampled_t(np.ones(5), 1.0)
    with pytest.raises(ShapeError, match="same samples"):
        mcnemar(np.ones(4, bool), np.ones(5, bool))
