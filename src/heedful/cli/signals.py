"""heedful classify: recordings in, a class or a number out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heedful.cli import options as ask
from heedful.cli.common import DONE, STOPPED, app, bar, careful, numbers, words
from heedful.errors import OptionError

if TYPE_CHECKING:
    from heedful.data.recordings import Augment
    from heedful.signals.result import Classification

CLASSES: tuple[str, ...] = ("accuracy", "macro_f1", "auroc", "log_loss", "ece", "vote_accuracy")
NUMBERS: tuple[str, ...] = ("mae", "rmse", "r2")

Recordings = Annotated[
    str | None,
    typer.Argument(help="File or folder of recordings; embedded synthetic bearings if left out."),
]
Channels = Annotated[str | None, typer.Option(help="Channels or variables to read, separated by commas.")]
Rate = Annotated[str | None, typer.Option(help="Samples a second, to which all are brought, or the column that says.")]
Index = Annotated[str | None, typer.Option(help="Table with a column of file names; found in the folder if left out.")]
Pattern = Annotated[
    str | None,
    typer.Option(help="Regular expression over file names; its groups (?P<label>...), (?P<group>...) are columns."),
]


@app.command()
@careful
def classify(
    data: Recordings = None,
    label: Annotated[str | None, typer.Option(help="Column of the class, or 'folder'.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Column of what must not be split: machine, patient, bearing; or 'folder'.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column of a number to tell, in place of a class.")] = None,
    channels: Channels = None,
    rate: Rate = None,
    test: Annotated[str | None, typer.Option(help="A second source, for test alone.")] = None,
    index: Index = None,
    pattern: Pattern = None,
    recording: Annotated[str | None, typer.Option(help="Column that tells recordings in one table apart.")] = None,
    scale: Annotated[str | None, typer.Option(help="Factor of the stored numbers, or the column that says.")] = None,
    cache: Annotated[str | None, typer.Option(help="Folder of converted samples of large folders.")] = None,
    split: Annotated[
        str, typer.Option(help="auto, group, time, given, or random-windows (leaky, and marked so).")
    ] = "auto",
    sizes: Annotated[str, typer.Option(help="Shares of train, validation and test.")] = "0.6,0.2,0.2",
    folds: Annotated[int | None, typer.Option(help="How many times to split; each group is tested once.")] = None,
    hold_out: Annotated[str | None, typer.Option(help="Fact of which one value after the other is held out.")] = None,
    values: Annotated[str | None, typer.Option(help="Those values, separated by commas, where not all are.")] = None,
    window: Annotated[int | None, typer.Option(help="Samples of a window; short recordings stay whole.")] = None,
    step: Annotated[int | None, typer.Option(help="Samples from one train window to the next.")] = None,
    models: Annotated[str, typer.Option(help="Names separated by commas; see 'heedful list signals'.")] = "default",
    attention: Annotated[
        str | None,
        typer.Option(help="Attentions to try against none, a placebo and a model as large; or 'all'. NAME@PLACE too."),
    ] = None,
    backbone: Annotated[str, typer.Option(help="Presets that the attentions are put into.")] = "wdcnn",
    margin: Annotated[float, typer.Option(help="Effects within so much of the error rate count as none.")] = 0.02,
    rates: Annotated[str | None, typer.Option(help="Learning rates; validation chooses one for each network.")] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 3,
    epochs: ask.Epochs = None,
    imbalance: Annotated[
        str, typer.Option(help="auto, weights, focal, oversample, undersample or none, for uneven classes.")
    ] = "auto",
    scaling: Annotated[str | None, typer.Option(help="standard (by train), window (each by itself) or none.")] = None,
    speed: Annotated[
        str | None,
        typer.Option(help="Fact that holds turns a minute, for order-envelope; several: the first that is there."),
    ] = None,
    defects: Annotated[
        str | None, typer.Option(help="Orders of a bearing's defects in turns of its shaft, as 3.585,5.415.")
    ] = None,
    augment: Annotated[
        str, typer.Option(help="none: train windows stay as they are; default: as each model is trained.")
    ] = "default",
    jitter: Annotated[float, typer.Option(help="Noise on train windows, in deviations.")] = 0.0,
    gain: Annotated[float, typer.Option(help="Deviation of the factor that train windows are multiplied by.")] = 0.0,
    cutmix: Annotated[float, typer.Option(help="Share of train windows with a stretch of another one.")] = 0.0,
    log: Annotated[str | None, typer.Option(help="tensorboard: write the training curves for it too.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Parallel processes; one per processor if left out.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Stop after so long and keep what is finished.")] = None,
    out: Annotated[str, typer.Option(help="Folder for the results; 'auto' names one under heedful-runs.")] = "auto",
    overwrite: ask.Overwrite = False,
    keep: Annotated[str, typer.Option(help="Bundles to keep: all, best or none.")] = "best",
    language: Annotated[str, typer.Option(help="Language of the report: en or zh.")] = "en",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the table and the report's name only.")] = False,
) -> int:
    """Train models on recordings and say what they are worth where whole recordings are held out."""
    from heedful.data.recordings import Augment
    from heedful.signals.run import classify as run

    changes = _changes(augment, Augment(jitter=jitter, scaling=gain, cutmix=cutmix))
    with bar(quiet) as progress:
        result = run(
            data,
            label,
            group=group,
            target=target,
            channels=words(channels),
            rate=rate_or_column(rate),
            test=test,
            index=index,
            pattern=pattern,
            recording=recording,
            scale=rate_or_column(scale),
            cache=cache,
            say=lambda text: typer.echo(f"  {text}", err=True),
            split=split,
            sizes=numbers("--sizes", sizes),
            folds=folds,
            hold_out=hold_out,
            values=_values(values),
            window=window,
            step=step,
            models=models,
            attention=words(attention),
            backbone=words(backbone) or (),
            margin=margin,
            rates=None if rates is None else numbers("--rates", rates),
            seeds=seeds,
            epochs=epochs,
            imbalance=imbalance,
            augment=changes,
            scaling=scaling,
            speed=words(speed),
            defects=None if defects is None else numbers("--defects", defects),
            log=log,
            jobs=jobs,
            max_minutes=max_minutes,
            out=out,
            overwrite=overwrite,
            keep=keep,
            language=language,
            progress=progress,
        )
    _show(result, quiet)
    return DONE if result.finished else STOPPED


def rate_or_column(text: str | None) -> float | str | None:
    """Reads a number; other text is the name of a column."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _changes(word: str, asked: Augment) -> Augment | None:
    """Gives what is done to train windows: what was asked for, nothing, or None for each model's own."""
    if word not in ("none", "default"):
        raise OptionError(f"--augment knows none and default, got '{word}'.")
    if word == "none" and asked:
        raise OptionError("--augment none changes no train window, got --jitter, --gain or --cutmix too. Give one.")
    return asked if asked or word == "none" else None


