"""What a training leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan

from torch import Tensor


class TimeUp(Exception):
    """Raised by `fit` when the deadline passes; what was trained is lost unless there is a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass over the train windows; NaN is what was not measured.

    Args:
        train: mean loss while it learned, on scaled values.
        validation: mean loss on the validation windows at its end.
        rate: learning rate of its last step.
        seconds: from the start of the training to its end, validation and all.
    """

    train: float
    validation: float
    rate: float = nan
    seconds: float = nan


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One finished training: the best weights and the way there.

    Args:
        watch: which of the two losses chose the best epoch, "validation" or "train".

    Shape: state has the model's own parameter names and shapes; losses are per epoch, on scaled values. There is no
        validation loss where there were no validation windows.
    """

    seed: int
    state: dict[str, Tensor]
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    best_epoch: int
    seconds: float
    watch: str = "validation"
    rates: tuple[float, ...] = ()
    clock: tuple[float, ...] = ()

    @property
    def watched(self) -> tuple[float, ...]:
        """The losses that choose the best epoch."""
        return self.train_loss if self.watch == "train" else self.validation_loss

    @property
    def diverged(self) -> bool:
        """True if no epoch had a watched loss that is a number; the weights are then worth nothing."""
        return not any(isfinite(loss) for loss in self.watched)

    @property
    def best(self) -> float:
        """The best watched loss; infinite while there is none."""
        return min((loss for loss in self.watched if isfinite(loss)), default=float("inf"))

    @property
    def history(self) -> tuple[Epoch, ...]:
        """The way there, epoch by epoch.

        >>> Fit(seed=0, state={}, train_loss=(2.0, 1.0), validation_loss=(), best_epoch=2, seconds=0.0).history[1]
        Epoch(train=1.0, validation=nan, rate=nan, seconds=nan)
        """
        columns = (self.train_loss, self.validation_loss, self.rates, self.clock)
        filled = [column or (nan,) * len(self.train_loss) for column in columns]
        return tuple(Epoch(train=a, validation=b, rate=c, seconds=d) for a, b, c, d in zip(*filled, strict=True))
