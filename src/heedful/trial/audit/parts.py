"""Parts that must stay apart: spans and windows in time, the scaler's rows, groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heedful.data.scale import Scaler
from heedful.data.split import Span, Split, ticks_of
from heedful.data.windows import Windows
from heedful.errors import ShapeError
from heedful.trial.audit.findings import Finding, counted, few

# A scaler is computed in float64 from the same rows, by the same sums: what differs by more was not computed so.
_SAME = 1e-9


def check_spans(split: Split) -> tuple[Finding, ...]:
    """Checks that train, validation and test share no row and no stamp, and follow each other in time."""
    spans = [span for span in split if len(span)]
    series = spans[0].series
    clock, found = ticks_of(series.times), []
    for i, early in enumerate(spans):
        for late in spans[i + 1 :]:
            shared = np.intersect1d(_rows(early), _rows(late))
            if len(shared):
                found.append(
                    _leak(
                        "spans",
                        f"{early.part} and {late.part} share {counted(len(shared), 'row')}, the first at "
                        f"{series.times[shared[0]]} (row {shared[0]}).",
                        "Cut the table so that no row is in two parts; heedful.data.split does.",
                    )
                )
                continue
            last, first = clock[_rows(early)].max(), clock[_rows(late)].min()
            if last >= first:
                found.append(
                    _leak(
                        "split order",
                        f"{early.part} goes on to {early.ends[1]}, but {late.part} begins at {late.ends[0]}: the model "
                        "would be trained on rows that are later than those it is scored on.",
                        "Split in time order, never at random; heedful.data.split does, at one date for all series.",
                    )
                )
    if found:
        return tuple(found)
    told = "; ".join(f"{span.part} {span.ends[0]} to {span.ends[1]}" for span in spans)
    return (Finding(check="spans", severity="fine", text=f"The parts follow each other in time: {told}."),)


def check_windows(*laid: Windows) -> tuple[Finding, ...]:
    """Checks that the targets of windows lie in their own part, horizon included, and in no other part's windows."""
    found, taken = [], [_targets(one) for one in laid]
    for one, rows in zip(laid, taken, strict=True):
        outside = np.setdiff1d(rows, _rows(one.span))
        if len(outside):
            found.append(
                _leak(
                    "windows",
                    f"{counted(len(outside), 'row')} that {one.span.part} windows forecast lie outside the "
                    f"{one.span.part} part, the first at {one.span.series.times[outside[0]]} (row {outside[0]}).",
                    f"End the windows {counted(one.horizon, 'row')} before the part ends; heedful.data.windows does.",
                )
            )
    for i, early in enumerate(laid):
        for j in range(i + 1, len(laid)):
            shared = np.intersect1d(taken[i], taken[j])
            if len(shared):
                found.append(
                    _leak(
                        "windows",
                        f"{counted(len(shared), 'row')} are forecast in {early.span.part} windows and in "
                        f"{laid[j].span.part} windows, the first at {early.span.series.times[shared[0]]}.",
                        "Cut the table into parts before it is cut into windows.",
                    )
                )
    if found or not laid:
        return tuple(found)
    sizes = f"{laid[0].window} rows of look-back, {laid[0].horizon} ahead"
    return (Finding(check="windows", severity="fine", text=f"No row is forecast in windows of two parts ({sizes})."),)


def check_scaler(scaler: Scaler, train: Span) -> tuple[Finding, ...]:
    """Checks that a scaler saw train rows only, by the rows it remembers and by computing its numbers again."""
    first, last = scaler.rows
    advice = "Fit the scaler on the train span alone: Scaler.fit(split.train)."
    if first < train.start or last > train.stop:
        return (
            _leak(
                "scaler",
                f"The scaler saw rows {first} to {last - 1}, but train is rows {train.start} to {train.stop - 1}.",
                advice,
            ),
        )
    pieces = tuple((max(a, first), min(b, last)) for a, b in train.pieces if a < last and b > first)
    again = Scaler.fit(Span(series=train.series, part="train", start=first, stop=last, pieces=pieces), scaler.kind)
    gaps = np.maximum(abs(scaler.centre - again.centre), abs(scaler.spread - again.spread)) / again.spread
    worst = float(np.max(gaps))
    if not worst <= _SAME:
        column = scaler.columns[int(np.argmax(gaps.reshape(-1, gaps.shape[-1]).max(0)))]
        return (
            _leak(
                "scaler",
                f"The scaler's centre and spread are not those of the train rows: '{column}' is off by {worst:.2g} "
                "spreads. Other rows had a say in them.",
                advice,
            ),
        )
    text = f"The scaler's numbers are those of rows {first} to {last - 1}, all of them in train."
    return (Finding(check="scaler", severity="fine", text=text),)


def check_groups(groups: Sequence[object] | np.ndarray, split: Split, name: str = "group") -> tuple[Finding, ...]:
    """Checks that no group has rows in two parts.

    Args:
        groups: the group of every row of the series; None for rows that belong to none.
        name: the column that names them.

    Raises: ShapeError unless there is one entry for every row.
    """
    series = split.train.series
    if len(groups) != len(series):
        raise ShapeError(f"check_groups needs a group for each of {len(series)} rows, got {len(groups)}.")
    column = np.array(["" if group is None or group != group else str(group) for group in groups], dtype=object)
    kinds, codes = np.unique(column.astype(str), return_inverse=True)
    where = {span.part: np.unique(codes[_rows(span)]) for span in split if len(span)}
    times = np.sum([np.isin(np.arange(len(kinds)), codes) for codes in where.values()], axis=0)
    torn = [str(kind) for kind, parts in zip(kinds, times, strict=True) if parts > 1 and kind]
    if not torn:
        text = f"None of the {counted(int((kinds != '').sum()), 'group')} of '{name}' has rows in two parts."
        return (Finding(check="groups", severity="fine", text=text),)
    of = f"{len(torn):,} of {counted(int((kinds != '').sum()), 'group')}"
    return (
        _leak(
            "groups",
            f"{of} in '{name}' have rows in more than one part: {few(torn)}.",
            "Choose the borders of --split between groups, or split by group if the rows of a group are alike.",
        ),
    )


def _leak(check: str, text: str, advice: str) -> Finding:
    return Finding(check=check, severity="leak", text=text, advice=advice)


def _rows(span: Span) -> np.ndarray:
    return np.concatenate([np.arange(start, stop) for start, stop in span.pieces])


def _targets(laid: Windows) -> np.ndarray:
    """Gives every row that some window forecasts."""
    taken = [np.arange(first + laid.window, first + laid.window + n + laid.horizon - 1) for first, n in laid.runs]
    return np.unique(np.concatenate(taken))
