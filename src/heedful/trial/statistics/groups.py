"""The contrast of two models on recordings: seeds and groups are crossed factors, windows of a group are not n."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from heedful.errors import OptionError, ShapeError
from heedful.trial.statistics.contrast import Contrast, detectable_at, p_better_of


def contrast_groups(
    a: np.ndarray,
    b: np.ndarray,
    groups: np.ndarray,
    *,
    absolute: bool = True,
    level: float = 0.95,
    split: str = "group",
) -> Contrast:
    r"""Compares the losses of two models on the same windows of groups that are independent of each other.

        d[s, g] = mean of a - b over group g,  w_g its share of the windows,  e_g = mean_s d[s, g] - effect
        P_g = 1 - 2 w_g + Q,  Q = sum w^2,     Vg = sum_g w_g^2 e_g^2 / P_g
        Vi = sum_g w_g^2 / P_g var_s(rest) / S,  Vs = var(seed means) / S,  V = max(Vs + Vg - Vi, Vs, Vg)
        degrees = (Vs + Vg)^2 / (Vs^2 / (S - 1) + Vg^2 / k),  k = Q^2 / sum_gh (w_g^2 / P_g) (w_h^2 / P_h) P_gh^2

    P_gh = Q - w_g - w_h off the diagonal: with groups of equal size k = G - 1, with one that dominates far fewer.

    Paper:   Bell and McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples",
             Survey Methodology 28, 2002, for one mean and groups that vary alike; seeds as in `contrast`.
    Differs: nothing is known of an order of the groups, so there is no drift and no time of correlation.

    Args:
        a: losses of the first model, seed by seed; 0 and 1 of a classification.
        b: losses of the second model on the same windows; its seeds are those of a.
        groups: the group of each window; windows of one group count as much as they are, but not as independent.
        absolute: the effect is a difference of losses, so of error rates; else a share of b's mean loss.
        level: coverage of the interval.
        split: how the groups were parted; see `Contrast`.

    Shape:  (S, n) and (n,).
    Raises: ShapeError for losses or groups of two shapes; OptionError for a level outside 0 and 1, or for shares of a
            loss that is zero.

    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(30), 10)
    >>> b = (rng.random((5, 300)) < 0.3).astype(float)
    >>> found = contrast_groups((rng.random((5, 300)) < 0.3).astype(float), b, groups)
    >>> found.blocks, found.low < 0 < found.high
    (30, True)
    """
    a, b = np.atleast_2d(np.asarray(a, float)), np.atleast_2d(np.asarray(b, float))
    groups = np.asarray(groups)
    if a.shape != b.shape or a.ndim != 2 or groups.shape != a.shape[1:] or not groups.size:
        raise ShapeError(
            f"contrast_groups needs losses (seeds, n) of both models and n groups, got {a.shape}, {b.shape} and "
            f"{groups.shape}. Give both models the same windows."
        )
    if not 0 < level < 1:
        raise OptionError(f"contrast_groups needs a level between 0 and 1, got {level}. 0.95 is usual.")
    scale = 1.0 if absolute else float(b.mean())
    if not scale > 0:
        raise OptionError("contrast_groups needs a second model with a loss above 0, got 0. Ask for absolute effects.")
    difference = (a - b) / scale
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(place, weights=row) for row in difference]) / sizes
    effect = float(difference.mean())
    shares = sizes / sizes.sum()
    spread, degrees = _variance(means, shares)
    error = math.sqrt(spread)
    reach = float(stats.t.ppf((1 + level) / 2, degrees)) * error if degrees else math.inf
    p_better = p_better_of(effect, error, degrees)
    return Contrast(
        mean=effect * scale,
        effect=effect,
        low=effect - reach,
        high=effect + reach,
        level=level,
        error=error,
        degrees=degrees,
        p=2 * min(p_better, 1 - p_better) if degrees else 1.0,
        p_better=p_better,
        seeds=a.shape[0],
        blocks=len(sizes),
        origins=a.shape[1],
        tau=1.0,
        block_means=tuple(means.mean(0).tolist()),
        drift=0.0,
        detectable=detectable_at(error, degrees, (1 - level) / 2),
        effective=1 / float((shares**2).sum()),
        over="groups",
        unit="points" if absolute else "%",
        split=split,
    )


def _variance(means: np.ndarray, w: np.ndarray) -> tuple[float, float]:
    """Variance of the weighed mean of (S, G), and its degrees of freedom; none without two groups."""
    seeds, groups = means.shape
    if groups < 2:
        return math.inf, 0.0
    total = float((w**2).sum())
    own = 1 - 2 * w + total
    a = w**2 / own
    of_seed, of_group = means @ w, means.mean(0)
    centre = float(of_group @ w)
    by_group = float(a @ (of_group - centre) ** 2)
    by_seed = between = 0.0
    if seeds > 1:
        by_seed = float(of_seed.var(ddof=1)) / seeds
        rest = means - of_seed[:, None] - of_group + centre
        between = float(a @ (rest**2).sum(0)) / (seeds - 1) / seeds
    spread = max(by_seed + by_group - between, by_seed, by_group)
    weighed = by_group**2 / _degrees(a, w, own, total) + (by_seed**2 / (seeds - 1) if seeds > 1 else 0.0)
    return spread, (by_seed + by_group) ** 2 / weighed if weighed > 0 else float(groups - 1)


def _degrees(a: np.ndarray, w: np.ndarray, own: np.ndarray, total: float) -> float:
    """Degrees of freedom of the part of the groups, by sums in place of a table of all pairs."""
    a0, a1, a2 = float(a.sum()), float(a @ w), float(a @ w**2)
    pairs = total**2 * a0**2 + 2 * a2 * a0 - 4 * total * a1 * a0 + 2 * a1**2
    pairs += float(a**2 @ (own**2 - (total - 2 * w) ** 2))
    return total**2 / pairs
