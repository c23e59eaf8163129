"""The contrast over groups of recordings: windows of a group are not independent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heedful.errors import OptionError, ShapeError
from heedful.trial.statistics.groups import contrast_groups


def losses(rng: np.random.Generator, groups: np.ndarray, seeds: int) -> np.ndarray:
    """Errors of one arm whose groups and seeds have chances of their own."""
    count = groups.max() + 1
    score = -1 + rng.normal(0, 0.7, count) + rng.normal(0, 0.4, (seeds, 1)) + rng.normal(0, 0.5, (seeds, count))
    return (rng.random((seeds, len(groups))) < 1 / (1 + np.exp(-score))[:, groups]).astype(float)


def test_a_true_null_is_rejected_about_as_often_as_said() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), rng.integers(3, 40, 12))
    found = [contrast_groups(losses(rng, groups, 5), losses(rng, groups, 5), groups) for _ in range(400)]
    assert 0.02 < np.mean([one.p < 0.05 for one in found]) < 0.085  # 5 % within three standard errors


def test_windows_taken_for_independent_would_reject_far_too_often() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), 20)
    naive = [stats.ttest_rel(losses(rng, groups, 5).ravel(), losses(rng, groups, 5).ravel()).pvalue for _ in range(200)]
    assert np.mean(np.array(naive) < 0.05) > 0.3


def test_one_window_a_group_and_one_seed_is_a_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1, 30))
    found = contrast_groups(a, b, np.arange(30))
    expected = stats.ttest_rel(a[0], b[0])
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-10)


def test_the_effect_is_the_difference_of_the_error_rates_however_groups_are_sized() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), (2, 5, 9, 40))
    a, b = (rng.random((2, 3, 56)) < 0.4).astype(float)
    assert contrast_groups(a, b, groups).effect == pytest.approx(a.mean() - b.mean(), rel=1e-12)
    assert contrast_groups(a, b, groups, absolute=False).effect == pytest.approx(a.mean() / b.mean() - 1, rel=1e-12)


def test_the_words_say_groups() -> None:
    rng = np.random.default_rng(0)
    found = contrast_groups(rng.random((2, 8)), rng.random((2, 8)), np.repeat(np.arange(4), 2))
    assert str(found).endswith("2 seeds x 4 groups")


def test_losses_of_other_windows_and_shares_of_nothing_are_refused() -> None:
    with pytest.raises(ShapeError, match="same windows"):
        contrast_groups(np.zeros((2, 8)), np.zeros((2, 7)), np.arange(8))
    with pytest.raises(OptionError, match="absolute"):
        contrast_groups(np.ones((2, 8)), np.zeros((2, 8)), np.arange(8), absolute=False)
    with pytest.raises(OptionError, match="level"):
        contrast_groups(np.ones((2, 8)), np.zeros((2, 8)), np.arange(8), level=1.0)
