"""What the page shows of a controlled trial: a forest of effects, a row for each attention, cost against accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures import INK, MUTED, _layout, label, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heedful.report.view import PageData
    from heedful.trial.effects import Answer
    from heedful.trial.result import Comparison
    from heedful.trial.statistics import Contrast

CONTROLS = {"none": "#0072b2", "placebo": "#d55e00", "wide": "#009e73"}
"""What an attention is measured against, and the colour it is drawn in."""
TONES = {"helps": "good", "hurts": "warning"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attention: its answer in words, and its effects as text."""

    arm: str
    outcome: str
    tone: str
    none: str
    placebo: str
    wide: str
    p: str
    detectable: str
    reasons: tuple[str, ...]


def rows(answers: Sequence[Answer]) -> list[Row]:
    """Gives a row for every attention, the lowest error against none first."""
    return [
        Row(
            arm=one.question.arm,
            outcome=one.outcome,
            tone=TONES.get(one.outcome, ""),
            none=text(one.against_none),
            placebo=text(one.against_placebo) if one.against_placebo else "–",
            wide=text(one.against_wide),
            p=f"{one.verdict.p_helps:.3f}" if one.verdict else "–",
            detectable=f"{100 * one.against_none.detectable:.1f} %"
            if np.isfinite(one.against_none.detectable)
            else "–",
            reasons=one.verdict.reasons if one.verdict else (f"It has no placebo: {one.reason}.",),
        )
        for one in sorted(answers, key=lambda one: one.against_none.effect)
    ]


def text(one: Contrast) -> str:
    """Writes an effect in percent with its interval, with true minus signs.

    >>> from types import SimpleNamespace
    >>> text(SimpleNamespace(effect=-0.012, low=-0.031, high=0.008))
    '−1.2 % [−3.1, +0.8]'
    """
    if not np.isfinite(one.low):
        return f"{100 * one.effect:+.1f} %".replace("-", "−")
    return f"{100 * one.effect:+.1f} % [{100 * one.low:+.1f}, {100 * one.high:+.1f}]".replace("-", "−")


def forest(comparison: Comparison) -> go.Figure:
    """Draws the effect of every attention against its controls, with intervals; on the left the attention is better."""
    shown = sorted(comparison.answers, key=lambda one: one.against_none.effect)
    figure = go.Figure(layout=_layout(height=110 + 58 * len(shown), hovermode="closest"))
    margin = 100 * comparison.margin
    figure.add_vrect(x0=-margin, x1=margin, fillcolor="#eef2f7", line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    places = np.arange(len(shown))[::-1].astype(float)
    for offset, (name, colour) in zip((0.22, 0.0, -0.22), CONTROLS.items(), strict=True):
        found = [(y, getattr(one, f"against_{name}")) for y, one in zip(places, shown, strict=True)]
        found = [(y, c) for y, c in found if c is not None]
        effects = np.array([100 * c.effect for _, c in found])
        figure.add_trace(
            go.Scatter(
                x=effects,
                y=[y + offset for y, _ in found],
                mode="markers",
                name=f"against {name}",
                marker={
                    "color": colour,
                    "size": 8,
                    "symbol": {"none": "circle", "placebo": "diamond"}.get(name, "square"),
                },
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_reach(100 * (c.high - c.effect)) for _, c in found],
                    "arrayminus": [_reach(100 * (c.effect - c.low)) for _, c in found],
                    "color": colour,
                    "thickness": 1.6,
                    "width": 4,
                },
                text=[text(c) for _, c in found],
                hovertemplate=f"against {name}: %{{text}}<extra></extra>",
            )
        )
    figure.update_yaxes(
        tickvals=places, ticktext=[wrapped(one.question.arm, 30) for one in shown], showgrid=False, zeroline=False
    )
    figure.update_xaxes(title_text="change of the squared error [%]; left: attention is better", ticksuffix=" %")
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return figure


def _reach(value: float) -> float:
    return value if np.isfinite(value) else 0.0


def cost(comparison: Comparison, page: PageData) -> go.Figure:
    """Draws the error of every network against the seconds that a seed took to train."""
    table = comparison.summary
    networks = table[table["kind"] != "baseline"]
    figure = go.Figure(layout=_layout(height=380, hovermode="closest"))
    colours = {line.name: line.colour for line in page.lines}
    figure.add_trace(
        go.Scatter(
            x=networks["seconds"],
            y=networks["rmse"],
            mode="markers",
            marker={"size": 9, "color": [colours[str(name)] for name in networks.index]},
            text=[label(f"{name}, {int(count):,} parameters") for name, count in networks["parameters"].items()],
            hovertemplate="%{text}<br>%{x:.3~g} s, RMSE %{y:.5~g}<extra></extra>",
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
    figure.update_xaxes(type="log", title_text="seconds to train one seed, all learning rates together")
    figure.update_yaxes(title_text=f"RMSE [{label(page.target)}]")
    return figure
