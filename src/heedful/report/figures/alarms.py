"""The signal, the score and the alarms of a detection, under each other over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures.style import MUTED, RULE, TOOLS, label, layout, shortened, thin

if TYPE_CHECKING:
    from heedful.report.detection import Page
    from heedful.signals.detection.events import Event

SIGNALS = 3
"""So many signals are drawn."""
BINS = 2000
"""Longer time lines are drawn by the smallest and largest of so many stretches."""
_EVENTS = 300
_ALARM, _TRUE, _SCORE = "#b91c1c", "rgba(234,179,8,0.28)", "#0072b2"


def over_time(page: Page) -> go.Figure:
    """Draws up to three signals and the score of the best detector, its threshold, its alarms and the true events."""
    result, say = page.result, page.say
    rows = min(SIGNALS, len(result.signals)) + 1
    figure = go.Figure(layout=layout(say, height=150 * rows + 90, margin=TOOLS, hovermode="closest"))
    where = _Places(page)
    for row in range(rows - 1):
        axis = _axis(figure, row, rows, label(shortened(result.signals[row], 24)))
        values = result.signal[:, row]
        if row < result.best.expected.shape[1]:
            style = {"line": {"color": "#d97706", "width": 1}, "name": say("detection.expected")}
            _line(figure, where, result.best.expected[:, row], axis, style)
        _line(
            figure, where, values, axis, {"line": {"color": "#111827", "width": 1}, "name": say("detection.measured")}
        )
    axis = _axis(figure, rows - 1, rows, say("detection.score"))
    _line(
        figure, where, result.best.test, axis, {"line": {"color": _SCORE, "width": 1}, "name": say("detection.score")}
    )
    _alarms(figure, page, where, axis)
    known = result.best.test[np.isfinite(result.best.test)]
    threshold = result.best.threshold.value
    if known.size and known.min() > 0 and known.max() > 20 * threshold:
        figure.update_layout({f"yaxis{axis}": {"type": "log"}})
    figure.add_hline(y=threshold, line={"color": _ALARM, "width": 1, "dash": "dash"}, yref=f"y{axis}", row=None)
    for one in result.true_events[:_EVENTS]:
        _band(figure, where, one)
    figure.update_xaxes(type="date" if where.dated else "linear", title_text=where.title, anchor="free", position=0)
    return figure


class _Places:
    """Where points lie on the axis of time: stamps of a table, seconds of one recording, else their numbers."""

    def __init__(self, page: Page) -> None:
        result, say = page.result, page.say
        points = result.points
        self.dated = points.unit == "time"
        alone = len(set(points.source.tolist())) == 1
        self.x: Any = points.when if self.dated or alone else np.arange(len(points))
        titles = {"seconds": "axis.seconds_in", "sample": "axis.samples_in", "row": "axis.row"}
        self.title = "" if self.dated else say(titles[points.unit] if alone else "detection.window_number")
        names = [label(shortened(name, 40)) for name in points.names]
        self.told = None if alone else np.array(names)[points.source]
        self._plain = [str(x) for x in self.x] if self.dated else [float(x) for x in self.x]
        edges = np.unique(np.linspace(0, len(points), BINS + 1).astype(int)) if len(points) > BINS else None
        self.edges = None if edges is None else edges[:-1]

    def at(self, place: int) -> str | float:
        """Gives where a point lies, as JSON can hold it."""
        return self._plain[place]


def _line(figure: go.Figure, where: _Places, values: np.ndarray, axis: str, style: dict[str, Any]) -> None:
    """Draws a line; of a long one the smallest and the largest of each stretch."""
    x, y, told = where.x, values, where.told
    if where.edges is not None:
        low = np.fmin.reduceat(values, where.edges)
        high = np.fmax.reduceat(values, where.edges)
        y = np.stack([low, high], 1).ravel()
        x = np.repeat(np.asarray(where.x)[where.edges], 2)
        told = None if told is None else np.repeat(told[where.edges], 2)
    figure.add_trace(
        go.Scatter(
            x=x,
            y=thin(y),
            mode="lines",
            connectgaps=False,
            text=told,
            hovertemplate="%{x}: %{y:.5~g}"
            + ("" if told is None else "<br>%{text}")
            + "<extra>%{fullData.name}</extra>",
            yaxis=f"y{axis}",
            **style,
        )
    )


def _alarms(figure: go.Figure, page: Page, where: _Places, axis: str) -> None:
    """Marks the peak of every event; of very many the highest."""
    best, events = page.result.best, page.result.events
    peaks = [_peak(best.test, one) for one in events]
    peaks = sorted(sorted(peaks, key=lambda place: -best.test[place])[:_EVENTS])
    if not peaks:
        return
    figure.add_trace(
        go.Scatter(
            x=[where.at(place) for place in peaks],
            y=thin(best.test[peaks]),
            mode="markers",
            marker={"color": _ALARM, "size": 6},
            name=page.say("detection.event"),
            text=None if where.told is None else [where.told[place] for place in peaks],
            hovertemplate="%{x}: %{y:.4~g}"
            + ("" if where.told is None else "<br>%{text}")
            + "<extra>%{fullData.name}</extra>",
            yaxis=f"y{axis}",
        )
    )


def _peak(scores: np.ndarray, one: Event) -> int:
    own = scores[one.start : one.stop]
    return one.start + int(np.where(np.isfinite(own), own, -np.inf).argmax())


def _band(figure: go.Figure, where: _Places, one: Event) -> None:
    """Shades a true event over all pictures."""
    last = min(one.stop, len(where.x) - 1)
    figure.add_shape(
        type="rect", xref="x", yref="paper", x0=where.at(one.start), x1=where.at(last), y0=0, y1=1, fillcolor=_TRUE,
        line={"width": 0}, layer="below",
    )  # fmt: skip


def _axis(figure: go.Figure, row: int, rows: int, title: str) -> str:
    """Adds the vertical axis of a row, counted from the top, and gives the end of its name."""
    name = "" if row == 0 else str(row + 1)
    gap = 0.06 if rows > 1 else 0.0
    height = (1 - gap * (rows - 1)) / rows
    top = 1 - row * (height + gap)
    figure.update_layout(
        {
            f"yaxis{name}": {
                "domain": [max(0.0, top - height), top],
                "title": {"text": title, "font": {"size": 12, "color": MUTED}},
                "gridcolor": RULE,
                "zeroline": False,
                "automargin": True,
                "nticks": 5,
                "anchor": "x",
            }
        }
    )
    return name
