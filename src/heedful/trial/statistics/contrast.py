"""The contrast of two models: seeds and blocks of time are crossed factors, whole seasons make a block."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft, stats

from heedful.errors import DataError, OptionError, ShapeError

MOST_BLOCKS, FEWEST_BLOCKS = 12, 4
DRIFT = 0.3  # neighbouring blocks that are correlated beyond this drift
POWER = 0.8
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How much model a's loss differs from model b's, and how surely; negative: a is better.

    Args:
        mean: mean loss of a less mean loss of b.
        effect: the same in units of b's mean loss.
        low: lower end of the interval of the effect.
        high: upper end of the interval of the effect.
        level: coverage of the interval.
        error: standard error of the effect; infinite where fewer than two blocks could be made.
        degrees: Satterthwaite degrees of freedom.
        p: two-sided p value of no difference.
        p_better: one-sided p value against "a is not better"; `1 - p_better` against "a is not worse".
        seeds: S.
        blocks: K.
        origins: n, those that have a truth.
        tau: integrated autocorrelation time of the loss difference, in origins.
        block_means: difference per block of time, in order, in units of b's mean loss.
        drift: correlation of neighbouring block means.
        detectable: smallest effect that would be found in 80 % of such test sets, before any correction for a family.
        effective: how many groups of equal size would say as much as these; NaN where blocks are as long as each other.
        over: what K counts, "blocks" of time or "groups" of recordings.
        split: of groups, how they were parted: "group", "time" (tested on later stretches of what was trained on) or
            "leaky" (windows of one recording in train and test).
        unit: "%" where effects are shares of b's mean loss, "points" where they are differences of error rates.

    Unit: effects are shares of b's mean loss: -0.05 is a loss 5 % lower.
    """

    mean: float
    effect: float
    low: float
    high: float
    level: float
    error: float
    degrees: float
    p: float
    p_better: float
    seeds: int
    blocks: int
    origins: int
    tau: float
    block_means: tuple[float, ...]
    drift: float
    detectable: float
    effective: float = math.nan
    over: str = "blocks"
    unit: str = "%"
    split: str = "group"

    @property
    def independent(self) -> float:
        """Blocks, or groups of equal size, that say as much as these."""
        return self.effective if self.effective == self.effective else self.blocks

    def detectable_in(self, family: int) -> float:
        """Gives the smallest effect that would be found in 80 % of such test sets by one of a family of attentions.

        The level is the one that Holm's correction asks of the smallest p value, 5 % / family, one-sided, and never
        above that of the interval.

        Raises: OptionError for a family of none.

        >>> rng = np.random.default_rng(0)
        >>> b = rng.chisquare(4, (5, 600))
        >>> found = contrast(rng.chisquare(4, (5, 600)), b, horizon=1)
        >>> found.detectable_in(1) == found.detectable, found.detectable_in(8) > found.detectable
        (True, True)
        """
        if family < 1:
            raise OptionError(f"A family needs at least one attention, got {family}. Count all that were tried.")
        return detectable_at(self.error, self.degrees, min((1 - self.level) / 2, ALPHA / family))

    def __str__(self) -> str:
        effect, low, high = (f"{100 * value:+.1f}" for value in (self.effect, self.low, self.high))
        seeds = "seed" if self.seeds == 1 else "seeds"
        return f"{effect} {self.unit} [{low}, {high}], {self.seeds} {seeds} x {self.blocks} {self.over}"


