"""The calendar as inputs: waves of the hour, the weekday and the day of the year, known for ever."""

from __future__ import annotations

import numpy as np
import pandas as pd

from heedful.data.step import Step, duration_of, month_count
from heedful.errors import DataError

_CYCLES = {"hour": 24.0, "weekday": 7.0, "yearday": 365.25}
NAMES = tuple(f"{cycle} {wave}" for cycle in _CYCLES for wave in ("sin", "cos"))
_DAY = pd.Timedelta(days=1)


def calendar_names(step: Step) -> tuple[str, ...]:
    """Names the waves that a step resolves; none for years.

    >>> calendar_names(Step(kind="business", frequency="B"))
    ('weekday sin', 'weekday cos', 'yearday sin', 'yearday cos')

    Raises: DataError for a series without stamps.
    """
    if step.kind == "rows":
        raise DataError("Calendar inputs need stamps, and the table has no time column. Name it with --time.")
    months = month_count(step)
    if months is not None:
        return NAMES[4:] if months < 12 else ()
    size = _DAY if step.kind == "business" else duration_of(step.frequency)
    return NAMES if size < _DAY else NAMES[2:] if size < 7 * _DAY else NAMES[4:] if size < 365 * _DAY else ()


def calendar_values(times: pd.Index, names: tuple[str, ...]) -> np.ndarray:
    """Gives the waves at the wall-clock times of the stamps. Shape: (rows, names).

    >>> calendar_values(pd.DatetimeIndex(["2024-01-01 06:00"]), ("hour sin", "weekday cos")).round(6).tolist()
    [[1.0, 1.0]]

    Raises: DataError for rows without stamps.
    """
    if not isinstance(times, pd.DatetimeIndex):
        raise DataError("Calendar inputs need stamps, and the table has no time column. Name it with --time.")
    found = np.empty((len(times), len(names)))
    for j, name in enumerate(names):
        cycle, wave = name.split()
        angle = 2 * np.pi * _phase(times, cycle) / _CYCLES[cycle]
        found[:, j] = np.sin(angle) if wave == "sin" else np.cos(angle)
    return found


def _phase(times: pd.DatetimeIndex, cycle: str) -> np.ndarray:
    if cycle == "hour":
        return np.asarray(times.hour + times.minute / 60 + times.second / 3600, dtype=np.float64)
    days = times.day_of_week if cycle == "weekday" else times.day_of_year - 1
    return np.asarray(days, dtype=np.float64)
