from __future__ import annotations

import pytest
import torch

import heedful
from heedful import attention
from heedful.errors import OptionError, UnknownName
from heedful.models.plan import Attention
from heedful.models.signals import SignalShape, get
from heedful.models.signals.arms import SignalArm
from heedful.models.signals.design import Design
from heedful.models.signals.places import PUBLISHED_GATES, kinds_of, why_no_placebo
from heedful.models.signals.presets import PRESETS
from heedful.models.signals.resnet import ResNet1d

SHAPE = SignalShape(2, 3, 40)
X = torch.randn(4, 40, 2, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([40, 20, 5, 1])
HOSTS = {
    "map": "wdcnn+{}@block2",
    "sequence": "wdcnn+{}@block2",
    "cell": "cnn-lstm+{}@lstm",
    "pooling": "resnet1d+{}@pool",
    "image": "spectrogram-cnn+{}@block2",
}
EVERY = [HOSTS[kind].format(name) for name in (*attention.names(), *PUBLISHED_GATES) for kind in kinds_of(name)]
ONE_OF_EACH = {"map": "cbam", "image": "cbam", "sequence": "multi_head", "cell": "lstmn", "pooling": "dot"}
PLACED = [
    f"{preset}+{name}@{place}"
    for preset in PRESETS
    if PRESETS[preset].ensemble == 1
    for place, taken in PRESETS[preset].places.items()
    for kind, name in {
        "map": "cbam",
        "image": "cbam",
        "sequence": "multi_head",
        "cell": "lstmn",
        "pooling": "dot",
    }.items()
    if kind in taken
]


def built(name, seed=0, shape=SHAPE):
    return get(name).build(shape, seed)


def mechanism_of(name):
    return name.split("+")[1].split("@")[0]


@pytest.mark.parametrize("name", sorted({*EVERY, *PLACED}))
def test_a_mechanism_runs_at_its_place_is_recorded_there_and_sees_no_padding(name):
    model = built(name).eval()
    place = name.split("@")[1].split("+")[0]
    with torch.no_grad():
        given = model(X, LENGTHS)
        alone = torch.cat([model(x[None, :n]) for x, n in zip(X, LENGTHS.tolist(), strict=True)])
    torch.testing.assert_close(given, alone, rtol=1e-4, atol=1e-5)
    with heedful.record(model) as maps, torch.no_grad():
        model(X)
    here = [one for path, one in maps.items() if f"attention.{place}" in path]
    silent = [path for path in maps.without_weights if path.startswith(f"attention.{place}")]
    assert here or silent
    for one in here:
        assert len(one.axes) == one.weights.ndim
        assert one.axes[0] == "batch"


# What forms no gradient at a flat start (gates that begin at zero) still must not stop the others.
@pytest.mark.parametrize("name", EVERY)
def test_a_mechanism_trains_at_its_place(name):
    model = built(name)
    model.head.loss(model(X), torch.tensor([0, 1, 2, 1])).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    backbone = [p for path, p in model.named_parameters() if not path.startswith("attention")]
    assert all(p.grad is not None and p.grad.any() for p in backbone)
    mechanism = [p for path, p in model.named_parameters() if path.startswith("attention")]
    assert not mechanism or any(p.grad is not None and p.grad.any() for p in mechanism)


@pytest.mark.parametrize("name", [name for name in EVERY if not why_no_placebo(mechanism_of(name))])
def test_a_placebo_runs_where_its_mechanism_does_and_has_its_parameters(name):
    real, placebo = built(name), built(f"{name}+placebo", 3)
    assert {n: p.shape for n, p in real.named_parameters()} == {n: p.shape for n, p in placebo.named_parameters()}
    placebo.eval()
    with torch.no_grad():
        given = placebo(X, LENGTHS)
        assert given.isfinite().all()
        alone = torch.cat([placebo(x[None, :n]) for x, n in zip(X, LENGTHS.tolist(), strict=True)])
        torch.testing.assert_close(given, alone, rtol=1e-4, atol=1e-5)


def test_another_seed_shows_a_placebo_another_reference():
    def references(seed):
        state = built("wdcnn+eca+placebo", seed).state_dict()
        return [value for path, value in state.items() if path.endswith("reference.value")]

    assert all(torch.equal(a, b) for a, b in zip(references(1), references(1), strict=True))
    assert not torch.equal(references(0)[0], references(1)[0])


# --- controls -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["wdcnn+se", "resnet1d+cbam@block3", "mlstm-fcn", "alstm-fcn", "attention-bilstm", "spectrogram-cnn+se"]
)
def test_arms_share_the_start_of_what_they_share(name):
    # A placebo's batch norms have met what it looks at; parameters are what is learned.
    none, real, placebo = (dict(built(name + end, 5).named_parameters()) for end in ("+none", "", "+placebo"))
    assert all(torch.equal(real[path], value) for path, value in none.items())
    assert all(torch.equal(placebo[path], value) for path, value in real.items())
    assert set(real) > set(none)


@pytest.mark.parametrize("name", ["cnn-lstm+lstmn", "resnet1d+structured_self", "lstm-fcn+lstmn"])
def test_what_stands_behind_another_recurrence_or_width_starts_alike_too(name):
    none, real = (dict(built(name + end, 5).named_parameters()) for end in ("+none", ""))
    common = [path for path in none if path in real and real[path].shape == none[path].shape]
    assert "output.bias" in common
    assert all(torch.equal(real[path], none[path]) for path in common)