def contrast(a: np.ndarray, b: np.ndarray, *, horizon: int, season: int | None = None, level: float = 0.95) -> Contrast:
    r"""Compares the losses of two models on the same stride-1 origins.

        d[s, t] = a[s, t] - b[s, t]       K = min(12, n / max(3 H, 5 tau, season)) blocks of whole seasons
        Vs = var(seed means) / S    Vb = var(block means) / K    Vi = var(interaction) / (S K)
        V  = max(Vs + f Vb - Vi, Vs, f Vb)      degrees = (Vs + f Vb)^2 / (Vs^2 / (S - 1) + (f Vb)^2 / (K - 1))

    f makes good what neighbouring blocks share: windows of H steps, or an autocorrelation time of tau, reach across
    their border; where block means drift (correlation r > 0.3), f has the further factor 1 + 2 r. With fewer than four
    such blocks there are up to four shorter ones, no shorter than 1.5 max(H, tau) and than a season.
    One seed has no spread: the interval then holds for these two trained nets only.

    Paper:   Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2,
             1946. Two crossed factors: Cameron, Gelbach and Miller, "Robust inference with multiway clustering",
             JBES 29, 2011. Window of tau: Sokal, "Monte Carlo methods in statistical mechanics", 1997, section 3.
    Differs: the maximum keeps V positive; `docs/statistics.md` gives the size with and without each of the parts.

    Args:
        a: losses of the first model, seed by seed, origins in order of time; NaN where an origin has no truth.
        b: losses of the second model on the same origins; its seeds are those of a.
        horizon: H, steps that one forecast covers.
        season: origins in one season, or None.
        level: coverage of the interval.

    Shape:  (S, N), targets and series already averaged; (G, S, N) if the claim is about series like these G.
    Raises: ShapeError for losses of two shapes; DataError where b has no positive mean; OptionError for a horizon or
            season below 1 and a level outside 0 and 1.

    >>> rng = np.random.default_rng(0)
    >>> b = rng.chisquare(4, (5, 600))
    >>> print(contrast(0.9 * b, b, horizon=1, season=24))
    -10.0 % [-10.3, -9.7], 5 seeds x 12 blocks
    """
    a, b, seen = _checked(a, b, horizon, season, level)
    season = season or 1
    n, scale = int(seen.sum()), float(b[..., seen].mean())
    difference = np.where(seen, (a - b) / scale, np.nan)  # a - b on (G, S, N)
    both = difference.mean(0)
    over_time = both.mean(0)
    tau = correlation_time(over_time, season)
    means, weights = _blocks(both, seen, _number_of_blocks(n, horizon, season, tau), season)
    effect = float(over_time[seen].mean())
    drift = _drift(means.mean(0))
    spread, degrees = variance(difference, means, weights, _shared(max(horizon, tau), n, len(weights), drift))
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
        seeds=a.shape[1],
        blocks=len(weights),
        origins=n,
        tau=tau,
        block_means=tuple(means.mean(0).tolist()),
        drift=drift,
        detectable=detectable_at(error, degrees, (1 - level) / 2),
    )


def correlation_time(series: np.ndarray, season: int | None = None) -> float:
    r"""Estimates how many origins in a row carry the information of one.

        tau = 1 + 2 (r_1 + ... + r_M),  at least 1

    M is where the sum no longer matters: the first lag of at least 5 tau, or the last one before r falls below
    2 / sqrt(n), whichever gives the smaller tau. What a season repeats is taken out first: it falls alike on blocks
    of whole seasons.

    Args:
        series: values in order of time, NaN where missing.
        season: steps in one season, or None.

    Shape: (N,) -> a number of steps.

    >>> 6 < correlation_time(np.repeat(np.random.default_rng(0).standard_normal(500), 8)) < 10
    True
    """
    seen = np.isfinite(series)
    n = int(seen.sum())
    x = np.where(seen, series, 0.0) - np.where(seen, _phase_means(series, season or 1), 0.0)
    products, pairs = _lagged(x), np.maximum(np.round(_lagged(seen.astype(float))), 1)
    if n < 3 or products[0] <= 1e-30:
        return 1.0
    lags = np.arange(len(x))
    r = products / products[0] * (len(x) - lags) / pairs * n / len(x)
    taus = 2 * np.cumsum(r) - 1
    noise = int(np.argmax(np.append(r < 2 / math.sqrt(n), True)))
    wide = int(np.argmax(np.append(lags >= 5 * taus, True)))
    return max(1.0, float(min(taus[max(noise - 1, 0)], taus[min(wide, len(x) - 1)])))


# --- the parts ---------------------------------------------------------------------------------------------------


def _checked(
    a: np.ndarray, b: np.ndarray, horizon: int, season: int | None, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim not in (2, 3) or not a.size:
        raise ShapeError(
            f"contrast needs losses of one shape, (seeds, origins) or (series, seeds, origins), got {a.shape} and "
            f"{b.shape}. Give both models the same seeds and origins."
        )
    if horizon < 1 or (season is not None and season < 1):
        raise OptionError(f"contrast needs horizon and season of at least 1, got {horizon} and {season}. Give steps.")
    if not 0 < level < 1:
        raise OptionError(f"contrast needs a level between 0 and 1, got {level}. 0.95 is usual.")
    a, b = a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:])
    seen = np.isfinite(a).all((0, 1)) & np.isfinite(b).all((0, 1))
    if not seen.any() or not b[..., seen].mean() > 0:
        raise DataError(
            f"contrast needs origins with a truth and a positive mean loss of the second model, got {seen.sum()} "
            "origins. Losses are errors, such as squared ones; a perfect model leaves nothing to compare."
        )
    return a, b, seen


