"""heedful compare: models against baselines, on one table or on several."""

from __future__ import annotations

import hashlib
import json
import re
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, STOPPED, WRONG_INPUT, app, bar, careful, columns, numbers, words
from heedful.errors import DataError, HeedfulError, OptionError

if TYPE_CHECKING:
    from heedful.trial.across import Measured
    from heedful.trial.result import Comparison


Tables = Annotated[
    list[str] | None,
    typer.Argument(
        help="CSV, Parquet or Excel tables, or names of samples: each is compared by itself, then all together; "
        "the embedded CO2 series if left out.",
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", help="Column to forecast; of several tables once for all, or once for each in order."),
]


@app.command()
@careful
def compare(
    data: Tables = None,
    target: Targets = None,
    time: ask.Time = None,
    features: ask.Features = None,
    past: ask.Past = None,
    known: ask.Known = None,
    static: ask.Static = None,
    series: ask.SeriesColumn = None,
    calendar: ask.Calendar = False,
    window: ask.Window = None,
    horizon: ask.Horizon = 1,
    split: ask.Split = "0.7,0.1,0.2",
    gap: ask.Gap = 0,
    season: ask.Season = None,
    mask: ask.Mask = False,
    missing: ask.Missing = None,
    models: Annotated[str, typer.Option(help="Names separated by commas; see 'heedful list models'.")] = "default",
    attention: Annotated[
        str | None,
        typer.Option(help="Attentions to try against none, a placebo and a model as large; or 'all'. NAME@PLACE too."),
    ] = None,
    backbone: Annotated[str, typer.Option(help="Presets that the attentions are put into.")] = "cnn-lstm",
    margin: Annotated[float, typer.Option(help="Effects within this share of the squared error count as none.")] = 0.05,
    rates: Annotated[str | None, typer.Option(help="Learning rates; validation chooses one for each network.")] = None,
    origins: Annotated[int, typer.Option(help="Train anew before each of so many blocks of the test part.")] = 1,
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 3,
    epochs: ask.Epochs = None,
    jobs: Annotated[int | None, typer.Option(help="Parallel processes; one per processor if left out.")] = None,
    engine: Annotated[str, typer.Option(help="local (processes of this machine) or dask (a cluster).")] = "local",
    scheduler: Annotated[str | None, typer.Option(help="Address of the scheduler of --engine dask.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Stop after so long and keep what is finished.")] = None,
    out: Annotated[str, typer.Option(help="Folder for the results; 'auto' names one under heedful-runs.")] = "auto",
    overwrite: ask.Overwrite = False,
    keep: Annotated[str, typer.Option(help="Bundles to keep: all, best or none.")] = "best",
    date_format: ask.DateFormat = None,
    log: Annotated[str | None, typer.Option(help="tensorboard: write the training curves for it too.")] = None,
    language: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the table and the report's name only.")] = False,
) -> int:
    """Train models on a table, or on several, and say what they are worth against yesterday's value."""
    options = {
        **columns(time, features, past, known, static, series, calendar, mask, missing, date_format),
        "window": window,
        "horizon": horizon,
        "split": numbers("--split", split),
        "gap": gap,
        "season": season,
        "models": models,
        "attention": words(attention),
        "backbone": words(backbone) or (),
        "margin": margin,
        "rates": None if rates is None else numbers("--rates", rates),
        "origins": origins,
        "seeds": seeds,
        "epochs": epochs,
        "jobs": jobs,
        "engine": engine,
        "scheduler": scheduler,
        "overwrite": overwrite,
        "keep": keep,
        "language": language,
        "log": log,
    }
    tables = _or_none(data)
    asked = list(zip(tables, targets_of(target, len(tables)), strict=True))
    if len(asked) > 1:
        return several(asked, options, out=out, max_minutes=max_minutes, quiet=quiet)
    [(table, column)] = asked
    result = one(table, column, {**options, "out": out, "max_minutes": max_minutes}, quiet)
    return DONE if result.finished else STOPPED


def targets_of(given: list[str] | None, tables: int) -> list[str | None]:
    """Gives each table its target: the same for all, or one for each in their order.

    Raises: typer.BadParameter for another number of them.

    >>> targets_of(["Close"], 2), targets_of(["OT", "load"], 2)
    (['Close', 'Close'], ['OT', 'load'])
    """
    targets = _or_none(given)
    if len(targets) not in (1, tables):
        raise typer.BadParameter(
            f"--target is given once for all tables or once for each of them: {tables} in all, got {len(targets)}."
        )
    return targets if len(targets) == tables else targets * tables


def _or_none(given: list[str] | None) -> list[str | None]:
    return [*given] if given else [None]


def one(table: str | None, target: str | None, options: dict[str, Any], quiet: bool) -> Comparison:
    """Compares on one table, and prints what came of it."""
    from heedful.cli import show
    from heedful.trial.run import compare as run

    with bar(quiet) as progress:
        result = run(table, target, **options, progress=progress)
    show.comparison(result, quiet)
    return result


def several(
    asked: Sequence[tuple[str | None, str | None]],
    options: dict[str, Any],
    *,
    out: str,
    max_minutes: float | None,
    quiet: bool,
) -> int:
    """Compares on several tables, each in a folder of its own, then writes the page over all of them.

    A table that cannot be used is named, and the rest is done; one that is stopped ends the round.
    """
    from heedful.trial.across import Measured, measure

    check_shared(options, max_minutes)
    folder, names = folder_of(out, asked, options), names_of(asked)
    started, measured, failed, stopped = clock.monotonic(), dict[str, Measured](), dict[str, str](), False
    for name, (table, target) in zip(names, asked, strict=True):
        left = None if max_minutes is None else max_minutes - (clock.monotonic() - started) / 60
        if left is not None and left <= 0:
            stopped = True
            break
        typer.echo(f"\n{name}")
        try:
            result = one(table, target, {**options, "out": folder / name, "max_minutes": left}, quiet)
        except HeedfulError as error:
            failed[name] = str(error)
            typer.echo(f"heedful: {name}: {error}", err=True)
            continue
        except KeyboardInterrupt:
            stopped = True
            break
        if result.trials:
            measured[name] = measure(result)
        if not result.finished:
            stopped = True
            break
    _conclude(folder, measured, failed, stopped=stopped, language=options["language"], quiet=quiet)
    return STOPPED if stopped else WRONG_INPUT if failed else DONE


def check_shared(options: Mapping[str, Any], max_minutes: float | None) -> None:
    """Refuses once what would be wrong for every table, before any is read.

    Raises: OptionError or UnknownName.
    """
    from heedful import baselines, models
    from heedful.forecasting.inputs import check_numbers, seeds_of
    from heedful.report.language import language
    from heedful.train.log import ready
    from heedful.trial.engines import check_engine
    from heedful.trial.family import questions
    from heedful.trial.work import KEEP

    language(options["language"])
    if options["log"] is not None:
        ready(options["log"])
    whole = ("window", "horizon", "gap", "season", "jobs", "epochs", "origins")
    check_numbers("compare", **{name: options[name] for name in whole})
    seeds_of("compare", options["seeds"])
    for name in words(options["models"]) or ():
        if name != "default" and name not in baselines.SUMMARIES:
            models.get(name)
    if options["attention"] is not None:
        questions(options["attention"], options["backbone"])
    if options["keep"] not in KEEP:
        raise OptionError(f"keep knows {', '.join(KEEP)}, got '{options['keep']}'.")
    if max_minutes is not None and not max_minutes > 0:
        raise OptionError(f"compare needs max_minutes above 0, got {max_minutes}.")
    check_engine(options["engine"], options["scheduler"])


def _conclude(
    folder: Path,
    measured: Mapping[str, Measured],
    failed: Mapping[str, str],
    *,
    stopped: bool,
    language: str,
    quiet: bool,
) -> None:
    """Writes and prints what can be said over all tables, and names those that could not be used."""
    from heedful.cli import show
    from heedful.report.across import forget_across
    from heedful.trial.across import distinct, gather

    if len(distinct(measured)) > 1:
        found = gather(measured)
        notes = (f"{name} could not be compared: {reason}" for name, reason in failed.items())
        found = replace(found, notes=(*notes, *found.notes))
        path = found.save(folder, language)
        show.across(found, quiet)
        typer.echo(f"Report over all: {path}")
    elif not stopped:
        if measured:  # what an earlier round wrote no longer holds
            forget_across(folder)
        typer.echo("Fewer than two different tables could be compared: there is no page over all of them.")
    if failed:
        typer.echo(f"heedful: {len(failed)} could not be compared: {', '.join(failed)}.", err=True)
    if stopped:
        typer.echo("Stopped early: the same command continues with what is missing.")


def names_of(asked: Sequence[tuple[str | None, str | None]]) -> list[str]:
    """Names each table after its file; a name that is taken gets a number.

    Raises: OptionError for the same table with the same target twice.

    >>> names_of([("a/load.csv", "x"), ("b/load.csv", "x"), ("co2", None)])
    ['load', 'load-2', 'co2']
    """
    names: list[str] = []
    seen: set[tuple[Path, str | None]] = set()
    for table, target in asked:
        path = Path(str(table))
        if (path.resolve(), target) in seen:
            raise OptionError(f"compare takes each table and target once, got {table} twice. Leave one of them out.")
        seen.add((path.resolve(), target))
        stem = re.sub(r"[^\w.-]+", "_", path.stem).strip(".") or "table"
        numbered = (stem, *(f"{stem}-{number}" for number in range(2, len(asked) + 2)))
        names.append(next(name for name in numbered if name not in names))
    return names


def folder_of(out: str, asked: Sequence[tuple[str | None, str | None]], options: Mapping[str, Any]) -> Path:
    """Gives the folder that holds one folder for each table; "auto" names it after tables and what is read of them.

    Raises: DataError for a file, or a folder that holds a single run.
    """
    if out == "auto":
        decisive = {name: value for name, value in options.items() if name not in _GROWING}
        paths = [(str(Path(str(table)).resolve()), target) for table, target in asked]
        key = hashlib.sha256(json.dumps([paths, decisive], sort_keys=True).encode()).hexdigest()[:8]
        return Path("heedful-runs") / f"{'-'.join(names_of(asked))[:60]}-{key}"
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or (folder / "run.json").exists()):
        raise DataError(
            f"--out needs a folder for {len(asked)} tables, and {out} is a file or holds one run. Give another."
        )
    return folder


_GROWING = (
    *("models", "attention", "backbone", "margin", "rates", "origins", "seeds", "epochs"),
    *("jobs", "engine", "scheduler", "overwrite", "keep", "log", "language"),
)
"""What may change from one round to the next in the same folder."""
