"""What the caller of detect gave: one table in time order, or recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.data import sets
from heedful.data.recordings import Recording, Recordings, read_recordings
from heedful.data.recordings.readers.ucr import is_ucr
from heedful.data.series import Series
from heedful.data.table import Table
from heedful.errors import OptionError
from heedful.forecasting.inputs import Columns, load_table
from heedful.signals.detection.asked import Asked
from heedful.signals.detection.jobs import OfRecordings
from heedful.signals.detection.labels import marks_of, targets_of, without
from heedful.signals.detection.tables import SHARES

SAMPLE = "bearings"
TABLES = (".csv", ".parquet", ".pq", ".xlsx", ".xlsm", ".tsv", ".txt")


def is_table(data: Any, said: Mapping[str, Any]) -> bool:
    """Says whether data is one table in time order; a file is, unless something is said that only recordings have.

    Args:
        said: the words that only recordings have, None where nothing was said.

    >>> is_table("sine", {}), is_table("a/b.csv", {"group": None}), is_table("a/b.csv", {"group": "machine"})
    (True, True, False)
    """
    if any(word is not None for word in said.values()):
        return False
    if isinstance(data, str) and not Path(data).exists() and data in sets.SAMPLES:
        return True
    if isinstance(data, (str, Path)):
        path = Path(data)
        return path.suffix.lower() in TABLES and not path.is_dir() and not (path.is_file() and is_ucr(path))
    return isinstance(data, Table) or (hasattr(data, "columns") and hasattr(data, "shape"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """What is to be looked through: a table, or recordings.

    Args:
        table: with the label's column; None for recordings.
        columns: what is read of it.
        label: column that marks anomalies of a table.
        found: the recordings; None for a table.
        normal: the usual class that was named.
        left_out: files that could not be used.
        said: the label as it was given, for run.json.
    """

    table: Table | None = None
    columns: Columns
    label: str | None = None
    found: Recordings | None = None
    normal: str | None = None
    left_out: tuple[str, ...] = ()
    said: Any = None

    @staticmethod
    def read(
        data: Any,
        label: Any,
        normal: str | None,
        targets: tuple[str, ...],
        columns: Mapping[str, Any],
        reading: Mapping[str, Any],
    ) -> Source:
        """Opens what was given.

        Raises: OptionError for words that the other kind of data has; DataError for data that cannot be read.
        """
        words = {"normal": normal, **reading}
        if not is_table(data, words):
            odd = [name for name, value in {"target": targets or None, **columns}.items() if value]
            if odd:
                raise OptionError(f"{', '.join(odd)} is about a table, and recordings were given. Leave it out.")
            found = read_recordings(SAMPLE if data is None else data, label=label, **reading)
            return Source(
                columns=Columns(targets=()),
                found=found,
                normal=normal,
                left_out=tuple(map(str, found.problems)),
                said=label,
            )
        if label is not None and not isinstance(label, str):
            raise OptionError(f"detect needs the name of the column that marks anomalies, got {type(label).__name__}.")
        table = load_table(data, columns["date_format"])
        read = without(table, label)
        sample = sets.SAMPLES.get(data) if isinstance(data, str) else None
        usual = (sample.target,) if sample is not None else ()
        chosen = targets or usual or targets_of(read, columns["time"], columns["date_format"])
        named = Columns.of(
            chosen,
            time=columns["time"],
            features=columns["features"],
            past=columns["past"],
            known=columns["known"],
            static=(),
            series=None,
            calendar=columns["calendar"],
            mask=columns["mask"],
            missing=columns["missing"],
            date_format=columns["date_format"],
        )
        return Source(table=table, columns=named, label=label, said=label)

    @property
    def label_name(self) -> str | None:
        """The label in words."""
        return self.said if isinstance(self.said, str) or self.said is None else "given with the arrays"

    def recordings(self, asked: Asked) -> OfRecordings:
        """Gives the detection on recordings, or on the windows of the table."""
        if self.found is not None:
            return OfRecordings.prepare(self.found, self.normal, asked, left_out=self.left_out)
        read, marks, times = self.windowed(asked.train * SHARES[0])
        return OfRecordings.prepare(read, None, asked, marks=marks, times=times)

    def windowed(self, share: float) -> tuple[Recordings, list[np.ndarray] | None, pd.DatetimeIndex | None]:
        """Gives the table as one recording, which of its rows are anomalies, and their stamps."""
        if self.table is None:
            raise OptionError("Windows of a table need a table, got recordings. Leave the method out.")
        read = without(self.table, self.label)
        series = self.columns.build(read, decide_on=share)
        marks = None if self.label is None else [marks_of(self.table, read, self.columns, self.label, series)]
        times = series.times if isinstance(series.times, pd.DatetimeIndex) else None
        return as_recording(series), marks, times


def as_recording(series: Series) -> Recordings:
    """Gives the targets of a series as one recording, a row a sample; what was not observed is missing."""
    which = list(series.target_indices)
    values = np.where(series.observed[:, which], series.values[:, which], np.nan).T
    rate = None
    if isinstance(series.times, pd.DatetimeIndex) and len(series) > 1 and series.step.kind == "fixed":
        middle = pd.Timedelta(np.median(np.diff(series.times.asi8)), unit=series.times.unit)
        rate = 1 / middle.total_seconds() if middle > pd.Timedelta(0) else None
    one = Recording(name=series.name, values=values, channels=series.targets, rate=rate)
    return Recordings(items=(one,), name=series.name, notes=series.notes)
