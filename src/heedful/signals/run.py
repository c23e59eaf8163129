"""The main job over recordings: files in, an honest comparison of classifiers out."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heedful.data.recordings import Augment
from heedful.errors import OptionError
from heedful.forecasting.inputs import Words, check_numbers, seeds_of
from heedful.models.signals import get
from heedful.signals import baselines
from heedful.signals.described import describe, makings
from heedful.signals.family import questions, sized
from heedful.signals.inputs import SIZES, Cutting, check_words, checked, open_recordings, spoken, window_of
from heedful.signals.jobs import IMBALANCE, Field, plan_jobs
from heedful.signals.result import MARGIN, Classification
from heedful.signals.store import open_store
from heedful.signals.work import SignalWork
from heedful.train import Recipe
from heedful.train.log import ready
from heedful.trial.described import key_of
from heedful.trial.engines import cores
from heedful.trial.family import Question
from heedful.trial.store import asked_before
from heedful.trial.work import KEEP, Report

LONG = ("wdcnn", "wdcnn+se", "wdcnn+eca", "wdcnn+cbam", "attention-bilstm")
"""Networks for windows of long recordings that are compared by default."""
SHORT = ("lstm-fcn", "mlstm-fcn", "alstm-fcn", "resnet1d")
"""Networks for short recordings that are compared by default."""
FACTORS = (1.0, 3.0)
_SHORT = 512


def classify(
    data: Any = None,
    label: Any = None,
    *,
    group: Any = None,
    target: Any = None,
    channels: Words | None = None,
    rate: float | str | None = None,
    test: Any = None,
    index: str | Path | bool | None = None,
    pattern: str | None = None,
    recording: str | None = None,
    scale: float | str | None = None,
    cache: str | Path | None = None,
    split: str = "auto",
    sizes: Sequence[float] = SIZES,
    folds: int | None = None,
    hold_out: str | None = None,
    values: Sequence[str | float] | None = None,
    window: int | None = None,
    step: int | None = None,
    models: str | Sequence[str] = "default",
    attention: Words | None = None,
    backbone: Words = "wdcnn",
    margin: float = MARGIN,
    rates: Sequence[float] | None = None,
    seeds: int | Sequence[int] = 3,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    imbalance: str = "auto",
    augment: Augment | None = None,
    scaling: str | None = None,
    speed: Words | None = None,
    defects: Sequence[float] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    keep: str = "best",
    log: str | None = None,
    jobs: int | None = None,
    max_minutes: float | None = None,
    language: str = "en",
    progress: Report | None = None,
    say: Callable[[str], object] | None = None,
) -> Classification:
    """Trains models on recordings and says what they are worth against baselines that are always run.

    Recordings are split before they are cut, so that no group stands in train and test.

    Args:
        data: a file, a folder, arrays or `Recordings`; the embedded synthetic bearings by default. See
            `heedful.data.recordings.read_recordings`.
        label: column of the class, or "folder"; found by itself where it can be.
        group: column of what must not be split: machine, patient, bearing; a source file counts as one.
        target: column of a number to tell of each window, in place of a class.
        channels: which channels are read.
        rate: samples a second; recordings of another rate are resampled.
        test: a second source, for test alone; the split is then given, and cannot be asked for.
        index, pattern, recording, scale: where labels and groups of files are said, what tells recordings of one table
            apart, and what stored numbers are multiplied by; as of `read_recordings`.
        cache: folder of converted samples, where there are more than memory should hold.
        split: "auto", "group", "time", "given" or "random-windows" (leaky, and marked so in every output).
        sizes: shares of train, validation and test; others than these ask for a single split.
        folds: how many times to split, each group being tested once; three where a class has fewer than ten groups.
        hold_out: a fact, such as the size of a fault, of which one value after the other is held out.
        values: those values, where not all are.
        window: samples of a window; by default short recordings stay whole and long ones are cut.
        step: samples from one train window to the next; half a window by default.
        models: "default", or names of `heedful.models.signals.names()`; with `attention`, models beside the trial's.
        attention: mechanisms to try, or "all", each against no attention, a placebo and a model as large.
        backbone: presets that they are put into.
        margin: effects within this many points of the error rate (0.02 is two) count as none; of a regression, within
            this share of the squared error.
        rates: learning rates of which validation chooses one for each network; in a trial of attention by default that
            of its recipe and three times that.
        seeds: how many, or which.
        recipe: how all networks are trained; by default each by its own recipe.
        epochs: at most so many passes over the train windows.
        imbalance: "auto" weighs classes where one has half as many windows again as another; "weights", "focal",
            "oversample", "undersample" or "none".
        augment: what is done to train windows; by default what each model is trained with, and `Augment()` is nothing.
        scaling: "standard" (by train), "window" (each by itself) or "none"; by default each model's own.
        speed: fact that holds the speed of the shaft in turns a minute, or several, of which the first is taken that a
            recording has; obvious names such as "rpm" are found. Read by `order-envelope`.
        defects: orders of the bearing's defects in turns of the shaft, such as (3.585, 5.415) of a SKF 6205's races.
        out: folder for scores.csv, predictions.csv, votes.csv, training.csv, run.json, report.html and bundles; "auto"
            names one under heedful-runs; None writes nothing.
        overwrite: starts afresh in a folder that holds another run.
        keep: "best" keeps one bundle per model, "all" every one, "none" none.
        log: "tensorboard" writes the training curves for it too.
        jobs: parallel processes; by default one per processor. The result does not depend on it.
        max_minutes: stops after so many minutes and keeps what is finished.
        language: that of the report, "en" or "zh".
        say: told what takes long while files are read.

    Raises: DataError, OptionError or UnknownName when an input cannot be used; nothing is written then.
    """
    from heedful.report.language import language as read_language

    started = clock.monotonic()
    read_language(language)
    check_numbers("classify", window=window, step=step, jobs=jobs, epochs=epochs, folds=folds)
    if keep not in KEEP:
        raise OptionError(f"keep knows {', '.join(KEEP)}, got '{keep}'.")
    if max_minutes is not None and not max_minutes > 0:
        raise OptionError(f"classify needs max_minutes above 0, got {max_minutes}.")
    check_words(
        test=test,
        split=split,
        folds=folds,
        hold_out=hold_out,
        target=target,
        imbalance=imbalance,
        known=IMBALANCE,
    )
    if log is not None:
        ready(log)
    numbers = seeds_of("classify", seeds)
    recordings, left_out = open_recordings(
        data,
        label,
        target,
        test,
        group=group,
        channels=channels,
        rate=rate,
        index=index,
        pattern=pattern,
        recording=recording,
        scale=scale,
        cache=cache,
        say=say,
    )
    recordings, facts = spoken(recordings, speed, defects, _asked(models, attention, backbone))
    cutting = Cutting(
        split=split,
        sizes=_three(sizes),
        folds=folds,
        hold_out=hold_out,
        values=None if values is None else tuple(one.item() if isinstance(one, np.generic) else one for one in values),
        window=window if window is not None else window_of(recordings),
        step=step,
        balance=imbalance if imbalance.endswith("sample") else None,
    )
    made = cutting.lay(cutting.parts(recordings))
    field = Field(
        folds=made,
        classes=0 if target is not None else len(recordings.classes),
        recipe=recipe,
        epochs=epochs,
        rates=tuple(rates or ()),
        factors=FACTORS if attention is not None and rates is None and recipe is None else (),
        imbalance="none" if cutting.balance else imbalance,
        augment=augment,
        scaling=scaling,
        speed=facts,
        defects=tuple(float(order) for order in defects or ()),
    )
    asked = sized(questions(attention, backbone), field.shape) if attention is not None else ()
    names = _models(models, asked, made[0].train.window)
    planned = plan_jobs(names, numbers, made)
    run = describe(recordings, cutting, field, names, numbers, keep, asked, margin)
    given = {"label": label, "group": group, "target": target, "recording": recording, "pattern": pattern}
    given |= {"index": index, "scale": scale}
    run["reading"] = {word: value for word, value in given.items() if isinstance(value, (str, int, float))}
    store, arms = None, [question.arm for question in asked if question.placebo]
    earlier: tuple[str, ...] = ()
    if out is not None:
        name = re.sub(r"[^\w.-]+", "_", f"{recordings.name}-{key_of(run)[:8]}")
        folder = Path("heedful-runs") / name if out == "auto" else Path(out)
        earlier = asked_before(folder, arms, overwrite=overwrite)
        run["tried"] = [*arms, *earlier]
        store = open_store(folder, run, key_of(run), overwrite=overwrite, made=makings(planned, field))
    work = SignalWork(
        recordings=recordings,
        ground=field,
        checks=checked(made),
        asked=asked,
        earlier=earlier,
        margin=margin,
        names=names,
        seeds=numbers,
        jobs=planned,
        notes=(*recordings.notes, *left_out),
        run=run,
        store=store,
        progress=progress,
        language=language,
        log=log,
    )
    try:
        return work.go(
            processes=jobs or cores(),
            deadline=None if max_minutes is None else started + 60 * max_minutes,
            keep=keep,
        )
    finally:
        if store is not None:
            store.close()


def _asked(models: str | Sequence[str], attention: Words | None, backbone: Words) -> list[str]:
    """Lists the names of models that were given, backbones too where there are attentions to put into them."""
    given = (models, *((backbone,) if attention is not None else ()))
    named = [one.split(",") if isinstance(one, str) else one for one in given]
    return [word.strip() for words in named for word in words if word.strip()]


def _three(sizes: Sequence[float]) -> tuple[float, float, float]:
    if len(sizes) != 3:
        raise OptionError(f"classify needs sizes of three shares such as (0.6, 0.2, 0.2), got {tuple(sizes)}.")
    return (float(sizes[0]), float(sizes[1]), float(sizes[2]))


def _models(models: str | Sequence[str], asked: Sequence[Question], window: int) -> tuple[str, ...]:
    usual = () if asked else SHORT if window <= _SHORT else LONG
    chosen = [m.strip() for m in models.split(",") if m.strip()] if isinstance(models, str) else list(models)
    names: list[str] = []
    for name in chosen:
        names += list(usual) if name == "default" else [] if name in baselines.SUMMARIES else [get(name).name]
    return tuple(dict.fromkeys((*names, *(arm for question in asked for arm in question.arms))))
