"""The self-test: a network of the user's kind learns planted evidence, and maps are asked where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from torch import nn

from heedful.data.recordings import Cuts, SignalScaler, cut, read_recordings, split_recordings
from heedful.data.scale import Scaler
from heedful.data.series import Member, Series
from heedful.data.split import Span
from heedful.data.step import Step
from heedful.data.windows import Windows, windows
from heedful.errors import HeedfulError, OptionError
from heedful.explaining.case import Case
from heedful.explaining.recordings import case_of as of_recordings
from heedful.explaining.tables import case_of as of_table
from heedful.explanation.attribution import gradient_input, integrated_gradients, occlusion
from heedful.explanation.looks import looks
from heedful.explanation.planted import HORIZON, SHORTEST, Planted, localisation, planted
from heedful.explanation.result import Kind
from heedful.explanation.subject import Subject
from heedful.models.signals import Ensemble
from heedful.signals.units import in_units
from heedful.train import Recipe, fit

RATIO = 6.0
"""Signal-to-noise ratio of the planted evidence, in dB."""
LEARNED: Mapping[Kind, int] = {"classes": 2048, "number": 4096, "forecast": 4096}
"""Windows that are learned, by what the network gives."""
FOUND_IN = 128
"""Windows in which evidence is looked for."""
LONGEST: Mapping[Kind, int] = {"classes": 128, "number": 128, "forecast": 64}
"""Samples of a planted window, at most: a recurrence takes one after the other."""
ENOUGH: Mapping[Kind, float] = {"classes": 0.9, "number": 0.8, "forecast": 0.8}
"""How often a network must be right, or its R2, before the place where maps look says anything about maps."""
RECIPES: Mapping[Kind, Recipe] = {
    "classes": Recipe(epochs=8, patience=8, batch=64, learning_rate=3e-3, warmup=0.3, watch="train"),
    "number": Recipe(epochs=10, patience=10, batch=64, learning_rate=3e-3, warmup=0.3, watch="train"),
    "forecast": Recipe(epochs=10, patience=10, batch=64, learning_rate=1e-2, warmup=0.3, watch="train"),
}


def self_test(case: Case, say: Callable[[str], object]) -> dict[str, float]:
    """Trains a network of a case's kind on windows with planted evidence, and finds how well maps tell its places.

    Returns: AUROC of each map, one half being a map that knows nothing; under "right" how often the network is right
        about classes, or its R2: below `ENOUGH` it has not learned them, and no map can be blamed.
    Raises:  OptionError for a model that cannot read such windows.
    """
    if case.like is None:
        raise OptionError(f"--self-test needs a bundle, from which {case.model} can be built for other windows.")
    # A forecast's windows end in a row of zeros, which takes no room from the evidence.
    size = max(SHORTEST + 1, min(LONGEST[case.kind], case.subject.window))
    say(f"self-test: {LEARNED[case.kind]:,} windows of {size} samples with planted evidence at {RATIO:g} dB")
    try:
        learn, ask = (drawn(case.kind, size, count, seed) for seed, count in ((0, LEARNED[case.kind]), (1, FOUND_IN)))
        net = case.like(size, learn.x.shape[2], HORIZON)
        subject, right = (_values if case.kind == "forecast" else _recorded)(net, learn, ask)
    except HeedfulError as error:
        raise OptionError(f"--self-test cannot be done with {case.model}: {error}") from error
    maps = {look.name: look.over_samples() for look in looks(subject) if look.time is not None and _timed(look.reach)}
    for way in (occlusion, integrated_gradients, gradient_input):
        found = way(subject)
        maps[found.name] = found.over_time().numpy()
    maps["|x|"] = np.abs(ask.x).mean(2)
    scored = {name: float(np.nanmean(localisation(one, ask.places, subject.real))) for name, one in maps.items()}
    if right < ENOUGH[case.kind]:
        say(f"self-test: the network did not learn it ({right:.2f} of 1), so nothing follows for maps")
    return {"right": right, **scored}


def drawn(kind: Kind, size: int, count: int, seed: int) -> Planted:
    """Draws windows for a kind of network; those of a forecast end in a row of zeros.

    Networks of forecasts measure a window from its newest row, or from its mean. If that row held noise, or the end of
    a decoy, every value of the window would be moved by it, and the problem would be another one.

    >>> drawn("forecast", 48, 2, 0).x[:, -1].tolist(), drawn("classes", 48, 2, 0).x.shape
    ([[0.0, 0.0], [0.0, 0.0]], (2, 48, 1))
    """
    if kind == "classes":
        return planted("classes", windows=count, window=size, channels=1, ratio=RATIO, seed=seed)
    rows = size - 1 if kind == "forecast" else size
    made = planted("values", windows=count, window=rows, channels=2, ratio=RATIO, seed=seed)
    behind = [(0, 0), (0, size - rows)]
    return made._replace(x=np.pad(made.x, [*behind, (0, 0)]), places=np.pad(made.places, behind))


def _timed(behind: object) -> bool:
    return bool(getattr(behind, "local", False))


def _recorded(net: nn.Module, learn: Planted, ask: Planted) -> tuple[Subject, float]:
    """Learns classes, or the first of the values, of recordings; gives what is asked and how right it is."""
    classes = learn.y.ndim == 1
    kind: Kind = "classes" if classes else "number"
    laid = [_cuts(part, classes=classes) for part in (learn, ask)]
    scaler = SignalScaler.fit(laid[0], "standard")
    net = net if classes else in_units(net, laid[0].targets)
    _fit(net, laid[0], scaler, kind)
    subject = of_recordings(laid[1], scaler, net.eval(), model="planted", classes=None if classes else ()).subject
    if not classes:
        return subject, _share(subject)
    subject = subject.settled()
    return subject, float((subject.picked == subject.truth).double().mean())


def _cuts(part: Planted, *, classes: bool) -> Cuts:
    every = range(len(part.y))
    answers = {"label": [str(one) for one in part.y]} if classes else {"target": [float(one[0]) for one in part.y]}
    read = read_recordings(
        [one.T for one in part.x], group=[str(one) for one in every], part=["train" for _ in every], **answers
    )
    return cut(split_recordings(read, "given", sizes=(1.0, 0.0, 0.0)).train)


def _values(net: nn.Module, learn: Planted, ask: Planted) -> tuple[Subject, float]:
    train, test = _table(learn), _table(ask)
    columns = train.span.series.columns
    scaler = Scaler(
        kind="standard",
        columns=columns,
        outputs=("a",),
        rows=(0, len(train.span.series)),
        members=(),
        centre=np.zeros(len(columns)),
        spread=np.ones(len(columns)),
    )
    _fit(net, train, scaler, "forecast")
    subject = of_table(test, scaler, net.eval(), model="planted").subject
    return subject, _share(subject)


def _fit(net: nn.Module, train: Windows | Cuts, scaler: Scaler | SignalScaler, kind: Kind) -> None:
    members = list(net.members) if isinstance(net, Ensemble) else [net]
    seeds = range(len(members))
    fits = fit(members, train, None, scaler=scaler, recipe=RECIPES[kind], seeds=seeds, device="cpu")
    for member, done in zip(members, fits, strict=True):
        member.load_state_dict(done.state)


def _share(subject: Subject) -> float:
    """Gives R2 of values."""
    error = (subject.undisturbed() - subject.truth).square().mean()
    return 1 - float(error / subject.truth.var(correction=0))


def _table(part: Planted) -> Windows:
    """Lays each window and the values behind it as a member of its own; the first channel is the target."""
    count, size, channels = part.x.shape
    ahead = np.zeros((count, HORIZON, channels), dtype=np.float64)
    ahead[..., 0] = part.y
    values = np.concatenate([part.x, ahead], axis=1).reshape(-1, channels)
    rows = size + HORIZON
    members = tuple(Member(name=str(k), start=k * rows, stop=(k + 1) * rows) for k in range(count))
    series = Series(
        name="planted",
        columns=tuple("abcdefgh"[:channels]),
        target="a",
        values=values,
        observed=np.ones(values.shape, dtype=bool),
        times=pd.RangeIndex(len(values)),
        step=Step(kind="rows", frequency=""),
        fingerprint="",
        members=members,
    )
    span = Span(
        series=series,
        part="planted",
        start=0,
        stop=len(values),
        pieces=tuple((one.start, one.stop) for one in members),
    )
    return windows(span, size, HORIZON)
