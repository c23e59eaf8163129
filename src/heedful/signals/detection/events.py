"""Alarms that follow each other are one event; so are labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from heedful.errors import ShapeError


class Event(NamedTuple):
    """Points [start, stop) that follow each other in one recording or series."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """What is scored one by one: rows of a table, or windows of recordings, in time order within each source.

    Args:
        names: the recordings, or the series.
        source: number of each point's recording in `names`.
        start: first row or sample that a point stands for.
        stop: the one after its last.
        when: a stamp, seconds, or a number of the row or sample: where a point begins; `ends`: where it ends.
        unit: what `when` is: "time", "row", "seconds" or "sample".
        truth: whether a point is known to be an anomaly; None if nothing is known.
        a_day: points a day; None if that is unknown.

    Shape: all (n,).
    """

    names: tuple[str, ...]
    source: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    when: np.ndarray
    ends: np.ndarray
    unit: str
    truth: np.ndarray | None = None
    a_day: float | None = None

    def __post_init__(self) -> None:
        sizes = {len(one) for one in (self.source, self.start, self.stop, self.when, self.ends)}
        if self.truth is not None:
            sizes.add(len(self.truth))
        if len(sizes) != 1:
            raise ShapeError(f"Points need one entry of each kind a point, got {sorted(sizes)}. Give as many of each.")

    def __len__(self) -> int:
        return len(self.source)

    def at(self, times: pd.DatetimeIndex) -> Points:
        """Gives the same points with stamps in place of seconds: one of each row."""
        when = np.asarray(times[self.start].astype(str))
        return replace(self, when=when, ends=np.asarray(times[self.stop - 1].astype(str)), unit="time")

    def take(self, index: np.ndarray) -> Points:
        """Gives the points `index` alone."""
        own = {name: getattr(self, name)[index] for name in ("source", "start", "stop", "when", "ends")}
        return replace(self, truth=None if self.truth is None else self.truth[index], **own)


def events(flags: np.ndarray, source: np.ndarray, *, merge: int = 0) -> tuple[Event, ...]:
    """Gives the runs of true flags; none crosses from one source to the next.

    Args:
        flags: which points are alarms, or anomalies (n,).
        source: number of each point's recording (n,).
        merge: runs of one source with at most so many other points between them are one.

    >>> events(np.array([1, 1, 0, 1, 1], bool), np.array([0, 0, 0, 0, 7]))
    (Event(start=0, stop=2), Event(start=3, stop=4), Event(start=4, stop=5))
    >>> events(np.array([1, 1, 0, 1, 1], bool), np.array([0, 0, 0, 0, 7]), merge=1)
    (Event(start=0, stop=4), Event(start=4, stop=5))
    """
    places = np.flatnonzero(flags)
    if not len(places):
        return ()
    apart = (np.diff(places) > merge + 1) | (np.diff(source[places]) != 0)
    starts = places[np.r_[True, apart]]
    stops = places[np.r_[apart, True]] + 1
    return tuple(Event(int(a), int(b)) for a, b in zip(starts, stops, strict=True))
