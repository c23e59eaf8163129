"""Mean ranks on one axis, with bars over models that are not told apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures.style import INK, MUTED, label, layout, shortened, wrapped

if TYPE_CHECKING:
    from heedful.report.language import Language
    from heedful.trial.statistics import Ranks

SHOWN = 20
"""At most so many models are drawn, the best mean ranks."""
_BLUE, _LEADER = "#0072b2", "#9ca3af"
_BAR, _ROW = 10, 26  # pixels for a bar and for a model


def critical_difference(
    say: Language, names: Sequence[str], ranks: Ranks, *, marked: Collection[str] = (), limit: int = SHOWN
) -> go.Figure:
    """Draws a critical-difference diagram: a leader from each name to its mean rank, a bar over each group.

    All names stand on the left, best on top, so that no leader crosses another and no name is cut.

    Paper: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, figure 1.

    Args:
        names: the models, in the order of `ranks`.
        ranks: their mean ranks and groups.
        marked: models drawn in colour: those with attention.
        limit: how many models are drawn at most, best first.
    """
    order = np.argsort(ranks.ranks, kind="stable")[:limit]
    at = np.array(ranks.ranks)[order]
    bars = _bars(ranks, set(order.tolist()))
    depth = _BAR * (1 + len(bars))  # the names begin below the bars
    rows = -depth - _ROW * (np.arange(len(order)) + 0.6)
    left, right = 1.0, max(float(at.max()), 1 + ranks.critical_difference)
    edge, end = left - 0.03 * (right - left), right + 0.03 * (right - left)
    figure = go.Figure(layout=layout(say, height=int(75 - rows.min() + 2.4 * _ROW), hovermode="closest"))
    for name, rank, row in zip((names[i] for i in order), at, rows, strict=True):
        colour = _BLUE if name in marked else _LEADER
        figure.add_scatter(x=[edge, rank, rank], y=[row, row, 0], mode="lines", line={"color": colour, "width": 1.2})
        dot = {"color": _BLUE if name in marked else INK, "size": 7}
        said = f"{label(name)}<br>{say('trace.mean_rank', rank=float(rank))}<extra></extra>"
        figure.add_scatter(x=[rank], y=[row], mode="markers", marker=dot, hovertemplate=said)
    for number, (low, high) in enumerate(bars):
        y, reach = -_BAR * (number + 1), 0.006 * (right - left)
        figure.add_scatter(x=[low - reach, high + reach], y=[y, y], mode="lines", line={"color": INK, "width": 5})
    foot = float(rows.min()) - 1.4 * _ROW
    _ruler(figure, say, ranks.critical_difference, foot)
    texts = [_named(str(names[i]), rank, str(names[i]) in marked) for i, rank in zip(order, at, strict=True)]
    axis = {"showgrid": False, "showline": False, "ticks": ""}
    figure.update_yaxes(tickvals=rows, ticktext=texts, range=[foot - _ROW, 0], fixedrange=True, **axis)
    title = {"text": say("axis.mean_rank"), "standoff": 6}
    figure.update_xaxes(
        showgrid=False, side="top", range=[edge, end], dtick=_step(right - left), tick0=1, title=title, fixedrange=True
    )
    return figure.update_traces(selector={"mode": "lines"}, hoverinfo="skip")


def _bars(ranks: Ranks, drawn: set[int]) -> list[tuple[float, float]]:
    """Gives the first and the last mean rank of each group of models that are drawn; none lies within another."""
    found: list[tuple[float, float]] = []
    for group in ranks.cliques:
        shown = [ranks.ranks[i] for i in group if i in drawn]
        if len(shown) > 1 and not (found and max(shown) <= found[-1][1]):
            found.append((min(shown), max(shown)))
    return found


def _ruler(figure: go.Figure, say: Language, length: float, y: float) -> None:
    """Draws how far apart mean ranks must lie to be told apart, from the best rank there can be."""
    figure.add_scatter(
        x=[1, 1 + length],
        y=[y, y],
        mode="lines+markers",
        line={"color": MUTED, "width": 2},
        marker={"symbol": "line-ns", "size": 9, "line": {"color": MUTED, "width": 2}},
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=1,
        y=y,
        text=say("trace.critical_difference", length=length),
        showarrow=False,
        xanchor="left",
        yanchor="top",
        yshift=-4,
        font={"color": MUTED, "size": 12},
    )


def _named(name: str, rank: float, marked: bool) -> str:
    """Writes a model and its mean rank on one line, a long name on two."""
    text = wrapped(shortened(name, 60), 32)
    return f"{f'<b>{text}</b>' if marked else text}  {rank:.2f}"


def _step(length: float) -> float:
    """Gives whole ranks between two marks, about eight marks in all."""
    return float(max(1, round(length / 8)))
