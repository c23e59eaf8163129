"""The best of many models: which may be the best, and whether any beats a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from heedful.errors import OptionError, ShapeError

AT_ONCE = 50  # bootstrap samples multiplied together: memory for speed


@dataclass(frozen=True, kw_only=True)
class ConfidenceSet:
    """The models that may be the best.

    Args:
        p: p value of each model; those above 1 - level stay in the set.
        kept: indices of the models in the set.
        level: how surely the set holds the best model.
    """

    p: tuple[float, ...]
    kept: tuple[int, ...]
    level: float


@dataclass(frozen=True, kw_only=True)
class Superiority:
    """Hansen's p values of "no model beats the benchmark": between `lower` and `upper` lies `p`, the consistent one."""

    p: float
    lower: float
    upper: float
    statistic: float
    best: int


def model_confidence_set(
    losses: np.ndarray, *, block: float, level: float = 0.9, draws: int = 1000, seed: int = 0
) -> ConfidenceSet:
    r"""Drops the worst model as long as the models left differ.

        t_ij = (mean L_i - mean L_j) / sd*(i, j),   T_R = max t_ij,   the model with the largest t_ij goes

    sd* and the law of T_R come from a stationary bootstrap; a model's p value is the largest so far.

    Paper: Hansen, Lunde and Nason, "The model confidence set", Econometrica 79, 2011, section 3.1.2.

    Args:
        losses: one a model and origin, origins in order of time, averaged over seeds.
        block: mean length of the bootstrap's blocks, at least the horizon.
        level: how surely the set is to hold the best model.
        draws: bootstrap samples.
        seed: of the bootstrap.

    Shape:  (M, N).
    Raises: ShapeError for fewer than two models; OptionError for a block, level or draws that cannot be used.

    >>> rng = np.random.default_rng(0)
    >>> model_confidence_set(rng.chisquare(4, (3, 300)) * np.array([[1.0], [1.0], [2.0]]), block=5).kept
    (0, 1)
    """
    losses = _checked("model_confidence_set", losses, block, draws, least=2)
    if not 0 < level < 1:
        raise OptionError(f"model_confidence_set needs a level between 0 and 1, got {level}. 0.9 is usual.")
    means = losses.mean(1)
    gaps = means[:, None] - means
    resampled = _means(losses, block, draws, seed)
    centred = resampled[:, :, None] - resampled[:, None, :] - gaps
    spread = np.maximum(np.sqrt((centred**2).mean(0)), _least(losses))
    t, law = gaps / spread, centred / spread
    left, p, so_far = list(range(len(losses))), np.ones(len(losses)), 0.0
    while len(left) > 1:
        among = np.ix_(left, left)
        statistic = t[among].max()
        so_far = max(so_far, float((law[:, among[0], among[1]].max((1, 2)) >= statistic).mean()))
        worst = left[int(t[among].max(1).argmax())]
        p[worst] = so_far
        left.remove(worst)
    kept = tuple(int(i) for i in np.flatnonzero(p > 1 - level))
    return ConfidenceSet(p=tuple(p.tolist()), kept=kept, level=level)


