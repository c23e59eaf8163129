"""heedful compare: models against baselines on one table."""

from __future__ import annotations

from typing import Annotated

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, STOPPED, app, bar, careful, columns, numbers, words


@app.command()
@careful
def compare(
    data: ask.Data = None,
    target: ask.Target = None,
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
    language: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the table and the report's name only.")] = False,
) -> int:
    """Train models on one table and say what they are worth against yesterday's value."""
    from heedful.cli import show
    from heedful.trial.run import compare as run

    with bar(quiet) as progress:
        result = run(
            data,
            target,
            **columns(time, features, past, known, static, series, calendar, mask, missing, date_format),
            window=window,
            horizon=horizon,
            split=numbers("--split", split),
            gap=gap,
            season=season,
            models=models,
            attention=words(attention),
            backbone=words(backbone) or (),
            margin=margin,
            rates=None if rates is None else numbers("--rates", rates),
            origins=origins,
            seeds=seeds,
            epochs=epochs,
            jobs=jobs,
            engine=engine,
            scheduler=scheduler,
            max_minutes=max_minutes,
            out=out,
            overwrite=overwrite,
            keep=keep,
            language=language,
            progress=progress,
        )
    show.comparison(result, quiet)
    return DONE if result.finished else STOPPED
