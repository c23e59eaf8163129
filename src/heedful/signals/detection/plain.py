"""What any detector has to beat: how far a value is from its median, from its last neighbours, or from the one before.

Nothing here learns more than a median and a deviation, from the rows or windows that a network is trained on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from heedful.data.recordings import Cuts
from heedful.errors import unknown
from heedful.signals.baselines import log_spectrum, rms

OF_TABLES = {
    "level": "how far the value is from the median of the train rows, in robust deviations",
    "moving_z": "how far the value is from the mean of the rows just before it, in their deviations",
    "persistence": "how far the value is from the row before, in robust deviations of such steps",
}
OF_RECORDINGS = {
    "rms": "how far the logarithm of the window's root mean square is from its median, in robust deviations",
    "spectrum": "how far the log spectrum of the normalised window is from its median, in robust deviations",
}
SUMMARIES = {**OF_TABLES, **OF_RECORDINGS}
MOVING = 32
"""Rows that the moving mean looks back on."""
_MOST = 20_000


def robust(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives median and robust deviation (1.4826 median |x - median|) of each column; the plain one where that is 0.

    >>> robust(np.array([[1.0], [2.0], [3.0], [100.0]]))
    (array([2.5]), array([1.4826]))
    """
    centre = np.nanmedian(values, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(values - centre), axis=0)
    spread = np.where(spread > 0, spread, np.nanstd(values, axis=0))
    return centre, np.where(spread > 0, spread, 1.0)


def of_table(name: str, values: np.ndarray, fitted: slice) -> np.ndarray:
    """Scores every row of a table; of several columns the strangest counts.

    Args:
        name: one of `OF_TABLES`.
        values: the columns (rows, M), NaN where nothing was observed.
        fitted: the rows that median and deviation are taken from.

    Shape:  (rows, M) -> (rows,), NaN where there is nothing to score.
    Raises: UnknownName for another name.

    >>> of_table("persistence", np.array([[0.0], [1.0], [2.0], [9.0]]), slice(0, 3)).tolist()[1:]
    [1.0, 1.0, 7.0]
    """
    if name not in OF_TABLES:
        raise unknown("baseline", name, OF_TABLES)
    if name == "level":
        centre, spread = robust(values[fitted])
        return _strangest(np.abs(values - centre) / spread)
    if name == "moving_z":
        before = pd.DataFrame(values).rolling(MOVING, min_periods=MOVING // 2)
        mean, spread = (one.shift(1).to_numpy() for one in (before.mean(), before.std(ddof=0)))
        least = 1e-3 * robust(values[fitted])[1]
        return _strangest(np.abs(values - mean) / np.maximum(spread, least))
    steps = np.vstack([np.full((1, values.shape[1]), np.nan), np.diff(values, axis=0)])
    usual = np.nanmedian(np.abs(steps[fitted]), axis=0)
    usual = np.where(usual > 0, usual, np.nanmean(np.abs(steps[fitted]), axis=0))
    return _strangest(np.abs(steps) / np.where(usual > 0, usual, 1.0))


def of_recordings(name: str, train: Cuts) -> Callable[[Cuts], np.ndarray]:
    """Learns the usual level or spectrum of train windows; gives what scores others.

    Args:
        name: one of `OF_RECORDINGS`.

    Raises: UnknownName for another name.
    """
    if name not in OF_RECORDINGS:
        raise unknown("baseline", name, OF_RECORDINGS)

    def features(cuts: Cuts, index: np.ndarray) -> np.ndarray:
        if name == "spectrum":
            return log_spectrum(cuts, index)
        found: np.ndarray = np.log(np.maximum(rms(cuts, index), 1e-12))
        return found

    index = np.unique(np.linspace(0, len(train) - 1, min(_MOST, len(train))).astype(int))
    centre, spread = robust(features(train, index))

    def score(cuts: Cuts) -> np.ndarray:
        away = np.abs(features(cuts, np.arange(len(cuts))) - centre) / spread
        found: np.ndarray = away.max(1) if name == "rms" else np.sqrt((away**2).mean(1))
        return found

    return score


def _strangest(away: np.ndarray) -> np.ndarray:
    """Gives the largest of each row, NaN where all are missing."""
    known = np.isfinite(away)
    largest = np.where(known, away, -np.inf).max(1)
    found: np.ndarray = np.where(known.any(1), largest, np.nan)
    return found
