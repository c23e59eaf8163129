"""How long a forecast takes: one window by itself, and one among many."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from heedful.data.windows import Windows
from heedful.forecasting.outputs import some_of

WARM_UP, TIMES, AT_ONCE, PASSES = 3, 30, 256, 3
_PATIENCE = 1.0  # seconds for each of the two: a slow network is timed fewer times


def pace(predict: Callable[[Windows], object], laid: Windows) -> tuple[float, float]:
    """Measures a forecast by itself and among many, from rows of the table to values in the target's units.

    The middle one of 30 times is taken, each of another of the newest windows, after three that do not count; among
    many, of three passes over 256 windows.

    Args:
        predict: forecasts the windows that it is given.
        laid: windows to forecast.

    Unit: milliseconds a window.

    >>> from heedful.trial.pace import _timed
    >>> round(_timed([lambda: time.sleep(0.01)] * 5), 2)
    0.01
    """
    count = len(laid)
    ones = [some_of(laid, count - 1 - k % count, count - k % count) for k in range(WARM_UP + TIMES)]
    many = some_of(laid, max(0, count - AT_ONCE), count)
    alone = _timed([lambda one=one: predict(one) for one in ones], WARM_UP)  # type: ignore[misc]
    together = _timed([lambda: predict(many)] * (1 + PASSES), 1)
    return 1000 * alone, 1000 * together / len(many)


def _timed(calls: list[Callable[[], object]], warm_up: int = 0) -> float:
    """Gives the middle of the seconds that calls take, the first ones aside; a few calls where they are slow."""
    took: list[float] = []
    for number, call in enumerate(calls):
        began = time.perf_counter()
        call()
        if number >= warm_up or number == len(calls) - 1:
            took.append(time.perf_counter() - began)
        if sum(took) > _PATIENCE:
            break
    return median(took)
