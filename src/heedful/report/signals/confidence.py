"""Confidence against accuracy of the best network, before and after its temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.signals.scores import BINS, classification, softmax

if TYPE_CHECKING:
    from heedful.report.signals.view import SignalLine
    from heedful.signals.result import Classification


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """Test windows by their confidence: its mean in every bin, the share that is right, the share of all windows.

    `ece` and `log_loss` are means over the trials, as in the table.

    Shape: (bins that hold windows,).
    """

    confidence: np.ndarray
    right: np.ndarray
    share: np.ndarray
    ece: float
    log_loss: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Confidence:
    """The bins of one model with the probabilities that it gives, and with those of its temperatures.

    `calibrated` says whether there was a validation part to find temperatures on.
    """

    before: Bins
    after: Bins
    temperatures: tuple[float, ...]
    calibrated: bool


def confidence(result: Classification, line: SignalLine) -> Confidence | None:
    """Reads the confidence of a model over all its trials; None if none of them gave numbers."""
    folds = {fold.name: fold for fold in result.folds}
    trials = [trial for trial in line.trials if np.isfinite(trial.test).all()]
    if not trials:
        return None
    truths = [folds[trial.fold].test.labels for trial in trials]
    heats = tuple(trial.temperature for trial in trials)
    return Confidence(
        before=_bins(truths, [softmax(trial.test) for trial in trials]),
        after=_bins(truths, [trial.probabilities for trial in trials]),
        temperatures=heats,
        calibrated=any(folds[trial.fold].validation is not None for trial in trials),
    )


def _bins(truths: list[np.ndarray], each: list[np.ndarray]) -> Bins:
    truth, p = np.concatenate(truths), np.concatenate(each)
    sure, right = p.max(1), p.argmax(1) == truth
    place = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    held = counts > 0
    scores = [classification(*pair) for pair in zip(truths, each, strict=True)]
    return Bins(
        confidence=np.bincount(place, weights=sure, minlength=BINS)[held] / counts[held],
        right=np.bincount(place, weights=right, minlength=BINS)[held] / counts[held],
        share=counts[held] / len(truth),
        ece=float(np.mean([one["ece"] for one in scores])),
        log_loss=float(np.mean([one["log_loss"] for one in scores])),
    )
