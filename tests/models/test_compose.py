from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import heedful
from heedful import attention
from heedful.errors import OptionError, ShapeError, UnknownName
from heedful.models import Shape, compose, places
from heedful.models.plan import (
    Attention,
    Blend,
    Convolution,
    Decoder,
    EncoderDecoder,
    Flatten,
    Gaussian,
    Head,
    Identity,
    Last,
    LinearSkip,
    MultiScale,
    Parallel,
    Plan,
    Point,
    Pooled,
    Quantiles,
    Recurrence,
    Segments,
    StudentT,
)

DECODERS: list[Decoder] = [Last(), Pooled(segment=3), Parallel(segment=3, attention="dot"), EncoderDecoder(), Flatten()]
CENTRES: list[Any] = ["none", "last", "mean", "revin"]
SMALL = Recurrence(kind="gru", width=8)


def _build(plan: Plan, shape: Shape) -> nn.Module:
    """Builds a model in float64 in which nothing starts at zero."""
    torch.manual_seed(0)
    model = compose(plan, shape).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.uniform_(-0.5, 0.5)
    return model


def _inputs(shape: Shape, *, seed: int = 0) -> tuple[Tensor, ...]:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(3, shape.window, shape.features, dtype=torch.float64, generator=draw)
    future = torch.randn(3, shape.horizon, len(shape.known), dtype=torch.float64, generator=draw)
    return (x, future) if shape.known else (x,)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("head", [Point(), Quantiles(levels=(0.1, 0.5, 0.9)), Gaussian(), StudentT()])
@pytest.mark.parametrize("channels", ["mixed", "independent"])
@pytest.mark.parametrize("targets", [(2,), (2, 0, 4, 1)])
@pytest.mark.parametrize("known", [(), (3, 5)])
def test_forecasts_have_an_axis_for_several_targets_and_one_for_a_distribution(
    decoder: Decoder, head: Head, channels: Any, targets: tuple[int, ...], known: tuple[int, ...]
) -> None:
    shape = Shape(12, 6, 7, targets=targets, known=known)
    plan = Plan(centre="revin", recurrence=SMALL, decoder=decoder, head=head, skip=LinearSkip(), channels=channels)
    model = _build(plan, shape)
    raw = model(*_inputs(shape))
    y = (3, 7) if len(targets) == 1 else (3, 7, 4)
    assert raw.shape == (y if isinstance(head, Point) else (*y, model.head.outputs))
    assert model.head.point(raw).shape == y
    raw.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_whole_model_is_the_sum_of_its_formulas() -> None:
    shape = Shape(12, 4, 3, targets=(2, 1))
    plan = Plan(stem=Convolution(filters=6), recurrence=Recurrence(kind="lstm", width=5), skip=LinearSkip())
    model = _build(plan, shape)
    (x,) = _inputs(shape)
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    got = model(x).detach().numpy()
    for b, window in enumerate(x.numpy()):
        z = np.pad(window - window[-1], ((1, 1), (0, 0)))
        h = c = np.zeros(5)
        for t in range(12):
            seen = np.einsum("ofk,kf->o", w["encoder.stem.layers.0.weight"], z[t : t + 3])
            seen = np.maximum(seen + w["encoder.stem.layers.0.bias"], 0)
            gates = w["encoder.recurrence.layer.weight_ih_l0"] @ seen + w["encoder.recurrence.layer.bias_ih_l0"]
            gates = gates + w["encoder.recurrence.layer.weight_hh_l0"] @ h + w["encoder.recurrence.layer.bias_hh_l0"]
            i, f, g, o = np.split(gates, 4)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
        deep = (w["decoder.output.weight"] @ h + w["decoder.output.bias"]).reshape(3, 2)
        for m, target in enumerate((2, 1)):
            line = w["skip.weight"] @ (window[:, target] - window[-1, target]) + w["skip.bias"]
            np.testing.assert_allclose(got[b, :, m], deep[:, m] + line + window[-1, target], rtol=1e-10)


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("channels", ["mixed", "independent"])
def test_the_first_step_sees_the_newest_value_of_its_target(centre: Any, decoder: Decoder, channels: Any) -> None:
    shape = Shape(12, 4, 7, targets=(2, 1))
    plan = Plan(centre=centre, stem=Segments(length=5, width=6), recurrence=SMALL, decoder=decoder, channels=channels)
    model = _build(plan, shape)
    x = _inputs(shape)[0].requires_grad_()
    for m, target in enumerate(shape.targets):
        (gradient,) = torch.autograd.grad(model(x)[:, 0, m].sum(), x)
        assert gradient[:, -1, target].ne(0).all()


