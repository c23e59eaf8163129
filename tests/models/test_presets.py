from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from heedful import attention
from heedful.errors import OptionError, UnknownName
from heedful.models import Shape, compose, places
from heedful.models.plan import (
    Attention,
    Blend,
    Convolution,
    EncoderDecoder,
    Last,
    Parallel,
    Plan,
    Pooled,
    Recurrence,
    Segments,
)
from heedful.models.presets import LEAST, PRESETS, SEGMENTS, with_mechanism

SHAPES = [
    Shape(1, 1, 1),
    Shape(5, 4, 1),
    Shape(13, 2, 3),
    Shape(36, 5, 48, targets=(3, 0), known=(1,)),
    Shape(100, 4, 30, targets=(0, 2, 1)),
]


def _unfolded(name: str, shape: Shape, **changed: object) -> nn.Module:
    """Builds a preset in float64 whose deep branch does not start at zero, and whose skip does."""
    torch.manual_seed(0)
    plan = PRESETS[name].plan(shape)
    model = compose(Plan(**(vars(plan) | changed)), shape).double().eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.decoder.output.parameters():
            parameter.uniform_(-0.5, 0.5)
    return model


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_preset_fits_any_window_and_horizon(name: str, shape: Shape) -> None:
    model = compose(PRESETS[name].plan(shape), shape)
    future = (torch.randn(3, shape.horizon, len(shape.known)),) if shape.known else ()
    y = model(torch.randn(3, shape.window, shape.features), *future)
    assert y.shape == ((3, shape.horizon, len(shape.targets)) if shape.multiple else (3, shape.horizon))
    assert y.isfinite().all()
    y.sum().backward()
    learning = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learning)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("centre", ["none", "last", "revin"])
@pytest.mark.parametrize("shape", [Shape(7, 4, 3), Shape(100, 4, 30, targets=(0, 2))])
def test_the_first_step_sees_the_newest_value_not_through_the_centre_alone(
    name: str, centre: str, shape: Shape
) -> None:
    model = _unfolded(name, shape, centre=centre)
    x = torch.randn(3, shape.window, 4, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[:, 0].sum(), x)
    assert gradient[:, -1, 0].ne(0).all()


@pytest.mark.parametrize("name", PRESETS)
def test_the_deep_branch_sees_every_step_and_their_order(name: str) -> None:
    shape = Shape(20, 4, 3)
    model, x = _unfolded(name, shape, centre="none"), torch.randn(3, 20, 4, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(model(x.requires_grad_())[:, 0].sum(), x)
    assert gradient.abs().sum((0, 2)).gt(0).all()
    assert (model(x) - model(x.flip(1))).abs().max() > 1e-6


def test_cnn_lstm_is_as_large_as_it_was() -> None:
    model = compose(PRESETS["cnn-lstm"].plan(Shape(20, 4, 3)), Shape(20, 4, 3))
    assert sum(p.numel() for p in model.parameters()) == (4 * 16 * 3 + 16) + 4 * (16 * 16 * 2 + 16 * 2) + (16 * 3 + 3)
    assert PRESETS["cnn-lstm"].plan(Shape(20, 4, 3)).centre == "last"


def test_heedful_cuts_segments_only_where_the_window_holds_enough_of_them() -> None:
    def stem(window: int) -> object:
        return PRESETS["heedful"].plan(Shape(window, 1)).stem

    assert list(SEGMENTS) == sorted(SEGMENTS, reverse=True)
    for length in SEGMENTS:
        found, shorter = stem(LEAST * length), stem(LEAST * length - 1)
        assert isinstance(found, Segments)
        assert found.length == length
        assert isinstance(shorter, Convolution) or (isinstance(shorter, Segments) and shorter.length < length)
    for window in (1, 5, 40, LEAST * SEGMENTS[-1] - 1):
        short = stem(window)
        assert isinstance(short, Convolution)
        assert short.kernel == 3


def test_heedful_forecasts_each_target_on_its_own_beside_a_line() -> None:
    plan = PRESETS["heedful"].plan(Shape(336, 7, 96, targets=tuple(range(7))))
    assert (plan.channels, plan.skip) == ("independent", Blend())
    assert isinstance(plan.decoder, Parallel)
    assert plan.decoder.attention is not None
    assert plan.embedding > 0


@pytest.mark.parametrize("name", PRESETS)
def test_every_summary_is_one_sentence(name: str) -> None:
    assert re.fullmatch(r"[^.]*(?:et al\. [^.]*)?\.", PRESETS[name].summary)


# --- mechanisms in presets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "mechanism", "changed"),
    [
        ("cnn-lstm", "eca", {"map_attention": Attention(name="eca")}),
        ("cnn-lstm", "additive", {"attention": Attention(name="additive")}),
        ("cnn-lstm", "multi_head", {"attention": Attention(name="multi_head")}),
        ("cnn-lstm", "luong_decoder", {"attention": Attention(name="luong_decoder")}),
        ("cnn-lstm", "lstmn", {"recurrence": Recurrence(kind="lstmn", width=16)}),
        ("attention-lstm", "dot", {"decoder": Pooled(mechanism="dot")}),
        ("attention-lstm", "multi_head", {"decoder": Pooled(mechanism="multi_head")}),
        ("attention-lstm", "frequency_enhanced", {"attention": Attention(name="frequency_enhanced")}),
        ("seq2seq-attention", "dot", {"decoder": EncoderDecoder(attention="dot")}),
        ("seq2seq-attention", "luong_decoder", {"decoder": EncoderDecoder(attention="luong_decoder")}),
        ("seq2seq-attention", "mean", {"attention": Attention(name="mean"), "decoder": Last()}),
        ("heedful", "bahdanau", {"decoder": Parallel(segment=3, attention="bahdanau")}),
        ("heedful", "mean", {"decoder": Pooled(segment=3, mechanism="mean")}),
    ],
)
def test_a_mechanism_takes_the_place_that_its_contract_allows(
    preset: str, mechanism: str, changed: dict[str, object]
) -> None:
    plan = PRESETS[preset].plan(Shape(20, 4, 3))
    assert with_mechanism(plan, mechanism) == Plan(**(vars(plan) | changed))  # type: ignore[arg-type]


ON_STATES = [n for n in attention.names() if places.place_of(n) in ("attention", "recurrence")]


@pytest.mark.parametrize("preset", ["cnn-lstm", "attention-gru", "seq2seq-attention", "heedful"])
@pytest.mark.parametrize("mechanism", ON_STATES)
def test_every_mechanism_runs_in_presets_of_every_decoder(preset: str, mechanism: str) -> None:
    shape = Shape(12, 4, 5, targets=(0, 2))
    plan = with_mechanism(PRESETS[preset].plan(shape), mechanism)
    if (preset, mechanism) == ("seq2seq-attention", "location_sensitive"):
        with pytest.raises(OptionError, match="EncoderDecoder needs an attention that it can ask.*bahdanau"):
            compose(plan, shape)
        return
    model = compose(plan, shape)
    assert model(torch.randn(3, 12, 4)).shape == (3, 5, 2)


def test_a_mechanism_without_a_place_or_name_is_refused() -> None:
    plan = PRESETS["cnn-lstm"].plan(Shape(20, 4, 3))
    with pytest.raises(OptionError, match="It needs a second map, which no plan has"):
        with_mechanism(plan, "aff")
    with pytest.raises(UnknownName, match="Did you mean 'cbam'"):
        with_mechanism(plan, "cbamm")
