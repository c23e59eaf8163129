from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from heedful.data import Scaler, split, windows
from heedful.forecasting.outputs import blocks, calibrate, forecasts, scaled, some_of, thinned
from heedful.intervals import Intervals
from heedful.models.heads import QuantileHead


class Last(nn.Module):
    """Repeats the last target."""

    def forward(self, x):
        return x[:, -1:, -1].expand(-1, 3)


class Spread(nn.Module):
    """Quantiles around the last target."""

    head = QuantileHead((0.2, 0.5, 0.8))

    def forward(self, x):
        return x[:, -1:, -1, None].expand(-1, 3, 1) + torch.tensor([-1.0, 0.0, 2.0])


@pytest.fixture
def laid(wave):
    parts = split(wave)
    return windows(parts.validation, 5, 3), Scaler.fit(parts.train)


def test_blocks_are_all_windows_in_order(laid):
    whole, _ = laid
    parts = list(blocks(whole, numbers=60))
    assert len(parts) > 3
    assert [start for part in parts for start in part.starts] == list(whole.starts)
    assert np.array_equal(np.concatenate([p.targets(np.arange(len(p))) for p in parts]), whole.targets(np.arange(38)))


def test_some_windows_are_taken_across_the_borders_of_members(laid):
    whole, _ = laid
    several = replace(whole, runs=((3, 4), (20, 2), (40, 5)))
    assert list(some_of(several, 2, 8).starts) == [5, 6, 20, 21, 40, 41]


def test_thinned_windows_are_spread_evenly(laid):
    whole, _ = laid
    few = thinned(whole, 4)
    assert list(few.starts) == [whole.first, whole.first + 12, whole.first + 24, whole.first + 37]
    assert thinned(whole, 38) is whole


def test_points_are_bands_of_no_width_and_quantiles_end_where_the_head_ends(laid):
    whole, scaler = laid
    point = scaled(Last(), whole, scaler, [0.9])
    assert np.array_equal(point.lower[0], point.point)
    assert np.array_equal(point.upper[0], point.point)
    for level in (0.6, 0.9):  # 0.9 lies beyond the head, whose outermost quantiles stand in
        band = scaled(Spread(), whole, scaler, [level])
        assert np.allclose(band.upper[0] - band.point, 2)
        assert np.allclose(band.point - band.lower[0], 1)


def test_the_interval_of_a_level_holds_those_below_it_whatever_else_is_asked(laid):
    whole, scaler = laid
    intervals = Intervals(levels=(0.6, 0.9), margins=np.array([[1.0] * 3, [-0.5] * 3]), windows=30)
    both = forecasts(Spread(), whole, scaler, intervals, (0.9, 0.6))  # its head ends at 0.6
    alone = forecasts(Spread(), whole, scaler, intervals, (0.9,))
    assert np.all(both.lower[0] <= both.lower[1])
    assert np.all(both.upper[0] >= both.upper[1])
    assert np.array_equal(both.lower[0], alone.lower[0])
    assert np.array_equal(both.upper[0], alone.upper[0])


def test_a_network_that_takes_no_future_is_given_none(wave):
    parts = split(replace(wave, known=("x0",)))
    whole, scaler = windows(parts.validation, 5, 3), Scaler.fit(parts.train)
    assert whole.future(np.arange(1)) is not None
    last = scaler.batch(whole, np.arange(len(whole))).x[:, -1, -1]
    assert np.array_equal(scaled(Last(), whole, scaler).point[:, 0], last)


@pytest.mark.parametrize("net", [Last(), Spread()])
def test_calibrated_bounds_hold_the_level_on_what_they_were_calibrated_on(laid, net):
    whole, scaler = laid
    intervals = calibrate(net, whole, scaler, (0.75,))
    said = forecasts(net, whole, scaler, intervals, (0.75,))
    truth = whole.targets(np.arange(len(whole)))
    held = ((said.lower[0] <= truth + 1e-5) & (truth <= said.upper[0] + 1e-5)).sum(0)  # float32
    assert held.tolist() == [30, 30, 30]  # ceil(39 * 0.75) of 38 windows, at every step
