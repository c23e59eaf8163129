"""Thresholds that promise how often they cry wolf: split conformal prediction on scores that no network has learned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heedful.errors import DataError, OptionError

USUAL_RATE = 0.01
"""False alarms per window, or step of a table, when nothing else is asked."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A score above `value` is an alarm.

    Args:
        value: in the unit of the scores.
        alarm_rate: false alarms per window that it promises at most, on average.
        windows: calibration windows that it was read off.
        rank: which of their scores it is, counted from the smallest.
    """

    value: float
    alarm_rate: float
    windows: int
    rank: int

    def alarms(self, scores: np.ndarray) -> np.ndarray:
        """Says which scores (n,) are alarms; a window without a score is none."""
        found: np.ndarray = scores > self.value
        return found


def conformal(scores: np.ndarray, alarm_rate: float) -> Threshold:
    r"""Gives the threshold that the score of one more usual window exceeds with a probability of at most the rate.

        value = the k-th smallest score, k = ceil((n + 1) (1 - rate))

    This holds for any network and any scores, if the calibration windows and the new one are exchangeable: as if they
    had been drawn in any order from one bowl. Windows that follow each other are not quite so, and a machine that wears
    is not at all: then the promise is approximate, and the share of alarms on later windows that are known to be usual
    is the check.

    Paper:   Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005; the rank as in Lei et al.,
             "Distribution-free predictive inference for regression", JASA 2018, arXiv:1604.04173v2, section 2.2.
    Differs: nothing; scores that are missing are left out.

    Args:
        scores: of calibration windows (n,), which neither trained the network nor chose its epoch.
        alarm_rate: between 0 and 1.

    Raises: OptionError for a rate outside 0 and 1; DataError for too few windows, with how many are needed.

    >>> conformal(np.arange(1.0, 100.0), 0.05)
    Threshold(value=95.0, alarm_rate=0.05, windows=99, rank=95)
    """
    known = np.sort(scores[np.isfinite(scores)])
    check_rate(alarm_rate, len(known))
    rank = _rank(alarm_rate, len(known))
    return Threshold(value=float(known[rank - 1]), alarm_rate=alarm_rate, windows=len(known), rank=rank)


def check_rate(alarm_rate: float, windows: int) -> None:
    """Makes sure that so many calibration windows can promise an alarm rate.

    Raises: OptionError for a rate outside 0 and 1; DataError for too few windows, with how many are needed.
    """
    if not 0 < alarm_rate < 1:
        raise OptionError(f"detect needs an alarm rate between 0 and 1, got {alarm_rate:g}. Usual is 0.01.")
    if _rank(alarm_rate, windows) > windows:
        raise DataError(
            f"An alarm rate of {alarm_rate:g} needs at least {fewest(alarm_rate):,} calibration windows, got "
            f"{windows:,}. Ask for {smallest_rate(windows):.2g} or more, a shorter step, or give the train part more."
        )


def _rank(alarm_rate: float, windows: int) -> int:
    return math.ceil((windows + 1) * (1 - alarm_rate) - 1e-9)


def fewest(alarm_rate: float) -> int:
    """Gives how many calibration windows a rate needs.

    >>> fewest(0.01), fewest(0.5)
    (99, 1)
    """
    return math.ceil(1 / alarm_rate - 1 - 1e-9)


def smallest_rate(windows: int) -> float:
    """Gives the smallest alarm rate, to two digits, that so many calibration windows can promise.

    >>> smallest_rate(99), smallest_rate(40)
    (0.01, 0.025)
    """
    rate = 1 / (windows + 1)
    unit = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return round(math.ceil(rate / unit - 1e-9) * unit, 12)


def rate_of(asked: float | None, per_day: float | None, points_a_day: float | None, windows: int) -> tuple[float, str]:
    """Gives the alarm rate per window, and what was decided, if anything was.

    Args:
        asked: false alarms per window; None leaves it at 1 %, or at what the calibration windows can promise.
        per_day: false alarms per day, in place of it.
        points_a_day: windows, or rows, a day; None if that is unknown.
        windows: calibration windows.

    Raises: OptionError for both, or alarms per day where the rate of samples is unknown.

    >>> rate_of(None, 2.0, 24.0, 500), rate_of(None, None, None, 40)[0]
    ((0.08333333333333333, '2 false alarms a day are a rate of 0.083 per window, of which there are 24 a day.'), 0.025)
    """
    if asked is not None and per_day is not None:
        raise OptionError("detect takes an alarm rate per window or per day, got both. Give one.")
    if per_day is not None:
        if points_a_day is None:
            raise OptionError(
                "Alarms per day need windows whose duration is known, and these have no rate. Name the rate or the "
                "time column, or give alarm_rate per window."
            )
        rate = per_day / points_a_day
        text = f"{per_day:g} false alarms a day are a rate of {rate:.2g} per window, of which there are "
        return rate, text + f"{points_a_day:,.6g} a day."
    if asked is not None:
        return asked, ""
    least = smallest_rate(windows) if windows else USUAL_RATE
    if least > USUAL_RATE:
        return least, f"{windows:,} calibration windows promise an alarm rate of {least:g} at best; that was taken."
    return USUAL_RATE, ""
