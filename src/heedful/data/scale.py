"""Scales columns by what the train rows showed; in a panel every member by its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from heedful.data.series import Series, agreed
from heedful.data.split import Span
from heedful.data.windows import Windows
from heedful.errors import DataError, OptionError

KINDS = ("standard", "minmax")
_LEAST = 2


class Batch(NamedTuple):
    """Scaled float32 windows: inputs (n, T, F), known columns ahead (n, P, K) or None, targets (n, P[, M])."""

    x: np.ndarray
    future: np.ndarray | None
    y: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaler:
    """z = (x - centre) / spread, column by column; remembers which rows it saw.

    "standard" takes mean and deviation (ddof 0), "minmax" takes minimum and range, of observed train values. Columns
    that a series calls plain (one-hot, masks, ages, calendar) stay as they are. Every member of a panel has its own
    centre and spread; one with fewer than two observed train values of a column takes those of all members together.

    Args:
        outputs: the columns that are forecast. Give these, or one `target`.
        members: names of the members of a panel, one for each row of centre and spread; empty for a single series.

    Shape: centre and spread (F,), or (members, F) for a panel.
    """

    kind: str
    columns: tuple[str, ...]
    target: str = ""
    outputs: tuple[str, ...] = ()
    centre: np.ndarray
    spread: np.ndarray
    rows: tuple[int, int]
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        target, outputs = agreed(self.target, self.outputs, self.columns)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "outputs", outputs)

    @staticmethod
    def fit(span: Span, kind: str = "standard") -> Scaler:
        """Learns centre and spread from a train span; a constant column gets spread 1.

        Raises: DataError for any part but train, OptionError for an unknown kind.
        """
        if span.part != "train":
            raise DataError(
                f"Scaler.fit takes the train span, got the {span.part} span. Scaling by later rows leaks the future."
            )
        if kind not in KINDS:
            raise OptionError(f"Scaler.fit knows the kinds {', '.join(KINDS)}, got '{kind}'.")
        series = span.series
        own = _own(series, span.pieces)
        for j in np.flatnonzero(own.seen.sum(0) == 0):
            raise DataError(f"Column '{series.columns[j]}' has no value in the train rows. Leave it out.")
        centre, spread = _settled(series, kind, own, _together(own, kind), alone=len(series.members) == 1)
        several = len(series.members) > 1
        return Scaler(
            kind=kind,
            columns=series.columns,
            outputs=series.targets,
            centre=centre if several else centre[0],
            spread=spread if several else spread[0],
            rows=(span.start, span.stop),
            members=tuple(member.name for member in series.members) if several else (),
        )

    def for_member(self, series: Series) -> Scaler:
        """Gives a scaler for the members of another series, such as the table that a panel model is to continue.

        Members that were in training keep their centre and spread. One that was not (`unseen` names them) is scaled
        by its own given rows, for nothing else is known of it. The scaler of a single series stays as it is.
        """
        if not self.unseen(series):
            return self
        own = _own(series, [(member.start, member.stop) for member in series.members])
        common = self.centre.mean(0), self.spread.mean(0)
        centre, spread = _settled(series, self.kind, own, common)
        for number, member in enumerate(series.members):
            if member.name in self._numbers:
                row = self._numbers[member.name]
                centre[number], spread[number] = self.centre[row], self.spread[row]
        names = tuple(member.name for member in series.members)
        return replace(self, members=names, centre=centre, spread=spread)

    def unseen(self, series: Series) -> tuple[str, ...]:
        """Names the members of a series that this scaler was not fitted on; none for the scaler of one series."""
        return tuple(m.name for m in series.members if m.name not in self._numbers) if self.members else ()

    def batch(self, windows: Windows, index: np.ndarray) -> Batch:
        """Gives the windows `index` scaled, as float32: inputs, known columns ahead and targets.

        Raises: DataError for a member of a panel that the scaler has not seen.
        """
        centre, spread = self._moments(windows, index)
        known, future = list(windows.span.series.known_indices), windows.future(index)
        return Batch(
            x=_scaled(windows.inputs(index), centre, spread),
            future=None if future is None else _scaled(future, centre[..., known], spread[..., known]),
            y=_scaled(windows.targets(index), centre[..., self._which], spread[..., self._which]),
        )

    def moments(self, series: Series, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Gives the centre and the spread (F,) that a row of a series is scaled by.

        Raises: DataError for a member of a panel that the scaler has not seen.
        """
        return self._of(series, series.members_of(np.array(row)))

    def restore(self, z: np.ndarray, windows: Windows | None = None, index: np.ndarray | None = None) -> np.ndarray:
        """Brings forecasts back to the targets' own units.

        Args:
            windows: what was forecast; a panel needs it, for every member has its own scale.
            index: which of the windows; all of them if not given.

        Shape:  (..., n, horizon), or (..., n, horizon, M) for several targets; leading axes such as quantiles stay.
        Raises: DataError if the windows of a panel are not given.
        """
        centre, spread = self._moments(windows, index)
        restored: np.ndarray = z.astype(np.float64) * spread[..., self._which] + centre[..., self._which]
        return restored

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """Scales inputs (..., features) of a single series."""
        return _scaled(x, *self._moments())

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Scales targets (..., horizon), or (..., horizon, M) for several of them, of a single series."""
        centre, spread = self._moments()
        return _scaled(y, centre[..., self._which], spread[..., self._which])

    @cached_property
    def _which(self) -> int | list[int]:
        """Where the targets stand: a list, which keeps an axis for them, only if there are several."""
        places = [self.columns.index(name) for name in self.outputs]
        return places if len(places) > 1 else places[0]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.members)}

    def _moments(
        self, windows: Windows | None = None, index: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gives centre and spread of a single series (F,), or those of every window's member (n, 1, F)."""
        if not self.members:
            return self.centre, self.spread
        if windows is None:
            raise DataError(
                f"A scaler of {len(self.members)} series needs to know which of them: give the windows too."
            )
        index = np.arange(len(windows)) if index is None else index
        centre, spread = self._of(windows.span.series, windows.members(index))
        return centre[:, None], spread[:, None]

    def _of(self, series: Series, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives centre and spread of the members asked for (..., F)."""
        if not self.members:
            return self.centre, self.spread
        which, place = np.unique(members, return_inverse=True)
        names = [series.members[number].name for number in which]
        strange = [name for name in names if name not in self._numbers]
        if strange:
            raise DataError(
                f"The scaler was not fitted on the series {', '.join(strange)}. Scale them with the one that its "
                "for_member gives for these rows."
            )
        rows = np.array([self._numbers[name] for name in names])[place].reshape(members.shape)
        return self.centre[rows], self.spread[rows]


def _scaled(x: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = ((x - centre) / spread).astype(np.float32)
    return scaled


# --- what the rows show ---------------------------------------------------------------------------


class _Shown(NamedTuple):
    """Observed values, mean, deviation, minimum and maximum by member and column; 0 where there is no value."""

    seen: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _own(series: Series, pieces: Sequence[tuple[int, int]]) -> _Shown:
    shown = _Shown(*np.zeros((5, len(series.members), len(series.columns))))
    for number, (start, stop) in zip(series.members_of(np.array([a for a, _ in pieces])), pieces, strict=True):
        for j in range(len(series.columns)):
            column, seen = series.values[start:stop, j], series.observed[start:stop, j]
            column = column if seen.all() else column[seen]
            if column.size:
                found = (len(column), *_moments(column), float(column.min()), float(column.max()))
                for into, value in zip(shown, found, strict=True):
                    into[number, j] = value
    return shown


def _together(own: _Shown, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Gives centre and spread of the values of all members; spread 1 for a column that never changes."""
    total = np.maximum(own.seen.sum(0), 1)
    low = np.where(own.seen > 0, own.low, np.inf).min(0)
    high = np.where(own.seen > 0, own.high, -np.inf).max(0)
    if kind == "minmax":
        centre, spread = low, high - low
    else:
        centre = (own.seen * own.mean).sum(0) / total
        spread = np.sqrt((own.seen * (own.deviation**2 + (own.mean - centre) ** 2)).sum(0) / total)
    return centre, np.where(high > low, spread, 1.0)


def _settled(
    series: Series, kind: str, own: _Shown, common: tuple[np.ndarray, np.ndarray], *, alone: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Gives every member its centre and spread: its own where it shows enough, else the common ones.

    A static column tells members apart only if all share one scale.

    Args:
        alone: there is one series and no other to share a scale with.
    """
    centre, spread = (own.low, own.high - own.low) if kind == "minmax" else (own.mean, own.deviation)
    few = own.seen < _LEAST
    few[:, [series.columns.index(name) for name in series.static]] = True
    if alone:
        few[:] = False
    centre = np.where(few, common[0], centre)
    spread = np.where(few | (own.low == own.high), common[1], spread)
    plain = [series.columns.index(name) for name in series.plain]
    centre[:, plain], spread[:, plain] = 0.0, 1.0
    return centre, spread


def _moments(column: np.ndarray, block: int = 1 << 20) -> tuple[float, float]:
    """Mean and deviation (ddof 0) in float64, block by block: a long float32 column is never copied whole."""
    parts = [column[i : i + block] for i in range(0, len(column), block)]
    mean = float(sum(part.sum(dtype=np.float64) for part in parts)) / len(column)
    squares = float(sum(np.square(part.astype(np.float64) - mean).sum() for part in parts))
    return mean, (squares / len(column)) ** 0.5