@pytest.mark.parametrize("centre", ["last", "mean", "revin"])
@pytest.mark.parametrize("head", [Point(), Quantiles(levels=(0.1, 0.5)), Gaussian()])
def test_a_level_shift_of_the_window_shifts_the_forecast(centre: Any, head: Head) -> None:
    shape = Shape(12, 4, 3, targets=(2, 1))
    model = _build(Plan(centre=centre, recurrence=SMALL, head=head, skip=LinearSkip()), shape)
    (x,) = _inputs(shape)
    shift = torch.tensor([5.0, -3.0, 40.0, 0.5], dtype=torch.float64)
    moved = model.head.point(model(x + shift)) - model.head.point(model(x))
    torch.testing.assert_close(moved, shift[[2, 1]].expand(3, 3, 2), rtol=0, atol=1e-8)


def test_revin_scales_the_forecast_with_the_window() -> None:
    shape = Shape(12, 4, 3)
    model = _build(Plan(centre="revin", recurrence=SMALL, head=Gaussian(), skip=LinearSkip()), shape)
    x = _inputs(shape)[0] * 100
    scaled = model.head.quantiles(model(x * 3), (0.1, 0.5, 0.9))
    torch.testing.assert_close(scaled, 3 * model.head.quantiles(model(x), (0.1, 0.5, 0.9)), rtol=1e-5, atol=1e-3)


def test_known_columns_and_flags_keep_their_level() -> None:
    shape = Shape(12, 4, 3, known=(1,), flags=(3,))
    model = _build(Plan(recurrence=SMALL), shape)
    x, future = _inputs(shape)
    assert torch.equal(model.centre(x)[0][..., [1, 3]], x[..., [1, 3]])
    for column, counts in ((1, True), (2, False), (3, True)):
        shift = torch.eye(4, dtype=torch.float64)[column]
        changed = (model(x + shift, future) - model(x, future)).abs().max() > 1e-6
        assert bool(changed) == counts


@pytest.mark.parametrize("channels", ["mixed", "independent"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_the_known_future_of_a_step_changes_the_forecast_of_that_step(channels: Any, decoder: Decoder) -> None:
    shape = Shape(12, 5, 7, targets=(2, 0), known=(1, 3))
    model = _build(Plan(recurrence=SMALL, decoder=decoder, channels=channels), shape)
    x, future = _inputs(shape)
    future.requires_grad_()
    (gradient,) = torch.autograd.grad(model(x, future)[:, 4].sum(), future)
    assert gradient[:, 4].ne(0).all()
    (gradient,) = torch.autograd.grad(model(x, future)[0].sum(), future)
    assert not gradient[1:].any()


def test_known_columns_add_nothing_at_first() -> None:
    shape = Shape(12, 5, 7, known=(1, 3))
    model, (x, future) = compose(Plan(recurrence=SMALL), shape).double(), _inputs(shape)
    assert torch.equal(model(x, future), model(x, future + 1))


def test_independent_targets_share_weights_and_see_no_other_target() -> None:
    shape = Shape(12, 5, 7, targets=(2, 0, 4))
    model = _build(Plan(recurrence=SMALL, decoder=Parallel(segment=3), channels="independent"), shape)
    (x,) = _inputs(shape)
    y = model(x)
    swapped = model(x[..., [4, 1, 0, 3, 2]])  # the targets 2, 0, 4 are now the columns 0, 4, 2
    torch.testing.assert_close(swapped, y[..., [1, 2, 0]], rtol=1e-10, atol=1e-12)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[..., 0].sum(), x)
    assert gradient[..., [1, 2, 3]].any((0, 1)).all()
    assert not gradient[..., [0, 4]].any()


def test_a_channel_embedding_tells_targets_apart() -> None:
    shape = Shape(12, 5, 7, targets=(2, 0, 4))
    plan = Plan(recurrence=SMALL, decoder=Parallel(segment=3), channels="independent")
    x = torch.randn(3, 12, 1, dtype=torch.float64).expand(-1, -1, 5)
    same, apart = _build(plan, shape)(x), _build(replace(plan, embedding=4), shape)(x)
    torch.testing.assert_close(same[..., 0], same[..., 1])
    assert (apart[..., 0] - apart[..., 1]).abs().max() > 1e-3
    mixed = _build(replace(plan, embedding=4), replace(shape, targets=(4, 2, 0)))(x)
    torch.testing.assert_close(mixed, apart)  # the embedding belongs to the place among the targets


def test_a_mixed_target_is_forecast_from_all_inputs() -> None:
    shape = Shape(12, 5, 7, targets=(2, 0))
    model, (x,) = _build(Plan(recurrence=SMALL), shape), _inputs(shape)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[..., 0].sum(), x)
    assert gradient.any((0, 1)).all()


