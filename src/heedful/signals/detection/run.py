"""heedful.detect: data in, alarms out, with a promise on how often they are false."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from heedful.bundle import Bundle
from heedful.errors import OptionError, unknown
from heedful.forecasting.inputs import Progress, Words, check_numbers, seeds_of, several
from heedful.forecasting.training import versions
from heedful.signals.detection.again import Again
from heedful.signals.detection.asked import Asked
from heedful.signals.detection.bundle import DetectorBundle
from heedful.signals.detection.jobs import OfRecordings, OfTable
from heedful.signals.detection.ranges import RangeRule
from heedful.signals.detection.result import Detection
from heedful.signals.detection.sources import Source
from heedful.signals.detection.store import save
from heedful.train import Recipe
from heedful.trial.described import command, key_of
from heedful.trial.store import open_folder

Job = OfTable | OfRecordings | Again
METHODS = ("auto", "forecast", "reconstruction")
Report = Callable[[Progress], None]


def detect(
    data: Any = None,
    *,
    label: Any = None,
    normal: str | None = None,
    target: Words | None = None,
    group: Any = None,
    bundle: Bundle | DetectorBundle | str | Path | None = None,
    method: str = "auto",
    model: Words | None = None,
    alarm_rate: float | None = None,
    per_day: float | None = None,
    train: float = 0.6,
    merge: int = 0,
    rule: RangeRule | None = None,
    time: str | Literal[False] | None = None,
    features: Words | None = None,
    past: Words = (),
    known: Words = (),
    calendar: bool = False,
    mask: bool = False,
    missing: Sequence[float] | None = None,
    horizon: int = 1,
    season: int | None = None,
    date_format: str | None = None,
    channels: Words | None = None,
    rate: float | str | None = None,
    index: str | Path | bool | None = None,
    pattern: str | None = None,
    split: str = "auto",
    step: int | None = None,
    scaling: str = "standard",
    window: int | None = None,
    seeds: int | Sequence[int] = 1,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    language: str = "en",
    progress: Report | None = None,
) -> Detection:
    """Learns what is usual from the train part and finds what is not in the rest.

    A table is one series: a model forecasts each row from the rows before it. Recordings are many: a network rebuilds
    each window, or forecasts its end, learned from recordings of the usual class alone, or from the first part of each
    where there are no labels. Scores are residuals in typical ones; the threshold is a conformal quantile of usual
    rows or windows that the network has not learned from, and never of any that are tested.

    Args:
        data: path of a table or of recordings, a frame, arrays or `Recordings`; the embedded synthetic bearings by
            default. A CSV, Parquet or Excel file, or a frame, is taken for one series unless something is said that
            only recordings have: normal, group, channels, rate, index or pattern.
        label: column that marks anomalies, of a table 0 and 1; of recordings the class, or "folder". No network reads
            it: of recordings it says which are usual, and what is tested is compared with it.
        normal: the label of usual recordings; found by itself if it is called normal, healthy or the like.
        target: columns of a table to watch; by default all numbers.
        group: column of what must not be split: machine, patient, bearing; or "folder".
        bundle: what an earlier detection left, or its folder: everything is scored with it and nothing is trained.
        method: "forecast" or "reconstruction"; "auto" forecasts tables and rebuilds windows of recordings. A table's
            windows are rebuilt with "reconstruction".
        model: for a table names of `heedful.models.names()`; for recordings "conv-autoencoder", "lstm-autoencoder" or
            "next-samples", each with an attention behind a plus, as in "conv-autoencoder+eca@code".
        alarm_rate: false alarms per row or window that the threshold promises at most, 0.01 by default.
        per_day: the same as false alarms a day, where it is known how long a row or window lasts.
        train: share of the usual recordings, or of the time, that is not tested; a part of it sets the threshold.
        merge: alarms with at most so many rows or windows between them are one event.
        rule: how events are compared with labelled ones.
        time, features, past, known, calendar, mask, missing, horizon, season, date_format: as of `heedful.fit`, of a
            table; with a horizon above 1 a row's score is the mean over its forecasts.
        channels, rate, index, pattern, split, scaling: as of `heedful.classify`, of recordings; the split is "auto",
            "group", "time" or "given".
        step: samples from one tested window to the next; a whole window by default.
        window: rows of the look-back, or samples of a window.
        seeds: how many, or which; alarms are those of the network with the smallest validation loss.
        recipe: how networks are trained; by default each by its own recipe.
        epochs: at most so many passes over the train part.
        out: folder for scores.csv, timeline.csv, alarms.csv, run.json, report.html and the bundle; "auto" names one
            under heedful-runs; None writes nothing.
        overwrite: replaces what an earlier detection wrote there.
        language: that of the report, "en" or "zh".
        progress: called after every epoch.

    Raises: DataError, OptionError or UnknownName when an input cannot be used; nothing is written then.
    """
    from heedful.report.language import language as read_language

    read_language(language)
    check_numbers("detect", window=window, step=step, horizon=horizon, season=season, epochs=epochs)
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if isinstance(merge, bool) or merge < 0:
        raise OptionError(f"detect needs merge to be 0 points or more, got {merge}.")
    numbers, models = seeds_of("detect", seeds), several(model) or None
    columns = {
        "time": time,
        "features": features,
        "past": past,
        "known": known,
        "calendar": calendar,
        "mask": mask,
        "missing": missing,
        "date_format": date_format,
    }
    reading = {"group": group, "channels": channels, "rate": rate, "index": index, "pattern": pattern}
    asked = Asked(
        method=method,
        models=models,
        alarm_rate=alarm_rate,
        per_day=per_day,
        train=train,
        merge=merge,
        rule=rule or RangeRule(),
        window=window,
        step=step,
        horizon=horizon,
        season=season,
        split=split,
        scaling=scaling,
        seeds=numbers,
        recipe=recipe,
        epochs=epochs,
        progress=progress,
    )
    source = Source.read(data, label, normal, several(target), columns, reading)
    if bundle is not None:
        job: Job = Again.prepare(source, bundle, asked)
    elif source.table is not None and method != "reconstruction":
        job = OfTable.prepare(source.table, source.columns, source.label, asked)
    else:
        job = source.recordings(asked)
    run = _described(job, asked, source)
    if out is None:
        return replace(job.go(), run=run)
    name = re.sub(r"[^\w.-]+", "_", f"{job.data['name']}-alarms-{key_of(run)[:8]}")
    folder = Path("heedful-runs") / name if out == "auto" else Path(out)
    held = open_folder(folder, run, key_of(run), overwrite=overwrite)
    try:
        return save(replace(job.go(), run=run), folder, language)
    finally:
        held.release()


def _described(job: Job, asked: Asked, source: Source) -> dict[str, Any]:
    """Gives all that is needed to repeat the run."""
    options = {name: value for name, value in vars(asked).items() if name not in ("progress", "recipe", "rule")}
    options |= {"models": list(job.models), "seeds": list(asked.seeds), "alarm_rate": job.alarm_rate}
    options |= {"label": source.label_name, "normal": source.normal, "rule": asdict(asked.rule)}
    options |= {"recipe": None if asked.recipe is None else asdict(asked.recipe)}
    return {
        "kind": "detect",
        "data": dict(job.data),
        "split": {"parts": dict(job.parts)},
        "options": options,
        "versions": versions(),
        "platform": platform.platform(),
        "command": command("heedful.detect"),
    }
