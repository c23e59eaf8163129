"""A bundle of ours: the rows its scaler saw, and forecasts that no later row may change by a bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from heedful.bundle import Bundle
from heedful.data.series import Series
from heedful.data.split import PARTS, Span, Split
from heedful.data.table import Table
from heedful.data.windows import Windows, windows
from heedful.errors import DataError
from heedful.forecasting.outputs import forecasts
from heedful.trial.audit.findings import Finding
from heedful.trial.audit.later import CHECK, check_later
from heedful.trial.audit.parts import check_scaler, check_spans
from heedful.trial.audit.reading import Reader
from heedful.trial.audit.rows import Placed


def check_bundle(
    bundle: Bundle, table: Table, *, time: str | None = None, date_format: str | None = None
) -> tuple[Finding, ...]:
    """Audits a bundle on the table that it was trained on: its split, its scaler, its forecasts.

    At several origins of its test part all rows after the origin are permuted and doubled in the table itself, which
    is then read and forecast anew: every point and every bound must be the same to the last bit.

    Args:
        time: the time column; that of the training if not given.
        date_format: strptime format of the time column when it is ambiguous.

    Raises: DataError if the bundle does not say how its table was split, or the table lacks its columns.
    """
    told = bundle.facts.get("split")
    if not isinstance(told, Mapping) or "train" not in told:
        raise DataError("This bundle does not say which rows it was trained on. Train it again with heedful fit.")
    reader = Reader(
        table=table,
        targets=bundle.targets,
        columns=bundle.scaler.columns,
        step=bundle.step,
        like=bundle.reading,
        series=bundle.reading.series,
        time=time or bundle.reading.time,
        date_format=date_format,
    )
    series = reader.read()
    other = _other(bundle, series)
    split = spans_of(series, told, int(bundle.facts.get("gap", 0)))
    found = [*check_spans(split), *other]
    found += () if other else check_scaler(bundle.scaler, split.train)
    return (*found, *_Case(bundle, reader).future(series, split.test if len(split.test) else split.validation))


def spans_of(series: Series, told: Mapping[str, Mapping[str, Any]], gap: int) -> Split:
    """Gives the split that a bundle or a run tells of: rows of a single series, dates of several.

    Raises: DataError for rows that the series does not have.
    """
    spans = {}
    for part in PARTS:
        pieces: tuple[tuple[int, int], ...] = ()
        if part in told:
            first, last = (int(row) for row in told[part]["rows"])
            pieces = ((first, last),) if len(series.members) == 1 else _dated(series, told[part])
        if part in told and (not pieces or max(b for _, b in pieces) > len(series)):
            raise DataError(
                f"The {part} part is told to be rows {first} to {last - 1}, and the table has {len(series)}. Give the "
                "table that was trained on."
            )
        pieces = pieces or ((len(series), len(series)),)
        spans[part] = Span(series=series, part=part, start=pieces[0][0], stop=pieces[-1][1], pieces=pieces)
    return Split(**spans, gap=gap)


def _dated(series: Series, told: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    dated = isinstance(series.times, pd.DatetimeIndex)
    first, last = (pd.Timestamp(told[end]) if dated else int(told[end]) for end in ("from", "to"))
    inside = np.asarray((series.times >= first) & (series.times <= last))
    pieces = []
    for member in series.members:
        rows = member.start + np.flatnonzero(inside[member.start : member.stop])
        pieces += [(int(rows[0]), int(rows[-1]) + 1)] if len(rows) else []
    return tuple(pieces)


def _other(bundle: Bundle, series: Series) -> list[Finding]:
    """Tells if the table is not the one that was trained on; then its numbers cannot be those of the scaler."""
    told = bundle.facts.get("data", {}).get("fingerprint")
    if told is None or told == series.fingerprint:
        return []
    text = f"The table has other values, rows or columns than the one that was trained on ({told})."
    advice = "Give that table; the scaler's numbers were not checked."
    return [Finding(check="data", severity="warning", text=text, advice=advice)]


@dataclass(frozen=True)
class _Case:
    """A bundle, and how its table is read."""

    bundle: Bundle
    reader: Reader

    def future(self, series: Series, span: Span) -> list[Finding]:
        """Makes all rows after an origin worthless, at several origins."""
        laid = self._seen(series, span)
        if laid is None:
            text = "No window fits the part that was kept for scoring, so its forecasts were not checked."
            return [Finding(check=CHECK, severity="fine", text=text)]
        placed = self.reader.place(series)

        def changed(number: int, turn: int) -> bool:
            start = int(laid.starts[number])
            before = self._forecast(series, laid, start)
            after = self._again(placed, series, laid, start, turn)
            return after is None or not np.array_equal(before, after, equal_nan=True)

        advice = "The model or the reading of its table looks ahead. Please report it with the bundle."
        return [check_later(laid, f"the forecast of {self._name}", changed, advice)]

    @property
    def _name(self) -> str:
        return f"{self.bundle.model}, seed {self.bundle.facts.get('seed', '?')}"

    def _seen(self, series: Series, span: Span) -> Windows | None:
        """Lays windows over the members that the scaler knows; None if none fits."""
        strange = set(self.bundle.scaler.unseen(series))
        pieces = tuple(
            piece
            for piece in span.pieces
            if series.members[int(series.members_of(np.array(piece[0])))].name not in strange
        )
        if not len(span) or not pieces:
            return None
        own = replace(span, start=pieces[0][0], stop=pieces[-1][1], pieces=pieces)
        try:
            return windows(own, self.bundle.shape.window, self.bundle.shape.horizon)
        except DataError:
            return None

    def _forecast(self, series: Series, laid: Windows, start: int) -> np.ndarray:
        one = Windows(
            span=replace(laid.span, series=series), window=laid.window, horizon=laid.horizon, runs=((start, 1),)
        )
        bundle = self.bundle
        said = forecasts(bundle.ready, one, bundle.scaler, bundle.intervals, bundle.levels)
        return np.concatenate([np.ravel(part) for part in said])

    def _again(self, placed: Placed, series: Series, laid: Windows, start: int, seed: int) -> np.ndarray | None:
        """Forecasts from the table whose later rows are worthless; None if the origin is no longer in it."""
        origin = start + laid.window - 1
        member = series.members[int(series.members_of(np.array(origin)))]
        made = self.reader.again(placed, series, origin, seed)
        found = [other for other in made.members if other.name == member.name]
        at = found[0].start + (start - member.start) if found else -1
        if not found or at + laid.window + laid.horizon > found[0].stop:
            return None
        return self._forecast(made, laid, at)
