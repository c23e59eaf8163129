"""Intervals around forecasts: how far off validation was, rank by rank, says how far off a forecast may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from heedful.errors import OptionError, ShapeError

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
Band = Callable[[float], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Intervals:
    r"""Widens a model's own band by what validation windows ask for, per level, step and target.

        score = max(lower - y, y - upper)         margin = the ceil((n + 1) level)-th smallest score of n windows
        interval = [lower - margin, upper + margin]

    A point forecast is a band of no width, whose score is the absolute residual (split conformal). For quantiles it is
    conformalised quantile regression, whose margin is negative where the band was too wide.

    A member of a panel whose own windows can carry a level has its own margins, for members differ in how hard they
    are to forecast; all others, and those never seen, share the margins of all windows, whose scores are of scaled
    values.

    Where windows are exchangeable an interval holds the truth in at least `level` of all cases. Overlapping windows of
    one series are not, nor is the future like the past: coverage is approximate, and reported on the test part. The
    same windows also chose look-back, stopping epoch, share of the network and seed, so that errors are smaller there
    than on new rows: margins are a little optimistic.

    Paper: Vovk et al., "Algorithmic Learning in a Random World", 2005; Romano, Patterson and Candès, "Conformalized
           Quantile Regression", NeurIPS 2019, arXiv:1905.03222v1, section 4.

    Args:
        margins: those of all windows together.
        members: names of the members of a panel that may have margins of their own.
        own: their margins, NaN where they have none; None for a single series.

    Shape: margins (levels, P) or (levels, P, M) for several targets; own (levels, members, P) or so.
    Unit:  of scaled values.
    """

    levels: tuple[float, ...]
    margins: np.ndarray
    windows: int
    refused: tuple[float, ...] = ()
    members: tuple[str, ...] = ()
    own: np.ndarray | None = None

    @staticmethod
    def fit(
        truth: np.ndarray, band: Band, levels: Sequence[float] = LEVELS, members: Sequence[str] | None = None
    ) -> Intervals:
        """Calibrates every level that the windows can carry; the others stand in `refused`.

        Args:
            truth: scaled targets of the validation windows, NaN where not observed.
            band: gives the lower and upper bounds that the model itself has at a level, of the truth's shape.
            levels: shares of cases that an interval should hold, between 0 and 1.
            members: the member of a panel that each window is of; None for a single series.

        Shape:  truth (n, P) or (n, P, M).
        Raises: OptionError for a level outside 0 and 1; ShapeError for bounds of another shape.

        >>> errors = np.arange(-5, 5)[:, None] + 0.5
        >>> made = Intervals.fit(errors, lambda level: (np.zeros((10, 1)), np.zeros((10, 1))), levels=(0.5, 0.8, 0.95))
        >>> made.levels, made.margins[:, 0].tolist(), made.refused
        ((0.5, 0.8), [2.5, 4.5], (0.95,))
        """
        counts = (~np.isnan(truth)).sum(0)
        fewest = int(counts.min()) if counts.size else 0
        wanted = check_levels(levels)
        offered = tuple(level for level in wanted if needed(level) <= fewest)
        names = () if members is None else tuple(dict.fromkeys(members))
        rows = [np.flatnonzero(np.asarray(members) == name) for name in names]
        margins, own = (
            np.empty((len(offered), *truth.shape[1:])),
            np.full((len(offered), len(names), *truth.shape[1:]), np.nan),
        )
        for i, level in enumerate(offered):
            scores = _scores(truth, *band(level))
            margins[i] = _margin(scores, level)
            for j, which in enumerate(rows):
                if (~np.isnan(scores[which])).sum(0).min() >= needed(level):
                    own[i, j] = _margin(scores[which], level)
        return Intervals(
            levels=offered,
            margins=margins,
            windows=fewest,
            refused=tuple(level for level in wanted if level not in offered),
            members=names,
            own=own if names else None,
        )

    def widen(
        self, lower: np.ndarray, upper: np.ndarray, level: float, members: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gives the bounds of a level from the model's own; where they would cross, both are their middle.

        Args:
            members: the member of a panel that each window is of; the margins of all are taken if not given.

        Shape:  (n, P) or (n, P, M), scaled values.
        Raises: OptionError for a level that is not offered.
        """
        place = self.place(level)
        margin = self.margins[place]
        if self.own is not None and members is not None:
            known = {name: number for number, name in enumerate(self.members)}
            every = np.concatenate([self.own[place], np.full((1, *margin.shape), np.nan)])
            found = every[[known.get(name, -1) for name in members]]
            margin = np.where(np.isnan(found), margin, found)
        low, high = lower - margin, upper + margin
        middle = (low + high) / 2
        return np.minimum(low, middle), np.maximum(high, middle)

    def nested(
        self, lower: np.ndarray, upper: np.ndarray, levels: Sequence[float], members: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gives the bounds of rising levels, each at least as wide as those below: an interval holds all lower ones.

        Levels are calibrated one by one, and may cross: a band that is narrowed at a high level, or a member that
        has its own margin at the lower level only. Bounds only ever move out, so that coverage can only rise.

        Args:
            levels: in rising order; bounds of a level depend on those before it.
            members: as in `widen`.

        Shape:  (levels, n, P) or (levels, n, P, M), scaled values.
        Raises: OptionError for a level that is not offered, and for levels that do not rise.
        """
        if list(levels) != sorted(set(levels)):
            raise OptionError(f"Intervals.nested needs levels that rise, got {tuple(levels)}. Sort them.")
        low, high = np.empty(lower.shape), np.empty(upper.shape)
        for i, level in enumerate(levels):
            low[i], high[i] = self.widen(lower[i], upper[i], level, members)
            if i:
                np.minimum(low[i], low[i - 1], out=low[i])
                np.maximum(high[i], high[i - 1], out=high[i])
        return low, high

    def place(self, level: float) -> int:
        """Finds a level among those offered.

        Raises: OptionError that lists them.
        """
        for i, offered in enumerate(self.levels):
            if math.isclose(offered, level, abs_tol=1e-9):
                return i
        known = ", ".join(f"{one:g}" for one in self.levels) or "none"
        short = f" Level {level:g} needs {needed(level):,} validation windows, there were {self.windows:,}."
        raise OptionError(
            f"Intervals are offered at the levels {known}, got {level:g}."
            f"{short if 0 < level < 1 and needed(level) > self.windows else ''} "
            "Ask for one of these, or name the level when the model is trained."
        )

    def __repr__(self) -> str:
        levels = ", ".join(f"{level:.0%}" if round(level * 100, 6) % 1 == 0 else f"{level:g}" for level in self.levels)
        return f"Intervals({levels or 'none'}; {self.windows:,} validation windows)"


def needed(level: float) -> int:
    """Gives the fewest windows that can carry a level: with fewer, its rank lies beyond the largest score.

    >>> [needed(level) for level in (0.5, 0.8, 0.9, 0.99)]
    [1, 4, 9, 99]
    """
    return max(1, math.ceil(level / (1 - level) - 1e-9))


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Gives levels in order, each once.

    Raises: OptionError for one that is not between 0 and 1.
    """
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
            raise OptionError(f"An interval's level needs to be between 0 and 1, such as 0.8, got {level!r}.")
    return tuple(sorted({float(level) for level in levels}))


def _scores(truth: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    for bound in (lower, upper):
        if bound.shape != truth.shape:
            raise ShapeError(
                f"Intervals.fit needs bounds of the truth's shape {truth.shape}, got {bound.shape}. "
                "Let `band` give one bound per window, step and target."
            )
    scores: np.ndarray = np.maximum(lower - truth, truth - upper)
    return scores


def _margin(scores: np.ndarray, level: float) -> np.ndarray:
    counts = (~np.isnan(scores)).sum(0)
    ranks = np.ceil((counts + 1) * level - 1e-9).astype(np.int64)
    ordered = np.sort(scores, axis=0)  # NaN is sorted to the end
    margin: np.ndarray = np.take_along_axis(ordered, np.maximum(ranks, 1)[None] - 1, axis=0)[0]
    return margin.astype(np.float64)
