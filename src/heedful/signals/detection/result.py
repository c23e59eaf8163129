"""What a detection leaves behind: scores of every row or window, alarms, and what the detectors are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from heedful.signals.detection import findings
from heedful.signals.detection.events import Event, Points, events
from heedful.signals.detection.measures import Measure, measure, measures_of
from heedful.signals.detection.ranges import RangeRule
from heedful.signals.detection.tracks import Track

if TYPE_CHECKING:
    from heedful.bundle import Bundle
    from heedful.signals.detection.bundle import DetectorBundle
    from heedful.trial.result import Finding


@dataclass(frozen=True, kw_only=True, eq=False)
class Detection:
    """Everything that one detection measured, and the tables read off it.

    `scores` is tidy (model, seed, metric, value), `summary` has one row a detector, `timeline` one row a tested row or
    window with the score of each detector, `alarms` one row an event of the detector that alarms are told of.

    Args:
        name: of the data.
        kind: "table" or "recordings".
        points: what was tested.
        tracks: of each detector and seed, networks first.
        bundle: the network that alarms are told of, with its threshold.
        alarm_rate: false alarms per row or window that every threshold promises at most.
        groups: how many recordings or groups the thresholds were set on; 0 where that says nothing.
        signal: what was watched, for the eye: the targets of a table, the root mean square of each channel (n, M).
        signals: their names.
        merge: alarms with at most so many points between them are one event.
        rule: how events are compared with true ones.
        parts: what each part holds, in words.
        notes: what was decided, for people to read.
        run: what was asked, and versions.
        folder: where it was written.
    """

    name: str
    kind: str
    points: Points
    tracks: tuple[Track, ...]
    summaries: Mapping[str, str]
    bundle: Bundle | DetectorBundle | None = None
    alarm_rate: float
    groups: int = 0
    signal: np.ndarray
    signals: tuple[str, ...]
    merge: int = 0
    rule: RangeRule = field(default_factory=RangeRule)
    parts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @cached_property
    def best(self) -> Track:
        """The detector that alarms are told of: the network with the smallest validation loss; labels have no say."""
        networks = [track for track in self.tracks if track.seed is not None]
        return min(networks, key=lambda one: one.watched if one.watched == one.watched else float("inf"))

    @property
    def measures(self) -> Mapping[str, Measure]:
        """The measures by name; the first ranks where there are labels."""
        return measures_of(self.points)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The alarms of the best detector as events."""
        return events(self.best.alarms, self.points.source, merge=self.merge)

    @cached_property
    def true_events(self) -> tuple[Event, ...]:
        """The events that are known; none where there are no labels."""
        truth = self.points.truth
        return () if truth is None else events(truth, self.points.source)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per detector, seed and measure."""
        rows = [
            (track.model, track.seed, name, value)
            for track in self.tracks
            for name, value in {**self.measured(track), "threshold": track.threshold.value}.items()
        ]
        frame = pd.DataFrame(rows, columns=["model", "seed", "metric", "value"])
        return frame.astype({"seed": "Int64"})

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per detector: means over seeds, `<measure>_std` beside; with labels the best composite F1 first."""
        by = self.scores.groupby(["model", "metric"], sort=False)["value"]
        table = by.mean().unstack().join(by.std(ddof=1).unstack().add_suffix("_std"))
        for name in ("parameters", "seconds"):
            table[name] = [float(np.mean([getattr(t, name) for t in self._of(str(model))])) for model in table.index]
        table = table.astype({"parameters": int}).rename_axis("model")
        first = next(iter(self.measures))
        if self.points.truth is None:
            return table.loc[list(dict.fromkeys(track.model for track in self.tracks))]
        return table.sort_values(first, ascending=False, kind="stable")

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """One row per tested row or window: where it is, the score of each detector, and whether the best cries."""
        points = self.points
        frame = pd.DataFrame({"source": np.array(points.names)[points.source], "start": points.start})
        frame[points.unit if points.unit != "sample" else "first"] = points.when
        if points.truth is not None:
            frame["truth"] = points.truth.astype(int)
        for track in self.tracks:
            seed = "" if track.seed is None else f" seed {track.seed}"
            frame[f"{track.model}{seed}"] = np.round(track.test, 6)
        frame["alarm"] = self.best.alarms.astype(int)
        if len(self.best.blame) and len(self.signals) > 1:
            frame["strangest"] = np.array(self.signals)[self.best.blame]
        return frame

    @cached_property
    def alarms(self) -> pd.DataFrame:
        """One row per event: where it begins and ends, its points, its peak and where that is, and what is true."""
        best, points, rows = self.best, self.points, []
        for one in self.events:
            own = np.where(np.isfinite(best.test[one.start : one.stop]), best.test[one.start : one.stop], -np.inf)
            peak = one.start + int(own.argmax())
            row = {
                "source": points.names[int(points.source[one.start])],
                "start": points.when[one.start],
                "end": points.ends[one.stop - 1],
                "points": one.stop - one.start,
                "peak": round(float(best.test[peak]), 6),
                "peak_at": points.when[peak],
                "threshold": round(best.threshold.value, 6),
            }
            if len(best.blame) and len(self.signals) > 1:
                row["strangest"] = self.signals[int(best.blame[peak])]
            if points.truth is not None:
                row["true_points"] = int(points.truth[one.start : one.stop].sum())
            rows.append(row)
        columns = ["source", "start", "end", "points", "peak", "peak_at", "threshold"]
        return pd.DataFrame(rows, columns=None if rows else columns)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the numbers say in words: the verdict first, then what they do not allow to say."""
        return findings.findings(self)

    def measured(self, track: Track) -> dict[str, float]:
        """Gives the measures of one track."""
        return measure(self.points, track.test, track.alarms, merge=self.merge, rule=self.rule)

    def _of(self, model: str) -> list[Track]:
        return [track for track in self.tracks if track.model == model]

    def __repr__(self) -> str:
        kind = "rows" if self.kind == "table" else "windows"
        return (
            f"Detection({len(self.points):,} {kind} of {self.name}: {len(self.events):,} events of {self.best.model}, "
            f"at most {self.alarm_rate:.2g} false alarms per {kind[:-1]} promised)"
        )
