"""What people see: spans, notes, tables, and numbers at as many digits as can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from heedful.cli.common import console

if TYPE_CHECKING:
    from heedful.data.split import Span
    from heedful.trial.across import Across
    from heedful.trial.effects import Answer
    from heedful.trial.result import Comparison
    from heedful.trial.second import Opinions
    from heedful.trial.statistics import Contrast


def spans(parts: Iterable[Span]) -> None:
    """Prints a line for each part of a split: its rows and its first and last stamp."""
    for span in parts:
        if len(span):
            first, last = span.ends
            typer.echo(f"  {span.part:<10} {len(span):>9,} rows  {stamp(first)} to {stamp(last)}")


def notes(lines: Iterable[str]) -> None:
    """Prints what was found and done on the way."""
    for note in lines:
        typer.echo(f"  note: {note}")


SPARE = (
    "parameters",
    "ms",
    "seconds",
    "sMAPE %",
    "R2",
    "AUROC",
    "ECE",
    "log loss",
    "MASE",
    "wide",
    "on padding",
    "mechanism",
)
"""Columns that a narrow screen goes without, in this order."""
_FEWEST = 2  # columns that every table has
_NAME = 15  # characters of the first column, at least, and of what stands behind it


def table(title: str | None, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Prints a table: names in the first column, numbers in the others; on a narrow screen without some of them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    screen, lines = console(), [list(row) for row in rows]
    (first, *others), lines, without = fitted(list(headings), lines, screen.width)
    made: Any = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    made.add_column(first, overflow="fold")
    for heading in others:
        made.add_column(heading, justify="right", no_wrap=True)
    for row in lines:
        made.add_row(*row)
    least = _least([first, *others], lines)
    # On a screen too narrow for that lines wrap, but nothing is lost.
    (screen if least <= screen.width else console(width=least)).print(made)
    if without:
        typer.echo(f"(a wider screen shows {', '.join(without)} too)")


def fits(headings: list[str], rows: list[list[str]]) -> bool:
    """Says whether the screen has room for a table, with the names in its first column folded."""
    return _least(headings, rows) <= int(console().width)


def fitted(
    headings: list[str], rows: list[list[str]], width: int
) -> tuple[list[str], list[list[str]], tuple[str, ...]]:
    """Leaves out columns of `SPARE` until a table fits: headings, rows, and what was left out.

    >>> fitted(["model", "RMSE", "seconds"], [["ridge", "1.0", "0.1"]], 20)
    (['model', 'RMSE'], [['ridge', '1.0']], ('seconds',))
    """
    without: list[str] = []
    for spare in SPARE:
        if sum(_sizes(headings, rows)) <= width:
            break
        if spare in headings and len(headings) > _FEWEST:
            place = headings.index(spare)
            headings, rows = _less(headings, place), [_less(row, place) for row in rows]
            without.append(spare)
    return headings, rows, tuple(without)


def _least(headings: list[str], rows: list[list[str]]) -> int:
    first, *others = _sizes(headings, rows)
    return min(first, _NAME) + sum(others)


def _sizes(headings: list[str], rows: list[list[str]]) -> list[int]:
    """Gives the characters of each column, with what stands between two."""
    columns = zip(headings, *rows, strict=True)
    return [3 + max(len(line) for cell in column for line in cell.split("\n")) for column in columns]


def _less(row: list[str], place: int) -> list[str]:
    return [*row[:place], *row[place + 1 :]]


def comparison(result: Comparison, quiet: bool) -> None:
    """Prints a comparison: what was read, the table, what it says, and where the report is."""
    if not quiet:
        typer.echo(f"{result.series}")
        spans(result.split)
        season = f"season {result.season}" if result.season else "no season found"
        typer.echo(f"  window {result.window}, horizon {result.horizon}, {season}")
        notes(result.notes)
    if not result.trials:
        typer.echo("Nothing was finished.")
        return
    headings = ("model", "MAE", "RMSE", "sMAPE %", "R2", "MASE", "skill", "parameters", "seconds", "ms")
    rows = [
        (
            str(name),
            number(row["mae"], row["mae_std"]),
            number(row["rmse"], row["rmse_std"]),
            number(row["smape"]),
            fixed(row["r2"]),
            number(row["mase"]),
            fixed(row["skill"], row["skill_std"], sign="+"),
            f"{row['parameters']:,}",
            f"{row['seconds']:.1f}",
            number(row["milliseconds"]),
        )
        for name, row in result.summary.iterrows()
    ]
    table(None if quiet else "\nTest part, mean over seeds, best RMSE first", headings, rows)
    answers(result.answers)
    if result.answers and not quiet:
        opinions(result.opinions)
    if not quiet:
        for finding in result.findings:
            typer.echo(f"{'! ' if finding.severity == 'warning' else '  '}{finding}")
    if not result.finished:
        typer.echo("Stopped early: the table holds what was finished. The same command continues it.")
    if result.folder is not None:
        typer.echo(f"Report: {result.folder / 'report.html'}")


def answers(found: Sequence[Answer], measure: str = "Squared error in %") -> None:
    """Prints what a trial says of each attention: how the error changes, with its interval."""
    from heedful.trial.statistics import p_text

    if not found:
        return
    lines = [
        (
            answer.question.arm,
            answer.outcome,
            interval(answer.against_none) + _called(answer),
            interval(answer.against_placebo) if answer.against_placebo else "none can be built",
            "as none" if answer.question.nothing_to_widen else interval(answer.against_wide),
            p_text(answer.verdict.p_helps) if answer.verdict else "-",
        )
        for answer in sorted(found, key=lambda one: one.against_none.effect)
    ]
    tested = [answer.against_none for answer in found]
    seeds, blocks = (_range([getattr(one, name) for one in tested]) for name in ("seeds", "blocks"))
    over = f"{seeds} seeds x {blocks} {tested[0].over}"
    title = f"\nDoes attention help? {measure}, 95 % interval, {over}"
    table(title, ("attention", "answer", "against none", "placebo", "wide", "p (Holm)"), lines)


def _range(counts: Sequence[int]) -> str:
    """Writes numbers that may differ: 12, or 7 to 12."""
    least, most = min(counts), max(counts)
    return f"{least}" if least == most else f"{least} to {most}"


def _called(answer: Answer) -> str:
    """Names the control without attention where there are two."""
    return {"last state": " last", "mean of all states": " mean"}.get(answer.called, "")


def opinions(found: Opinions) -> None:
    """Prints what other tests say of the same forecasts, in two lines."""
    from heedful.trial.statistics import p_told

    tested = [one for one in found.each if one.nets]
    words = {"better": "better", "worse": "worse", "neither": "no difference"}
    if tested:
        differ = [
            f"{one.arm} against {one.called} (most nets {words[one.by_nets]}, the blocks {words[one.by_blocks]})"
            for one in found.disagreeing
        ]
        line = f"Diebold-Mariano, net by net, agrees with the blocks in {len(tested) - len(differ)} of {len(tested)}"
        rests = f"; not in {'; '.join(differ)}: the answers rest on the blocks, which count overlap and seeds"
        typer.echo(f"Second opinions: {line}{rests if differ else ''}.")
    if found.best is None:
        typer.echo(f"  {found.reason}")
        return
    hansen = (f"{one.best} over {one.benchmark}, {p_told(one.test.p)}" for one in found.best.beaten)
    kept = f"{len(found.best.kept)} of {len(found.best.networks)} networks may be the best (model confidence set, 90 %)"
    typer.echo(f"  {kept}; Hansen's test of the best: {'; '.join(hansen)}.")


def across(found: Across, quiet: bool) -> None:
    """Prints what several data sets say together: mean ranks, attentions against their controls."""
    from heedful.report.across import ranking
    from heedful.report.language import language

    shown = ranking(found, language("en"))
    title = f"\nOver {len(found.losses)} data sets: mean rank, squared error relative to the last value's"
    headings = ("model", "mean rank", "loss", "best on", *shown.each)
    table(None if quiet else title, headings, [(row.name, *row.cells) for row in shown.models])
    if shown.attentions:
        lines = [(row.arm, row.control, *row.cells) for row in shown.attentions]
        names = ("attention", "hardest control", "change", "wins/ties/losses", "p better", "p worse")
        table("\nEach attention over all data sets: Wilcoxon, Holm", names, lines)
    for sentence in (*shown.sentences, *(() if quiet else shown.notes)):
        typer.echo(f"  {sentence}")


def interval(one: Contrast) -> str:
    """Writes an effect and its interval in percent."""
    return f"{100 * one.effect:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"


def scores(rows: Iterable[tuple[str, str, str, float]], title: str | None) -> None:
    """Prints scores: a line for each target and model, best RMSE first, and what the intervals hold."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for model, target, metric, value in rows:
        found.setdefault((target, model), {})[metric] = value
    targets = list(dict.fromkeys(target for target, _ in found))
    levels = [metric.removeprefix("coverage_") for metric in _first(found) if metric.startswith("coverage_")]
    bands = [heading for level in levels for heading in (f"in {level} %", "width")]
    lines = []
    for target in targets:
        named = [(model, values) for (one, model), values in found.items() if one == target]
        for model, values in sorted(named, key=lambda pair: pair[1]["rmse"]):
            cells = [number(values[metric]) for metric in ("mae", "rmse", "smape", "mase")]
            held = [_band(values, level) for level in levels]
            skill = fixed(values["skill"], sign="+")
            first = (target, model) if len(targets) > 1 else (model,)
            lines.append((*first, *cells, skill, *(cell for pair in held for cell in pair)))
    names = ("target", "model") if len(targets) > 1 else ("model",)
    table(title, (*names, "MAE", "RMSE", "sMAPE %", "MASE", "skill", *bands), lines)


def _first(found: dict[tuple[str, str], dict[str, float]]) -> dict[str, float]:
    return max(found.values(), key=len, default={})


def _band(values: dict[str, float], level: str) -> tuple[str, str]:
    held = values.get(f"coverage_{level}", float("nan"))
    return "-" if held != held else f"{100 * held:.1f} %", number(values.get(f"width_{level}", float("nan")))


def stamp(time: object) -> str:
    """A stamp without a midnight that says nothing."""
    return str(time).removesuffix(" 00:00:00")


def number(mean: float, spread: float = float("nan")) -> str:
    """A number at four significant digits, its spread at as many decimals."""
    if mean != mean:
        return "-"
    decimals = max(0, 3 - math.floor(math.log10(abs(mean)))) if mean else 0
    text = f"{mean:,.{decimals}f}"
    return text if spread != spread else f"{text} ±{spread:,.{decimals}f}"


def fixed(mean: float, spread: float = float("nan"), sign: str = "") -> str:
    """A number without unit at three decimals, with its spread."""
    if mean != mean:
        return "-"
    return f"{mean:{sign}.3f}" + ("" if spread != spread else f" ±{spread:.3f}")
