"""What stands in for a mechanism's weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import heedful
from contracts.samples import LENGTH, build, ranks, sample
from heedful import attention
from heedful.attention.steering import can_steer, steered
from heedful.attention.steering.changes import chosen_axes, of_windows, permuted, uniform, with_mass
from heedful.attention.steering.steered import Change

NAMES = [name for name in attention.names() if can_steer(name) and 1 in ranks(name)]
LENGTHS = torch.tensor([20, 7, 12])


def changes() -> dict[str, Change]:
    return {
        "uniform": uniform,
        "permuted": permuted(torch.Generator().manual_seed(0)),
        "other": of_windows(torch.tensor([1, 2, 0])),
    }


def pairs(name: str, change: Change, **given: Tensor) -> list[tuple[Tensor, Tensor, tuple[str, ...], Tensor | None]]:
    """Gives what was formed and what came of it."""
    found = []

    def keep(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:
        new = change(name, part, w, axes, places)
        real = torch.ones_like(w) if places is None else places.to(w)
        found.append((w.detach() * real, new.detach() * real, axes, places))
        return new

    module = build(name)
    with steered(module, keep):
        y = module(*sample(name), **given)
    assert y.isfinite().all()
    return found


@pytest.mark.parametrize("way", ["uniform", "permuted", "other"])
@pytest.mark.parametrize("name", NAMES)
def test_weights_that_sum_to_one_still_do(name: str, way: str) -> None:
    for given in ({}, {"lengths": LENGTHS}):
        for old, new, axes, places in pairs(name, changes()[way], **given):
            assert new.shape == old.shape
            for axis in chosen_axes(axes):
                had = old.sum(axis)
                one = (had - 1).abs() < 1e-6
                if places is None or bool((one == places.expand_as(old).any(axis)).all()):
                    torch.testing.assert_close(new.sum(axis)[one], had[one])


@pytest.mark.parametrize("name", NAMES)
def test_uniform_weights_tell_no_places_apart_and_keep_their_mean(name: str) -> None:
    for old, new, axes, places in pairs(name, uniform, lengths=LENGTHS):
        real = torch.ones_like(old, dtype=torch.bool) if places is None else places.expand_as(old)
        over = chosen_axes(axes)
        low = new.masked_fill(~real, torch.inf).amin(over)
        some = real.any(dim=over[0]) if len(over) == 1 else real.flatten(1).any(1)
        high = new.masked_fill(~real, -torch.inf).amax(over)
        if len(over) == 1:
            torch.testing.assert_close(low[some], high[some])
        torch.testing.assert_close((new * real).sum(over), (old * real).sum(over))


@pytest.mark.parametrize("name", NAMES)
def test_permuted_weights_are_the_same_numbers_in_other_places(name: str) -> None:
    for given in ({}, {"lengths": LENGTHS}):
        found = pairs(name, permuted(torch.Generator().manual_seed(0)), **given)
        for old, new, _, _ in found:
            torch.testing.assert_close(new.flatten(1).sort().values, old.flatten(1).sort().values)
        again = pairs(name, permuted(torch.Generator().manual_seed(0)), **given)
        assert all(torch.equal(a[1], b[1]) for a, b in zip(found, again, strict=True))


def test_permuted_keys_stay_among_those_that_a_query_sees() -> None:
    w = torch.rand(2, 3, 6, 6).tril()
    places = torch.ones(6, 6, dtype=torch.bool).tril().view(1, 1, 6, 6)
    new = permuted(torch.Generator().manual_seed(0))("", "", w, ("batch", "head", "query", "key"), places)
    assert torch.equal(new.triu(1), torch.zeros_like(new))
    torch.testing.assert_close(new.sort(-1).values, w.sort(-1).values)
    assert not torch.equal(new, w)
    assert not torch.equal(new[0, 0].argsort(-1), new[0, 1].argsort(-1))


def test_the_weights_of_a_longer_window_are_read_at_the_same_shares() -> None:
    w = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.3, 0.0, 0.0]])
    places = torch.tensor([[True] * 4, [True, True, False, False]])
    new = of_windows(torch.tensor([1, 0]))("", "", w, ("batch", "time"), places)
    torch.testing.assert_close(new, torch.tensor([[0.35, 0.35, 0.15, 0.15], [0.3, 0.7, 0.0, 0.0]]))


def test_gates_of_another_window_keep_their_level() -> None:
    w = torch.tensor([[0.9, 0.8, 0.2, 0.6], [0.7, 0.4, 0.0, 0.0]]).unsqueeze(1)
    places = torch.tensor([[True] * 4, [True, True, False, False]]).unsqueeze(1)
    new = of_windows(torch.tensor([1, 0]))("", "", w, ("batch", "one", "time"), places)
    torch.testing.assert_close(new[:, 0], torch.tensor([[0.7, 0.7, 0.4, 0.4], [0.85, 0.4, 0.0, 0.0]]))


def test_mass_is_given_only_to_weights_that_had_it() -> None:
    new, axes = torch.tensor([[1.0, 3.0], [0.0, 2.0]]), ("batch", "time")
    assert torch.equal(with_mass(new, torch.full((2, 2), 0.5), axes), torch.tensor([[0.25, 0.75], [0.0, 1.0]]))
    assert torch.equal(with_mass(new, torch.tensor([[0.5, 0.5], [0.9, 0.9]]), axes), new)
    assert torch.equal(with_mass(new[:, :1], torch.ones(2, 1), axes), new[:, :1])


def test_heads_queries_and_gates_are_kept_apart() -> None:
    assert chosen_axes(("batch", "time", "gate", "channel")) == (1, 3)
    assert chosen_axes(("batch", "head", "class", "time")) == (3,)
    assert chosen_axes(("batch", "time", "key")) == (2,)
    assert LENGTH == 20


def test_uniform_pooling_is_the_mean_of_the_real_states() -> None:
    pool, x = attention.create("additive", 8), torch.randn(3, LENGTH, 8)
    with steered(pool, uniform), heedful.record(pool):
        y = pool(x, lengths=LENGTHS)
    torch.testing.assert_close(y, attention.Mean(8)(x, lengths=LENGTHS))
