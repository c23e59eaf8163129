"""Rows and series that stand in a table twice, so that what is scored was trained on."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pandas as pd

from heedful.data.calendar import NAMES as CALENDAR
from heedful.data.series import Series
from heedful.data.split import Split
from heedful.trial.audit.findings import Finding, counted, few

_CHANCE = 0.01  # fewer equal pairs than this are to be expected by chance among all pairs of stretches
_LONGEST = 512
_NATURAL = 0.5  # a table half of whose train rows come back repeats itself by nature: a pure wave, a timetable
_FEWEST = 2


def check_copies(series: Series, split: Split) -> tuple[Finding, ...]:
    """Finds stretches of rows of validation or test that stand in train too, and series that are copies of others.

    How many equal rows in a row make a copy depends on how fine the numbers are: one of seven columns with three
    decimals, many of whole percents. Rows equal to the row before them (a stuck sensor) never count.
    """
    found = [*_rows_twice(series, split), *_members_twice(series)]
    if found:
        return tuple(found)
    said = "No stretch of rows of validation or test stands in train too"
    text = f"{said}, and no series twice." if len(series.members) > 1 else f"{said}."
    return (Finding(check="copies", severity="fine", text=text),)


def _rows_twice(series: Series, split: Split) -> list[Finding]:
    part = np.full(len(series), -1)
    for number, span in enumerate(split):
        for start, stop in span.pieces:
            part[start:stop] = number
    content = _content(series)
    length = 0 if content is None else _length(content[0], part == 0)
    if content is None or not length:
        return []
    stretch, whole = _stretches(*content, series, length)
    part = np.where(whole, part, -1)
    train = np.flatnonzero(part == 0)
    pairs = pd.DataFrame({"stretch": stretch[train], "member": series.members_of(train)})
    if not len(train) or pairs.duplicated(keep=False).mean() > _NATURAL:
        return []
    own, first = np.unique(stretch[train], return_index=True)
    found = []
    for number, name in ((1, "validation"), (2, "test")):
        rows = np.flatnonzero(part == number)
        at = np.clip(np.searchsorted(own, stretch[rows]), 0, len(own) - 1)
        again = own[at] == stretch[rows]
        if again.sum() < (_FEWEST if length == 1 else 1):
            continue
        late, early = int(rows[again][0]), int(train[first[at[again][0]]])
        what = "row" if length == 1 else f"stretch of {length} rows"
        found.append(
            Finding(
                check="copies",
                severity="leak",
                text=f"{counted(int(again.sum()), what) if length == 1 else f'{again.sum():,} times a {what}'} of "
                f"{name} {'stand' if again.sum() > 1 else 'stands'} in train too: the values of "
                f"{_at(series, late)} are those of {_at(series, early)}.",
                advice="Take the copies out of the table before it is split.",
            )
        )
    return found


def _content(series: Series) -> tuple[np.ndarray, np.ndarray] | None:
    """Gives every row's values as whole numbers, column by column, and which rows say something new."""
    out = {*series.plain, *series.known, *series.static, *CALENDAR}
    use = [j for j, name in enumerate(series.columns) if name not in out and series.observed[:, j].mean() > 0.5]
    if not use:
        return None
    codes = np.stack([pd.factorize(series.values[:, j])[0] for j in use], axis=1)
    usable = np.asarray(series.observed[:, use].all(axis=1))
    usable[1:] &= (codes[1:] != codes[:-1]).any(axis=1)
    return (codes, usable) if usable.any() else None


def _length(codes: np.ndarray, train: np.ndarray) -> int:
    """Gives how many rows in a row must be equal to be a copy; 0 if no length would do.

    Two rows agree in a column by chance as often as pairs of train values do, at the least once in rows^2. Columns,
    and rows that follow each other, agree more often than independent ones: the square root of the product is taken.
    """
    rows, chance = len(codes), 0.0
    for column in codes[train].T:
        counts = np.bincount(column).astype(np.float64)
        pairs = max(1, len(column) * (len(column) - 1))
        chance += math.log(max(np.sum(counts * (counts - 1)) / pairs, 1 / rows**2)) / 2
    if chance >= 0:
        return 0
    length = math.ceil(math.log(_CHANCE / rows**2) / chance)
    return length if length <= min(_LONGEST, rows // 10) else 0


def _stretches(codes: np.ndarray, usable: np.ndarray, series: Series, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Gives a number for the rows [r, r + length) of every row, equal for equal ones, and where it is whole."""
    each = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    whole, names = usable.copy(), each.astype(np.uint64)
    inside = np.zeros(len(codes), dtype=bool)
    for member in series.members:
        inside[member.start : max(member.start, member.stop - length + 1)] = True
    mixed = np.zeros(len(codes), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for shift in range(length):
            mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + np.roll(names, -shift) + np.uint64(1)
            mixed ^= mixed >> np.uint64(29)
            whole &= np.roll(usable, -shift)
    return mixed, whole & inside


def _members_twice(series: Series) -> list[Finding]:
    targets, twins = list(series.target_indices), []
    seen: dict[bytes, str] = {}
    for member in series.members if len(series.members) > 1 else ():
        rows = slice(member.start, member.stop)
        body = np.ascontiguousarray(
            np.where(series.observed[rows][:, targets], series.values[rows][:, targets], np.nan)
        )
        key = hashlib.sha256(body.tobytes()).digest()
        if key in seen:
            twins.append(f"'{member.name}' is '{seen[key]}'")
        seen.setdefault(key, member.name)
    if not twins:
        return []
    return [
        Finding(
            check="copies",
            severity="warning",
            text=f"Series that stand in the table twice, target for target: {few(twins)}.",
            advice="Leave the copies out: they count double in training and in every score.",
        )
    ]


def _at(series: Series, row: int) -> str:
    member = series.members[int(series.members_of(np.array(row)))]
    of = f" of '{member.name}'" if len(series.members) > 1 else ""
    return f"{series.times[row]} (row {row - member.start}{of})"
