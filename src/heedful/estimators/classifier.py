"""Classification of recordings with the conventions of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from heedful.data.recordings import Cuts, Part, Piece, Recording, Recordings, cut
from heedful.errors import DataError, OptionError
from heedful.signals.bundle import SignalBundle
from heedful.signals.scores import softmax
from heedful.signals.training import train
from heedful.train import logits

_SEEDS = 2**31 - 1


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Classifies recordings, or windows of them.

    A sample is an array of shape (T, C), time first; of one channel (T,) will do. All stand in one array, or in a
    list of arrays of unequal lengths. Samples of one group (machine, patient) belong into one part: give `groups`
    to `fit`, so that none of them decides when to stop what it was learned from, and use `GroupKFold` around it.

    Args:
        model: a name of `heedful.models.signals.names()`.
        window: samples of a window; None takes each sample whole, padded to the longest.
        validation: share of the groups that decides when training stops; 0 lets the train loss decide.
        seeds: how many are trained; the best on validation is kept.
        epochs: at most so many passes over the train windows; the model's own number if not given.
        imbalance: as of `heedful.classify`.
        scaling: "standard", "window" or "none"; the model's own if not given.
        rate: samples a second, where they are known.
        defects: orders of a bearing's defects in turns of its shaft, for a model that looks for them.
        random_state: the first seed, a generator of numpy to draw it from, or None for 0.

    Attributes: `bundle_`, the trained `SignalBundle`; `classes_`; `n_features_in_`, the samples in time of training, of
        unequal lengths the longest; `channels_`.

    >>> x = np.random.default_rng(0).standard_normal((24, 40, 1))
    >>> y = np.arange(24) % 2
    >>> model = Classifier("wdcnn", epochs=1).fit(x, y)
    >>> model.predict(x).shape, model.predict_proba(x).shape
    ((24,), (24, 2))
    """

    def __init__(
        self,
        model: str = "resnet1d",
        *,
        window: int | None = None,
        validation: float = 0.2,
        seeds: int = 1,
        epochs: int | None = None,
        imbalance: str = "auto",
        scaling: str | None = None,
        rate: float | None = None,
        defects: Sequence[float] = (),
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
    ) -> None:
        self.model = model
        self.window = window
        self.validation = validation
        self.seeds = seeds
        self.epochs = epochs
        self.imbalance = imbalance
        self.scaling = scaling
        self.rate = rate
        self.defects = defects
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None, speed: Any = None) -> Self:
        """Trains on samples.

        Args:
            X: the samples.
            y: their classes, of any type.
            groups: what each belongs to; each sample is a group by itself if not given.
            speed: that of the shaft in turns a minute, of each sample, for a model that reads it and a `rate`.

        Shape:  X (n, T, C), (n, T), or n arrays (T_i, C); y, groups and speed (n,).
        Raises: DataError for samples or labels that cannot be used.
        """
        samples = _samples(X)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if len(y) != len(samples) or (groups is not None and len(groups) != len(samples)):
            raise DataError(
                f"Classifier needs a class (and a group) for each of {len(samples)} samples, got {len(y)} classes"
                f"{'' if groups is None else f' and {len(groups)} groups'}. Give as many."
            )
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                f"Classifier needs samples of two classes or more, got one class alone, {self.classes_[0]!r}."
            )
        self.channels_ = samples[0].shape[1]
        self.n_features_in_ = max(len(one) for one in samples)
        self.equal_ = isinstance(X, np.ndarray)
        given = None if groups is None else [str(one) for one in groups]
        first = _first_seed(self.random_state)
        self.bundle_: SignalBundle = train(
            _recordings(samples, self.rate, [str(code) for code in codes], given, speed),
            self.model,
            window=self.window,
            validation=self.validation,
            seeds=range(first, first + self.seeds),
            epochs=self.epochs,
            imbalance=self.imbalance,
            scaling=self.scaling,
            defects=self.defects,
        )
        return self

    def predict_proba(self, X: Any, speed: Any = None) -> np.ndarray:
        """Gives the probability of every class; of a sample that is cut into windows, their mean.

        Args:
            X: samples as in training.
            speed: of each sample, where it was told in training.

        Shape:  (n, K), in the order of `classes_`.
        Raises: NotFittedError; DataError for samples of other channels, or whole ones longer than any trained on.
        """
        check_is_fitted(self, "bundle_")
        samples = _samples(X)
        if samples[0].shape[1] != self.channels_:
            raise DataError(
                f"X has {samples[0].shape[1]} channels, but Classifier is expecting {self.channels_} channels as input."
            )
        lengths = {len(one) for one in samples}
        if self.equal_ and isinstance(X, np.ndarray) and self.window is None and lengths != {self.n_features_in_}:
            raise DataError(
                f"X has {lengths.pop()} features, but Classifier is expecting {self.n_features_in_} features as input: "
                "samples in time, taken whole. Give a list of arrays where they are of unequal lengths."
            )
        if self.window is None and max(lengths) > self.n_features_in_:
            raise DataError(
                f"X has {max(lengths)} features, but Classifier is expecting {self.n_features_in_} features "
                "as input at most: samples in time, taken whole. Cut it, or build the Classifier with a window."
            )
        cuts = _laid(_recordings(samples, self.rate, speed=speed), self.bundle_)
        p = softmax(logits(self.bundle_.ready, cuts, self.bundle_.scaler), self.bundle_.temperature)
        counts = np.bincount(cuts.starts[:, 0], minlength=len(samples))
        if (counts == 0).any():
            raise DataError(f"{int((counts == 0).sum())} samples give no window: too many values are missing in them.")
        sums = np.stack([np.bincount(cuts.starts[:, 0], weights=column, minlength=len(samples)) for column in p.T], 1)
        found: np.ndarray = sums / counts[:, None]
        order = [self.bundle_.classes.index(str(code)) for code in range(len(self.classes_))]
        return found[:, order]

    def predict(self, X: Any, speed: Any = None) -> np.ndarray:
        """Gives the likeliest class of each sample.

        Shape:  (n,).
        Raises: as `predict_proba`.
        """
        chosen: np.ndarray = self.predict_proba(X, speed).argmax(1)
        named: np.ndarray = self.classes_[chosen]
        return named

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


