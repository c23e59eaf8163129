"""Whether weights are used, in pictures: what becomes of answers and loss when others stand in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heedful.errors import OptionError
from heedful.report.explanation import view
from heedful.report.explanation.figures.dots import Dot, dots
from heedful.report.explanation.figures.style import WIDTH, drawn, picture, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from heedful.explanation.result import Explanation
    from heedful.report.language import Language

MOST = 14
"""So many rows are drawn, those of all mechanisms together first."""


@drawn
def usage(explanation: Explanation, *, language: Language | str = "en") -> Figure:
    """Draws how far the answers move, and how the loss changes, when other weights stand in place of the learned ones.

    Args:
        explanation: what was found.
        language: one of `heedful.report.language.languages()`, or a `Language`.

    Raises: OptionError if no other weights were tried.
    """
    say, rows = said(language), view.replacements(explanation)[:MOST]
    if not rows:
        raise OptionError(
            f"usage needs weights that were replaced, got an explanation of {explanation.model} without any. "
            "Explain a model whose weights can be replaced."
        )
    figure = picture(WIDTH, 1.0 + 0.3 * len(rows))
    grid: Any = figure.subplots(1, 2, sharey=True)
    for axes, what in zip(grid, ("moved", "loss"), strict=True):
        found = [
            Dot(
                row=view.replaced(explanation, one, say),
                mean=getattr(one, what),
                low=getattr(one, f"{what}_low"),
                high=getattr(one, f"{what}_high"),
            )
            for one in rows
        ]
        dots(axes, found)
        axes.locator_params(axis="x", nbins=5)
    grid[0].set_xlabel(say("explain.moved_classes") if explanation.classes else say("explain.moved"))
    grid[1].set_xlabel(say("explain.loss"))
    return figure
