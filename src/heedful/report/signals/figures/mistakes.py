"""What was said of what is true: a matrix of classes, or numbers against numbers."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures.maps import WEIGHTS
from heedful.report.figures.style import MUTED, label, layout, thin
from heedful.report.language import Language

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from heedful.report.signals.view import SignalLine
    from heedful.signals.result import Classification

SHARES, COUNTS = 8, 24
"""Up to so many classes the cells hold count and share; up to so many the count alone."""
POINTS = 1_500
_TURNED, _LINE, _WIDE = 14, 30, 44  # characters: longest name that is turned, of a line, of all that stand unturned


def confusion(say: Language, counts: pd.DataFrame) -> go.Figure:
    """Draws what was said (across) of each true class (down), dark where the share of the true class is large."""
    numbers = counts.to_numpy()
    share = numbers / np.maximum(1, numbers.sum(1, keepdims=True))
    size = len(numbers)
    text = [
        [_cell(int(n), float(p), size, say) for n, p in zip(*row, strict=True)]
        for row in zip(numbers, share, strict=True)
    ]
    down, across, turned = _names([str(name) for name in counts.index])
    cell = max(17, min(52, 560 // size), 15 * max(name.count("<br>") + 1 for name in down))
    figure = go.Figure(layout=layout(say, height=110 + cell * size, hovermode="closest"))
    figure.add_heatmap(
        z=share,
        text=text,
        customdata=numbers,
        texttemplate="%{text}" if size <= COUNTS else "",
        textfont={"size": 12 if size <= SHARES else 10},
        colorscale=WEIGHTS,
        zmin=0,
        zmax=1,
        xgap=1,
        ygap=1,
        showscale=False,
        hovertemplate=say("trace.cell") + "<extra></extra>",
        x=list(range(size)),
        y=list(range(size)),
    )
    ticks = {"tickvals": list(range(size)), "showgrid": False, "ticks": ""}
    figure.update_xaxes(title_text=say("axis.said"), ticktext=across, tickangle=turned, fixedrange=True, **ticks)
    figure.update_yaxes(title_text=say("axis.true"), ticktext=down, autorange="reversed", fixedrange=True, **ticks)
    return figure


def _names(names: list[str]) -> tuple[list[str], list[str], int]:
    """Gives the names down and across, and by how much those across are turned; long ones stand down, by number."""
    longest = max(map(len, names))
    if longest > _TURNED:
        down = ["<br>".join(label(line) for line in wrap(name, _LINE)) for name in names]
        numbers = [str(number) for number in range(1, len(names) + 1)]
        return (
            [f"{name}  <b>{n}</b>" for name, n in zip(down, numbers, strict=True)],
            [f"<b>{n}</b>" for n in numbers],
            0,
        )
    safe = [label(name) for name in names]
    return safe, safe, 0 if longest * len(names) <= _WIDE else -45


def _cell(count: int, share: float, size: int, say: Language) -> str:
    if not count:
        return "" if size > SHARES else "0"
    return f"{count:,}" if size > SHARES else f"{count:,}<br>{say('text.percent', value=f'{100 * share:.0f}')}"


def scatter(say: Language, result: Classification, line: SignalLine) -> go.Figure:
    """Draws the number said of every test window against the true one; the diagonal is where they are the same."""
    truth, said = told(result, line)
    every = np.unique(np.linspace(0, len(truth) - 1, min(POINTS, len(truth))).astype(int))
    figure = go.Figure(layout=layout(say, height=380, hovermode="closest"))
    ends = [float(f((truth.min(), truth.max()))) for f in (min, max)]
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": MUTED, "width": 1, "dash": "dot"}, hoverinfo="skip")
    figure.add_scattergl(
        x=thin(truth[every]),
        y=thin(said[every]),
        mode="markers",
        marker={"color": line.colour, "size": 5, "opacity": 0.6},
        hovertemplate=say("trace.said_true") + "<extra></extra>",
    )
    figure.update_xaxes(title_text=say("axis.true_value"), nticks=8)
    figure.update_yaxes(title_text=say("axis.said_value"), nticks=8)
    return figure


def told(result: Classification, line: SignalLine) -> tuple[np.ndarray, np.ndarray]:
    """Gives the true number of each test window of all folds, and the mean over seeds of what was said."""
    truths: list[np.ndarray] = []
    saids: list[np.ndarray] = []
    for fold in result.folds:
        own: Sequence[np.ndarray] = [trial.test[:, 0] for trial in line.trials if trial.fold == fold.name]
        if own:
            truths.append(fold.test.targets)
            saids.append(np.mean(own, axis=0))
    return np.concatenate(truths), np.concatenate(saids)
