"""Attention weights under the window that they look at, or channel by channel."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from heedful.report.figures.style import INK, MUTED, label, layout, thin
from heedful.report.language import Language
from heedful.report.signals.examples import CHANNELS
from heedful.report.signals.figures.examples import envelope, seconds, time_title
from heedful.report.signals.looks import Look, Shown
from heedful.report.view import PALETTE

_POINTS = 500


def window(say: Language, look: Look, one: Shown, colour: str) -> go.Figure:
    """Draws the first channels of a window, and below them the weight of each of its steps."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.07)
    style = layout(say, height=230, margin={"l": 8, "r": 12, "t": 6, "b": 6}, hovermode="closest")
    figure.update_layout({key: value for key, value in style.items() if "axis" not in key})
    figure.update_xaxes(style["xaxis"] | {"nticks": 6})
    figure.update_yaxes(style["yaxis"] | {"nticks": 4})
    for number in range(min(CHANNELS, one.window.x.shape[1])):
        place, values = envelope(one.window.x[:, number], _POINTS)
        pen = {"color": INK if number == 0 else PALETTE[number], "width": 1}
        figure.add_scatter(
            x=seconds(one.window, place), y=thin(values), mode="lines", line=pen, hoverinfo="skip", row=1, col=1
        )
    # A step of the weights is as wide as the samples that it covers.
    edges = np.minimum(np.arange(len(one.weights) + 1) * look.stride, len(one.window.x))
    figure.add_scatter(
        x=seconds(one.window, edges),
        y=thin(np.append(one.weights, one.weights[-1:])),
        mode="lines",
        line={"color": colour, "width": 1.2, "shape": "hv"},
        fill="tozeroy",
        hovertemplate=say("trace.weight_at") + "<extra></extra>",
        row=2,
        col=1,
    )
    if look.sums_to_one:
        figure.add_hline(y=1 / len(one.weights), line={"color": MUTED, "width": 1, "dash": "dot"}, row=2, col=1)
    figure.update_xaxes(title_text=time_title(say, one.window), row=2, col=1)
    figure.update_yaxes(title_text=say("axis.weight"), rangemode="tozero", row=2, col=1)
    return figure


def positions(say: Language, look: Look, colour: str) -> go.Figure:
    """Draws the mean weight of every channel (or other position), and the range of the middle 90 % of the windows."""
    figure = go.Figure(layout=layout(say, height=250, hovermode="closest"))
    figure.add_bar(
        x=np.arange(len(look.mean)),
        y=thin(look.mean),
        marker={"color": colour, "line": {"width": 0}},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": thin(look.high - look.mean),
            "arrayminus": thin(look.mean - look.low),
            "color": INK,
            "thickness": 1,
            "width": 2 if len(look.mean) <= 64 else 0,
        },
        hovertemplate="%{x}<br>" + say("trace.weight_at") + "<extra></extra>",
    )
    figure.update_xaxes(title_text=label(say.named("dimensions", look.axis)), showgrid=False)
    figure.update_yaxes(title_text=say("axis.weight"), rangemode="tozero")
    return figure
