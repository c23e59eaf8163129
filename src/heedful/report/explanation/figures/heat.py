"""Maps as fields from light to dark: windows and time, steps of the horizon and the past, heads, queries and keys."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.errors import OptionError
from heedful.report.explanation import view
from heedful.report.explanation.figures.style import (
    SHADES,
    SIGNED,
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

    from heedful.explanation.looks import Look
    from heedful.explanation.result import Explanation, Shown
    from heedful.report.language import Language

ROWS, ACROSS = 400, 1_400
"""Fields with more cells are averaged over neighbours."""
NAMED = 24
"""Rows that are named one by one, at most."""
AGAINST = 0.05
"""Share of the largest importance below 0 beyond which what speaks against an answer has a colour of its own."""
EXTREMES = (1, 99)
"""Percentiles of a map of all windows beyond which one colour serves."""


@drawn
def over_windows(explanation: Explanation, name: str | None = None, *, language: Language | str = "en") -> Figure:
    """Draws a map of every explained window (down) at every sample of the window (across).

    Colours end at the 1st and the 99th percentile, so that one extreme window does not make all others pale; arrows on
    the bar say that there is more beyond.

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
    _field(figure, axes, thinned(view.ends(x), wide), down, cells, say, ends=_ends(values[explanation.real]))
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
    figure = _rows(explanation, look, shown, values, names, "explain.heads_of", say)
    figure.axes[0].axhline(len(values) - 1.5, color="white", linewidth=3)
    return figure


@drawn
def targets(explanation: Explanation, name: str, at: int = 0, *, language: Language | str = "en") -> Figure:
    """Draws what was weighed for each target (down) over time (across) in one window, each in its share of the whole.

    Raises: OptionError if the look has no weights of its own for each target.
    """
    say, shown = said(language), explanation.shown[at]
    look = view.known_look(explanation, name)
    if look.targets is None:
        raise OptionError(
            f"targets needs a look with weights for each target, got {name!r} without any. "
            "Draw `window` instead, or explain a model that forecasts each target on its own."
        )
    values = look.targets[shown.number]
    names = view.target_names(explanation, len(values), say)
    return _rows(explanation, look, shown, values, names, "explain.targets_of", say)


@drawn
def features(explanation: Explanation, name: str, at: int = 0, *, language: Language | str = "en") -> Figure:
    """Draws the weights of each input or unit (down) over time (across) in one window.

    Raises: OptionError if the look does not weigh inputs step by step.
    """
    say, shown = said(language), explanation.shown[at]
    look = view.known_look(explanation, name)
    if look.features is None:
        raise OptionError(
            f"features needs a look with weights of inputs at each step, got {name!r} without any. Draw `channels`."
        )
    values = look.features[shown.number].T
    return _rows(explanation, look, shown, values, view.channel_names(look, say), "explain.features_of", say)


@drawn
def image(explanation: Explanation, name: str, at: int = 0, *, language: Language | str = "en") -> Figure:
    """Draws the weights of an image over frequency (up) and time (across) in one window.

    Unit:   Hz from 0 to half the rate, where the window has seconds; else lines of the spectrum.
    Raises: OptionError if the look does not weigh an image over time.
    """
    say, shown = said(language), explanation.shown[at]
    look = view.known_look(explanation, name)
    if look.image is None or look.time is None:
        raise OptionError(
            f"image needs a look with weights over frequency and time, got {name!r} without any. Draw `window`."
        )
    values = look.image[shown.number]
    rate = view.rate(shown)
    figure = picture(0.75 * WIDTH, 3.6)
    axes = figure.subplots()
    clock = view.clock(shown, say)
    up = np.arange(len(values) + 1) + 0.5 if rate is None else np.linspace(0, rate / 2, len(values) + 1)
    _field(figure, axes, view.cell_ends(explanation, look, clock.x, values.shape[1]), up, values, say)
    axes.locator_params(axis="y", nbins=6)
    axes.set_ylabel(say("explain.line_number" if rate is None else "axis.hertz"))
    time_axis(axes, clock)
    axes.set_title(plain(say("explain.image_of", name=view.title(explanation, name, say), window=shown.name), 100))
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


def _rows(
    explanation: Explanation,
    look: Look,
    shown: Shown,
    values: np.ndarray,
    names: Sequence[str],
    title: str,
    say: Language,
) -> Figure:
    """Draws weights in rows with names over the time of a window; of many rows some are named."""
    figure = picture(0.75 * WIDTH, 1.5 + 0.28 * min(len(values), 14))
    axes = figure.subplots()
    clock = view.clock(shown, say)
    ends = view.cell_ends(explanation, look, clock.x, values.shape[1])
    _field(figure, axes, ends, np.arange(len(values) + 1) - 0.5, values, say)
    named = range(0, len(values), -(-len(values) // NAMED))
    axes.set_yticks(named, labels=[plain(names[row], 26) for row in named])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(values) - 0.5, -0.5)
    time_axis(axes, clock)
    axes.set_title(plain(say(title, name=view.title(explanation, look.name, say), window=shown.name), 100))
    return figure


def _ends(values: np.ndarray) -> tuple[float, float]:
    """Gives where the colours of a map of all windows end; an even map is no dark one."""
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, EXTREMES) if known.size else (0.0, 0.0)
    return min(0.0, float(low)), max(float(high), 2 * float(known.clip(0).mean()) if known.size else 0.0) or 1.0


def _field(
    figure: Figure,
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    values: np.ndarray,
    say: Language,
    *,
    ends: tuple[float, float] | None = None,
) -> None:
    """Draws a field and the bar of its colours, with arrows where values lie beyond the ends that are given."""
    low, high = ends or (min(0.0, float(np.nanmin(values, initial=0.0))), darkest(values))
    colours = SHADES
    if low < -AGAINST * high:
        # What speaks against an answer must not look like what is merely small.
        colours, high = SIGNED, max(high, -low)
        low = -high
    mesh = axes.pcolormesh(x, y, values, cmap=colours, vmin=low, vmax=high, linewidth=0, rasterized=True)
    beyond = (bool(np.nanmin(values, initial=low) < low), bool(np.nanmax(values, initial=high) > high))
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
    options: dict[str, Any] = {"aspect": 30, "pad": 0.02, "extend": extend, "extendfrac": 0.04}
    bar = figure.colorbar(mesh, ax=axes, label=say("explain.importance"), **options)
    bar.outline.set(visible=extend != "neither", edgecolor="#9ca3af", linewidth=0.6)  # the lowest colour is white
    bar.ax.locator_params(nbins=4)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
