"""New data scored by what an earlier detection left: nothing is trained, and no threshold is moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.bundle import Bundle
from heedful.data.build import build_series
from heedful.data.recordings import Part, Piece, Recordings, cut
from heedful.data.series import Series
from heedful.data.split import Span
from heedful.data.table import Table
from heedful.errors import DataError, OptionError
from heedful.forecasting.inputs import Columns
from heedful.models import get
from heedful.signals import baselines
from heedful.signals.detection import recordings, tables, windows
from heedful.signals.detection.asked import Asked
from heedful.signals.detection.autoencoder import summary
from heedful.signals.detection.bundle import Alarm, DetectorBundle, load
from heedful.signals.detection.labels import marks_of, without
from heedful.signals.detection.result import Detection
from heedful.signals.detection.sources import Source
from heedful.signals.detection.tracks import Track


@dataclass(frozen=True, kw_only=True, eq=False)
class Again:
    """A detection by a bundle, ready to run."""

    bundle: Bundle | DetectorBundle
    alarm: Alarm
    source: Source
    data: Mapping[str, Any]

    @staticmethod
    def prepare(source: Source, bundle: Bundle | DetectorBundle | str | Path, asked: Asked) -> Again:
        """Opens a bundle for a source.

        Raises: OptionError for a bundle of the other kind of data, or words that would need training.
        """
        made, alarm = load(bundle)
        odd = [name for name in ("models", "alarm_rate", "per_day", "recipe", "epochs") if getattr(asked, name)]
        if odd:
            raise OptionError(f"A bundle is used as it is, got {', '.join(odd)} too. Leave it out, or train anew.")
        if isinstance(made, Bundle) and source.table is None:
            raise OptionError(f"The bundle of {made.model} watches a table, got recordings. Give a table.")
        name = source.table.name if source.table is not None else source.found.name if source.found else ""
        return Again(bundle=made, alarm=alarm, source=source, data={"name": name, "bundle": str(made.folder or "")})

    @property
    def models(self) -> tuple[str, ...]:
        """The one that is used."""
        return (self.bundle.model,)

    @property
    def alarm_rate(self) -> float:
        """What its threshold promises."""
        return self.alarm.threshold.alarm_rate

    @property
    def parts(self) -> dict[str, str]:
        """Nothing is parted."""
        return {}

    def go(self) -> Detection:
        """Scores everything."""
        source = self.source
        if isinstance(self.bundle, Bundle) and source.table is not None:
            return table_again(self.bundle, self.alarm, source.table, source.label, source.columns)
        if not isinstance(self.bundle, DetectorBundle):
            raise OptionError(f"The bundle of {self.bundle.model} watches a table, got recordings. Give a table.")
        if source.found is not None:
            return recordings_again(self.bundle, source.found, source.normal, left_out=source.left_out)
        read, marks, times = source.windowed(1.0 - 1e-9)
        return recordings_again(self.bundle, read, None, marks=marks, times=times)


def table_again(bundle: Bundle, alarm: Alarm, table: Table, label: str | None, columns: Columns) -> Detection:
    """Scores the rows of a table, all but the first look-back.

    Args:
        columns: only its time column and date format are read.

    Raises: DataError for a table that is not read as the one that was trained on, or too short.
    """
    read = without(table, label)
    reading = bundle.reading
    named = columns.time if columns.time is not None else reading.time
    named = named if named is False or named in [str(name) for name in read.frame.columns] else None
    series = build_series(
        read,
        bundle.targets,
        time=named,
        like=bundle.scaler.columns,
        known=reading.known,
        static=reading.static,
        codes=reading.codes,
        levels=reading.levels,
        step=bundle.step,
        date_format=columns.date_format,
    )
    first = bundle.shape.window
    if len(series) < first + bundle.shape.horizon:
        raise DataError(
            f"A look-back of {first:,} rows and {bundle.shape.horizon} ahead need as many rows, got {len(series):,}. "
            "Give a longer table."
        )
    span = Span(series=series, part="test", start=first, stop=len(series))
    found, blame, expected = tables.watched(bundle, span, alarm.scale, alarm.threshold)
    marks = None
    if label is not None:
        words = replace(columns, targets=bundle.targets, time=named)
        marks = marks_of(table, read, words, label, series)
    track = Track(
        model=bundle.model,
        seed=int(bundle.facts.get("seed", 0)),
        calibration=np.empty(0),
        test=found,
        threshold=alarm.threshold,
        scale=alarm.scale,
        parameters=int(bundle.facts.get("parameters", 0)),
        blame=blame,
        expected=expected,
    )
    return Detection(
        name=series.name,
        kind="table",
        points=tables.points_of(series, np.arange(first, len(series)), marks),
        tracks=(track,),
        summaries={bundle.model: get(bundle.model).summary},
        bundle=bundle,
        alarm_rate=alarm.threshold.alarm_rate,
        signal=_observed(series)[first:],
        signals=series.targets,
        merge=alarm.merge,
        parts={"test": f"{len(span):,} rows, {span.ends[0]} to {span.ends[1]}"},
        notes=series.notes,
    )


def recordings_again(
    bundle: DetectorBundle,
    read: Recordings,
    normal: str | None,
    *,
    marks: Any = None,
    times: pd.DatetimeIndex | None = None,
    left_out: tuple[str, ...] = (),
) -> Detection:
    """Scores all windows of recordings.

    Raises: DataError for recordings of other channels or another rate, or of which none has a window.
    """
    if read.channels != bundle.channels and len(read.channels) != len(bundle.channels):
        raise DataError(
            f"{bundle.model} reads {len(bundle.channels)} channels ({', '.join(bundle.channels)}), got "
            f"{len(read.channels)} ({', '.join(read.channels)}). Name those to read."
        )
    bare = replace(read, items=tuple(replace(one, label=None, target=0.0, targets=None) for one in read.items))
    pieces = tuple(Piece(number, 0, len(one)) for number, one in enumerate(read.items))
    cuts = cut(Part(recordings=bare, pieces=pieces, name="test"), bundle.shape.window, bundle.step)
    usual = None if marks is not None or not read.classes else windows.normal_of(read, normal)
    points = windows.points_of(cuts, read, usual, marks)
    track = Track(
        model=bundle.model,
        seed=bundle.seed,
        calibration=np.empty(0),
        test=recordings.errors(bundle.ready, cuts, bundle.scaler) / float(bundle.alarm.scale.flat[0]),
        threshold=bundle.alarm.threshold,
        scale=bundle.alarm.scale,
        parameters=sum(p.numel() for p in bundle.ready.parameters()),
    )
    return Detection(
        name=read.name,
        kind="recordings",
        points=points if times is None else points.at(times),
        tracks=(track,),
        summaries={bundle.model: summary(bundle.model)},
        bundle=bundle,
        alarm_rate=bundle.alarm.threshold.alarm_rate,
        groups=0,
        signal=baselines.rms(cuts, np.arange(len(cuts))),
        signals=read.channels,
        merge=bundle.alarm.merge,
        parts={"test": f"{len(cuts):,} windows of {cuts.window:,} samples, {len(read):,} recordings"},
        notes=(*read.notes, *left_out, *cuts.notes),
    )


def _observed(series: Series) -> np.ndarray:
    which = list(series.target_indices)
    found: np.ndarray = np.where(series.observed[:, which], series.values[:, which], np.nan)
    return found
