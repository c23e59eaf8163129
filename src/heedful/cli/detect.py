"""heedful detect: a table or recordings in, alarms out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, app, bar, careful, columns, words
from heedful.cli.signals import Channels, Index, Pattern, Rate, rate_or_column

if TYPE_CHECKING:
    from heedful.signals.detection.result import Detection

SHOWN = ("composite_f1", "range_f1", "event_recall", "precision", "recall", "auroc", "false_alarm_rate")
UNKNOWN = ("alarm_share", "events", "events_a_thousand")
_LISTED = 10

Watched = Annotated[
    str | None,
    typer.Argument(help="CSV, Parquet or Excel table, or a file or folder of recordings; synthetic bearings if none."),
]


@app.command()
@careful
def detect(
    data: Watched = None,
    label: Annotated[
        str | None, typer.Option(help="Column that marks anomalies: 0 and 1 of a table, the class of recordings.")
    ] = None,
    normal: Annotated[str | None, typer.Option(help="Label of usual recordings, such as healthy.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Columns of a table to watch, separated by commas; all numbers if left out.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column of what must not be split: machine, patient, bearing; or 'folder'.")
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(help="Folder that an earlier run left: score with it, train nothing.")
    ] = None,
    method: Annotated[str, typer.Option(help="auto, forecast or reconstruction.")] = "auto",
    model: Annotated[str | None, typer.Option(help="Names separated by commas, such as conv-autoencoder+eca.")] = None,
    alarm_rate: Annotated[
        float | None, typer.Option(help="False alarms per row or window at most; 0.01 if left out.")
    ] = None,
    per_day: Annotated[float | None, typer.Option(help="False alarms a day at most, in place of the rate.")] = None,
    train: Annotated[float, typer.Option(help="Share of usual data, or of the time, that is not tested.")] = 0.6,
    merge: Annotated[int, typer.Option(help="Alarms with at most so many points between them are one event.")] = 0,
    time: ask.Time = None,
    features: ask.Features = None,
    past: ask.Past = None,
    known: ask.Known = None,
    calendar: ask.Calendar = False,
    mask: ask.Mask = False,
    missing: ask.Missing = None,
    date_format: ask.DateFormat = None,
    horizon: ask.Horizon = 1,
    season: ask.Season = None,
    channels: Channels = None,
    rate: Rate = None,
    index: Index = None,
    pattern: Pattern = None,
    split: Annotated[str, typer.Option(help="Of recordings: auto, group, time or given.")] = "auto",
    step: Annotated[int | None, typer.Option(help="Samples from one tested window to the next.")] = None,
    scaling: Annotated[str, typer.Option(help="standard (by train), window (each by itself) or none.")] = "standard",
    window: Annotated[int | None, typer.Option(help="Rows of the look-back, or samples of a window.")] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 1,
    epochs: ask.Epochs = None,
    out: Annotated[str, typer.Option(help="Folder for the results; 'auto' names one under heedful-runs.")] = "auto",
    overwrite: ask.Overwrite = False,
    language: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the table and the report's name only.")] = False,
) -> int:
    """Learn what is usual and find what is not, with a promise on how often an alarm is false."""
    from heedful.signals.detection.run import detect as run

    said = columns(time, features, past, known, None, None, calendar, mask, missing, date_format)
    with bar(quiet) as progress:
        result = run(
            data,
            label=label,
            normal=normal,
            target=words(target),
            group=group,
            bundle=bundle,
            method=method,
            model=words(model),
            alarm_rate=alarm_rate,
            per_day=per_day,
            train=train,
            merge=merge,
            **{name: value for name, value in said.items() if name not in ("static", "series")},
            horizon=horizon,
            season=season,
            channels=words(channels),
            rate=rate_or_column(rate),
            index=index,
            pattern=pattern,
            split=split,
            step=step,
            scaling=scaling,
            window=window,
            seeds=seeds,
            epochs=epochs,
            out=out,
            overwrite=overwrite,
            language=language,
            progress=progress,
        )
    _show(result, quiet)
    return DONE


def _show(result: Detection, quiet: bool) -> None:
    """Prints a detection: what was read, what each detector is worth, the strongest events, and what it says."""
    from heedful.cli import show

    if not quiet:
        for part, text in result.parts.items():
            typer.echo(f"  {part:<14} {text}")
        show.notes(result.notes)
    named = [result.measures[name] for name in SHOWN if name in result.measures]
    named = named or [result.measures[name] for name in UNKNOWN]
    last = [one for one in result.measures.values() if one.name.startswith("false_a_")]
    rows = [
        (str(model), *(_cell(row[one.name]) for one in (*named, *last)), f"{int(row['parameters']):,}")
        for model, row in result.summary.iterrows()
    ]
    headings = ("detector", *(one.heading for one in (*named, *last)), "parameters")
    show.table(None if quiet else f"\nTested, at most {result.alarm_rate:.2g} false alarms promised", headings, rows)
    events = result.alarms
    if not quiet and len(events):
        strongest = events.nlargest(_LISTED, "peak").sort_index()
        lines = [tuple(str(value) for value in row) for row in strongest.itertuples(index=False)]
        title = f"\nEvents of {result.best.model}: {len(events):,}"
        title += f", the {_LISTED} strongest" if len(events) > _LISTED else ""
        show.table(title, tuple(events.columns), lines)
    for finding in () if quiet else result.findings:
        typer.echo(f"{'! ' if finding.severity == 'warning' else '  '}{finding}")
    if result.folder is not None:
        typer.echo(f"Report: {Path(result.folder) / 'report.html'}")
        if not quiet and result.bundle is not None and result.bundle.folder is not None:
            typer.echo(f"Score new data: heedful detect NEW --bundle {result.bundle.folder}")


def _cell(value: float) -> str:
    return "-" if value != value else f"{value:.3g}"
