"""What a table of several series needs beside a grid: rows that may decide, and columns that must not change."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from heedful.data.grid import Grid
from heedful.data.series import Member
from heedful.data.split import ticks_of
from heedful.data.table import Table
from heedful.errors import DataError, OptionError

DECIDE_ON = 0.7


def leading(members: Sequence[Member], times: pd.Index, decide_on: float | int | None) -> tuple[tuple[int, int], ...]:
    """Gives the row ranges on which decisions are made: up to one date for all members of a panel.

    Args:
        decide_on: a share of all rows, or a number of rows, of the longest member.
    """
    share = DECIDE_ON if decide_on is None else decide_on
    if not (share > 0 and math.isfinite(share)) or (share > 1 and share != int(share)):
        raise OptionError(f"decide_on needs a share of the rows (up to 1) or a number of rows, got {decide_on}.")
    whole = share > 1 or isinstance(share, int)
    if len(members) == 1:
        return ((0, _first(len(times), share, whole)),)
    clock, longest = ticks_of(times), max(members, key=len)
    line = clock[longest.start : longest.stop] if whole else np.sort(clock)
    last = line[max(0, _first(len(line), share, whole) - 1)]
    return tuple(
        (m.start, m.start + int(np.searchsorted(clock[m.start : m.stop], last, side="right"))) for m in members
    )


def _first(rows: int, share: float, whole: bool) -> int:
    return min(rows, int(share) if whole else int(rows * share + 1e-9))


def rows_of(pieces: Sequence[tuple[int, int]]) -> slice | np.ndarray:
    """Gives row ranges as one index.

    >>> rows_of([(0, 3)]), rows_of([(0, 2), (5, 7)])
    (slice(0, 3, None), array([0, 1, 5, 6]))
    """
    if len(pieces) == 1:
        return slice(*pieces[0])
    return np.concatenate([np.arange(start, stop) for start, stop in pieces])


def check_static(table: Table, columns: Sequence[str], grid: Grid, *, fixed: bool = False) -> None:
    """Raises DataError, naming the row, for a static column that changes within a member.

    Args:
        fixed: an earlier series decided what is static, so that nothing else can be declared.
    """
    if not columns or not grid.members:
        return
    order = np.arange(len(table)) if grid.order is None else grid.order
    starts = np.array([member.start for member in grid.members])
    member = np.searchsorted(starts, np.arange(grid.total) if grid.places is None else grid.places, side="right") - 1
    for name in columns:
        codes = pd.factorize(table.frame[name])[0][order]
        seen = np.flatnonzero(codes >= 0)
        which, first = np.unique(member[seen], return_index=True)
        own = np.full(len(starts), -1)
        own[which] = codes[seen[first]]
        wrong = seen[codes[seen] != own[member[seen]]]
        if len(wrong):
            row = int(order[wrong[0]])
            advice = "Declare it with --known if its future is known, else with --past."
            raise DataError(
                f"Column '{name}' was declared static, but it changes within series "
                f"'{grid.members[member[wrong[0]]].name}' in {table.place(row)}. "
                f"{'Mend that value, or train a model that does not take it as static.' if fixed else advice}"
            )
