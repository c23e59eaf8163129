"""Says whether a map is true: whether what it calls important is, better than maps that know nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from heedful.errors import OptionError
from heedful.explanation.agreement import spearman
from heedful.explanation.controls import OTHER, PERMUTED, SMOOTH, mean_map, permuted, smooth_random
from heedful.explanation.faithfulness import FEWEST, Curves, Gain, Metric, interval, measured
from heedful.explanation.units import Units

DECISIVE: tuple[Metric, ...] = ("deletion", "insertion")
NARROW = 0.02
"""Share of the answers below which a gain is none."""
COMMON = 0.4
"""What windows share, over what averages out between them, from which they are no replicates of a map."""
DRAWS, WINDOWS = 39, 20
"""Random maps for all windows, and windows that they are tried on."""
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
CHANCE = 0.025
"""Share of random maps that may be called true; 5 % with a margin, for their surrogates are not quite like them."""
SAME = 1e-4
"""Sums that lie nearer to each other are those of the same order, but for rounding."""


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Where a map stands among random ones that are as alike from window to window.

    Args:
        likeness: mean rank correlation of the map with the mean map of the other groups.
        as_good: how many random maps are as good as the map or better, by the sum of deletion and insertion with both
            fillings, each in its deviations over all these maps.
        draws, windows: how many random maps there are, and windows on which they were tried.
    """

    likeness: float
    as_good: int
    draws: int
    windows: int

    @property
    def passed(self) -> bool:
        """Whether the map is better than all random ones: among the best 2.5 %, itself counted."""
        return self.as_good + 1 <= CHANCE * (self.draws + 1)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The verdict on a map.

    Args:
        true: whether it is true; None where that cannot be told.
        why: the reason, one line.
        beats: whether the map is better than each control by the same rule, by name; told beside the verdict.
        rows: all gains; `decisive` are those that the verdict rests on.
        control: name of the control that decides.
        matched: whether each control is shown to do as well as the map, by name: all four upper bounds below 0.02. Of
            one that is neither beaten nor matched nothing is shown.
        rank: where the map stands among random maps for all windows; None where that was not asked.
    """

    true: bool | None
    why: str
    beats: Mapping[str, bool | None]
    rows: tuple[Gain, ...]
    control: str = SMOOTH
    matched: Mapping[str, bool] = field(default_factory=dict)
    rank: Rank | None = None

    @property
    def decisive(self) -> tuple[Gain, ...]:
        """The gains that the verdict rests on."""
        return _decisive(self.rows, self.control)

    def __repr__(self) -> str:
        word = {True: "true", False: "not true", None: "cannot be told"}[self.true]
        return f"Truth({word}: {self.why})"


def judge(gains: Sequence[Gain], *, rank: Rank | None = None) -> Truth:
    """Calls a map true if it is better than smooth random maps in deletion and in insertion, with both fillings.

    Better is a lower bound above 0, all four at once, over all windows; with fewer than 5 groups nothing is said.
    Units without an order have permuted maps in place of smooth ones. How often that is wrong is measured by
    `benchmarks/explanation_truth.py`.

    Windows are replicates of a map only as far as it differs between them. One that looks at every window alike must
    besides be better than 39 random maps that do so as well, as `tried` asks; else nothing can be told. A map
    that hardly bends, as a ramp, seldom is: one random map in a few bends as it does.

    `beats` tells the same of each control, `matched` which ones are shown to do as well. A true map that "another
    window", which is exactly as smooth, matches says where evidence is in general, not why in this window, and `why`
    adds so; one that "magnitude" matches says no more than where the input is large.

    Args:
        gains: as `faithfulness.gains` gives them.
        rank: where the map stands among random maps for all windows, of a map for which that must be asked.

    Raises: OptionError without gains over smooth random or permuted maps.

    >>> rows = [Gain(metric=m, filling=f, control="smooth random", of="all", mean=0.2, low=0.1, high=0.3, groups=8,
    ...              windows=80) for m in ("deletion", "insertion") for f in ("line", "zero")]
    >>> judge(rows)
    Truth(true: better than smooth random maps in deletion and insertion, with both fillings)
    """
    names = list(dict.fromkeys(one.control for one in gains))
    control = next((name for name in (SMOOTH, PERMUTED) if name in names), None)
    if control is None or not _decisive(gains, control):
        raise OptionError(
            f"judge needs gains over {SMOOTH} or {PERMUTED} maps, got those over {', '.join(names) or 'nothing'}. "
            "Measure the map beside controls.controls(...)."
        )
    beats = {name: _beaten(gains, name) for name in names}
    rows = tuple(gains)
    matched = {name: all(one.high < NARROW for one in _decisive(gains, name)) for name in names}
    true, why = beats[control], _why(_decisive(rows, control))
    if true and rank is not None:
        true, why = True if rank.passed else None, _why_ranked(why, rank)
    if true and beats.get(OTHER) is False:
        why += (
            "; no better than those of other windows: it says where in general, not why here"
            if matched[OTHER]
            else "; not shown to be better than those of other windows: it may say where in general, not why here"
        )
    return Truth(true=true, why=why, beats=beats, rows=rows, control=control, matched=matched, rank=rank)


def tried(units: Units, maps: np.ndarray, gains: Sequence[Gain], groups: np.ndarray, *, seed: int = 0) -> Truth:
    """Judges a map, and ranks one that would be true among random maps where windows are no replicates of it.

    Args:
        units: what the maps have a number for.
        maps: the maps (n, U).
        gains: as `faithfulness.gains` gives them for these maps.
        groups: the group of each window (n,).
        seed: draws the random maps and the windows.

    Raises: as `judge` does.
    """
    first = judge(gains)
    if not first.true:
        return first
    likeness = _likeness(maps, units, groups)
    if not (likeness > 0 and likeness**2 * len(maps) > COMMON):
        return first
    return judge(gains, rank=ranked(units, maps, groups, seed=seed))


def ranked(units: Units, maps: np.ndarray, groups: np.ndarray, *, seed: int = 0) -> Rank:
    """Tells where a map stands among 39 random ones that are as smooth and as alike from window to window.

    A map of a fixed place that knows nothing may be right by chance, in all windows at once; so may these. They are
    tried on at most 20 windows, spread over the groups, which costs 640 passes of each of these.

    Args:
        units: what the maps have a number for; those without an order have permuted maps.
        maps: the maps (n, U).
        groups: the group of each window (n,).
        seed: draws the random maps and the windows.
    """
    rng = np.random.default_rng(seed)
    some = _spread(groups, rng)
    few, own, real = _Some(units, some), np.asarray(maps)[some], units.real.cpu().numpy()[some]
    draw = permuted if units.axis in ("column", "channel") else smooth_random
    random = {str(number): (draw(own, real, rng, together=True),) for number in range(DRAWS)}
    found = measured(few, own, random, shares=SHARES, seed=seed)
    scores = np.array([_scores(one, groups[some]) for one in (found, *found.controls.values())])
    deviation = scores.std(0)
    sums = (scores / np.where(deviation > 0, deviation, 1.0)).sum(1)
    return Rank(
        likeness=_likeness(maps, units, groups),
        as_good=int((sums[1:] >= sums[0] - SAME).sum()),
        draws=DRAWS,
        windows=len(some),
    )


def _scores(found: Curves, groups: np.ndarray) -> list[float]:
    return [interval(found.scores(metric, fill), groups)[0] for metric in DECISIVE for fill in found.fillings]


class _Some:
    """Some of the windows, and their units."""

    def __init__(self, units: Units, some: np.ndarray) -> None:
        self.units, self.some = units, torch.from_numpy(some)
        self.fillings, self.axis, self.real = units.fillings, units.axis, units.real.cpu()[self.some]

    def left(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        return self.units.left(keep, self.some[rows], filling)


def _spread(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws at most 20 windows, of as many groups as can be."""
    order = rng.permutation(len(groups))
    _, own = np.unique(groups, return_inverse=True)
    by_group = np.argsort(own[order], kind="stable")
    first = np.searchsorted(own[order][by_group], own[order])
    turn = np.empty(len(order), int)
    turn[by_group] = np.arange(len(order))
    some: np.ndarray = np.sort(order[np.argsort(turn - first, kind="stable")[:WINDOWS]])
    return some


