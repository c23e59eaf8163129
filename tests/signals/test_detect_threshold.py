"""Conformal thresholds: the rank, the promise, and what too few windows cannot promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heedful.errors import DataError, OptionError
from heedful.signals.detection.threshold import conformal, fewest, rate_of, smallest_rate


@pytest.mark.parametrize(("count", "rate"), [(99, 0.01), (99, 0.05), (240, 0.013), (1, 0.5), (37, 0.3)])
def test_the_threshold_is_the_smallest_score_that_few_enough_are_above(count, rate):
    scores = np.random.default_rng(count).permutation(np.arange(count) * 2.0)
    found = conformal(scores, rate)
    # One more score is equally likely in each of count + 1 places; it is above the k-th in count + 1 - k of them.
    above = (scores > found.value).sum() + 1
    assert above / (count + 1) <= rate + 1e-12
    lower = np.sort(scores)[found.rank - 2] if found.rank > 1 else -1.0
    assert ((scores > lower).sum() + 1) / (count + 1) > rate


def test_false_alarms_of_new_scores_are_within_chance_of_the_promise():
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(400):
        threshold = conformal(rng.gamma(2.0, size=199), 0.05)
        rates.append(threshold.alarms(rng.gamma(2.0, size=500)).mean())
    # The share above the k-th of n scores is Beta(n + 1 - k, k): its mean is the promise, at most.
    expected = stats.beta(199 + 1 - 190, 190)
    assert expected.mean() == pytest.approx(0.05)
    spread = np.sqrt((expected.var() + 0.05 * 0.95 / 500) / 400)
    assert abs(np.mean(rates) - 0.05) < 4 * spread


def test_too_few_windows_are_refused_with_how_many_are_needed():
    with pytest.raises(DataError, match=r"0.01 needs at least 99 calibration windows, got 98. Ask for 0.011 or more"):
        conformal(np.arange(98.0), 0.01)
    assert conformal(np.arange(99.0), 0.01).value == 98
    assert fewest(0.01) == 99
    for count in (3, 24, 98, 600):
        assert fewest(smallest_rate(count)) <= count


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.5])
def test_a_rate_is_between_zero_and_one(rate):
    with pytest.raises(OptionError, match="an alarm rate between 0 and 1"):
        conformal(np.arange(50.0), rate)


def test_missing_scores_neither_count_nor_cry():
    scores = np.r_[np.arange(19.0), [np.nan] * 5]
    found = conformal(scores, 0.05)
    assert (found.windows, found.value) == (19, 18.0)
    assert found.alarms(np.array([np.nan, 18.0, 18.5])).tolist() == [False, False, True]


def test_the_rate_is_what_is_asked_or_what_can_be_promised():
    assert rate_of(0.2, None, None, 5) == (0.2, "")
    assert rate_of(None, None, 24.0, 500) == (0.01, "")
    rate, note = rate_of(None, None, None, 40)
    assert rate == 0.025
    assert "40 calibration windows promise an alarm rate of 0.025 at best" in note
    assert rate_of(None, 3.0, 144.0, 500)[0] == pytest.approx(3 / 144)
    with pytest.raises(OptionError, match="got both"):
        rate_of(0.1, 1.0, 24.0, 500)
    with pytest.raises(OptionError, match="windows whose duration is known"):
        rate_of(None, 1.0, None, 500)
