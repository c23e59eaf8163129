"""Errors of a forecast: pure functions over truth and forecast, each with its unit and its direction.

Shape: truth and forecast are arrays of one shape; places where the truth is NaN were never observed and are left
out. With nothing left every metric is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def _real(truth: np.ndarray, forecast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    seen = ~np.isnan(truth)
    return truth[seen], forecast[seen]


def mae(truth: np.ndarray, forecast: np.ndarray) -> float:
    """Mean absolute error. Unit: the target's. Smaller is better.

    >>> mae(np.array([1.0, np.nan, 3.0]), np.array([2.0, 9.0, 3.0]))
    0.5
    """
    y, f = _real(truth, forecast)
    return float(np.mean(np.abs(y - f))) if y.size else float("nan")


def rmse(truth: np.ndarray, forecast: np.ndarray) -> float:
    """Root of the mean squared error. Unit: the target's. Smaller is better.

    >>> rmse(np.array([0.0, 0.0]), np.array([3.0, 3.0]))
    3.0
    """
    y, f = _real(truth, forecast)
    return float(np.sqrt(np.mean((y - f) ** 2))) if y.size else float("nan")


def smape(truth: np.ndarray, forecast: np.ndarray) -> float:
    """Symmetric mean absolute percentage error, mean(200 |y - f| / (|y| + |f|)), 0/0 = 0. Unit: %. Smaller is better.

    >>> smape(np.array([0.0, 1.0]), np.array([0.0, 3.0]))
    50.0
    """
    y, f = _real(truth, forecast)
    if not y.size:
        return float("nan")
    size = np.abs(y) + np.abs(f)
    share = np.divide(np.abs(y - f), size, out=np.zeros_like(size), where=size > 0)
    return float(200 * np.mean(share))


def r2(truth: np.ndarray, forecast: np.ndarray) -> float:
    """Share of the variance explained, against the mean of the truth. Unit: none. Larger is better; 1 is perfect.

    NaN for a truth that does not vary.

    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    y, f = _real(truth, forecast)
    spread = float(np.sum((y - y.mean()) ** 2)) if y.size else 0.0
    return 1 - float(np.sum((y - f) ** 2)) / spread if spread > 0 else float("nan")


def mase(truth: np.ndarray, forecast: np.ndarray, naive: float) -> float:
    """Mean absolute error over that of the one-step seasonal naive forecast on train. Unit: none. Smaller is better.

    Args:
        naive: what `naive_error` gave on the train rows.
    """
    return mae(truth, forecast) / naive if naive > 0 else float("nan")


def naive_error(train: np.ndarray | Sequence[np.ndarray], season: int = 1) -> float:
    """Mean absolute error of repeating the value one season earlier, over observed train rows. Unit: the target's.

    Args:
        train: the train rows, or those of several series.

    >>> naive_error(np.array([1.0, 2.0, 4.0])), naive_error([np.array([1.0, 2.0]), np.array([5.0, 2.0])])
    (1.5, 2.0)
    """
    stretches = [train] if isinstance(train, np.ndarray) else train
    change = np.concatenate([np.abs(one[season:] - one[:-season]) for one in stretches if len(one) > season] or [[]])
    return float(np.nanmean(change)) if not np.isnan(change).all() else float("nan")


def skill(truth: np.ndarray, forecast: np.ndarray, persistence: np.ndarray) -> float:
    """1 - RMSE / RMSE of persistence. Unit: none. Larger is better; 0 is no better than the last value.

    >>> skill(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    1.0
    """
    base = rmse(truth, persistence)
    return 1 - rmse(truth, forecast) / base if base > 0 else float("nan")


def directional_accuracy(truth: np.ndarray, forecast: np.ndarray, last: np.ndarray) -> float:
    """Share of steps whose change from the last known value has the forecast's sign. Unit: none. Larger is better.

    Steps on which the truth did not change are left out; a forecast without change has no direction and is wrong.
    NaN if no forecast names a direction.

    Shape: truth and forecast (n,), last (n,).
    """
    moved = ~np.isnan(truth) & ~np.isnan(last) & (truth != last)
    if not moved.any() or not (forecast[moved] != last[moved]).any():
        return float("nan")
    return float(np.mean(np.sign(forecast - last)[moved] == np.sign(truth - last)[moved]))


@dataclass(frozen=True, kw_only=True)
class Lag:
    """How a forecast's changes follow the truth's: with the true change, and with the last one known at the origin."""

    with_true: float
    with_previous: float

    @property
    def copies(self) -> bool:
        """True when the forecast moves with the previous change rather than with the true one."""
        return bool(self.with_previous > self.with_true)


def lag(truth: np.ndarray, forecast: np.ndarray, known: np.ndarray) -> Lag:
    """Correlates one-step changes of a forecast with the true change and with the previous one.

    Origins stand one row apart. The forecast's change is that between neighbouring origins at one horizon;
    the true change is that of the targets, the previous one that of the values known at the origins, so a forecast
    that repeats the last value has with_previous 1.

    Shape: truth, forecast and known (n,): target, forecast of it, and newest value known at the origin.
    """
    moves = [np.diff(v) for v in (forecast, truth, known)]
    good = ~np.isnan(moves[0]) & ~np.isnan(moves[1]) & ~np.isnan(moves[2])
    f, y, k = (m[good] for m in moves)
    return Lag(with_true=_correlation(f, y), with_previous=_correlation(f, k))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if a.size < 3 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
