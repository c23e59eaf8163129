from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge as ReferenceRidge

from heedful import baselines
from heedful.data import Member, Scaler, split, windows
from heedful.errors import DataError, OptionError


def laid(series, window=12, horizon=3):
    parts = split(series)
    return tuple(windows(span, window, horizon) for span in parts)


def test_persistence_repeats_the_newest_value(wave):
    test = laid(wave)[2]
    f = baselines.persistence(test)
    assert f.shape == (len(test), 3)
    assert np.array_equal(f, np.repeat(test.inputs(np.arange(len(test)))[:, -1, 1:], 3, axis=1))


@pytest.mark.parametrize("season", [1, 2, 24])
def test_seasonal_naive_repeats_the_season_and_never_looks_ahead(wave, season):
    test = laid(wave, horizon=5)[2]
    f = baselines.seasonal_naive(test, season)
    y = wave.values[:, 1]
    for i in (0, len(test) - 1):
        o = test.origins[i]
        expected = [y[o + 1 - season + h % season] for h in range(5)]
        assert f[i].tolist() == expected


def test_a_season_longer_than_the_past_is_refused(wave):
    with pytest.raises(OptionError, match="season between 1 and 320 rows, got 400"):
        baselines.seasonal_naive(laid(wave)[2], 400)


def test_ridge_solves_the_same_problem_as_another_library(wave):
    train, validation, _ = laid(wave)
    ours = baselines.Ridge.fit(train, validation)
    scaler = Scaler.fit(split(wave).train)
    scaled = scaler.batch(train, np.arange(len(train))).x[:, :, list(ours.columns)].astype(float)
    x, level = baselines._design(scaled, ours.columns.index(1), ours.centre)
    y = scaler.targets(train.targets(np.arange(len(train)))).astype(float) - level
    reference = ReferenceRidge(alpha=ours.strength * len(train), fit_intercept=False, tol=1e-12).fit(x, y)
    assert np.allclose(ours.coefficients, reference.coef_.T, rtol=1e-6, atol=1e-9)  # conditioning of x'x
    assert ours.tried == 20


def test_ridge_learns_a_wave_that_persistence_cannot(wave):
    train, validation, test = laid(wave)
    ridge = baselines.Ridge.fit(train, validation)
    y = test.targets(np.arange(len(test)))
    assert np.abs(y - ridge.forecast(test)).mean() < 0.5 * np.abs(y - baselines.persistence(test)).mean()


def test_ridge_never_sees_the_test_rows(wave):
    train, validation, _ = laid(wave)
    before = baselines.Ridge.fit(train, validation)
    wave.values[split(wave).test.start :] += 50
    after = baselines.Ridge.fit(train, validation)
    assert np.array_equal(before.coefficients, after.coefficients)


def test_windows_with_missing_targets_are_left_out_of_the_ridge(make_series, wave):
    seen = np.ones_like(wave.values, dtype=bool)
    seen[50:60, 1] = False
    train, validation, _ = laid(make_series(wave.values, observed=seen))
    scaler = Scaler.fit(train.span)
    _, moment, count = baselines._normal_equations(train, scaler, (1,), "last")
    assert count == len(train) - 12
    assert np.isfinite(moment).all()
    assert np.isfinite(baselines.Ridge.fit(train, validation).coefficients).all()


# --- several targets and several series -----------------------------------------------------------


def made(make_series, values, rows=None, seen=None):
    """Two targets and an input; of two members if `rows` of the first are given."""
    series = make_series(values, observed=seen)
    members = (
        () if rows is None else (Member(name="a", start=0, stop=rows), Member(name="b", start=rows, stop=len(values)))
    )
    return replace(series, target="", targets=("x0", "y"), members=members)


@pytest.fixture
def three(wave):
    rng = np.random.default_rng(2)
    return np.hstack([wave.values * [2.0, 5.0], rng.normal(size=(400, 1))])[:, [0, 2, 1]]


def test_naive_forecasts_of_several_targets_have_an_axis_for_them(make_series, three):
    test = laid(made(make_series, three))[2]
    f = baselines.persistence(test)
    assert f.shape == (len(test), 3, 2)
    assert np.array_equal(f[5, 1], three[test.origins[5], [0, 2]])
    season = baselines.seasonal_naive(test, 24)
    assert np.array_equal(season[5], three[test.origins[5] + 1 - 24 + np.arange(3)][:, [0, 2]])


