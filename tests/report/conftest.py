"""Builds comparisons from made-up numbers: a page needs forecasts, not the networks that made them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heedful.data import Series, Step, split, windows
from heedful.data.recordings import Cuts, Recording, Recordings
from heedful.signals import baselines
from heedful.signals.inputs import Cutting, checked
from heedful.signals.jobs import shown
from heedful.signals.result import Classification, Fold, SignalTrial
from heedful.train import fitted
from heedful.trial.family import Question
from heedful.trial.result import Comparison, Epoch, ModelNote, RecordedMap, Trial

NETWORKS = {
    "cnn_lstm": "published",
    "cnn_lstm_eca": "published",
    "attention_lstm": "published",
    "cnn-lstm": "preset",
    "cnn-lstm+eca": "preset",
}


def make_comparison(
    *,
    rows: int = 400,
    horizon: int = 1,
    window: int = 20,
    seeds: int = 3,
    networks: dict[str, str] | None = None,
    times: pd.Index | None = None,
    target: str = "load",
    maps: bool = True,
    holes: bool = False,
    finished: bool = True,
    unfinished_models: tuple[str, ...] = (),
    epochs: int = 30,
    run: dict[str, object] | None = None,
    notes: tuple[str, ...] = (),
    asked: tuple[Question, ...] = (),
) -> Comparison:
    """Makes a comparison whose forecasts are the truth with more and more noise."""
    rng = np.random.default_rng(7)
    networks = NETWORKS if networks is None else networks
    if times is None:
        times = pd.date_range("2021-03-01", periods=rows, freq="h")
    day = np.arange(rows)
    level = 50 + 8 * np.sin(day / 24 * 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, rows))
    values = np.stack([level, rng.normal(size=rows)], axis=1)
    observed = np.ones_like(values, dtype=bool)
    if holes:
        observed[-40:-25, 0] = False
    series = Series(
        name="site",
        columns=(target, "wind"),
        target=target,
        values=values,
        observed=observed,
        times=times,
        step=Step(kind="fixed", frequency="h")
        if isinstance(times, pd.DatetimeIndex)
        else Step(kind="rows", frequency=""),
        fingerprint="sha256:0123456789abcdef",
        notes=("7 missing values were filled from the past.",),
    )
    parts = split(series)
    validation, test = windows(parts.validation, window, horizon), windows(parts.test, window, horizon)
    clean = {w: values[w.origins[:, None] + 1 + np.arange(horizon), 0] for w in (validation, test)}
    last = {w: np.repeat(values[w.origins, 0][:, None], horizon, axis=1) for w in (validation, test)}
    trials = [
        Trial(model="persistence", seed=None, validation=last[validation], test=last[test]),
        Trial(
            model="ridge",
            seed=None,
            validation=clean[validation] + rng.normal(0, 0.6, clean[validation].shape),
            test=clean[test] + rng.normal(0, 0.6, clean[test].shape),
            parameters=window + 1,
            seconds=0.02,
        ),
    ]
    models = {
        "persistence": ModelNote(name="persistence", kind="baseline", summary="Repeats the last known value."),
        "ridge": ModelNote(name="ridge", kind="baseline", summary="Linear regression on the window."),
    }
    for i, (name, kind) in enumerate(networks.items()):
        flaw = "Its pool is as long as the window, so the LSTM sees one step." if kind == "published" else ""
        models[name] = ModelNote(name=name, kind=kind, summary=f"A network, number {i}. {flaw}")
        if name in unfinished_models:
            continue
        for seed in range(seeds):
            noise = {w: rng.normal(0.1 * seed, 0.5 + 0.5 * i, clean[w].shape) for w in clean}
            losses = np.exp(-np.arange(epochs) / 8) + 0.05 + rng.random(epochs) * 0.02
            trials.append(
                Trial(
                    model=name,
                    seed=seed,
                    validation=clean[validation] + noise[validation],
                    test=clean[test] + noise[test],
                    history=tuple(Epoch(train=v * 0.8, validation=v) for v in losses),
                    best_epoch=int(losses.argmin()) + 1 if epochs else 0,
                    parameters=4352 + i,
                    seconds=3.2 + i,
                    maps=_maps(rng, name, len(test), window) if maps else (),
                    notes=("12 test values lie outside the range of the train rows.",) if kind == "published" else (),
                )
            )
    return Comparison(
        series=series,
        split=parts,
        validation=validation,
        test=test,
        season=24,
        trials=tuple(trials),
        models=models,
        notes=notes,
        asked=asked,
        finished=finished,
        run={
            "command": "heedful compare site.csv --target load",
            "versions": {"torch": "2.13.0", "numpy": "2.4"},
        }
        if run is None
        else run,
    )


def _maps(rng: np.random.Generator, name: str, count: int, window: int) -> tuple[RecordedMap, ...]:
    newest = min(count, 90)
    if name == "attention_lstm":
        scores = np.linspace(0, 3, window) + np.sin(np.arange(newest)[:, None] / 12 + np.arange(window) / 3)
        weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return (RecordedMap(name="pool", axes=("batch", "time"), weights=weights, first=count - newest),)
    if name.endswith("eca"):
        weights = 1 / (1 + np.exp(-rng.normal(size=(newest, 16, 1))))
        return (RecordedMap(name="gate", axes=("batch", "channel", "one"), weights=weights, first=count - newest),)
    return ()


ARMS = ("cnn-lstm", "cnn-lstm+eca", "cnn-lstm+eca+placebo", "cnn-lstm+eca+wide")


def make_trial(*, order: tuple[str, ...] = ARMS, **options: Any) -> Comparison:
    """Makes a trial of one attention; the arms in `order` have more and more noise."""
    question = Question(
        attention="eca",
        backbone="cnn-lstm",
        arm="cnn-lstm+eca",
        none=("cnn-lstm",),
        placebo="cnn-lstm+eca+placebo",
        wide="cnn-lstm+eca+wide",
    )
    return make_comparison(networks=dict.fromkeys(order, "preset"), asked=(question,), **options)


@pytest.fixture
def trial() -> Callable[..., Comparison]:
    """Maker of trials of attention."""
    return make_trial


@pytest.fixture
def make() -> Callable[..., Comparison]:
    """Maker of comparisons."""
    return make_comparison


# --- classifications of recordings -----------------------------------------------------------------------------------

NETS = ("wdcnn", "wdcnn+eca")
ASKED = Question(
    attention="eca",
    backbone="wdcnn",
    arm="wdcnn+eca",
    none=("wdcnn",),
    placebo="wdcnn+eca+placebo",
    wide="wdcnn",
)


def make_classification(
    *,
    classes: int = 3,
    groups: int = 4,
    length: int = 120,
    uneven: bool = False,
    channels: int = 1,
    rate: float | None = 100.0,
    window: int | None = 20,
    nets: dict[str, float] | None = None,
    seeds: int = 2,
    named: str = "class {}",
    asked: tuple[Question, ...] = (),
    check: bool = False,
    **cutting: Any,
) -> Classification:
    """Makes a classification (a regression for no classes) of noise; a network is right in so many of its windows."""
    rng = np.random.default_rng(5)
    items = []
    for number in range(max(1, classes) * groups * 2):
        label, group = number % max(1, classes), number // max(1, classes) // 2
        size = length - (3 * number if uneven else 0)
        items.append(
            Recording(
                name=f"r{number:03d}",
                values=rng.standard_normal((channels, size)),
                rate=rate,
                label=named.format(label) if classes else None,
                target=None if classes else float(number),
                group=f"g{label}-{group}",
                channels=tuple(f"channel {i}" for i in range(channels)),
            )
        )
    recordings = Recordings(
        items=tuple(items), name="noise", notes=("synthetic: 4 bearings of each of 3 classes, nothing was measured",)
    )
    way = Cutting(window=window, **{"folds": 1} | cutting)
    folds = way.lay(way.parts(recordings))
    known = dict.fromkeys(NETS, 0.6) if nets is None else nets
    trials = [_baseline(name, fold, rng) for name in baselines.SUMMARIES for fold in folds]
    trials += [
        _net(name, right, seed, fold, rng) for name, right in known.items() for seed in range(seeds) for fold in folds
    ]
    notes = {name: ModelNote(name=name, kind="baseline", summary=text) for name, text in baselines.SUMMARIES.items()}
    notes |= {name: ModelNote(name=name, kind="preset", summary="A network of the tests.") for name in known}
    return Classification(
        recordings=recordings,
        folds=folds,
        trials=tuple(trials),
        models=notes,
        checks=checked(folds) if check else (),
        asked=asked,
        notes=recordings.notes,
        run={"command": "heedful.classify", "data": {"fingerprint": "0123abcd"}, "versions": {"torch": "2.13.0"}},
    )


def _told(cuts: Cuts | None, right: float, rng: np.random.Generator) -> np.ndarray:
    if cuts is None:
        return np.empty((0, 1), np.float32)
    if not cuts.classes:
        return (cuts.targets + rng.standard_normal(len(cuts)) / right)[:, None].astype(np.float32)
    told = np.where(rng.random(len(cuts)) < right, cuts.labels, rng.integers(0, len(cuts.classes), len(cuts)))
    return (3 * np.eye(len(cuts.classes))[told] + rng.random((len(cuts), len(cuts.classes)))).astype(np.float32)


def _baseline(name: str, fold: Fold, rng: np.random.Generator) -> SignalTrial:
    validation, test = (_told(cuts, 0.3, rng) for cuts in (fold.validation, fold.test))
    return SignalTrial(model=name, seed=None, fold=fold.name, validation=validation, test=test, seconds=0.1)


def _net(name: str, right: float, seed: int, fold: Fold, rng: np.random.Generator) -> SignalTrial:
    count = len(shown(fold.test))
    weights = rng.random((count, 10))
    maps = (
        RecordedMap(name="pool", axes=("batch", "time"), weights=weights / weights.sum(1, keepdims=True), first=0),
        RecordedMap(name="gate", axes=("batch", "channel", "one"), weights=rng.random((count, 7, 1)), first=0),
    )
    return SignalTrial(
        model=name,
        seed=seed,
        fold=fold.name,
        validation=_told(fold.validation, right, rng),
        test=_told(fold.test, right, rng),
        temperature=1.5,
        history=tuple(fitted.Epoch(train=1 / e, validation=1.2 / e) for e in range(1, 5)),
        best_epoch=4,
        parameters=1234,
        seconds=2.0,
        milliseconds=1.0,
        maps=maps if "+" in name else (),
    )


@pytest.fixture
def classification() -> Callable[..., Classification]:
    """Maker of classifications."""
    return make_classification


@pytest.fixture
def answered() -> Classification:
    """A classification that asked about an attention, which helps."""
    nets = {"wdcnn": 0.5, "wdcnn+eca": 0.95, "wdcnn+eca+placebo": 0.5}
    return make_classification(nets=nets, asked=(ASKED,), folds=4, seeds=3)
