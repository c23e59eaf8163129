"""A controlled trial in pictures: a forest of effects, and cost against accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from heedful.report import told
from heedful.report.figures.style import INK, MUTED, label, layout, wrapped
from heedful.trial.statistics.grounds import NONE

if TYPE_CHECKING:
    import pandas as pd

    from heedful.report.language import Language
    from heedful.report.signals.view import SignalPage
    from heedful.report.view import PageData
    from heedful.signals.result import Classification
    from heedful.trial.result import Comparison
    from heedful.trial.statistics import Contrast

    Page: TypeAlias = PageData | SignalPage
    Compared: TypeAlias = Comparison | Classification

CONTROLS = {"none": ("#0072b2", "circle"), "placebo": ("#d55e00", "diamond"), "wide": ("#009e73", "square")}
"""What an attention is measured against, with its colour and mark."""


def forest(page: Page, comparison: Compared) -> go.Figure:
    """Draws the effect of every attention against its controls, with intervals; on the left the attention is better."""
    say = page.say
    shown = sorted(comparison.answers, key=lambda one: one.against_none.effect)
    figure = go.Figure(layout=layout(say, height=110 + 58 * len(shown), hovermode="closest"))
    margin = 100 * comparison.margin
    figure.add_vrect(x0=-margin, x1=margin, fillcolor="#eef2f7", line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    places = np.arange(len(shown))[::-1].astype(float)
    for offset, (name, (colour, mark)) in zip((0.22, 0.0, -0.22), CONTROLS.items(), strict=True):
        found = [
            (y, c, say.named("nones", one.called) if name == "none" and one.called != NONE else "")
            for y, one in zip(places, shown, strict=True)
            if (c := getattr(one, f"against_{name}")) and not (name == "wide" and one.question.nothing_to_widen)
        ]
        figure.add_trace(
            go.Scatter(
                x=np.array([100 * c.effect for _, c, _ in found]),
                y=[y + offset for y, *_ in found],
                mode="markers",
                name=say(f"trace.{name}"),
                marker={"color": colour, "size": 8, "symbol": mark},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_reach(100 * (c.high - c.effect)) for _, c, _ in found],
                    "arrayminus": [_reach(100 * (c.effect - c.low)) for _, c, _ in found],
                    "color": colour,
                    "thickness": 1.6,
                    "width": 4,
                },
                text=[_effect(c, which, say) for _, c, which in found],
                hovertemplate=say(f"trace.{name}") + say("text.colon") + "%{text}<extra></extra>",
            )
        )
    figure.update_yaxes(
        tickvals=places, ticktext=[wrapped(one.question.arm, 30) for one in shown], showgrid=False, zeroline=False
    )
    if shown[0].against_none.unit == told.POINTS:
        figure.update_xaxes(title_text=say("axis.effect_points"))
    else:
        figure.update_xaxes(title_text=say("axis.effect"), ticksuffix=say("text.percent", value=""))
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return figure


def _effect(one: Contrast, which: str, say: Language) -> str:
    text = told.effect(one, say)
    return say("answers.which", what=text, which=which) if which else text


def _reach(value: float) -> float:
    return value if np.isfinite(value) else 0.0


COSTS = ("parameters", "seconds", "milliseconds")
"""What a network costs, in the words of the score table."""


def cost(page: Page, comparison: Compared) -> go.Figure:
    """Draws how good every network is against what it costs: size, seconds to train, time of one forecast."""
    say, table = page.say, comparison.summary
    metric, title = page.measure
    known = np.array([comparison.models[str(name)].kind == "baseline" for name in table.index])
    networks = table[~known]
    shown = [name for name in COSTS if np.isfinite(networks[name].to_numpy(dtype=np.float64)).any()]
    figure = make_subplots(rows=1, cols=max(1, len(shown)), shared_yaxes=True, horizontal_spacing=0.03)
    figure.update_layout({k: v for k, v in layout(say, height=380, hovermode="closest").items() if "axis" not in k})
    colours = {line.name: line.colour for line in page.lines}
    style = layout(say, height=380)
    figure.update_xaxes(style["xaxis"] | {"type": "log", "nticks": 5, "tickangle": 0})
    figure.update_yaxes(style["yaxis"])
    for column, name in enumerate(shown, 1):
        figure.add_trace(
            go.Scatter(
                x=networks[name],
                y=networks[metric],
                mode="markers",
                marker={"size": 9, "color": [colours[str(model)] for model in networks.index]},
                text=[_told(str(model), row, page) for model, row in networks.iterrows()],
                hovertemplate=f"%{{text}}<br>{label(title)} %{{y:.5~g}}<extra></extra>",
            ),
            row=1,
            col=column,
        )
        figure.update_xaxes(title_text=say(f"axis.{name}{page.one}"), row=1, col=column)
        values = networks[name].to_numpy(dtype=np.float64)
        if np.nanmax(values) < 2 * np.nanmin(values):  # decades would be far apart, and marks between them unreadable
            linear = {"type": "linear", "range": [0, 1.1 * np.nanmax(values)]}
            figure.update_xaxes(linear, row=1, col=column)
        for baseline, row in table[known].iterrows():
            last = {"annotation_text": label(str(baseline)), "annotation_position": "top right"}
            figure.add_hline(
                y=float(row[metric]),
                line={"color": MUTED, "width": 1, "dash": "dot"},
                row=1,
                col=column,
                **({**last, "annotation_font_size": 11} if column == len(shown) else {}),
            )
    figure.update_yaxes(title_text=label(title), row=1, col=1)
    return figure


def _told(model: str, row: pd.Series, page: Page) -> str:
    known = np.isfinite(row["milliseconds"])
    slots = {"count": int(row["parameters"]), "seconds": row["seconds"], "milliseconds": row["milliseconds"]}
    return page.say(f"trace.cost{page.one}" if known else "trace.cost_unknown", model=label(model), **slots)
