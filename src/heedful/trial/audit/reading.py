"""The reading of a table: what is read of a row, no later row may change by a bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from heedful.data.build import build_series
from heedful.data.calendar import NAMES as CALENDAR
from heedful.data.categories import one_hot
from heedful.data.series import Series
from heedful.data.step import Step
from heedful.data.table import Table
from heedful.data.windows import Windows
from heedful.errors import HeedfulError
from heedful.trial.audit.findings import Finding
from heedful.trial.audit.later import check_later
from heedful.trial.audit.rows import Placed, kept_columns, later, place, worthless

if TYPE_CHECKING:
    from heedful.bundle import Reading

_CHECK = "reading"


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A table, and how it became a series; what was decided on train rows is not decided anew.

    Args:
        like: what says it: the series, or the reading that a bundle keeps.
        series: the column that names the series of each row.
    """

    table: Table
    targets: tuple[str, ...]
    columns: tuple[str, ...]
    step: Step
    like: Series | Reading
    series: str | None = None
    time: str | Literal[False] | None = None
    date_format: str | None = None

    def read(self, table: Table | None = None) -> Series:
        """Reads the table, or another one like it."""
        return build_series(
            table or self.table,
            self.targets,
            time=self.time,
            like=self.columns,
            known=self.like.known,
            static=self.like.static,
            series=self.series,
            codes=self.like.codes,
            levels=self.like.levels,
            step=self.step,
            date_format=self.date_format,
        )

    def place(self, series: Series) -> Placed:
        """Finds the row of the series that every row of the table became."""
        return place(self.table, series, time=self.time, date_format=self.date_format, column=self.series)

    def again(self, placed: Placed, series: Series, origin: int, seed: int) -> Series:
        """Reads the table with all rows after an origin permuted and doubled; stamps and known columns stay."""
        ahead = self.like.known
        texts = [n for n, found in self.like.levels.items() if any(one_hot(n, one) in ahead for one in found)]
        known = [name for name in ahead if name not in CALENDAR]
        kept = kept_columns(placed.when, known, texts, [self.series] if self.series else [])
        if placed.when.times is not None:
            after = np.asarray(placed.when.times > series.times[origin])
        else:
            last = int(np.flatnonzero(placed.rows == origin)[0])
            after = (placed.groups == placed.groups[last]) & (np.arange(len(placed.rows)) > last)
        return self.read(replace(self.table, frame=worthless(placed, after, kept, seed)))


def check_reading(
    table: Table, laid: Windows, *, column: str | None, time: str | Literal[False] | None, date_format: str | None
) -> Finding:
    """Reads a table again with worthless rows after an origin, at several origins: earlier rows must stay as they are.

    Together with networks whose forecasts no later row of the series changes this says that no later row of the table
    changes one.

    Args:
        laid: windows over the series that was read.
        column: the column that names the series of each row.
        time, date_format: as the table was read.
    """
    series = laid.span.series
    reader = Reader(
        table=table,
        targets=series.targets,
        columns=series.columns,
        step=series.step,
        like=series,
        series=column,
        time=time,
        date_format=date_format,
    )
    try:
        placed = reader.place(series)

        def changed(number: int, turn: int) -> bool:
            origin = int(laid.origins[number])
            return not _same(series, reader.again(placed, series, origin, turn), origin)

        advice = "The reading of the table looks ahead. Please report it with the table."
        return replace(check_later(laid, "what is read of the rows before", changed, advice), check=_CHECK)
    except HeedfulError as error:
        text = f"The table cannot be read with other later rows, so its reading was not checked: {error}"
        advice = "Whether the reading looks ahead is not known. Mend what the error names and compare again."
        return Finding(check=_CHECK, severity="warning", text=text, advice=advice)


def _same(series: Series, made: Series, origin: int) -> bool:
    """Says whether two series agree to the last bit up to an origin, in every member."""
    after, others = later(series, origin), {member.name: member for member in made.members}
    for member in series.members:
        rows = slice(member.start, member.start + int((~after[member.start : member.stop]).sum()))
        if rows.start == rows.stop:
            continue
        if member.name not in others:
            return False
        first = others[member.name].start
        own = slice(first, first + rows.stop - rows.start)
        for one, two in ((series.values, made.values), (series.observed, made.observed)):
            if not np.array_equal(one[rows], two[own], equal_nan=one.dtype.kind == "f"):
                return False
    return True
