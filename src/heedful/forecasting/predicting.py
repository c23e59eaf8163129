"""heedful.predict: a table continued beyond its last row, with real stamps and calibrated intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.bundle import Bundle
from heedful.data.build import build_series
from heedful.data.future import ahead
from heedful.data.series import Member, Series
from heedful.data.split import Span
from heedful.data.step import continue_times
from heedful.data.table import Table, read
from heedful.data.windows import Windows
from heedful.errors import DataError, OptionError
from heedful.forecasting.findings import few
from heedful.forecasting.frames import tidy
from heedful.forecasting.inputs import load_table
from heedful.forecasting.outputs import Forecasts, forecasts
from heedful.forecasting.scores import named
from heedful.intervals import check_levels

_FILLED = "a row of the table"


def predict(
    bundle: Bundle | str | Path,
    data: Any,
    *,
    time: str | None = None,
    date_format: str | None = None,
    levels: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Continues a table beyond its newest observed target.

    Rows after it, in which the target is empty, are rows to be forecast. Columns known in advance are read from them,
    one row for each step of the horizon; calendar and static columns go on by themselves, and of all others nothing
    is read there. Every series of a table of many is continued.

    Args:
        bundle: a bundle or its folder.
        data: path or frame with the columns that the bundle was trained on; its last `window` rows are used.
        time: the time column; by default that of the training table, or found by itself.
        date_format: strptime format of the time column when it is ambiguous.
        levels: levels of the intervals, such as (0.8, 0.95); those of the bundle if not given, none if empty.

    Returns: a frame with columns time, step, predicted, and lower_80, upper_80 for each level; before them `series`
             for a table of many and `target` for several targets. In original units. What was filled, reordered
             or taken as missing, and how old the newest target value is, stands in `frame.attrs["notes"]`.
    Raises:  DataError if a column or the time is missing, if rows are further apart or closer than in training, if
             there are fewer rows, or fewer observed ones, than the window needs, or if values known in advance are
             not there; OptionError for a level that was not calibrated, or without a table.
    """
    if data is None:
        raise OptionError("predict needs the table to continue, got None. Give its path or a frame.")
    if not isinstance(bundle, Bundle):
        bundle = Bundle.load(bundle)
    wanted = _levels(bundle, levels)
    series = series_of(bundle, load_table(data, date_format), time, date_format)
    series, notes = _usable(bundle, series)
    laid = ahead(series, bundle.shape.window, bundle.shape.horizon)
    scaler = bundle.scaler.for_member(past_of(series))
    frame = tidy(laid, forecasts(bundle.ready, laid, scaler, bundle.intervals, wanted), wanted)
    bounds = [f"{side}_{named(level)}" for level in wanted for side in ("lower", "upper")]
    columns = ["series"] if bundle.reading.series else []
    columns += ["target"] if len(bundle.targets) > 1 else []
    frame = frame[[*columns, "time", "step", "predicted", *bounds]]
    strange = bundle.scaler.unseen(series)
    if strange:
        notes.append(f"Not seen in training, so scaled by their own rows: {few(strange)}.")
    frame.attrs["notes"] = (*series.notes, *notes)
    return frame


def roll(bundle: Bundle, frame: pd.DataFrame, rows: int, levels: Sequence[float] = ()) -> Forecasts:
    """Forecasts the last rows of a frame block by block, each of `horizon` rows, from the rows before its block.

    Shape: point (rows, M); lower and upper (levels, rows, M).
    """
    wanted = _levels(bundle, levels)
    series = series_of(bundle, read(_blanked(bundle, frame)), None, None)
    window, horizon = bundle.shape.window, bundle.shape.horizon
    times = series.times
    place = np.arange(len(series) - rows, len(series))
    if isinstance(times, pd.DatetimeIndex) and bundle.reading.time is not None:
        place = times.get_indexer(pd.DatetimeIndex(frame[bundle.reading.time].iloc[len(frame) - rows :]))
    first = int(place[0]) if rows else len(series)
    if first < window:
        raise DataError(
            f"A forecast needs the last {window} rows of {', '.join(bundle.targets)}, got {first}. "
            "Give a table with more rows."
        )
    starts = range(first, int(place[-1]) + 1 if rows else first, horizon)
    longer = lengthened(series, starts[-1] + horizon - len(series) if rows else 0)
    span = Span(series=longer, part="future", start=first, stop=len(longer))
    laid = Windows(span=span, window=window, horizon=horizon, runs=tuple((s - window, 1) for s in starts))
    said = forecasts(bundle.ready, laid, bundle.scaler, bundle.intervals, wanted)
    flat, asked = (len(starts) * horizon, len(bundle.targets)), place - first
    lower, upper = (side.reshape(len(wanted), *flat)[:, asked] for side in (said.lower, said.upper))
    return Forecasts(said.point.reshape(flat)[asked], lower, upper)


# --- what is continued --------------------------------------------------------------------------------------------


