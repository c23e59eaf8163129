"""Maps as fields from light to dark: windows and time, steps of the horizon and the past, heads, queries and keys."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from heedful.errors import OptionError
from heedful.report.explanation import view
from heedful.report.explanation.figures.style import (
    SHADES,
    WIDTH,
    darkest,
    drawn,
    picture,
    plain,
    pooled,
    said,
    thinned,
    time_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from heedful.explanation.result import Explanation
    from heedful.report.language import Language

ROWS, ACROSS = 400, 1_400
"""Fields with more cells are averaged over neighbours."""


@drawn
def over_windows(explanation: Explanation, name: str | None = None, *, language: Language | str = "en") -> Figure:
    """Draws a map of every explained window (down) at every sample of the window (across).

    Args:
        explanation: what was found.
        name: of a map over time; by default the chosen one.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: UnknownName for an unknown map; OptionError if there is no map over time.
    """
    say = said(language)
    name = view.checked_name(explanation, name)
    values = explanation.maps[name]
    rows, deep = pooled(values.T, ROWS)
    cells, wide = pooled(rows.T, ACROSS)
    x, across = view.within(explanation, say)
    figure = picture(0.75 * WIDTH, float(np.clip(1.4 + 0.02 * len(values), 3.0, 5.0)))
    axes = figure.subplots()
    down = thinned(np.arange(len(values) + 1.0), deep)
    _field(figure, axes, thinned(view.ends(x), wide), down, cells, say)
    some = np.unique(np.linspace(0, len(values) - 1, min(7, len(values))).astype(int))
    axes.set_yticks(some + 0.5, labels=[plain(explanation.windows[at], 26) for at in some])
    axes.invert_yaxis()
    axes.set_xlabel(across)
    axes.set_ylabel(say("explain.window"))
    axes.set_title(plain(view.judged(explanation, name, say), 90))
    return figure


@drawn
def horizon(explanation: Explanation, name: str, at: int = 0, *, language: Language | str = "en") -> Figure:
    """Draws what a decoder weighed of the past (across) for each step of the horizon (up) in one window.

    Raises: OptionError if the look has no weights of its own for each step of the horizon.
    """
    say, shown = said(language), explanation.shown[at]
    look = view.known_look(explanation, name)
    if look.steps is None:
        raise OptionError(
            f"horizon needs a look with weights for each step ahead, got {name!r} without any. "
            "Draw `window` instead, or explain a model with a decoder that attends."
        )
    figure = picture(0.75 * WIDTH, 3.6)
    axes = figure.subplots()
    values = look.steps[shown.number]
    clock = view.clock(shown, say)
    ends = view.cell_ends(explanation, look, clock.x, values.shape[1])
    _field(figure, axes, ends, np.arange(len(values) + 1) + 0.5, values, say)
    axes.locator_params(axis="y", nbins=6, integer=True)
    axes.set_ylabel(say("axis.step"))
    time_axis(axes, clock)
    axes.set_title(plain(say("explain.horizon_of", name=view.title(explanation, name, say), window=shown.name), 100))
    return figure


@drawn
def heads(explanation: Explanation, name: str, at: int = 0, *, language: Language | str = "en") -> Figure:
    """Draws the weights of each head (down) over time (across) in one window, and below them their mean.

    Raises: OptionError if the look has no heads.
    """
    say, shown = said(language), explanation.shown[at]
    look = view.known_look(explanation, name)
    if look.heads is None:
        raise OptionError(f"heads needs a look with heads, got {name!r} without any. Draw `window` instead.")
    values = np.concatenate([look.heads[shown.number], look.heads[shown.number].mean(0, keepdims=True)])
    names = [say("explain.head", number=n + 1) for n in range(len(values) - 1)] + [say("explain.mean_of_heads")]
    figure = picture(0.75 * WIDTH, 1.5 + 0.28 * len(values))
    axes = figure.subplots()
    clock = view.clock(shown, say)
    ends = view.cell_ends(explanation, look, clock.x, values.shape[1])
    _field(figure, axes, ends, np.arange(len(values) + 1) - 0.5, values, say)
    axes.set_yticks(range(len(values)), labels=names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.axhline(len(values) - 1.5, color="white", linewidth=3)
    time_axis(axes, clock)
    axes.set_title(plain(say("explain.heads_of", name=view.title(explanation, name, say), window=shown.name), 100))
    return figure


@drawn
def queries(explanation: Explanation, name: str, at: int = 0, *, language: Language | str = "en") -> Figure:
    """Draws which time (across) each time of a window (up) looks at, in the mean over the heads.

    Raises: OptionError if the look has no queries and keys.
    """
    say, shown = said(language), explanation.shown[at]
    look = view.known_look(explanation, name)
    field = view.queries_and_keys(look, shown.number)
    if field is None:
        raise OptionError(
            f"queries needs a look with queries and keys, got {name!r} with axes {look.axes}. Draw `window` instead."
        )
    figure = picture(0.5 * WIDTH, 0.45 * WIDTH)
    axes = figure.subplots()
    clock = view.clock(shown, say)
    ends = view.cell_ends(explanation, look, clock.x, field.shape[1])
    down = ends if field.shape[0] == field.shape[1] else np.linspace(ends[0], ends[-1], field.shape[0] + 1)
    _field(figure, axes, ends, down, field, say)
    time_axis(axes, replace(clock, title=say("explain.keys")))
    axes.yaxis.set_major_locator(copy(axes.xaxis.get_major_locator()))
    axes.yaxis.set_major_formatter(copy(axes.xaxis.get_major_formatter()))
    axes.set_ylabel(say("explain.queries"))
    axes.set_title(plain(view.title(explanation, name, say), 60))
    return figure


def _field(figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray, say: Language) -> None:
    low = min(0.0, float(np.nanmin(values, initial=0.0)))
    mesh = axes.pcolormesh(x, y, values, cmap=SHADES, vmin=low, vmax=darkest(values), linewidth=0, rasterized=True)
    bar = figure.colorbar(mesh, ax=axes, aspect=30, pad=0.02, label=say("explain.importance"))
    bar.outline.set_visible(False)
    bar.ax.locator_params(nbins=4)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
