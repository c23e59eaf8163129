"""One detection, ready to run: what is read and parted, then every network and baseline on the same parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from heedful.bundle import Bundle
from heedful.data.recordings import Cuts, Recordings, SignalScaler
from heedful.data.table import Table
from heedful.forecasting.inputs import Columns
from heedful.models import get
from heedful.signals import baselines
from heedful.signals.detection import plain, recordings, tables, windows
from heedful.signals.detection.asked import Asked
from heedful.signals.detection.autoencoder import summary
from heedful.signals.detection.bundle import Alarm, DetectorBundle, with_alarm
from heedful.signals.detection.result import Detection
from heedful.signals.detection.threshold import check_rate, rate_of
from heedful.signals.detection.tracks import Track
from heedful.signals.inputs import window_of

TABLE_MODEL = "heedful"
"""The model that forecasts a table when none is named."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OfTable:
    """A detection in a table by forecasts."""

    laid: tables.Laid
    columns: Columns
    models: tuple[str, ...]
    asked: Asked
    alarm_rate: float
    notes: tuple[str, ...]

    @staticmethod
    def prepare(table: Table, columns: Columns, label: str | None, asked: Asked) -> OfTable:
        """Reads and parts a table; everything that can be refused is, before a network is trained."""
        models = tuple(get(name).name for name in asked.models or (TABLE_MODEL,))
        laid = tables.lay(table, columns, label, part=asked.train, season=asked.season)
        scorable = laid.scorable()
        rate, note = rate_of(asked.alarm_rate, asked.per_day, laid.points.a_day, scorable)
        check_rate(rate, scorable)
        return OfTable(
            laid=laid,
            columns=columns,
            models=tuple(dict.fromkeys(models)),
            asked=asked,
            alarm_rate=rate,
            notes=(*laid.series.notes, *((note,) if note else ())),
        )

    @property
    def data(self) -> dict[str, Any]:
        """What run.json says of the data."""
        series = self.laid.series
        return {
            "name": series.name,
            "fingerprint": series.fingerprint,
            "rows": len(series),
            "targets": list(series.targets),
            "columns": list(series.columns),
            "step": str(series.step),
        }

    @property
    def parts(self) -> dict[str, str]:
        """What each part holds, in words."""
        spans = (self.laid.parts.train, self.laid.parts.validation, self.laid.calibration, self.laid.test)
        return {one.part: f"{len(one):,} rows, {one.ends[0]} to {one.ends[1]}" for one in spans}

    def go(self) -> Detection:
        """Trains every network for every seed, and scores the baselines."""
        made: list[tuple[Track, Bundle]] = []
        jobs = [(model, seed) for model in self.models for seed in self.asked.seeds]
        for number, (model, seed) in enumerate(jobs):
            made.append(
                tables.network(
                    self.laid,
                    self.columns,
                    model,
                    seed,
                    alarm_rate=self.alarm_rate,
                    window=self.asked.window,
                    horizon=self.asked.horizon,
                    recipe=self.asked.recipe,
                    epochs=self.asked.epochs,
                    tick=self.asked.ticker(number, len(jobs), model),
                )
            )
        rivals = [tables.baseline(self.laid, name, alarm_rate=self.alarm_rate) for name in plain.OF_TABLES]
        laid = self.laid
        result = Detection(
            name=laid.series.name,
            kind="table",
            points=laid.points,
            tracks=(*(track for track, _ in made), *rivals),
            summaries={**{name: get(name).summary for name in self.models}, **plain.OF_TABLES},
            alarm_rate=self.alarm_rate,
            signal=laid.values[laid.test.start : laid.test.stop],
            signals=laid.series.targets,
            merge=self.asked.merge,
            rule=self.asked.rule,
            parts=self.parts,
            notes=_unique((*self.notes, *(note for track, _ in made for note in track.notes))),
        )
        bundle = next(bundle for track, bundle in made if track is result.best)
        return replace(result, bundle=with_alarm(bundle, result.best, self.asked.merge))


