"""Laws that hold for the placebo of every mechanism that has one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import heedful
from contracts.samples import LENGTH, OTHER_AXIS, build, is_map, is_pooling, ranks, sample
from heedful import attention
from heedful.attention.cells.decoder import Decoder
from heedful.attention.placebo import WITHOUT, has_placebo, placebo
from heedful.attention.placebo.reference import Reference, Rows
from heedful.errors import OptionError, ShapeError, UnknownName

NAMES = [name for name in attention.names() if has_placebo(name)]
CASES = [pytest.param(name, rank, id=f"{name}-{rank}d") for name in NAMES for rank in ranks(name)]
MASKED = [name for name in NAMES if 1 in ranks(name)]
MOVING = {"agru", "augru", "danet_channel", "dot", "gaussian_ct", "nadaraya_watson", "scaled_dot", "simam"}
"""Mechanisms whose weights no parameter forms."""
SILENT = {"linear", "performer"}
"""Mechanisms that form no weights that could be recorded, only their effect."""


def made(name: str, *, rank: int = 1, seed: int = 0) -> tuple[nn.Module, nn.Module, tuple[Tensor, ...]]:
    """Gives a mechanism, its placebo, and inputs for both."""
    real, xs = build(name, rank=rank), sample(name, rank=rank)
    steps: tuple[int, ...] = (LENGTH, OTHER_AXIS)[:rank] if is_map(name) else (LENGTH,)
    if isinstance(real, Decoder):
        steps = (xs[1].shape[1],)
    return real, placebo(real, steps=steps, seed=seed, queries=LENGTH), xs


def recorded(module: nn.Module, *xs: Tensor, **given: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    with heedful.record(module) as maps:
        y = module(*xs, **given)
    return y, {name: one.weights for name, one in maps.items()}


def others(xs: tuple[Tensor, ...]) -> list[Tensor]:
    """Gives other inputs of the same shapes; scores stay between 0 and 1."""
    return [x.roll(1, 0).flip(1) * (1.0 if x.ndim == 2 else 1.7) for x in xs]


@pytest.mark.parametrize(("name", "rank"), CASES)
def test_parameters_keep_name_shape_type_and_value(name: str, rank: int) -> None:
    real, fake, xs = made(name, rank=rank)
    ours = dict(fake.named_parameters())
    assert list(ours) == [key for key, _ in real.named_parameters()]
    for key, value in real.named_parameters():
        assert torch.equal(ours[key], value)
        assert ours[key].dtype == value.dtype
        assert ours[key].requires_grad
    assert isinstance(fake, type(real))
    assert fake(*xs).shape == real(*xs).shape
    assert fake(*xs).dtype == xs[0].dtype


@pytest.mark.parametrize(("name", "rank"), CASES)
def test_with_the_input_as_reference_a_placebo_is_the_mechanism(name: str, rank: int) -> None:
    real, fake, xs = made(name, rank=rank)
    fake.load_state_dict(real.state_dict(), strict=False)  # the statistics of batch norms
    first = [x[:1] for x in xs]
    reference, queries = fake.get_submodule("reference"), getattr(fake, "queries", None)
    assert isinstance(reference, Reference)
    if isinstance(real, Decoder):
        reference.value, queries.value = first[1], first[0]
    elif name in ("agru", "augru"):
        reference.value = first[1]
    else:
        reference.value = first[0].expand(reference.value.shape[0], *first[0].shape[1:])
        if queries is not None:
            asked = first[1] if len(first) > 1 else first[0][:, -1]
            queries.value = asked.unsqueeze(1) if asked.ndim == 2 else asked
    (y, expected), (z, found) = recorded(real, *first), recorded(fake, *first)
    torch.testing.assert_close(z, y, rtol=1e-10, atol=1e-12)
    assert list(found) == list(expected)
    for part, weights in expected.items():
        torch.testing.assert_close(found[part], weights, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "rank"), CASES)
def test_weights_do_not_depend_on_the_input_but_the_output_does(name: str, rank: int) -> None:
    real, fake, xs = made(name, rank=rank)
    (y, one), (z, other) = recorded(fake, *xs), recorded(fake, *others(xs))
    assert bool(one) == (name not in SILENT)
    for part, weights in one.items():
        assert torch.equal(weights, other[part])
    seen = recorded(real, *xs)[1]
    assert {part: w.shape for part, w in one.items()} == {part: w.shape for part, w in seen.items()}
    assert not torch.allclose(y, z)


@pytest.mark.parametrize("name", sorted(SILENT))
def test_without_weights_to_record_the_output_is_linear_in_what_comes(name: str) -> None:
    _, fake, (x, *_) = made(name)
    zero = fake(torch.zeros_like(x))
    torch.testing.assert_close(fake(3 * x) - zero, 3 * (fake(x) - zero), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("name", "rank"), CASES)
def test_gradients_reach_the_parameters_that_form_the_weights(name: str, rank: int) -> None:
    real, fake, xs = made(name, rank=rank)
    if not list(real.parameters()):
        assert name in MOVING
        return
    for module in (real.train(), fake.train()):
        torch.manual_seed(0)
        weight = torch.randn(module(*xs).shape, dtype=xs[0].dtype)
        (module(*xs) * weight).sum().backward()
    ours = dict(fake.named_parameters())
    reached = {key: p for key, p in real.named_parameters() if p.grad is not None and bool(p.grad.abs().max() > 1e-12)}
    assert reached or name in MOVING
    for key in reached:
        assert ours[key].grad is not None, key
        assert bool(ours[key].grad.abs().max() > 1e-14), key


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_draws_the_reference(name: str) -> None:
    rank = ranks(name)[0]
    references = [made(name, rank=rank, seed=seed)[1].get_submodule("reference") for seed in (0, 0, 1)]
    values = [one.get_buffer("value") for one in references]
    assert torch.equal(values[0], values[1])
    assert not torch.allclose(values[0], values[2])
    if values[0].numel() >= 300:
        assert 0.7 < values[0].std() < 1.3


@pytest.mark.parametrize("name", NAMES)
def test_the_global_generator_is_left_alone(name: str) -> None:
    real, xs = build(name, rank=ranks(name)[0]), sample(name, rank=ranks(name)[0])
    torch.manual_seed(3)
    before = torch.get_rng_state()
    steps = tuple(xs[0].shape[2:]) if is_map(name) else LENGTH
    placebo(real, steps=steps, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", MASKED)
def test_padded_steps_get_no_weight(name: str) -> None:
    _, fake, xs = made(name)
    lengths = torch.tensor([20, 7, 1])
    with heedful.record(fake) as maps:
        fake(*xs, lengths=lengths)
    assert bool(maps) == (name not in SILENT)
    for one in maps.values():
        assert one.weights.isfinite().all()
        for axis, (word, size) in enumerate(zip(one.axes[1:], one.weights.shape[1:], strict=True)):
            if word in ("time", "key", "query") and size == LENGTH:
                assert not one.weights[1].narrow(axis, 7, 13).any(), word
                assert one.weights[1].narrow(axis, 0, 7).any(), word


@pytest.mark.parametrize("name", MASKED)
def test_what_stands_in_padded_steps_does_not_matter(name: str) -> None:
    _, fake, (x, *rest) = made(name)
    mask = torch.ones(3, LENGTH, dtype=torch.bool)
    mask[1, 4:] = False
    dirty = x.masked_fill(~(mask.unsqueeze(1) if is_map(name) else mask.unsqueeze(-1)), 1e6)
    assert torch.equal(fake(x, *rest, mask=mask), fake(dirty, *rest, mask=mask))


@pytest.mark.parametrize("name", [n for n in NAMES if is_pooling(n)])
def test_states_are_counted_from_the_end(name: str) -> None:
    _, fake, (x, *rest) = made(name)
    alone = recorded(fake, x[:1, :7], *(r[:1] for r in rest))[1]
    padded = recorded(fake, x, *rest, lengths=torch.tensor([7, 20, 20]))[1]
    for part, weights in alone.items():
        found = padded[part][:1]
        axis = next((a for a, n in enumerate(found.shape) if n == LENGTH and weights.shape[a] == 7), None)
        found = found if axis is None else found.narrow(axis, 0, 7)
        torch.testing.assert_close(found, weights)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_dict_carries_the_reference(name: str) -> None:
    rank = ranks(name)[0]
    _, one, xs = made(name, rank=rank, seed=0)
    _, other, _ = made(name, rank=rank, seed=1)
    assert not torch.allclose(one(*xs), other(*xs))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(*xs), other(*xs))


@pytest.mark.parametrize("name", NAMES)
def test_only_weights_without_parameters_follow_the_training_mean(name: str) -> None:
    rank = ranks(name)[0]
    _, fake, xs = made(name, rank=rank)
    reference = fake.get_submodule("reference")
    before = reference.get_buffer("value").clone()
    fake(*xs)
    assert torch.equal(reference.get_buffer("value"), before)
    fake.train()(*xs)
    assert torch.equal(reference.get_buffer("value"), before) == (name not in MOVING)


def test_a_moving_reference_arrives_at_the_mean_of_what_comes() -> None:
    reference = Reference(torch.randn(2, 3, 4), places=(2,), moves=True).train()
    x = torch.arange(24.0).view(2, 3, 4)
    for _ in range(200):
        reference.follow(x)
    torch.testing.assert_close(reference.value, x.mean(0).expand(2, 3, 4), rtol=1e-4, atol=1e-4)


def test_a_moving_reference_counts_padded_samples_from_their_end() -> None:
    reference = Reference(torch.zeros(1, 1, 3), places=(2,), moves=True).train()
    x = torch.tensor([[[1.0, 2.0, 9.0]], [[4.0, 9.0, 9.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    for _ in range(200):
        reference.follow(x, mask)
    torch.testing.assert_close(reference.value[0, 0], torch.tensor([0.0, 1.0, 3.0]), rtol=1e-4, atol=1e-4)


def test_weights_in_training_are_those_before_the_batch_was_seen() -> None:
    _, fake, (x, *_) = made("simam")
    frozen = fake.weigh(x)
    assert torch.equal(fake.train().weigh(5 * x.square()), frozen)
    assert not torch.equal(fake.weigh(x), frozen)


def test_each_gate_of_a_composite_has_a_map_of_its_own() -> None:
    _, fake, (x, *_) = made("cbam")
    reference = fake.get_submodule("reference")
    assert reference.get_buffer("value").shape == (2, 16, LENGTH)
    before = fake.weigh(x)
    reference.value = torch.cat([reference.get_buffer("value")[:1], torch.randn(1, 16, LENGTH, dtype=x.dtype)])
    after = fake.weigh(x)
    assert torch.equal(after["channel"], before["channel"])
    assert not torch.allclose(after["time"], before["time"])


def test_a_reference_leaves_the_statistics_of_the_values_alone() -> None:
    real, fake, (x, *_) = made("sk")
    real.train()(x)
    fake.load_state_dict(build("sk").state_dict(), strict=False)
    fake.train()(x)
    for key, value in real.named_buffers():
        if key.startswith("norms."):
            assert torch.equal(fake.get_buffer(key), value), key


def test_norms_know_the_reference_before_they_know_a_batch() -> None:
    fake = placebo(attention.create("cbam", 16), steps=40, seed=0)
    norm = next(layer for layer in fake.modules() if isinstance(layer, nn.BatchNorm1d))
    assert norm.running_var is not None
    assert norm.running_mean is not None
    assert not torch.allclose(norm.running_mean, torch.zeros(1))
    assert norm.momentum == 0.1
    assert int(norm.num_batches_tracked) == 0


def test_learned_queries_stay_and_learn() -> None:
    pool = attention.create("general", 6)
    states, query = torch.randn(2, 9, 6), torch.randn(1, 3, 6, requires_grad=True)
    frozen = placebo(pool, steps=9, seed=0, queries=3)
    asked = placebo(pool, steps=9, seed=0, queries=3, learned_queries=True)
    for module, learns in ((frozen, False), (asked, True)):
        loss = module(states, query.expand(2, -1, -1)).square().sum()
        assert (torch.autograd.grad(loss, query, allow_unused=True)[0] is not None) == learns


def test_two_placebos_of_one_mechanism_are_of_one_class() -> None:
    one, other = (placebo(attention.create("eca", 8), steps=9, seed=seed) for seed in (0, 1))
    assert type(one) is type(other)
    assert type(one).__name__ == "PlaceboECA"


def test_the_mechanism_itself_is_left_as_it_was() -> None:
    real = attention.create("eca", 8)
    placebo(real, steps=9, seed=0)
    assert type(real) is attention.ECA
    assert not list(real.buffers())


def test_longer_inputs_than_the_reference_are_refused_with_advice() -> None:
    fake = placebo(attention.create("additive", 8), steps=9, seed=0)
    with pytest.raises(ShapeError, match=r"at most 9 places, got 12.*steps=12"):
        fake(torch.zeros(2, 12, 8))
    with pytest.raises(ShapeError, match=r"3 frozen queries, got 4.*queries=4"):
        Rows(torch.zeros(1, 3, 8)).first(4)
    decoder = placebo(attention.create("luong_decoder", 8), steps=9, seed=0, queries=2)
    with pytest.raises(ShapeError, match=r"inputs for 2 steps.*more queries"):
        decoder(torch.zeros(2, 3, 8), torch.zeros(2, 9, 8))


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(OptionError, match="steps and queries of at least 1, got 0"):
        placebo(attention.create("eca", 8), steps=0, seed=0)


def test_mechanisms_without_a_placebo_say_why() -> None:
    without = {n for n in attention.names() if not has_placebo(n)}
    assert {attention.MECHANISMS[n] for n in without} == set(WITHOUT)
    for name in without:
        with pytest.raises(OptionError, match=r"has no placebo: (it|its) .*"):
            placebo(attention.create(name, 16), steps=9, seed=0)
    with pytest.raises(UnknownName, match="Did you mean"):
        has_placebo("ecaa")


def test_a_class_of_ones_own_needs_to_say_how_its_weights_meet_values() -> None:
    class Own(attention.base.MapAttention):
        def attend(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(OptionError, match="nothing says how its weights meet its values"):
        placebo(Own(8), steps=9, seed=0)
