"""Turns a table into a series: rows in time order, numbers only, gaps filled from the past and told."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from heedful.data.calendar import NAMES as CALENDAR
from heedful.data.calendar import calendar_names, calendar_values
from heedful.data.categories import encode, expand, find_levels, one_hot, tell_strange
from heedful.data.clean import is_code
from heedful.data.columns import Lead, as_numbers, candidates, check_target, find_codes, numeric, timely, varying
from heedful.data.future import settle
from heedful.data.gaps import AGE, MASK, age_columns, fill, fill_members, hold, mask_columns, start_at_nothing
from heedful.data.grid import Grid, lay_grid, words
from heedful.data.panel import DecideOn, Leading, check_static, rows_of
from heedful.data.roles import Roles, declare
from heedful.data.series import Member, Series
from heedful.data.stamps import Stamps, find_stamps
from heedful.data.step import Step
from heedful.data.table import Table
from heedful.errors import DataError, OptionError

_BLOCK = 1 << 20
FUTURE = (None, "keep", "drop")


def build_series(
    table: Table,
    target: str | Sequence[str],
    *,
    time: str | Literal[False] | None = None,
    features: Sequence[str] | None = None,
    past: Sequence[str] = (),
    known: Sequence[str] = (),
    static: Sequence[str] = (),
    series: str | None = None,
    calendar: bool = False,
    date_format: str | None = None,
    mask: bool = False,
    decide_on: DecideOn | None = None,
    missing: Sequence[float] | None = None,
    like: Sequence[str] | None = None,
    codes: Mapping[str, Sequence[float]] | None = None,
    levels: Mapping[str, Sequence[str]] | None = None,
    step: Step | None = None,
    future: str | None = None,
) -> Series:
    """Puts a table in time order and keeps what a model can use.

    Naming any of features, past, known or static restricts the inputs to the named columns and the targets.

    Args:
        target: the column to forecast, or several; their past is always among the inputs.
        time: the time column; by default it is looked for by type, name and content. False: there is none, rows are
            taken in the order of the table.
        features: input columns beside the target, of which only the past is known; by default every numeric column,
            and every text column of at most 32 levels, but none of a single series that begins late.
        past: the same as features, for tables in which other columns are known or static.
        known: input columns whose values are known over the horizon too: plans, tariffs, holidays.
        static: input columns that tell the series of a panel apart and never change within one.
        series: the column that says which of several series a row belongs to.
        calendar: adds waves of the hour, the weekday and the day of the year, as far as the step resolves them.
        date_format: strptime format of the time column when it is ambiguous.
        mask: appends a 0/1 column "<name> missing" and a column "<name> age", log(1 + rows since a value was last
            observed), for each column with missing values in the train rows.
        decide_on: the first rows in time order, a share below 1 or a number, on which it is decided what stands for
            missing, which columns are of use and which levels a text has; give the size of the train part (70 % if
            not given), or a function that gives it for the rows of the (longest) series. Rows left out by `future`
            are not counted.
        missing: values that stand for missing in every column; by default codes such as -999 are looked for, an
            empty list switches that off.
        like: columns of an earlier series: exactly these, in this order, masks, levels and calendar included;
            nothing is decided anew. Give its known, static, codes and levels with it.
        codes: values that stand for missing, column by column, as an earlier series gives them in `codes`.
        levels: levels of text columns, as an earlier series gives them in `levels`.
        step: the step of an earlier series; gaps are put in by it.
        future: what rows after the last observed target are: "keep" takes them as the rows to be forecast, of which
            only what is known in advance is read, "drop" leaves them out; by default they are left out if roles were
            declared, else they are rows as any other.

    Raises: UnknownName for columns that are not there; OptionError for a column of two parts; DataError, naming column
            and row, for unusable ones, and for values of a past column in rows to be forecast that are left out.
    """
    if future not in FUTURE:
        raise OptionError(f"build_series knows the futures 'keep' and 'drop', got {future!r}.")
    names = [str(name) for name in table.frame.columns]
    if like is None:
        roles = declare(names, target, features=features, past=past, known=known, static=static, series=series)
    else:
        roles = _earlier(names, target, like, known, static, series, levels or {})
    inputs = () if like is None else (*roles.targets, *(roles.named or ()))
    when = find_stamps(table, time, roles.targets[0], date_format, inputs=inputs)
    grid = lay_grid(table, when, step, roles.series)
    fixed = like is not None
    check_static(table, roles.static, grid, fixed=fixed)
    members = grid.members or (Member(name=table.name, start=0, stop=grid.total),)
    future = future or ("drop" if roles.declared else None)
    first = Leading(decide_on=decide_on, trailing=future is None)
    seen = _observed(table, grid, _told_codes(roles.targets, missing, codes, fixed) or {}, roles.targets)
    pieces = first.pieces(members, grid.times, seen)
    del seen  # a long table has no memory to spare
    lead = Lead(table=table, rows=grid.rows_in(pieces), dated=when.times is not None)
    chosen, notes = _choose(lead, roles, when, missing, codes, levels if levels is not None or not fixed else {}, fixed)
    notes = [*roles.left_out([name for name in names if name not in when.columns]), *notes]
    values, more = _numbers(table, chosen, grid)
    notes += [*more, *grid.notes]
    made, more = _filled(values, chosen, grid, members, roles, first, fixed=fixed)
    notes += more
    made = _with_masks(made, chosen, mask, like, first, roles)
    made = _with_calendar(made, calendar, like, grid.step)
    made = made if like is None else made.ordered(like)
    found = Series(
        name=table.name,
        columns=made.columns,
        targets=roles.targets,
        values=made.values,
        observed=made.observed,
        times=made.times,
        step=grid.step,
        fingerprint="",
        notes=(*table.notes, *when.notes, *notes),
        codes={name: chosen.codes[name] for name in chosen.names if chosen.codes.get(name)},
        levels=chosen.levels,
        known=made.among((*expand((*roles.known, *roles.static), chosen.levels), *CALENDAR)),
        static=made.among(expand(roles.static, chosen.levels)),
        plain=made.plain,
        members=made.members if grid.members else (),
    )
    found = settle(found, future)
    return replace(found, fingerprint=_fingerprint(found))


def _earlier(
    names: Sequence[str],
    target: str | Sequence[str],
    like: Sequence[str],
    known: Sequence[str],
    static: Sequence[str],
    series: str | None,
    levels: Mapping[str, Sequence[str]],
) -> Roles:
    """Gives the roles that the columns of an earlier series had in its table: masks, levels and calendar undone."""
    texts = {one_hot(name, level): name for name, found in levels.items() for level in found}

    def raw(columns: Sequence[str]) -> list[str]:
        plain = [
            name
            for name in columns
            if name in names or name in texts or not (name.endswith((MASK, AGE)) or name in CALENDAR)
        ]
        return list(dict.fromkeys(texts.get(name, name) for name in plain))

    still = raw(static)
    ahead = [name for name in raw(known) if name not in still]
    plain = [name for name in raw(like) if name not in {*still, *ahead}]
    return declare(names, target, features=plain, known=ahead, static=still, series=series)


# --- columns --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """Columns of the table that become inputs, the levels of those that are texts, and codes for missing."""

    names: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, tuple[float, ...]]
    reason: str

    @property
    def columns(self) -> tuple[str, ...]:
        return expand(self.names, self.levels)

    @property
    def labels(self) -> list[str]:
        """What notes call the columns: a text column by its own name, not by its levels."""
        return [name for name in self.names for _ in self.levels.get(name, ("",))]

    @property
    def texts(self) -> list[int]:
        """Places of the one-hot columns."""
        return [j for j, name in enumerate(self.labels) if name in self.levels]


def _choose(
    lead: Lead,
    roles: Roles,
    when: Stamps,
    missing: Sequence[float] | None,
    codes: Mapping[str, Sequence[float]] | None,
    levels: Mapping[str, Sequence[str]] | None,
    fixed: bool,
) -> tuple[_Chosen, list[str]]:
    """Decides on the leading rows which columns are of use, unless an earlier series decided."""
    chosen, texts, notes = candidates(lead.table, roles, when, tuple(levels or ()), fixed=fixed)
    if roles.static and not roles.series:
        notes.append(f"Static columns tell nothing about a single series and were left out: {', '.join(roles.static)}.")
        chosen = [name for name in chosen if name not in roles.static]
        texts = [name for name in texts if name not in roles.static]
    if levels is None:
        found, more = find_levels(lead, texts, roles.named or ())
        notes += more
    else:
        found = {name: tuple(levels[name]) for name in texts if name in levels}
        notes += tell_strange(lead.table.frame, found)
    numbers = [name for name in chosen if name not in texts]
    told, reason = _told_codes(numbers, missing, codes, fixed), "as it was told"
    if told is None:
        told, more = find_codes(lead, numbers)
        notes, reason = [*notes, *more], "it is far off all others"
    if not fixed:
        numbers, more = varying(lead, numbers, roles.targets, told, named=roles.named is not None)
        notes += more
    if not fixed and roles.named is None and not roles.series:
        numbers, more = timely(lead, numbers, roles.targets, told)
        notes += more
    kept = tuple(name for name in chosen if name in found or name in numbers)
    return _Chosen(names=kept, levels=found, codes=told, reason=reason), notes


def _told_codes(
    columns: Sequence[str],
    missing: Sequence[float] | None,
    codes: Mapping[str, Sequence[float]] | None,
    fixed: bool,
) -> dict[str, tuple[float, ...]] | None:
    """Gives the codes the caller told, column by column; None if they are to be found."""
    if missing is not None:
        given = tuple(dict.fromkeys(float(code) for code in missing if not math.isnan(code)))
        return dict.fromkeys(columns, given)
    if codes is not None or fixed:
        return {name: tuple(found) for name, found in (codes or {}).items() if name in columns}
    return None


def _observed(table: Table, grid: Grid, codes: Mapping[str, Sequence[float]], targets: Sequence[str]) -> np.ndarray:
    """Tells in which rows of the series the table has a value of any target, as far as codes were told."""
    found = np.zeros(len(table), dtype=bool)
    for name in targets:
        column = table.frame[name]
        seen = column.notna().to_numpy()
        if codes.get(name) and numeric(column):
            seen = seen & ~is_code(as_numbers(column), codes[name])
        found |= seen
    rows = np.zeros(grid.total, dtype=bool)
    rows[slice(None) if grid.places is None else grid.places] = found if grid.order is None else found[grid.order]
    return rows


# --- the array ------------------------------------------------------------------------------------


def _numbers(table: Table, chosen: _Chosen, grid: Grid) -> tuple[np.ndarray, list[str]]:
    """Copies the columns once, into one contiguous array in time order; codes, empty texts and gaps become NaN."""
    numbers = {name: as_numbers(table.frame[name]) for name in chosen.names if name not in chosen.levels}
    kind = np.float32 if all(column.dtype == np.float32 for column in numbers.values()) else np.float64
    values = np.empty((grid.total, len(chosen.columns)), dtype=kind)
    if grid.places is not None:
        values[:] = np.nan
    rows, notes, j = slice(None) if grid.places is None else grid.places, [], 0
    for name in chosen.names:
        if name in chosen.levels:
            for column in encode(table.frame[name], chosen.levels[name]):
                values[rows, j] = column if grid.order is None else column[grid.order]
                j += 1
            continue
        values[rows, j] = numbers[name] if grid.order is None else numbers[name][grid.order]
        for code in chosen.codes.get(name, ()):
            hit = is_code(values[:, j], [code])
            if hit.any():
                values[hit, j] = np.nan
                count = int(hit.sum())
                notes.append(
                    f"{code:.15g} in '{name}' was taken as missing ({count:,} {words(count)}): {chosen.reason}."
                )
        j += 1
    return values, notes


@dataclass(frozen=True, kw_only=True, eq=False)
class _Made:
    """The array as far as it is made."""

    columns: tuple[str, ...]
    values: np.ndarray
    observed: np.ndarray
    times: pd.Index
    members: tuple[Member, ...]
    plain: tuple[str, ...] = ()

    def among(self, names: Sequence[str]) -> tuple[str, ...]:
        """Gives the columns that are among the names."""
        return tuple(name for name in self.columns if name in names)

    def with_columns(self, names: Sequence[str], values: np.ndarray) -> _Made:
        """Appends columns that are not scaled; they are always observed."""
        twice = [name for name in names if name in self.columns]
        if twice:
            raise DataError(f"The table has a column '{twice[0]}' already, which is to be made. Rename it.")
        return replace(
            self,
            columns=(*self.columns, *names),
            values=np.hstack([self.values, values.astype(self.values.dtype)]),
            observed=np.hstack([self.observed, np.ones(values.shape, dtype=bool)]),
            plain=(*self.plain, *names),
        )

    def ordered(self, like: Sequence[str]) -> _Made:
        """Puts the columns in the order of an earlier series."""
        index = [self.columns.index(name) for name in like]
        if index == list(range(len(self.columns))):
            return self
        values, observed = self.values[:, index].copy(), self.observed[:, index].copy()
        return replace(self, columns=tuple(like), values=values, observed=observed)


def _filled(
    values: np.ndarray,
    chosen: _Chosen,
    grid: Grid,
    members: tuple[Member, ...],
    roles: Roles,
    first: Leading,
    *,
    fixed: bool,
) -> tuple[_Made, list[str]]:
    """Fills gaps from the past and checks that the targets say something in the train rows."""
    columns, times = chosen.columns, grid.times
    targets = [columns.index(name) for name in roles.targets]
    start_at_nothing(values, chosen.texts, members)
    if grid.members:
        hold(values, [columns.index(name) for name in expand(roles.static, chosen.levels) if name in columns], members)
        lead = values[rows_of(first.pieces(members, times, _any(~np.isnan(values[:, targets]))))]
        middle = np.array([np.median(seen) if (seen := c[~np.isnan(c)]).size else 0.0 for c in lead.T])
        values, observed, times, members, notes = fill_members(values, chosen.labels, times, members, targets, middle)
    else:
        values, observed, times, notes = fill(values, columns, chosen.labels, times, targets, fixed=fixed)
        members = (Member(name=members[0].name, start=0, stop=len(values)),)
    if not fixed:
        pieces = rows_of(first.pieces(members, times, _any(observed[:, targets])))
        for name, j in zip(roles.targets, targets, strict=True):
            check_target(name, values[:, j], observed[:, j], times, pieces)
    plain = tuple(columns[j] for j in chosen.texts)
    made = _Made(columns=columns, values=values, observed=observed, times=times, members=members, plain=plain)
    return made, notes


def _with_masks(
    made: _Made, chosen: _Chosen, mask: bool, like: Sequence[str] | None, first: Leading, roles: Roles
) -> _Made:
    """Appends masks and ages: of the columns with missing values in the leading rows, or those of an earlier series."""
    numbers = [j for j in range(len(chosen.columns)) if j not in chosen.texts]
    if like is not None:
        masks, ages = ([j for j in numbers if made.columns[j] + word in like] for word in (MASK, AGE))
    elif mask:
        seen = made.observed[:, [made.columns.index(name) for name in roles.targets]]
        lead = rows_of(first.pieces(made.members, made.times, _any(seen)))
        masks = ages = [j for j in numbers if not made.observed[lead, j].all()]
    else:
        return made
    seen, members, names = made.observed, made.members, made.columns
    if masks:
        made = made.with_columns([names[j] + MASK for j in masks], mask_columns(seen, masks))
    return made.with_columns([names[j] + AGE for j in ages], age_columns(seen, ages, members)) if ages else made


def _any(seen: np.ndarray) -> np.ndarray:
    return np.asarray(seen.any(axis=1))


def _with_calendar(made: _Made, calendar: bool, like: Sequence[str] | None, step: Step) -> _Made:
    if like is not None:
        names = tuple(name for name in CALENDAR if name in like and name not in made.columns)
    else:
        names = calendar_names(step) if calendar else ()
    return made.with_columns(names, calendar_values(made.times, names)) if names else made


def _fingerprint(series: Series) -> str:
    """Gives 16 hex digits that change with any column name, value, gap, stamp, role or border."""
    values, times = series.values, series.times
    several = [f"{m.name}:{m.start}" for m in series.members] if len(series.members) > 1 else []
    roles = [*series.targets[1:], *(f"known {name}" for name in series.known), *several]
    digest = hashlib.sha256("\0".join([*series.columns, str(values.shape), str(values.dtype), *roles]).encode())
    digest.update(values.data)
    digest.update(series.observed.data)
    if isinstance(times, pd.DatetimeIndex):
        digest.update(str(times.tz).encode())
        for start in range(0, len(times), _BLOCK):
            part = times[start : start + _BLOCK]
            digest.update(np.ascontiguousarray(part.as_unit("us").asi8).data)
    return digest.hexdigest()[:16]
