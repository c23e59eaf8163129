"""Where the rows of a table go: in time order, one member after the other, gaps of a regular step kept open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from heedful.data.series import Member
from heedful.data.stamps import Stamps
from heedful.data.step import Step, agree, find_step, frequency_of, slots, stamps
from heedful.data.table import Table
from heedful.errors import DataError

_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """Where the rows of a table go: `order` gives them in time order, `places` their rows in the series."""

    total: int
    times: pd.Index
    step: Step
    order: np.ndarray | None = None
    places: np.ndarray | None = None
    members: tuple[Member, ...] = ()
    notes: tuple[str, ...] = ()

    def rows_in(self, pieces: Sequence[tuple[int, int]]) -> np.ndarray | slice:
        """Gives the rows of the table that went into the row ranges `pieces` of the series, in time order."""
        if len(pieces) == 1:
            start, stop = pieces[0] if self.places is None else np.searchsorted(self.places, pieces[0])
            return slice(int(start), int(stop)) if self.order is None else self.order[start:stop]
        inside = np.zeros(self.total, dtype=bool)
        for start, stop in pieces:
            inside[start:stop] = True
        rows = inside if self.places is None else inside[self.places]
        return np.flatnonzero(rows) if self.order is None else self.order[rows]


def lay_grid(table: Table, when: Stamps, known: Step | None, series: str | None = None) -> Grid:
    """Places rows in time; where a regular step has no row, the series gets one of missing values.

    Args:
        known: the step of an earlier series.
        series: the column that tells the members of a panel apart; each gets a grid of one common step.

    Raises: DataError for a stamp that occurs twice, rows of another step, or rows that belong to no member.
    """
    if series is not None:
        return _panel(table, when, known, series)
    if when.times is None:
        rows = len(table)
        return Grid(total=rows, times=pd.RangeIndex(rows), step=Step(kind="rows", frequency=""))
    order = _order(table, when, fixed=known is not None)
    times = pd.DatetimeIndex(when.times if order is None else when.times[order], name=None)
    return _one(table.name, times, order, known)


# --- order ----------------------------------------------------------------------------------------


def _order(table: Table, when: Stamps, *, fixed: bool) -> np.ndarray | None:
    """Gives the rows in time order, None if they are; refuses a stamp that occurs twice."""
    if when.times is None:
        return None
    ticks = when.times.asi8
    least = min((int(np.diff(ticks[i : i + _BLOCK + 1]).min()) for i in range(0, len(ticks) - 1, _BLOCK)), default=1)
    if least > 0:
        return None
    order = np.argsort(ticks, kind="stable")
    again = np.flatnonzero(np.diff(ticks[order]) == 0)
    if len(again):
        raise _twice(table, when, order, again, fixed=fixed)
    return order


def _twice(
    table: Table, when: Stamps, order: np.ndarray, again: np.ndarray, member: str = "", *, fixed: bool = False
) -> DataError:
    times = when.times
    if times is None:
        raise TypeError("_twice needs stamps.")
    first, second = sorted((int(order[again[0]]), int(order[again[0] + 1])))
    stamp = times[first]
    hint = "Remove one of them."
    if len(again) > len(order) / 10 and not member:
        hint = (
            "The table seems to hold several series: "
            + ("give the rows of one of them" if fixed else "say which column tells them apart with --series")
            + ", or give another time column with --time."
        )
    elif times.tz is None and stamp.month in (3, 4, 10, 11) and stamp.hour <= 3 and (times.hour != 0).any():
        hint = "It may be the hour that autumn's clock change repeats: give times in UTC or with their offset."
    count = f"; {len(again)} rows repeat a stamp in all" if len(again) > 1 else ""
    return DataError(
        f"Column '{', '.join(when.columns)}' has {stamp} twice{member}, in {table.place(first)} and "
        f"{table.place(second)}{count}. {hint}"
    )


def _order_notes(order: np.ndarray | None) -> list[str]:
    if order is None:
        return []
    if (np.diff(order) == -1).all():
        return ["The file has its newest row first; rows were put in time order."]
    moved = int((order != np.arange(len(order))).sum())
    return [f"Rows were not in time order ({moved:,} out of place) and were put in order."]


# --- one series -----------------------------------------------------------------------------------


def _one(name: str, times: pd.DatetimeIndex, order: np.ndarray | None, known: Step | None) -> Grid:
    notes = _order_notes(order)
    step = find_step(times) if known is None else agree(times, known)
    if step is None:
        raise DataError(
            f"Rows are needed with {known}, as the earlier ones had, but '{name}' has {find_step(times)}. "
            "Give a table whose rows are as far apart as those of the table that was trained on."
        )
    plain = Grid(total=len(times), times=times, step=step, order=order, notes=tuple(notes))
    if step.kind not in ("fixed", "calendar"):
        return plain
    places = slots(times, step)
    missing = int(places[-1]) + 1 - len(times)
    if missing > len(times) and known is None:
        note = f"The {step} would have {missing:,} gaps, more than rows; rows were left as irregular."
        middle = pd.Timedelta(np.timedelta64(int(np.median(np.diff(times.asi8))), times.unit))
        return replace(plain, step=Step(kind="irregular", frequency=frequency_of(middle)), notes=(*notes, note))
    if missing > len(times):
        first = _newest(places)
        notes.append(f"{first:,} {words(first)} before {times[first]} left out: too many gaps (step {step.frequency}).")
        order = np.arange(first, len(times)) if order is None else order[first:]
        times, places = times[first:], places[first:] - places[first]
        missing = int(places[-1]) + 1 - len(times)
        plain = replace(plain, total=len(times), times=times, order=order, notes=tuple(notes))
    if missing == 0:
        return plain
    total = int(places[-1]) + 1
    ticks = np.array(stamps(times, step, np.arange(total)).asi8)
    ticks[places] = times.asi8
    whole = pd.DatetimeIndex(ticks.view(f"M8[{times.unit}]"))
    if times.tz is not None:
        whole = whole.tz_localize("UTC").tz_convert(times.tz)
    notes.append(f"{missing:,} {words(missing)} missing in the time grid ({step}) put in as missing.")
    return replace(plain, total=total, times=whole, places=places, notes=tuple(notes))


def _newest(places: np.ndarray) -> int:
    """Gives the first row of the longest stretch up to the newest row that has no more gaps than rows."""
    spans = places[-1] - places + 1
    return int(np.flatnonzero(spans <= 2 * np.arange(len(places), 0, -1))[0])


def words(count: int) -> str:
    """Gives the right form of the word row."""
    return "row" if count == 1 else "rows"


# --- several series -------------------------------------------------------------------------------


def _panel(table: Table, when: Stamps, known: Step | None, series: str) -> Grid:
    """Lays the members of a panel one after the other, in the order of their first rows."""
    codes, kinds = pd.factorize(table.frame[series])
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise DataError(f"Column '{series}' does not say which series {table.place(row)} belongs to. Fill it in.")
    names = [str(kind) for kind in kinds]
    if len(set(names)) < len(names):
        raise DataError(f"Column '{series}' has different values that read alike. Write its names as text.")
    ticks = np.arange(len(table)) if when.times is None else when.times.asi8
    order = np.lexsort((ticks, codes))
    borders = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(names)))])
    rows = [order[a:b] for a, b in pairwise(borders)]
    grids = _grids(table, when, known, names, rows)
    offsets = np.concatenate([[0], np.cumsum([grid.total for grid in grids])])
    members = tuple(
        Member(name=name, start=int(a), stop=int(b)) for name, (a, b) in zip(names, pairwise(offsets), strict=True)
    )
    gaps = any(grid.places is not None for grid in grids)
    places = [
        offset + (np.arange(grid.total) if grid.places is None else grid.places)
        for offset, grid in zip(offsets[:-1], grids, strict=True)
    ]
    orders = [own if grid.order is None else grid.order for own, grid in zip(rows, grids, strict=True)]
    told = Counter(note for grid in grids for note in grid.notes)
    return Grid(
        total=int(offsets[-1]),
        times=grids[0].times.append([grid.times for grid in grids[1:]]),
        step=grids[int(np.argmax([len(own) for own in rows]))].step,
        order=np.concatenate(orders),
        places=np.concatenate(places) if gaps else None,
        members=members,
        notes=(
            f"{len(names):,} series by {series}: {_few(names)}.",
            *(f"{note[:-1]} (in {n:,} series)." if n > 1 else note for note, n in told.items()),
        ),
    )


def _grids(
    table: Table, when: Stamps, known: Step | None, names: Sequence[str], rows: Sequence[np.ndarray]
) -> list[Grid]:
    if when.times is None:
        step = Step(kind="rows", frequency="")
        return [Grid(total=len(own), times=pd.RangeIndex(len(own)), step=step) for own in rows]
    times = [pd.DatetimeIndex(when.times[own], name=None) for own in rows]
    for name, own, mine in zip(names, rows, times, strict=True):
        again = np.flatnonzero(np.diff(mine.asi8) == 0)
        if len(again):
            raise _twice(table, when, own, again, f" in series '{name}'")
    if known is None:
        longest = int(np.argmax([len(own) for own in rows]))
        known = _one(names[longest], times[longest], None, None).step
    grids = [_one(name, mine, None, known) for name, mine in zip(names, times, strict=True)]
    return [
        grid if grid.order is None else replace(grid, order=own[grid.order])
        for own, grid in zip(rows, grids, strict=True)
    ]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} ... {names[-1]}"
