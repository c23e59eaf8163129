"""heedful explain: what a trained network looks at, and whether that is true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, app, careful, numbers, steps, words
from heedful.cli.signals import rate_or_column

if TYPE_CHECKING:
    from heedful.explanation.reach import Reach
    from heedful.explanation.result import Explanation


@app.command()
@careful
def explain(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle, as heedful fit, compare or classify leaves it.")],
    data: Annotated[str, typer.Argument(help="Table or recordings; what the model was not trained on is explained.")],
    at: Annotated[
        str | None,
        typer.Option(help="Window to show: stamp of its newest row, or RECORDING:SECONDS."),
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Number of the window to show, in place of --at; -1 is the last.")
    ] = None,
    of_class: Annotated[
        str | None, typer.Option("--class", help="Explain this class, in the windows that are of it.")
    ] = None,
    step: Annotated[int | None, typer.Option(help="Explain this step of the forecast alone, from 1.")] = None,
    windows: Annotated[int, typer.Option(help="Windows that maps are tested on, at most.")] = 100,
    time: ask.Time = None,
    date_format: ask.DateFormat = None,
    label: Annotated[str | None, typer.Option(help="Column of the class of recordings; as in training.")] = None,
    group: Annotated[str | None, typer.Option(help="Column of the group of recordings; as in training.")] = None,
    channels: Annotated[str | None, typer.Option(help="Channels of the recordings to read.")] = None,
    rate: Annotated[str | None, typer.Option(help="Samples a second, where the recordings do not say.")] = None,
    speed: Annotated[
        str | None,
        typer.Option(help="Turns a minute of the shaft, or the fact that says, to mark a bearing's defects."),
    ] = None,
    bearing: Annotated[
        str | None,
        typer.Option(help="Balls, diameters of ball and pitch, and contact angle in degrees, as 9,7.94,39.04,0."),
    ] = None,
    retrain: Annotated[
        int, typer.Option(help="Train so many networks anew of each kind, to see whether attention is needed.")
    ] = 0,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Train this kind of network on planted evidence, and look for it there.")
    ] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Explain even a network that does not predict.")] = False,
    formats: Annotated[str, typer.Option(help="Formats of the figures: png, svg, pdf; '' for none.")] = "png",
    seed: Annotated[int, typer.Option(help="Draws the random maps and orders.")] = 0,
    out: Annotated[str, typer.Option(help="Folder for the results; 'auto' names one under heedful-runs.")] = "auto",
    overwrite: ask.Overwrite = False,
    language: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict and the report's name only.")] = False,
) -> int:
    """Show what a trained network looks at, whether that is used, and whether it is true."""
    from heedful.explaining.run import explain as run

    given: dict[str, Any] = {
        "time": time,
        "date_format": date_format,
        "label": label,
        "group": group,
        "channels": words(channels),
        "rate": None if rate is None else rate_or_column(rate),
    }
    with steps(quiet) as say:
        result = run(
            bundle,
            data,
            at=at,
            window=window,
            of_class=of_class,
            step=step,
            windows=windows,
            speed=None if speed is None else rate_or_column(speed),
            bearing=None if bearing is None else numbers("--bearing", bearing),
            retrain=retrain,
            self_test=self_test,
            anyway=anyway,
            formats=tuple(words(formats) or ()),
            seed=seed,
            out=out,
            overwrite=overwrite,
            language=language,
            say=say,
            **{name: value for name, value in given.items() if value is not None},
        )
    _show(result, quiet)
    return DONE


def _show(result: Explanation, quiet: bool) -> None:
    """Prints what it looks at, the tests behind the verdict, and the verdict."""
    from heedful.cli import show

    if not quiet:
        show.notes(result.notes)
        for line in result.worth:
            typer.echo(f"  {line}")
        _looks(result)
        _truths(result)
        _planted(result)
        if result.passes:
            total, count = sum(result.passes.values()), max(1, len(result.windows))
            typer.echo(f"\n  {total:,} forward passes of a window, {total / count:,.0f} for each of {count} windows.")
    typer.echo("" if quiet else "\nVerdict")
    for line in result.verdict:
        typer.echo(f"  {line}")
    if result.folder is not None:
        typer.echo(f"Report: {Path(result.folder) / 'report.html'}")


def _looks(result: Explanation) -> None:
    from heedful.cli import show

    rows = [
        (
            look.name,
            look.mechanism,
            " and ".join(look.speaks) or "nothing",
            "-" if look.effective is None else f"{look.effective.mean():.1f}",
            "-" if look.reach is None else _behind(look.reach),
            "-" if look.padding is None else f"{look.padding.max():.2g}",
        )
        for look in result.looks
    ]
    heads = ("weights", "mechanism", "weighs", "places that count", "behind each", "on padding")
    show.table("\nWhat it looks at", heads, rows)
    for look in result.looks:
        if not look.speaks:
            typer.echo(f"  {look.name} weighs nothing: {look.why}")


def _planted(result: Explanation) -> None:
    from heedful.cli import show
    from heedful.explaining.planted import ENOUGH

    if result.found:
        right, *rows = result.found.items()
        what = f"right about {right[1]:.1%}" if result.classes else f"R2 {right[1]:.3f}"
        title = f"\nSelf-test: a network of this kind on planted evidence ({what}); 0.5 finds nothing"
        show.table(title, ("map", "AUROC"), [(name, f"{value:.3f}") for name, value in rows])
        if right[1] < ENOUGH[result.kind]:
            typer.echo("  It did not learn this, so nothing follows for maps.")


def _behind(reach: Reach) -> str:
    if not reach.local:
        return "the whole window"
    more = " + the whole window" if reach.whole_window else " + all before" if reach.whole_past else ""
    return f"{reach.field} every {reach.stride:g}{more}"


def _truths(result: Explanation) -> None:
    from heedful.cli import show

    word = {True: "true", False: "not true", None: "cannot be told"}
    rows, means = [], []
    for name, truth in result.truths.items():
        decisive = [f"{one.mean:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for one in truth.decisive]
        rows.append([name, word[truth.true], *decisive])
        means.append([name, word[truth.true], *(f"{one.mean:+.3f}" for one in truth.decisive)])
    if rows:
        first = next(iter(result.truths.values()))
        heads = ["map", "", *(f"{one.metric},\n{one.filling}" for one in first.decisive)]
        whole = show.fits(heads, rows)
        show.table(f"\nGain over {first.control} maps", heads, rows if whole else means)
        if not whole:
            typer.echo("(a wider screen shows intervals too)")
