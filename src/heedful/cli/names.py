"""heedful list: what there is, by name."""

from __future__ import annotations

from typing import Annotated

import typer

from heedful.cli.common import DONE, app, careful, console


@app.command("list")
@careful
def list_names(what: Annotated[str, typer.Argument(help="attention, models, signals or samples")]) -> int:
    """List what there is: attention, models of tables, models of signals (recordings), or samples."""
    from heedful.errors import unknown

    if what == "attention":
        _mechanisms()
        return DONE
    if what == "models":
        from heedful.models import get, names

        rows = {name: get(name).summary for name in names()}
    elif what == "signals":
        from heedful.models import signals

        rows = {name: signals.get(name).summary for name in signals.names()}
    elif what == "samples":
        from heedful.data import samples

        rows = samples()
    else:
        raise unknown("list", what, ["attention", "models", "signals", "samples"])
    width = max(map(len, rows))
    for name, text in rows.items():
        typer.echo(f"{name:<{width}}  {text}")
    return DONE


def _mechanisms() -> None:
    from rich.table import Table

    from heedful.attention import describe, names

    table = Table(box=None, pad_edge=False)
    for title in ("name", "contract", "placements"):
        table.add_column(title, no_wrap=True)
    table.add_column("paper")
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("cost", no_wrap=True)
    for one in map(describe, names()):
        size = f"{one.parameters:,}"
        table.add_row(one.name, one.contract, ", ".join(one.placements), one.source, size, one.cost)
    console().print(table)
    typer.echo("Parameters at C = 64 (or D = 64); cost: growth with the number of steps T.")
