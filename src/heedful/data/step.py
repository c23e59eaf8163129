"""The time step of a series: found in its stamps, and continued beyond the last one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from heedful.errors import DataError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_UNITS: tuple[Literal["D", "h", "min", "s", "ms", "us", "ns"], ...] = ("D", "h", "min", "s", "ms", "us", "ns")
_DAY = pd.Timedelta(days=1)
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Step:
    """The distance between rows.

    `kind` is "fixed" (a constant duration), "calendar" (months, quarters, years; days where clocks change),
    "business" (weekdays), "irregular" (no rule; `frequency` is the median distance) or "rows" (the table has
    no time column).
    `frequency` is a pandas frequency string such as "h", "15min", "MS", "B"; empty for "rows".
    """

    kind: str
    frequency: str

    def __str__(self) -> str:
        return {
            "rows": "no time column",
            "irregular": f"irregular steps (median {self.frequency})",
            "business": "business days",
        }.get(self.kind, f"step {self.frequency}")


def find_step(times: pd.DatetimeIndex) -> Step:
    """Finds the distance between stamps that are in order and differ.

    >>> find_step(pd.date_range("2024-01-31", periods=5, freq="ME"))
    Step(kind='calendar', frequency='ME')
    >>> find_step(pd.DatetimeIndex(["2024-01-01 00", "2024-01-01 01", "2024-01-01 02", "2024-01-01 05"]))
    Step(kind='fixed', frequency='h')
    """
    if len(times) < 2:
        return Step(kind="irregular", frequency="0s")
    ticks = times.asi8
    first = int(ticks[1] - ticks[0])
    if _constant(ticks, first) and _duration(times, first) < 28 * _DAY:
        days = not _duration(times, first) % _DAY and times.tz is not None and times.tz.utcoffset(None) is None
        return Step(kind="calendar" if days else "fixed", frequency=frequency_of(_duration(times, first)))
    gaps = np.diff(ticks)
    mode, share = _mode(gaps)
    typical = _duration(times, mode)
    months = _months(times) if _duration(times, int(np.median(gaps))) >= 28 * _DAY else ""
    if months:
        return Step(kind="calendar", frequency=months)
    if _is_business(times, gaps):
        return Step(kind="business", frequency="B")
    if share >= 0.5 and _on_grid(ticks, gaps, mode):
        return Step(kind="fixed", frequency=frequency_of(typical))
    if times.tz is not None and typical >= _DAY:
        wall = find_step(times.tz_localize(None))
        if wall.kind == "fixed" and not duration_of(wall.frequency) % _DAY:
            return Step(kind="calendar", frequency=wall.frequency)
    return Step(kind="irregular", frequency=frequency_of(_duration(times, int(np.median(gaps)))))


def agree(times: pd.DatetimeIndex, known: Step) -> Step | None:
    """Gives the step that places a table's rows when they should run at a known step; None if they run at another.

    A few rows with gaps between them may look like another step: one distance of the known step, or fewer than four
    rows on its grid, is taken as the known step.

    >>> agree(pd.DatetimeIndex(["2024-01-01 00", "2024-01-01 02", "2024-01-01 04"]), Step(kind="fixed", frequency="h"))
    Step(kind='fixed', frequency='h')
    """
    found = find_step(times)
    if known.kind == "rows":
        return found
    if known.kind == "irregular" or found == known:
        return known
    regular = ("fixed", "calendar")
    if known.kind == "business":
        week = found.kind == "fixed" and found.frequency == "D" and len(times) < 8
        return known if week or len(times) < 4 or _daily(times) else None
    if found.kind in regular and (found.frequency == known.frequency or _same_months(found, known)):
        return found
    few = len(times) < 4
    if month_count(known) is None and not _near_grid(times, known):
        return Step(kind="irregular", frequency=found.frequency) if few else None
    gaps = np.diff(slots(times, known))
    if (gaps > 0).all() and (few or (gaps == 1).any()):
        return known
    return Step(kind="irregular", frequency=found.frequency) if few else None


def _near_grid(times: pd.DatetimeIndex, step: Step) -> bool:
    """True if half of the rows or more lie on one grid of the step."""
    if duration_of(step.frequency) < pd.Timedelta(1, unit=times.unit):
        return False
    ticks, size, _ = _grid(times, step)
    return _mode(ticks % size)[1] >= 0.5


def _same_months(one: Step, other: Step) -> bool:
    return month_count(one) is not None and month_count(one) == month_count(other)


def _daily(times: pd.DatetimeIndex) -> bool:
    """True for stamps of a few days' distance that leave out some day of the week."""
    days = np.diff(times.tz_localize(None).normalize().values.astype("M8[D]").astype(np.int64))
    return bool((days >= 1).all()) and float(np.median(days)) <= 3 and not _working_days(times).all()


