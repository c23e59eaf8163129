"""Rows that are still to be forecast: kept apart from the past, and laid out for a model to continue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from heedful.data.calendar import NAMES, calendar_values
from heedful.data.categories import one_hot
from heedful.data.gaps import AGE, MASK
from heedful.data.series import Member, Series
from heedful.data.split import Span
from heedful.data.step import continue_times
from heedful.data.windows import Windows
from heedful.errors import DataError

_TOLD = 5


def settle(series: Series, future: str | None) -> Series:
    """Decides what the rows after the last observed target of every member are.

    Args:
        future: "keep" notes their number in `Series.ahead`, for a forecast, which reads only what is known in advance
            of them; "drop" leaves them out with a note; None leaves them as they are.

    Raises: DataError for "drop" if a column that is not known in advance has values there: it may be known after all.
    """
    trailing = _trailing(series)
    if not any(trailing):
        return replace(series, ahead=tuple(trailing)) if future == "keep" else series
    early = _early(series, trailing)
    if future == "keep":
        names = ", ".join(early[:_TOLD]) + (f" and {len(early) - _TOLD:,} more" if len(early) > _TOLD else "")
        note = (
            f"What {names} {'has' if len(early) == 1 else 'have'} after the newest observed "
            f"{' or '.join(series.targets)} is not read: only the past of such columns is used."
        )
        return replace(series, ahead=tuple(trailing), notes=(*series.notes, note) if early else series.notes)
    if future is None:
        if not early:
            return series
        note = (
            f"The last {max(trailing):,} rows have no {' or '.join(series.targets)}, but {', '.join(early)}. A column "
            "whose future is known should be declared with --known."
        )
        return replace(series, notes=(*series.notes, note))
    if early:
        raise DataError(
            f"'{early[0]}' has values in the {max(trailing):,} rows to be forecast but was not declared known: a model "
            "that reads them sees the future. If it is known in advance (calendar, plan, tariff), declare it with "
            f"--known {early[0]}; if not, empty those cells."
        )
    note = f"{sum(trailing):,} rows after the last observed target left out: they are still to be forecast."
    return replace(_cut(series, trailing), notes=(*series.notes, note))


def take_future(series: Series) -> tuple[Series, tuple[np.ndarray, ...], tuple[int, ...]]:
    """Parts a series built with future="keep" into the past and the known columns of the rows to be forecast.

    Shape: one array (rows, K) for each member; the last part gives their rows.
    """
    numbers = series.ahead or (0,) * len(series.members)
    known = list(series.known_indices)
    parts = tuple(
        series.values[member.stop - number : member.stop][:, known]
        for member, number in zip(series.members, numbers, strict=True)
    )
    return _cut(series, numbers), parts, numbers


def ahead(series: Series, window: int, horizon: int) -> Windows:
    """Lays one window over the newest rows of every member, its horizon beyond the last observed target.

    What is known of the horizon is filled in: stamps and calendar go on by the step, static columns stay, and other
    known columns come from the rows that a series built with future="keep" has there. The targets of these windows
    are NaN. `windows.span.series` holds the stamps; members with fewer rows than the window give none.

    Raises: DataError if no member has `window` rows, or a known column has no value for the whole horizon.
    """
    numbers = series.ahead or (0,) * len(series.members)
    parts: list[tuple[np.ndarray, np.ndarray, pd.Index]] = []
    members: list[Member] = []
    for member, number in zip(series.members, numbers, strict=True):
        if len(member) - number >= window:
            start = len(members) * (window + horizon)
            members.append(Member(name=member.name, start=start, stop=start + window + horizon))
            parts.append(_continued(series, member, number, window, horizon))
    if not members:
        longest = max(len(member) - number for member, number in zip(series.members, numbers, strict=True))
        raise DataError(
            f"A forecast needs the last {window} rows of {', '.join(series.targets)}, got {longest}. "
            "Give a table with more rows."
        )
    times = parts[0][2].append([part[2] for part in parts[1:]])
    made = replace(
        series,
        values=np.concatenate([part[0] for part in parts]),
        observed=np.concatenate([part[1] for part in parts]),
        times=times,
        members=tuple(members),
        ahead=(horizon,) * len(members),
    )
    pieces = tuple((member.stop - horizon, member.stop) for member in members)
    span = Span(series=made, part="future", start=pieces[0][0], stop=pieces[-1][1], pieces=pieces)
    runs = tuple((member.start, 1) for member in members)
    return Windows(span=span, window=window, horizon=horizon, runs=runs)


def _continued(
    series: Series, member: Member, number: int, window: int, horizon: int
) -> tuple[np.ndarray, np.ndarray, pd.Index]:
    """Gives the last `window` rows of a member and `horizon` more: values, observed flags and stamps."""
    stop = member.stop - number
    rows, given = slice(stop - window, stop), slice(stop, stop + min(number, horizon))
    values = np.concatenate([series.values[rows], np.repeat(series.values[stop - 1 : stop], horizon, axis=0)])
    observed = np.concatenate([series.observed[rows], np.zeros((horizon, values.shape[1]), dtype=bool)])
    times = series.times[given]
    if len(times) < horizon:
        past = series.times[member.start : stop + len(times)]
        times = times.append(continue_times(past, series.step, horizon - len(times)))
    for name, j in zip(series.known, series.known_indices, strict=True):
        if name in NAMES and name in series.plain:
            values[window:, j] = calendar_values(times, (name,))[:, 0]
        elif name not in series.static:
            have = int(series.observed[given, j].sum())
            if have < horizon:
                name = _texts(series).get(name, name)
                which = f" of series '{member.name}'" if len(series.members) > 1 else ""
                raise DataError(
                    f"'{name}' was declared known, so the forecast needs its next {horizon:,} values{which}, got "
                    f"{have:,}. Add rows after the last one with '{name}' filled in and the target empty."
                )
            values[window:, j] = series.values[given, j]
        observed[window:, j] = True
    return values, observed, series.times[rows].append(times)


def _trailing(series: Series) -> list[int]:
    """Counts the rows of every member after its last observed target."""
    found = []
    for member in series.members:
        seen = series.observed[member.start : member.stop, list(series.target_indices)]
        newest = seen[::-1].any(axis=1)
        found.append(int(newest.argmax()) if newest.any() else 0)
    return found


def _early(series: Series, trailing: list[int]) -> list[str]:
    """Names the columns, not known in advance, that have values in the trailing rows."""
    texts = _texts(series)
    made = {name for name in series.plain if name not in texts and name.endswith((MASK, AGE))}
    found: dict[str, None] = {}
    for j, name in enumerate(series.columns):
        if name in made or name in series.known:
            continue
        for member, number in zip(series.members, trailing, strict=True):
            if series.observed[member.stop - number : member.stop, j].any():
                found[texts.get(name, name)] = None
                break
    return list(found)


def _texts(series: Series) -> dict[str, str]:
    """Gives the text column of every one-hot column."""
    return {one_hot(name, level): name for name, levels in series.levels.items() for level in levels}


def _cut(series: Series, trailing: tuple[int, ...] | list[int]) -> Series:
    """Leaves out the last rows of every member."""
    if not any(trailing):
        return replace(series, ahead=())
    keep = np.ones(len(series), dtype=bool)
    members, at = [], 0
    for member, number in zip(series.members, trailing, strict=True):
        keep[member.stop - number : member.stop] = False
        members.append(Member(name=member.name, start=at, stop=at + len(member) - number))
        at += len(member) - number
    times = series.times[keep]
    if len(members) == 1 and isinstance(series.times, pd.RangeIndex):
        times = series.times[:at]
    return replace(
        series,
        values=series.values[keep],
        observed=series.observed[keep],
        times=times,
        members=tuple(members),
        ahead=(),
    )
