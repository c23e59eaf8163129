"""Missing values: filled from the past of their own series, counted, and told to the model if it wants to know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from heedful.data.clean import fill_forward
from heedful.data.grid import words
from heedful.data.series import Member
from heedful.errors import DataError

MASK, AGE = " missing", " age"


def fill(
    values: np.ndarray,
    columns: Sequence[str],
    labels: Sequence[str],
    times: pd.Index,
    targets: Sequence[int],
    *,
    fixed: bool,
) -> tuple[np.ndarray, np.ndarray, pd.Index, list[str]]:
    """Fills a single series in place with the last values before; rows before a column's first value are left out.

    Args:
        labels: what notes call the columns.
        targets: columns to forecast; rows after the last observed one are filled, but not counted as missing.
        fixed: the columns cannot be chosen anew.

    Raises: DataError for a column without a value, or with its first one only in the second half.
    """
    seen = ~np.isnan(values)
    if seen.all():
        return values, seen, times, []
    notes, firsts = [], seen.argmax(axis=0)
    for j, name in enumerate(columns):
        if not seen[:, j].any():
            advice = "Give rows that have one." if fixed else "Leave it out."
            raise DataError(f"Column '{name}' has no usable value in any row. {advice}")
        if not fixed and firsts[j] > len(values) / 2:
            raise DataError(
                f"Column '{name}' has its first value only after {firsts[j]:,} of {len(values):,} rows, at "
                f"{times[int(firsts[j])]}. Leave it out: name the columns to use with --features."
            )
    first = int(firsts.max())
    if first:
        late = [name for name, start in zip(columns, firsts, strict=True) if start == first]
        notes.append(f"{first:,} {words(first)} before the first value of {', '.join(late)} left out.")
        values, seen, times = values[first:].copy(), seen[first:].copy(), times[first:]
        if isinstance(times, pd.RangeIndex):
            times = pd.RangeIndex(len(values))
    for j in map(int, np.flatnonzero(~seen.all(axis=0))):
        fill_forward(values[:, j], seen[:, j])
    whole = (Member(name="", start=0, stop=len(values)),)
    return values, seen, times, notes + _counted(seen, labels, targets, whole)


def fill_members(
    values: np.ndarray,
    labels: Sequence[str],
    times: pd.Index,
    members: Sequence[Member],
    targets: Sequence[int],
    middle: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, pd.Index, tuple[Member, ...], list[str]]:
    """Fills a panel in place, every member from its own past.

    Rows of a member before a column's first value are left out. A column that begins only in a member's second half,
    or never, starts with `middle` instead, the median of the train rows. Members without any target are left out.

    Raises: DataError if no member has a target.
    """
    seen, keep = ~np.isnan(values), np.zeros(len(values), dtype=bool)
    kept, empty, early, at = [], [], 0, 0
    for member in members:
        rows = slice(member.start, member.stop)
        own, known = values[rows], seen[rows]
        if not known[:, targets].any():
            empty.append(member.name)
            continue
        firsts = np.where(known.any(axis=0), known.argmax(axis=0), len(own))
        late = firsts > len(own) / 2
        first = int(firsts[~late].max()) if not late.all() else 0
        for j in np.flatnonzero(~known.all(axis=0)):
            if late[j]:
                own[: firsts[j], j] = middle[j]
            from_there = known[:, j].copy()
            from_there[: firsts[j]] |= late[j]
            fill_forward(own[:, j], from_there)
        early += first
        keep[member.start + first : member.stop] = True
        kept.append(Member(name=member.name, start=at, stop=at + len(own) - first))
        at += len(own) - first
    if not kept:
        raise DataError(f"None of the {len(members)} series has an observed target. Choose another target.")
    notes = [f"{early:,} {words(early)} before the first values of their series left out."] if early else []
    if empty:
        notes.append(f"Series without any observed target left out: {', '.join(empty)}.")
    if not keep.all():
        values, seen, times = values[keep], seen[keep], times[keep]
    return values, seen, times, tuple(kept), notes + _counted(seen, labels, targets, kept)


def _counted(seen: np.ndarray, labels: Sequence[str], targets: Sequence[int], members: Sequence[Member]) -> list[str]:
    """Tells how many values were filled up to each member's last observed target, columns of one number together."""
    pieces = [seen[member.start : member.stop] for member in members]
    pieces = [piece[: len(piece) - int(piece[::-1, targets].any(axis=1).argmax())] for piece in pieces]
    seen = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    filled: dict[int, dict[str, None]] = {}
    for j in map(int, np.flatnonzero(~seen.all(axis=0))):
        filled.setdefault(int((~seen[:, j]).sum()), {})[labels[j]] = None
    return [
        f"{gone:,} missing {'value' if gone == 1 else 'values'} ({gone / len(seen):.1%})"
        f"{' each' if len(names) > 1 else ''} of {', '.join(names)} filled with the last value before."
        for gone, names in filled.items()
    ]


def start_at_nothing(values: np.ndarray, columns: Sequence[int], members: Sequence[Member]) -> None:
    """Sets the one-hot columns of rows before the first text to 0, in place: no level is told there."""
    for member in members:
        for j in columns:
            column = values[member.start : member.stop, j]
            seen = ~np.isnan(column)
            column[: int(seen.argmax()) if seen.any() else len(column)] = 0.0


def hold(values: np.ndarray, columns: Sequence[int], members: Sequence[Member]) -> None:
    """Gives every row of a member the member's own value of the static columns, in place."""
    for member in members:
        for j in columns:
            column = values[member.start : member.stop, j]
            seen = np.flatnonzero(~np.isnan(column))
            if len(seen):
                column[:] = column[seen[0]]


def mask_columns(observed: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """Gives 1 where a value is missing, else 0. Shape: (rows, columns)."""
    return (~observed[:, list(columns)]).astype(np.float64)


def age_columns(observed: np.ndarray, columns: Sequence[int], members: Sequence[Member]) -> np.ndarray:
    """Gives log(1 + rows since a value was last observed), 0 where it is. Shape: (rows, columns).

    >>> seen = np.array([[True], [False], [False], [True]])
    >>> np.expm1(age_columns(seen, [0], [Member(name="a", start=0, stop=4)])).round(6).ravel().tolist()
    [0.0, 1.0, 2.0, 0.0]
    """
    found = np.zeros((len(observed), len(columns)))
    for member in members:
        rows = np.arange(1, len(member) + 1)
        for k, j in enumerate(columns):
            last = np.maximum.accumulate(np.where(observed[member.start : member.stop, j], rows, 0))
            found[member.start : member.stop, k] = np.log1p(rows - last)
    return found
