"""The self-test: a network of the user's kind learns planted evidence, and maps are asked where it stands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from torch import nn

from heedful.data.recordings import SignalScaler, cut, read_recordings, split_recordings
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
from heedful.explanation.planted import HORIZON, Planted, Problem, localisation, planted
from heedful.explanation.subject import Subject
from heedful.train import Recipe, fit

RATIO = 6.0
"""Signal-to-noise ratio of the planted evidence, in dB."""
LEARNED, FOUND_IN = 2048, 128
"""Windows that are learned, and in which evidence is looked for."""
LONGEST = 256
"""Samples of a planted window, at most."""
RECIPE = Recipe(epochs=20, patience=20, batch=64, learning_rate=3e-3, warmup=0.3, watch="train")


def self_test(case: Case, say: Callable[[str], object]) -> dict[str, float]:
    """Trains a network of a case's kind on windows with planted evidence, and finds how well maps tell its places.

    Returns: AUROC of each map, one half being a map that knows nothing; under "right" how often the network is right
        about classes, or its R2.
    Raises:  OptionError for a model that cannot read such windows.
    """
    if case.like is None:
        raise OptionError(f"--self-test needs a bundle, from which {case.model} can be built for other windows.")
    size = max(24, min(LONGEST, case.subject.window))
    problem: Problem = "classes" if case.kind == "classes" else "values"
    say(f"self-test: {LEARNED:,} windows of {size} samples with planted evidence at {RATIO:g} dB")
    try:
        learn, ask = (_drawn(problem, size, count, seed) for seed, count in ((0, LEARNED), (1, FOUND_IN)))
        net = case.like(size, learn.x.shape[2], HORIZON)
        subject, right = (_classes if problem == "classes" else _values)(net, learn, ask)
    except HeedfulError as error:
        raise OptionError(f"--self-test cannot be done with {case.model}: {error}") from error
    maps = {look.name: look.over_samples() for look in looks(subject) if look.time is not None and _timed(look.reach)}
    for way in (occlusion, integrated_gradients, gradient_input):
        found = way(subject)
        maps[found.name] = found.over_time().numpy()
    maps["|x|"] = np.abs(ask.x).mean(2)
    scored = {name: float(np.nanmean(localisation(one, ask.places, subject.real))) for name, one in maps.items()}
    return {"right": right, **scored}


def _timed(behind: object) -> bool:
    return bool(getattr(behind, "local", False))


def _drawn(problem: Problem, size: int, count: int, seed: int) -> Planted:
    if problem == "classes":
        return planted("classes", windows=count, window=size, channels=1, ratio=RATIO, seed=seed)
    return planted("values", windows=count, window=size, channels=2, ratio=RATIO, seed=seed)


def _classes(net: nn.Module, learn: Planted, ask: Planted) -> tuple[Subject, float]:
    laid = []
    for part in (learn, ask):
        every = range(len(part.y))
        read = read_recordings(
            [one.T for one in part.x],
            label=[str(one) for one in part.y],
            group=[str(one) for one in every],
            part=["train" for _ in every],
        )
        laid.append(cut(split_recordings(read, "given", sizes=(1.0, 0.0, 0.0)).train))
    scaler = SignalScaler.fit(laid[0], "standard")
    [done] = fit([net], laid[0], None, scaler=scaler, recipe=RECIPE, seeds=[0], device="cpu")
    net.load_state_dict(done.state)
    subject = of_recordings(laid[1], scaler, net.eval(), model="planted").subject.settled()
    return subject, float((subject.picked == subject.truth).double().mean())


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
    [done] = fit([net], train, None, scaler=scaler, recipe=RECIPE, seeds=[0], device="cpu")
    net.load_state_dict(done.state)
    subject = of_table(test, scaler, net.eval(), model="planted").subject
    error = (subject.undisturbed() - subject.truth).square().mean()
    return subject, 1 - float(error / subject.truth.var(correction=0))


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
