"""Finds the time column of a table and reads its stamps."""

from __future__ import annotations

import datetime as clock
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from heedful.data.step import find_step, slots
from heedful.data.table import Table
from heedful.errors import DataError, OptionError, unknown

_NAMES = re.compile(
    r"(^|[^a-z])(date|time|datetime|timestamp|ts|ds|day|week|month|quarter|year|when|period|epoch|unix|zeit|datum|fecha|hour)"
    r"([^a-z]|$)|date|time|^日期$|^时间$|日期|时间"
)
_CLOCKS = re.compile(r"^\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?\s*$")
_PARTS = {
    "year": ("year", "yr", "yyyy"),
    "month": ("month", "mon", "mo", "mm"),
    "day": ("day", "dy", "dd"),
    "hour": ("hour", "hr", "hh"),
    "minute": ("minute", "minutes"),
    "second": ("second", "seconds"),
}
_CLOCK = r"(?:[T ,]+(?P<h>\d{1,2})[:.](?P<i>\d{2})(?:[:.](?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?)?"
_TAIL = r"\s*(?P<p>[AaPp])?(?:\.?[Mm]\.?)?\s*(?P<z>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?\s*$"
_DATE = r"^\s*(?P<a>\d{1,4})(?P<d>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{1,4})" + _CLOCK + _TAIL
_CHINESE = r"^\s*(?P<a>\d{4})年(?P<b>\d{1,2})月(?:(?P<c>\d{1,2})日)?" + _CLOCK + _TAIL
_MONTH = r"^\s*(?P<y>\d{4})(?:[-/.]|[Mm])(?P<m>\d{1,2})\s*$"
_MONTH_BACK = r"^\s*(?P<m>\d{1,2})[-/.](?P<y>\d{4})\s*$"
_QUARTER = r"^\s*(?P<y>\d{4})\s*[-/]?\s*[Qq](?P<q>[1-4])\s*$"
_ORDERS = {"day/month/year": "%d/%m/%Y", "month/day/year": "%m/%d/%Y", "year/month/day": "%Y-%m-%d"}
_EPOCHS = {"s": (1e8, 4.2e9), "ms": (1e11, 4.2e12), "us": (1e14, 4.2e15), "ns": (1e17, 4.2e18)}
_SPAN = (np.datetime64("0001-01-01", "D"), np.datetime64("9999-12-31", "D"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Stamps:
    """When the rows of a table were, in file order; `times` is None if it has no time column."""

    times: pd.DatetimeIndex | None
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_stamps(
    table: Table,
    time: str | Literal[False] | None,
    target: str,
    date_format: str | None,
    *,
    inputs: Collection[str] = (),
) -> Stamps:
    """Reads the time column, found by type, name and content if it is not named; False says that there is none.

    Args:
        inputs: columns that are known to be no time column, and are not looked at when one is looked for.

    Raises: UnknownName for a column that is not there; DataError for unreadable or ambiguous stamps; OptionError for
            a date format without a time column.
    """
    frame = table.frame
    if time is False:
        if date_format is not None:
            raise OptionError(
                f"date_format says how the time column is written, {date_format!r}, and time=False that there is none. "
                "Leave one of them out."
            )
        return Stamps(times=None)
    if time is not None:
        if time not in frame.columns:
            raise unknown("column", time, map(str, frame.columns))
        if time == target:
            raise DataError(f"Column '{time}' cannot be both time and target. Name another one of them.")
        return _with_clock(table, time, _read(table, time, date_format), date_format)
    others = {target, *inputs}
    column = _candidate(table, others, date_format)
    if column is not None:
        return _with_clock(table, column, _read(table, column, date_format), date_format)
    parts = _part_columns(frame, others)
    if parts:
        return _from_parts(table, parts)
    if date_format is not None:
        raise DataError(f"No column of '{table.name}' is written as {date_format!r}. Name the time column with --time.")
    return Stamps(times=None, notes=("No time column was found; rows are taken in the order of the file.",))


# --- which column ---------------------------------------------------------------------------------


def _candidate(table: Table, others: Collection[str], date_format: str | None) -> str | None:
    frame = table.frame
    names = [str(c) for c in frame.columns if c not in others]
    names.sort(key=lambda name: not _NAMES.search(name.lower()))
    for name in names:
        if pd.api.types.is_datetime64_any_dtype(frame[name].dtype) or isinstance(frame[name].dtype, pd.PeriodDtype):
            return name
    texts = [n for n in names if not _is_number(frame[n]) and frame[n].notna().any()]
    for name in texts:
        if _looks_like_stamps(frame[name], date_format):
            return name
    if _part_columns(frame, others):
        return None
    for name in names:
        if _is_number(frame[name]) and _NAMES.search(name.lower()) and _number_kind(frame[name], name, date_format):
            return name
    return None


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype))


