"""heedful.audit: is there a leak in this table, this run, this predictor?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.data.series import Series
from heedful.data.split import split as cut
from heedful.data.stamps import Stamps, find_stamps
from heedful.data.table import Table
from heedful.data.windows import windows
from heedful.errors import OptionError, unknown
from heedful.forecasting.inputs import (
    Columns,
    Words,
    check_numbers,
    check_split,
    open_table,
    season_of,
    window_of,
)
from heedful.trial.audit.findings import Audit, Finding
from heedful.trial.audit.parts import check_groups
from heedful.trial.audit.predictors import Predictor, check_predictor
from heedful.trial.audit.quality import check_stamps, unique_rows
from heedful.trial.audit.reading import check_reading
from heedful.trial.audit.rows import groups_of, place
from heedful.trial.audit.table import check_table

# A table with more stamps twice than this is not spoilt, it is another one: several series in one.
_TWICE = 0.1


def audit(
    data_or_run: Any = None,
    target: Words | None = None,
    *,
    time: str | None = None,
    features: Words | None = None,
    past: Words = (),
    known: Words = (),
    static: Words = (),
    series: str | None = None,
    group: str | None = None,
    calendar: bool = False,
    mask: bool = False,
    missing: Sequence[float] | None = None,
    window: int | None = None,
    horizon: int = 1,
    split: Sequence[float] = (0.7, 0.1, 0.2),
    gap: int = 0,
    date_format: str | None = None,
    table: Any = None,
    predictor: Predictor | None = None,
    reads: str = "train",
) -> Audit:
    """Looks for leaks: in a table as it would be split, in a finished run or bundle, or in anybody's predictor.

    Args:
        data_or_run: a table as `heedful.compare` takes it; a bundle; or the folder of a run or bundle.
        target: the column to forecast, or several.
        group: the column whose groups (recordings, machines, patients) must not be in two parts.
        table: the table that a run or bundle was made on; a run finds it by itself if its file is still there.
        predictor: `fit(frame) -> predict`, `predict(frame) -> forecasts` of the last `horizon` rows of its frame;
            see `check_predictor`.
        reads: what fit is given: "train" rows, or the whole "table" for one that splits by itself.
        time, features, past, known, static, series, calendar, mask, missing, window, horizon, split, gap,
        date_format: as for `heedful.compare`.

    Raises: DataError, OptionError or UnknownName when an input cannot be used.

    >>> import numpy as np, pandas as pd
    >>> y = np.random.default_rng(0).normal(size=400).cumsum()
    >>> frame = pd.DataFrame({"when": pd.date_range("2024", periods=400), "y": y, "signal": np.roll(y, -1)})
    >>> [found.check for found in audit(frame, "y").leaks]
    ['future']
    >>> audit(frame[["when", "y"]], "y").clean
    True
    """
    run = _of_run(data_or_run, table, time, date_format)
    if run is not None:
        if predictor is not None or target is not None:
            raise OptionError("A run or a bundle is audited as it is: give a target or a predictor with a table only.")
        return run
    check_numbers("audit", window=window, horizon=horizon, gap=gap)
    sizes = check_split("audit", split)
    opened, targets, time = open_table("audit", data_or_run, target, time, date_format)
    columns = Columns.of(
        targets,
        time=time,
        features=features,
        past=past,
        known=known,
        static=static,
        series=series,
        calendar=calendar,
        mask=mask,
        missing=missing,
        date_format=date_format,
    )
    when = find_stamps(opened, time, targets[0], date_format)
    found = list(check_stamps(when, groups_of(opened, series) if series in opened.frame else None))
    opened = _without_twins(opened, when, columns)
    made = columns.build(opened, decide_on=sizes[0])
    parts = cut(made, sizes, gap=gap)
    rows = window or window_of(parts.train, season_of(made, parts.train, None), horizon)
    found += [*check_table(made, parts, window=rows, horizon=horizon), *_told(made)]
    laid = windows(parts.test if len(parts.test) else parts.validation, rows, horizon)
    found.append(check_reading(opened, laid, column=series, time=time, date_format=date_format))
    if group is not None or predictor is not None:
        placed = place(opened, made, time=time, date_format=date_format, column=series)
        if group is not None:
            found += check_groups(_groups(opened, made, placed.rows, group), parts, group)
        if predictor is not None:
            found += check_predictor(
                predictor, placed, parts, targets, horizon=horizon, known=columns.known, reads=reads
            )
    return Audit(subject=f"{', '.join(targets)} of {opened.name}", findings=tuple(found))


def _of_run(data: Any, table: Any, time: str | None, date_format: str | None) -> Audit | None:
    """Audits a run or a bundle; None if `data` is a table."""
    folder = isinstance(data, (str, Path)) and Path(data).is_dir()
    if data is None or isinstance(data, (Table, pd.DataFrame)) or (isinstance(data, (str, Path)) and not folder):
        return None
    from heedful.bundle import Bundle
    from heedful.trial.audit.runs import audit_bundle, audit_run

    if isinstance(data, Bundle):
        return audit_bundle(data, table, time=time, date_format=date_format)
    return audit_run(Path(data), table, time=time, date_format=date_format) if folder else None


def _without_twins(table: Table, when: Stamps, columns: Columns) -> Table:
    """Leaves out the later of two rows with one stamp, if they are few."""
    if when.times is None:
        return table
    keep = unique_rows(when, groups_of(table, columns.series) if columns.series in table.frame else None)
    if len(keep) == len(table) or len(keep) < (1 - _TWICE) * len(table):
        return table
    return replace(table, frame=table.frame.iloc[keep].reset_index(drop=True))


def _groups(table: Table, series: Series, rows: np.ndarray, name: str) -> np.ndarray:
    """Gives the group of every row of the series; None for rows that were put in.

    Raises: UnknownName for a column that is not there.
    """
    if name not in table.frame:
        raise unknown("column", name, map(str, table.frame))
    found = np.full(len(series), None, dtype=object)
    found[rows[rows >= 0]] = table.frame[name].astype(object).to_numpy()[rows >= 0]
    return found


def _told(series: Series) -> list[Finding]:
    """Passes on what the reading of the table warns of: columns left out, and values after the last target."""
    checks = {"constants": "onstant", "after the target": "should be declared with --known"}
    return [
        Finding(check=check, severity="warning", text=note)
        for check, word in checks.items()
        for note in series.notes
        if word in note
    ]
