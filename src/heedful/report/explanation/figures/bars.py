"""Columns, channels and bands by what they weigh: one bar each, with the spread over windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from heedful.errors import OptionError, unknown
from heedful.report.explanation import view
from heedful.report.explanation.figures.style import WIDTH, drawn, names_on_y, picture, plain, ruled, said
from heedful.report.figures.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from heedful.explanation.result import Explanation
    from heedful.report.language import Language

MOST = 20
"""So many bars are drawn, the largest."""


@drawn
def columns(explanation: Explanation, name: str | None = None, *, language: Language | str = "en") -> Figure:
    """Draws how much each column matters, by its name: mean over windows, and the middle 90 % of them.

    Args:
        explanation: what was found.
        name: of a map over columns; by default the first one.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: OptionError if no map speaks of columns; UnknownName for an unknown map.
    """
    say = said(language)
    if not explanation.column_maps:
        raise OptionError(
            f"columns needs a map over columns, got an explanation of {explanation.model} without one. "
            "Draw `window` or `channels` instead."
        )
    name = name or view.column_map(explanation)
    if name not in explanation.column_maps:
        raise unknown("map over columns", name, sorted(explanation.column_maps))
    figure = bars(explanation.column_maps[name], explanation.columns, say)
    # A look over columns was tested as its channels; other maps were tested over time only.
    own = f"{name}, channels"
    known = view.judged(explanation, own, say) if own in explanation.truths else view.title(explanation, name, say)
    figure.axes[0].set_title(plain(known, 80))
    return figure


@drawn
def channels(explanation: Explanation, name: str, *, language: Language | str = "en") -> Figure:
    """Draws the weights of each channel of a look: input columns by name, channels inside the network by number.

    Raises: OptionError if the look has no weights of channels.
    """
    say = said(language)
    look = view.known_look(explanation, name)
    if look.channels is None:
        raise OptionError(f"channels needs a look with weights of channels, got {name!r} without any. Draw `window`.")
    figure = bars(look.channels, view.channel_names(look, say), say)
    axes = figure.axes[0]
    axes.set_title(plain(say("explain.channels_of", name=view.title(explanation, name, say)), 100))
    if not look.on_columns:
        axes.set_xlabel("\n".join([axes.get_xlabel(), say("explain.inner")]))
    return figure


def bars(values: np.ndarray, names: Sequence[str], say: Language) -> Figure:
    """Draws means over windows as bars, the largest on top, and the middle 90 % of the windows as lines.

    Shape: values (n, number of names).
    """
    mean = np.nanmean(values, 0)
    order = np.argsort(-mean, kind="stable")[:MOST]
    low, high = np.nanquantile(values, (0.05, 0.95), axis=0)
    figure = picture(0.75 * WIDTH, 1.1 + 0.27 * len(order))
    axes: Axes = figure.subplots()
    at = np.arange(len(order))
    axes.barh(at, mean[order], color="#74abd2", edgecolor=INK, linewidth=0.6, height=0.62)
    axes.hlines(at, low[order], high[order], color=INK, linewidth=1.2)
    for end in (low, high):
        axes.plot(end[order], at, linestyle="", marker="|", color=INK, markersize=5)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    names_on_y(axes, [names[place] for place in order])
    ruled(axes)
    more = len(mean) - len(order)
    axes.set_xlabel(say("explain.spread") + (say("explain.more_bars", count=more) if more else ""))
    return figure
