"""heedful.fit: one model, trained, calibrated, scored once, and packed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from heedful.bundle import FILES, Bundle, is_bundle
from heedful.data.scale import Scaler
from heedful.data.split import Split
from heedful.data.split import split as cut
from heedful.data.windows import Windows, windows
from heedful.errors import DataError
from heedful.forecasting import findings, scores
from heedful.forecasting.inputs import (
    Columns,
    Progress,
    Words,
    check_numbers,
    check_split,
    check_targets,
    open_table,
    season_of,
    seeds_of,
)
from heedful.forecasting.outputs import Forecasts, forecasts
from heedful.forecasting.settings import settings
from heedful.forecasting.training import train
from heedful.intervals import Intervals, check_levels
from heedful.models.plan import Plan
from heedful.train import Recipe

RUNS = "heedful-runs"
_CHECKPOINT = "training"


def fit(
    data: Any = None,
    target: Words | None = None,
    model: str = "heedful",
    *,
    time: str | Literal[False] | None = None,
    features: Words | None = None,
    past: Words = (),
    known: Words = (),
    static: Words = (),
    series: str | None = None,
    calendar: bool = False,
    mask: bool = False,
    missing: Sequence[float] | None = None,
    window: int | None = None,
    horizon: int = 1,
    split: Sequence[float] = (0.7, 0.1, 0.2),
    gap: int = 0,
    season: int | None = None,
    seeds: int | Sequence[int] = 1,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    plan: Plan | str | Path | None = None,
    levels: Sequence[float] = (0.8, 0.95),
    date_format: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Bundle:
    """Trains one model on a table, calibrates its intervals on validation and scores it once on the test part.

    Args:
        data: path of a CSV, Parquet or Excel table, a pandas, polars or pyarrow frame, the name of a sample, or None
            for the embedded CO2 series.
        target: the column to forecast, or several; their own past is always an input.
        model: a name of `heedful.models.names()`.
        time: the time column, found by itself if not named; False: there is none.
        features: further input columns, of which only the past is used.
        past, known, static: input columns by what is known of them at the time of a forecast: their past; their
            values over the horizon too; one value that never changes. Naming any takes only those named.
        series: the column that names the series of each row, for a table of many.
        calendar: adds hour, weekday and day of the year as known inputs.
        mask: adds inputs that say which values are missing, and for how long.
        missing: numbers that stand for missing values, such as -999; found on the train rows if not given.
        window: rows of the look-back; by default, for "heedful", as many seasons as fit, or decided on validation by
            closed-form maps where fewer than 7 do; for others the season if one is found, 32 rows if not.
        horizon: steps ahead.
        split: shares, or numbers of rows, of train, validation and test, in time order; test may be 0.
        gap: rows left out between two parts.
        season: rows of a season, found on the train rows by itself if not given.
        seeds: how many, or which; the best on validation is kept.
        recipe: how it is trained; by default the model's own recipe.
        epochs: at most so many passes over the train windows; the rest of the recipe stays.
        plan: a plan, or the path of its TOML file, in place of a model by name; a [recipe] there trains it.
        levels: levels of the intervals that are scored, and given by `predict` unless it is asked for others. Each
            series of a table of many is calibrated alone where it has validation windows enough for a level, and
            together with all others where not.
        date_format: strptime format of the time column when it is ambiguous.
        out: folder for the bundle; "auto" names one under heedful-runs. A training that was cut off goes on from
            there when it is asked for again.
        overwrite: replaces a bundle that is in this folder, once the new one is complete; never any other file.
        progress: called after every epoch.

    Raises: DataError, OptionError or UnknownName when an input cannot be used; nothing is written then.

    >>> from heedful.train import Recipe
    >>> bundle = fit("sine", model="cnn-lstm", window=8, recipe=Recipe(epochs=1))
    >>> bundle.targets, [model for model, _, metric, _ in bundle.scores if metric == "mae"]
    (('sine',), ['cnn-lstm', 'persistence', 'seasonal_naive', 'ridge'])
    """
    check_numbers("fit", window=window, horizon=horizon, gap=gap, season=season, epochs=epochs)
    numbers, wanted, sizes = seeds_of("fit", seeds), check_levels(levels), check_split("fit", split)
    table, targets, named = open_table("fit", data, target, time or None, date_format)
    columns = Columns.of(
        targets,
        time=False if time is False else named,
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
    made = columns.build(table, decide_on=sizes[0])
    parts = cut(made, sizes, gap=gap)
    season = season_of(made, parts.train, season)
    chosen = settings(
        parts,
        model=model,
        plan=plan,
        window=window,
        horizon=horizon,
        season=season,
        recipe=recipe,
        epochs=epochs,
    )
    test = windows(parts.test, chosen.shape.window, horizon) if len(parts.test) else None
    if test is not None:
        check_targets(test)
    folder = _folder(out, f"{made.name}-{'-'.join(targets)}-{chosen.model}-{horizon}-ahead", overwrite)
    try:
        done = train(
            parts,
            chosen,
            columns,
            seeds=numbers,
            levels=wanted,
            checkpoint=None if folder is None else folder / _CHECKPOINT,
            tick=_ticker(progress, chosen.model, chosen.recipe.epochs * len(numbers)),
        )
    except KeyboardInterrupt:
        if folder is None or not any(folder.glob(f"{_CHECKPOINT}.*")):
            raise
        raise KeyboardInterrupt(f"stopped; {folder} keeps the training. The same command goes on from there.") from None
    bundle = scored(done.bundle, parts, done.train, done.validation, test, season)
    return bundle if folder is None else _saved(bundle, folder)


def scored(
    bundle: Bundle, parts: Split, learned: Windows, judged: Windows, test: Windows | None, season: int | None
) -> Bundle:
    """Scores a bundle and the baselines on the test windows; without any, a note says what scores honestly."""
    facts = dict(bundle.facts) | {"season": season}
    if test is None:
        note = "The split has no test part, so nothing was scored: heedful backtest scores on rows after training."
        return replace(bundle, notes=(*bundle.notes, note), facts=facts)
    levels = bundle.levels
    speakers = {bundle.model: speaker(bundle, bundle.scaler, levels), **scores.rivals(learned, judged, season)}
    counted = scores.tally(test, speakers, levels)
    rows = scores.table(counted, bundle.targets, scores.naive_errors(parts.train, season))
    found = findings.uneven(counted[bundle.model], test.span.series)
    said = findings.worth(rows, bundle.model, "on the test part")
    return replace(
        bundle,
        scores=tuple(rows),
        notes=(*bundle.notes, *found, said),
        facts=facts | {"test_windows": len(test)},
    )


def speaker(bundle: Bundle, scaler: Scaler, levels: Sequence[float]) -> scores.Speaker:
    """Gives what a bundle says of windows: points and calibrated bounds."""

    def speak(part: Windows, intervals: Intervals | None = bundle.intervals) -> Forecasts:
        return forecasts(bundle.ready, part, scaler, intervals, levels)

    return speak


def _folder(out: str | Path | None, name: str, overwrite: bool) -> Path | None:
    """Gives the folder for the bundle: a new or empty one, one that holds a training cut off, or a bundle to replace.

    Raises: DataError if it holds anything else.
    """
    if out is None:
        return None
    folder = Path(RUNS) / re.sub(r"[^\w.-]+", "_", name) if out == "auto" else Path(out)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"--out needs a folder, got the file {folder}. Give another name.")
    strange = [p.name for p in folder.iterdir() if not p.name.startswith(_CHECKPOINT)] if folder.is_dir() else []
    if is_bundle(folder):
        strange = [name for name in strange if name not in FILES]
        if not strange and not overwrite:
            raise DataError(
                f"The folder {folder} holds a bundle already. Replace it with --overwrite, or give another --out."
            )
    if strange:
        raise DataError(f"The folder {folder} holds other files, such as {strange[0]}. Give another --out.")
    return folder


def _saved(bundle: Bundle, folder: Path) -> Bundle:
    """Writes the bundle, then removes what a training that was cut off would have gone on from.

    A bundle that is replaced is there, whole, until the new one is.
    """
    if is_bundle(folder):
        _replaced(bundle, folder.resolve())
    else:
        bundle.save(folder)
    for path in folder.glob(f"{_CHECKPOINT}.*"):
        path.unlink(missing_ok=True)
    return replace(bundle, folder=folder)


def _replaced(bundle: Bundle, folder: Path) -> None:
    try:
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
            new, old = bundle.save(Path(place) / "new"), Path(place) / "old"
            folder.replace(old)
            try:
                new.replace(folder)
            except OSError:
                old.replace(folder)
                raise
    except OSError as error:
        raise DataError(f"{folder} cannot be replaced ({error.strerror or error}). Give another --out.") from error


def _ticker(progress: Callable[[Progress], None] | None, label: str, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    done = 0

    def tick(epoch: int) -> None:
        nonlocal done
        done += 1
        progress(Progress(done=done, total=total, label=label, epoch=epoch))

    return tick
