"""Says which columns of a table a model can use, by their type and by the rows that may decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from heedful.data.clean import ends, is_code, own_codes, shared_codes, without
from heedful.data.roles import Roles
from heedful.data.stamps import Stamps
from heedful.data.table import Table
from heedful.errors import DataError

_BLOCK = 1 << 20
_MOSTLY = 0.5
_LATE = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Lead:
    """The rows of a table that come first in time: what the data decide, these rows decide."""

    table: Table
    rows: np.ndarray | slice
    dated: bool

    def __getitem__(self, name: str) -> np.ndarray:
        return as_numbers(self.table.frame[name].iloc[self.rows])

    def whole(self, name: str) -> np.ndarray:
        """Gives every row of a column, as the file has them."""
        return as_numbers(self.table.frame[name])

    def __len__(self) -> int:
        return self.rows.stop if isinstance(self.rows, slice) else len(self.rows)

    def counts_rows(self, name: str) -> bool:
        """True for a column that counts the rows in time order or in the order of the file."""
        values = self[name]
        if _counts(values, whole=self.dated):
            return True
        if isinstance(self.rows, slice) or len(values) < 3:
            return False
        file = np.argsort(self.rows)
        gaps, distances = np.diff(values[file]), np.diff(self.rows[file])
        return bool((gaps == distances).all() or (gaps == -distances).all())


def numeric(column: pd.Series) -> bool:
    """True for a column of real numbers or of yes and no."""
    kind = column.dtype
    if kind == np.dtype(object):
        return pd.api.types.infer_dtype(column, skipna=True) == "boolean"
    return bool(pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)) and not (
        pd.api.types.is_complex_dtype(kind)
    )


def as_numbers(column: pd.Series) -> np.ndarray:
    """Gives a column as floats: a view if it holds floats, else a copy."""
    if column.dtype in (np.dtype("float32"), np.dtype("float64")):
        return np.asarray(column.to_numpy())
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def categorical(column: pd.Series) -> bool:
    """True for a column of texts of which most are no numbers."""
    if numeric(column) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return False
    kinds = pd.Series(column.unique()).dropna()
    strange = pd.to_numeric(kinds.map(str), errors="coerce").isna()
    return bool(strange.sum() > _MOSTLY * len(kinds))


def candidates(
    table: Table, roles: Roles, when: Stamps, levels: Collection[str] = (), *, fixed: bool = False
) -> tuple[list[str], list[str], list[str]]:
    """Gives the columns that could be inputs, in the order of the file, which of them are texts, and notes.

    Args:
        levels: columns whose levels are known already; they are texts whatever they hold here.
        fixed: an earlier series decided which columns there are, so that none can be chosen instead.

    Raises: DataError for a named column that holds times, broken numbers, an infinite value or nothing.
    """
    frame = table.frame
    notes: list[str] = []
    for name in [*roles.targets, *(roles.named or ())]:
        if name in when.columns:
            raise DataError(f"Column '{name}' holds the time and cannot be target or feature. Leave it out.")
        text = name in levels or (name not in roles.targets and categorical(frame[name]))
        if not text and frame[name].notna().any() and not numeric(frame[name]):
            raise _text_error(table, name, roles.targets, fixed=fixed)
        if not text and not frame[name].notna().any():
            advice = "Give rows that have one." if fixed else f"Choose another. {_other_columns(table, name)}"
            raise DataError(f"Column '{name}' has no value in any row. {advice}")
    if roles.named is not None:
        wanted = {*roles.targets, *roles.named}
        chosen = [str(name) for name in frame.columns if name in wanted]
    else:
        chosen, notes = _usable(table, roles, when)
    texts = [name for name in chosen if name in levels or categorical(frame[name])]
    for name in chosen:
        if name not in texts:
            _check_finite(table, name)
    return chosen, texts, notes


def find_codes(lead: Lead, columns: Sequence[str]) -> tuple[dict[str, tuple[float, ...]], list[str]]:
    """Finds the values that stand for missing in the leading rows; later rows are only told about."""
    codes = {name: own_codes(lead[name]) for name in columns}
    known = {code for found in codes.values() for code in found}
    if known:
        codes = {name: shared_codes(lead[name], codes[name], known) for name in columns}
    notes = []
    for name in columns:
        late = own_codes(lead.whole(name)) if not codes[name] else ()
        notes += [
            f"{code:.15g} in '{name}' was kept as a value: the first {len(lead):,} rows (train), which decide, do not "
            f"show that it stands for missing. If it does, say --missing {code:.15g}."
            for code in late
        ]
    return codes, notes


def varying(
    lead: Lead, columns: Sequence[str], targets: Sequence[str], codes: Mapping[str, tuple[float, ...]], *, named: bool
) -> tuple[list[str], list[str]]:
    """Leaves out features that say nothing in the leading rows, and unless they were named, row counters."""
    first = f"the first {len(lead):,} rows (train)"
    still, empty = f"Columns constant in {first}", f"Columns without any value in {first}"
    left: dict[str, list[str]] = {"Constant columns": [], still: [], empty: [], "Columns that only count the rows": []}
    chosen = []
    for name in columns:
        low, high = ends(without(lead[name], codes.get(name, ())))
        if name in targets or len(lead) < 2 or (named and np.isnan(low)):
            chosen.append(name)
        elif np.isnan(low):
            left[empty].append(name)
        elif low == high:
            low, high = ends(without(lead.whole(name), codes.get(name, ())))
            left["Constant columns" if low == high else still].append(name)
        elif not named and lead.counts_rows(name):
            left["Columns that only count the rows"].append(name)
        else:
            chosen.append(name)
    return chosen, _left_out(left)


def timely(
    lead: Lead, columns: Sequence[str], targets: Sequence[str], codes: Mapping[str, tuple[float, ...]]
) -> tuple[list[str], list[str]]:
    """Leaves out features of a single series that begin late: rows before a feature's first value are lost to all.

    Late is what begins more than a tenth of the leading rows after the targets.
    """
    begins = {name: _begin(lead[name], codes.get(name, ())) for name in dict.fromkeys([*columns, *targets])}
    start, most = max(begins[name] for name in targets), _LATE * len(lead)
    late = [name for name in columns if name not in targets and begins[name] > start + most]
    if not late:
        return list(columns), []
    told = ", ".join(f"{name} ({begins[name]:,} rows)" for name in late)
    note = (
        f"Columns that begin only after {100 * _LATE:g} % of the first {len(lead):,} rows (train) left out: {told}. "
        "Name those to be used: rows before their first value are left out then."
    )
    return [name for name in columns if name not in late], [note]


def _begin(values: np.ndarray, codes: Sequence[float]) -> int:
    """Gives the first row with a value; the number of rows if there is none."""
    for start in range(0, len(values), _BLOCK):
        part = values[start : start + _BLOCK]
        seen = ~np.isnan(part) & ~is_code(part, codes) if codes else ~np.isnan(part)
        if seen.any():
            return start + int(seen.argmax())
    return len(values)


def check_target(target: str, column: np.ndarray, seen: np.ndarray, times: pd.Index, lead: slice | np.ndarray) -> None:
    """Raises DataError for a target that says nothing in the leading rows of a series."""
    rows, first = len(column), column[lead]
    leading = len(first)
    if leading < 2:
        raise DataError(
            f"'{target}' has {rows} {'row' if rows == 1 else 'rows'} and {leading} of them in the train part: a "
            "series needs more rows. Give a longer table."
        )
    start = first if seen[lead].all() else first[seen[lead]]
    low, high = ends(start)
    if low < high:
        return
    when = times[lead]
    part = f"the first {leading:,} of {rows:,} rows, {when.min()} to {when.max()}, which are the train part"
    advice = "Choose another target, or give train more rows (--split)."
    if not start.size:
        raise DataError(f"Target '{target}' has no value in {part}. {advice}")
    if ends(column) == (low, high):
        raise DataError(f"Target '{target}' is constant ({low:g} in every row): nothing to forecast. Choose another.")
    raise DataError(f"Target '{target}' is constant ({low:g}) in {part}: nothing to learn. {advice}")


def _usable(table: Table, roles: Roles, when: Stamps) -> tuple[list[str], list[str]]:
    left: dict[str, list[str]] = {
        "Columns of broken numbers": [],
        "Further time columns": [],
        "Columns without any value": [],
    }
    chosen = []
    for name in map(str, table.frame.columns):
        column = table.frame[name]
        if name in when.columns or name == roles.series:
            continue
        if name in roles.targets:
            chosen.append(name)
        elif not column.notna().any():
            left["Columns without any value"].append(name)
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            left["Further time columns"].append(name)
        elif not numeric(column) and not categorical(column):
            left["Columns of broken numbers"].append(name)
        else:
            chosen.append(name)
    return chosen, _left_out(left)


def _left_out(left: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{what} left out: {', '.join(names)}." for what, names in left.items() if names]


def _counts(values: np.ndarray, *, whole: bool) -> bool:
    """True for 0, 1, 2 ... or its reverse; without a time column for any even distance, which is a clock."""
    if len(values) < 3:
        return False
    gap = values[1] - values[0]
    if gap == 0 or not np.isfinite(gap) or (whole and abs(gap) != 1):
        return False
    for start in range(0, len(values) - 1, _BLOCK):
        gaps = np.diff(values[start : start + _BLOCK + 1])
        if not (np.abs(gaps - gap) <= (0 if whole else 1e-6 * abs(gap))).all():
            return False
    return True


def _text_error(table: Table, name: str, targets: Sequence[str], *, fixed: bool) -> DataError:
    column = table.frame[name]
    role = "the target" if name in targets else "an input"
    others = "" if fixed else f" {_other_columns(table, name)}"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return DataError(f"Column '{name}' holds times and cannot be {role}.{others}")
    seen = column.notna().to_numpy()
    strange = seen & pd.to_numeric(column.map(str), errors="coerce").isna().to_numpy()
    row = int(np.flatnonzero(strange if strange.any() else seen)[0]) if seen.any() else 0
    first = f"first {str(column.iloc[row])!r} in {table.place(row)}"
    return DataError(
        f"Column '{name}' cannot be {role}: it holds text, {first}. "
        f"Mend that value, or leave the cell empty as missing{'.' if fixed else ', or choose another column.'}{others}"
    )


def _other_columns(table: Table, name: str) -> str:
    others = [str(c) for c in table.frame.columns if c != name and numeric(table.frame[c])]
    return f"Other numeric columns: {', '.join(others) or 'none'}."


def _check_finite(table: Table, name: str) -> None:
    values = as_numbers(table.frame[name])
    low, high = ends(values)
    if np.isinf(low) or np.isinf(high):
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(
            f"Column '{name}' has an infinite value in {table.place(row)}. Mend it, or leave it empty as missing."
        )
