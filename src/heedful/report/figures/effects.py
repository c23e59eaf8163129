"""A controlled trial in pictures: a forest of effects, and cost against accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from heedful.report import told
from heedful.report.figures.style import INK, MUTED, label, layout, wrapped

if TYPE_CHECKING:
    from heedful.report.view import PageData
    from heedful.trial.result import Comparison

CONTROLS = {"none": ("#0072b2", "circle"), "placebo": ("#d55e00", "diamond"), "wide": ("#009e73", "square")}
"""What an attention is measured against, with its colour and mark."""


def forest(page: PageData, comparison: Comparison) -> go.Figure:
    """Draws the effect of every attention against its controls, with intervals; on the left the attention is better."""
    say = page.say
    shown = sorted(comparison.answers, key=lambda one: one.against_none.effect)
    figure = go.Figure(layout=layout(say, height=110 + 58 * len(shown), hovermode="closest"))
    margin = 100 * comparison.margin
    figure.add_vrect(x0=-margin, x1=margin, fillcolor="#eef2f7", line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    places = np.arange(len(shown))[::-1].astype(float)
    for offset, (name, (colour, mark)) in zip((0.22, 0.0, -0.22), CONTROLS.items(), strict=True):
        found = [(y, getattr(one, f"against_{name}")) for y, one in zip(places, shown, strict=True)]
        found = [(y, c) for y, c in found if c is not None]
        figure.add_trace(
            go.Scatter(
                x=np.array([100 * c.effect for _, c in found]),
                y=[y + offset for y, _ in found],
                mode="markers",
                name=say(f"trace.{name}"),
                marker={"color": colour, "size": 8, "symbol": mark},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_reach(100 * (c.high - c.effect)) for _, c in found],
                    "arrayminus": [_reach(100 * (c.effect - c.low)) for _, c in found],
                    "color": colour,
                    "thickness": 1.6,
                    "width": 4,
                },
                text=[told.effect(c, say) for _, c in found],
                hovertemplate=say(f"trace.{name}") + say("text.colon") + "%{text}<extra></extra>",
            )
        )
    figure.update_yaxes(
        tickvals=places, ticktext=[wrapped(one.question.arm, 30) for one in shown], showgrid=False, zeroline=False
    )
    figure.update_xaxes(title_text=say("axis.effect"), ticksuffix=say("text.percent", value=""))
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return figure


def _reach(value: float) -> float:
    return value if np.isfinite(value) else 0.0


def cost(page: PageData, comparison: Comparison) -> go.Figure:
    """Draws the error of every network against the seconds that a seed took to train."""
    say, table = page.say, comparison.summary
    networks = table[table["kind"] != "baseline"]
    figure = go.Figure(layout=layout(say, height=380, hovermode="closest"))
    colours = {line.name: line.colour for line in page.lines}
    counts = networks["parameters"].items()
    figure.add_trace(
        go.Scatter(
            x=networks["seconds"],
            y=networks["rmse"],
            mode="markers",
            marker={"size": 9, "color": [colours[str(name)] for name in networks.index]},
            text=[label(say("trace.parameters", model=name, count=count)) for name, count in counts],
            hovertemplate="%{text}<br>" + say("trace.cost") + "<extra></extra>",
        )
    )
    for name, row in table[table["kind"] == "baseline"].iterrows():
        figure.add_hline(
            y=float(row["rmse"]),
            line={"color": MUTED, "width": 1, "dash": "dot"},
            annotation_text=label(str(name)),
            annotation_position="top right",
            annotation_font_size=11,
        )
    figure.update_xaxes(type="log", title_text=say("axis.seconds"))
    figure.update_yaxes(title_text=say("axis.rmse", target=label(page.target)))
    return figure