# --- the linear skip ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("targets", [(2,), (2, 0)])
def test_a_skip_that_was_started_is_the_first_forecast(decoder: Decoder, centre: Any, targets: tuple[int, ...]) -> None:
    shape = Shape(12, 4, 3, targets=targets)
    plan = Plan(centre=centre, recurrence=SMALL, decoder=decoder, skip=LinearSkip())
    model, (x,) = compose(plan, shape).double().eval(), _inputs(shape)
    weight, bias = torch.randn(3, 12, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    model.start_skip(weight.numpy(), bias.numpy())
    own = x.numpy()[..., list(targets)]
    offset = {"none": 0 * own[:, :1], "last": own[:, -1:]}.get(centre, own.mean(1, keepdims=True))
    factor = np.sqrt(own.var(1, keepdims=True) + 1e-5) if centre == "revin" else 1.0
    line = np.einsum("pt,btm->bpm", weight.numpy(), (own - offset) / factor) + bias.numpy()[:, None]
    expected = line * factor + offset
    np.testing.assert_allclose(
        model(x).detach().numpy(), expected if len(targets) > 1 else expected[..., 0], rtol=1e-10, atol=1e-10
    )


def test_the_deep_branch_learns_from_its_zero_start() -> None:
    shape = Shape(12, 4, 3)
    model, (x,) = compose(Plan(recurrence=SMALL, skip=LinearSkip()), shape).double(), _inputs(shape)
    assert torch.equal(model(x), x[:, -1:, 0].expand(-1, 3))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        (model(x) - 7).square().sum().backward()
        optimiser.step()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_a_frozen_skip_keeps_its_weights() -> None:
    shape = Shape(12, 4, 3)
    frozen, free = (compose(Plan(skip=LinearSkip(frozen=f)), shape).skip for f in (True, False))
    assert [p.requires_grad for p in (*frozen.parameters(), *free.parameters())] == [False, False, True, True]


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("head", [Point(), Gaussian(), Quantiles(levels=(0.1, 0.5, 0.9))])
@pytest.mark.parametrize("targets", [(2,), (2, 0)])
def test_a_blend_lies_between_the_line_and_the_network(centre: Any, head: Head, targets: tuple[int, ...]) -> None:
    shape = Shape(12, 4, 3, targets=targets)
    plan = Plan(centre=centre, recurrence=SMALL, head=head, skip=Blend())
    model, (x,) = _build(plan, shape), _inputs(shape)
    share = cast("Tensor", model.share)
    given = {}
    for part in (0.0, 0.25, 1.0):
        share.fill_(part)
        given[part] = model.head.point(model(x))
    torch.testing.assert_close(given[0.25], 0.75 * given[0.0] + 0.25 * given[1.0], rtol=1e-10, atol=1e-10)
    model.start_skip(torch.zeros(3, 12), torch.zeros(3))
    share.fill_(0.0)
    own = x[..., list(targets)]
    offset = {"none": 0 * own[:, :1], "last": own[:, -1:]}.get(centre, own.mean(1, keepdim=True)).expand(-1, 3, -1)
    line = offset if len(targets) > 1 else offset[..., 0]
    torch.testing.assert_close(model.head.point(model(x)), line, rtol=1e-10, atol=1e-10)
    share.fill_(1.0)
    torch.testing.assert_close(model.head.point(model(x)), given[1.0], rtol=1e-10, atol=1e-10)


def test_a_blend_learns_without_its_line_and_keeps_its_share() -> None:
    shape = Shape(12, 4, 3)
    model, (x,) = _build(Plan(recurrence=SMALL, skip=Blend()), shape), _inputs(shape)
    cast("Tensor", model.share).fill_(0.25)
    assert "share" in model.state_dict()
    learnt = model.train()(x)
    model.start_skip(torch.ones(3, 12), torch.ones(3))
    assert torch.equal(model(x), learnt)
    assert (model.eval()(x) - learnt).abs().max() > 1e-3
    assert [n for n, p in model.named_parameters() if not p.requires_grad] == ["skip.weight", "skip.bias"]
    fresh = compose(model.plan, shape)
    assert fresh.decoder.output.weight.any()


def test_a_skip_that_is_not_there_or_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match=r"needs a plan with a linear skip.*skip=LinearSkip\(\)"):
        compose(Plan(), Shape(12, 4, 3)).start_skip(torch.zeros(3, 12), torch.zeros(3))
    with pytest.raises(ShapeError, match=r"weight \(3, 12\) and a bias \(3,\), got \(12, 3\)"):
        compose(Plan(skip=LinearSkip()), Shape(12, 4, 3)).start_skip(torch.zeros(12, 3), torch.zeros(3))


