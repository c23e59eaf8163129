"""Rows of a series as positions on an axis, and as words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from heedful.report.language import Language


@dataclass(frozen=True, kw_only=True, eq=False)
class Clock:
    """Turns rows of a series into positions on an axis, and into words.

    Stamps with a time zone are shown as that zone's wall clock.
    """

    index: pd.Index
    dated: bool
    title: str

    def at(self, rows: np.ndarray) -> np.ndarray:
        """Gives milliseconds since 1970 for stamps, numbers otherwise."""
        if not self.dated:
            numbers = pd.api.types.is_numeric_dtype(self.index)
            return self.index[rows].to_numpy(dtype=np.float64) if numbers else rows.astype(np.float64)
        stamps = pd.DatetimeIndex(self.index[rows]).tz_localize(None).as_unit("ms")
        return stamps.asi8.astype(np.float64)

    def text(self, row: int) -> str:
        """Gives one row's stamp, without a time of day where every row stands at midnight."""
        stamp = self.index[row]
        if not isinstance(stamp, pd.Timestamp):
            return str(stamp)
        ends = [self.index[i] for i in (0, len(self.index) // 2, -1)]
        midnight = all(s == s.normalize() for s in (*ends, stamp))
        return stamp.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M")


def clock(index: pd.Index, say: Language) -> Clock:
    """Builds the clock of a series' stamps."""
    if not isinstance(index, pd.DatetimeIndex):
        return Clock(index=index, dated=False, title=say("axis.row"))
    return Clock(index=index, dated=True, title=say("axis.time_in", zone=index.tz) if index.tz is not None else "")