def test_a_member_without_a_season_behind_it_repeats_its_newest_value(make_series, three):
    series = replace(made(make_series, three, rows=300), times=pd.Index(np.r_[:300, 200:300]))
    test = laid(series, window=4)[2]
    f = baselines.seasonal_naive(test, 80)
    behind = test.origins + 1 - np.array([0, 300])[test.members(np.arange(len(test)))]
    assert 0 < (behind < 80).sum() < len(test)
    short = behind < 80
    assert np.array_equal(f[short], baselines.persistence(test)[short])
    assert np.array_equal(f[~short][:, 0], series.values[test.origins[~short] - 79][:, [0, 2]])


def brute(train, scaler, centre, strength):
    """The shared map by windows written out, its bias free."""
    batch = scaler.batch(train, np.arange(len(train)))
    which = list(train.span.series.target_indices)
    x, y = (
        part.astype(float).transpose(0, 2, 1).reshape(-1, size)
        for part, size in ((batch.x[:, :, which], train.window), (batch.y, train.horizon))
    )
    real = ~np.isnan(y).any(1)
    level = x[:, -1:] if centre == "last" else x.mean(1, keepdims=True)
    model = ReferenceRidge(alpha=strength * real.sum(), solver="cholesky").fit((x - level)[real], (y - level)[real])
    return model.coef_, model.intercept_


@pytest.mark.parametrize("centre", ["last", "mean"])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("rows", [None, 260])
def test_the_closed_form_is_that_of_windows_written_out(make_series, three, centre, gaps, rows):
    seen = np.ones(three.shape, dtype=bool)
    if gaps:
        seen[[30, 31, 90, 200], 0] = seen[120, 2] = False
    train, validation, _ = laid(made(make_series, three, rows, seen), window=9, horizon=4)
    scaler = Scaler.fit(train.span)
    ours = baselines.closed_form(train, validation, scaler, centre=centre, strengths=[0.02])
    weight, bias = brute(train, scaler, centre, 0.02)
    assert np.allclose(ours.weight, weight, atol=1e-5)  # the batches are float32
    assert np.allclose(ours.bias, bias, atol=1e-5)
    batch = scaler.batch(validation, np.arange(len(validation)))
    error = np.square(ours(batch.x[:, :, [0, 2]].astype(float)) - batch.y)
    assert ours.error == pytest.approx(np.nanmean(error), rel=1e-4)


def test_the_closed_form_keeps_what_validation_prefers(make_series, three):
    train, validation, _ = laid(made(make_series, three))
    scaler = Scaler.fit(train.span)
    best = baselines.closed_form(train, validation, scaler)
    each = [
        baselines.closed_form(train, validation, scaler, centre=c, strengths=[s])
        for c in ("last", "mean")
        for s in (1e-3, 1e-2, 1e-1)
    ]
    assert best.tried == 6
    assert best.error == min(one.error for one in each)
    assert baselines.closed_form(train, validation, scaler, window=20).weight.shape == (3, 20)


def test_the_closed_form_refuses_other_centres_and_targets_never_seen(make_series, three):
    train, validation, _ = laid(made(make_series, three))
    scaler = Scaler.fit(train.span)
    with pytest.raises(OptionError, match="centres among last, mean"):
        baselines.closed_form(train, validation, scaler, centre="median")
    seen = np.ones(three.shape, dtype=bool)
    seen[280:320:2, [0, 2]] = False
    train, validation, _ = laid(made(make_series, three, seen=seen))
    with pytest.raises(DataError, match="validation part whose 3 targets.*Shorten the horizon"):
        baselines.closed_form(train, validation, Scaler.fit(train.span))


def test_ridge_of_several_targets_forecasts_each_from_its_own_past(make_series, three):
    train, validation, test = laid(made(make_series, three), window=26)
    ridge = baselines.Ridge.fit(train, validation)
    f, y = ridge.forecast(test), test.targets(np.arange(len(test)))
    assert f.shape == y.shape == (len(test), 3, 2)
    for j in (0, 1):
        assert np.abs(y - f)[..., j].mean() < 0.5 * np.abs(y - baselines.persistence(test))[..., j].mean()


def test_ridge_of_a_panel_gives_every_member_its_own_unit(make_series, three):
    values = three * np.where(np.arange(400) < 260, 1.0, 1000.0)[:, None]
    series = replace(
        made(make_series, values, rows=260), target="y", targets=("y",), times=pd.Index(np.r_[:260, 120:260])
    )
    train, validation, test = laid(series, window=26)
    f, y = baselines.Ridge.fit(train, validation).forecast(test), test.targets(np.arange(len(test)))
    for member in (0, 1):
        own = test.members(np.arange(len(test))) == member
        assert np.abs(y - f)[own].mean() < 0.6 * np.abs(y - baselines.persistence(test))[own].mean()
