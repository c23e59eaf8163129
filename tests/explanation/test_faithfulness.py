from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from heedful.errors import OptionError, ShapeError
from heedful.explanation import faithfulness
from heedful.explanation.faithfulness import Curves, curves, gains, interval, measured


class Additive:
    """Units whose answer is the sum of what each is worth; what is filled the second way counts half."""

    fillings: ClassVar = ("none", "half")
    axis = "time"

    def __init__(self, worth: np.ndarray, real: np.ndarray | None = None) -> None:
        self.worth = torch.from_numpy(worth)
        self.real = torch.ones(worth.shape, dtype=torch.bool) if real is None else torch.from_numpy(real)
        self.passed = 0
        self.asked: list[tuple[torch.Tensor, torch.Tensor]] = []

    def left(self, keep: torch.Tensor, rows: torch.Tensor, filling: str) -> torch.Tensor:
        self.passed += len(rows)
        self.asked.append((keep, rows))
        worth = self.worth[rows] * self.real[rows]
        gone = 0.0 if filling == "none" else 0.5
        return torch.where(keep, worth, gone * worth).sum(1)


def worths(n: int = 6, units: int = 30, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(0.5, size=(n, units))


def by_loops(worth: np.ndarray, maps: np.ndarray, real: np.ndarray, gone: float) -> tuple[np.ndarray, np.ndarray]:
    """Curves of additive units, window by window and share by share."""
    without, alone = [], []
    for value, score, there in zip(worth, maps, real, strict=True):
        order = [u for u in np.argsort(-score) if there[u]]
        one, other = [], []
        for share in np.linspace(0, 1, 11):
            count = int(np.ceil(round(share * len(order), 9)))
            first, rest = value[order[:count]].sum(), value[order[count:]].sum()
            one.append(rest + gone * first)
            other.append(first + gone * rest)
        without.append(one)
        alone.append(other)
    return np.array(without), np.array(alone)


def test_curves_equal_those_made_in_loops_with_lengths_that_differ() -> None:
    worth, maps = worths(), worths(seed=1)
    real = np.arange(30) < np.array([30, 7, 1, 12, 29, 3])[:, None]
    units = Additive(worth, real)
    found = curves(units, maps)
    for at, gone in enumerate((0.0, 0.5)):
        without, alone = by_loops(worth, maps, real, gone)
        np.testing.assert_allclose(found.gone[at], without, atol=1e-12)
        np.testing.assert_allclose(found.kept[at], alone, atol=1e-12)
    assert all(not (keep & ~units.real[rows]).any() for keep, rows in units.asked)


def test_scores_are_areas_and_differences_at_a_fifth_signed_so_that_more_is_better() -> None:
    worth = worths()
    units = Additive(worth)
    right, wrong = curves(units, worth), curves(units, -worth)
    for metric in faithfulness.METRICS:
        for filling in units.fillings:
            assert (right.scores(metric, filling) > wrong.scores(metric, filling)).all()
    share = np.linspace(0, 1, 11)
    np.testing.assert_allclose(right.scores("deletion", "half"), -np.trapezoid(right.gone[1], share, axis=1))
    np.testing.assert_allclose(right.scores("insertion", "none"), np.trapezoid(right.kept[0], share, axis=1))
    top = np.sort(worth, 1)[:, -6:].sum(1)
    np.testing.assert_allclose(right.scores("comprehensiveness", "none"), top)
    np.testing.assert_allclose(right.scores("sufficiency", "none"), top - worth.sum(1))


def test_units_that_tie_go_in_random_order_not_by_place() -> None:
    units = Additive(np.tile(np.arange(20.0), (2000, 1)))
    found = curves(units, np.zeros((2000, 20)))
    # Half of the units, drawn at random, are worth half of 190 (standard error 0.3).
    assert abs(found.gone[0][:, 5].mean() - 95) < 1.5
    again, other = curves(units, np.zeros((2000, 20))), curves(units, np.zeros((2000, 20)), seed=1)
    np.testing.assert_array_equal(found.gone, again.gone)
    assert not np.array_equal(found.gone, other.gone)


def test_a_map_costs_36_passes_and_the_ends_three() -> None:
    units = Additive(worths())
    controls = {"a": (worths(seed=2), worths(seed=3)), "b": (worths(seed=4),)}
    measured(units, worths(seed=1), controls)
    assert units.passed == 6 * (3 + 4 * 36)


def test_shares_that_take_the_same_units_are_asked_once() -> None:
    units = Additive(worths(units=3))
    found = curves(units, worths(units=3, seed=1))
    assert units.passed == 6 * (3 + 4 * 3)
    np.testing.assert_array_equal(found.gone[0][:, 1], found.gone[0][:, 3])


def test_draws_of_a_control_are_averaged() -> None:
    units, draws = Additive(worths()), (worths(seed=2), worths(seed=3))
    found = measured(units, worths(seed=1), {"a": draws}, seed=5).controls["a"]
    np.testing.assert_allclose(found.gone, (curves(units, draws[0]).gone + curves(units, draws[1]).gone) / 2)
    tied = np.zeros((6, 30))
    alike = measured(units, tied, {"a": (tied,)})
    assert not np.allclose(alike.gone, alike.controls["a"].gone)


def test_gains_tell_how_much_better_than_each_control_in_all_windows_and_each_part() -> None:
    worth = worths(n=24)
    found = measured(Additive(worth), worth, {"random": (worths(n=24, seed=2),), "wrong": (-worth,)})
    groups = np.arange(24) // 3
    parts = {"first": groups < 5, "few": groups < 2}
    rows = gains(found, groups, parts=parts)
    assert len(rows) == 3 * 4 * 2 * 2
    row = {(one.of, one.metric, one.filling, one.control): one for one in rows}
    one = row["first", "deletion", "half", "wrong"]
    better = found.scores("deletion", "half") - found.controls["wrong"].scores("deletion", "half")
    assert one.mean == pytest.approx(better[:15].mean())
    assert (one.low, one.high) == pytest.approx(interval(better[:15], groups[:15])[1:3])
    assert (one.groups, one.windows) == (5, 15)
    assert 0 < one.low < one.mean < one.high
    assert row["all", "insertion", "none", "wrong"].mean > row["all", "insertion", "none", "random"].mean > 0
    few = row["few", "insertion", "none", "wrong"]
    assert np.isnan([few.low, few.high]).all()
    assert few.groups == 2


def test_a_wider_level_gives_a_wider_interval() -> None:
    values, groups = np.random.default_rng(0).normal(size=40), np.arange(40) // 4
    narrow, wide = interval(values, groups, 0.8), interval(values, groups, 0.99)
    assert wide[1] < narrow[1] < narrow[2] < wide[2]


@pytest.mark.parametrize(("groups", "tails"), [(5, 30), (10, 30), (20, 30), (10, 4)])
def test_intervals_hold_their_level_over_groups_that_differ(groups: int, tails: int) -> None:
    rng = np.random.default_rng(groups)
    sizes = rng.integers(2, 20, groups)
    own = np.repeat(np.arange(groups), sizes)
    runs = 3000
    values = rng.standard_t(tails, (runs, groups))[:, own] + 1.5 * rng.normal(size=(runs, len(own)))
    bounds = np.array([interval(one, own, 0.9)[1:3] for one in values])
    missed = (bounds[:, 0] > 0).mean(), (bounds[:, 1] < 0).mean()
    # 5 % on either side; the standard error of 3000 runs is 0.4 %.
    assert max(missed) < 0.062
    assert min(missed) > 0.03


def test_resampling_whole_groups_would_not_hold_it_with_five() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(2000, 5))
    drawn = means[np.arange(2000)[:, None, None], rng.integers(5, size=(2000, 400, 5))].mean(2)
    assert (np.quantile(drawn, 0.05, axis=1) > 0).mean() > 0.08
    low = np.array([interval(one, np.arange(5), 0.9)[1] for one in means])
    assert (low > 0).mean() < 0.065


def test_no_windows_give_no_numbers() -> None:
    mean, low, high, groups = interval(np.empty(0), np.empty(0, int))
    assert np.isnan([mean, low, high]).all()
    assert groups == 0


def test_wrong_requests_are_refused_with_advice() -> None:
    units = Additive(worths())
    with pytest.raises(ShapeError, match=r"\(6, 30\), got maps \(6, 29\). Bring the map to the units"):
        curves(units, np.zeros((6, 29)))
    with pytest.raises(OptionError, match=r"finite numbers, got NaN or infinity. Leave those windows out"):
        curves(units, np.full((6, 30), np.nan))
    for shares in ((), (0.5,), (0.0, 1.0), (0.5, 0.2, 1.0)):
        with pytest.raises(OptionError, match=r"rise from above 0 to 1, got .*End them with 1"):
            curves(units, worths(), shares=shares)
    found = Curves(fillings=("a", "b"), shares=np.array([0, 1.0]), gone=np.zeros((2, 6, 2)), kept=np.zeros((2, 6, 2)))
    with pytest.raises(ShapeError, match=r"one group for each of 6 windows, got \(5,\). Give subject.groups"):
        gains(found, np.arange(5))
