"""Figures become text that a script element can hold."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go

from heedful.report.sheet import Plot, packed


def test_a_trace_without_a_point_can_be_written() -> None:
    figure = go.Figure(go.Scatter(x=np.array([]), y=[]))
    found = json.loads(packed({"empty": Plot(id="empty", figure=figure, alt="")}))
    assert found["figures"]["empty"]["data"][0]["x"] == []
