"""What every command shares: the app, exit codes, how words and numbers are read, the progress bar."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, ParamSpec

import typer

from heedful.errors import HeedfulError

DONE, WRONG_INPUT, USAGE, STOPPED, OUR_BUG = 0, 1, 2, 3, 70

app = typer.Typer(
    name="heedful",
    help="Attention for CNN, LSTM and GRU models of time series: faithful, compared with none, visible.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
P = ParamSpec("P")


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from heedful import __version__

        typer.echo(f"heedful {__version__}")
        raise typer.Exit(DONE)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)


def careful(command: Callable[P, int]) -> Callable[P, None]:
    """Turns what a command raises or returns into the exit codes of the command line."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: keep what is finished
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except HeedfulError as error:
            typer.echo(f"heedful: {error}", err=True)
            code = WRONG_INPUT
        except KeyboardInterrupt as stop:
            typer.echo(f"heedful: {str(stop) or 'stopped.'}", err=True)
            code = STOPPED
        except BrokenPipeError:  # whoever read our output has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = DONE
        except (typer.BadParameter, typer.Exit):
            raise
        except Exception:
            traceback.print_exc()
            typer.echo(
                "heedful: this is a bug in Heedful, not in your input. Please report it with the lines above.",
                err=True,
            )
            code = OUR_BUG
        raise typer.Exit(code)

    return run


def words(text: str | None) -> list[str] | None:
    """Reads words separated by commas."""
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def numbers(option: str, text: str) -> tuple[float, ...]:
    """Reads numbers separated by commas, blanks or slashes.

    Raises: typer.BadParameter, which names the option.
    """
    try:
        return tuple(float(word) for word in text.replace(",", " ").replace("/", " ").split())
    except ValueError:
        raise typer.BadParameter(f"{option} needs numbers separated by commas, got '{text}'.") from None


def columns(
    time: str | None,
    features: str | None,
    past: str | None,
    known: str | None,
    static: str | None,
    series: str | None,
    calendar: bool,
    mask: bool,
    missing: str | None,
    date_format: str | None,
) -> dict[str, Any]:
    """Gives what was said of columns as Python takes it."""
    return {
        "time": time,
        "features": words(features),
        "past": words(past) or (),
        "known": words(known) or (),
        "static": words(static) or (),
        "series": series,
        "calendar": calendar,
        "mask": mask,
        "missing": None if missing is None else numbers("--missing", missing),
        "date_format": date_format,
    }


def console(**options: Any) -> Any:
    """Gives the console to print on; wide when nobody watches, so that tables stay whole in files."""
    from rich.console import Console

    made = Console(highlight=False, **options)
    return made if made.is_terminal else Console(highlight=False, **{"width": 150, **options})


@contextmanager
def bar(quiet: bool) -> Iterator[Callable[[Any], None] | None]:
    """A progress bar with time left, on standard error; none when quiet or when nobody watches."""
    screen = console(stderr=True)
    if quiet or not screen.is_terminal:
        yield None
        return
    from rich.console import Group
    from rich.live import Live
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    shown = Progress(*columns, console=screen)
    task = shown.add_task("reading", total=None)
    with Live(shown, console=screen, transient=True, refresh_per_second=4) as live:

        def show(state: Any) -> None:
            epoch = f", epoch {state.epoch}" if state.epoch else ""
            shown.update(task, description=f"{state.label}{epoch}", completed=state.done, total=state.total)
            live.update(Group(_newest(state.last), shown) if state.last else shown)

        yield show


@contextmanager
def steps(quiet: bool) -> Iterator[Callable[[str], None] | None]:
    """Tells each step of a work on standard error; where somebody watches, with the time since it began."""
    screen = console(stderr=True)
    if quiet or not screen.is_terminal:
        yield None if quiet else lambda text: typer.echo(f"  {text}", err=True)
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    shown = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold")),
        TimeElapsedColumn(),
        console=screen,
    )
    with shown:

        def end() -> None:
            for task in shown.task_ids:
                shown.update(task, total=1, completed=1)

        def say(text: str) -> None:
            end()
            shown.add_task(text, total=None)

        yield say
        end()


def _newest(last: Iterable[tuple[str, str, str, str]]) -> Any:
    """Gives the trials that finished last as a table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made: Any = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("finished", "best loss", "epoch", "seconds"):
        made.add_column(heading, justify="left" if heading == "finished" else "right", no_wrap=True)
    for row in last:
        made.add_row(*row)
    return made