def _likeness(maps: np.ndarray, units: Units, groups: np.ndarray) -> float:
    """Mean rank correlation of maps with the mean map of the other groups; NaN where no map varies."""
    real = units.real.cpu().numpy()
    alike = spearman(maps, mean_map(maps, real, groups), real)
    there = ~np.isnan(alike)
    return interval(alike[there], np.asarray(groups)[there])[0]


def _decisive(gains: Sequence[Gain], control: str) -> tuple[Gain, ...]:
    return tuple(one for one in gains if one.control == control and one.of == "all" and one.metric in DECISIVE)


def _beaten(gains: Sequence[Gain], control: str) -> bool | None:
    rows = _decisive(gains, control)
    if any(one.groups < FEWEST for one in rows):
        return None
    return all(one.low > 0 for one in rows)


def _why_ranked(why: str, rank: Rank) -> str:
    seen = f"it looks at windows alike ({rank.likeness:.2f})"
    told = f"{seen}, and judged as one map {rank.as_good} of {rank.draws} random ones are as good"
    return f"{why}; {told}" if rank.passed else told


def _why(rows: Sequence[Gain]) -> str:
    fewest = min(one.groups for one in rows)
    if fewest < FEWEST:
        return f"{fewest} groups are too few for an interval, {FEWEST} are needed"
    control = rows[0].control
    failed = [
        f"{one.metric} by {one.filling} {one.mean:+.2f} ({one.low:+.2f} to {one.high:+.2f})"
        for one in rows
        if not one.low > 0
    ]
    if failed:
        return f"no better than {control} maps in {', '.join(failed)}"
    return f"better than {control} maps in {' and '.join(DECISIVE)}, with both fillings"
