"""What the page and its figures draw, read off a comparison once: lines, clocks, bins and attention maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful import metrics
from heedful.baselines import PERSISTENCE
from heedful.report.clock import Clock, clock
from heedful.report.language import Language, language
from heedful.report.maps import MapView, map_views
from heedful.trial import tables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from heedful.data.windows import Windows
    from heedful.trial.family import Question
    from heedful.trial.result import Comparison, ModelNote, Trial

CURVE_VALUES = 90_000  # all values of all forecast curves on one page
CURVE_POINTS = (300, 2_000)  # fewest and most points of one curve
ERROR_BINS = 300

# Okabe and Ito's colours without yellow, then darker tones: told apart by colour-blind readers and in grey.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#332288", "#e69f00", "#56b4e9", "#882255")
_LINES = {
    PERSISTENCE: ("#6b7280", "dot"),
    "seasonal_naive": ("#a08a5b", "dashdot"),
    "ridge": ("#7a4a12", "dash"),
    "majority": ("#6b7280", "dot"),
    "rms_forest": ("#a08a5b", "dashdot"),
    "spectrum_linear": ("#7a4a12", "dash"),
}
DASHES = ("solid", "dash", "dashdot", "dot")
CONTROLS = ("placebo", "wide", "none", "mean")


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
class PageData:
    """All that the report draws.

    `shown` are the windows drawn over time: all of them, or, of a panel, those of the series with the most.
    `steps` are the shown steps of the horizon (from 0), `points` the newest windows that curves show,
    `first` the models that are switched on when the page opens, `controls` those of a trial of attention that stand
    back behind the others, `say` the language of all labels.
    """

    say: Language
    target: str
    lines: tuple[Line, ...]
    clock: Clock
    shown: slice
    origins: np.ndarray
    truth: np.ndarray
    steps: tuple[int, ...]
    points: int
    first: tuple[str, ...]
    controls: tuple[str, ...]
    maps: tuple[MapView, ...]
    maps_left_out: int

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return int(self.truth.shape[1])

    @property
    def one(self) -> str:
        """What ends the keys of texts on one answer of a model, which is a forecast here."""
        return ""

    @property
    def measure(self) -> tuple[str, str]:
        """The column of the summary that models are ranked by, and its title."""
        return "rmse", self.say("axis.rmse", target=self.target)

    def times(self, step: int) -> np.ndarray:
        """Positions of the targets at one step of the horizon (windows,)."""
        return self.clock.at(self.origins + 1 + step)

    def newest(self, count: int) -> slice:
        """Gives the newest windows that are drawn over time."""
        return slice(max(self.shown.start, self.shown.stop - count), self.shown.stop)


def page_data(comparison: Comparison, say: Language | None = None) -> PageData:
    """Reads off a comparison what the page draws, in English if no language is given."""
    say = say or language("en")
    horizon, windows = comparison.horizon, comparison.test
    lines = _lines(comparison)
    steps = tuple(dict.fromkeys((0, (horizon - 1) // 2, horizon - 1)))
    curves = sum(1 if line.low is None else 3 for line in lines) * len(steps)
    points = int(np.clip(CURVE_VALUES // max(1, curves), *CURVE_POINTS))
    shown, member = _shown(windows)
    maps, left_out = map_views(comparison, say)
    first = _first(lines)
    return PageData(
        say=say,
        target=f"{comparison.series.target}, {member}" if member else comparison.series.target,
        lines=lines,
        clock=clock(comparison.series.times, say),
        shown=shown,
        origins=windows.origins,
        truth=tables.truth(windows),
        steps=steps,
        points=min(points, shown.stop - shown.start),
        first=first,
        controls=controls(comparison.asked, comparison.summary.index, first),
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


def dressed(names: Sequence[str], models: Mapping[str, ModelNote]) -> list[tuple[str, str]]:
    """Gives every model its colour and dash, in the order of the table; baselines are grey and brown."""
    found, networks = [], 0
    for name in names:
        if models[name].kind == "baseline":
            found.append(_LINES.get(name, ("#4b5563", "dash")))
        else:
            dash = DASHES[networks // len(PALETTE) % len(DASHES)]
            found.append((PALETTE[networks % len(PALETTE)], dash))
            networks += 1
    return found


def _lines(comparison: Comparison) -> tuple[Line, ...]:
    lines: list[Line] = []
    names = [str(name) for name in comparison.summary.index]
    for name, (colour, dash) in zip(names, dressed(names, comparison.models), strict=True):
        trials = tuple(t for t in comparison.trials if t.model == name)
        stack = np.stack([t.test for t in trials]).astype(np.float64)
        many = len(trials) > 1
        lines.append(
            Line(
                name=name,
                kind=comparison.models[name].kind,
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


def controls(asked: Sequence[Question], names: Iterable[str], first: Collection[str]) -> tuple[str, ...]:
    """The arms that attention has to beat and that no reader looks for by themselves."""
    if not asked:
        return ()
    return tuple(name for name in names if name.rpartition("+")[2] in CONTROLS and name not in first)


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
