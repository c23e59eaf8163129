"""What spoils a table without being a leak: stamps, gaps, codes, constants; and columns scaled before the split."""

from __future__ import annotations

import numpy as np
import pandas as pd

from heedful.data.clean import own_codes
from heedful.data.series import Series
from heedful.data.split import Split
from heedful.data.stamps import Stamps
from heedful.trial.audit.findings import Finding, counted, few

# One value in twenty missing is what real sensors have (Beijing's PM2.5: 4.7 %); more, and much of a score is filling.
_MISSING = 0.05
_SCALED = 1e-6  # six decimals, as a table is usually written
_LEAST = 30


def check_stamps(when: Stamps, groups: np.ndarray | None = None) -> tuple[Finding, ...]:
    """Checks that a table has a time column, in time order, with no stamp twice.

    Args:
        groups: the series of every row, as numbers, for a table of many.
    """
    if when.times is None:
        text = "No time column: that the rows are in time order is taken on trust."
        return (Finding(check="stamps", severity="fine", text=text),)
    name, found = ", ".join(when.columns), []
    ticks = when.times.asi8
    groups = np.zeros(len(ticks), dtype=np.int64) if groups is None else groups
    order = np.lexsort((ticks, groups))
    same = (np.diff(ticks[order]) == 0) & (np.diff(groups[order]) == 0)
    if same.any():
        first = order[np.flatnonzero(same)[0]]
        found.append(
            Finding(
                check="stamps",
                severity="warning",
                text=f"'{name}' has {counted(int(same.sum()), 'stamp')} twice, the first {when.times[first]}; "
                "for this audit the later of two rows was left out.",
                advice="Remove one of the rows; compare and fit refuse the table as it is.",
            )
        )
    back = (np.diff(ticks) < 0) & (np.diff(groups) == 0)
    if back.any():
        how = "newest row first" if (back | (np.diff(groups) != 0)).all() else "out of order"
        row = int(np.flatnonzero(back)[0]) + 1
        found.append(
            Finding(
                check="stamps",
                severity="warning",
                text=f"'{name}' is {how}: row {row + 1}, {when.times[row]}, stands after {when.times[row - 1]}.",
                advice="Heedful sorts it. Code that cuts the file by rows would train on what comes later: sort first.",
            )
        )
    text = f"'{name}' is in time order, {counted(len(ticks), 'stamp')}, none twice."
    return tuple(found) or (Finding(check="stamps", severity="fine", text=text),)


def check_quality(series: Series, split: Split) -> tuple[Finding, ...]:
    """Finds gaps, codes for missing that are read as values, constants, and columns scaled by all rows."""
    return (*_gaps(series), *_codes(series), *_constants(series, split), *_scaled(series, split))


def _gaps(series: Series) -> list[Finding]:
    shares = {name: 1 - series.observed[:, j].mean() for j, name in enumerate(series.columns)}
    gone = {name: share for name, share in shares.items() if share > 0}
    if not gone:
        return [Finding(check="gaps", severity="fine", text="Every value of every column is there.")]
    worst = sorted(gone, key=lambda name: -gone[name])
    told = few([f"'{name}' {_share(gone[name])}" for name in worst])
    text = f"Missing values, filled with the last one before: {told}; {_longest(series, worst[0])}."
    if gone[worst[0]] <= _MISSING:
        return [Finding(check="gaps", severity="fine", text=text)]
    advice = "Leave the column out, or tell the model with --mask; targets are never scored where they are missing."
    return [Finding(check="gaps", severity="warning", text=text, advice=advice)]


def _longest(series: Series, name: str) -> str:
    j = series.columns.index(name)
    best, where = 0, 0
    for member in series.members:
        gone = ~series.observed[member.start : member.stop, j]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], gone.astype(np.int8), [0]])))
        if len(edges):
            sizes = edges[1::2] - edges[::2]
            if sizes.max() > best:
                best, where = int(sizes.max()), member.start + int(edges[::2][sizes.argmax()])
    return f"the longest gap of '{name}' has {counted(best, 'row')} from {series.times[where]}"