def _samples(X: Any) -> list[np.ndarray]:
    """Takes samples as a list of arrays (T, C)."""
    if hasattr(X, "toarray"):
        raise DataError("Classifier needs dense samples, got a sparse matrix. Convert it with .toarray().")
    try:
        whole = np.asarray(X) if not isinstance(X, (list, tuple)) else None
        found = [np.asarray(one, dtype=np.float32) for one in (X if whole is None else whole)]
    except (TypeError, ValueError) as error:
        raise DataError(f"Classifier needs samples of real numbers ({error}). Convert them first.") from error
    if whole is not None and np.iscomplexobj(whole):
        raise DataError("Complex data not supported: Classifier needs samples of real numbers, got complex ones.")
    if not found or (whole is not None and whole.ndim < 2):
        came = "none" if not found else f"an array {whole.shape if whole is not None else ''}"
        raise DataError(
            f"Classifier needs samples (n, T, C) or (n, T), got {came}. Reshape your data: one row a sample."
        )
    found = [one[:, None] if one.ndim == 1 else one for one in found]
    if any(one.ndim != 2 or not one.size or one.shape[1] != found[0].shape[1] for one in found):
        shapes = sorted({one.shape[1:] for one in found})
        raise DataError(
            f"Classifier needs samples (T, C) of the same channels, got {shapes} behind the axis of time, 0 feature(s) "
            f"(shape={(len(found), 0)}) while a minimum of 1 is required. Give each sample samples in time."
        )
    if any(np.isinf(one).any() for one in found):
        raise DataError("Classifier needs finite samples (NaN is missing), got infinity. Replace it by NaN.")
    return found


def _recordings(
    samples: Sequence[np.ndarray],
    rate: float | None,
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    speed: Any = None,
) -> Recordings:
    speeds = None if speed is None else np.asarray(speed, dtype=float)
    if speeds is not None and (speeds.shape != (len(samples),) or not (np.isfinite(speeds) & (speeds > 0)).all()):
        raise DataError(
            f"Classifier needs a speed above 0, in turns a minute, for each of {len(samples)} samples, got "
            f"{speeds.shape} speeds. Give as many, or none."
        )
    digits = len(str(len(samples) - 1))
    items = [
        Recording(
            name=f"{i:0{digits}d}",
            values=np.ascontiguousarray(one.T),
            rate=rate,
            label=None if labels is None else labels[i],
            group=None if groups is None else groups[i],
            speed=None if speeds is None else float(speeds[i]),
            channels=tuple(f"channel {c + 1}" for c in range(one.shape[1])),
        )
        for i, one in enumerate(samples)
    ]
    return Recordings(items=tuple(items), name="samples")


def _laid(found: Recordings, made: SignalBundle) -> Cuts:
    pieces = tuple(Piece(number, 0, len(one)) for number, one in enumerate(found.items))
    window = made.shape.window
    return cut(Part(recordings=found, pieces=pieces, name="test"), window, window, missing=1.0)


def _first_seed(state: int | np.random.RandomState | np.random.Generator | None) -> int:
    if state is None:
        return 0
    if isinstance(state, np.random.Generator):
        return int(state.integers(_SEEDS))
    if isinstance(state, np.random.RandomState):
        return int(state.randint(_SEEDS))
    if isinstance(state, bool) or not isinstance(state, (int, np.integer)) or state < 0:
        raise OptionError(f"Classifier needs a random_state from 0 up, a generator of numpy or None, got {state!r}.")
    return int(state)