def _phase_means(series: np.ndarray, season: int) -> np.ndarray:
    seen = np.isfinite(series)
    phase = np.arange(len(series)) % season
    totals = np.bincount(phase[seen], series[seen], season)
    means: np.ndarray = (totals / np.maximum(np.bincount(phase[seen], minlength=season), 1))[phase]
    return means


def _lagged(x: np.ndarray) -> np.ndarray:
    """Sums of products at lags 0, 1, ..., N - 1."""
    size = fft.next_fast_len(2 * len(x), real=True)
    products: np.ndarray = fft.irfft(np.abs(fft.rfft(x, size)) ** 2, size)[: len(x)]
    return products


def _number_of_blocks(n: int, horizon: int, season: int, tau: float) -> int:
    wanted = min(MOST_BLOCKS, n / max(3 * horizon, 5 * tau, season))
    short = min(FEWEST_BLOCKS, n / max(1.5 * max(horizon, tau), season))
    return max(1, int(wanted + 1e-9), int(short + 1e-9))


def _blocks(both: np.ndarray, seen: np.ndarray, count: int, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Means per seed and block (S, K) and each block's share of the origins (K,)."""
    starts = np.unique(np.round(np.arange(count) * len(seen) / count / season).astype(int) * season)
    sizes = np.add.reduceat(seen.astype(int), starts)
    sums = np.add.reduceat(np.where(seen, both, 0.0), starts, axis=-1)
    full = sizes > 0
    return sums[:, full] / sizes[full], sizes[full] / sizes.sum()


def _drift(means: np.ndarray) -> float:
    x = means - means.mean()
    square = float(x @ x)
    return float(x[1:] @ x[:-1]) / square if square > 1e-30 else 0.0


def _shared(reach: float, n: int, blocks: int, drift: float) -> float:
    """Factor on the variance of block means for what neighbouring blocks share.

    Sums of windows of w steps have autocorrelations 1 - k / w: blocks of L origins vary by L w - (w^2 - 1) / 3 and
    neighbours have (w^2 - 1) / 6 in common.
    """
    square = reach**2 - 1
    r = square / (6 * n / blocks * reach - 2 * square)
    factor = (1 + 2 * r * (blocks - 1) / blocks) / (1 - 2 * r / blocks)
    return factor * (1 + 2 * drift) if drift > DRIFT else factor


def variance(difference: np.ndarray, means: np.ndarray, weights: np.ndarray, shared: float) -> tuple[float, float]:
    """Variance of the effect and its degrees of freedom; no degrees without two blocks."""
    seeds, blocks = means.shape
    if blocks < 2:
        return math.inf, 0.0
    of_seed, of_block = means @ weights, means.mean(0)
    centre = float(of_block @ weights)
    by_block = shared * blocks / (blocks - 1) * float((weights**2) @ (of_block - centre) ** 2)
    by_seed = between = 0.0
    if seeds > 1:
        by_seed = float(of_seed.var(ddof=1)) / seeds
        rest = means - of_seed[:, None] - of_block + centre
        between = float((rest**2).sum()) / ((seeds - 1) * (blocks - 1)) / (seeds * blocks)
    parts = [(by_seed, seeds - 1), (by_block, blocks - 1)]
    variance = max(by_seed + by_block - between, by_seed, by_block)
    if len(difference) > 1:
        by_series = float(np.nanmean(difference, axis=(1, 2)).var(ddof=1)) / len(difference)
        parts.append((by_series, len(difference) - 1))
        variance += by_series
    total, weighed = sum(v for v, _ in parts), sum(v**2 / k for v, k in parts if k)
    return variance, total**2 / weighed if weighed > 0 else float(blocks - 1)


def detectable_at(error: float, degrees: float, alpha: float) -> float:
    if not degrees:
        return math.inf
    return float(stats.t.ppf(1 - alpha, degrees) + stats.t.ppf(POWER, degrees)) * error


def p_better_of(effect: float, error: float, degrees: float) -> float:
    if not degrees:
        return 1.0
    if error == 0:
        return 0.5 if effect == 0 else float(effect > 0)
    return float(stats.t.cdf(effect / error, degrees))
