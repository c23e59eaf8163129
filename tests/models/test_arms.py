from __future__ import annotations

import pytest
import torch

from heedful.errors import OptionError, UnknownName
from heedful.models import Shape, controls, get
from heedful.models.arms import Arm

SHAPE = Shape(24, 3, 4)


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("cnn-lstm", Arm(preset="cnn-lstm")),
        ("cnn-lstm+eca", Arm(preset="cnn-lstm", mechanism="eca")),
        ("cnn-lstm+additive@decoder", Arm(preset="cnn-lstm", mechanism="additive", place="decoder")),
        ("cnn-lstm+eca+placebo", Arm(preset="cnn-lstm", mechanism="eca", control="placebo")),
        ("heedful+none", Arm(preset="heedful", control="none")),
        ("cnn-lstm+mean", Arm(preset="cnn-lstm", mechanism="mean")),
        ("cnn-lstm+dot+mean", Arm(preset="cnn-lstm", mechanism="dot", control="mean")),
    ],
)
def test_a_name_says_preset_mechanism_place_and_control(name, arm):
    assert Arm.read(name) == arm


def test_controls_stand_where_the_attention_stands():
    real = get("cnn-lstm+eca").plan(SHAPE)
    assert get("cnn-lstm+eca+none").plan(SHAPE) == get("cnn-lstm").plan(SHAPE)
    assert get("cnn-lstm+eca+placebo").plan(SHAPE, 3) == controls.placebo(real, 3)
    assert get("heedful+none").plan(SHAPE).decoder.attention is None


def test_only_the_mechanism_asked_about_is_exchanged():
    plan = get("attention-gru+eca+none").plan(SHAPE)
    assert plan == get("attention-gru").plan(SHAPE)


def test_a_wide_arm_has_as_many_parameters_as_the_attention():
    counts = [
        sum(p.numel() for p in get(f"cnn-lstm+multi_head{end}").build(SHAPE).parameters()) for end in ("", "+wide")
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.02)
    assert get("cnn-lstm+multi_head+wide").plan(SHAPE).attention is None


def test_arms_share_the_start_of_what_they_share():
    states = []
    for name in ("cnn-lstm", "cnn-lstm+eca", "cnn-lstm+eca+placebo"):
        torch.manual_seed(5)
        states.append(get(name).build(SHAPE, 5).state_dict())
    none, real, placebo = states
    assert all(torch.equal(real[name], value) for name, value in none.items())
    assert all(torch.equal(placebo[name], value) for name, value in real.items())


def test_another_seed_shows_a_placebo_another_reference():
    def reference(seed):
        state = get("cnn-lstm+eca+placebo").build(SHAPE, seed).state_dict()
        return next(value for name, value in state.items() if name.endswith("reference.value"))

    references = [reference(seed) for seed in (0, 1, 1)]
    assert torch.equal(references[1], references[2])
    assert not torch.equal(references[0], references[1])


def test_what_is_no_arm_is_refused():
    with pytest.raises(UnknownName, match="placebo"):
        get("cnn-lstm+eca+placbo")
    with pytest.raises(UnknownName, match="cnn-lstm"):
        get("cnn-lst+eca")
    with pytest.raises(OptionError, match="Name a mechanism"):
        get("cnn-lstm+none")
    with pytest.raises(OptionError, match="cannot hold"):
        get("cnn-lstm+eca@decoder")
