"""A forecast is timed by itself and among many, whatever there is to forecast."""

from __future__ import annotations

import math
import time

from heedful.data import split, windows
from heedful.trial.pace import pace


def test_a_forecast_by_itself_and_among_many_are_told_apart(wave):
    laid = windows(split(wave).test, 6, 2)
    asked: list[int] = []

    def predict(some) -> None:
        asked.append(len(some))
        time.sleep(0.002 + 0.0001 * len(some))

    alone, among = pace(predict, laid)
    assert alone >= 2.1
    assert 0.1 <= among < alone / 3  # sleeping takes longer on a busy machine, never less
    assert asked.count(1) == 33
    assert set(asked) == {1, len(laid)}


def test_a_slow_network_is_not_timed_thirty_times(wave):
    laid, calls = windows(split(wave).test, 6, 2), []

    def predict(some) -> None:
        calls.append(len(some))
        time.sleep(0.4)

    alone, among = pace(predict, laid)
    assert len(calls) < 15
    assert alone > 400
    assert math.isfinite(among)