@dataclass(frozen=True, kw_only=True, eq=False)
class OfRecordings:
    """A detection on recordings, or on the windows of a table."""

    read: Recordings
    laid: windows.Laid
    models: tuple[str, ...]
    asked: Asked
    alarm_rate: float
    whole: bool
    notes: tuple[str, ...]
    times: pd.DatetimeIndex | None = None

    @staticmethod
    def prepare(
        read: Recordings,
        normal: str | None,
        asked: Asked,
        *,
        marks: Sequence[np.ndarray] | None = None,
        times: pd.DatetimeIndex | None = None,
        left_out: tuple[str, ...] = (),
    ) -> OfRecordings:
        """Parts recordings; everything that can be refused is, before a network is trained.

        Args:
            marks: for each recording which of its samples are anomalies, where that is known.
            times: stamps of the samples of a table.
            left_out: what could not be read.
        """
        models = recordings.names_of(asked.models, asked.method)
        window = asked.window or window_of(read)
        laid = windows.lay(
            read,
            None if marks is not None else windows.normal_of(read, normal),
            marks=marks,
            split=asked.split,
            train=asked.train,
            window=window,
            step=asked.step,
        )
        rate, note = rate_of(asked.alarm_rate, asked.per_day, laid.points.a_day, len(laid.calibration))
        check_rate(rate, len(laid.calibration))
        return OfRecordings(
            read=read,
            laid=laid if times is None else replace(laid, points=laid.points.at(times)),
            models=models,
            asked=asked,
            alarm_rate=rate,
            whole=window is None,
            notes=(*read.notes, *left_out, *laid.notes, *((note,) if note else ())),
            times=times,
        )

    @property
    def data(self) -> dict[str, Any]:
        """What run.json says of the data."""
        return {
            "name": self.read.name,
            "fingerprint": self.read.fingerprint,
            "recordings": len(self.read),
            "groups": len(self.read.groups),
            "classes": list(self.read.classes),
            "channels": list(self.read.channels),
            "rate": self.read.rate,
        }

    @property
    def parts(self) -> dict[str, str]:
        """What each part holds, in words."""
        laid = self.laid
        return {one.part.name: self._told(one) for one in (laid.train, laid.validation, laid.calibration, laid.test)}

    def _told(self, cuts: Cuts) -> str:
        numbers = set(cuts.starts[:, 0].tolist())
        groups = len({self.read[number].group_name for number in numbers})
        return f"{len(cuts):,} windows of {cuts.window:,} samples, {len(numbers):,} recordings of {groups:,} groups"

    @property
    def groups(self) -> int:
        """How many groups set the thresholds."""
        return len({self.read[number].group_name for number in self.laid.calibration.starts[:, 0].tolist()})

    def go(self) -> Detection:
        """Trains every network for every seed, and scores the baselines."""
        laid, asked = self.laid, self.asked
        scaler = SignalScaler.fit(laid.train, asked.scaling)
        jobs = [(model, seed) for model in self.models for seed in asked.seeds]
        made = [
            recordings.network(
                laid,
                model,
                seed,
                alarm_rate=self.alarm_rate,
                scaler=scaler,
                recipe=asked.recipe,
                epochs=asked.epochs,
                tick=asked.ticker(number, len(jobs), model),
            )
            for number, (model, seed) in enumerate(jobs)
        ]
        rivals = [recordings.baseline(laid, name, alarm_rate=self.alarm_rate) for name in plain.OF_RECORDINGS]
        result = Detection(
            name=self.read.name,
            kind="recordings",
            points=laid.points,
            tracks=(*(one.track for one in made), *rivals),
            summaries={**{name: summary(name) for name in self.models}, **plain.OF_RECORDINGS},
            alarm_rate=self.alarm_rate,
            groups=self.groups if len(self.read) > 1 else 0,
            signal=baselines.rms(laid.test, np.arange(len(laid.test))),
            signals=self.read.channels,
            merge=asked.merge,
            rule=asked.rule,
            parts=self.parts,
            notes=_unique((*self.notes, *(f"{m.track.model}: {note}" for m in made for note in m.track.notes))),
        )
        best = next(one for one in made if one.track is result.best)
        bundle = DetectorBundle(
            model=best.track.model,
            seed=int(best.track.seed or 0),
            shape=recordings.shape_of(laid),
            state=best.state,
            scaler=scaler,
            channels=self.read.channels,
            alarm=Alarm(threshold=best.track.threshold, scale=best.track.scale, merge=asked.merge),
            whole=self.whole,
            step=laid.test.step,
            facts={"data": self.data, "parts": self.parts},
        )
        return replace(result, bundle=bundle)


def _unique(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
