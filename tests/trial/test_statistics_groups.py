"""The contrast over groups of recordings: windows of a group are not independent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heedful.errors import OptionError, ShapeError
from heedful.trial.statistics import verdict
from heedful.trial.statistics.groups import contrast_groups
from heedful.trial.statistics.verdict import p_helps


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


@pytest.mark.parametrize("sizes", [[500, *[20] * 5], [1000, *[20] * 9], [600, *[20] * 30]])
def test_a_null_holds_its_level_where_one_group_dominates(sizes: list[int]) -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    found = [contrast_groups(losses(rng, groups, 5), losses(rng, groups, 5), groups) for _ in range(200)]
    assert np.mean([one.p < 0.05 for one in found]) < 0.1
    assert found[0].effective < 5
    assert found[0].independent == found[0].effective


def test_the_variance_and_degrees_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([3, 8, 20, 5, 14])
    d = rng.normal(size=(1, 5))
    w = sizes / sizes.sum()
    residual = np.eye(5) - np.outer(np.ones(5), w)
    cover = residual @ residual.T
    a = np.diag(w**2 / np.diag(cover))
    found = contrast_groups(np.repeat(d, sizes, axis=1), np.zeros((1, 50)), np.repeat(np.arange(5), sizes))
    assert found.error**2 == pytest.approx(float((residual @ d[0]) @ a @ (residual @ d[0])), rel=1e-10)
    squared = a @ cover @ a @ cover
    assert found.degrees == pytest.approx(np.trace(a @ cover) ** 2 / np.trace(squared), rel=1e-10)


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


def test_a_leaky_split_decides_nothing_and_one_in_time_claims_less() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    b = (rng.random((5, 200)) < 0.6).astype(float)
    a = b * (rng.random((5, 200)) < 0.5)
    said = {}
    for split in ("group", "time", "leaky"):
        one = contrast_groups(a, b, groups, split=split)
        said[split] = verdict(one, one, p_adjusted=p_helps(one, one))
    assert said["group"].outcome == said["time"].outcome == "helps"
    assert "groups like these" in said["group"].reasons[-1]
    assert "later stretches" in said["time"].reasons[-1]
    assert said["leaky"].outcome.startswith("not decidable")
    assert "Split by group" in said["leaky"].reasons[0]
