"""What is left between forecast and truth: over time, as boxes, as shares, and step by step."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures.style import INK, add_band, add_line, blank, faded, label, short, switched, wrapped
from heedful.report.view import Bins, PageData, bin_errors, step_rmse


def residuals_over_time(page: PageData) -> go.Figure:
    """Draws forecast minus truth over the whole test part, in bins where there are many windows."""
    figure = blank(page, height=340)
    for step in page.steps:
        times = page.times(step)[page.shown]
        for line in page.lines:
            bins = bin_errors((line.mean[:, step] - page.truth[:, step])[page.shown], times)
            shown = switched(page, line, step)
            if bins.size > 1:
                add_band(figure, bins.centre, bins.low, bins.high, line, shown)
            style = {"color": line.colour, "width": 1.3, "dash": line.dash}
            add_line(figure, bins.centre, bins.mean, name=label(line.name), line=style, **shown)
    figure.update_yaxes(title_text=page.say("axis.error", target=label(page.target)), zeroline=True, zerolinecolor=INK)
    return figure


def residual_bins(page: PageData) -> Bins:
    """Gives the first line's bins, to say how many windows one point of `residuals_over_time` stands for."""
    return bin_errors((page.lines[0].mean[:, 0] - page.truth[:, 0])[page.shown], page.times(0)[page.shown])


def residual_spread(page: PageData) -> go.Figure:
    """Draws the middle half and the 5 % to 95 % range of every model's errors, all models side by side."""
    figure = blank(page, height=90 + 30 * len(page.lines), timed=False)
    for step in page.steps:
        for line in reversed(page.lines):
            errors = line.mean[:, step] - page.truth[:, step]
            errors = errors[np.isfinite(errors)]
            if not errors.size:
                continue
            low, q1, median, q3, high = np.quantile(errors, (0.05, 0.25, 0.5, 0.75, 0.95))
            figure.add_trace(
                go.Box(
                    y=[wrapped(line.name)],
                    lowerfence=[short(low)],
                    q1=[short(q1)],
                    median=[short(median)],
                    q3=[short(q3)],
                    upperfence=[short(high)],
                    orientation="h",
                    name=label(line.name),
                    line={"color": line.colour, "width": 1.4},
                    fillcolor=faded(line.colour, 0.25),
                    meta={"step": step},
                    visible=step == page.steps[0],
                    width=0.6,
                )
            )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title_text=page.say("axis.error", target=label(page.target)), zeroline=True, zerolinecolor=INK)
    figure.update_yaxes(showgrid=False, ticks="", type="category")
    return figure


def residual_histogram(page: PageData) -> go.Figure:
    """Draws how often each size of error came, as shares of the test windows in bins common to all models."""
    figure = blank(page, height=90 + 30 * max(7, len(page.lines)), timed=False)
    for step in page.steps:
        errors = [line.mean[:, step] - page.truth[:, step] for line in page.lines]
        errors = [e[np.isfinite(e)] for e in errors]
        chosen = [e for e, line in zip(errors, page.lines, strict=True) if e.size and line.name in page.first]
        if not chosen:
            continue
        low, high = (f(np.quantile(e, q) for e in chosen) for f, q in ((min, 0.002), (max, 0.998)))
        reach = max(abs(low), abs(high)) or 1.0
        edges = np.linspace(-reach, reach, 42)
        for line, error in zip(page.lines, errors, strict=True):
            if error.size:
                # Errors beyond the picture are counted in its outermost bins, so that shares add up.
                share = 100 * np.histogram(np.clip(error, -reach, reach), edges)[0] / error.size
                style = {"color": line.colour, "width": 1.6, "dash": line.dash, "shape": "hvh"}
                centres = (edges[1:] + edges[:-1]) / 2
                add_line(figure, centres, share, name=label(line.name), line=style, **switched(page, line, step))
                figure.data[-1].hovertemplate = page.say("trace.share")
    figure.update_xaxes(title_text=page.say("axis.error", target=label(page.target)), hoverformat=".4~g")
    figure.update_yaxes(title_text=page.say("axis.share"), rangemode="tozero")
    return figure


def step_errors(page: PageData) -> go.Figure:
    """Draws RMSE at every step of the horizon."""
    figure = blank(page, height=340, timed=False)
    steps = np.arange(1, page.horizon + 1)
    for line in page.lines:
        style = {"color": line.colour, "width": 1.6, "dash": line.dash}
        shown = switched(page, line, page.steps[0])
        shown["meta"] = {"model": line.name}
        add_line(figure, steps, step_rmse(page, line), name=label(line.name), line=style, **shown)
        figure.data[-1].update(mode="lines+markers" if page.horizon <= 48 else "lines", marker={"size": 4})
    figure.update_xaxes(title_text=page.say("axis.step"), hoverformat="d")
    figure.update_yaxes(title_text=page.say("axis.rmse", target=label(page.target)), rangemode="tozero")
    return figure