def _levels(bundle: Bundle, levels: Sequence[float] | None) -> tuple[float, ...]:
    if levels is None:
        return bundle.levels
    wanted = check_levels(levels)
    if wanted and bundle.intervals is None:
        raise OptionError(
            f"This bundle gives points only, asked for intervals at {', '.join(f'{level:g}' for level in wanted)}. "
            "Bundles of heedful fit have intervals."
        )
    for level in wanted:
        if bundle.intervals is not None:
            bundle.intervals.place(level)
    return wanted


def series_of(bundle: Bundle, table: Table, time: str | None = None, date_format: str | None = None) -> Series:
    """Reads a table as the one that was trained on was read.

    Raises: DataError for a table without stamps where the bundle needs them.
    """
    reading, step = bundle.reading, bundle.step
    if time is None and reading.time in [str(name) for name in table.frame.columns]:
        time = reading.time
    series = build_series(
        table,
        bundle.targets,
        time=time,
        like=bundle.scaler.columns,
        known=reading.known,
        static=reading.static,
        series=reading.series,
        codes=reading.codes,
        levels=reading.levels,
        step=step,
        date_format=date_format,
        future="keep",
    )
    if step.kind != "rows" and not isinstance(series.times, pd.DatetimeIndex):
        raise DataError(
            f"predict needs a table with a time column, as this bundle was trained on one ({step}), and found none in "
            f"'{series.name}'. Name it with --time, or add it."
        )
    return series if step.kind == "rows" else replace(series, step=step)


def _usable(bundle: Bundle, series: Series) -> tuple[Series, list[str]]:
    """Leaves out members whose newest rows cannot carry a forecast, and says how old their newest values are.

    Raises: DataError if there is none that can.
    """
    reasons: dict[str, str] = {}
    told: dict[str, list[str]] = {}
    keep = []
    ahead_rows = series.ahead or (0,) * len(series.members)
    for member, number in zip(series.members, ahead_rows, strict=True):
        why, said = _fault(bundle, series, member, number)
        if why:
            reasons[member.name] = why
            continue
        keep.append((member, number))
        for note in said:
            told.setdefault(note, []).append(member.name)
    notes = [f"{note} ({few(names)})" if len(series.members) > 1 else note for note, names in told.items()]
    if not keep:
        raise DataError(next(iter(reasons.values())))
    if reasons:
        notes.append(f"Not continued, for they lack their newest {bundle.shape.window} rows: {few(list(reasons))}.")
    members, numbers = zip(*keep, strict=True)
    return replace(series, members=members, ahead=numbers if series.ahead else ()), notes


def past_of(series: Series) -> Series:
    """Leaves the rows to be forecast out of every member."""
    numbers = series.ahead or (0,) * len(series.members)
    members = tuple(replace(m, stop=m.stop - number) for m, number in zip(series.members, numbers, strict=True))
    return replace(series, members=members, ahead=())


def _fault(bundle: Bundle, series: Series, member: Member, number: int) -> tuple[str, list[str]]:
    """Says why a member cannot be continued, empty if it can; and how old its newest target values are."""
    window, stop = bundle.shape.window, member.stop - number
    names = ", ".join(f"'{name}'" for name in bundle.targets)
    if stop - member.start < window:
        have = stop - member.start
        return f"predict needs the last {window} rows of {names}, got {have}. Give a table with more rows.", []
    notes = []
    if number > (bundle.shape.horizon if bundle.reading.awaited else 0):
        notes.append(
            f"The forecast begins after {series.times[stop - 1]}, the newest observed value of {names}: the table's "
            f"{number:,} {'row' if number == 1 else 'rows'} after it {'has' if number == 1 else 'have'} none."
        )
    for name, j in zip(series.targets, series.target_indices, strict=True):
        seen = series.observed[member.start : stop, j][::-1]
        gone = window - int(seen[:window].sum())
        if 2 * gone > window:
            return (
                f"predict needs the last {window} rows of '{name}', and {gone} of them have no observed value. "
                "Give a table whose newest rows are filled, or end it at the last of them."
            ), []
        age = int(seen.argmax())
        if age:
            notes.append(f"The newest observed value of {name} is {age:,} {'row' if age == 1 else 'rows'} old.")
    return "", notes


def _blanked(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    """Empties the columns of the past in the rows after the last observed target, which no forecast reads.

    A column of ones keeps these rows in the table: rows with nothing in them are taken for the end of a file.
    """
    seen = frame[list(bundle.targets)].notna().any(axis=1).to_numpy()
    after = np.arange(len(frame)) > (seen.nonzero()[0][-1] if seen.any() else -1)
    kept = {*bundle.reading.known, bundle.reading.time}
    past = [str(name) for name in frame if name not in kept]
    blank = {name: frame[name].mask(after) for name in past} if after.any() else {}
    return frame.assign(**blank, **{_FILLED: 1.0})


def lengthened(series: Series, rows: int) -> Series:
    """Repeats the last row, unobserved, so that a last block of fewer rows than the horizon has its windows."""
    if rows <= 0:
        return series
    values = np.concatenate([series.values, np.repeat(series.values[-1:], rows, axis=0)])
    observed = np.concatenate([series.observed, np.zeros((rows, series.observed.shape[1]), dtype=bool)])
    times = series.times.append(continue_times(series.times, series.step, rows))
    return replace(series, values=values, observed=observed, times=times, members=())
