"""What the page and its figures draw, read off a comparison once: lines, clocks, bins and attention maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from heedful import metrics
from heedful.baselines import PERSISTENCE
from heedful.trial import tables

if TYPE_CHECKING:
    from heedful.data.windows import Windows
    from heedful.trial.result import Comparison, RecordedMap, Trial

CURVE_VALUES = 90_000  # all values of all forecast curves on one page
CURVE_POINTS = (300, 2_000)  # fewest and most points of one curve
ERROR_BINS = 300
MAP_VALUES = 40_000
MAP_CELLS = 12_000
MAP_STEPS = 128
TIME_MAPS, OTHER_MAPS = 6, 3

# Okabe and Ito's colours without yellow, then darker tones: told apart by colour-blind readers and in grey.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#332288", "#e69f00", "#56b4e9", "#882255")
_LINES = {
    PERSISTENCE: ("#6b7280", "dot"),
    "seasonal_naive": ("#a08a5b", "dashdot"),
    "ridge": ("#7a4a12", "dash"),
}
DASHES = ("solid", "dash", "dashdot", "dot")


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One model as it is drawn: its trials, and its forecasts (windows, horizon) over all seeds.

    `low` and `high` are the smallest and largest forecast of any seed; None where there is only one.
    """

    name: str
    kind: str
    colour: str
    dash: str
    trials: tuple[Trial, ...]
    mean: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Clock:
    """Turns rows of a series into positions on an axis, and into words.

    Stamps with a time zone are shown as that zone's wall clock.
    """

    index: pd.Index
    dated: bool
    title: str

    def at(self, rows: np.ndarray) -> np.ndarray:
        """Gives milliseconds since 1970 for stamps, numbers otherwise."""
        if not self.dated:
            numbers = pd.api.types.is_numeric_dtype(self.index)
            return self.index[rows].to_numpy(dtype=np.float64) if numbers else rows.astype(np.float64)
        stamps = pd.DatetimeIndex(self.index[rows]).tz_localize(None).as_unit("ms")
        return stamps.asi8.astype(np.float64)

    def text(self, row: int) -> str:
        """Gives one row's stamp, without a time of day where every row stands at midnight."""
        stamp = self.index[row]
        if not isinstance(stamp, pd.Timestamp):
            return str(stamp)
        ends = [self.index[i] for i in (0, len(self.index) // 2, -1)]
        midnight = all(s == s.normalize() for s in (*ends, stamp))
        return stamp.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M")


@dataclass(frozen=True, kw_only=True, eq=False)
class MapView:
    """One recorded map brought to (windows, positions), thin enough to draw.

    `positions` counts steps before the forecast (1 is the newest) for a time axis, else numbers from 0;
    `profiles` are the means over all recorded windows, one a seed.
    """

    model: str
    name: str
    seed: int | None
    axis: str
    times: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    profiles: tuple[tuple[int | None, np.ndarray], ...]
    notes: tuple[str, ...]

    @property
    def even(self) -> float | None:
        """The weight of every step if none were preferred; None where weights do not sum to one."""
        total = [float(p.sum()) for _, p in self.profiles]
        whole = self.axis == "time" and all(abs(t - 1) < 1e-3 for t in total)
        return 1 / len(self.profiles[0][1]) if whole else None


@dataclass(frozen=True, kw_only=True, eq=False)
class PageData:
    """All that the report draws.

    `shown` are the windows drawn over time: all of them, or, of a panel, those of the series with the most.
    `steps` are the shown steps of the horizon (from 0), `points` the newest windows that curves show,
    `first` the models that are switched on when the page opens.
    """

    target: str
    lines: tuple[Line, ...]
    clock: Clock
    shown: slice
    origins: np.ndarray
    truth: np.ndarray
    steps: tuple[int, ...]
    points: int
    first: tuple[str, ...]
    maps: tuple[MapView, ...]
    maps_left_out: int

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return int(self.truth.shape[1])

    def times(self, step: int) -> np.ndarray:
        """Positions of the targets at one step of the horizon (windows,)."""
        return self.clock.at(self.origins + 1 + step)

    def newest(self, count: int) -> slice:
        """Gives the newest windows that are drawn over time."""
        return slice(max(self.shown.start, self.shown.stop - count), self.shown.stop)


def page_data(comparison: Comparison) -> PageData:
    """Reads off a comparison what the page draws."""
    horizon, windows = comparison.horizon, comparison.test
    lines = _lines(comparison)
    steps = tuple(dict.fromkeys((0, (horizon - 1) // 2, horizon - 1)))
    curves = sum(1 if line.low is None else 3 for line in lines) * len(steps)
    points = int(np.clip(CURVE_VALUES // max(1, curves), *CURVE_POINTS))
    shown, member = _shown(windows)
    maps, left_out = map_views(comparison)
    return PageData(
        target=f"{comparison.series.target}, {member}" if member else comparison.series.target,
        lines=lines,
        clock=clock(comparison.series.times),
        shown=shown,
        origins=windows.origins,
        truth=tables.truth(windows),
        steps=steps,
        points=min(points, shown.stop - shown.start),
        first=_first(lines),
        maps=maps,
        maps_left_out=left_out,
    )


def _shown(windows: Windows) -> tuple[slice, str]:
    """Gives the windows of the series that has the most, and its name; all windows if there is one series."""
    members = windows.span.series.members
    if len(members) == 1:
        return slice(0, len(windows)), ""
    ends = np.cumsum([count for _, count in windows.runs])
    best = int(np.argmax([count for _, count in windows.runs]))
    stop, count = int(ends[best]), windows.runs[best][1]
    return slice(stop - count, stop), members[int(windows.members(np.array([stop - 1]))[0])].name


def clock(index: pd.Index) -> Clock:
    """Builds the clock of a series' stamps."""
    if not isinstance(index, pd.DatetimeIndex):
        return Clock(index=index, dated=False, title="row")
    return Clock(index=index, dated=True, title=f"time in {index.tz}" if index.tz is not None else "")


def _lines(comparison: Comparison) -> tuple[Line, ...]:
    lines: list[Line] = []
    networks = 0
    for name in comparison.summary.index:
        trials = tuple(t for t in comparison.trials if t.model == name)
        stack = np.stack([t.test for t in trials]).astype(np.float64)
        kind = comparison.models[name].kind
        if kind == "baseline":
            colour, dash = _LINES.get(str(name), ("#4b5563", "dash"))
        else:
            colour = PALETTE[networks % len(PALETTE)]
            dash = DASHES[networks // len(PALETTE) % len(DASHES)]
            networks += 1
        many = len(trials) > 1
        lines.append(
            Line(
                name=str(name),
                kind=kind,
                colour=colour,
                dash=dash,
                trials=trials,
                mean=stack.mean(axis=0),
                low=stack.min(axis=0) if many else None,
                high=stack.max(axis=0) if many else None,
            )
        )
    return tuple(lines)


def _first(lines: tuple[Line, ...]) -> tuple[str, ...]:
    """The models that are drawn before the reader chooses: the best, the best network, and the last value."""
    best = [line.name for line in lines[:1]]
    network = [line.name for line in lines if line.kind != "baseline"][:1]
    anchor = [line.name for line in lines if line.name == PERSISTENCE]
    return tuple(dict.fromkeys(best + network + anchor))


def step_rmse(page: PageData, line: Line) -> np.ndarray:
    """Gives a line's RMSE at every step of the horizon, as the mean over its seeds (horizon,)."""
    each = [[metrics.rmse(page.truth[:, h], t.test[:, h]) for h in range(page.horizon)] for t in line.trials]
    rmse: np.ndarray = np.array(each).mean(axis=0)
    return rmse


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """Neighbouring errors drawn as one point each: their mean and their 5 % to 95 % range.

    `size` windows make a bin; with 1 the errors themselves are there and `low`, `high` are equal to `mean`.
    """

    centre: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    size: int


def bin_errors(errors: np.ndarray, times: np.ndarray, limit: int = ERROR_BINS) -> Bins:
    """Brings errors (n,) to at most `limit` points; unknown errors are left out of a bin's numbers.

    >>> bins = bin_errors(np.array([1.0, 3.0, np.nan]), np.array([0.0, 1.0, 2.0]), limit=2)
    >>> bins.mean, bins.size
    (array([ 2., nan]), 2)
    """
    size = -(-len(errors) // limit)
    if size <= 1:
        return Bins(centre=times, mean=errors, low=errors, high=errors, size=1)
    starts = range(0, len(errors), size)
    numbers = np.full((len(starts), 3), np.nan)
    for i, start in enumerate(starts):
        part = errors[start : start + size]
        part = part[np.isfinite(part)]
        if part.size:
            numbers[i] = part.mean(), *np.quantile(part, (0.05, 0.95))
    centre = np.array([times[(s + min(s + size, len(times)) - 1) // 2] for s in starts])
    return Bins(centre=centre, mean=numbers[:, 0], low=numbers[:, 1], high=numbers[:, 2], size=size)


def map_views(comparison: Comparison) -> tuple[tuple[MapView, ...], int]:
    """Gives the maps worth drawing, time axes first, and how many more were recorded but are not drawn."""
    groups: dict[tuple[str, str], list[tuple[int | None, RecordedMap, str, np.ndarray]]] = {}
    for name in comparison.summary.index:
        for trial in (t for t in comparison.trials if t.model == name):
            for one in trial.maps:
                axis, weights = flatten(one)
                if weights.shape[0] > 0 and weights.shape[1] > 1:
                    groups.setdefault((trial.model, one.name), []).append((trial.seed, one, axis, weights))
    timed = [key for key, group in groups.items() if group[0][2] == "time"]
    others = [key for key, group in groups.items() if group[0][2] != "time"]
    kept = timed[:TIME_MAPS] + others[:OTHER_MAPS]
    cells = min(MAP_CELLS, MAP_VALUES // max(1, len(kept)))
    views = tuple(_map_view(comparison, model, groups[model, name], cells) for model, name in kept)
    return views, len(groups) - len(kept)


def flatten(one: RecordedMap) -> tuple[str, np.ndarray]:
    """Brings a map to (windows, positions): its time axis, else its longest one; the others are averaged.

    Of two time axes (query, key) the one looked at is kept.
    """
    named = list(zip(one.axes[1:], one.weights.shape[1:], strict=True))
    timed = [i for i, (name, _) in enumerate(named, start=1) if name in ("time", "key")]
    keep = timed[-1] if timed else 1 + int(np.argmax([size for _, size in named]))
    weights = one.weights.astype(np.float64)
    rest = tuple(i for i in range(1, weights.ndim) if i != keep)
    return "time" if timed else one.axes[keep], weights.mean(axis=rest) if rest else weights


def _map_view(
    comparison: Comparison,
    model: str,
    group: list[tuple[int | None, RecordedMap, str, np.ndarray]],
    cells: int,
) -> MapView:
    seed, one, axis, weights = group[0]
    windows, positions = weights.shape
    rows = comparison.test.origins[one.first : one.first + windows]
    notes = []
    averaged = [name for name, size in zip(one.axes[1:], one.weights.shape[1:], strict=True) if size > 1]
    averaged = [name for name in averaged if name not in (axis, "key")]
    if averaged:
        notes.append(f"Mean over {' and '.join(averaged)}.")
    if axis == "time" and positions != comparison.window:
        notes.append(f"The {comparison.window} rows of the window reach this layer as {positions} steps.")
    wide = -(-positions // MAP_STEPS)
    deep = -(-windows // max(1, cells // -(-positions // wide)))
    if wide > 1 or deep > 1:
        notes.append(f"Each cell is the mean of {deep} neighbouring windows and {wide} steps.")
    place = np.arange(positions, 0, -1) if axis == "time" else np.arange(positions)
    return MapView(
        model=model,
        name=one.name,
        seed=seed,
        axis=axis,
        times=clock(comparison.series.times).at(rows[::deep]),
        positions=_pooled(place.astype(np.float64), wide),
        weights=_pooled(_pooled(weights, deep).T, wide).T,
        profiles=tuple((s, w.mean(axis=0)) for s, _, _, w in group),
        notes=tuple(notes),
    )


def _pooled(x: np.ndarray, size: int) -> np.ndarray:
    """Averages neighbours along the first axis; the last group may be smaller."""
    return x if size == 1 else np.stack([x[i : i + size].mean(axis=0) for i in range(0, len(x), size)])
