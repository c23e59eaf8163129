"""The main job: one table in, an honest comparison out."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heedful import baselines
from heedful.data.split import split as cut
from heedful.data.windows import windows
from heedful.errors import OptionError
from heedful.forecasting.inputs import (
    Columns,
    Words,
    check_numbers,
    check_targets,
    open_table,
    season_of,
    seeds_of,
    window_of,
)
from heedful.models import DEFAULT, get
from heedful.train import Recipe
from heedful.train.log import ready
from heedful.trial.audit import check_reading, check_table
from heedful.trial.described import describe, key_of, makings, name_of
from heedful.trial.effects import MARGIN
from heedful.trial.engines import check_engine, cores
from heedful.trial.family import Question, questions, sized
from heedful.trial.jobs import Arena, plan_jobs
from heedful.trial.origins import rolling
from heedful.trial.result import Comparison
from heedful.trial.store import asked_before, open_store
from heedful.trial.work import KEEP, Report, Work

RATES = (1e-3, 3e-3)


def compare(
    data: Any = None,
    target: str | None = None,
    *,
    time: str | None = None,
    features: Words | None = None,
    past: Words = (),
    known: Words = (),
    static: Words = (),
    series: str | None = None,
    calendar: bool = False,
    window: int | None = None,
    horizon: int = 1,
    split: Sequence[float] = (0.7, 0.1, 0.2),
    gap: int = 0,
    season: int | None = None,
    mask: bool = False,
    missing: Sequence[float] | None = None,
    models: str | Sequence[str] = "default",
    attention: Words | None = None,
    backbone: Words = "cnn-lstm",
    margin: float = MARGIN,
    rates: Sequence[float] | None = None,
    origins: int = 1,
    seeds: int | Sequence[int] = 3,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    keep: str = "best",
    jobs: int | None = None,
    engine: str = "local",
    scheduler: str | None = None,
    max_minutes: float | None = None,
    date_format: str | None = None,
    language: str = "en",
    log: str | None = None,
    progress: Report | None = None,
) -> Comparison:
    """Trains models on one table and says what they are worth against baselines that are always run.

    Args:
        data: path of a CSV, Parquet or Excel table, a pandas, polars or pyarrow frame, the name of a sample of
            `heedful.data.samples()`, or None for the embedded CO2 series.
        target: the column to forecast; its own past is always an input.
        time: the time column, found by itself if not named.
        features: further input columns; by default every usable column. Only their past is used.
        past, known, static: input columns by what is known of them at the time of a forecast: their past; their
            values over the horizon too; one value that never changes. Naming any takes only those named.
        series: the column that names the series of each row, for a table of many.
        calendar: adds hour, weekday and day of the year as known inputs.
        window: rows of the look-back; by default the season if one is found, else 32, at most a quarter of train.
        horizon: steps ahead.
        split: shares, or numbers of rows, of train, validation and test, in time order.
        gap: rows left out between two parts.
        season: rows of a season, found on the train rows by itself if not given.
        mask: adds inputs that say which values are missing, and for how long.
        missing: numbers that stand for missing values, such as -999; found on the train rows by itself if not given,
            and not looked for if empty.
        models: "default", or names of `heedful.models.names()`; with `attention`, models beside those of the trial.
        attention: mechanisms to try, or "all", each against no attention, a placebo and a model as large; a place
            may follow, as in "additive@decoder". The answer is `Comparison.answers`.
        backbone: presets that they are put into.
        margin: effects within plus and minus this share of the squared error count as none.
        rates: learning rates of which validation chooses one for each network; 1e-3 and 3e-3 in a trial of attention,
            else, and with a recipe of your own, that of each recipe alone.
        origins: cuts the test part into so many blocks and trains anew before each, on all rows until then; the
            forecasts of all blocks are judged together.
        seeds: how many, or which.
        recipe: how all networks are trained; by default each by its own recipe.
        epochs: at most so many passes over the train windows; the rest of each recipe stays.
        out: folder for scores.csv, forecasts.csv, run.json, report.html and bundles; "auto" names one under
            heedful-runs after data and options; None writes nothing. A folder of runs on the same data, split, columns,
            window, horizon, gap, season and versions is continued: only trials that it lacks are trained.
        overwrite: starts afresh in a folder that holds runs on other data.
        keep: "best" keeps of each model the bundle of its best seed by validation, "all" every one, "none" none.
        jobs: parallel processes; by default one per processor. The result does not depend on it.
        engine: "local" for processes of this machine, or "dask" for the workers of a Dask cluster (extra `cluster`).
        scheduler: address of the cluster's scheduler, such as "tcp://10.0.0.1:8786".
        max_minutes: stops after so many minutes and keeps what is finished.
        date_format: strptime format of the time column when it is ambiguous.
        language: that of the report, "en" or "zh".
        log: "tensorboard" writes the training curves for it too; they stand in training.csv anyway.

    Raises: DataError, OptionError or UnknownName when an input cannot be used; nothing is written then.
    """
    from heedful.report.language import language as read_language

    started = clock.monotonic()
    read_language(language)
    if log is not None:
        ready(log)
    if len(split) != 3 or any(isinstance(size, str) for size in split):
        raise OptionError(f"compare needs a split of three positive sizes such as (0.7, 0.1, 0.2), got {split!r}.")
    check_numbers(
        "compare", window=window, horizon=horizon, gap=gap, season=season, jobs=jobs, epochs=epochs, origins=origins
    )
    table, targets, time = open_table("compare", data, target, time, date_format)
    if len(targets) > 1:
        raise OptionError(f"compare takes one target, got {', '.join(targets)}. Compare them one by one.")
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
    made = columns.build(table, decide_on=split[0])
    parts = cut(made, split, gap=gap)
    season = season_of(made, parts.train, season)
    asked = questions(attention, backbone) if attention is not None else ()
    numbers = seeds_of("compare", seeds)
    if keep not in KEEP:
        raise OptionError(f"keep knows {', '.join(KEEP)}, got '{keep}'.")
    if max_minutes is not None and not max_minutes > 0:
        raise OptionError(f"compare needs max_minutes above 0, got {max_minutes}.")
    window = window if window is not None else window_of(parts.train, season, horizon)
    arena = Arena(
        train=windows(parts.train, window, horizon),
        validation=windows(parts.validation, window, horizon),
        test=windows(parts.test, window, horizon),
        season=season,
        recipe=recipe,
        epochs=epochs,
        rates=tuple(rates) if rates is not None else RATES if asked and recipe is None else (),
    )
    asked = sized(asked, arena.shape)
    names = _models(models, asked)
    if origins > 1:
        arena = rolling(arena, parts, origins)
    check_targets(arena.train, arena.validation, arena.test)
    check_engine(engine, scheduler)
    read = check_reading(table, arena.test, column=columns.series, time=time, date_format=date_format)
    audited = (*check_table(made, parts, window=window, horizon=horizon), read)
    run = describe(parts, arena, columns, names, numbers, tuple(split), keep, table.source)
    run["options"] |= {"attention": [q.arm for q in asked], "margin": margin} if asked else {}
    planned = plan_jobs(names, numbers, arena)
    arms = [question.arm for question in asked if question.placebo]
    earlier: tuple[str, ...] = ()
    store = None
    if out is not None:
        folder = Path("heedful-runs") / name_of(run) if out == "auto" else Path(out)
        earlier = asked_before(folder, arms, overwrite=overwrite)
        run["tried"] = [*arms, *earlier]
        store = open_store(folder, run, key_of(run), overwrite=overwrite, made=makings(planned, arena))
    work = Work(
        arena=arena,
        split=parts,
        columns=columns,
        audited=audited,
        asked=asked,
        earlier=earlier,
        margin=margin,
        names=names,
        seeds=numbers,
        jobs=planned,
        run=run,
        store=store,
        progress=progress,
        language=language,
        log=log,
    )
    try:
        return work.go(
            processes=jobs or cores(),
            deadline=None if max_minutes is None else started + 60 * max_minutes,
            keep=keep,
            scheduler=scheduler,
        )
    finally:
        if store is not None:
            store.close()


def _models(models: str | Sequence[str], asked: Sequence[Question]) -> tuple[str, ...]:
    if asked and models == "default":
        models = ()
    chosen = [m.strip() for m in models.split(",") if m.strip()] if isinstance(models, str) else list(models)
    names: list[str] = []
    for name in chosen:
        names += list(DEFAULT) if name == "default" else [] if name in baselines.SUMMARIES else [get(name).name]
    return tuple(dict.fromkeys((*names, *(arm for question in asked for arm in question.arms))))
