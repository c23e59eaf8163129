"""heedful fit, predict, backtest: a model for one table, used, and judged over time."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, app, bar, careful, columns, numbers, words
from heedful.cli.signals import rate_or_column

if TYPE_CHECKING:
    from heedful.bundle import Bundle

Seeds = Annotated[int, typer.Option(help="How many seeds; the best on validation is kept.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the scores and the folder's name only.")]


@app.command()
@careful
def fit(
    data: ask.Data = None,
    target: ask.Targets = None,
    model: ask.Model = "heedful",
    plan: ask.PlanFile = None,
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
    seeds: Seeds = 1,
    epochs: ask.Epochs = None,
    levels: ask.Levels = "0.8,0.95",
    date_format: ask.DateFormat = None,
    out: Annotated[str, typer.Option(help="Folder for the bundle; 'auto' names one under heedful-runs.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle in that folder.")] = False,
    quiet: Quiet = False,
) -> int:
    """Train one model on a table, calibrate its intervals, score it once, and keep it in a folder."""
    from heedful.forecasting.fitting import fit as run

    with bar(quiet) as progress:
        made = run(
            data,
            words(target),
            model,
            **columns(time, features, past, known, static, series, calendar, mask, missing, date_format),
            window=window,
            horizon=horizon,
            split=numbers("--split", split),
            gap=gap,
            season=season,
            seeds=seeds,
            epochs=epochs,
            plan=plan,
            levels=numbers("--levels", levels),
            out=out,
            overwrite=overwrite,
            progress=progress,
        )
    _show(made, data, date_format, quiet)
    return DONE


@app.command()
@careful
def predict(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle, as heedful fit, compare or classify leaves it.")],
    data: Annotated[
        str, typer.Argument(help="Table to continue beyond its newest observed target, or recordings to classify.")
    ],
    time: ask.Time = None,
    date_format: ask.DateFormat = None,
    levels: Annotated[str | None, typer.Option(help="Levels of the intervals; '' for none.")] = None,
    channels: Annotated[str | None, typer.Option(help="Channels of the recordings to read.")] = None,
    rate: Annotated[float | None, typer.Option(help="Samples a second, where the recordings do not say.")] = None,
    scale: Annotated[
        str | None, typer.Option(help="Factor of the stored numbers of recordings, or the column that says.")
    ] = None,
    recording: Annotated[str | None, typer.Option(help="Column that tells recordings in one table apart.")] = None,
    index: Annotated[str | None, typer.Option(help="Table with a column of file names, for recordings.")] = None,
    speed: Annotated[
        str | None, typer.Option(help="Fact of recordings that holds turns a minute, for a model that reads it.")
    ] = None,
    windows: Annotated[bool, typer.Option("--windows", help="A row for each window, not for each recording.")] = False,
    out: Annotated[Path | None, typer.Option(help="CSV file to write; printed if left out.")] = None,
) -> int:
    """Continue a table beyond its newest observed target, in original units; or say what new recordings are."""
    from heedful.files import write_whole
    from heedful.predicting import predict as run

    wanted = None if levels is None else numbers("--levels", levels)
    asked: dict[str, Any] = {"time": time, "date_format": date_format, "levels": wanted, "windows": windows or None}
    asked |= {"channels": words(channels), "rate": rate, "scale": rate_or_column(scale)}
    asked |= {"recording": recording, "index": index, "speed": words(speed)}
    frame = run(bundle, data, **{name: value for name, value in asked.items() if value is not None})
    for note in frame.attrs.get("notes", ()):
        typer.echo(f"note: {note}", err=True)
    text = frame.to_csv(index=False)
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Written: {write_whole(out, text)}")
    return DONE


def _show(made: Bundle, data: str | None, date_format: str | None, quiet: bool) -> None:
    from heedful.cli import show

    if not quiet:
        facts = made.facts
        typer.echo(f"{made.model}: {', '.join(made.targets)} of {facts['data']['name']}, {made.step}")
        for part, said in facts["split"].items():
            typer.echo(f"  {part:<10} {said['count']:>9,} rows  {show.stamp(said['from'])} to {show.stamp(said['to'])}")
        season = f"season {facts['season']}" if facts["season"] else "no season found"
        shape = made.shape
        typer.echo(f"  window {shape.window}, horizon {shape.horizon}, {season}, {facts['parameters']:,} parameters")
        show.notes(made.notes)
    if made.scores:
        show.scores(made.scores, None if quiet else "\nTest part, best RMSE first")
    typer.echo(f"Bundle: {made.folder}")
    if not quiet:
        written = ["--date-format", date_format] if date_format else []
        if made.reading.awaited:
            typer.echo(_to_add(made))
        typer.echo(f"Next: {shlex.join(['heedful', 'predict', str(made.folder), data or 'co2', *written])}")


def _to_add(made: Bundle) -> str:
    """Says which rows a forecast needs beyond those that were trained on."""
    reading, ahead = made.reading, made.shape.horizon
    rows = f"next {'row' if ahead == 1 else f'{ahead:,} rows'}{f' of every {reading.series}' if reading.series else ''}"
    return (
        f"First add the {rows} to the table, with {', '.join(reading.awaited)} filled in and {', '.join(made.targets)} "
        "empty."
    )


@app.command()
@careful
def backtest(
    data: ask.Data = None,
    target: ask.Targets = None,
    model: ask.Model = "heedful",
    plan: ask.PlanFile = None,
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
    folds: Annotated[int, typer.Option(help="Blocks of rows that are forecast.")] = 5,
    test: Annotated[float, typer.Option(help="Share or number of the newest rows that the folds cover.")] = 0.2,
    refit: Annotated[
        str, typer.Option(help="Train 'always', 'never' after the first fold, or every so many folds.")
    ] = "always",
    gap: ask.Gap = 0,
    season: ask.Season = None,
    seeds: Seeds = 1,
    epochs: ask.Epochs = None,
    levels: ask.Levels = "0.8,0.95",
    date_format: ask.DateFormat = None,
    out: Annotated[str | None, typer.Option(help="Folder for scores.csv and forecasts.csv; none if left out.")] = None,
    quiet: Quiet = False,
) -> int:
    """Train again and again on a growing past, and forecast the rows that follow it."""
    from heedful.cli import show
    from heedful.forecasting.backtesting import backtest as run

    with bar(quiet) as progress:
        made = run(
            data,
            words(target),
            model,
            **columns(time, features, past, known, static, series, calendar, mask, missing, date_format),
            window=window,
            horizon=horizon,
            folds=folds,
            test=test,
            refit=int(refit) if refit.isdigit() else refit,
            gap=gap,
            season=season,
            seeds=seeds,
            epochs=epochs,
            plan=plan,
            levels=numbers("--levels", levels),
            out=out,
            progress=progress,
        )
    if not quiet:
        typer.echo(f"{made}")
        for fold in made.folds:
            how = "trained on" if fold.trained else "still trained on"
            rows = f"{fold.windows:,} windows, {show.stamp(fold.first)} to {show.stamp(fold.last)}"
            typer.echo(f"  fold {fold.number}: {rows}, {how} {fold.train_rows:,} rows")
        show.notes(made.notes)
    show.scores(made.pooled, None if quiet else "\nAll folds together, best RMSE first")
    if made.folder is not None:
        typer.echo(f"Scores and forecasts: {made.folder}")
    return DONE
