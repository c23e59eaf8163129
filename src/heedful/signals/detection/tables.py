"""Detection in a table: a model forecasts each row from the rows before it, and the residual is the score."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from heedful.bundle import Bundle
from heedful.data.series import Series
from heedful.data.split import Span, Split
from heedful.data.split import split as cut
from heedful.data.table import Table
from heedful.data.windows import Windows, windows
from heedful.errors import DataError, OptionError
from heedful.forecasting.inputs import Columns, check_targets, season_of
from heedful.forecasting.outputs import blocks, forecasts
from heedful.forecasting.predicting import lengthened
from heedful.forecasting.settings import Settings, settings
from heedful.forecasting.training import train
from heedful.signals.detection import plain
from heedful.signals.detection.events import Points
from heedful.signals.detection.labels import marks_of, without
from heedful.signals.detection.threshold import Threshold, conformal, smallest_rate
from heedful.signals.detection.tracks import Track
from heedful.train import Recipe

SHARES = (0.65, 0.1, 0.25)
"""Shares of the train part that the model learns from, that decide when it stops, and that set the threshold."""
_DAY = pd.Timedelta(days=1)
_BLOCK = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Laid:
    """A table in time order: [0, learned) to learn from, then validation, calibration up to `trained`, and test."""

    series: Series
    parts: Split
    calibration: Span
    test: Span
    points: Points
    season: int | None

    def scorable(self) -> int:
        """Counts the calibration rows that will have a score."""
        seen = np.isfinite(self.values[self.calibration.start : self.calibration.stop]).any(1)
        return int(seen.sum())

    @property
    def values(self) -> np.ndarray:
        """The targets as they were observed (rows, M), NaN where they were not."""
        which = list(self.series.target_indices)
        found: np.ndarray = np.where(self.series.observed[:, which], self.series.values[:, which], np.nan)
        return found


def lay(table: Table, columns: Columns, label: str | None, *, part: float, season: int | None = None) -> Laid:
    """Puts a table in time order and parts it; labels are looked up for the rows that are tested, and nowhere else.

    Args:
        table: with the label's column, if there is one.
        columns: what is read of it.
        label: column of 0 and 1, or text; anything but 0, false, no, normal and nothing is an anomaly.
        part: share of the rows that is not tested.
        season: rows of a season; found on the train rows if not given.

    Raises: OptionError for a share outside 0 and 1; DataError for a table that cannot be used.
    """
    if not 0 < part < 1:
        raise OptionError(f"detect needs a train share between 0 and 1, got {part:g}. Usual is 0.6.")
    read = without(table, label)
    series = columns.build(read, decide_on=part * SHARES[0])
    rows = len(series)
    learned, stopping = int(rows * part * SHARES[0]), int(rows * part * SHARES[1])
    trained = int(rows * part)
    parts = cut(series, (learned, stopping, rows - learned - stopping))
    test = Span(series=series, part="test", start=trained, stop=rows)
    marks = None if label is None else marks_of(table, read, columns, label, series)
    return Laid(
        series=series,
        parts=parts,
        calibration=Span(series=series, part="calibration", start=learned + stopping, stop=trained),
        test=test,
        points=points_of(series, np.arange(trained, rows), marks),
        season=season_of(series, parts.train, season),
    )


def points_of(series: Series, rows: np.ndarray, marks: np.ndarray | None) -> Points:
    """Says which rows are scored, when they were, and which are known to be anomalies."""
    stamped = isinstance(series.times, pd.DatetimeIndex)
    when = np.asarray(series.times[rows].astype(str) if stamped else rows)
    a_day = None
    if isinstance(series.times, pd.DatetimeIndex) and len(series) > 1:
        middle = pd.Timedelta(np.median(np.diff(series.times.asi8)), unit=series.times.unit)
        a_day = _DAY / middle if middle > pd.Timedelta(0) else None
    return Points(
        names=(series.name,),
        source=np.zeros(len(rows), int),
        start=rows,
        stop=rows + 1,
        when=when,
        ends=when,
        unit="time" if stamped else "row",
        truth=None if marks is None else marks[rows],
        a_day=a_day,
    )


def network(
    laid: Laid,
    columns: Columns,
    model: str,
    seed: int,
    *,
    alarm_rate: float,
    window: int | None = None,
    horizon: int = 1,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    tick: Any = None,
) -> tuple[Track, Bundle]:
    """Trains a model, takes the scale of its residuals on validation and its threshold on calibration rows.

    Raises: DataError for a table too short, or too few calibration rows; UnknownName for an unknown model.
    """
    chosen = _settings(laid, model, window, horizon, recipe, epochs)
    started = clock.perf_counter()
    done = train(laid.parts, chosen, columns, seeds=[seed], levels=(), tick=tick)
    bundle = done.bundle
    residual = residuals(bundle, laid.parts.validation)[0]
    usual = _typical(residual)
    calibration, _ = scored(residuals(bundle, laid.calibration)[0], usual)
    threshold = conformal(calibration, alarm_rate)
    test, blame, expected = watched(bundle, laid.test, usual, threshold)
    facts = bundle.facts
    track = Track(
        model=bundle.model,
        seed=seed,
        calibration=calibration,
        test=test,
        threshold=threshold,
        scale=usual,
        watched=float(facts["validation_loss"]),
        best_epoch=int(facts["best_epoch"]),
        parameters=int(facts["parameters"]),
        seconds=clock.perf_counter() - started,
        blame=blame,
        expected=expected,
        notes=tuple(note for note in (*chosen.notes, *bundle.notes) if note not in laid.series.notes),
    )
    return track, bundle


def residuals(bundle: Bundle, span: Span) -> tuple[np.ndarray, np.ndarray]:
    """Gives how far each row of a span was from its forecasts, lead by lead, and the forecast of the shortest lead.

    Forecasts of the first rows were made before the span; those of the last ones reach beyond it, and that is not read.

    Shape: (rows, P, M), NaN where nothing was observed or no such forecast can be made; (rows, M).
    Unit:  the targets'.
    """
    horizon, columns = bundle.shape.horizon, len(bundle.targets)
    laid = _all_leads(span, bundle.shape.window, horizon)
    away = np.full((len(span), horizon, columns), np.nan)
    expected = np.full((len(span), columns), np.nan)
    for part in blocks(laid):
        index = np.arange(len(part))
        said = forecasts(bundle.ready, part, bundle.scaler).point.reshape(len(part), horizon, columns)
        true = part.targets(index).reshape(len(part), horizon, columns)
        first = np.asarray(part.starts) + part.window - span.start
        for lead in range(horizon):
            inside = (first + lead >= 0) & (first + lead < len(span))
            away[first[inside] + lead, lead] = np.abs(true[inside, lead] - said[inside, lead])
        inside = first >= 0
        expected[first[inside]] = said[inside, 0]
    return away, expected


def watched(
    bundle: Bundle, span: Span, usual: np.ndarray, threshold: Threshold
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores the rows of a span one after the other, as they would come in.

    In the look-back of later rows a row that is an alarm is replaced by what was expected of it: else an anomaly would
    echo for as long as it lies in there. After a whole look-back of alarms the rows are taken as they are, for then
    the usual has changed.

    Shape: scores (rows,), the number of the target each is due to (rows,), and what was expected (rows, M).
    """
    values, window = span.series.values.copy(), bundle.shape.window
    series, which = replace(span.series, values=values), list(span.series.target_indices)
    found, blame = np.full(len(span), np.nan), np.zeros(len(span), int)
    expected = np.full((len(span), len(which)), np.nan)
    at, last, streak = span.start, -1, 0
    while at < span.stop:
        part = Span(series=series, part=span.part, start=at, stop=min(at + _BLOCK, span.stop))
        away, told = residuals(bundle, part)
        scores, due = scored(away, usual)
        end = part.stop
        for row in (np.flatnonzero(threshold.alarms(scores)) + at).tolist():
            streak, last = (streak + 1 if row == last + 1 else 1), row
            if streak <= window:
                values[row, which] = told[row - at]
                end = row + 1
                break
        mine, size = slice(at - span.start, end - span.start), end - at
        found[mine], blame[mine], expected[mine] = scores[:size], due[:size], told[:size]
        at = end
    return found, blame, expected


