"""Scores forecasts window by window without ever holding all of them; one table of them per model and target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from heedful import baselines, metrics
from heedful.data.split import Span
from heedful.data.windows import Windows
from heedful.errors import OptionError
from heedful.forecasting.outputs import Forecasts, blocks

COLUMNS = ("model", "target", "metric", "value")
Speaker = Callable[[Windows], Forecasts]


@dataclass(eq=False)
class Tally:
    """Running sums over windows, one number for each target.

    `bands` counts, level by level, the observed values that were given bounds, those of them inside, and sums the
    widths; for every member of a panel alone, for one may be missed as often as another is held.

    Shape: truth, forecasts (n, P, M); sums (M,); bands (3, members, M).
    """

    count: np.ndarray
    absolute: np.ndarray
    squared: np.ndarray
    relative: np.ndarray
    members: int = 1
    bands: dict[float, np.ndarray] = field(default_factory=dict)

    @staticmethod
    def empty(targets: int, members: int = 1) -> Tally:
        """Nothing counted yet."""
        count, absolute, squared, relative = np.zeros((4, targets))
        return Tally(count=count, absolute=absolute, squared=squared, relative=relative, members=members)

    def add(self, truth: np.ndarray, said: Forecasts, levels: Sequence[float], members: np.ndarray) -> None:
        """Counts forecasts of windows; truth that was never observed is left out.

        Args:
            members: number of the member that each window is of.
        """
        seen = ~np.isnan(truth)
        error = np.where(seen, np.abs(truth - said.point), 0.0)
        size = np.where(seen, np.abs(truth) + np.abs(said.point), 0.0)
        self.count += seen.sum((0, 1))
        self.absolute += error.sum((0, 1))
        self.squared += np.square(error).sum((0, 1))
        self.relative += np.divide(error, size, out=np.zeros_like(error), where=size > 0).sum((0, 1))
        for level, lower, upper in zip(levels, said.lower, said.upper, strict=True):
            given = seen & ~np.isnan(lower) & ~np.isnan(upper)
            held = given & (lower <= truth) & (truth <= upper)
            wide = np.where(given, upper - lower, 0.0)
            for row, values in zip(self._band(level), (given, held, wide), strict=True):
                np.add.at(row, members, values.sum(1))

    def merge(self, other: Tally) -> None:
        """Counts what another tally counted."""
        self.count += other.count
        self.absolute += other.absolute
        self.squared += other.squared
        self.relative += other.relative
        for level, band in other.bands.items():
            self._band(level)[:] += band

    def metrics(self, target: int, naive: float, base: Tally) -> dict[str, float]:
        """Reads the metrics of one target off the sums; skill is against the sums of persistence."""
        count = float(self.count[target])
        if not count:
            return {}
        mae, rmse = float(self.absolute[target]) / count, float(np.sqrt(self.squared[target] / count))
        least = float(np.sqrt(base.squared[target] / count))
        found = {
            "mae": mae,
            "rmse": rmse,
            "smape": 200 * float(self.relative[target]) / count,
            "mase": mae / naive if naive > 0 else float("nan"),
            "skill": 1 - rmse / least if least > 0 else float("nan"),
        }
        for level, band in self.bands.items():
            given, held, wide = band[:, :, target].sum(1)
            found[f"coverage_{named(level)}"] = float(held / given) if given else float("nan")
            found[f"width_{named(level)}"] = float(wide / given) if given else float("nan")
        return found

    def _band(self, level: float) -> np.ndarray:
        return self.bands.setdefault(level, np.zeros((3, self.members, len(self.count))))


def named(level: float) -> str:
    """Names a level in percent.

    >>> named(0.8), named(0.975)
    ('80', '97.5')
    """
    return f"{100 * level:.6g}"


def tally(windows: Windows, speakers: Mapping[str, Speaker], levels: Sequence[float]) -> dict[str, Tally]:
    """Counts every window once for every speaker, block by block; levels are those of speakers that have bounds."""
    series = windows.span.series
    counted = {name: Tally.empty(len(series.targets), len(series.members)) for name in speakers}
    for part in blocks(windows):
        index = np.arange(len(part))
        truth, members = targets_last(windows, part.targets(index).astype(np.float64)), part.members(index)
        for name, speak in speakers.items():
            said = Forecasts(*(targets_last(windows, one) for one in speak(part)))
            counted[name].add(truth, said, levels if len(said.lower) else (), members)
    return counted


def table(
    counted: Mapping[str, Tally], targets: Sequence[str], naive: Sequence[float]
) -> list[tuple[str, str, str, float]]:
    """Gives one row per model, target and metric."""
    base = counted[baselines.PERSISTENCE]
    return [
        (model, target, metric, value)
        for model, sums in counted.items()
        for j, target in enumerate(targets)
        for metric, value in sums.metrics(j, naive[j], base).items()
    ]


def rivals(train: Windows, validation: Windows, season: int | None) -> dict[str, Speaker]:
    """Gives the baselines that always stand beside a model, fitted on the train part."""
    ridge = baselines.Ridge.fit(train, validation)
    found: dict[str, Callable[[Windows], np.ndarray]] = {
        "persistence": baselines.persistence,
        "seasonal_naive": lambda windows: _seasonal(windows, season or 1),
        "ridge": ridge.forecast,
    }
    return {name: _alone(found[name]) for name in baselines.names(season)}


def naive_errors(train: Span, season: int | None) -> list[float]:
    """Mean absolute error, for each target, of the value one season earlier over the train rows of all members."""
    series = train.series
    which = list(series.target_indices)
    seen = np.where(series.observed[:, which], series.values[:, which].astype(np.float64), np.nan)
    return [metrics.naive_error([column[start:stop] for start, stop in train.pieces], season or 1) for column in seen.T]


def frame(rows: Sequence[tuple[str, str, str, float]]) -> pd.DataFrame:
    """Puts rows of scores into a frame."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def targets_last(windows: Windows, values: np.ndarray) -> np.ndarray:
    """Gives forecasts of one target an axis for it."""
    return values if len(windows.span.series.targets) > 1 else values[..., None]


def _seasonal(windows: Windows, season: int) -> np.ndarray:
    try:
        return baselines.seasonal_naive(windows, season)
    except OptionError:  # all windows of this block are of members without a season of rows behind them
        return baselines.persistence(windows)


def _alone(forecast: Callable[[Windows], np.ndarray]) -> Speaker:
    def speak(windows: Windows) -> Forecasts:
        point = forecast(windows)
        none = np.empty((0, *point.shape))
        return Forecasts(point, none, none)

    return speak