def _codes(series: Series) -> list[Finding]:
    found, plain = [], {*series.plain, *series.static}
    taken = [f"{code:g} in '{name}'" for name, codes in series.codes.items() for code in codes]
    if taken:
        text = f"Taken as missing, for train rows show it: {few(taken)}."
        found.append(Finding(check="codes", severity="fine", text=text))
    for j, name in enumerate(series.columns):
        if name in plain:
            continue
        column = series.values[series.observed[:, j], j]
        for code in own_codes(column):
            rows = np.flatnonzero(series.observed[:, j] & (series.values[:, j] == code))
            found.append(
                Finding(
                    check="codes",
                    severity="warning",
                    text=f"{code:g} stands in '{name}' in {counted(len(rows), 'row')}, far off all other values, the "
                    f"first at {series.times[rows[0]]}: it reads like a code for missing.",
                    advice=f"If it is one, say --missing {code:g}.",
                )
            )
    return found


def _constants(series: Series, split: Split) -> list[Finding]:
    names = []
    for j, name in enumerate(series.columns):
        if name in series.static:
            continue
        own = np.concatenate([series.values[a:b, j] for a, b in split.train.pieces])
        if len(own) and own.min() == own.max():
            names.append(name)
    if not names:
        return []
    text = f"Constant in all train rows: {few([repr(name) for name in names])}. A model learns nothing from it."
    return [Finding(check="constants", severity="warning", text=text, advice="Leave it out, or give train more rows.")]


def _scaled(series: Series, split: Split) -> list[Finding]:
    """Finds columns whose scale is that of all rows: somebody normalised the table before it was split."""
    standard, ranged = [], []
    for j, name in enumerate(series.columns):
        if name in (*series.plain, *series.static):
            continue
        whole = series.values[series.observed[:, j], j].astype(np.float64)
        own = np.concatenate([series.values[a:b, j][series.observed[a:b, j]] for a, b in split.train.pieces])
        if len(whole) < _LEAST or len(own) < _LEAST or len(np.unique(whole[:1000])) <= _LEAST // 2:
            continue
        near = _SCALED * max(1.0, 1e3 / len(whole))
        if abs(whole.mean()) <= near and min(abs(whole.std(ddof=d) - 1) for d in (0, 1)) <= near:
            standard.append(name)
        low, high = whole.min(), whole.max()
        edges = (abs(low) <= _SCALED or abs(low + 1) <= _SCALED) and abs(high - 1) <= _SCALED
        if edges and not (own.min() == low and own.max() == high):
            ranged.append(name)
    return [
        *_scaled_by("mean 0 and deviation 1", standard, True),
        *_scaled_by("the range from 0 (or -1) to 1", ranged, len(ranged) > 1),
    ]


def _scaled_by(how: str, names: list[str], sure: bool) -> list[Finding]:
    if not names:
        return []
    have = "has" if len(names) == 1 else "have"
    return [
        Finding(
            check="scaled before",
            severity="leak" if sure else "warning",
            text=f"{few([repr(name) for name in names])} {have} {how} over all rows, and not over the train rows: the "
            "table was scaled before it was split.",
            advice="Give the table in its own units; it is scaled by its train rows.",
        )
    ]


def _share(share: float) -> str:
    return f"{100 * share:.2g} %"


def unique_rows(when: Stamps, groups: np.ndarray | None) -> np.ndarray:
    """Gives the rows that are kept when of two rows with one stamp the later one is left out."""
    if when.times is None:
        raise TypeError("unique_rows needs stamps.")
    keys = pd.DataFrame({"t": when.times.asi8, "g": 0 if groups is None else groups})
    return np.flatnonzero(~keys.duplicated().to_numpy())
