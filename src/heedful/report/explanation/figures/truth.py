"""Whether a map is true, in pictures: what is left of the answers, and the gains over maps that know nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.errors import OptionError, unknown
from heedful.report.explanation import view
from heedful.report.explanation.figures.dots import Dot, dots
from heedful.report.explanation.figures.style import WIDTH, drawn, picture, plain, said
from heedful.report.figures.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from heedful.explanation.faithfulness import Curves, Gain
    from heedful.explanation.result import Explanation
    from heedful.report.language import Language

_CONTROLS = (("#2a6fae", "--", "o"), ("#6b7280", ":", "s"), ("#6b7280", "-.", "^"), ("#9ca3af", "--", "v"))
_MORE = (("#9ca3af", ":", "D"), ("#2a6fae", "-.", "x"), ("#9ca3af", "-", "+"))
_SIDES = ("deletion", "insertion")


@drawn
def curves(explanation: Explanation, name: str | None = None, *, language: Language | str = "en") -> Figure:
    """Draws what is left of the answers while the most important samples go, or come back, beside the controls.

    A true map falls faster than its controls where samples go, and rises faster where they come back.

    Args:
        explanation: what was found.
        name: of a map; by default the chosen one.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: UnknownName for a map that was not tested; OptionError if none was.
    """
    say = said(language)
    name = _tested(explanation, name, explanation.curves)
    found = explanation.curves[name]
    figure = picture(WIDTH, 5.4)
    grid: Any = figure.subplots(2, len(found.fillings), sharex=True, sharey="row", squeeze=False)
    for row, side in enumerate(_SIDES):
        for place, filling in enumerate(found.fillings):
            _lines(grid[row, place], found, side, place, say, view.title(explanation, name, say))
            title = say("explain.filled", side=say(f"explain_metrics.{side}"), filling=view.filling(filling, say))
            grid[row, place].set_title(plain(title, 80))
        grid[row, 0].set_ylabel(say("explain.left"))
    for axes in grid[-1]:
        axes.set_xlabel(say("explain.share"))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", handlelength=3.2)
    return figure


def _lines(axes: Axes, found: Curves, side: str, place: int, say: Language, own: str) -> None:
    def picked(one: Curves) -> np.ndarray:
        return one.gone if side == "deletion" else one.kept

    x = 100 * found.shares
    for (name, control), (colour, dash, mark) in zip(found.controls.items(), _CONTROLS + _MORE, strict=False):
        mean = np.nanmean(picked(control)[place], 0)
        label = say.named("explain_controls", name)
        axes.plot(x, mean, color=colour, linestyle=dash, marker=mark, markersize=3, linewidth=1.1, label=label)
    axes.plot(x, np.nanmean(picked(found)[place], 0), color=INK, linewidth=2.4, label=plain(own, 40))
    axes.grid(color="#e5e7eb", linewidth=0.7)
    axes.margins(x=0.01)


@drawn
def gains(
    explanation: Explanation, name: str | None = None, *, of: str = "all", language: Language | str = "en"
) -> Figure:
    """Draws how much better than each control a map is, with intervals over groups, for both fillings.

    A map is true if its intervals of deletion and insertion over the smooth random map lie right of 0, both fillings.

    Args:
        explanation: what was found.
        name: of a map; by default the chosen one.
        of: "all" windows, or a class or part that has rows of its own.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: UnknownName for a map that was not tested, or a part without rows; OptionError if none was tested.
    """
    say = said(language)
    name = _tested(explanation, name, explanation.truths)
    rows = explanation.truths[name].rows
    parts = list(dict.fromkeys(row.of for row in rows))
    if of not in parts:
        raise unknown("part", of, parts)
    chosen = [row for row in rows if row.of == of]
    figure = _forest(chosen, lambda row: say.named("explain_controls", row.control), say, width=WIDTH)
    figure.supxlabel(say("explain.gain"), fontsize=9, color=MUTED)
    figure.suptitle(plain(view.judged(explanation, name, say), 80), x=0.01, ha="left", fontsize=10)
    return figure


@drawn
def gains_by_part(explanation: Explanation, name: str | None = None, *, language: Language | str = "en") -> Figure:
    """Draws the gains over smooth random maps class by class (or step by step), for both fillings.

    Raises: UnknownName for a map that was not tested; OptionError if none was, or there are no classes or parts.
    """
    say = said(language)
    name = _tested(explanation, name, explanation.truths)
    truth = explanation.truths[name]
    rows = [row for row in truth.rows if row.control == truth.control and row.metric in _SIDES]
    parts = list(dict.fromkeys(row.of for row in rows))
    if len(parts) < 2:
        raise OptionError(
            f"gains_by_part needs gains of classes or other parts, got those of {parts or ['none']}. Draw `gains`."
        )
    figure = _forest(rows, lambda row: say("explain.all") if row.of == "all" else row.of, say, width=0.85 * WIDTH)
    figure.supxlabel(say("explain.gain_smooth"), fontsize=9, color=MUTED)
    figure.suptitle(plain(view.title(explanation, name, say), 60), x=0.01, ha="left", fontsize=10)
    return figure


def _forest(rows: Sequence[Gain], called: Callable[[Gain], str], say: Language, *, width: float) -> Figure:
    """Draws gains with their intervals: a panel for each measure, a row for each name, a mark for each filling."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    series = list(dict.fromkeys(view.filling(row.filling, say) for row in rows))
    figure = picture(width, 1.7 + 0.36 * len({called(row) for row in rows}))
    grid: Any = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(grid, metrics, strict=True):
        found = [
            Dot(row=called(row), mean=row.mean, low=row.low, high=row.high, series=view.filling(row.filling, say))
            for row in rows
            if row.metric == metric
        ]
        dots(axes, found, series)
        axes.locator_params(axis="x", nbins=4)
        axes.set_title(say(f"explain_metrics.{metric}"))
    handles, labels = grid[0].get_legend_handles_labels()
    named = [say("explain.filled_by", filling=one) for one in labels]
    figure.legend(handles, named, loc="outside upper right", ncols=2)
    return figure


def _tested(explanation: Explanation, name: str | None, tested: Mapping[str, Any]) -> str:
    known = list(tested)
    if not known:
        raise OptionError(
            f"This picture needs a map that was tested for truth, got an explanation of {explanation.model} "
            "without any. Explain more windows, of at least 5 groups."
        )
    name = name or (explanation.chosen if explanation.chosen in known else known[0])
    if name not in known:
        raise unknown("tested map", name, sorted(known))
    return name
