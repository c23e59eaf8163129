"""One window with what the network weighed in it: the signal over its shading, the map below on the same clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.report.explanation import view
from heedful.report.explanation.figures.style import (
    WIDTH,
    drawn,
    envelope,
    in_two,
    picture,
    plain,
    said,
    shade,
    steps,
    time_axis,
)
from heedful.report.figures.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from heedful.explanation.result import Explanation, Shown
    from heedful.report.language import Language

_SAID, _TRUE = "#d55e00", INK


@drawn
def window(
    explanation: Explanation,
    at: int = 0,
    *,
    maps: Sequence[str] | None = None,
    language: Language | str = "en",
) -> Figure:
    """Draws a window and what mattered in it; attention that is not true stands beside what is shown instead.

    Of a long signal the smallest and the largest value of each stretch are drawn, of many columns those that matter
    most. Dark behind the line is where the map is high.

    Args:
        explanation: what was found.
        at: which of the shown windows.
        maps: names of maps over time; by default the chosen one, and the attention before it where that is not true.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: UnknownName for an unknown map; OptionError if there is no map over time.
    """
    say, shown = said(language), explanation.shown[at]
    names = [view.checked_name(explanation, name) for name in maps or view.beside(explanation)]
    columns = view.columns(explanation, shown)
    figure = picture(WIDTH if len(names) > 1 else 0.75 * WIDTH, 1.0 + 1.25 * len(columns) + 1.0)
    grid: Any = figure.subplots(
        len(columns) + 1, len(names), sharex=True, sharey="row", squeeze=False, height_ratios=[1.3] * len(columns) + [1]
    )
    for place, name in enumerate(names):
        values = explanation.maps[name][shown.number]
        for row, column in enumerate(columns):
            _signal(grid[row, place], explanation, shown, column, values, say)
        _map(grid[-1, place], view.clock(shown, say), values)
        grid[0, place].set_title(plain(view.judged(explanation, name, say), 70 if len(names) > 1 else 90))
    clock = view.clock(shown, say)
    ends = view.ends(np.concatenate([clock.x, clock.ahead]))
    grid[-1, 0].set_xlim(ends[0], ends[-1])
    for row, column in enumerate(columns):
        grid[row, 0].set_ylabel(in_two(explanation.columns[column]))
    grid[-1, 0].set_ylabel(say("explain.importance"))
    figure.suptitle(plain(view.told(explanation, shown, say), 110), x=0.01, ha="left", fontsize=11)
    if shown.ahead is not None:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _signal(axes: Axes, explanation: Explanation, shown: Shown, column: int, values: np.ndarray, say: Language) -> None:
    clock = view.clock(shown, say)
    axes.plot(*envelope(clock.x, shown.values[:, column]), color=INK, linewidth=0.9)
    wanted = view.targets(explanation, shown)
    if shown.ahead is not None and column in wanted:
        _ahead(axes, shown, clock, wanted.index(column), say)
    axes.margins(y=0.08)
    shade(axes, clock.x, values)
    axes.locator_params(axis="y", nbins=4)
    time_axis(axes, clock, named=False)


def _ahead(axes: Axes, shown: Shown, clock: view.Clock, target: int, say: Language) -> None:
    """Draws the forecast and the truth after the window."""
    x = clock.ahead
    answer = np.asarray(shown.said, dtype=np.float64).reshape(len(x), -1)[:, target]
    size: dict[str, Any] = {"markersize": 3, "linewidth": 1.2}
    if shown.truth is not None:
        truth = np.asarray(shown.truth, dtype=np.float64).reshape(len(x), -1)[:, target]
        axes.plot(x, truth, color=_TRUE, marker="o", markerfacecolor="white", label=say("explain.truth"), **size)
    axes.plot(x, answer, color=_SAID, marker="s", linestyle="--", label=say("explain.forecast"), **size)
    axes.axvline((clock.x[-1] + x[0]) / 2, color=MUTED, linewidth=0.8, linestyle=":")


def _map(axes: Axes, clock: view.Clock, values: np.ndarray) -> None:
    steps(axes, clock.x, values)
    axes.locator_params(axis="y", nbins=3)
    time_axis(axes, clock)