def test_two_places_of_one_width_do_not_start_alike():
    held = {place: Attention(name="se") for place in ("block2", "block3")}
    state = ResNet1d(SHAPE, Design(attention=held)).state_dict()
    one, other = (state[f"attention.{place}.squeeze.weight"] for place in held)
    assert one.shape == other.shape
    assert not torch.equal(one, other)


def test_a_mechanism_starts_alike_whatever_else_is_exchanged():
    alone, both = built("lstm-fcn+se@conv1").state_dict(), built("mlstm-fcn+eca@conv2").state_dict()
    kept = [path for path in alone if path.startswith("attention.conv1")]
    assert kept
    assert all(torch.equal(alone[path], both[path]) for path in kept)


def test_none_is_the_preset_without_its_attention():
    assert SignalArm.read("mlstm-fcn+none").design().attention == {}
    assert SignalArm.read("mlstm-fcn+eca@conv3+none").design() == SignalArm.read("mlstm-fcn").design()
    x = built("mlstm-fcn+none", 2).eval()(X)
    assert torch.equal(x, built("lstm-fcn", 2).eval()(X))


def test_a_pooling_is_held_against_the_mean():
    assert SignalArm.read("attention-bilstm+mean").mechanism == "mean"
    assert SignalArm.read("attention-bilstm+dot+mean").design().attention["pool"].name == "mean"
    one, other = built("resnet1d+dot+mean").eval(), built("resnet1d").eval()
    torch.testing.assert_close(one(X), other(X))


@pytest.mark.parametrize(
    "name",
    [
        "wdcnn+multi_head",
        "cnn-lstm+lstmn",
        "cnn-lstm+multi_head",
        "lstm-fcn+non_local@conv2",
        "mlstm-fcn",
        "resnet1d+non_local",
        "inception-time+multi_head",
        "attention-bilstm",
        "spectrogram-cnn+non_local",
    ],
)
@pytest.mark.parametrize("shape", [SignalShape(1, 2, 2048), SignalShape(3, 6, 150)])
def test_a_wide_arm_has_as_many_parameters_as_the_attention(name, shape):
    with torch.device("meta"):
        real = sum(p.numel() for p in built(name, shape=shape).parameters())
    wide = built(f"{name}+wide", shape=shape)
    assert sum(p.numel() for p in wide.parameters()) == pytest.approx(real, rel=0.02)
    assert SignalArm.read(f"{name}+wide").wide(shape).note == ""
    place = SignalArm.read(name).places()[0]
    assert not any(path.startswith(f"attention.{place}") for path, _ in wide.named_parameters())


def test_a_handful_of_parameters_more_needs_no_widening():
    found = SignalArm.read("resnet1d+eca+wide").wide(SHAPE)
    assert found.design.width == 1.0
    assert 0 < found.wanted - found.parameters < 10


def test_a_size_that_whole_filters_cannot_meet_is_told():
    from heedful.models.signals.spectrogram import SpectrogramCNN
    from heedful.models.signals.wide import widened

    found = widened(SpectrogramCNN, SHAPE, Design(), 60)
    assert "60 were wanted" in found.note


# --- names --------------------------------------------------------------------------------------------------


def test_a_mechanism_without_a_place_takes_the_usual_one():
    usual = {
        "wdcnn+eca": ("block2",),
        "wdcnn+additive": ("pool",),
        "mlstm-fcn+eca": ("conv1", "conv2"),
        "alstm-fcn+dot": ("lstm",),
        "cnn-lstm+lstmn": ("lstm",),
        "inception-time+se": ("module6",),
        "spectrogram-cnn+published:channel_attention_2d": ("block2",),
    }
    assert {name: SignalArm.read(name).places() for name in usual} == usual


def test_only_published_gates_stand_beside_the_catalogue():
    assert "exactly as an article prints it" in get("spectrogram-cnn+published:spatial_attention_2d").summary
    with pytest.raises(OptionError, match="kept exactly"):
        get("spectrogram-cnn+published:spatial_attention_2d+placebo")
    with pytest.raises(OptionError, match="Take spectrogram-cnn"):
        get("wdcnn+published:spatial_attention_2d")
    with pytest.raises(UnknownName, match="channel_attention_2d"):
        get("spectrogram-cnn+published:wdcnn")


def test_what_does_not_fit_is_refused_with_advice():
    refused = {
        "wdcnn+eca@pool": (OptionError, "Take block1 or block2"),
        "wdcnn+eca@block9": (UnknownName, "Known: block1"),
        "wdcnn+lstmn": (OptionError, "Take cnn-lstm or lstm-fcn"),
        "spectrogram-cnn+multi_head": (OptionError, "has no place for 'multi_head'"),
        "wdcnn+aff": (OptionError, "needs a second input"),
        "wdcnn+bahdanau_decoder": (OptionError, "needs a second input"),
        "wdcnn+eca+placbo": (UnknownName, "placebo"),
        "wdcnn+ecaa": (UnknownName, "eca"),
        "wdcn": (UnknownName, "wdcnn"),
        "wdcnn+none": (OptionError, "Name a mechanism"),
        "wdcnn+max+placebo": (OptionError, "Name a mechanism"),
        "wdcnn+eca+mean": (OptionError, "pools no states"),
        "wdcnn+frequency_attention+placebo": (OptionError, "no placebo"),
    }
    for name, (error, advice) in refused.items():
        with pytest.raises(error, match=advice):
            get(name)
