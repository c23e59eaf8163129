"""Numbers with their intervals as dots on lines: what every table of an explanation becomes as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.report.explanation.figures.style import names_on_y, ruled
from heedful.report.figures.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = (("o", INK, INK), ("s", "white", "#2a6fae"), ("^", "#74abd2", "#2a6fae"))
"""Mark, face and edge of each series: told apart by shape where colours are not."""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A number with its interval, in the row of a name; `series` says which mark it has."""

    row: str
    mean: float
    low: float
    high: float
    series: str = ""


def dots(axes: Axes, found: Sequence[Dot], series: Sequence[str] = ("",), *, zero: bool = True) -> None:
    """Draws each number as a mark with its interval, rows in the order in which they come, series side by side."""
    rows = list(dict.fromkeys(one.row for one in found))
    gap = 0.26 if len(series) > 1 else 0.0
    if zero:
        axes.axvline(0, color=INK, linewidth=0.9)
    for number, name in enumerate(series):
        mark, face, edge = SERIES[number % len(SERIES)]
        own = [one for one in found if one.series == name and np.isfinite(one.mean)]
        at = np.array([rows.index(one.row) for one in own]) + gap * (number - (len(series) - 1) / 2)
        mean = np.array([one.mean for one in own])
        ends = np.array([[one.low, one.high] for one in own]).reshape(-1, 2)
        ends = np.where(np.isfinite(ends), ends, mean[:, None])
        axes.hlines(at, ends[:, 0], ends[:, 1], color=edge, linewidth=1.3)
        axes.plot(
            mean, at, linestyle="", marker=mark, markersize=5.5, markerfacecolor=face, markeredgecolor=edge, label=name
        )
    names_on_y(axes, rows, 64)
    ruled(axes)
    axes.tick_params(axis="x", labelcolor=MUTED)
    axes.margins(x=0.06)
