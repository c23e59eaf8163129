from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heedful.errors import OptionError, ShapeError
from heedful.explanation import controls
from heedful.explanation.agreement import spearman


def stretches(maps: np.ndarray) -> float:
    """Into how many pieces the most important fifth of a window falls, on the whole."""
    rank = np.argsort(np.argsort(-maps, 1, kind="stable"), 1)
    top = np.pad(rank < maps.shape[1] // 5, ((0, 0), (1, 0)))
    return float((top[:, 1:] & ~top[:, :-1]).sum(1).mean())


def smoothed(n: int = 60, units: int = 96, width: int = 9) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(n, units + width - 1))
    return np.lib.stride_tricks.sliding_window_view(noise, width, axis=1).mean(2)


def whole(maps: np.ndarray) -> np.ndarray:
    return np.ones(maps.shape, bool)


def uneven(n: int, units: int) -> np.ndarray:
    lengths = np.random.default_rng(1).integers(1, units + 1, n)
    lengths[:4] = (units, 1, 2, 3)
    return np.arange(units) < lengths[:, None]


def bump(n: int = 60, units: int = 96) -> np.ndarray:
    places = np.random.default_rng(2).integers(10, units - 10, n)[:, None]
    return np.exp(-0.5 * ((np.arange(units) - places) / 4) ** 2)


MAPS = {
    "smooth": smoothed(),
    "rough": np.random.default_rng(3).normal(size=(60, 96)),
    "bump": bump(),
    "steps": np.repeat(np.random.default_rng(4).normal(size=(60, 12)), 8, axis=1),
    "ramp": np.tile(np.linspace(0, 1, 96), (60, 1)),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_smooth_random_map_is_as_smooth_as_the_map_and_has_its_values(name: str) -> None:
    maps = MAPS[name]
    drawn = controls.smooth_random(maps, whole(maps), np.random.default_rng(5))
    np.testing.assert_array_equal(np.sort(drawn, 1), np.sort(maps, 1))
    # What is taken away first falls into about as many pieces as before: 15 of white noise, 1 of a bump.
    most = {"smooth": 7.5, "rough": 17, "bump": 2.4, "steps": 6.5, "ramp": 1.5}[name]
    assert 0.8 * stretches(maps) < stretches(drawn) < most
    alike = spearman(maps, drawn, whole(maps))
    assert np.abs(alike).max() < 1
    # A surrogate of a ramp rises or falls; 60 of them lean one way by less than 3 / sqrt(60).
    assert abs(alike.mean()) < 0.39


@pytest.mark.parametrize("draw", [controls.smooth_random, controls.permuted])
def test_maps_drawn_together_are_as_alike_from_window_to_window_as_before(draw: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(7)
    one, each, real = smoothed(n=1), smoothed(), np.ones((60, 96), bool)
    same = draw(np.tile(one, (60, 1)), real, rng, together=True)
    assert (same == same[0]).all()
    assert np.array_equal(np.sort(same[0]), np.sort(one[0]))
    assert abs(spearman(same[:1], one, real[:1])[0]) < 0.9
    for part in (0.0, 0.5, 0.9):
        maps = np.sqrt(part) * one + np.sqrt(1 - part) * each
        drawn = draw(maps, real, rng, together=True)
        before, after = (spearman(of[:30], of[30:], real[:30]).mean() for of in (maps, drawn))
        assert after == pytest.approx(before, abs=0.1)
        apart = draw(maps, real, rng)
        assert abs(spearman(apart[:30], apart[30:], real[:30]).mean()) < 0.1


def test_smooth_random_maps_know_nothing_of_the_place() -> None:
    maps = np.tile(bump()[:1], (4000, 1))
    drawn = controls.smooth_random(maps, whole(maps), np.random.default_rng(6)).mean(0)
    inside = maps[0] > 0.5
    # Standard errors are 0.016 deviations of the map.
    assert abs(drawn[inside].mean() - drawn[10:-10].mean()) < 0.1 * maps.std()


def test_units_that_are_not_real_stay_empty_and_lend_nothing() -> None:
    real = uneven(50, 30)
    maps = np.where(real, np.random.default_rng(7).normal(size=real.shape), 1e9)
    groups = np.arange(50) // 5
    found = controls.controls(maps, real, groups, magnitude=np.abs(maps))
    for each in found.values():
        for one in each:
            assert one.shape == maps.shape
            assert (one[~real] == 0).all()
            assert np.abs(one).max() < 1e3
    for name in (controls.SMOOTH, controls.SHIFTED):
        for one in found[name]:
            for i in range(50):
                np.testing.assert_array_equal(np.sort(one[i][real[i]]), np.sort(maps[i][real[i]]))


def test_constant_and_short_maps_have_controls_too() -> None:
    real = np.ones((3, 2), bool)
    maps = np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 2.0]])
    drawn = controls.smooth_random(np.tile(maps, (100, 1)), np.tile(real, (100, 1)), np.random.default_rng(8))
    assert (drawn[0::3] == 1).all()
    share = (drawn[2::3] == maps[2]).all(1).mean()
    assert 0.3 < share < 0.7
    constant = np.full((3, 40), 2.5)
    np.testing.assert_array_equal(controls.smooth_random(constant, whole(constant), np.random.default_rng(9)), constant)


