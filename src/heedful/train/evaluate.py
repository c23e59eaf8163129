"""What a trained model says: every window once, in order; nothing depends on how many are forecast at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.errors import OptionError
from heedful.train import devices
from heedful.train.feed import Feed, Tensors, apply, reads_future
from heedful.train.loss import point

R = TypeVar("R")


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

    return np.concatenate(_each(model, windows, scaler, restored, batch, device))


def forecast_quantiles(
    model: nn.Module,
    windows: Windows,
    scaler: Scaler,
    levels: Sequence[float],
    *,
    batch: int | None = None,
    device: str | None = None,
) -> np.ndarray:
    """Forecasts quantiles of every window.

    Args:
        levels: between 0 and 1, such as (0.05, 0.5, 0.95).

    Shape:  (levels, windows, horizon[, targets]).
    Unit:   the targets' own.
    Raises: OptionError for a level outside (0, 1), and for a model that forecasts points only.
    """
    if not levels or not all(0 < level < 1 for level in levels):
        raise OptionError(f"forecast_quantiles needs levels between 0 and 1, got {tuple(levels)}. Say (0.05, 0.95).")
    quantiles = getattr(getattr(model, "head", None), "quantiles", None)
    if not callable(quantiles):
        raise OptionError(
            f"forecast_quantiles needs a model with a distribution head, got {type(model).__name__}, which forecasts "
            "points. Build its plan with the head Quantiles, Gaussian or StudentT."
        )

    def restored(index: np.ndarray, _: Tensors, raw: Tensor) -> np.ndarray:
        return scaler.restore(quantiles(raw, tuple(levels)).float().cpu().numpy(), windows, index)

    return np.concatenate(_each(model, windows, scaler, restored, batch, device), axis=1)


def score_scaled(
    model: nn.Module, windows: Windows, scaler: Scaler, *, batch: int | None = None, device: str | None = None
) -> Errors:
    """Sums the errors of the point forecasts of every window on scaled values, without keeping the forecasts."""

    def summed(_: np.ndarray, some: Tensors, raw: Tensor) -> tuple[float, float, int]:
        error = point(model, raw).double() - some.y.double()
        error = error[~torch.isnan(some.y)]
        return float(error.square().sum()), float(error.abs().sum()), error.numel()

    squared, absolute, count = zip(*_each(model, windows, scaler, summed, batch, device), strict=True)
    return Errors(squared=sum(squared), absolute=sum(absolute), count=sum(count))


def _each(
    model: nn.Module,
    windows: Windows,
    scaler: Scaler,
    read: Callable[[np.ndarray, Tensors, Tensor], R],
    batch: int | None,
    device: str | None,
) -> list[R]:
    """Reads, batch by batch, the windows' numbers, the windows, and what the model says to them."""
    chosen = devices.choose(device)
    feed = Feed(windows, scaler, chosen, future=reads_future(model))
    size = batch or feed.size()
    found = []
    with devices.placed(model, chosen), torch.inference_mode():
        for start in range(0, len(windows), size):
            index = np.arange(start, min(start + size, len(windows)))
            some = feed.gather(index)
            found.append(read(index, some, apply(model, some)))
    return found
