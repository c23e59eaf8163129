"""How alike maps are: with each other, and with those of other networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.errors import OptionError
from heedful.report.explanation import view
from heedful.report.explanation.figures.dots import Dot, dots
from heedful.report.explanation.figures.style import WIDTH, drawn, names_on_y, picture, ruled, said
from heedful.report.figures.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from heedful.explanation.result import Explanation
    from heedful.explanation.sanity import Sanity
    from heedful.report.language import Language


@drawn
def agreement(explanation: Explanation, *, language: Language | str = "en") -> Figure:
    """Draws the rank correlation of the maps pair by pair, with intervals over groups.

    Args:
        explanation: what was found.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: OptionError if fewer than two maps were compared.
    """
    say = said(language)
    if not explanation.agreements:
        raise OptionError(
            f"agreement needs maps that were compared, got an explanation of {explanation.model} without any. "
            "Explain with occlusion or gradients beside the attention."
        )
    found = []
    for one in explanation.agreements:
        first, second = (view.title(explanation, name, say) for name in one.maps)
        row = say("explain.pair", first=first, second=second)
        found.append(Dot(row=row, mean=one.alike, low=one.low, high=one.high))
    figure = picture(0.8 * WIDTH, 0.9 + 0.3 * len(found))
    axes = figure.subplots()
    dots(axes, found)
    axes.set_xlim(-1.02, 1.02)
    axes.set_xlabel(say("explain.correlation"))
    return figure


@drawn
def sanity(explanation: Explanation, *, language: Language | str = "en") -> Figure:
    """Draws how alike the map is to those of other networks, one dot each, over how alike these are to each other.

    Args:
        explanation: what was found.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: OptionError if no other network was asked.
    """
    say, checks = said(language), explanation.sanity
    if not checks:
        raise OptionError(
            f"sanity needs maps of other networks, got an explanation of {explanation.model} without any. "
            "Explain with untrained networks beside it."
        )
    figure = picture(0.8 * WIDTH, 1.2 + 0.42 * len(checks))
    axes = figure.subplots()
    for row, check in enumerate(checks):
        _check(axes, row, check)
    axes.axvline(0, color=INK, linewidth=0.9)
    names_on_y(
        axes, [say(f"explain_checks.{one.check}", map=view.title(explanation, one.map, say)) for one in checks], 60
    )
    ruled(axes)
    axes.set_xlim(-1.02, 1.02)
    axes.set_xlabel(say("explain.correlation"))
    handles = [axes.plot([], [], **_EACH)[0], axes.plot([], [], **_MEAN)[0], axes.fill_between([], [], **_BAND)]
    labels = [say("explain.with_other"), say("explain.mean"), say("explain.among")]
    figure.legend(handles, labels, loc="outside upper right", ncols=3)
    return figure


_EACH: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": "#2a6fae",
}
_MEAN: dict[str, Any] = {
    "linestyle": "",
    "marker": "D",
    "markersize": 6,
    "markerfacecolor": INK,
    "markeredgecolor": INK,
}
_BAND: dict[str, Any] = {"color": "#c3d9ec", "linewidth": 0}


def _check(axes: Axes, row: int, check: Sanity) -> None:
    if np.isfinite(check.spread):
        reach = check.margin if np.isfinite(check.margin) else 0.0
        axes.fill_betweenx([row - 0.28, row + 0.28], check.spread - reach, check.spread + reach, **_BAND)
        axes.vlines(check.spread, row - 0.28, row + 0.28, color=MUTED, linewidth=1.2)
    each = check.each[np.isfinite(check.each)]
    axes.plot(each, np.full(len(each), row), **_EACH)
    if len(each):
        axes.plot(check.own, row, **_MEAN)
