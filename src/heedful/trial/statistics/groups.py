"""The contrast of two models on recordings: seeds and groups are crossed factors, windows of a group are not n."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from heedful.errors import OptionError, ShapeError
from heedful.trial.statistics.contrast import Contrast, detectable_at, p_better_of, variance


def contrast_groups(
    a: np.ndarray, b: np.ndarray, groups: np.ndarray, *, absolute: bool = True, level: float = 0.95
) -> Contrast:
    r"""Compares the losses of two models on the same windows of groups that are independent of each other.

        d[s, i] = a[s, i] - b[s, i],  averaged in each group
        V  = max(Vs + Vg - Vi, Vs, Vg), with Vs of the seeds, Vg of the G groups weighed by their windows, Vi of both
        degrees = (Vs + Vg)^2 / (Vs^2 / (S - 1) + Vg^2 / (G - 1))

    Paper:   as `contrast`; the variance over groups of unequal size is that of a ratio: Cochran, "Sampling
             Techniques", 3rd edition, 1977, section 9A.
    Differs: nothing is known of an order of the groups, so there is no drift and no time of correlation.

    Args:
        a: losses of the first model, seed by seed; 0 and 1 of a classification.
        b: losses of the second model on the same windows; its seeds are those of a.
        groups: the group of each window; windows of one group count as much as they are, but not as independent.
        absolute: the effect is a difference of losses, so of error rates; else a share of b's mean loss.
        level: coverage of the interval.

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
    spread, degrees = variance(difference[None], means, sizes / sizes.sum(), 1.0)
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
        over="groups",
        unit="points" if absolute else "%",
    )