def _all_leads(span: Span, window: int, horizon: int) -> Windows:
    """Lays every window of which a row of the span is forecast, with any lead."""
    more = max(0, span.stop + horizon - 1 - len(span.series))
    series = lengthened(span.series, more)
    first = max(0, span.start - window - horizon + 1)
    count = span.stop - window - first
    if count < 1:
        raise DataError(
            f"A look-back of {window:,} rows leaves no row of the {span.part} part, {span.stop:,} rows in all, to "
            "score. Shorten the window, or give more rows."
        )
    whole = Span(series=series, part=span.part, start=span.start, stop=span.stop + horizon - 1)
    return Windows(span=whole, window=window, horizon=horizon, runs=((first, count),))


def scored(away: np.ndarray, usual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives the score of every row and the number of the target it is due to.

    A residual counts in typical ones of its lead and target; leads are averaged, and of several targets the strangest
    counts. Rows without a forecast of every lead have no score.

    Shape: (rows, P, M) and (P, M) -> (rows,) and (rows,).

    >>> scored(np.array([[[2.0, 9.0]]]), np.array([[1.0, 3.0]]))
    (array([3.]), array([1]))
    """
    counted = (away / usual).mean(1)
    known = np.isfinite(counted)
    filled = np.where(known, counted, -np.inf)
    found = np.where(known.any(1), filled.max(1), np.nan)
    return found, filled.argmax(1)


def baseline(laid: Laid, name: str, *, alarm_rate: float) -> Track:
    """Scores rows by a baseline, with a threshold from the same calibration rows."""
    started = clock.perf_counter()
    scores = plain.of_table(name, laid.values, slice(0, laid.parts.train.stop))
    calibration = scores[laid.calibration.start : laid.calibration.stop]
    return Track(
        model=name,
        seed=None,
        calibration=calibration,
        test=scores[laid.test.start : laid.test.stop],
        threshold=conformal(calibration, max(alarm_rate, smallest_rate(int(np.isfinite(calibration).sum())))),
        seconds=clock.perf_counter() - started,
    )


def _settings(
    laid: Laid, model: str, window: int | None, horizon: int, recipe: Recipe | None, epochs: int | None
) -> Settings:
    chosen = settings(
        laid.parts,
        model=model,
        plan=None,
        window=window,
        horizon=horizon,
        season=laid.season,
        recipe=recipe,
        epochs=epochs,
    )
    check_targets(windows(laid.calibration, chosen.shape.window, horizon))
    return chosen


def _typical(away: np.ndarray) -> np.ndarray:
    """Gives the median residual of each lead and target (P, M), the mean where that is 0."""
    middle = np.nanmedian(away, axis=0)
    middle = np.where(middle > 0, middle, np.nanmean(away, axis=0))
    found: np.ndarray = np.where(middle > 0, middle, 1.0)
    return found
