"""Detection on recordings: networks that rebuild or forecast windows, and baselines, each with its threshold."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from heedful.data.recordings import Cuts, SignalScaler
from heedful.errors import OptionError
from heedful.models.signals import SignalShape
from heedful.signals.detection import plain
from heedful.signals.detection.autoencoder import DETECTORS, DetectorArm, build
from heedful.signals.detection.threshold import conformal
from heedful.signals.detection.tracks import Made, Track
from heedful.signals.detection.windows import Laid
from heedful.signals.jobs import own_recipe
from heedful.train import Recipe, fit, logits
from heedful.train.machine import one_thread

USUAL = {"reconstruction": "conv-autoencoder", "forecast": "next-samples"}
"""The network of each method when none is named."""
Tick = Callable[[int], None]


def names_of(models: Sequence[str] | None, method: str) -> tuple[str, ...]:
    """Gives the networks asked for, or the usual one of the method.

    Raises: UnknownName for an unknown network; OptionError for one that cannot be built, or of the other method.

    >>> names_of(None, "auto"), names_of(["conv-autoencoder+eca"], "auto")
    (('conv-autoencoder',), ('conv-autoencoder+eca',))
    """
    if models is None:
        return (USUAL["reconstruction" if method == "auto" else method],)
    for name in models:
        arm = DetectorArm.read(name)
        arm.design()
        own = "forecast" if DETECTORS[arm.preset].network.__name__ == "NextSamples" else "reconstruction"
        if method not in ("auto", own):
            raise OptionError(f"'{name}' detects by {own}, asked for by {method}. Leave the method out.")
    return tuple(dict.fromkeys(models))


def shape_of(laid: Laid) -> SignalShape:
    """Gives what a network for these windows reads."""
    return SignalShape(laid.train.channels, 0, laid.train.window, laid.train.recordings.rate)


def network(
    laid: Laid,
    name: str,
    seed: int,
    *,
    alarm_rate: float,
    scaler: SignalScaler,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    tick: Tick | None = None,
) -> Made:
    """Trains a network on the train windows and sets its threshold on the calibration windows.

    Its score is the root of its mean squared error on a window, in that of a typical validation window.

    Raises: DataError for too few calibration windows.
    """
    with one_thread():
        net = build(name, shape_of(laid), seed)
        own = recipe or own_recipe("signals", laid.train)
        own = own if epochs is None else replace(own, epochs=epochs)
        [one] = fit(
            [net], laid.train, laid.validation, scaler=scaler, recipe=own, seeds=[seed], tick=tick, augment=None
        )
        net.load_state_dict(one.state)
        usual = usual_error(net, laid.validation, scaler)
        calibration, test = (errors(net, cuts, scaler) / usual for cuts in (laid.calibration, laid.test))
    track = Track(
        model=name,
        seed=seed,
        calibration=calibration,
        test=test,
        threshold=conformal(calibration, alarm_rate),
        watched=one.best,
        history=one.history,
        best_epoch=one.best_epoch,
        parameters=sum(p.numel() for p in net.parameters()),
        seconds=one.seconds,
        scale=np.full((1, 1), usual),
        notes=("did not train: its loss was never a number",) if one.diverged else (),
    )
    return Made(track=track, state=one.state)


def errors(net: torch.nn.Module, cuts: Cuts, scaler: SignalScaler) -> np.ndarray:
    """Gives the root of the mean squared error of each window (n,), in scaled units."""
    found: np.ndarray = np.sqrt(np.maximum(logits(net, cuts, scaler)[:, 0].astype(float), 0.0))
    return found


def usual_error(net: torch.nn.Module, validation: Cuts, scaler: SignalScaler) -> float:
    """Gives the median error of the validation windows, 1 where that is 0."""
    found = float(np.median(errors(net, validation, scaler)))
    return found if found > 0 else 1.0


def baseline(laid: Laid, name: str, *, alarm_rate: float) -> Track:
    """Scores windows by a baseline, with a threshold from the same calibration windows."""
    started = clock.perf_counter()
    score = plain.of_recordings(name, laid.train)
    calibration, test = score(laid.calibration), score(laid.test)
    return Track(
        model=name,
        seed=None,
        calibration=calibration,
        test=test,
        threshold=conformal(calibration, alarm_rate),
        seconds=clock.perf_counter() - started,
    )
