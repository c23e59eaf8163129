from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import heedful
from heedful import attention
from heedful.errors import OptionError, UnknownName
from heedful.models import compose, controls, get
from heedful.models.controls import (
    attentions,
    compose_alike,
    last_state,
    mean_pooling,
    no_placebo,
    none,
    parameters,
    placebo,
    placed,
    placements,
    wide,
)
from heedful.models.places import place_of
from heedful.models.plan import Attention, EncoderDecoder, Flatten, Last, Parallel, Plan, Pooled, Recurrence
from heedful.models.presets import PRESETS, with_mechanism
from heedful.models.recurrent import fitting
from heedful.models.shape import Shape

SHAPE = Shape(12, 3, 4)
ARMS = (
    "cnn-lstm+eca",
    "cnn-lstm+cbam",
    "cnn-lstm+multi_head",
    "cnn-lstm+additive",
    "cnn-lstm+agru",
    "attention-gru",
    "attention-gru+general",
    "heedful",
    "heedful+multi_head",
    "da-rnn",
    "tpa-lstm",
    "seq2seq-attention",
    "seq2seq-attention+luong_decoder",
    "lstnet",
)


def plan_of(name: str, shape: Shape = SHAPE) -> Plan:
    found = get(name).plan(shape)
    assert found is not None
    return found


def windows(shape: Shape = SHAPE, seed: int = 0) -> Tensor:
    return torch.randn(5, shape.window, shape.features, generator=torch.Generator().manual_seed(seed))


