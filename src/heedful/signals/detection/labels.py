"""Which rows of a table are known to be anomalies, and which columns are watched; labels stay out of what is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from heedful.data.series import Series
from heedful.data.stamps import Stamps, find_stamps
from heedful.data.table import Table
from heedful.errors import DataError, unknown
from heedful.forecasting.inputs import Columns


def without(table: Table, label: str | None) -> Table:
    """Takes the label's column out of a table, so that no model can read it.

    Raises: UnknownName for a column that is not there.
    """
    if label is None:
        return table
    if label not in table.frame.columns:
        raise unknown("column", label, map(str, table.frame.columns))
    return replace(table, frame=table.frame.drop(columns=[label]))


def targets_of(table: Table, time: str | Literal[False] | None, date_format: str | None) -> tuple[str, ...]:
    """Gives the columns that are watched where none is named: all numbers that change and are no time.

    Raises: DataError if there are none.
    """
    frame = table.frame
    numbers = [
        str(name)
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
    ]
    numbers = [name for name in numbers if name != time and frame[name].nunique() > 1]
    if not numbers:
        raise DataError(f"'{table.name}' has no column of numbers that change. Columns: {', '.join(map(str, frame))}.")
    when = find_stamps(table, time, numbers[-1], date_format)
    return tuple(name for name in numbers if name not in when.columns) or tuple(numbers)


def marks_of(table: Table, read: Table, columns: Columns, label: str, series: Series) -> np.ndarray:
    """Gives for each row of a series whether its row in the table is labelled an anomaly; gaps are not."""
    told: np.ndarray = strange(table.frame[label])
    when: Stamps = find_stamps(read, columns.time, columns.targets[0], columns.date_format)
    if when.times is None:
        own: np.ndarray = told[np.asarray(series.times)]
        return own
    stamped = pd.Series(told, index=when.times).groupby(level=0).max()
    return np.asarray(stamped.reindex(series.times, fill_value=False), dtype=bool)


def strange(column: pd.Series) -> np.ndarray:
    """Says which labels of a column mean an anomaly: all but 0, false, no, normal and the like, and missing ones.

    >>> strange(pd.Series([0, 1, None])).tolist(), strange(pd.Series(["normal", "Leak", ""])).tolist()
    ([False, True, False], [False, True, False])
    """
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().sum() == column.notna().sum():
        return np.asarray((numbers.fillna(0) != 0).to_numpy())
    words = column.astype("string").str.strip().str.lower().fillna("")
    usual = {"", "0", "0.0", "false", "no", "none", "normal", "healthy", "ok", "good", "usual", "n", "f"}
    return np.asarray(~words.isin(usual).to_numpy(dtype=bool))
