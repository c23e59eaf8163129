"""Truth and forecasts over time."""

from __future__ import annotations

import plotly.graph_objects as go

from heedful.report.figures.style import INK, RULE, TOOLS, add_band, add_line, blank, label, switched
from heedful.report.view import PageData


def curves(page: PageData) -> go.Figure:
    """Draws truth and forecasts of the newest windows on time stamps, a step of the horizon at a time."""
    figure = blank(page, height=480, margin=TOOLS)
    newest = page.newest(page.points)
    for step in page.steps:
        times = page.times(step)[newest]
        for line in page.lines:
            shown = switched(page, line, step)
            if line.low is not None and line.high is not None:
                add_band(figure, times, line.low[newest, step], line.high[newest, step], line, shown)
        add_line(
            figure,
            times,
            page.truth[newest, step],
            name=page.say("trace.truth"),
            line={"color": INK, "width": 1.8},
            meta={"model": "", "step": step, "zoom": True},
            visible=step == page.steps[0],
        )
        for line in page.lines:
            add_line(
                figure,
                times,
                line.mean[newest, step],
                name=label(line.name),
                line={"color": line.colour, "width": 1.4, "dash": line.dash},
                **switched(page, line, step, zoom=True),
            )
    figure.update_xaxes(
        rangeslider={
            "visible": True,
            "thickness": 0.1,
            "bordercolor": RULE,
            "borderwidth": 1,
            "yaxis": {"rangemode": "auto"},
        }
    )
    figure.update_yaxes(title_text=label(page.target))
    return figure
