"""Which rows of a table may decide, of one series or of several, and columns that must not change within one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from heedful.data.grid import Grid
from heedful.data.series import Member
from heedful.data.split import ticks_of
from heedful.data.table import Table
from heedful.errors import DataError, OptionError

DECIDE_ON = 0.7
DecideOn = float | Callable[[int], int]


@dataclass(frozen=True, kw_only=True)
class Leading:
    """The rule by which the first rows decide: those that a split of the finished series gives to train.

    Args:
        decide_on: as for `leading`.
        trailing: rows after a member's last observed target stay in the series; they are left out if not.
    """

    decide_on: DecideOn | None
    trailing: bool = True

    def pieces(self, members: Sequence[Member], times: pd.Index, seen: np.ndarray) -> tuple[tuple[int, int], ...]:
        """Gives the row ranges that decide.

        Args:
            seen: whether any target was observed (rows,).
        """
        return leading(_counted(members, seen, trailing=self.trailing), times, self.decide_on)


def _counted(members: Sequence[Member], seen: np.ndarray, *, trailing: bool) -> Sequence[Member]:
    """Gives members of the rows that a split will count: a member without any target is left out of the series."""
    found = []
    for member in members:
        newest = seen[member.start : member.stop][::-1]
        gone = (0 if trailing else int(newest.argmax())) if newest.any() else len(member)
        found.append(replace(member, stop=member.stop - gone))
    return found if any(map(len, found)) else members


def leading(members: Sequence[Member], times: pd.Index, decide_on: DecideOn | None) -> tuple[tuple[int, int], ...]:
    """Gives the row ranges on which decisions are made: up to one date for all members of a panel.

    Args:
        decide_on: a share of the rows of all members, or a number of rows of the longest one, or a function that
            gives this number for the rows that the longest one has.
    """
    longest = max(members, key=len)
    share = DECIDE_ON if decide_on is None else decide_on(len(longest)) if callable(decide_on) else decide_on
    if not (share > 0 and math.isfinite(share)) or (share > 1 and share != int(share)):
        raise OptionError(f"decide_on needs a share of the rows (up to 1) or a number of rows, got {decide_on}.")
    whole = share > 1 or isinstance(share, int)
    if len(members) == 1:
        return ((longest.start, longest.start + _first(len(longest), share, whole)),)
    clock = ticks_of(times)
    rows = [clock[m.start : m.stop] for m in ([longest] if whole else members)]
    line = np.sort(np.concatenate(rows))
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
