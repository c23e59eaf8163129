"""heedful audit: leaks in a table, or in what a run left behind."""

from __future__ import annotations

from typing import Annotated

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, WRONG_INPUT, app, careful, columns, numbers, words


@app.command()
@careful
def audit(
    data_or_run: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA|RUN",
            help="Table as heedful compare takes it, or the folder that compare or fit left behind.",
        ),
    ] = None,
    target: ask.Targets = None,
    time: ask.Time = None,
    features: ask.Features = None,
    past: ask.Past = None,
    known: ask.Known = None,
    static: ask.Static = None,
    series: ask.SeriesColumn = None,
    group: Annotated[str | None, typer.Option(help="Column whose groups must not be in two parts.")] = None,
    calendar: ask.Calendar = False,
    mask: ask.Mask = False,
    missing: ask.Missing = None,
    window: ask.Window = None,
    horizon: ask.Horizon = 1,
    split: ask.Split = "0.7,0.1,0.2",
    gap: ask.Gap = 0,
    date_format: ask.DateFormat = None,
    table: Annotated[
        str | None, typer.Option(help="Table that a run or bundle was made on, where it is not found by itself.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print leaks only.")] = False,
) -> int:
    """Look for leaks: what a model could not know, and what spoils a table. Exits with 1 if there is one."""
    from heedful.trial.audit import audit as run

    made = run(
        data_or_run,
        words(target),
        **columns(time, features, past, known, static, series, calendar, mask, missing, date_format),
        group=group,
        window=window,
        horizon=horizon,
        split=numbers("--split", split),
        gap=gap,
        table=table,
    )
    if quiet:
        for found in made.leaks:
            typer.echo(f"{found}")
    else:
        typer.echo(f"{made}")
    if made.clean:
        typer.echo("No leak found.")
        return DONE
    what = "leak" if len(made.leaks) == 1 else "leaks"
    typer.echo(
        f"heedful: {len(made.leaks)} {what} found: scores of this data are worth nothing until mended.", err=True
    )
    return WRONG_INPUT
