"""Forecasts as frames: one row per window, step and target, with real stamps and original units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from heedful.data.windows import Windows
from heedful.forecasting.outputs import Forecasts
from heedful.forecasting.scores import named, targets_last


def tidy(windows: Windows, said: Forecasts, levels: Sequence[float]) -> pd.DataFrame:
    """Lays forecasts out in columns: series, origin, step, time, target, true, predicted, and bounds for each level.

    Windows follow each other; within one, targets do, and within a target steps.
    """
    series, index = windows.span.series, np.arange(len(windows))
    n, horizon, count = len(windows), windows.horizon, len(series.targets)
    steps = np.arange(1, horizon + 1)
    rows = windows.origins[:, None] + steps
    members = np.array([member.name for member in series.members])[windows.members(index)]
    columns = {
        "series": np.repeat(members, horizon * count),
        "origin": series.times[np.repeat(windows.origins, horizon * count)],
        "step": np.tile(steps, n * count),
        "time": series.times[np.repeat(rows[:, None], count, axis=1).ravel()],
        "target": np.tile(np.repeat(np.array(series.targets), horizon), n),
        "true": _column(windows, windows.targets(index).astype(np.float64)),
        "predicted": _column(windows, said.point),
    }
    for level, lower, upper in zip(levels, said.lower, said.upper, strict=True):
        columns[f"lower_{named(level)}"] = _column(windows, lower)
        columns[f"upper_{named(level)}"] = _column(windows, upper)
    return pd.DataFrame(columns)


def _column(windows: Windows, values: np.ndarray) -> np.ndarray:
    return targets_last(windows, values).transpose(0, 2, 1).ravel()
