from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from heedful.errors import OptionError, ShapeError
from heedful.intervals import LEVELS, Intervals, check_levels, needed


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def share_held(truth: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    return float(np.mean((lower <= truth) & (truth <= upper)))


def around(point: np.ndarray):
    return lambda _: (point, point)


def test_the_margin_is_the_finite_sample_rank_of_the_absolute_residuals() -> None:
    truth, point = normal(37, 3), normal(37, 3, seed=1)
    made = Intervals.fit(truth, around(point), levels=(0.8, 0.9))
    for level, margin in zip(made.levels, made.margins, strict=True):
        for step in range(3):
            residuals = sorted(abs(t - p) for t, p in zip(truth[:, step], point[:, step], strict=True))
            assert margin[step] == residuals[math.ceil(38 * level) - 1]


def test_values_not_observed_do_not_count_and_steps_have_their_own_number() -> None:
    truth = normal(40, 2)
    truth[::2, 1] = np.nan
    made = Intervals.fit(truth, around(np.zeros((40, 2))), levels=(0.9, 0.95, 0.96))
    alone = Intervals.fit(truth[1::2, 1:], around(np.zeros((20, 1))), levels=(0.9, 0.95))
    assert made.windows == 20
    assert made.margins[:, 1].tolist() == alone.margins[:, 0].tolist()
    assert made.refused == (0.96,)


def test_a_member_has_its_own_margins_where_its_windows_can_carry_the_level() -> None:
    truth, zero = normal(33, 2) * np.repeat([1.0, 5.0, 20.0], [20, 10, 3])[:, None], np.zeros((33, 2))
    names = ["a"] * 20 + ["b"] * 10 + ["c"] * 3
    made = Intervals.fit(truth, around(zero), levels=(0.8, 0.95), members=names)
    alone = Intervals.fit(truth[20:30], around(zero[20:30]), levels=(0.8,))
    together = Intervals.fit(truth, around(zero), levels=(0.8, 0.95))
    _, high = made.widen(np.zeros((3, 2)), np.zeros((3, 2)), 0.8, ["b", "c", "new"])
    assert high.tolist() == [alone.margins[0].tolist(), *[together.margins[0].tolist()] * 2]
    _, high = made.widen(np.zeros((1, 2)), np.zeros((1, 2)), 0.95, ["b"])  # 10 of 19 windows
    assert high[0].tolist() == together.margins[1].tolist()
    assert made.widen(zero, zero, 0.8)[1][0].tolist() == together.margins[0].tolist()


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_offered_from_the_first_number_of_windows_that_can_carry_it(level: float) -> None:
    for count, offered in ((needed(level), True), (needed(level) - 1, False)):
        if count:
            made = Intervals.fit(normal(count, 2), around(np.zeros((count, 2))), levels=(level,))
            assert (made.levels == (level,)) is offered


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_coverage_on_new_noise_is_the_level_within_sampling_error(level: float) -> None:
    made = Intervals.fit(normal(999, 4, 2), around(np.zeros((999, 4, 2))), levels=(level,))
    truth = normal(5000, 4, 2, seed=9)
    low, high = made.widen(np.zeros((5000, 4, 2)), np.zeros((5000, 4, 2)), level)
    # Eight cells, each Beta(k, n + 1 - k) over calibrations: mean level, deviation sqrt(level (1 - level) / 1001).
    deviation = math.sqrt(level * (1 - level) * (1 / 1001 + 1 / 5000) / 8)
    assert abs(share_held(truth, low, high) - level) < 4 * deviation


@pytest.mark.parametrize("width", [0.3, 3.0])
def test_quantiles_are_widened_or_narrowed_to_the_level(width: float) -> None:
    def band(count: int, level: float) -> tuple[np.ndarray, np.ndarray]:
        half = np.full((count, 1), width * stats.norm.ppf((1 + level) / 2))
        return -half, half

    made = Intervals.fit(normal(999, 1), lambda level: band(999, level), levels=(0.8,))
    assert bool(made.margins[0, 0] > 0) is (width < 1)
    truth = normal(20_000, 1, seed=3)
    assert abs(share_held(truth, *made.widen(*band(20_000, 0.8), 0.8)) - 0.8) < 0.045  # four deviations


def test_bounds_that_would_cross_meet_in_their_middle() -> None:
    made = Intervals(levels=(0.5,), margins=np.array([[-2.0, 1.0]]), windows=10)
    low, high = made.widen(np.array([[-1.0, 0.0]]), np.array([[2.0, 0.0]]), 0.5)
    assert low.tolist() == [[0.5, -1.0]]
    assert high.tolist() == [[0.5, 1.0]]


def test_a_higher_level_holds_the_lower_ones_and_no_bound_moves_in() -> None:
    levels, calm = (0.5, 0.8), np.full((2, 1, 1), np.nan)
    calm[0] = 9.0  # the member carries the lower level only, with more than all windows ask for at the higher
    made = Intervals(levels=levels, margins=np.array([[1.0], [2.0]]), windows=30, members=("rough",), own=calm)
    lower, upper = np.array([[[-1.0]], [[-3.0]]]), np.array([[[5.0]], [[3.0]]])  # quantiles that cross
    for name, wanted in (("new", ([-2.0, -5.0], [6.0, 6.0])), ("rough", ([-10.0, -10.0], [14.0, 14.0]))):
        low, high = made.nested(lower, upper, levels, [name])
        assert (low.ravel().tolist(), high.ravel().tolist()) == wanted
    with pytest.raises(OptionError, match=r"levels that rise, got \(0.8, 0.5\)\. Sort them"):
        made.nested(lower, upper, (0.8, 0.5))


def test_a_level_that_is_not_offered_is_answered_with_those_that_are() -> None:
    made = Intervals.fit(normal(30, 2), around(np.zeros((30, 2))))
    assert made.levels == LEVELS[:6]
    with pytest.raises(OptionError, match=r"0.9, 0.95, got 0.99\. Level 0.99 needs 99 validation windows, .* 30"):
        made.place(0.99)
    with pytest.raises(OptionError, match=r"got 0.85\. Ask for one of these, or name the level"):
        made.widen(np.zeros((1, 2)), np.zeros((1, 2)), 0.85)
    assert repr(made) == "Intervals(50%, 60%, 70%, 80%, 90%, 95%; 30 validation windows)"


@pytest.mark.parametrize("level", [0, 1, -0.1, 1.5, True, float("nan"), "0.8"])
def test_a_level_outside_zero_and_one_is_refused(level: float) -> None:
    with pytest.raises(OptionError, match="between 0 and 1, such as 0.8"):
        check_levels((0.5, level))


def test_bounds_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \(10, 2\), got \(10, 1\)"):
        Intervals.fit(normal(10, 2), around(np.zeros((10, 1))), levels=(0.5,))
