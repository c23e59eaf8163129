"""What a trained model says: every window once, in order; nothing depends on how many are forecast at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.recordings import Cuts, SignalScaler
from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.train import devices
from heedful.train.feed import Tensors, apply
from heedful.train.loss import point
from heedful.train.signals import Signals, feed_of

R = TypeVar("R")
# A model is brought to a GPU and back: threads that share it take turns, so that none takes it from another.
_TURN = threading.RLock()


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Sums of squared and absolute errors over all observed values, and how many these are.

    Unit: scaled values.
    """

    squared: float
    absolute: float
    count: int

    @property
    def mse(self) -> float:
        """Mean squared error; NaN if no value was observed.

        >>> Errors(squared=6.0, absolute=4.0, count=4).mse
        1.5
        """
        return self.squared / self.count if self.count else float("nan")

    @property
    def mae(self) -> float:
        """Mean absolute error; NaN if no value was observed."""
        return self.absolute / self.count if self.count else float("nan")


def forecast(
    model: nn.Module, windows: Windows, scaler: Scaler, *, batch: int | None = None, device: str | None = None
) -> np.ndarray:
    """Forecasts every window once; no window is dropped and the result does not depend on `batch`.

    Args:
        batch: windows at a time; by default as many as are about a million numbers.
        device: "cpu" or "cuda"; by default a GPU where there is one.

    Shape: (windows, horizon), or (windows, horizon, targets) for several targets.
    Unit:  the targets' own.
    """

    def restored(index: np.ndarray, _: Tensors, raw: Tensor) -> np.ndarray:
        return scaler.restore(point(model, raw).float().cpu().numpy(), windows, index)

    return np.concatenate(each(model, windows, scaler, restored, batch=batch, device=device))


def score_scaled(
    model: nn.Module, windows: Windows, scaler: Scaler, *, batch: int | None = None, device: str | None = None
) -> Errors:
    """Sums the errors of the point forecasts of every window on scaled values, without keeping the forecasts."""

    def summed(_: np.ndarray, some: Tensors, raw: Tensor) -> tuple[float, float, int]:
        error = point(model, raw).double() - some.y.double()
        error = error[~torch.isnan(some.y)]
        return float(error.square().sum()), float(error.abs().sum()), error.numel()

    squared, absolute, count = zip(*each(model, windows, scaler, summed, batch=batch, device=device), strict=True)
    return Errors(squared=sum(squared), absolute=sum(absolute), count=sum(count))


def logits(
    model: nn.Module, cuts: Cuts, scaler: SignalScaler, *, batch: int | None = None, device: str | None = None
) -> np.ndarray:
    """Gives what a model says to every window of recordings, once, in order: its head turns it into probabilities.

    Args: as for `forecast`.

    Shape: (n, K) in 32 bits; one column for a number.
    """

    def kept(_: np.ndarray, __: Signals, raw: Tensor) -> np.ndarray:
        return raw.float().cpu().numpy()

    return np.concatenate(each(model, cuts, scaler, kept, batch=batch, device=device))


@overload
def each(
    model: nn.Module,
    windows: Windows,
    scaler: Scaler,
    read: Callable[[np.ndarray, Tensors, Tensor], R],
    *,
    batch: int | None = None,
    device: str | None = None,
) -> list[R]: ...


@overload
def each(
    model: nn.Module,
    windows: Cuts,
    scaler: SignalScaler,
    read: Callable[[np.ndarray, Signals, Tensor], R],
    *,
    batch: int | None = None,
    device: str | None = None,
) -> list[R]: ...


def each(
    model: nn.Module,
    windows: Windows | Cuts,
    scaler: Scaler | SignalScaler,
    read: Callable[[np.ndarray, Any, Tensor], R],
    *,
    batch: int | None = None,
    device: str | None = None,
) -> list[R]:
    """Gives what `read` makes of every batch: of the windows' numbers, the windows, and what the model says to them.

    Args:
        batch: windows at a time; by default as many as are about a million numbers.
        device: "cpu" or "cuda"; by default a GPU where there is one, as in training.

    Unit:   scaled values.
    Raises: UnknownName or OptionError for a device that is not there.
    """
    chosen = devices.choose(device)
    # A few windows of a long table, such as one block of them, are gathered sooner than all its rows are laid out;
    # windows of recordings are read once, so that none need stay.
    few = not isinstance(windows, Windows) or len(windows) * windows.window < len(windows.span.series)
    feed = feed_of(windows, scaler, chosen, model, resident=False if few else None, prepared=True)
    size = batch or feed.size()
    found = []
    turn = nullcontext() if chosen.type == "cpu" else _TURN
    with turn, devices.placed(model, chosen), torch.inference_mode():
        for start in range(0, len(windows), size):
            index = np.arange(start, min(start + size, len(windows)))
            some = feed.gather(index)
            found.append(read(index, some, apply(model, some)))
    return found
