"""The sampling rate that a column of times tells."""

from __future__ import annotations

import numpy as np
import pandas as pd

LOOKED_AT = 200_000
UNITS = ((1e17, 1e9, "nanoseconds"), (1e14, 1e6, "microseconds"), (1e11, 1e3, "milliseconds"))


def steps_evenly(column: pd.Series) -> bool:
    """Says whether a column of numbers rises in equal steps, as a time or a counter does.

    >>> steps_evenly(pd.Series([0.0, 0.1, 0.2, 0.3])), steps_evenly(pd.Series([0.0, 0.1, 0.3, 0.4]))
    (True, False)
    """
    if not pd.api.types.is_numeric_dtype(column) or len(column) < 3:
        return False
    steps = np.diff(column.to_numpy(dtype=float)[:LOOKED_AT])
    return bool(steps.min() > 0 and np.ptp(steps) <= 1e-3 * steps.mean())


def rate_of(column: pd.Series, starts: np.ndarray) -> tuple[float | None, str]:
    """Finds the samples a second of a column of times in seconds, epoch units or dates; and says what was found.

    Args:
        starts: rows at which another recording begins.

    >>> rate_of(pd.Series([0.0, 0.5, 1.0, 0.0, 0.5], name="time"), np.array([0, 3]))
    (2.0, '')
    """
    seconds, unit = _seconds(column.iloc[:LOOKED_AT])
    if seconds is None:
        return None, f"Column '{column.name}' was left out: it is no time that can be read, so the rate is unknown."
    steps = np.delete(np.diff(seconds), [start - 1 for start in starts if 0 < start < len(seconds)])
    steps = steps[np.isfinite(steps)]
    usual = float(np.median(steps)) if len(steps) else 0.0
    if usual <= 0:
        return None, f"Column '{column.name}' does not rise, so the rate is unknown."
    if np.mean(np.abs(steps - usual) > 0.05 * usual) > 0.1:
        return None, f"The steps of column '{column.name}' are uneven, so the rate is unknown. Give it: rate=..."
    even = steps[np.abs(steps - usual) <= 0.05 * usual]
    rate = float(f"{1 / even.mean():.6g}")
    note = f"Column '{column.name}' was read as {unit}: {rate:g} samples a second." if unit else ""
    jumps = int(np.sum(np.abs(steps - usual) > 0.5 * usual))
    return rate, f"{note} Its times jump {jumps} times.".strip() if jumps else note


def _seconds(column: pd.Series) -> tuple[np.ndarray | None, str]:
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=float)
        size = float(np.nanmax(np.abs(values)))
        for least, per_second, name in UNITS:
            if size >= least:
                return values / per_second, name
        return (values / 1e3, "milliseconds") if str(column.name).lower().endswith("ms") else (values, "")
    try:
        times = pd.to_datetime(column, errors="raise", utc=True)
    except (ValueError, TypeError):
        return None, ""
    seconds: np.ndarray = (times - times.iloc[0]).dt.total_seconds().to_numpy()
    return seconds, "dates"
