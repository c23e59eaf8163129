"""Cuts a series in time order into train, validation and test; a panel is cut at common dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from heedful.data.series import Series
from heedful.errors import DataError, OptionError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, eq=False)
class Span:
    """Rows of a series and the part they play: [start, stop), or the `pieces` of several members.

    A window of a span has its targets inside the span; its look-back may reach into earlier rows, never later ones.

    Args:
        pieces: row ranges, one for each member of a panel that has rows in the part; [start, stop) if not given.
    """

    series: Series
    part: str
    start: int
    stop: int
    pieces: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not self.pieces:
            object.__setattr__(self, "pieces", ((self.start, self.stop),))

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.pieces)

    @property
    def ends(self) -> tuple[object, object]:
        """First and last stamp, over all members."""
        times = self.series.times
        firsts, lasts = [times[start] for start, _ in self.pieces], [times[stop - 1] for _, stop in self.pieces]
        return min(firsts), max(lasts)

    def __repr__(self) -> str:
        if not len(self):
            return f"Span({self.part}: no rows)"
        if len(self.pieces) > 1:
            rows = f"{len(self):,} rows of {len(self.pieces):,} series"
        else:
            rows = f"rows {self.start}-{self.stop}"
        return f"Span({self.part}: {rows}, {self.ends[0]} to {self.ends[1]})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Three spans in time order that share no row."""

    train: Span
    validation: Span
    test: Span
    gap: int = 0

    def __iter__(self) -> Iterator[Span]:
        return iter((self.train, self.validation, self.test))

    def __repr__(self) -> str:
        return f"Split({self.train}, {self.validation}, {self.test}, gap {self.gap})"


def split(series: Series, sizes: Sequence[float] = (0.7, 0.1, 0.2), *, gap: int = 0) -> Split:
    """Cuts a series in time order.

    A panel is cut at two dates common to all members, never member by member: those at which the rows of all members
    together reach the shares, or, for numbers of rows, those of its longest member. A member that ends before a date
    has no rows in the later parts.

    Args:
        sizes: shares of the rows that sum to 1, or three whole numbers of rows (rows beyond them are not used). The
            last may be 0: the test span then has no row.
        gap: rows left out between two parts, taken from the start of the later one.

    Raises: OptionError for sizes that are neither; DataError when a part would be empty.
    """
    if gap < 0:
        raise OptionError(f"split needs a gap of 0 rows or more, got {gap}.")
    pieces = _pieces(series, sizes, gap)
    for part, found in zip(PARTS, pieces, strict=True):
        if not found and (part != "test" or sizes[2]):
            raise DataError(
                f"split leaves no rows for {part}: {len(series)} rows, sizes {tuple(sizes)}, gap {gap}. "
                "Give more rows, a larger share or a smaller gap."
            )
    train, validation, test = (
        Span(series=series, part=part, start=found[0][0], stop=found[-1][1], pieces=found)
        for part, found in zip(PARTS, (*pieces[:2], pieces[2] or ((len(series), len(series)),)), strict=True)
    )
    return Split(train=train, validation=validation, test=test, gap=gap)


def _pieces(series: Series, sizes: Sequence[float], gap: int) -> list[tuple[tuple[int, int], ...]]:
    """Gives the row ranges of the three parts, member by member."""
    if len(series.members) == 1:
        ends = [np.array([end]) for end in _ends(len(series), sizes, series.name)]
    else:
        ends = _common_ends(series, sizes)
    starts = [np.array([member.start for member in series.members]), ends[0] + gap, ends[1] + gap]
    return [
        tuple((int(a), int(b)) for a, b in zip(start, end, strict=True) if b > a)
        for start, end in zip(starts, ends, strict=True)
    ]


def _common_ends(series: Series, sizes: Sequence[float]) -> list[np.ndarray]:
    """Gives the row after the last one of each part (members,), cut at dates that are the same for all members."""
    clock = ticks_of(series.times)
    longest = max(series.members, key=len)
    shares = not all(float(size).is_integer() for size in sizes)
    line = np.sort(clock) if shares else clock[longest.start : longest.stop]
    ends = []
    for end in _ends(len(line), sizes, series.name if shares else longest.name):
        rows = [
            member.start + int(np.searchsorted(clock[member.start : member.stop], line[end - 1], side="right"))
            for member in series.members
        ]
        ends.append(np.array(rows))
    return ends


def ticks_of(times: pd.Index) -> np.ndarray:
    """Gives stamps as whole numbers that can be compared across the members of one series."""
    return np.asarray(times.asi8 if isinstance(times, pd.DatetimeIndex) else times.to_numpy())


def _ends(n: int, sizes: Sequence[float], name: str) -> tuple[int, int, int]:
    train, validation, test = _rows(n, sizes, name)
    return train, train + validation, train + validation + test


def _rows(n: int, sizes: Sequence[float], name: str) -> tuple[int, int, int]:
    if len(sizes) != 3 or any(s <= 0 for s in sizes[:2]) or sizes[2] < 0:
        raise OptionError(
            f"split needs three positive sizes (train, validation, test), got {tuple(sizes)}. "
            "Only that of test may be 0."
        )
    if all(float(s).is_integer() for s in sizes):
        rows = (int(sizes[0]), int(sizes[1]), int(sizes[2]))
        if sum(rows) > n:
            raise DataError(f"split asks for {sum(rows)} rows, '{name}' has {n}. Ask for fewer rows.")
        return rows
    if abs(sum(sizes) - 1) > 1e-6:
        raise OptionError(f"split needs shares that sum to 1, or three numbers of rows, got {tuple(sizes)}.")
    train, test = int(n * sizes[0] + 1e-9), int(n * sizes[2] + 1e-9)
    return train, n - train - test, test
