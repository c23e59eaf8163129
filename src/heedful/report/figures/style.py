"""What all pictures share: colours, axes, lines and bands, and names that are safe to draw."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from heedful.report.language import Language
from heedful.report.view import Line, PageData

INK, MUTED, RULE = "#111827", "#4b5563", "#e5e7eb"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, {more}sans-serif"
TOOLS = {"l": 8, "r": 16, "t": 34, "b": 8}  # room above for the buttons


def blank(page: PageData, *, height: int, timed: bool = True, margin: dict[str, int] | None = None) -> go.Figure:
    """Gives an empty figure, whose x axis is that of time if it is timed."""
    figure = go.Figure(layout=layout(page.say, height=height, margin=margin))
    if timed:
        figure.update_xaxes(type="date" if page.clock.dated else "linear", title_text=label(page.clock.title))
        if not page.clock.dated:
            figure.update_xaxes(hoverformat=",~r", tickformat=",~r")
    else:
        figure.update_xaxes(type="linear")
    return figure


def layout(
    say: Language, *, height: int, margin: dict[str, int] | None = None, hovermode: str = "x unified"
) -> dict[str, Any]:
    """Gives the look that all figures have."""
    axis = {
        "gridcolor": RULE,
        "linecolor": "#9ca3af",
        "showline": True,
        "zeroline": False,
        "automargin": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "#9ca3af",
        "title": {"standoff": 8, "font": {"size": 12, "color": MUTED}},
    }
    return {
        "height": height,
        "margin": margin or {"l": 8, "r": 16, "t": 12, "b": 8},
        "font": {"family": FONT.format(more=say.fonts), "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "showlegend": False,
        "hovermode": hovermode,
        "hoverlabel": {"bgcolor": "white", "bordercolor": "#d1d5db", "font": {"size": 12}},
        "xaxis": axis,
        "yaxis": axis,
        "dragmode": "zoom",
        "template": "none",
    }


def switched(page: PageData, line: Line, step: int, **more: Any) -> dict[str, Any]:
    """Says of which model and step a trace is, and whether it is on when the page opens."""
    visible = line.name in page.first and step == page.steps[0]
    return {"meta": {"model": line.name, "step": step, **more}, "visible": visible}


def add_line(figure: go.Figure, x: np.ndarray, y: np.ndarray, **style: Any) -> None:
    """Draws a line with gaps where values are unknown."""
    figure.add_trace(go.Scatter(x=x, y=thin(y), mode="lines", hovertemplate="%{y:.6~g}", connectgaps=False, **style))


def add_band(
    figure: go.Figure, x: np.ndarray, low: np.ndarray, high: np.ndarray, line: Line, shown: dict[str, Any]
) -> None:
    """Fills what lies between two lines, in the faded colour of a model."""
    edge = {"width": 0, "color": line.colour}
    for y, fill in ((low, None), (high, "tonexty")):
        figure.add_trace(
            go.Scatter(
                x=x,
                y=thin(y),
                mode="lines",
                line=edge,
                fill=fill,
                fillcolor=faded(line.colour, 0.16),
                hoverinfo="skip",
                **shown,
            )
        )


def faded(colour: str, opacity: float) -> str:
    """Makes a colour such as "#0072b2" see-through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def thin(values: np.ndarray) -> np.ndarray:
    """Halves the bytes: seven digits are more than a picture shows; what does not fit is left out of it."""
    top = float(np.finfo(np.float32).max)
    return np.where(np.abs(values) <= top, values, np.nan).astype(np.float32)


def short(value: float) -> float:
    """Keeps the six digits that a picture can show."""
    return float(f"{value:.6g}")


def label(text: str) -> str:
    """Makes a name safe for figures, which read a few HTML tags."""
    return escape(str(text), quote=False)


def wrapped(text: str, width: int = 22) -> str:
    """Breaks a long name into two lines, after an underscore, a plus or a blank where there is one.

    >>> wrapped("a_name_that_is_rather_long")
    'a_name_that_is_rather_<br>long'
    """
    text = str(text)
    if len(text) <= width:
        return label(text)
    cut = max(text.rfind(mark, 0, width) for mark in "_ -+.") + 1 or width
    return f"{label(text[:cut])}<br>{label(shortened(text[cut:], width))}"


def shortened(text: str, width: int) -> str:
    """Ends a long text with three dots.

    >>> shortened("persistence", 8)
    'persist…'
    """
    return text if len(text) <= width else text[: width - 1] + "…"
