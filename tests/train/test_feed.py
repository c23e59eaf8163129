"""Batches of tensors: every window once, the same from memory and from a device's own table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from conftest import make_series
from heedful.data import Scaler, split, windows
from heedful.errors import DataError
from heedful.train.feed import Feed, apply, reads_future, shuffled

CPU = torch.device("cpu")


class WithFuture(nn.Module):
    def forward(self, x: torch.Tensor, future: torch.Tensor | None = None) -> torch.Tensor:
        return x[..., -1, 0] if future is None else future[..., -1, 0]


@pytest.mark.parametrize("batch", [1, 7, 32, 10_000])
@pytest.mark.parametrize("resident", [False, True])
def test_every_window_is_used_once_and_no_last_batch_is_dropped(everything, batch, resident):
    (train, _, _), scaler = everything
    feed = Feed(train, scaler, CPU, future=True, resident=resident)
    order = np.random.default_rng(0).permutation(len(train))
    got = list(feed.batches(order, batch))
    assert [len(b.x) for b in got[:-1]] == [batch] * (len(got) - 1)
    whole = scaler.batch(train, order)
    for name in ("x", "future", "y"):
        assert np.array_equal(torch.cat([getattr(b, name) for b in got]), getattr(whole, name), equal_nan=True)


def test_a_table_on_the_device_gives_the_same_bits(everything):
    for some in everything[0]:
        near, far = (Feed(some, everything[1], CPU, future=True, resident=r) for r in (False, True))
        index = np.random.default_rng(1).integers(0, len(some), (2, 5))
        for a, b in zip(near.gather(index), far.gather(index), strict=True):
            assert a.dtype == b.dtype == torch.float32
            assert a.shape == b.shape
            assert np.array_equal(a, b, equal_nan=True)
        assert torch.isnan(near.gather(np.arange(len(some))).y).any() == (not near.complete)


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_one_target_on_the_device_has_no_axis_for_targets(wave, kind):
    parts = split(wave)
    scaler, some = Scaler.fit(parts.train, kind), windows(parts.validation, 5, 3)
    near, far = (Feed(some, scaler, CPU, future=False, resident=r).gather(np.array([4, 0])) for r in (False, True))
    assert far.y.shape == (2, 3)
    assert far.future is None
    assert torch.equal(near.x, far.x)
    assert torch.equal(near.y, far.y)


def test_windows_of_a_member_that_was_not_scaled_are_refused_by_the_scaler(everything):
    (train, _, _), scaler = everything
    half = replace(scaler, members=("m1", "m7"))
    feed = Feed(train, half, CPU, future=True)
    assert feed.gather(np.array([len(train) - 1])).y.shape == (1, 4, 2)
    with pytest.raises(DataError, match="not fitted on the series m0"):
        feed.gather(np.array([0]))


@pytest.mark.parametrize("too_large", [False, True])
def test_a_large_table_stays_where_it_is(make_series, too_large):
    rows = np.broadcast_to(np.zeros((1, 2)), ((1 << 22) + 1, 2))
    series = make_series(rows[: (1 << 22) + too_large])
    span = split(series, (100, 50, 50)).train
    feed = Feed(windows(span, 3), Scaler.fit(span), CPU, future=False)
    assert (feed._rows is None) == too_large


@pytest.mark.parametrize("resident", [False, True])
def test_a_window_that_fills_a_batch_has_no_targets(everything, resident):
    (train, _, _), scaler = everything
    y = Feed(train, scaler, CPU, future=True, resident=resident).gather(np.array([3, -1])).y
    assert torch.isnan(y[1]).all()
    assert not torch.isnan(y[0]).all()


@pytest.mark.parametrize("resident", [False, True])
def test_seeds_have_their_own_order(everything, resident):
    (train, _, _), scaler = everything
    feed = Feed(train, scaler, CPU, future=True, resident=resident)
    orders = np.array([[0, 5, 2, 9, 1], [4, 4, 3, 8, 6]])
    got = [*feed.batches(orders, 2)]
    assert [b.x.shape[:2] for b in got] == [(2, 2), (2, 2), (2, 1)]
    assert torch.equal(got[1].future[1], feed.gather(orders[1, 2:4]).future)


def test_a_model_gets_the_future_only_if_it_reads_it(everything):
    (train, _, _), scaler = everything
    told = Feed(train, scaler, CPU, future=reads_future(WithFuture())).gather(np.array([0]))
    untold = Feed(train, scaler, CPU, future=reads_future(nn.Linear(3, 2))).gather(np.array([0]))
    assert untold.future is None
    assert apply(WithFuture(), told).item() == told.future[0, -1, 0]
    assert apply(WithFuture(), untold).item() == untold.x[0, -1, 0]


def test_windows_forecast_at_once_are_a_million_numbers_at_most():
    series = make_series(np.zeros((3000, 21)))
    for window, horizon, lanes in ((720, 720, 1), (720, 720, 3), (2, 2, 1), (1, 2000, 2)):
        some = windows(split(series, (2900, 50, 50)).train, window, horizon)
        size = Feed(some, Scaler.fit(some.span), CPU, future=False).size(lanes)
        assert 1 <= size <= 1024
        assert size * lanes * max(window * 21, horizon) <= 1 << 20
    assert size > 100


def test_orders_differ_between_epochs_and_seeds_and_hold_every_window():
    orders = [shuffled(50, seed, epoch) for seed in (0, 1) for epoch in (1, 2)]
    assert all(sorted(o) == list(range(50)) for o in orders)
    assert len({o.tobytes() for o in orders}) == 4
    assert orders[0].dtype == np.int32
