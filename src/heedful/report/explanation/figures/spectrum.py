"""What matters in the spectrum: importance of bands of frequencies, with the lines at which bearings speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from heedful.errors import OptionError
from heedful.report.explanation import view
from heedful.report.explanation.figures.bars import bars
from heedful.report.explanation.figures.style import WIDTH, drawn, picture, plain, said
from heedful.report.figures.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from heedful.explanation.result import Explanation
    from heedful.report.language import Language

_NEAR = 0.07  # share of the axis that a name takes


@drawn
def spectrum(explanation: Explanation, at: int = 0, *, language: Language | str = "en") -> Figure:
    """Draws how much the answers lose when frequencies are taken away: mean, and the middle 90 % of windows.

    Bands are drawn over the spectrum, with the lines of a bearing's defects marked in that of the envelope, whose bands
    can tell them apart; single lines are drawn as bars.

    Args:
        explanation: what was found.
        at: which set of bands.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Unit:   Hz.
    Raises: OptionError if no such bands of frequencies were looked at.
    """
    say = said(language)
    if not -len(explanation.bands) <= at < len(explanation.bands):
        raise OptionError(
            f"spectrum needs bands of frequencies, got number {at} of {len(explanation.bands)} of {explanation.model}. "
            "Explain recordings whose rate is known."
        )
    bands = explanation.bands[at]
    title = say("explain.bands_envelope" if bands.envelope else "explain.bands")
    if view.single_lines(explanation, bands):
        known = dict(explanation.defects)
        names = [say("explain.line", name=name, hertz=known[name]) for name in bands.names]
        figure = bars(np.asarray(bands.values, dtype=np.float64), names, say)
        figure.axes[0].set_title(plain(title, 90))
        return figure
    figure = picture(0.75 * WIDTH, 3.2)
    axes = figure.subplots()
    values, low, high = (np.asarray(one, dtype=np.float64) for one in (bands.values, bands.low, bands.high))
    _profile(axes, values, np.append(low, high[-1]), say)
    lines = dict(explanation.defects) if bands.envelope else {}
    marked = _marked(axes, lines, float(low[0]), float(high[-1]))
    axes.locator_params(axis="x", nbins=8)
    axes.set_xlabel(say("explain.hertz_envelope") if bands.envelope else say("axis.hertz"))
    axes.set_ylabel(say("explain.importance"))
    axes.set_title(plain(title, 90), pad=6 + 10 * marked)
    axes.legend(loc="best", ncols=2)
    return figure


@drawn
def frequencies(explanation: Explanation, name: str, *, language: Language | str = "en") -> Figure:
    """Draws the weights of a look on the lines of a spectrum, from 0 on: mean, and the middle 90 % of windows.

    Raises: OptionError if the look does not weigh such lines; UnknownName for an unknown look.
    """
    say, look = said(language), view.known_look(explanation, name)
    if look.lines is None:
        raise OptionError(f"frequencies needs a look with weights of lines, got {name!r} without any. Draw `window`.")
    figure = picture(0.75 * WIDTH, 2.8)
    axes = figure.subplots()
    _profile(axes, look.lines.astype(np.float64), np.arange(look.lines.shape[1] + 1) + 0.5, say)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(say("explain.line_number"))
    axes.set_ylabel(say("axis.weight"))
    axes.set_title(plain(view.title(explanation, name, say), 90))
    axes.legend(loc="best", ncols=2)
    return figure


def _profile(axes: Axes, values: np.ndarray, ends: np.ndarray, say: Language) -> None:
    """Draws the mean over windows and the spread of every band."""
    mean, (least, most) = values.mean(0), np.quantile(values, (0.05, 0.95), axis=0)
    axes.stairs(most, ends, baseline=least, fill=True, color="#c3d9ec", linewidth=0, label=say("explain.middle"))
    axes.stairs(mean, ends, color=INK, linewidth=1.4, baseline=None, label=say("explain.mean"))
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.margins(x=0)
    _bounded(axes, mean, least, most, (ends[1:] + ends[:-1]) / 2)


def _bounded(axes: Axes, mean: np.ndarray, least: np.ndarray, most: np.ndarray, at: np.ndarray) -> None:
    """Cuts a picture where few bands reach far beyond all others, and writes how far at an arrow."""
    low, high = min(0.0, *mean, np.percentile(least, 3)), max(0.0, *mean, np.percentile(most, 97))
    room = 0.12 * (high - low)
    if most.max() - least.min() < 2 * (high - low):
        return
    axes.set_ylim(low - room, high + room)
    for values, beyond, arrow, side in ((most, most > high + room, "▲", 0.98), (least, least < low - room, "▼", 0.02)):
        for place in np.flatnonzero(beyond):
            axes.annotate(
                f"{arrow} {values[place]:.3g}".replace("-", "−"),
                (at[place], side),
                xycoords=("data", "axes fraction"),
                xytext=(8, 0),
                textcoords="offset points",
                va="top" if arrow == "▲" else "bottom",
                fontsize=8,
            )


def _marked(axes: Axes, lines: Mapping[str, float], first: float, last: float) -> int:
    """Marks frequencies by dashed lines whose names stand above, near ones on other floors; counts the floors."""
    shown = sorted((place, name) for name, place in lines.items() if first <= place <= last)
    before, floor, floors = -np.inf, 0, 0
    for place, name in shown:
        floor = floor + 1 if place - before < _NEAR * (last - first) else 0
        axes.axvline(place, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(
            plain(name, 12),
            (place, 1.0),
            xytext=(-2, 2 + 10 * floor),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=8,
        )
        before, floors = place, max(floors, floor + 1)
    return floors
