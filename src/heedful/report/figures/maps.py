"""Attention weights: of every recorded window, and their mean."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures.style import MUTED, TOOLS, add_line, label, layout, thin
from heedful.report.language import Language
from heedful.report.maps import MapView
from heedful.report.view import PageData

# One hue from light to dark, so that order survives grey printing.
WEIGHTS = [[0.0, "#f5f9fd"], [0.25, "#c3d9ec"], [0.5, "#74abd2"], [0.75, "#2a6fae"], [1.0, "#08265a"]]


def heat_map(page: PageData, view: MapView) -> go.Figure:
    """Draws the weights of every recorded window (across) at every position (up)."""
    say, timed, clock = page.say, view.axis == "time", label(page.clock.title)
    figure = go.Figure(layout=layout(say, height=360, margin=TOOLS))
    figure.add_trace(
        go.Heatmap(
            x=view.times,
            y=view.positions,
            z=thin(view.weights.T),
            colorscale=WEIGHTS,
            colorbar={
                "thickness": 10,
                "outlinewidth": 0,
                "title": {"text": say("axis.weight"), "side": "right"},
                "len": 1,
            },
            hovertemplate="%{x}<br>"
            + (say("trace.step_cell") if timed else f"{_axis(say, view)} %{{y}}")
            + f"<br>{say('trace.weight_cell')}<extra></extra>",
        )
    )
    figure.update_layout(hovermode="closest")
    axis = "date" if page.clock.dated else "linear"
    figure.update_xaxes(
        title_text=say("axis.made_in", clock=clock) if clock else say("axis.made"), type=axis, showgrid=False
    )
    figure.update_yaxes(title_text=_position_title(say, view), showgrid=False)
    return figure


def profile(page: PageData, view: MapView) -> go.Figure:
    """Draws the mean weight at every position, one line a seed, beside the weight of an even spread."""
    say, colour = page.say, next(line.colour for line in page.lines if line.name == view.model)
    figure = go.Figure(layout=layout(say, height=360, margin=TOOLS, hovermode="y unified"))
    for seed, mean in view.profiles:
        n = len(mean)
        place = np.arange(n, 0, -1) if view.axis == "time" else np.arange(n)
        add_line(
            figure,
            mean,
            place.astype(np.float64),
            name=say("trace.seed", seed=seed),
            line={"color": colour, "width": 1.6},
        )
        figure.data[-1].update(
            hovertemplate="%{x:.4~g}", mode="lines" if view.axis == "time" else "markers", marker={"size": 6}
        )
    if view.even is not None:
        figure.add_vline(x=view.even, line={"color": MUTED, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text=say("axis.mean_weight"), nticks=4)
    first, n = (0.5 if view.axis == "time" else -0.5), len(view.profiles[0][1])
    figure.update_yaxes(title_text=_position_title(say, view), range=[first, first + n])
    return figure


def _position_title(say: Language, view: MapView) -> str:
    return say("axis.steps_before") if view.axis == "time" else _axis(say, view)


def _axis(say: Language, view: MapView) -> str:
    return label(say.named("dimensions", view.axis))