def built(plan: Plan, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return compose(plan, SHAPE)


# --- places -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in attention.names() if place_of(name)])
def test_a_mechanism_builds_in_each_of_its_places(name: str) -> None:
    assert placements(name)
    for place in placements(name):
        if (name, place) == ("location_sensitive", "decoder"):
            continue
        plan = placed(PRESETS["cnn-lstm"].plan(SHAPE), name, place)
        assert compose(plan, SHAPE)(windows()).shape == (5, 4)
        held = attentions(plan)
        assert held == ({} if name in ("last", "max", "mean") else {place: name})
        if held and not no_placebo(name):
            assert compose(placebo(plan, 3, place), SHAPE)(windows()).shape == (5, 4)
        assert attentions(none(plan, place)) == {}


def test_a_mechanism_that_needs_a_second_map_has_no_place() -> None:
    assert placements("aff") == ()
    with pytest.raises(OptionError, match=r"cannot hold 'aff' as its decoder. Take another mechanism"):
        placed(Plan(), "aff", "decoder")


def test_places_that_do_not_fit_or_exist_are_refused() -> None:
    with pytest.raises(OptionError, match=r"cannot hold 'eca' as its decoder. Take map_attention"):
        placed(Plan(), "eca", "decoder")
    with pytest.raises(UnknownName, match="Did you mean 'decoder'"):
        placed(Plan(), "eca", "decodr")
    with pytest.raises(UnknownName, match="Did you mean 'decoder'"):
        none(Plan(), "decodr")


def test_without_a_place_the_usual_one_is_taken() -> None:
    for name in ("eca", "additive", "lstmn"):
        assert placed(Plan(), name) == with_mechanism(Plan(), name)


# --- none ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARMS)
def test_none_holds_no_attention_and_runs(name: str) -> None:
    plan = none(plan_of(name))
    assert attentions(plan) == {}
    model = compose(plan, SHAPE)
    assert model(windows()).shape == (5, 4)
    weighing = [m for m in model.modules() if isinstance(m, attention.base.CONTRACTS)]
    assert all(isinstance(m, attention.Last) or m is getattr(model.decoder, "decoder", None) for m in weighing)


def test_none_gives_the_backbone_back() -> None:
    bare = plan_of("cnn-lstm")
    for name in ("eca", "multi_head", "additive", "da_rnn_temporal"):
        assert none(plan_of(f"cnn-lstm+{name}")) == bare


def test_none_leaves_what_is_not_asked_for() -> None:
    plan = plan_of("cnn-bilstm+eca")
    assert none(plan, "map_attention") == plan_of("cnn-bilstm")
    assert attentions(none(plan, "decoder")) == {"map_attention": "eca"}


def test_none_keeps_the_rest_of_the_heedful_preset() -> None:
    plan = plan_of("heedful")
    assert isinstance(plan.decoder, Parallel)
    bare = none(plan)
    assert bare.decoder == Parallel(segment=plan.decoder.segment)
    assert replace(bare, decoder=plan.decoder) == plan


@pytest.mark.parametrize("cell", fitting())
def test_none_of_a_cell_is_the_recurrence_that_it_holds(cell: str) -> None:
    plan = Plan(recurrence=Recurrence(kind=cell, width=7))
    bare = none(plan).recurrence
    assert bare.kind == ("lstm" if "lstm" in cell or cell == "da_rnn_input" else "gru")
    assert bare.width == 7


def test_none_of_a_flat_decoder_behind_a_pooling_reads_the_last_state() -> None:
    plan = Plan(attention=Attention(name="additive"), decoder=Flatten())
    assert none(plan).decoder == Last()
    assert none(Plan(attention=Attention(name="sab"), decoder=Flatten())).decoder == Flatten()


def test_a_decoder_without_attention_sees_the_last_state_alone() -> None:
    model = built(none(plan_of("seq2seq-attention")))
    x = windows()
    with heedful.record(model) as maps:
        model(x)
    weights = next(one.weights for name, one in maps.items() if name.endswith("decoder.decoder"))
    assert torch.equal(weights[..., -1], torch.ones(5, 4))
    assert not weights[..., :-1].any()


def test_last_state_and_mean_pooling_are_controls_of_state_attention() -> None:
    plan = plan_of("attention-gru")
    assert last_state(plan) == none(plan)
    assert mean_pooling(plan).decoder == Pooled(mechanism="mean")
    assert mean_pooling(plan_of("seq2seq-attention")).decoder == EncoderDecoder(attention="mean")
    behind = plan_of("cnn-lstm+additive")
    assert mean_pooling(behind).attention == Attention(name="mean")
    for one in (plan, plan_of("seq2seq-attention"), behind):
        assert compose(mean_pooling(one), SHAPE)(windows()).shape == (5, 4)


@pytest.mark.parametrize("name", ["cnn-lstm+eca", "cnn-lstm+multi_head", "heedful", "cnn-lstm"])
def test_mean_pooling_of_what_pools_nothing_is_refused(name: str) -> None:
    for control in (last_state, mean_pooling):
        with pytest.raises(OptionError, match="pools no states by attention alone"):
            control(plan_of(name))


# --- placebo ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARMS)
def test_a_placebo_has_the_parameters_of_the_arm_and_their_start(name: str) -> None:
    plan = plan_of(name)
    real, fake = dict(built(plan).named_parameters()), dict(built(placebo(plan, 3)).named_parameters())
    assert list(fake) == list(real)
    for key, value in real.items():
        assert torch.equal(fake[key], value), key


@pytest.mark.parametrize("name", ARMS)
def test_a_placebo_plan_survives_dict_and_toml(name: str) -> None:
    plan = placebo(plan_of(name), 0)
    assert Plan.from_dict(plan.to_dict()) == plan
    assert Plan.from_toml(plan.to_toml()) == plan
    assert "placebo=0" in repr(plan)


@pytest.mark.parametrize("name", ARMS)
def test_the_weights_of_a_placebo_model_look_at_nothing(name: str) -> None:
    model = built(placebo(plan_of(name), 3)).eval()
    ys, seen = [], []
    for seed in (0, 1):
        with heedful.record(model) as maps:
            ys.append(model(3 * windows(seed=seed)))
        seen.append({key: one.weights for key, one in maps.items()})
    assert seen[0]
    # The scores of an AGRU are formed beside it, and replaced inside it.
    for key, weights in seen[0].items():
        assert torch.equal(weights, seen[1][key]), key
    assert not torch.allclose(*ys)


@pytest.mark.parametrize("name", ARMS)
def test_a_placebo_model_learns_with_all_parameters_that_the_arm_learns_with(name: str) -> None:
    target = torch.randn(5, 4, generator=torch.Generator().manual_seed(9))
    moved = []
    for plan in (plan_of(name), placebo(plan_of(name), 3)):
        model = built(plan).train()
        optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
        for _ in range(2):
            before = {key: p.detach().clone() for key, p in model.named_parameters()}
            optimiser.zero_grad()
            (model(windows()) - target).square().mean().backward()
            optimiser.step()
        moved.append({key for key, p in model.named_parameters() if not torch.equal(p, before[key])})
    assert moved[0] <= moved[1]
    assert len(moved[0]) > 3


def test_each_seed_draws_its_own_reference() -> None:
    plan = plan_of("cnn-lstm+eca")
    one, same, other = (built(placebo(plan, seed)).state_dict() for seed in (0, 0, 1))
    key = "encoder.map_attention.reference.value"
    assert torch.equal(one[key], same[key])
    assert not torch.equal(one[key], other[key])
    assert one[key].shape == (1, 16, SHAPE.window)


def test_the_segments_of_a_horizon_have_references_of_their_own() -> None:
    plan = Plan(recurrence=Recurrence(kind="gru", width=6), decoder=Pooled(segment=2, mechanism="additive"))
    state = built(placebo(plan, 1)).state_dict()
    assert not torch.equal(state["decoder.pool.0.reference.value"], state["decoder.pool.1.reference.value"])


def test_learned_queries_of_a_decoder_stay_and_states_as_queries_are_frozen() -> None:
    for query, learned in (("learned", True), ("state", False)):
        decoder = Parallel(segment=2, attention="general", query=query)  # type: ignore[arg-type]
        model = built(placebo(Plan(recurrence=Recurrence(kind="gru", width=6), decoder=decoder), 1))
        assert model.get_submodule("decoder.attention").learned is learned


def test_a_placebo_of_one_place_leaves_the_others() -> None:
    plan = placebo(plan_of("attention-gru+eca"), 3, "map_attention")
    assert plan.map_attention == Attention(name="eca", placebo=3)
    assert isinstance(plan.decoder, Pooled)
    assert plan.decoder.placebo is None


def test_a_placebo_of_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match="got one that holds none. Put a mechanism there"):
        placebo(plan_of("cnn-lstm"), 0)
    with pytest.raises(OptionError, match="as its decoder, got one that holds map_attention"):
        placebo(plan_of("cnn-lstm+eca"), 0, "decoder")
    with pytest.raises(OptionError, match=r"'frequency_enhanced' has no placebo: it is a learned filter"):
        placebo(plan_of("cnn-lstm+frequency_enhanced"), 0)
    with pytest.raises(OptionError, match="placebo of at least 0, got -1"):
        placebo(plan_of("cnn-lstm+eca"), -1)
    with pytest.raises(OptionError, match=r"'lstm' holds no attention.*placebo=2"):
        compose(Plan(recurrence=Recurrence(kind="lstm", placebo=2)), SHAPE)


