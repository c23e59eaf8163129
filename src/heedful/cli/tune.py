"""heedful tune: settings tried on validation rows, the best scored once on test rows."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, STOPPED, app, bar, careful, columns, numbers, words

if TYPE_CHECKING:
    from heedful.tuning import Study

_SHOWN = 10


@app.command()
@careful
def tune(
    data: ask.Data = None,
    target: ask.Targets = None,
    model: ask.Model = "cnn-lstm",
    plan: ask.PlanFile = None,
    space: Annotated[
        str | None,
        typer.Option(help="TOML file with the choices and ranges to try; the model's usual ones if left out."),
    ] = None,
    trials: Annotated[int, typer.Option(help="How many settings to try.")] = 50,
    sampler: Annotated[str, typer.Option(help="How they are drawn: tpe, random or grid.")] = "tpe",
    sampler_seed: Annotated[int, typer.Option(help="Draws the settings.")] = 0,
    pruner: Annotated[str, typer.Option(help="Stops hopeless settings early: median or none.")] = "median",
    time: ask.Time = None,
    features: ask.Features = None,
    past: ask.Past = None,
    known: ask.Known = None,
    static: ask.Static = None,
    series: ask.SeriesColumn = None,
    calendar: ask.Calendar = False,
    mask: ask.Mask = False,
    missing: ask.Missing = None,
    window: ask.Window = None,
    horizon: ask.Horizon = 1,
    split: ask.Split = "0.7,0.1,0.2",
    gap: ask.Gap = 0,
    season: ask.Season = None,
    seeds: Annotated[int, typer.Option(help="How many seeds every setting is trained with.")] = 1,
    epochs: ask.Epochs = None,
    date_format: ask.DateFormat = None,
    jobs: Annotated[int, typer.Option(help="Parallel processes.")] = 1,
    max_minutes: Annotated[float | None, typer.Option(help="Stop after so long; the same command goes on.")] = None,
    storage: Annotated[str, typer.Option(help="How trials are kept: journal or sqlite.")] = "journal",
    out: Annotated[str, typer.Option(help="Folder for the study; 'auto' names one under heedful-runs.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start afresh in a folder that holds a study.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the count, the score and the folder only.")
    ] = False,
) -> int:
    """Try settings of a model on validation rows, keep the best, and score it once on rows never seen before."""
    from heedful.tuning import tune as run

    with bar(quiet) as progress:
        study = run(
            data,
            words(target),
            model=model,
            space=space,
            trials=trials,
            sampler=sampler,
            sampler_seed=sampler_seed,
            pruner=pruner,
            **columns(time, features, past, known, static, series, calendar, mask, missing, date_format),
            window=window,
            horizon=horizon,
            split=numbers("--split", split),
            gap=gap,
            season=season,
            seeds=seeds,
            epochs=epochs,
            plan=plan,
            jobs=jobs,
            max_minutes=max_minutes,
            storage=storage,
            out=out,
            overwrite=overwrite,
            progress=progress,
        )
    _show(study, data, quiet)
    return DONE if study.finished else STOPPED


def _show(study: Study, data: str | None, quiet: bool) -> None:
    from heedful.cli import show

    if not quiet:
        _table(study)
        show.notes(study.notes)
    typer.echo(f"{study.counted}.")
    if study.best is not None:
        told = ", ".join(f"{path} = {value}" for path, value in study.best.values.items())
        typer.echo(f"Best on validation, number {study.best.number}: {told}")
    if study.scores:
        show.scores(study.scores, None if quiet else "\nTest part, read once, best RMSE first")
    if not study.finished:
        typer.echo("Stopped early: nothing was scored on test rows. The same command goes on.")
    typer.echo(f"Study: {study.folder}")
    if study.bundle is not None and not quiet:
        typer.echo(f"Next: {shlex.join(['heedful', 'predict', str(study.bundle.folder), data or 'co2'])}")


def _table(study: Study) -> None:
    from heedful.cli import show

    paths = list(study.run["options"]["space"])
    rows = study.trials.dropna(subset="error").sort_values(["error", "number"]).head(_SHOWN)
    lines = [
        (f"{row['number']}", show.number(row["error"]), *(_short(row[path]) for path in paths))
        for row in rows.to_dict("records")
    ]
    show.table("Settings with the smallest error on validation", ("number", "error", *paths), lines)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