def slots(times: pd.DatetimeIndex, step: Step) -> np.ndarray:
    """Gives every row its place on the grid of a fixed or calendar step; places without a row are gaps."""
    if step.kind == "calendar" and month_count(step) is not None:
        months = _month_numbers(times)
        return np.asarray((months - months[0]) // (month_count(step) or 1))
    ticks, size, phase = _grid(times, step)
    places = (ticks - phase + size // 2) // size
    return np.asarray(places - places[0])


def stamps(times: pd.DatetimeIndex, step: Step, places: np.ndarray) -> pd.DatetimeIndex:
    """Gives the stamps of places on the grid that `slots` counts; place 0 is that of the first row."""
    count = month_count(step) if step.kind == "calendar" else None
    if count is not None:
        return _month_stamps(times, int(_month_numbers(times)[0]) + count * places, step)
    ticks, size, phase = _grid(times, step)
    start = phase + (ticks[0] - phase + size // 2) // size * size
    found = pd.DatetimeIndex((start + size * np.asarray(places, dtype=np.int64)).view(f"M8[{times.unit}]"))
    if times.tz is None:
        return found
    if step.kind == "calendar":
        return found.tz_localize(times.tz, ambiguous=np.ones(len(found), bool), nonexistent="shift_forward")
    return found.tz_localize("UTC").tz_convert(times.tz)


def continue_times(times: pd.Index, step: Step, count: int) -> pd.Index:
    """Gives the next `count` stamps beyond the last row.

    >>> times = pd.date_range("2024-01-31", periods=3, freq="ME")
    >>> [str(time.date()) for time in continue_times(times, find_step(times), 2)]
    ['2024-04-30', '2024-05-31']

    Raises: DataError if the step cannot be known because the table has one row.
    """
    if count < 0:
        raise DataError(f"continue_times needs a count of 0 or more, got {count}.")
    if step.kind == "rows" or not isinstance(times, pd.DatetimeIndex):
        last = int(times[-1])
        return pd.RangeIndex(last + 1, last + 1 + count)
    if step.kind == "business":
        return _business_stamps(times, count)
    if step.kind in ("fixed", "calendar"):
        last = int(slots(times, step)[-1])
        return stamps(times, step, last + 1 + np.arange(count))
    distance = duration_of(step.frequency)
    if not distance:
        raise DataError("A table with one row has no time step to continue. Give at least two rows.")
    return pd.DatetimeIndex([times[-1] + k * distance for k in range(1, count + 1)]).as_unit(times.unit)


# --- durations ------------------------------------------------------------------------------------


def _constant(ticks: np.ndarray, gap: int) -> bool:
    blocks = range(0, len(ticks) - 1, _BLOCK)
    return all(bool((np.diff(ticks[i : i + _BLOCK + 1]) == gap).all()) for i in blocks)


def _mode(values: np.ndarray) -> tuple[int, float]:
    kinds, counts = np.unique(values, return_counts=True)
    return int(kinds[counts.argmax()]), float(counts.max() / len(values))


def _duration(times: pd.DatetimeIndex, ticks: int) -> pd.Timedelta:
    return pd.Timedelta(np.timedelta64(ticks, times.unit))


def frequency_of(duration: pd.Timedelta) -> str:
    """Writes a duration as a pandas frequency string.

    >>> frequency_of(pd.Timedelta(minutes=90)), frequency_of(pd.Timedelta(days=7))
    ('90min', '7D')
    """
    for unit in _UNITS:
        count, rest = divmod(duration, pd.Timedelta(1, unit=unit))
        if not rest and count:
            return f"{count if count != 1 else ''}{unit}"
    return "0s"


def duration_of(frequency: str) -> pd.Timedelta:
    """Reads a frequency string of `frequency_of`."""
    return pd.Timedelta(frequency if frequency[0].isdigit() else f"1{frequency}")


def _on_grid(ticks: np.ndarray, gaps: np.ndarray, size: int) -> bool:
    """True if rows lie on one grid; a tenth may be off it by less than half a step (a shifted holiday)."""
    if not (gaps % size).any():
        return True
    rest = ticks % size
    phase, share = _mode(rest)
    off = (rest - phase + size // 2) % size - size // 2
    places = (ticks - phase + size // 2) // size
    return share >= 0.9 and bool((np.abs(off) < size / 2).all()) and bool((np.diff(places) > 0).all())


def _grid(times: pd.DatetimeIndex, step: Step) -> tuple[np.ndarray, int, int]:
    wall = times.tz_localize(None) if step.kind == "calendar" else times
    size = int(duration_of(step.frequency) // pd.Timedelta(1, unit=times.unit))
    ticks = wall.asi8
    rest = ticks[0] % size
    if _constant(ticks, size):
        return ticks, size, int(rest)
    return ticks, size, _mode(ticks % size)[0]


# --- months, quarters, years ----------------------------------------------------------------------


def _month_numbers(times: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(times.year, dtype=np.int64) * 12 + np.asarray(times.month, dtype=np.int64) - 1


def _months(times: pd.DatetimeIndex) -> str:
    """Names the calendar step of stamps on month-ends or on one day of the month; empty if there is none."""
    wall = times.tz_localize(None)
    if (wall != wall.normalize()).any() and len((wall - wall.normalize()).unique()) > 1:
        return ""
    numbers, days = _month_numbers(wall), np.asarray(wall.day)
    gaps = np.diff(numbers)
    count, share = _mode(gaps)
    if count < 1 or share < 0.5 or (gaps % count).any():
        return ""
    ends = bool(wall.is_month_end.all())
    if not ends and not (days == np.minimum(days.max(), np.asarray(wall.days_in_month))).all():
        return ""
    side = "E" if ends else "S"
    if count == 12:
        return f"Y{side}-{_MONTHS[wall[0].month - 1]}"
    if count == 3:
        anchors = ("DEC", "OCT", "NOV") if ends else ("MAR", "JAN", "FEB")
        return f"Q{side}-{anchors[wall[0].month % 3]}"
    return f"{count if count > 1 else ''}M{side}"


def month_count(step: Step) -> int | None:
    """Gives the months between two rows; None for a step that is not made of months.

    >>> month_count(Step(kind="calendar", frequency="QS-JAN"))
    3
    """
    code = step.frequency.split("-")[0]
    if code[-2:] not in ("ME", "MS", "QE", "QS", "YE", "YS"):
        return None
    return int(code[:-2] or 1) * {"M": 1, "Q": 3, "Y": 12}[code[-2]]


def _month_stamps(times: pd.DatetimeIndex, numbers: np.ndarray, step: Step) -> pd.DatetimeIndex:
    wall = times.tz_localize(None)
    starts = pd.DatetimeIndex((numbers - 1970 * 12).astype("M8[M]").astype("M8[s]")).as_unit(times.unit)
    lengths = np.asarray(starts.days_in_month)
    ends = step.frequency.split("-")[0].endswith("E")
    days = lengths if ends else np.minimum(int(np.asarray(wall.day).max()), lengths)
    found = starts + pd.to_timedelta(days - 1, unit="D") + (wall[0] - wall[0].normalize())
    found = pd.DatetimeIndex(found).as_unit(times.unit)
    if times.tz is None:
        return found
    return found.tz_localize(times.tz, ambiguous=np.ones(len(found), bool), nonexistent="shift_forward")


# --- business days --------------------------------------------------------------------------------


def _working_days(times: pd.DatetimeIndex) -> np.ndarray:
    """Tells which days of the week are in use: those with more than one stamp in a hundred."""
    return np.bincount(np.asarray(times.day_of_week), minlength=7) > len(times) / 100


def _is_business(times: pd.DatetimeIndex, gaps: np.ndarray) -> bool:
    """True for daily stamps that leave out the same one or two days of every week; holidays may miss."""
    wall = times.tz_localize(None)
    if len((wall - wall.normalize()).unique()) > 2:
        return False
    days = np.diff(wall.normalize().values.astype("M8[D]").astype(np.int64))
    used = _working_days(times)
    near = (days >= 1) & (days <= 3)
    over = bool(((days > 1) & (days <= 4)).any()) and bool((days == 1).mean() >= 0.5)
    return 5 <= int(used.sum()) <= 6 and over and bool(near.mean() >= 0.8) and len(gaps) >= 5


def _business_stamps(times: pd.DatetimeIndex, count: int) -> pd.DatetimeIndex:
    wall = times.tz_localize(None)
    used = _working_days(times)
    if used.sum() < 5:  # too few rows to tell
        used = np.arange(7) < 5
    last = wall[-1].normalize()
    days = pd.date_range(last + _DAY, periods=count * 4 + 14, freq="D")
    days = days[used[np.asarray(days.day_of_week)]][:count]
    found = pd.DatetimeIndex(np.asarray(days + (wall[-1] - last))).as_unit(times.unit)
    return (
        found
        if times.tz is None
        else found.tz_localize(times.tz, ambiguous=np.ones(count, bool), nonexistent="shift_forward")
    )
