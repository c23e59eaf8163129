"""Between a table and its series: which row became which, and rows that are made worthless after a date."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from heedful.data.columns import numeric
from heedful.data.series import Member, Series
from heedful.data.stamps import Stamps, find_stamps
from heedful.data.table import Table
from heedful.errors import DataError

# Permuting alone leaves mean, deviation and range of all rows as they were, so a scaler fitted on them would not show.
_LOUDER = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """A table, its stamps, and the row of the series that each of its rows became (-1 for none)."""

    table: Table
    when: Stamps
    rows: np.ndarray
    groups: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """Rows of the table in time order, series by series."""
        ticks = np.arange(len(self.table)) if self.when.times is None else self.when.times.asi8
        return np.lexsort((ticks, self.groups))


def groups_of(table: Table, column: str | None) -> np.ndarray:
    """Gives the number of the series of every row of a table."""
    if column is None:
        return np.zeros(len(table), dtype=np.int64)
    return np.asarray(pd.factorize(table.frame[column])[0], dtype=np.int64)


def place(
    table: Table, series: Series, *, time: str | Literal[False] | None, date_format: str | None, column: str | None
) -> Placed:
    """Finds for every row of a table the row of the series made of it."""
    when = find_stamps(table, time, series.target, date_format)
    groups, rows = groups_of(table, column), np.full(len(table), -1)
    ticks = np.arange(len(table)) if when.times is None else when.times.asi8
    for own, member in _members(table, series, groups, column):
        own = own[np.argsort(ticks[own], kind="stable")]
        if when.times is not None:
            found = pd.DatetimeIndex(series.times[member.start : member.stop]).get_indexer(when.times[own])
            rows[own] = np.where(found < 0, -1, member.start + found)
            continue
        first = _first(table, series, own, member)
        rows[own[first : first + len(member)]] = np.arange(member.start, member.stop)
    return Placed(table=table, when=when, rows=rows, groups=groups)


def later(series: Series, origin: int) -> np.ndarray:
    """Says of every row of a series whether it is later than that of an origin; without stamps only in its member."""
    if isinstance(series.times, pd.DatetimeIndex):
        return np.asarray(series.times > series.times[origin])
    rows = np.arange(len(series))
    return np.asarray((rows > origin) & (series.members_of(rows) == series.members_of(np.array(origin))))


def worthless_series(series: Series, origin: int, seed: int) -> Series:
    """Gives a series whose rows after an origin are permuted, member by member, and doubled.

    Columns known in advance stay as they are.
    """
    after, known = later(series, origin), list(series.known_indices)
    source = _moved(series.members_of(np.arange(len(series))), after, seed)
    values, observed = series.values[source], series.observed[source]
    values[after] *= _LOUDER
    values[:, known], observed[:, known] = series.values[:, known], series.observed[:, known]
    return replace(series, values=values, observed=observed)


def _moved(groups: np.ndarray, after: np.ndarray, seed: int) -> np.ndarray:
    """Gives for every row the row that comes in its place: another marked one of its group, or itself."""
    rng, source = np.random.default_rng(seed), np.arange(len(groups))
    for group in np.unique(groups):
        own = np.flatnonzero(after & (groups == group))
        source[own] = rng.permutation(own)
    return source


def worthless(placed: Placed, after: np.ndarray, kept: Collection[str], seed: int) -> pd.DataFrame:
    """Gives the table with the marked rows permuted, series by series, and their numbers doubled.

    Args:
        after: True for the rows that must not matter.
        kept: columns that stay, such as stamps and columns known in advance.
    """
    frame, source = placed.table.frame.copy(), _moved(placed.groups, after, seed)
    for name in frame.columns:
        if str(name) in kept:
            continue
        column = frame[name].iloc[source].reset_index(drop=True)
        if numeric(frame[name]) and not pd.api.types.is_bool_dtype(frame[name].dtype):
            column = column.where(~after, column * _LOUDER)
        frame[name] = column.set_axis(frame.index)
    return frame


def _members(
    table: Table, series: Series, groups: np.ndarray, column: str | None
) -> Iterator[tuple[np.ndarray, Member]]:
    if column is None:
        yield np.arange(len(table)), series.members[0]
        return
    names = [str(name) for name in pd.unique(table.frame[column])]
    for member in series.members:
        yield np.flatnonzero(groups == names.index(member.name)), member


def _first(table: Table, series: Series, own: np.ndarray, member: Member) -> int:
    """Gives the first row of a table without stamps that the series kept: leading and trailing ones may be left out."""
    spare, j = len(own) - len(member), series.target_index
    column = table.frame[series.target].to_numpy(dtype=np.float64, na_value=np.nan)[own]
    seen, have = series.observed[member.start : member.stop, j], series.values[member.start : member.stop, j]
    for first in range(spare, -1, -1):
        if np.array_equal(column[first : first + len(member)][seen], have[seen]):
            return first
    raise DataError(
        f"The rows of '{series.name}' cannot be found in its table. Give the table that the series was made of."
    )


def kept_columns(when: Stamps, *names: Sequence[str]) -> set[str]:
    """Gives the columns that stay as they are when later rows are made worthless."""
    return {*when.columns, *(name for some in names for name in some)}
