"""A window as it was measured, and its spectrum."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from heedful.report.figures.style import label, layout, thin
from heedful.report.language import Language
from heedful.report.signals.examples import CHANNELS, Example, spectrum
from heedful.report.view import PALETTE

_POINTS, _LINES = 600, 500


def preview(say: Language, one: Example, channels: tuple[str, ...]) -> go.Figure:
    """Draws the first channels of a window over time, and beside it their amplitude spectra."""
    figure = make_subplots(rows=1, cols=2, column_widths=[0.6, 0.4], horizontal_spacing=0.13)
    style = layout(say, height=170, margin={"l": 8, "r": 12, "t": 6, "b": 6}, hovermode="closest")
    figure.update_layout({key: value for key, value in style.items() if "axis" not in key})
    figure.update_xaxes(style["xaxis"] | {"nticks": 6, "tickangle": 0})
    figure.update_yaxes(style["yaxis"] | {"nticks": 5})
    lines, amplitudes = spectrum(one)
    for number, name in enumerate(channels[:CHANNELS]):
        pen = {"color": PALETTE[number], "width": 1}
        place, values = envelope(one.x[:, number], _POINTS)
        x, y = seconds(one, place), thin(values)
        figure.add_scatter(x=x, y=y, mode="lines", line=pen, row=1, col=1, hovertemplate=_hover(name))
        if len(lines):
            x, y = peaks(lines, amplitudes[:, number], _LINES)
            figure.add_scatter(x=x, y=thin(y), mode="lines", line=pen, row=1, col=2, hovertemplate=_hover(name))
    figure.update_xaxes(title_text=time_title(say, one), row=1, col=1)
    figure.update_xaxes(title_text=say("axis.hertz" if one.rate else "axis.cycles"), nticks=4, row=1, col=2)
    figure.update_yaxes(title_text=say("axis.amplitude"), rangemode="tozero", minexponent=2, row=1, col=2)
    return figure


def seconds(one: Example, samples: np.ndarray) -> np.ndarray:
    """Gives the time of samples of a window within its recording; their numbers where the rate is unknown."""
    return (one.start + samples) / (one.rate or 1.0)


def time_title(say: Language, one: Example) -> str:
    """Names the axis of `seconds`."""
    return say("axis.seconds_in" if one.rate else "axis.samples_in")


def envelope(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Brings values (n,) to at most two for each of `most` stretches, its smallest and its largest, in their order.

    >>> place, kept = envelope(np.array([0.0, 3.0, 1.0, -2.0]), 1)
    >>> place.tolist(), kept.tolist()
    ([1, 3], [3.0, -2.0])
    """
    size = -(-len(values) // most)
    if size <= 2:
        return np.arange(len(values)), values
    found = []
    for start in range(0, len(values), size):
        part = values[start : start + size]
        found += sorted({start + int(part.argmin()), start + int(part.argmax())})
    place = np.array(found)
    return place, values[place]


def peaks(lines: np.ndarray, values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Brings a spectrum to at most so many lines, each the largest of its neighbours: no peak is lost.

    >>> peaks(np.array([1.0, 2.0, 3.0]), np.array([0.0, 5.0, 1.0]), 2)[1].tolist()
    [5.0, 1.0]
    """
    size = -(-len(values) // most)
    starts = np.arange(0, len(values), size)
    largest = [start + int(values[start : start + size].argmax()) for start in starts]
    return lines[largest], values[largest]


def _hover(name: str) -> str:
    return f"{label(name)} %{{y:.4~g}}<br>%{{x:.5~g}}<extra></extra>"