# --- wide and the same start --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cnn-lstm+eca", "cnn-lstm+multi_head", "attention-gru", "heedful", "da-rnn"])
def test_wide_has_the_parameters_of_the_arm(name: str) -> None:
    plan = plan_of(name)
    wanted = parameters(plan, SHAPE)
    found = wide(none(plan), SHAPE, wanted)
    assert parameters(found.plan, SHAPE) == found.parameters
    assert abs(found.parameters - wanted) <= controls.TOLERANCE * wanted
    assert parameters(placebo(plan, 0), SHAPE) == wanted


@pytest.mark.parametrize("name", ARMS)
def test_arms_start_alike_wherever_they_have_the_same_parts(name: str) -> None:
    arm, bare = plan_of(name), none(plan_of(name))
    alone = dict(built(bare, seed=4).named_parameters())
    found = []
    for plan in (bare, arm, placebo(arm, 3)):
        torch.manual_seed(4)
        found.append(dict(compose_alike(plan, SHAPE, bare).named_parameters()))
    for key, value in alone.items():
        assert torch.equal(found[0][key], value), key
        for other in found[1:]:
            if key in other and other[key].shape == value.shape:
                assert torch.equal(other[key], value), key
    for key, value in found[1].items():
        assert torch.equal(found[2][key], value), key
    shared = [key for key in found[1] if key in alone and alone[key].shape == found[1][key].shape]
    assert shared or name in ("da-rnn", "cnn-lstm+agru")


def test_what_arms_do_not_share_is_no_copy_of_what_they_do() -> None:
    bare, arm = plan_of("cnn-lstm"), plan_of("cnn-lstm+multi_head")
    torch.manual_seed(4)
    model = compose_alike(arm, SHAPE, bare)
    own = model.get_parameter("encoder.attention.mechanism.query.weight").detach().flatten()
    theirs = model.get_parameter("encoder.recurrence.layer.weight_ih_l0").detach().flatten()[: own.numel()]
    assert abs(torch.corrcoef(torch.stack([own, theirs]))[0, 1]) < 0.25
