from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from heedful.errors import DataError, OptionError, ShapeError
from heedful.explanation.agreement import agreement, ranks, spearman, unit_ranks


def ragged(n: int = 7, window: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two maps with many ties, and which samples are real: lengths from 3 up."""
    rng = np.random.default_rng(3)
    a = rng.integers(0, 5, size=(n, window)).astype(float)
    b = np.round(a + rng.normal(size=(n, window)) * 2)
    lengths = np.linspace(5, window, n).astype(int)
    return a, b, np.arange(window) < lengths[:, None]


def test_rank_correlation_is_scipys_window_by_window() -> None:
    a, b, real = ragged()
    one_by_one = [stats.spearmanr(u[m], v[m]).statistic for u, v, m in zip(a, b, real, strict=True)]
    np.testing.assert_allclose(spearman(a, b, real), one_by_one, rtol=1e-12)  # both in float64


def test_ranks_are_scipys_with_ties_sharing_their_mean() -> None:
    a, _, real = ragged()
    found, _ = ranks(a, real)
    for row, values, m in zip(found, a, real, strict=True):
        assert row[m].tolist() == stats.rankdata(values[m]).tolist()
        assert not row[~m].any()


def test_what_stands_in_padding_changes_nothing() -> None:
    a, b, real = ragged()
    assert spearman(np.where(real, a, np.nan), np.where(real, b, -1e9), real).tolist() == spearman(a, b, real).tolist()


def test_only_the_order_of_a_map_counts() -> None:
    a = np.random.default_rng(0).normal(size=(3, 16))
    real = np.ones(a.shape, dtype=bool)
    np.testing.assert_allclose(spearman(a, np.exp(a), real), 1, rtol=1e-12)
    np.testing.assert_allclose(spearman(a, -(a**3), real), -1, rtol=1e-12)


def test_tensors_do_as_well_as_arrays() -> None:
    a, b, real = ragged()
    tensors = [torch.from_numpy(one) for one in (a, b, real)]
    tensors[0].requires_grad_()
    assert spearman(*tensors).tolist() == spearman(a, b, real).tolist()


def test_a_map_that_is_the_same_everywhere_agrees_with_nothing_and_is_counted() -> None:
    a, b, real = ragged()
    a[2] = 1 / 3
    b[4] = np.where(real[4], 0.0, 9.0)  # constant where it counts
    each = spearman(a, b, real)
    assert np.isnan(each).nonzero()[0].tolist() == [2, 4]
    [one] = agreement({"a": a, "b": b}, real, np.arange(7))
    assert (one.windows, one.constant, one.groups) == (5, 2, 5)
    assert one.alike == pytest.approx(np.nanmean(each))
    assert "2 constant" in repr(one)


def test_groups_count_alike_however_many_windows_they_have() -> None:
    a = np.tile(np.arange(8.0), (6, 1))
    b = a.copy()
    b[5] *= -1
    [one] = agreement({"a": a, "b": b}, np.ones(a.shape, dtype=bool), np.array([0, 0, 0, 0, 0, 1]))
    assert one.alike == pytest.approx(0.0)  # (1 - 1) / 2, where windows alone would give 2/3
    assert (one.groups, one.windows) == (2, 6)
    assert np.isnan(one.low)  # two groups carry no interval


def test_all_pairs_are_compared_in_order_with_an_interval_from_five_groups_on() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(size=(40, 16))
    maps = {"a": base, "b": base + rng.normal(size=base.shape), "c": rng.normal(size=base.shape)}
    found = agreement(maps, np.ones(base.shape, dtype=bool), np.arange(40) // 5)
    assert [one.maps for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found[0].low > 0.4
    assert found[1].low < 0 < found[1].high


def test_a_map_must_be_finite_where_samples_are_real() -> None:
    a, b, real = ragged()
    a[1, 0] = np.nan
    with pytest.raises(DataError, match="finite numbers"):
        spearman(a, b, real)


def test_shapes_must_fit() -> None:
    a, b, real = ragged()
    with pytest.raises(ShapeError, match="Average over heads"):
        unit_ranks(a[:, None], real)
    with pytest.raises(ShapeError, match="one number for each sample"):
        spearman(a, b[:3], real)
    with pytest.raises(ShapeError, match="group for each window"):
        agreement({"a": a, "b": b}, real, np.zeros(3))
    with pytest.raises(OptionError, match="two maps"):
        agreement({"a": a}, real, np.zeros(7))