def spa(benchmark: np.ndarray, losses: np.ndarray, *, block: float, draws: int = 1000, seed: int = 0) -> Superiority:
    r"""Tests whether the best of several models beats a benchmark, having looked at all of them.

        T = max(0, max_k sqrt(n) mean(d_k) / w_k),   d_k = benchmark - loss_k

    Paper: Hansen, "A test for superior predictive ability", JBES 23, 2005, sections 2.2 to 2.4.

    Args:
        benchmark: losses of the benchmark, origins in order of time, averaged over seeds.
        losses: the same of the models.
        block: mean length of the bootstrap's blocks, at least the horizon.
        draws: bootstrap samples.
        seed: of the bootstrap.

    Shape:  (N,) and (M, N).
    Raises: ShapeError for losses on other origins; OptionError for a block or draws that cannot be used.

    >>> rng = np.random.default_rng(0)
    >>> b = rng.chisquare(4, 300)
    >>> spa(b, np.stack([rng.chisquare(4, 300), 0.8 * b]), block=5).best
    1
    """
    losses = _checked("spa", losses, block, draws, least=1)
    base = np.asarray(benchmark, float)
    if base.shape != losses.shape[1:]:
        raise ShapeError(f"spa needs the benchmark on the models' {losses.shape[1]} origins, got {base.shape}.")
    d = base - losses
    n = d.shape[1]
    means, variance = d.mean(1), _bootstrap_variance(d, block)
    unit = np.maximum(np.sqrt(np.maximum(variance, 0) / n), _least(losses))
    statistic = max(0.0, float((means / unit).max()))
    poor = means / unit < -np.sqrt(2 * np.log(np.log(n)))
    centres = (np.maximum(means, 0), np.where(poor, 0.0, means), means)
    resampled = _means(d, block, draws, seed)
    lower, p, upper = (
        float((np.maximum(0, ((resampled - centre) / unit).max(1)) >= statistic).mean()) for centre in centres
    )
    return Superiority(p=p, lower=lower, upper=upper, statistic=statistic, best=int((means / unit).argmax()))


# --- the parts ---------------------------------------------------------------------------------------------------


def _checked(who: str, losses: np.ndarray, block: float, draws: int, *, least: int) -> np.ndarray:
    losses = np.asarray(losses, float)
    if losses.ndim != 2 or losses.shape[0] < least or losses.shape[1] < 10 or not np.isfinite(losses).all():
        raise ShapeError(
            f"{who} needs finite losses (models, origins) of {least} models and 10 origins or more, "
            f"got {losses.shape}. Leave out origins without a truth."
        )
    if not 1 <= block <= losses.shape[1] / 2 or draws < 1:
        raise OptionError(
            f"{who} needs a block of 1 to {losses.shape[1] // 2} origins and at least one draw, got {block} and "
            f"{draws}. A block of the horizon, a thousand draws."
        )
    return losses


def _least(losses: np.ndarray) -> float:
    """A spread that is no more than rounding: equal models do not differ, a constant gap does."""
    return 1e-12 * float(np.abs(losses).max()) + 1e-300


def _means(losses: np.ndarray, block: float, draws: int, seed: int) -> np.ndarray:
    """Means of every row in every bootstrap sample (draws, M): how often each origin was drawn, times its losses."""
    n, found = losses.shape[1], []
    indices = _resamples(n, block, draws, seed)
    while some := list(islice(indices, AT_ONCE)):
        counts = np.stack([np.bincount(index, minlength=n) for index in some])
        found.append(counts.astype(float) @ losses.T / n)
    return np.concatenate(found)


def _resamples(n: int, block: float, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Indices of the stationary bootstrap: blocks of geometric length from anywhere, round the end to the start.

    Paper: Politis and Romano, "The stationary bootstrap", JASA 89, 1994.
    """
    rng, steps = np.random.default_rng(seed), np.arange(n)
    for _ in range(draws):
        fresh = rng.random(n) < 1 / block
        fresh[0] = True
        begun = np.maximum.accumulate(np.where(fresh, steps, 0))
        yield (rng.integers(n, size=n)[begun] + steps - begun) % n


def _bootstrap_variance(d: np.ndarray, block: float) -> np.ndarray:
    """The variance of sqrt(n) mean(d) under the stationary bootstrap, in closed form (Hansen 2005, section 2.4)."""
    n, q = d.shape[1], 1 / block
    x = d - d.mean(1, keepdims=True)
    size = 2 * n
    covariances = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2, size)[:, :n] / n
    lags = np.arange(n)
    weights = (n - lags) / n * (1 - q) ** lags + lags / n * (1 - q) ** (n - lags)
    weights[0] = 0.5  # lag 0 counts once
    variance: np.ndarray = 2 * covariances @ weights
    return variance
