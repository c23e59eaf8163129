"""What any network on recordings has to beat: the commonest class, one amplitude, and a linear model of the spectrum.

Published networks for bearings lose to these where bearings are held out, and on a single bearing a class the linear
model is perfect: a number without them says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heedful.data.recordings import Cuts
from heedful.errors import unknown

SUMMARIES = {
    "majority": "always says the commonest class of the training windows (the mean, of numbers)",
    "rms_forest": "a random forest on one number a channel, the window's root mean square: amplitude alone",
    "spectrum_linear": "a linear model (logistic, or ridge for numbers) on the log spectrum of the normalised window: "
    "shape without phase or amplitude",
}
_BINS = 128
_MOST = 20_000
_CHUNK = 1 << 22
_TREES = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """What a baseline says.

    Shape: probabilities (n, K) of a classification, values (n, 1) of a regression.
    """

    validation: np.ndarray
    test: np.ndarray
    seconds: float
    notes: tuple[str, ...] = ()


def run(name: str, train: Cuts, validation: Cuts | None, test: Cuts, seed: int = 0) -> Told:
    """Trains a baseline and lets it speak of the other parts.

    Args:
        name: one of `SUMMARIES`.
        train: windows to learn from; of more than 20,000 an even choice.
        seed: of the forest.

    Raises: UnknownName for another name.
    """
    if name not in SUMMARIES:
        raise unknown("baseline", name, SUMMARIES)
    started = time.perf_counter()
    index = np.linspace(0, len(train) - 1, min(len(train), _MOST)).astype(int)
    model, features = _model(name, train, seed)
    model.fit(features(train, index), train.labels[index] if train.classes else train.targets[index])
    said = [
        _said(model, features, part, len(train.classes)) if part is not None else np.empty((0, 1))
        for part in (validation, test)
    ]
    chosen = (f"trained on {len(index):,} of {len(train):,} windows",) if len(index) < len(train) else ()
    return Told(validation=said[0], test=said[1], seconds=time.perf_counter() - started, notes=chosen)


def rms(cuts: Cuts, index: np.ndarray) -> np.ndarray:
    """Gives the root mean square of each channel.

    Shape: (n, C).
    Unit:  the recording's.
    """

    def read(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.sqrt((x.astype(float) ** 2).sum(1) / lengths[:, None])
        return found

    return _over(cuts, index, read)


def log_spectrum(cuts: Cuts, index: np.ndarray) -> np.ndarray:
    """Gives the log power spectrum of each channel of the window brought to mean 0 and deviation 1.

    Shape: (n, C * bins), at most 128 bins, each the mean power of neighbouring lines.
    """
    lines = cuts.window // 2 + 1
    edges = np.unique(np.linspace(0, lines, min(_BINS, lines) + 1).astype(int))

    def read(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        real = np.arange(x.shape[1])[None, :, None] < lengths[:, None, None]
        count = lengths[:, None, None]
        centred = np.where(real, x - x.sum(1, keepdims=True) / count, 0.0)
        spread = np.sqrt((centred**2).sum(1, keepdims=True) / count)
        power = np.abs(np.fft.rfft(centred / np.maximum(spread, 1e-12), axis=1)) ** 2 / count
        binned = np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges)[None, :, None]
        found: np.ndarray = np.log(binned + 1e-6).reshape(len(x), -1)
        return found

    return _over(cuts, index, read)


Features = Callable[[Cuts, np.ndarray], np.ndarray]


def _model(name: str, train: Cuts, seed: int) -> tuple[Any, Features]:
    classifies = bool(train.classes)
    if name == "majority":
        return _Commonest(len(train.classes)), lambda _, index: np.zeros((len(index), 1))
    if name == "rms_forest":
        kind = RandomForestClassifier if classifies else RandomForestRegressor
        return kind(_TREES, random_state=seed, min_samples_leaf=2), rms
    linear = LogisticRegression(max_iter=2000) if classifies else Ridge(alpha=10.0)
    return make_pipeline(StandardScaler(), linear), log_spectrum


class _Commonest:
    """Says the shares of the classes, or the mean."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:  # noqa: ARG002
        self.classes_ = np.arange(self.classes)
        self.said = np.bincount(y, minlength=self.classes) / len(y) if self.classes else np.array([y.mean()])

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return np.tile(self.said, (len(x), 1))

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.full(len(x), self.said[0])


def _said(model: Any, features: Features, part: Cuts, classes: int) -> np.ndarray:
    x = features(part, np.arange(len(part)))
    if not classes:
        return np.asarray(model.predict(x), np.float32)[:, None]
    found = np.zeros((len(part), classes), np.float32)
    found[:, np.asarray(model.classes_, int)] = model.predict_proba(x)
    return found


def _over(cuts: Cuts, index: np.ndarray, read: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Reads windows a few million numbers at a time."""
    size = max(1, _CHUNK // (cuts.window * cuts.channels))
    parts = [read(*cuts.read(index[start : start + size])) for start in range(0, len(index), size)]
    return np.concatenate(parts)