def test_a_shift_is_a_circle_of_a_tenth_or_more_and_nine_tenths_or_less() -> None:
    maps = np.tile(np.arange(30.0), (3000, 1))
    moved = controls.shifted(maps, whole(maps), np.random.default_rng(10))
    by = (-moved[:, 0].astype(int)) % 30
    assert set(by) == set(range(3, 28))
    assert all((np.roll(maps[0], k) == row).all() for k, row in zip(by, moved, strict=True))


def test_another_window_is_of_another_group_and_stretched() -> None:
    groups = np.repeat(np.arange(5), [1, 7, 2, 3, 4])
    maps = np.repeat(groups[:, None].astype(float), 12, axis=1)
    for seed in range(20):
        other = controls.other_window(maps, whole(maps), groups, np.random.default_rng(seed))
        assert (other[:, 0] != groups).all()
    real = np.arange(9) < np.array([9, 5])[:, None]
    ramps = np.where(real, np.arange(9) / np.array([8, 4])[:, None], 0)
    other = controls.other_window(ramps, real, np.arange(2), np.random.default_rng(0))
    np.testing.assert_allclose(other, ramps, atol=1e-12)


def test_partners_are_drawn_evenly_and_within_the_only_group_where_there_is_one() -> None:
    groups = np.array([0, 0, 1, 1, 2])
    drawn = np.stack([controls.partners(groups, np.random.default_rng(seed)) for seed in range(3000)])
    share = np.bincount(drawn[:, 0], minlength=5) / 3000
    np.testing.assert_allclose(share, [0, 0, 1 / 3, 1 / 3, 1 / 3], atol=0.04)
    alone = controls.partners(np.zeros(6), np.random.default_rng(0))
    assert (alone != np.arange(6)).all()


def test_a_mean_map_leaves_its_own_group_out() -> None:
    maps = np.random.default_rng(11).normal(size=(12, 20))
    groups = np.repeat([4, 1, 7], [3, 4, 5])
    found = controls.mean_map(maps, whole(maps), groups)
    unit = (maps - maps.mean(1, keepdims=True)) / maps.std(1, keepdims=True)
    for i in range(12):
        np.testing.assert_allclose(found[i], unit[groups != groups[i]].mean(0), atol=1e-12)
    alone = controls.mean_map(maps, whole(maps), np.zeros(12))
    np.testing.assert_allclose(alone[3], np.delete(unit, 3, 0).mean(0), atol=1e-12)


def test_units_without_an_order_are_permuted_and_have_no_recency() -> None:
    maps = np.random.default_rng(12).normal(size=(9, 5))
    for axis in ("column", "channel"):
        found = controls.controls(maps, whole(maps), np.arange(9) // 3, axis=axis)
        assert controls.PERMUTED in found
        assert not {controls.SMOOTH, controls.RECENCY} & set(found)
        assert len(found[controls.PERMUTED]) == controls.DRAWS
    assert controls.RECENCY not in controls.controls(maps, whole(maps), np.arange(9) // 3, axis="frequency")


def test_the_same_seed_draws_the_same_controls() -> None:
    maps, groups = smoothed(8, 20), np.arange(8) // 2
    first, again, other = (controls.controls(maps, whole(maps), groups, seed=seed) for seed in (3, 3, 4))
    for name in (controls.SMOOTH, controls.SHIFTED):
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])


def test_wrong_maps_and_single_windows_are_refused_with_advice() -> None:
    with pytest.raises(ShapeError, match=r"got \(3, 4\) and \(3, 5\). Give one map for each window"):
        controls.controls(np.zeros((3, 4)), np.ones((3, 5), bool), np.arange(3))
    for make in (controls.controls, controls.mean_map):
        with pytest.raises(OptionError, match=r"needs two windows at least, got one. Explain more windows"):
            make(np.zeros((1, 4)), np.ones((1, 4), bool), np.arange(1))
