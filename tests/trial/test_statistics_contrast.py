from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal, stats

from heedful.errors import DataError, OptionError, ShapeError
from heedful.trial.statistics import contrast, correlation_time


def pair(seed: int = 0, seeds: int = 3, origins: int = 240, gain: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = rng.chisquare(6, origins)
    a = shared + rng.chisquare(3, (seeds, origins)) + 0.3 * rng.random((seeds, 1)) - gain
    b = shared + rng.chisquare(3, (seeds, origins)) + 0.3 * rng.random((seeds, 1))
    return a, b


def in_loops(a: np.ndarray, b: np.ndarray, blocks: int) -> tuple[float, float, float]:
    """Effect, standard error and degrees of freedom with equal blocks and horizon 1, sum by sum."""
    S, N = a.shape
    scale = sum(b[s, t] for s in range(S) for t in range(N)) / (S * N)
    length = N // blocks
    cell = [
        [sum((a[s, t] - b[s, t]) / scale for t in range(k * length, (k + 1) * length)) / length for k in range(blocks)]
        for s in range(S)
    ]
    mean = sum(map(sum, cell)) / (S * blocks)
    rows = [sum(row) / blocks for row in cell]
    columns = [sum(cell[s][k] for s in range(S)) / S for k in range(blocks)]
    vs = sum((x - mean) ** 2 for x in rows) / (S - 1) / S
    vb = sum((x - mean) ** 2 for x in columns) / (blocks - 1) / blocks
    rest = sum((cell[s][k] - rows[s] - columns[k] + mean) ** 2 for s in range(S) for k in range(blocks))
    vi = rest / ((S - 1) * (blocks - 1)) / (S * blocks)
    neighbours = sum((columns[k] - mean) * (columns[k + 1] - mean) for k in range(blocks - 1))
    if neighbours / sum((x - mean) ** 2 for x in columns) > 0.3:
        raise AssertionError("choose data without drift")
    return mean, math.sqrt(max(vs + vb - vi, vs, vb)), (vs + vb) ** 2 / (vs**2 / (S - 1) + vb**2 / (blocks - 1))


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_a_contrast_equals_its_formula_written_in_loops(seed):
    a, b = pair(seed)
    found = contrast(a, b, horizon=1)
    assert found.tau == pytest.approx(1, abs=1e-9)  # else the blocks share something, which is tested below
    mean, error, degrees = in_loops(a, b, found.blocks)
    assert found.blocks == 12
    assert found.effect == pytest.approx(mean, rel=1e-10)
    assert found.error == pytest.approx(error, rel=1e-10)
    assert found.degrees == pytest.approx(degrees, rel=1e-10)
    t = stats.t(degrees)
    assert found.p == pytest.approx(2 * t.sf(abs(mean / error)), rel=1e-8)
    assert found.p_better == pytest.approx(t.cdf(mean / error), rel=1e-8)
    assert found.low == pytest.approx(mean - t.ppf(0.975) * error, rel=1e-8)
    assert found.detectable == pytest.approx((t.ppf(0.975) + t.ppf(0.8)) * error, rel=1e-8)


def test_a_negative_effect_is_a_lower_loss_of_the_first():
    b = pair()[1]
    found = contrast(0.9 * b, b, horizon=1)
    assert found.effect == pytest.approx(-0.1, rel=1e-12)
    assert found.mean == pytest.approx(-0.1 * b.mean(), rel=1e-12)
    assert found.p_better < 1e-6
    assert found.high < 0
    back = contrast(b, 0.9 * b, horizon=1)
    assert back.effect > 0
    assert back.p_better > 1 - 1e-6


def test_equal_models_do_not_differ():
    b = pair()[1]
    found = contrast(b, b, horizon=1)
    assert (found.effect, found.p, found.low, found.high) == (0, 1, 0, 0)


def test_origins_without_truth_are_left_out_for_all_seeds():
    a, b = pair(origins=480)
    a[1, 100:130] = np.nan
    b[2, 300] = np.nan
    seen = np.ones(480, bool)
    seen[100:130] = seen[300] = False
    found = contrast(a, b, horizon=1, season=24)
    assert found.origins == 449
    assert found.effect == pytest.approx(a[:, seen].mean() / b[:, seen].mean() - 1, rel=1e-10)


def test_blocks_stay_on_seasons_where_origins_are_missing():
    day = np.tile(np.sin(2 * np.pi * np.arange(24) / 24), 50)
    b = np.ones((3, len(day)))
    a = b + day
    a[:, 24:48] = np.nan  # one whole day
    found = contrast(a, b, horizon=1, season=24)
    assert found.blocks == 12
    assert np.abs(found.block_means).max() < 1e-12
    assert np.abs(contrast(a, b, horizon=1).block_means).max() > 1e-3


@pytest.mark.parametrize(
    ("origins", "horizon", "season", "blocks"),
    [
        (2785, 96, None, 9),
        (2785, 1, None, 12),
        (1000, 1, 168, 5),
        (2545, 336, None, 4),
        (60, 1, None, 12),
        (1200, 336, None, 2),
    ],
)
def test_blocks_are_three_horizons_and_a_season_long_or_four_shorter_ones(origins, horizon, season, blocks):
    a, b = pair(4, origins=origins)
    assert contrast(a, b, horizon=horizon, season=season).blocks == blocks


def test_a_test_span_without_two_blocks_has_no_interval():
    a, b = pair(origins=100)
    found = contrast(a, b, horizon=96)
    assert found.blocks == 1
    assert (found.low, found.high, found.p, found.p_better) == (-math.inf, math.inf, 1, 1)


def test_blocks_that_share_windows_count_for_less():
    a, b = pair(5, origins=1200)
    wide, narrow = contrast(a, b, horizon=30), contrast(a, b, horizon=1)
    assert wide.blocks == narrow.blocks == 12
    assert wide.error > 1.005 * narrow.error


def test_the_share_of_neighbouring_blocks_is_that_of_simulated_windows():
    from heedful.trial.statistics.contrast import _shared

    rng = np.random.default_rng(0)
    w, blocks, length = 20, 8, 60
    noise = np.cumsum(np.pad(rng.standard_normal((20000, blocks * length + w - 1)), ((0, 0), (1, 0))), 1)
    means = (noise[:, w:] - noise[:, :-w]).reshape(20000, blocks, length).mean(2)
    truth = means.mean(1).var() / (means.var(1, ddof=1).mean() / blocks)
    assert _shared(w, blocks * length, blocks, 0.0) == pytest.approx(truth, rel=0.03)  # 20,000 runs: 1 % each


def test_a_drift_is_seen_and_widens_the_interval():
    a, b = pair(6)
    order = np.linspace(-1, 1, 240)
    found = contrast(a + order, b, horizon=1)
    assert found.drift > 0.3
    shuffled = contrast(a + np.random.default_rng(0).permutation(order), b, horizon=1)
    assert shuffled.drift <= 0.3
    assert found.error > 1.5 * shuffled.error


def test_drifting_blocks_count_for_less_than_the_same_blocks_in_another_order():
    a, b = pair(6)
    a = a + np.linspace(-1, 1, 240)
    order = np.array([3, 10, 0, 7, 5, 11, 2, 8, 1, 9, 4, 6])
    moved = (np.arange(12)[order][:, None] * 20 + np.arange(20)).ravel()
    found, mixed = contrast(a, b, horizon=1), contrast(a[:, moved], b[:, moved], horizon=1)
    assert found.drift > 0.3 >= mixed.drift
    assert sorted(found.block_means) == pytest.approx(sorted(mixed.block_means))
    assert found.error > 1.2 * mixed.error


def test_seeds_that_differ_widen_the_interval():
    a, b = pair(7, seeds=5)
    apart = contrast(a + np.array([[-1.0], [1], [-1], [1], [0]]), b, horizon=1)
    assert apart.error > 2 * contrast(a, b, horizon=1).error
    assert apart.degrees < 5


def test_one_seed_is_judged_by_blocks_alone():
    a, b = pair(seeds=1)
    found = contrast(a, b, horizon=1)
    assert found.seeds == 1
    assert found.degrees == pytest.approx(11)
    assert found.error == pytest.approx(np.std(found.block_means, ddof=1) / math.sqrt(12), rel=0.15)


def test_series_are_a_third_factor_where_the_claim_is_about_new_ones():
    a, b = pair(8)
    shift = np.array([-0.5, 0.5, -0.4, 0.4])[:, None, None]
    many_a, many_b = np.stack([a] * 4) + shift, np.stack([b] * 4)
    new, these = contrast(many_a, many_b, horizon=1), contrast(many_a.mean(0), many_b.mean(0), horizon=1)
    assert new.effect == pytest.approx(these.effect)
    between = (shift.ravel() / b.mean()).var(ddof=1) / 4
    assert new.error**2 == pytest.approx(these.error**2 + between, rel=1e-8)
    assert new.high - new.low > these.high - these.low


@pytest.mark.parametrize("season", [None, 24])
def test_equal_models_with_correlated_errors_are_told_apart_in_one_run_of_twenty(season):
    rng = np.random.default_rng(9)
    runs, found, naive = 400, 0, 0
    for _ in range(runs):
        shape = [(1, 1, 1200), (2, 1, 1200), (2, 5, 1200)]
        errors = sum(signal.lfilter([1], [1, -0.9], rng.standard_normal(one), axis=-1) for one in shape)
        sums = np.cumsum(errors**2, -1)
        a, b = sums[..., 24:] - sums[..., :-24]
        found += contrast(a, b, horizon=24, season=season).p < 0.05
        naive += stats.ttest_rel(a.mean(0), b.mean(0)).pvalue < 0.05
    assert 0.02 <= found / runs <= 0.085  # 5 % with a standard error of 1.1 points, and up to 1 point of bias
    assert naive / runs > 0.5


def test_the_correlation_time_of_an_autoregression_is_found():
    noise = np.random.default_rng(0).standard_normal(40000)
    for rho in (0.0, 0.5, 0.9):
        series = signal.lfilter([1], [1, -rho], noise)
        assert correlation_time(series) == pytest.approx((1 + rho) / (1 - rho), rel=0.15)


def test_missing_values_and_seasons_do_not_lengthen_the_correlation_time():
    rng = np.random.default_rng(1)
    series = signal.lfilter([1], [1, -0.5], rng.standard_normal(20000))
    holes = np.where(rng.random(20000) < 0.3, np.nan, series)
    assert correlation_time(holes) == pytest.approx(3, rel=0.15)
    daily = series + 5 * np.sin(2 * np.pi * np.arange(20000) / 24)
    assert correlation_time(daily, 24) == pytest.approx(3, rel=0.15)


def test_a_constant_series_has_no_correlation_time():
    assert correlation_time(np.ones(50)) == 1
    assert correlation_time(np.array([1.0, np.nan])) == 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda a, b: (a[:2], b, {}), ShapeError, "one shape.*Give both models the same seeds"),
        (lambda a, b: (a[0], b[0], {}), ShapeError, "one shape"),
        (lambda a, b: (a, 0 * b, {}), DataError, "positive mean loss"),
        (lambda a, b: (a * np.nan, b, {}), DataError, "got 0 origins"),
        (lambda a, b: (a, b, {"horizon": 0}), OptionError, "at least 1, got 0"),
        (lambda a, b: (a, b, {"season": 0}), OptionError, "at least 1"),
        (lambda a, b: (a, b, {"level": 1.0}), OptionError, "between 0 and 1"),
    ],
)
def test_losses_that_cannot_be_compared_are_refused(change, error, words):
    a, b, options = change(*pair())
    with pytest.raises(error, match=words):
        contrast(a, b, **{"horizon": 1, **options})


def test_the_detectable_effect_of_a_family_is_found_in_four_of_five_test_sets():
    """Seeds and origins are independent here, so a planted effect of that size is what the formula promises."""
    rng, level, found = np.random.default_rng(0), 0.05 / 8, []
    for _ in range(400):
        shared = 1 + 0.2 * rng.standard_normal(240)
        made = [shared + 0.2 * rng.standard_normal((5, 240)) + 0.02 * rng.standard_normal((5, 1)) for _ in range(2)]
        none = contrast(*made, horizon=1)
        planted = contrast(made[0] - none.detectable_in(8), made[1], horizon=1)
        found.append(planted.p_better <= level)
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)


def test_a_family_of_none_is_refused():
    with pytest.raises(OptionError, match="at least one attention"):
        contrast(*pair(), horizon=1).detectable_in(0)