def _looks_like_stamps(column: pd.Series, date_format: str | None) -> bool:
    seen = column.dropna()
    sample = seen.iloc[np.unique(np.linspace(0, len(seen) - 1, 200).astype(int))]
    text = _text(sample)
    if date_format is not None:
        good = pd.to_datetime(text.to_pandas(), format=date_format, errors="coerce", utc=True).notna().mean()
    else:
        forms = (_DATE, _CHINESE, _MONTH, _MONTH_BACK, _QUARTER)
        good = max(np.mean(pc.match_substring_regex(text, re.sub(r"\(\?P<\w>", "(", f)).to_numpy()) for f in forms)
        if good < 0.5 and all(re.search(r"\d", t) and len(t) >= 6 for t in text.to_pylist()):
            good = max(good, float(_named_months(text.to_pandas()).notna().mean()))
    return bool(good >= 0.5)


def _text(column: pd.Series) -> pa.ChunkedArray:
    plain = column.astype("object").map(str, na_action="ignore") if column.dtype == object else column
    return pa.chunked_array([pa.array(plain.array, type=pa.string(), from_pandas=True)])


def _part_columns(frame: pd.DataFrame, others: Collection[str]) -> dict[str, str]:
    """Finds year, month, day ... columns; empty unless they run from the year on without a hole."""
    lower = {str(c).lower().strip(): str(c) for c in frame.columns if c not in others and _is_number(frame[c])}
    found = {part: lower[name] for part, names in _PARTS.items() for name in names[::-1] if name in lower}
    parts: dict[str, str] = {}
    for part in _PARTS:
        if part not in found:
            break
        parts[part] = found[part]
    if "year" not in parts or not frame[parts["year"]].dropna().between(1000, 3000).all():
        return {}
    if len(parts) == 1 and (not _whole(frame[parts["year"]]) or not frame[parts["year"]].is_unique):
        return {}
    return parts


def _whole(column: pd.Series) -> bool:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return bool(np.isfinite(values).all() and (values == np.round(values)).all())


# --- reading it -----------------------------------------------------------------------------------


def _read(table: Table, name: str, date_format: str | None) -> Stamps:
    column = table.frame[name]
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if column.isna().any():
        row = int(np.flatnonzero(column.isna().to_numpy())[0])
        raise DataError(f"Column '{name}' has no time stamp in {table.place(row)}. Fill it in or remove the row.")
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Stamps(times=_index(column), columns=(name,))
    if _is_number(column):
        return _from_numbers(table, name, date_format)
    if date_format is not None:
        return _by_format(table, name, date_format)
    if column.dtype == object and not column.map(lambda value: isinstance(value, str)).any():
        try:
            return Stamps(times=_index(pd.to_datetime(column)), columns=(name,))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"Column '{name}' holds no time stamps ({error}). Name another column with --time."
            ) from error
    return _from_text(table, name)


def _index(column: pd.Series) -> pd.DatetimeIndex:
    if isinstance(column.dtype, pd.ArrowDtype):
        return pd.DatetimeIndex(column.dt.tz_localize(None).to_numpy(), name=None).tz_localize(column.dt.tz)
    return pd.DatetimeIndex(column, name=None)


def _bad_stamp(table: Table, name: str, row: int, more: str = "") -> DataError:
    value = table.frame[name].iloc[row]
    return DataError(
        f"Column '{name}' has a time stamp that cannot be read in {table.place(row)}: {str(value)!r}. "
        f"{more}Mend or remove that row, name another column with --time, or say how stamps are written with "
        '--date-format, e.g. "%d/%m/%Y %H:%M".'
    )


