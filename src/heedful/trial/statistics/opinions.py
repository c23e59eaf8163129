"""Second opinions on two models, each labelled with what it holds for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from heedful.errors import OptionError, ShapeError, unknown

KERNELS = ("rectangular", "bartlett")
MOST_FLIPS = 20


@dataclass(frozen=True, kw_only=True)
class Test:
    """A test's outcome and the words that must stand beside it.

    Args:
        statistic: negative where the first model is better.
        p: two-sided p value.
        holds_for: what the answer covers, as a sentence.
    """

    __test__ = False  # not for pytest

    statistic: float
    p: float
    holds_for: str


def diebold_mariano(
    a: np.ndarray, b: np.ndarray, horizon: int, *, lags: int | None = None, kernel: str = "rectangular"
) -> tuple[Test, ...]:
    r"""Tests, seed by seed, whether two models have equal expected loss: Diebold-Mariano, corrected for small samples.

        DM = mean(d) / sqrt((g_0 + 2 sum_{k <= lags} w_k g_k) / n)
        HLN = DM sqrt((n + 1 - 2 H + H (H - 1) / n) / n),   against t with n - 1 degrees of freedom

    Paper:   Diebold and Mariano, "Comparing predictive accuracy", JBES 13, 1995; Harvey, Leybourne and Newbold,
             "Testing the equality of prediction mean squared errors", International Journal of Forecasting 13, 1997.
    Differs: where the rectangular kernel's variance is not positive, Bartlett's takes its place.

    Args:
        a: losses of the first model, origins in order of time; origins with NaN are left out.
        b: losses of the second model on the same origins.
        horizon: H, steps that one forecast covers.
        lags: autocovariances counted, by default H - 1; too few where errors stay correlated for longer.
        kernel: "rectangular" (w = 1) or "bartlett" (w = 1 - k / (lags + 1)).

    Shape:  (S, N) or (N,) -> one test a seed.
    Raises: ShapeError for losses of two shapes or fewer origins than 2 H; UnknownName for another kernel.

    >>> rng = np.random.default_rng(0)
    >>> b = rng.chisquare(4, 200)
    >>> [round(test.p, 2) for test in diebold_mariano(rng.chisquare(4, 200), b, 1)]
    [0.92]
    """
    if kernel not in KERNELS:
        raise unknown("kernel", kernel, KERNELS)
    first, second = _pair("diebold_mariano", a, b)
    d = first - second
    d = d[:, np.isfinite(d).all(0)]
    n = d.shape[1]
    if horizon < 1 or n < 2 * horizon or n < 2:
        raise ShapeError(f"diebold_mariano needs two origins or more for each of {horizon} steps, got {n}.")
    lags = min(horizon - 1 if lags is None else lags, n - 1)
    words = "One trained net on this test span; assumes that errors are uncorrelated beyond the lags counted."
    shrink = np.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    found = []
    for row in d:
        variance = _long_run(row, lags, kernel) / n
        mean = float(row.mean())
        statistic = (
            0.0 if mean == 0 else mean / np.sqrt(variance) * shrink if variance > 0 else np.copysign(np.inf, mean)
        )
        found.append(Test(statistic=float(statistic), p=float(2 * stats.t.sf(abs(statistic), n - 1)), holds_for=words))
    return tuple(found)


def sign_flips(differences: np.ndarray) -> Test:
    """Tests whether block means of a loss difference are centred on zero, by flipping their signs in all ways.

    Exact where blocks are independent and the difference is as likely positive as negative. It treats seeds as fixed.

    Paper: Fisher, "The Design of Experiments", 1935, section 21.

    Args:
        differences: one a block of time, such as `Contrast.block_means`; negative where the first model is better.

    Shape:  (K,), 2 <= K <= 20.
    Raises: ShapeError for another number of blocks.

    >>> sign_flips(np.array([-1.0, -2.0, -3.0, -0.5])).p
    0.125
    """
    d = np.asarray(differences, float)
    if d.ndim != 1 or not 2 <= len(d) <= MOST_FLIPS or not np.isfinite(d).all():
        raise ShapeError(f"sign_flips needs 2 to {MOST_FLIPS} finite block means, got {d.shape}. Make larger blocks.")
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    extreme = np.abs(sums) >= abs(d.sum()) - 1e-12 * np.abs(d).sum()
    words = "These trained nets only: how much training varies by chance is not counted."
    return Test(statistic=float(d.mean()), p=float(extreme.mean()), holds_for=words)


def corrected_resampled_t(differences: np.ndarray, test_share: float) -> Test:
    r"""Tests a mean difference over folds or resamples whose training parts overlap.

        t = mean(d) / sqrt((1 / J + share / (1 - share)) var(d)),   J - 1 degrees of freedom

    Paper: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003, section 3.

    Args:
        differences: score differences, one a fold or resample; negative where the first model is better (losses).
        test_share: share of the samples (or groups) in each test part; 1 / folds in cross-validation.

    Shape:  (J,), J >= 2.
    Raises: ShapeError for fewer than two folds; OptionError for a share outside 0 and 1.

    >>> round(corrected_resampled_t(np.array([-0.02, -0.01, -0.03, -0.02, -0.02]), 0.2).p, 4)
    0.0135
    """
    d = np.asarray(differences, float)
    if d.ndim != 1 or len(d) < 2 or not np.isfinite(d).all():
        raise ShapeError(f"corrected_resampled_t needs differences of two folds or more, got {d.shape}.")
    if not 0 < test_share < 1:
        raise OptionError(f"corrected_resampled_t needs a test share between 0 and 1, got {test_share}.")
    error = np.sqrt((1 / len(d) + test_share / (1 - test_share)) * d.var(ddof=1))
    mean = float(d.mean())
    statistic = 0.0 if mean == 0 else mean / error if error > 0 else np.copysign(np.inf, mean)
    words = "Training sets of this size drawn from these groups; approximate, since the correction is a heuristic."
    return Test(statistic=float(statistic), p=float(2 * stats.t.sf(abs(statistic), len(d) - 1)), holds_for=words)


def mcnemar(a_right: np.ndarray, b_right: np.ndarray) -> Test:
    """Tests whether two classifiers are right equally often on the same samples: exact binomial McNemar.

    Paper: McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12,
           1947; exact form: Dietterich, Neural Computation 10, 1998.

    Args:
        a_right: True where the first classifier is right; one sample a group, windows of one recording are not n.
        b_right: the same for the second classifier.

    Shape:  (n,) booleans.
    Raises: ShapeError for answers of two shapes.

    >>> mcnemar(np.array([True] * 8 + [False] * 2), np.array([False] * 8 + [True, False])).p
    0.0390625
    """
    a, b = np.asarray(a_right, bool), np.asarray(b_right, bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ShapeError(f"mcnemar needs two rows of answers to the same samples, got {a.shape} and {b.shape}.")
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    words = "Two trained classifiers on this one split, samples independent of each other."
    return Test(statistic=float(only_b - only_a), p=float(p), holds_for=words)


# --- the parts ---------------------------------------------------------------------------------------------------


def _pair(who: str, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.atleast_2d(np.asarray(a, float)), np.atleast_2d(np.asarray(b, float))
    if first.shape != second.shape or first.ndim != 2:
        raise ShapeError(
            f"{who} needs losses of one shape, (seeds, origins) or (origins,), got {np.shape(a)} and {np.shape(b)}. "
            "Give both models the same origins."
        )
    return first, second


def _long_run(d: np.ndarray, lags: int, kernel: str) -> float:
    x = d - d.mean()
    covariances = np.array([x[k:] @ x[: len(x) - k] for k in range(lags + 1)]) / len(x)
    weights = np.ones(lags + 1) if kernel == "rectangular" else 1 - np.arange(lags + 1) / (lags + 1)
    variance = float(2 * weights @ covariances - covariances[0])
    return _long_run(d, lags, "bartlett") if variance <= 0 and kernel == "rectangular" else variance
