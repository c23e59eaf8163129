"""Whether a map is right about what matters: answers while its units are taken away or put back, beside controls.

Letters in shapes: n windows, U units, S shares of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from scipy.special import stdtrit

from heedful.errors import OptionError, ShapeError
from heedful.explanation.units import Units

Metric = Literal["deletion", "insertion", "comprehensiveness", "sufficiency"]
METRICS: tuple[Metric, ...] = ("deletion", "insertion", "comprehensiveness", "sufficiency")
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
AT = 0.2
"""Share of the units at which comprehensiveness and sufficiency are read."""
LEVEL = 0.95
"""Coverage of the intervals; see `truth.judge`."""
FEWEST = 5
"""Groups below which no interval is told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    r"""How much of each answer is left while a map's most important units are taken away, or put back.

        deletion = -AUC(left while the most important go),  insertion = AUC(left while they come back)
        comprehensiveness = left(all) - left(20 % gone),    sufficiency = left(20 % put back) - left(all)

    All are signed so that larger speaks for the map; the AUC is by trapezoids over the shares.

    Paper:   Petsiuk et al., "RISE", BMVC 2018, arXiv:1806.07421 (deletion and insertion); DeYoung et al., "ERASER",
             ACL 2020, arXiv:1911.03429, section 4.2 (comprehensiveness and sufficiency).
    Differs: deletion and sufficiency have the other sign there; samples instead of pixels and words, and two fillings.

    Args:
        fillings: the two ways in which units were filled.
        shares: shares of the units, from 0 to 1.
        gone: what is left when so many of the most important units are gone (2, n, S).
        kept: what is left when only so many of them are there (2, n, S).
        controls: the curves of maps that know nothing, by name; those of several draws are averaged.
    """

    fillings: tuple[str, str]
    shares: np.ndarray
    gone: np.ndarray
    kept: np.ndarray
    controls: Mapping[str, Curves] = field(default_factory=dict)

    def scores(self, metric: Metric, filling: str) -> np.ndarray:
        """Gives one number for each window (n,), larger where the map is better."""
        at = self.fillings.index(filling)
        gone, kept = self.gone[at], self.kept[at]
        if metric == "deletion":
            return -_area(gone, self.shares)
        if metric == "insertion":
            return _area(kept, self.shares)
        place = int(np.argmin(np.abs(self.shares - AT)))
        found: np.ndarray = (
            gone[:, 0] - gone[:, place] if metric == "comprehensiveness" else kept[:, place] - gone[:, 0]
        )
        return found


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much better than a control a map is: above 0 where it is better.

    Args:
        metric: what was measured, one of `METRICS`.
        filling: how units were filled.
        control: name of the control.
        of: the windows that count: "all", or a class.
        mean: mean over groups of the mean over their windows.
        low, high: its interval; NaN with fewer than 5 groups.
        groups, windows: how many there are.
    """

    metric: Metric
    filling: str
    control: str
    of: str
    mean: float
    low: float
    high: float
    groups: int
    windows: int


def measured(
    units: Units,
    maps: np.ndarray,
    controls: Mapping[str, Sequence[np.ndarray]],
    *,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> Curves:
    """Measures maps and their controls.

    Each map costs (S - 1) passes of a window for each direction and filling, 36 by default; what is left of a whole and
    of an empty window is asked once for all, by 3.

    Args:
        units: what the maps have a number for.
        maps: the maps (n, U), larger where it matters more.
        controls: as `controls.controls` makes them.
        shares: shares of the units, rising up to 1.
        seed: seed of the order among units that tie.

    Raises: as `curves` does.
    """
    ends = _ends(units)
    own = curves(units, maps, shares=shares, seed=seed, ends=ends)
    beside = {}
    for name, several in controls.items():
        each = [curves(units, one, shares=shares, seed=seed + i, ends=ends) for i, one in enumerate(several, 1)]
        gone, kept = (np.mean([getattr(one, side) for one in each], axis=0) for side in ("gone", "kept"))
        beside[name] = Curves(fillings=own.fillings, shares=own.shares, gone=gone, kept=kept)
    return Curves(fillings=own.fillings, shares=own.shares, gone=own.gone, kept=own.kept, controls=beside)


def curves(
    units: Units,
    maps: np.ndarray,
    *,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    ends: tuple[np.ndarray, np.ndarray] | None = None,
) -> Curves:
    """Takes the units of each window away, and puts them back, in the order of its map.

    Of a window's real units ceil(share * count) go. Units that tie go in an order drawn at random, never by place.

    Args:
        units: what the maps have a number for.
        maps: the maps (n, U), larger where it matters more.
        shares: shares of the units, rising up to 1.
        seed: seed of the order among units that tie.
        ends: what is left of whole (n,) and of empty windows (2, n), if that was asked before.

    Raises: ShapeError for maps of another shape than the units; OptionError for maps that are not finite, or shares
            that do not rise from above 0 to 1.
    """
    steps = np.asarray(shares, float)
    if not steps.size or steps[0] <= 0 or steps[-1] != 1 or (np.diff(steps) <= 0).any():
        raise OptionError(f"curves needs shares that rise from above 0 to 1, got {tuple(shares)}. End them with 1.")
    real = units.real.cpu().numpy()
    rank = _ranks(maps, real, np.random.default_rng(seed))
    whole, empty = _ends(units) if ends is None else ends
    count = np.ceil(np.round(steps[:-1] * real.sum(1, keepdims=True), 9)).astype(int)
    distinct, back = np.unique(count, axis=1, return_inverse=True)
    back = np.asarray(back).ravel()
    first = torch.from_numpy(rank[:, None, :] < distinct[:, :, None])
    there = units.real.cpu().unsqueeze(1)
    gone, kept = [], []
    for filling, nothing in zip(units.fillings, empty, strict=True):
        without = _asked(units, there & ~first, filling)[:, back]
        alone = _asked(units, there & first, filling)[:, back]
        gone.append(np.column_stack((whole, without, nothing)))
        kept.append(np.column_stack((nothing, alone, whole)))
    return Curves(
        fillings=units.fillings, shares=np.concatenate(([0.0], steps)), gone=np.stack(gone), kept=np.stack(kept)
    )


def gains(
    found: Curves,
    groups: np.ndarray,
    *,
    parts: Mapping[str, np.ndarray] | None = None,
    level: float = LEVEL,
) -> tuple[Gain, ...]:
    """Tells how much better than its controls a map is, with intervals over groups.

    Args:
        found: the curves of the map and its controls.
        groups: the group of each window (n,).
        parts: windows (n,) of classes or other parts that have rows of their own, by name.
        level: coverage of the intervals.

    Raises: ShapeError for groups of another number than the windows.
    """
    groups = np.asarray(groups)
    if groups.shape != found.gone.shape[1:2]:
        raise ShapeError(
            f"gains needs one group for each of {found.gone.shape[1]} windows, got {groups.shape}. Give subject.groups."
        )
    rows = []
    for name, which in {"all": np.ones(len(groups), bool), **(parts or {})}.items():
        for metric in METRICS:
            for filling in found.fillings:
                own = found.scores(metric, filling)
                for control, other in found.controls.items():
                    better = (own - other.scores(metric, filling))[which]
                    mean, low, high, held = interval(better, groups[which], level)
                    rows.append(
                        Gain(
                            metric=metric,
                            filling=filling,
                            control=control,
                            of=name,
                            mean=mean,
                            low=low,
                            high=high,
                            groups=held,
                            windows=int(which.sum()),
                        )
                    )
    return tuple(rows)


def interval(values: np.ndarray, groups: np.ndarray, level: float = LEVEL) -> tuple[float, float, float, int]:
    r"""Gives mean, lower and upper bound, and the number of groups of values that depend on each other within groups.

        m_g = mean over group g,  mean \pm t_{G-1} sd(m) / \sqrt G

    Every group counts alike, for it is one draw of what varies; resampling whole groups gives intervals that are too
    narrow when there are few of them.

    Args:
        values: one number for each window (n,).
        groups: the group of each window (n,).
        level: coverage.

    >>> low, high = interval(np.array([1.0, 1, 2, 2, 3, 3, 4, 4, 5, 5]), np.arange(10) // 2, 0.9)[1:3]
    >>> round(low, 2), round(high, 2)
    (1.49, 4.51)
    """
    kept, own = np.unique(groups, return_inverse=True)
    if not len(kept):
        return np.nan, np.nan, np.nan, 0
    means = np.bincount(own, values) / np.bincount(own)
    mean = float(means.mean())
    if len(kept) < FEWEST:
        return mean, np.nan, np.nan, len(kept)
    half = float(stdtrit(len(kept) - 1, (1 + level) / 2) * means.std(ddof=1) / np.sqrt(len(kept)))
    return mean, mean - half, mean + half, len(kept)


def _ends(units: Units) -> tuple[np.ndarray, np.ndarray]:
    """What is left of whole windows (n,), and of empty ones with either filling (2, n)."""
    there = units.real.cpu().unsqueeze(1)
    whole = _asked(units, there, units.fillings[0])[:, 0]
    empty = [_asked(units, torch.zeros_like(there), filling)[:, 0] for filling in units.fillings]
    return whole, np.stack(empty)


def _asked(units: Units, keep: torch.Tensor, filling: str) -> np.ndarray:
    """Asks for what is left (n, S) when of each window S choices of units (n, S, U) stay."""
    windows, choices = keep.shape[:2]
    rows = torch.arange(windows).repeat_interleave(choices)
    left: np.ndarray = units.left(keep.flatten(0, 1), rows, filling).double().cpu().numpy()
    return left.reshape(windows, choices)


def _ranks(maps: np.ndarray, real: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ranks of the units of each window (n, U), the most important 0, those that are not real last."""
    maps = np.asarray(maps, float)
    if maps.shape != real.shape:
        raise ShapeError(
            f"curves needs one number for each unit, {real.shape}, got maps {maps.shape}. Bring the map to the units."
        )
    if not np.isfinite(maps[real]).all():
        raise OptionError("curves needs maps of finite numbers, got NaN or infinity. Leave those windows out.")
    order = np.lexsort((rng.random(maps.shape), np.where(real, -maps, np.inf)), axis=1)
    return np.argsort(order, 1)


def _area(left: np.ndarray, shares: np.ndarray) -> np.ndarray:
    area: np.ndarray = ((left[:, 1:] + left[:, :-1]) / 2 * np.diff(shares)).sum(1)
    return area