def _by_format(table: Table, name: str, date_format: str) -> Stamps:
    text = table.frame[name].map(str)
    zoned = "%z" in date_format
    found = pd.to_datetime(text, format=date_format, errors="coerce", utc=zoned)
    if found.isna().any():
        row = int(np.flatnonzero(found.isna().to_numpy())[0])
        value = str(table.frame[name].iloc[row])
        raise DataError(
            f"Column '{name}' does not fit the date format {date_format!r} in {table.place(row)}: {value!r}. "
            "Mend that row or give another --date-format."
        )
    if not zoned:
        return Stamps(times=_index(found), columns=(name,))
    offsets = text.str.extract(r"([+-]\d{2}:?\d{2}|Z)\s*$")[0].fillna("Z").to_numpy(dtype=object)
    return _zoned(pd.DatetimeIndex(found).tz_localize(None), offsets, name, local=False)


def _number_kind(column: pd.Series, name: str, date_format: str | None) -> str:
    """Tells how numbers write a time: yyyymmdd, epoch seconds ..., an Excel day; empty if they do not."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    seen = values[np.isfinite(values)]
    if not seen.size:
        return ""
    low, high, whole = seen.min(), seen.max(), bool((seen == np.round(seen)).all())
    if date_format is not None:
        return (
            "format"
            if whole and _looks_like_stamps(pd.Series(seen[:200].astype(np.int64).astype(str)), date_format)
            else ""
        )
    if (
        whole
        and low > 1e7
        and high < 3e7
        and not pd.to_datetime(pd.Series(seen.astype(np.int64).astype(str)), format="%Y%m%d", errors="coerce")
        .isna()
        .any()
    ):
        return "format"
    if whole and low > 1e5 and high < 3e5 and (seen % 100 >= 1).all() and (seen % 100 <= 12).all():
        return "month"
    if whole and low > 1000 and high < 3000 and "year" in name.lower():
        return "year"
    for unit, (start, stop) in _EPOCHS.items():
        if start < low and high < stop:
            return unit
    return "excel" if low > 20_000 and high < 80_000 and seen.size == np.unique(seen).size else ""


def _from_numbers(table: Table, name: str, date_format: str | None) -> Stamps:
    column = table.frame[name]
    kind = _number_kind(column, name, date_format)
    if not kind:
        raise DataError(
            f"Column '{name}' holds numbers that are no stamps, e.g. {column.iloc[0]} in {table.place(0)}. "
            "Leave --time out if rows are merely counted, or give --date-format."
        )
    values = column.to_numpy(dtype=np.float64)
    whole = values.astype(np.int64) if kind in ("format", "month", "year") else values
    if kind == "format":
        text = pd.Series(whole.astype(str))
        if date_format is not None:
            width = len(clock.datetime(2020, 12, 28).strftime(date_format))
            text = text.str.zfill(width)
        found = pd.to_datetime(text, format=date_format or "%Y%m%d", errors="coerce")
        if found.isna().any():
            raise _bad_stamp(table, name, int(np.flatnonzero(found.isna().to_numpy())[0]))
        return Stamps(times=_index(found), columns=(name,))
    if kind in ("month", "year"):
        months = (whole - 1970) * 12 if kind == "year" else (whole // 100 - 1970) * 12 + whole % 100 - 1
        return Stamps(times=pd.DatetimeIndex(months.astype("M8[M]").astype("M8[s]")).as_unit("us"), columns=(name,))
    if kind == "excel":
        ticks = np.round(values * 86_400_000).astype(np.int64)
        times = pd.DatetimeIndex((ticks - 25_569 * 86_400_000).view("M8[ms]")).as_unit("us")
        return Stamps(times=times, columns=(name,), notes=(f"Column '{name}' was read as Excel day numbers.",))
    note = f"Column '{name}' was read as time since 1970 in {kind} (UTC)."
    if pd.api.types.is_integer_dtype(column.dtype):
        ticks = column.to_numpy(dtype=np.int64)
        times = pd.DatetimeIndex(ticks.astype(f"M8[{kind}]"))
    else:
        scale = {"s": 1e6, "ms": 1e3, "us": 1, "ns": 1e-3}[kind]
        times = pd.DatetimeIndex(np.round(values * scale).astype(np.int64).view("M8[us]"))
    return Stamps(times=times.tz_localize("UTC"), columns=(name,), notes=(note,))


def _from_parts(table: Table, parts: dict[str, str]) -> Stamps:
    frame = table.frame
    values = {}
    for part, name in parts.items():
        column = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        bad = ~np.isfinite(column) | (column != np.round(column))
        if bad.any():
            raise _bad_stamp(table, name, int(np.flatnonzero(bad)[0]))
        values[part] = column.astype(np.int64)
    zero, one = np.zeros(len(frame), np.int64), np.ones(len(frame), np.int64)
    times, good = _assemble(
        values["year"],
        values.get("month", one),
        values.get("day", one),
        values.get("hour", zero),
        values.get("minute", zero),
        values.get("second", zero),
        zero,
    )
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        came = ", ".join(f"{part} {values[part][row]}" for part in parts)
        raise DataError(f"{table.place(row).capitalize()} is no date: {came}. Mend or remove that row.")
    note = f"Time was put together from the columns {', '.join(parts.values())}."
    return Stamps(times=pd.DatetimeIndex(times), columns=tuple(parts.values()), notes=(note,))


def _with_clock(table: Table, name: str, stamps: Stamps, date_format: str | None) -> Stamps:
    """Adds the time of day where a table keeps it in a column of its own beside the date."""
    times = stamps.times
    if times is None or not times.has_duplicates or (times != times.normalize()).any() or date_format is not None:
        return stamps
    for other in map(str, table.frame.columns):
        column = table.frame[other]
        if other == name or not re.search(r"time|hour|clock|zeit|hora", other.lower()) or column.isna().any():
            continue
        if _is_number(column) and _whole(column) and column.between(0, 24).all() and "hour" in other.lower():
            ticks = column.to_numpy(dtype=np.int64) * 3_600_000_000
        elif not _is_number(column) and column.map(lambda v: bool(_CLOCKS.match(str(v)))).all():
            found = _text(column).to_pandas().str.extract(_CLOCKS).fillna("0")
            ticks = sum(found[i].astype(np.int64).to_numpy() * s for i, s in enumerate((3600, 60, 1))) * 1_000_000
        else:
            continue
        both = times.as_unit("us") + pd.to_timedelta(ticks, unit="us")
        note = f"Time was put together from the columns {name}, {other}."
        return Stamps(times=pd.DatetimeIndex(both), columns=(name, other), notes=(*stamps.notes, note))
    return stamps


# --- dates written as text ------------------------------------------------------------------------


def _from_text(table: Table, name: str) -> Stamps:
    text = _text(table.frame[name])
    for form in (_MONTH, _MONTH_BACK, _QUARTER):
        found = _extract(text, form)
        if found is None or pc.is_null(found["y"]).to_numpy().any():
            continue
        month = _whole_numbers(found["m"]) if "m" in found else 3 * _whole_numbers(found["q"]) - 2
        if (month < 1).any() or (month > 12).any():
            raise _bad_stamp(table, name, int(np.flatnonzero((month < 1) | (month > 12))[0]))
        months = (_whole_numbers(found["y"]) - 1970) * 12 + month - 1
        return Stamps(times=pd.DatetimeIndex(months.astype("M8[M]").astype("M8[s]")).as_unit("us"), columns=(name,))
    for form in (_DATE, _CHINESE):
        found = _extract(text, form)
        matched = pc.is_valid(found["a"]).to_numpy()
        if matched.mean() < 0.5:
            continue
        if not matched.all():
            raise _bad_stamp(table, name, int(np.flatnonzero(~matched)[0]))
        return _from_fields(table, name, found)
    found_months = _named_months(text.to_pandas())
    if found_months.isna().any():
        raise _bad_stamp(table, name, int(np.flatnonzero(found_months.isna().to_numpy())[0]))
    return Stamps(times=_index(found_months), columns=(name,))


def _named_months(text: pd.Series) -> pd.Series:
    """Reads dates that name their month, such as '5 Jan 2020' or 'Jan-20'."""
    if not text.str.contains(r"[A-Za-z]{3}", regex=True).mean() >= 0.5:
        return pd.Series(pd.NaT, index=text.index)
    for form in ("%b-%y", "%b %Y", "%B %Y", "%b-%Y", "%Y %b", "%Y-%b", "%d-%b-%y", "%d-%b-%Y", "%b %d, %Y"):
        found = pd.to_datetime(text, format=form, errors="coerce")
        if found.notna().mean() >= 0.5:
            return found
    first = text.dropna().iloc[0]
    guess = pd.tseries.api.guess_datetime_format(first)
    if guess is None:
        return pd.Series(pd.NaT, index=text.index)
    return pd.to_datetime(text, format=guess, errors="coerce", utc="%z" in guess)


def _extract(text: pa.ChunkedArray, form: str) -> dict[str, pa.ChunkedArray]:
    struct = pc.extract_regex(text, pattern=form)
    fields = [struct.type.field(i).name for i in range(struct.type.num_fields)]
    none = pc.is_null(struct)
    return {
        field: pc.if_else(none, pa.scalar(None, pa.string()), pc.struct_field(struct, [i]))
        for i, field in enumerate(fields)
    }


def _whole_numbers(field: pa.ChunkedArray) -> np.ndarray:
    filled = pc.if_else(pc.equal(field, ""), "0", field)
    return np.asarray(pc.cast(filled, pa.int64()).to_numpy())


def _from_fields(table: Table, name: str, found: dict[str, pa.ChunkedArray]) -> Stamps:
    a, b, c = (_whole_numbers(found[key]) for key in "abc")
    if "d" not in found:
        c = np.maximum(c, 1)
    hour, minute, second = (_whole_numbers(found[key]) for key in "his")
    half = pc.utf8_lower(found["p"])
    if pc.any(pc.not_equal(half, "")).as_py():
        afternoon = pc.equal(half, "p").to_numpy()
        said = pc.not_equal(half, "").to_numpy()
        hour = np.where(said, hour % 12 + 12 * afternoon, hour)
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(found["f"], 6, "0"), 0, 6)
    clocks = (hour, minute, second, _whole_numbers(digits))
    wide = bool(pc.max(pc.utf8_length(found["a"])).as_py() > 2)
    dotted = "d" in found and bool(pc.all(pc.equal(found["d"], ".")).as_py())
    wide_end = bool(pc.max(pc.utf8_length(found["c"])).as_py() > 2)
    orders = ["year/month/day"] if wide else ["day/month/year", "month/day/year"]
    if dotted and not wide:
        orders = ["day/month/year"]
    elif not wide and not wide_end:
        orders.append("year/month/day")
    read = {order: _in_order(order, a, b, c, clocks) for order in orders}
    last = orders[-1]
    if len(orders) == 3 and read[last][1].all():  # the year is what changes least
        least = len(np.unique(a)) < len(np.unique(c))
        if any(read[order][1].all() for order in orders[:2]):
            read = {order: read[order] for order in orders if (order == last) == least}
    order, note = _decide(table, name, read)
    times, good = read[order]
    if not good.all():
        more = f"The column as a whole reads as {order}. " if not wide else ""
        raise _bad_stamp(table, name, int(np.flatnonzero(~good)[0]), more)
    stamps = _zoned(pd.DatetimeIndex(times), np.asarray(found["z"].to_numpy(), dtype=object), name, local=True)
    notes = (note, *stamps.notes) if note else stamps.notes
    return Stamps(times=stamps.times, columns=(name,), notes=notes)


def _in_order(
    order: str, a: np.ndarray, b: np.ndarray, c: np.ndarray, clocks: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    year, month, day = {"year": (a, b, c), "day/m": (c, b, a), "month": (c, a, b)}[
        "year" if order.startswith("year") else "day/m" if order.startswith("day") else "month"
    ]
    year = np.where(year < 69, year + 2000, np.where(year < 100, year + 1900, year))
    return _assemble(year, month, day, *clocks)


def _assemble(
    year: np.ndarray,
    month: np.ndarray,
    day: np.ndarray,
    hour: np.ndarray,
    minute: np.ndarray,
    second: np.ndarray,
    micro: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Puts stamps together (hour 24 is the next day's 0) and tells which of them exist."""
    good = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    late = (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    good &= (hour >= 0) & late & (minute >= 0) & (minute < 60) & (second >= 0) & (second < 60)
    months = ((np.where(good, year, 1970) - 1970) * 12 + np.where(good, month, 1) - 1).astype("M8[M]")
    days = months.astype("M8[D]") + np.where(good, day, 1) - 1
    good &= days.astype("M8[M]") == months
    clock_ticks = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro
    return days.astype("M8[us]") + np.where(good, clock_ticks, 0).astype("m8[us]"), good


def _decide(table: Table, name: str, read: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[str, str]:
    """Decides the order of day, month and year by the column as a whole, or refuses."""
    orders = list(read)
    if len(orders) == 1:
        return orders[0], ""
    bad = {order: int((~read[order][1]).sum()) for order in orders}
    fewest = min(bad.values())
    orders = [order for order in orders if bad[order] == fewest]
    if fewest or len(orders) == 1:
        return orders[0], ""
    tests = ((_in_sequence, "the rows are in time order"), (_regular, "they form a regular series"))
    for test, reason in tests:
        passed = [order for order in orders if test(read[order][0])]
        orders = passed or orders
        if len(orders) == 1:
            return orders[0], f"Dates in '{name}' were read as {orders[0]}, the only order in which {reason}."
    first = str(table.frame[name].iloc[0])
    if all((read[order][0] == read[orders[0]][0]).all() for order in orders):
        return orders[0], ""
    forms = " or ".join(f'"{_ORDERS[order]}"' for order in orders)
    raise DataError(
        f"Column '{name}' can be read as {' or as '.join(orders)}, e.g. {first!r} in {table.place(0)}. "
        f"Say which with --date-format, e.g. {forms} (and %H:%M:%S for a time of day)."
    )


def _in_sequence(times: np.ndarray) -> bool:
    gaps = np.diff(times.astype(np.int64))
    return bool((gaps > 0).all() or (gaps < 0).all())


def _regular(times: np.ndarray) -> bool:
    index = pd.DatetimeIndex(np.unique(times))
    if len(index) < len(times):
        return False
    step = find_step(index)
    if step.kind == "business":
        return True
    return step.kind in ("fixed", "calendar") and int(slots(index, step)[-1]) < 2 * len(index)


def _zoned(times: pd.DatetimeIndex, offsets: np.ndarray, name: str, *, local: bool) -> Stamps:
    """Gives stamps their zone: one offset is kept, several (clock changes) become UTC."""
    kinds = pd.unique(offsets)
    if len(kinds) == 1 and kinds[0] == "":
        return Stamps(times=times, columns=(name,))
    minutes = {kind: _minutes(kind) for kind in kinds}
    if "" in minutes:
        raise DataError(f"Column '{name}' has time stamps with and without a UTC offset. Write all of them in one way.")
    shift = pd.Series(offsets).map(minutes).to_numpy(dtype=np.int64)
    utc = (times - pd.to_timedelta(shift, unit="min") if local else times).tz_localize("UTC")
    utc = pd.DatetimeIndex(utc).as_unit(times.unit)
    if len(set(minutes.values())) > 1:
        note = f"Column '{name}' has several UTC offsets (clock changes); times were converted to UTC."
        return Stamps(times=utc, columns=(name,), notes=(note,))
    only = next(iter(minutes.values()))
    zone = clock.timezone(clock.timedelta(minutes=only)) if only else clock.UTC
    return Stamps(times=utc.tz_convert(zone), columns=(name,))


def _minutes(offset: str) -> int:
    if offset in ("", "Z", "UTC", "GMT"):
        return 0
    digits = offset[1:].replace(":", "").ljust(4, "0")
    return (-1 if offset[0] == "-" else 1) * (int(digits[:2]) * 60 + int(digits[2:]))