# --- every mechanism of the catalogue -----------------------------------------------------------------------


def _plans_with(name: str) -> list[Plan]:
    base = Plan(stem=Convolution(filters=8), recurrence=SMALL)
    place = places.place_of(name)
    if place == "map_attention":
        return [replace(base, map_attention=Attention(name=name))]
    if place == "recurrence":
        return [replace(base, recurrence=Recurrence(kind=name, width=8))]
    return [replace(base, attention=Attention(name=name))]


@pytest.mark.parametrize("name", [n for n in attention.names() if places.place_of(n)])
def test_every_mechanism_stands_in_its_place_and_learns(name: str) -> None:
    shape = Shape(13, 4, 3, targets=(2, 0))
    for plan in _plans_with(name):
        torch.manual_seed(0)
        model = compose(plan, shape)
        y = model(torch.randn(5, 13, 4))
        assert y.shape == (5, 3, 2)
        y.square().sum().backward()
        dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert not dead
        assert Plan.from_toml(model.plan.to_toml()) == plan


@pytest.mark.parametrize(("targets", "channels"), [((2,), "mixed"), ((2, 0), "mixed"), ((2, 0), "independent")])
def test_a_decoder_reads_the_past_of_the_targets(targets: tuple[int, ...], channels: Any) -> None:
    shape = Shape(12, 4, 3, targets=targets)
    model = _build(Plan(recurrence=SMALL, attention=Attention(name="da_rnn_temporal"), channels=channels), shape)
    given: list[Tensor] = []
    model.encoder.attention.register_forward_pre_hook(lambda _, inputs: given.append(inputs[1]))
    (x,) = _inputs(shape)
    model(x)
    past = (x - x[:, -1:])[..., list(targets)]
    expected = past.transpose(1, 2).reshape(-1, 12, 1) if channels == "independent" else past
    assert torch.equal(given[0], expected)


def test_weights_of_an_attention_are_recorded() -> None:
    model = compose(Plan(stem=Convolution(filters=8), map_attention=Attention(name="cbam")), Shape(12, 4, 3))
    with heedful.record(model) as maps:
        model(torch.randn(2, 12, 4))
    assert set(maps) == {"encoder.map_attention.channel", "encoder.map_attention.time"}


