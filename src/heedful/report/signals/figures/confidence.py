"""How often a network is right where it is so sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from heedful.report.figures.style import INK, MUTED, layout

if TYPE_CHECKING:
    from heedful.report.language import Language
    from heedful.report.signals.confidence import Confidence

_LOOKS = {"before": ("circle-open", MUTED), "after": ("circle", "#0072b2")}


def reliability(say: Language, found: Confidence) -> go.Figure:
    """Draws the share that is right against the confidence, before and after the temperature; on the line is honest."""
    figure = go.Figure(layout=layout(say, height=380, hovermode="closest"))
    line = {"color": INK, "width": 1, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for name, bins in (("before", found.before), ("after", found.after)):
        mark, colour = _LOOKS[name]
        figure.add_scatter(
            x=bins.confidence,
            y=bins.right,
            mode="markers",
            name=say(f"trace.{name}"),
            marker={"symbol": mark, "color": colour, "size": 5 + 22 * np.sqrt(bins.share), "line": {"width": 1.4}},
            customdata=100 * bins.share,
            hovertemplate=say("trace.bin") + "<extra></extra>",
        )
    figure.update_xaxes(title_text=say("axis.confidence"), range=[0, 1.03])
    figure.update_yaxes(title_text=say("axis.right"), range=[0, 1.03])
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure.update_layout(showlegend=True, legend=legend)
