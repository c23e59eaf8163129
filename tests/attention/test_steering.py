"""Laws that hold for every mechanism whose weights can be changed on their way to the values."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import heedful
from contracts.samples import LENGTH, build, ranks, sample
from heedful import attention
from heedful.attention.cells.decoder import Decoder
from heedful.attention.placebo import has_placebo, placebo
from heedful.attention.steering import WITHOUT, can_steer, cannot_steer, steerable, steered
from heedful.attention.steering.changes import uniform
from heedful.errors import OptionError, ShapeError, UnknownName
from heedful.models.compose import compose
from heedful.models.controls import placed, placements
from heedful.models.plan import EncoderDecoder, Plan
from heedful.models.shape import Shape

NAMES = [name for name in attention.names() if can_steer(name)]
CASES = [pytest.param(name, rank, id=f"{name}-{rank}d") for name in NAMES for rank in ranks(name)]
MASKED = [name for name in NAMES if 1 in ranks(name)]
LENGTHS = torch.tensor([20, 7, 1])
VARIANTS = [
    ("aff", {"variant": "code"}),
    ("auto_correlation", {"variant": "code"}),
    ("cpca", {"variant": "code"}),
    ("csra", {"heads": 2}),
    ("external", {"variant": "code"}),
    ("gc", {"pool": "mean"}),
    ("gc", {"fusions": ("mul", "add")}),
    ("gru_attention", {"causal": True}),
    ("isab", {"norm": False}),
    ("multi_head", {"causal": True}),
    ("multi_head", {"learned_key": True, "zero_key": True, "causal": True}),
    ("multi_head", {"key_heads": 2, "window": 3}),
    ("non_local", {"form": "dot_product"}),
    ("non_local", {"form": "embedded_gaussian", "pool_size": 2}),
    ("nystrom", {"kernel_size": 3, "landmarks": 4}),
    ("probsparse", {"causal": True}),
    ("probsparse", {"causal": True, "variant": "code"}),
    ("scse", {"variant": "code"}),
    ("shaw", {"reach": 2}),
    ("shaw", {"values": False}),
    ("talking_heads", {"causal": True}),
    ("transformer_xl", {"norm": True}),
    ("transformer_xl", {"causal": False}),
    ("pma", {"variant": "code"}),
]
"""Options under which weights meet their values in another way."""


def same(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:
    return w


def other(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:
    return 0.5 * w + 0.1 * torch.linspace(0, 1, w.numel(), dtype=w.dtype).view(w.shape)


def recorded(module: nn.Module, *xs: Tensor, **given: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    with heedful.record(module) as maps:
        y = module(*xs, **given)
    return y, {name: one.weights for name, one in maps.items()}


@pytest.mark.parametrize(("name", "rank"), CASES)
def test_steering_by_the_same_weights_changes_nothing(name: str, rank: int) -> None:
    module, xs = build(name, rank=rank), sample(name, rank=rank)
    y, expected = recorded(module, *xs)
    with steered(module, same):
        z, found = recorded(module, *xs)
        torch.testing.assert_close(module(*xs), y, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(z, y, rtol=1e-10, atol=1e-10)
    assert list(found) == list(expected)
    for part, weights in expected.items():
        torch.testing.assert_close(found[part], weights, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", MASKED)
def test_steering_by_the_same_weights_changes_nothing_in_a_padded_batch(name: str) -> None:
    module, xs = build(name), sample(name)
    y, expected = recorded(module, *xs, lengths=LENGTHS)
    with steered(module, same):
        z, found = recorded(module, *xs, lengths=LENGTHS)
    torch.testing.assert_close(z, y, rtol=1e-10, atol=1e-10)
    for part, weights in expected.items():
        torch.testing.assert_close(found[part], weights, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "rank"), CASES)
def test_other_weights_change_the_output_and_are_the_ones_recorded(name: str, rank: int) -> None:
    module, xs = build(name, rank=rank), sample(name, rank=rank)
    real, before = type(module), dict(module.__dict__)
    y = module(*xs)
    made: dict[str, list[Tensor]] = {}

    def change(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:
        assert len(axes) == w.ndim
        new = other(name, part, w, axes, places)
        made.setdefault(part or name, []).append(new if places is None else new * places)
        return new

    with steered(module, change):
        z, found = recorded(module, *xs)
    assert not torch.allclose(z, y, rtol=1e-6, atol=1e-8)
    assert list(made) == list(found)
    for part, weights in found.items():
        torch.testing.assert_close(torch.cat(made[part], 1).detach(), weights)
    assert type(module) is real
    assert dict(module.__dict__) == before
    assert torch.equal(module(*xs), y)


@pytest.mark.parametrize(("name", "given"), VARIANTS)
def test_steering_by_the_same_weights_changes_nothing_in_any_variant(name: str, given: dict[str, object]) -> None:
    module, xs = build(name, **given), sample(name)
    for options in ({}, {"lengths": LENGTHS}):
        y, expected = recorded(module, *xs, **options)
        with steered(module, same):
            z, found = recorded(module, *xs, **options)
        with steered(module, other):
            assert not torch.allclose(module(*xs, **options), y, rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(z, y, rtol=1e-10, atol=1e-10)
        assert list(found) == list(expected)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["transformer_xl", "multi_head", "shaw"])
def test_steering_serves_a_context_beside_the_states(name: str, causal: bool) -> None:
    module, (x, *_) = build(name, causal=causal), sample(name)
    before = torch.cat([x.flip(1)[:, :5], x], 1)
    y = module(x, before)
    with steered(module, same):
        torch.testing.assert_close(module(x, before), y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [name for name in MASKED if has_placebo(name)])
def test_a_placebo_can_be_steered_as_well(name: str) -> None:
    module, xs = build(name), sample(name)
    steps = xs[1].shape[1] if isinstance(module, Decoder) else LENGTH
    fake = placebo(module, steps=steps, seed=0, queries=LENGTH)
    y, expected = recorded(fake, *xs)
    with steered(fake, same):
        z, found = recorded(fake, *xs)
    torch.testing.assert_close(z, y, rtol=1e-10, atol=1e-10)
    assert list(found) == list(expected)
    with steered(fake, other):
        assert not torch.allclose(fake(*xs), y, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(fake(*xs), y, rtol=1e-10, atol=1e-10)  # y came of weights in sight


@pytest.mark.parametrize("name", MASKED)
def test_places_without_weight_get_none_whatever_comes_back(name: str) -> None:
    module, xs = build(name), sample(name)
    with steered(module, lambda name, part, w, axes, places: torch.full_like(w, 0.3)), heedful.record(module) as maps:
        module(*xs, lengths=LENGTHS)
    for one in maps.values():
        for axis, (word, size) in enumerate(zip(one.axes[1:], one.weights.shape[1:], strict=True)):
            if word in ("time", "key", "query", "lag") and size == LENGTH and one.axes[1:] != ("time", "key"):
                assert not one.weights[1].narrow(axis, 7, 13).any(), word
                assert one.weights[1].narrow(axis, 0, 7).any(), word


@pytest.mark.parametrize("name", ["alibi", "lstmn", "interpretable"])
def test_weights_of_what_is_hidden_by_its_place_stay_nothing(name: str) -> None:
    module, xs = build(name, **({"causal": True} if name == "interpretable" else {})), sample(name)
    expected = recorded(module, *xs)[1]
    with steered(module, lambda name, part, w, axes, places: torch.full_like(w, 0.3)):
        found = recorded(module, *xs)[1]
    for part, weights in expected.items():
        assert torch.equal(found[part] != 0, weights != 0)


# --- training -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "rank"), CASES)
def test_a_step_of_training_under_the_same_weights_is_the_plain_one(name: str, rank: int) -> None:
    xs, steps = sample(name, rank=rank), []
    for change in (None, same):
        x = xs[0].clone().requires_grad_()
        module = build(name, rank=rank).train()
        if change is None:
            torch.manual_seed(1)
            y = module(x, *xs[1:])
        else:
            with steered(module, change):
                torch.manual_seed(1)
                y = module(x, *xs[1:])
        y.square().sum().backward()
        steps.append(
            (y, {"x": x.grad} | {n: p.grad for n, p in module.named_parameters()}, dict(module.named_buffers()))
        )
    (y, slopes, norms), (z, other_slopes, other_norms) = steps
    torch.testing.assert_close(z, y, rtol=1e-9, atol=1e-9)
    for key, slope in slopes.items():
        assert (slope is None) == (other_slopes[key] is None), key
        if slope is not None:
            torch.testing.assert_close(other_slopes[key], slope, rtol=1e-7, atol=1e-8)
    for key, value in norms.items():
        torch.testing.assert_close(other_norms[key], value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["additive", "cbam", "multi_head", "ele_att_gru", "sk"])
def test_a_net_learns_under_uniform_weights(name: str) -> None:
    module, xs = build(name).train(), sample(name)
    wide = module(*xs).flatten(1).shape[1]
    head = nn.Linear(wide, 1).double()
    goal = torch.randn(len(xs[0]), 1, dtype=torch.float64)
    optimiser = torch.optim.Adam([*module.parameters(), *head.parameters()], 0.01)
    costs = []
    with steered(module, uniform):
        for _ in range(40):
            cost = (head(module(*xs).flatten(1)) - goal).square().mean()
            optimiser.zero_grad()
            cost.backward()
            optimiser.step()
            costs.append(float(cost.detach()))
    assert costs[-1] < 0.5 * costs[0]


@pytest.mark.parametrize("name", ["additive", "eca", "multi_head", "ele_att_gru", "bahdanau_decoder"])
def test_stacked_copies_can_be_steered_at_once(name: str) -> None:
    copies, xs = [build(name, seed=seed) for seed in range(3)], sample(name)
    parameters, buffers = torch.func.stack_module_state(copies)

    def run(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        y: Tensor = torch.func.functional_call(copies[0], (parameters, buffers), xs)
        return y

    with steered(copies[0], uniform):
        together = torch.func.vmap(run)(parameters, buffers)
    for one, y in zip(copies, together, strict=True):
        with steered(one, uniform):
            torch.testing.assert_close(y, one(*xs), rtol=1e-9, atol=1e-9)


# --- nets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["agru", "axial", "bahdanau", "da_rnn_temporal", "gate_channel_lstm", "last", "shaw"])
def test_a_net_is_steered_wherever_the_mechanism_stands(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 16, 3)
    for place in placements(name):
        net = compose(placed(Plan(), name, place), Shape(16, 3, 4)).eval()
        y = net(x)
        with steered(net, same):
            torch.testing.assert_close(net(x), y)
        with steered(net, other), heedful.record(net) as maps:
            assert net(x).shape == y.shape
            assert not torch.allclose(net(x), y)
        assert {one.module for one in maps.values()} <= set(steerable(net))


def test_a_decoder_that_runs_freely_goes_on_from_changed_outputs() -> None:
    torch.manual_seed(0)
    net = compose(replace(Plan(), decoder=EncoderDecoder(attention="bahdanau")), Shape(16, 3, 4)).eval()
    x, seen = torch.randn(5, 16, 3), []

    def change(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:
        seen.append((name, axes, tuple(w.shape)))
        return uniform(name, part, w, axes, places)

    with steered(net, change), heedful.record(net) as maps:
        net(x)
    assert seen == [("decoder.decoder", ("batch", "time", "key"), (5, 1, 16))] * 4
    (one,) = maps.values()
    torch.testing.assert_close(one.weights, torch.full((5, 4, 16), 1 / 16))


def test_only_the_chosen_mechanisms_are_steered() -> None:
    net = nn.Sequential(attention.create("simam", 8), attention.create("eca", 8)).double()
    x = torch.randn(2, 8, 9).double()
    plain, gated = net[0](x), net[1](x)
    assert list(steerable(net)) == ["0", "1"]
    with steered(net, other, ["1"]) as chosen:
        assert list(chosen) == ["1"]
        assert torch.equal(net[0](x), plain)
        assert not torch.equal(net[1](x), gated)


def test_a_mechanism_inside_another_belongs_to_it() -> None:
    assert list(steerable(build("scse"))) == ["model"]


def test_an_error_inside_the_block_leaves_the_net_as_it_was() -> None:
    pool = attention.create("additive", 8)
    with pytest.raises(ZeroDivisionError), steered(pool, other):
        raise ZeroDivisionError
    assert type(pool) is attention.Additive
    assert "steering" not in pool.__dict__


def test_mechanisms_that_cannot_be_steered_say_why() -> None:
    without = {name for name in attention.names() if not can_steer(name)}
    assert {attention.MECHANISMS[name] for name in without} == set(WITHOUT)
    for name in without:
        assert not attention.MECHANISMS[name].forms_weights
        assert cannot_steer(name)
        with (
            pytest.raises(OptionError, match=r"got none\. Take some of: none \(model: (it|its) .*\)"),
            steered(build(name), same),
        ):
            pass
    with pytest.raises(UnknownName, match="Did you mean"):
        can_steer("ecaa")


def test_wrong_names_shapes_and_nesting_are_refused_with_advice() -> None:
    net = nn.Sequential(attention.create("eca", 8))
    with pytest.raises(OptionError, match=r"got 1\. Take some of: 0\."), steered(net, same, ["1"]):
        pass
    with pytest.raises(OptionError, match="got none"), steered(nn.Linear(2, 2), same):
        pass
    with (
        steered(net, lambda name, part, w, axes, places: w[:1]),
        pytest.raises(ShapeError, match="Change numbers only"),
    ):
        net(torch.zeros(2, 8, 9))
    with steered(net, same), pytest.raises(OptionError, match="nobody steers"), steered(net, same):
        pass


def test_a_class_of_ones_own_needs_to_say_how_its_weights_meet_values() -> None:
    class Own(attention.base.MapAttention):
        def attend(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(OptionError, match="nothing says how its weights meet its values"), steered(Own(8), same):
        pass