# --- parts that do not fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (Plan(map_attention=Attention(name="additive")), "as map_attention, got 'additive'.*here fit .*eca"),
        (Plan(attention=Attention(name="eca")), "as attention, got 'eca'.*Its place in a plan is map_attention"),
        (Plan(recurrence=Recurrence(kind="se")), "as the recurrence, got 'se'"),
        (Plan(attention=Attention(name="mean"), decoder=Pooled()), "Take the decoder Last or Flatten"),
        (Plan(embedding=4), "Take channels='independent'"),
        (Plan(embedding=4, channels="independent"), "Take the decoder Parallel"),
        (Plan(recurrence=Recurrence(beside=True), stem=Segments()), "Take another stem, or beside=False"),
        (Plan(recurrence=Recurrence(kind="none", beside=True)), "kind='none' beside Identity"),
        (Plan(decoder=Parallel(attention="eca")), "'eca'"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_what_fits(plan: Plan, error: str) -> None:
    with pytest.raises(OptionError, match=error):
        compose(plan, Shape(12, 4, 3, targets=(0, 1)))


def test_unknown_mechanisms_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'cbam'"):
        compose(Plan(map_attention=Attention(name="cbamm")), Shape(12, 4, 3))
    with pytest.raises(OptionError, match="ECA has no option 'kernel'. Did you mean 'kernel_size'"):
        compose(Plan(map_attention=Attention(name="eca", options={"kernel": 3})), Shape(12, 4, 3))


def test_wrong_windows_and_futures_are_refused_with_advice() -> None:
    model = compose(Plan(), Shape(12, 4, 3, known=(1,)))
    x, future = torch.zeros(2, 12, 4), torch.zeros(2, 3, 1)
    with pytest.raises(ShapeError, match=r"windows \(B, T, 4\), got \(2, 12, 5\)"):
        model(torch.zeros(2, 12, 5), future)
    with pytest.raises(ShapeError, match=r"needs a future \(2, 3, 1\), got none"):
        model(x)
    with pytest.raises(ShapeError, match=r"needs a future \(2, 3, 1\), got \(2, 4, 1\)"):
        model(x, torch.zeros(2, 4, 1))
    with pytest.raises(ShapeError, match=r"\.float\(\)"):
        model(x.long(), future)
    with pytest.raises(ShapeError, match=r"\.float\(\)"):
        model(x, future.long())
    with pytest.raises(ShapeError, match="needs no future, got"):
        compose(Plan(), Shape(12, 4, 3))(x, future)
    with pytest.raises(ShapeError, match=r"windows \(B, 12, 4\), got \(2, 11, 4\)"):
        compose(Plan(skip=LinearSkip()), Shape(12, 4, 3))(x[:, 1:])


# --- how a model is used ------------------------------------------------------------------------------------


def test_one_seed_gives_one_model() -> None:
    def first() -> Tensor:
        torch.manual_seed(3)
        return compose(Plan(stem=MultiScale(), decoder=Parallel()), Shape(12, 4, 3))(torch.ones(2, 12, 4))

    assert torch.equal(first(), first())


@pytest.mark.parametrize(
    "plan",
    [
        Plan(stem=Convolution(), skip=LinearSkip(), decoder=Pooled(segment=2)),
        Plan(centre="revin", stem=Segments(length=5), recurrence=SMALL, decoder=Parallel(segment=2, attention="dot")),
        Plan(recurrence=SMALL, decoder=EncoderDecoder(), channels="independent", stem=Identity()),
    ],
)
# PyTorch says so of its own recurrences.
@pytest.mark.filterwarnings("ignore:The tensor attributes")
def test_models_are_exported_for_batches_of_any_size(plan: Plan) -> None:
    shape = Shape(12, 5, 3, targets=(2, 0), known=(1,))
    model = compose(plan, shape).eval()
    draw = lambda n: (torch.randn(n, 12, 5), torch.randn(n, 3, 1))  # noqa: E731
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(model, draw(4), dynamic_shapes=({0: batch}, {0: batch})).module()
    inputs = draw(7)
    torch.testing.assert_close(exported(*inputs), model(*inputs), rtol=1e-5, atol=1e-5)
