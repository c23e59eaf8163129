"""Changes train windows a little each time they are seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heedful.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What is done to train windows, after scaling; nothing by default. Never for windows that are scored.

    Paper:   jitter and scaling: Um et al., ICMI 2017, arXiv:1706.00527, section 3. Cutmix: Yun et al., "CutMix", ICCV
             2019, arXiv:1905.04899v2, section 3, Beta(1, 1).
    Differs: one factor scales all channels of a window; cutmix takes a stretch of time in place of a box of pixels.

    Args:
        jitter: deviation of the noise added to each sample, as a share of the scaled signal's deviation of 1.
        scaling: deviation of the factor, of mean 1, that a window is multiplied by.
        shift: samples, at most, by which a window is turned round in time; what leaves one end enters the other.
        cutmix: share of the windows of which a stretch is taken from another window of the batch at the same place,
            and as much of its label.

    Raises: OptionError for a negative number or a share above 1.
    """

    jitter: float = 0.0
    scaling: float = 0.0
    shift: int = 0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        if min(self.jitter, self.scaling, self.shift, self.cutmix) < 0 or self.cutmix > 1:
            raise OptionError(
                f"Augment needs numbers of at least 0, cutmix at most 1, got jitter {self.jitter}, scaling "
                f"{self.scaling}, shift {self.shift}, cutmix {self.cutmix}."
            )

    def __bool__(self) -> bool:
        return any((self.jitter, self.scaling, self.shift, self.cutmix))

    def apply(
        self,
        x: np.ndarray,
        lengths: np.ndarray,
        labels: np.ndarray,
        rng: np.random.Generator,
        *,
        classes: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gives changed windows and their labels; the arrays given stay as they are, padding stays zero.

        Args:
            labels: whole numbers, shares of the classes (B, K), or real numbers for a regression.
            classes: K, needed to mix labels that are whole numbers.

        Shape:  (B, T, C), lengths (B,) -> (B, T, C) and labels as they came, or (B, K) where whole numbers are mixed.
        Raises: OptionError if labels are to be mixed and K is not given.

        >>> x, y = np.ones((2, 8, 1)), np.array([0, 1])
        >>> z, soft = Augment(cutmix=1.0).apply(x, np.array([8, 8]), y, np.random.default_rng(0), classes=2)
        >>> z.shape, soft.shape, soft.sum(axis=1).tolist()
        ((2, 8, 1), (2, 2), [1.0, 1.0])
        """
        z = np.array(x, dtype=np.float32)
        mixed = np.asarray(labels)
        if self.shift:
            z = _turned(z, lengths, rng.integers(-self.shift, self.shift, len(z), endpoint=True))
        if self.cutmix:
            z, mixed = _mixed(z, lengths, _soft(mixed, classes), self.cutmix, rng)
        if self.scaling:
            z *= rng.normal(1.0, self.scaling, (len(z), 1, 1)).astype(np.float32)
        if self.jitter:
            z += np.float32(self.jitter) * rng.standard_normal(z.shape, dtype=np.float32)
        z *= (np.arange(z.shape[1]) < np.asarray(lengths)[:, None])[:, :, None]
        return z, mixed


def _turned(x: np.ndarray, lengths: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Turns the real samples of each window round by a number of samples of its own."""
    steps = np.arange(x.shape[1])
    size = np.maximum(np.asarray(lengths), 1)[:, None]
    place = np.where(steps < size, (steps - by[:, None]) % size, steps)
    return np.take_along_axis(x, place[:, :, None], axis=1)


def _soft(labels: np.ndarray, classes: int | None) -> np.ndarray:
    """Gives whole numbers as shares of the classes (B, K); other labels as they are."""
    if labels.ndim == 2 or labels.dtype.kind == "f":
        return labels
    if classes is None:
        raise OptionError("Cutmix mixes labels and needs the number of classes, got none. Give classes=K.")
    soft: np.ndarray = np.eye(classes, dtype=np.float32)[labels]
    return soft


def _mixed(
    x: np.ndarray, lengths: np.ndarray, labels: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Takes a stretch of time from another window, and as much of its label as the window now has of it."""
    count, steps = len(x), np.arange(x.shape[1])
    other, chosen = rng.permutation(count), rng.random(count) < share
    common = np.minimum(lengths, np.asarray(lengths)[other])
    size = np.where(chosen, np.floor(rng.random(count) * (common + 1)), 0).astype(np.int64)
    first = np.floor(rng.random(count) * (common - size + 1)).astype(np.int64)
    taken = (steps >= first[:, None]) & (steps < (first + size)[:, None])
    weight = (size / np.maximum(lengths, 1)).astype(labels.dtype)
    weight = weight if labels.ndim == 1 else weight[:, None]
    return np.where(taken[:, :, None], x[other], x), (1 - weight) * labels + weight * labels[other]