def _values(text: str | None) -> list[str | float] | None:
    found = words(text)
    return None if found is None else [one if (number := rate_or_column(one)) is None else number for one in found]


def _show(result: Classification, quiet: bool) -> None:
    """Prints a classification: what was read, the table, what it says, and where the report is."""
    from heedful.cli import show

    if not quiet:
        typer.echo(_read(result))
        for fold in result.folds:
            parts = [one for one in (fold.train, fold.validation, fold.test) if one is not None]
            counts = ", ".join(f"{one.part.name} {len(one):,}" for one in parts)
            typer.echo(f"  {fold.name or 'windows':<14} {counts} windows of {fold.train.window:,} samples")
        show.notes(result.notes)
        for check in result.checks:
            typer.echo(f"{'  ' if check.severity == 'note' else '! '}{check}")
    if not result.trials:
        typer.echo("Nothing was finished.")
        return
    names = CLASSES if result.classes else NUMBERS
    headings = [result.metrics[name].heading if name in result.metrics else "vote" for name in names]
    rows = [
        (str(model), *(_cell(row, name) for name in names), f"{int(row['parameters']):,}", f"{row['seconds']:.1f}")
        for model, row in result.summary.iterrows()
    ]
    ranked = result.metrics[result.ranked_by].heading
    title = None if quiet else f"Test parts, mean over seeds and folds, best {ranked} first"
    if result.leaky:
        title = f"LEAKY SPLIT, no evidence{f'. {title}' if title else ''}"
    show.table(f"\n{title}" if title else None, ("model", *headings, "parameters", "seconds"), rows)
    if len(result.folds) > 1:
        table = result.by_fold
        lines = [(str(model), *(_number(value) for value in row)) for model, row in table.iterrows()]
        show.table(f"\n{ranked} fold by fold", ("model", *table.columns), lines)
    if not quiet:
        _classes(result)
    show.answers(result.answers, "Error rate in points" if result.classes else "Squared error in %")
    for finding in () if quiet else result.findings:
        typer.echo(f"{'! ' if finding.severity == 'warning' else '  '}{finding}")
    if not result.finished:
        typer.echo("Stopped early: the table holds what was finished. The same command continues it.")
    if result.folder is not None:
        typer.echo(f"Report: {Path(result.folder) / 'report.html'}")


def _classes(result: Classification) -> None:
    """Prints precision, recall and F1 of each class, of the best network; nothing of a number or of baselines alone."""
    from heedful.cli import show

    best = next((str(name) for name in result.summary.index if result.models[str(name)].kind != "baseline"), None)
    if best is None or not result.classes:
        return
    rows = [
        (str(name), *(_number(row[one]) for one in ("precision", "recall", "f1")), f"{int(row['samples']):,}")
        for name, row in result.per_class(best).iterrows()
    ]
    show.table(f"\n{best}, class by class", ("class", "precision", "recall", "F1", "windows"), rows)


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _read(result: Classification) -> str:
    found = result.recordings
    rate = f", {found.rate:g} Hz" if found.rate else ""
    what = f"classes {', '.join(result.classes)}" if result.classes else "a number"
    return (
        f"{found.name}: {len(found):,} recordings of {len(found.groups):,} groups, "
        f"{len(found.channels)} channel{'' if len(found.channels) == 1 else 's'}{rate}; {what}"
    )


def _cell(row: Any, name: str) -> str:
    value, spread = float(row[name]), float(row.get(f"{name}_std", float("nan")))
    if value != value:
        return "-"
    return f"{value:.3f}" if spread != spread else f"{value:.3f} ±{spread:.3f}"
