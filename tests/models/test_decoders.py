from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

import heedful
from heedful import attention
from heedful.errors import OptionError, UnknownName
from heedful.models import decoders, plan
from heedful.models.decoders import asking

# Pairwise distinct sizes; the horizon 7 is no multiple of the segment 3.
B, T, D, P, K, E, Q = 2, 5, 8, 7, 3, 4, 2

PARTS = [
    plan.Last(),
    plan.Flatten(),
    plan.Pooled(segment=3),
    plan.Pooled(segment=3, mechanism="bahdanau"),
    plan.Pooled(segment=3, mechanism="multi_head", heads=2),
    plan.Pooled(),
    plan.Parallel(segment=3),
    plan.Parallel(segment=3, attention="general"),
    plan.Parallel(segment=3, attention="multi_head"),
    plan.EncoderDecoder(),
    plan.EncoderDecoder(attention="bahdanau_decoder"),
    plan.EncoderDecoder(attention="luong_decoder"),
    plan.EncoderDecoder(attention="da_rnn_temporal"),
]
READ_KNOWN = (plan.Parallel, plan.EncoderDecoder)


def _named(part: plan.Decoder) -> str:
    name = getattr(part, "mechanism", getattr(part, "attention", None))
    return "-".join(str(n) for n in (type(part).__name__, name, getattr(part, "segment", None)) if n)


def _build(part: plan.Decoder, **sizes: Any) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"states": D, "steps": T, "horizon": P, "outputs": Q} | sizes
    return decoders.build(part, **sizes).double().eval()


def _random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- laws of all decoders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 2, 3, 6, 7, 50])
@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_any_horizon_is_forecast(part: plan.Decoder, horizon: int) -> None:
    assert _build(part, horizon=horizon)(_random(B, T, D)).shape == (B, horizon, Q)


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_the_first_step_sees_the_newest_state(part: plan.Decoder) -> None:
    states = _random(B, T, D).requires_grad_()
    (gradient,) = torch.autograd.grad(_build(part)(states)[:, 0].sum(), states)
    assert (gradient[:, -1] != 0).all()


@pytest.mark.parametrize("part", [p for p in PARTS if p not in (plan.Last(), plan.Parallel(segment=3))], ids=_named)
def test_every_step_of_the_forecast_looks_back_at_every_state(part: plan.Decoder) -> None:
    states, model = _random(B, T, D).requires_grad_(), _build(part)
    for step in range(P):
        (gradient,) = torch.autograd.grad(model(states)[:, step].sum(), states)
        assert (gradient != 0).any(-1).all(), f"step {step}"


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_every_parameter_learns(part: plan.Decoder) -> None:
    reads = isinstance(part, plan.Parallel)
    model = _build(part, known=K, embedding=E if reads else 0)
    future, channel = _random(B, P, K), _random(B, E) if reads else None
    model(_random(B, T, D), future=future, channel=channel).square().sum().backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A softmax does not change when all its scores move by the same number.
    assert [n for n in still if not n.endswith("key.bias")] == []


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_with_a_last_layer_of_zeros_the_forecast_is_zero_and_still_learns(part: plan.Decoder) -> None:
    model = _build(part)
    nn.init.zeros_(model.output.weight)
    nn.init.zeros_(model.output.bias)
    y = model(_random(B, T, D))
    assert not y.any()
    (y - 1).square().sum().backward()
    assert model.output.weight.grad.any()


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_samples_of_a_batch_do_not_meet(part: plan.Decoder) -> None:
    model, states, future = _build(part, known=K), _random(B, T, D), _random(B, P, K)
    alone = torch.cat([model(states[i : i + 1], future=future[i : i + 1]) for i in range(B)])
    torch.testing.assert_close(model(states, future=future), alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_known_values_change_the_output_where_they_are_read(part: plan.Decoder) -> None:
    model, states, future = _build(part, known=K), _random(B, T, D), _random(B, P, K)
    changed = future.clone()
    changed[:, 4] += 1
    differs = (model(states, future=future) - model(states, future=changed)).abs().sum((0, 2)) > 1e-9
    if isinstance(part, plan.Parallel):
        # Step 4 lies in the segment of steps 3 to 5.
        assert differs.tolist() == [False] * 3 + [True] * 3 + [False]
    elif isinstance(part, plan.EncoderDecoder):
        # Nothing known of a step changes the steps before it.
        assert differs.tolist() == [False] * 4 + [True] * 3
    else:
        assert not differs.any()


@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_dropout_acts_in_training_alone(part: plan.Decoder) -> None:
    model, states = _build(part, dropout=0.5), _random(B, T, D)
    assert torch.equal(model(states), model(states))
    assert torch.equal(model(states), _build(part)(states))
    torch.manual_seed(1)
    assert not torch.equal(model.train()(states), model(states))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", PARTS, ids=_named)
def test_decoders_export_with_a_free_batch(part: plan.Decoder) -> None:
    model, states, future = _build(part, known=K), _random(B, T, D), _random(B, P, K)
    batch = torch.export.Dim("batch", min=1, max=64)
    free = {"states": {0: batch}, "pooled": None, "future": {0: batch}}
    if not isinstance(part, READ_KNOWN):
        future, free["future"] = None, None
    exported = torch.export.export(model, (states, None, future), dynamic_shapes=free).module()
    more, later = _random(3, T, D, seed=5), _random(3, P, K, seed=6)
    later = None if future is None else later
    torch.testing.assert_close(exported(more, None, later), model(more, None, later), rtol=1e-10, atol=1e-12)


# --- each against its formula -------------------------------------------------------------------------------


def test_last_reads_the_last_state_or_the_pooled_vector() -> None:
    model, states, pooled = _build(plan.Last()), _random(B, T, D), _random(B, 6)
    expected = (states[:, -1] @ model.output.weight.T + model.output.bias).view(B, P, Q)
    torch.testing.assert_close(model(states), expected, rtol=1e-12, atol=1e-12)
    for part in (plan.Last(), plan.Flatten()):
        model = _build(part, pooled=6)
        expected = (pooled @ model.output.weight.T + model.output.bias).view(B, P, Q)
        torch.testing.assert_close(model(states, pooled), expected, rtol=1e-12, atol=1e-12)


def test_flatten_reads_all_states_in_their_order() -> None:
    model, states = _build(plan.Flatten()), _random(B, T, D)
    expected = torch.zeros(B, P * Q, dtype=torch.float64) + model.output.bias
    for t in range(T):
        expected = expected + states[:, t] @ model.output.weight[:, t * D : (t + 1) * D].T
    torch.testing.assert_close(model(states), expected.view(B, P, Q), rtol=1e-12, atol=1e-12)


def test_pooled_asks_one_query_for_each_segment_and_reads_it_beside_the_last_state() -> None:
    model, states = _build(plan.Pooled(segment=3, mechanism="scaled_dot")), _random(B, T, D)
    rows = model.output.weight.view(3, 3 * Q, 2 * D)
    bias = model.output.bias.view(3, 3 * Q)
    expected = torch.zeros(B, 9, Q, dtype=torch.float64)
    for b in range(B):
        for s in range(3):
            w = torch.softmax(states[b] @ model.queries[s] / math.sqrt(D), 0)
            context = sum(w[t] * states[b, t] for t in range(T))
            expected[b, 3 * s : 3 * s + 3] = (rows[s] @ torch.cat([context, states[b, -1]]) + bias[s]).view(3, Q)
    torch.testing.assert_close(model(states), expected[:, :P], rtol=1e-10, atol=1e-12)


def test_a_pooling_with_a_query_of_its_own_is_built_for_each_segment() -> None:
    model, states = _build(plan.Pooled(segment=3, mechanism="additive")), _random(B, T, D)
    assert len(model.pool) == 3
    contexts = [pool(states) for pool in model.pool]
    assert not torch.allclose(contexts[0], contexts[1])
    rows, bias = model.output.weight.view(3, 3 * Q, 2 * D), model.output.bias.view(3, 3 * Q)
    y = [torch.cat([c, states[:, -1]], -1) @ rows[s].T + bias[s] for s, c in enumerate(contexts)]
    expected = torch.cat([part.view(B, 3, Q) for part in y], 1)[:, :P]
    torch.testing.assert_close(model(states), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mechanism", [None, "general", "multi_head"])
def test_parallel_is_one_step_of_a_gru_for_each_segment_all_from_the_last_state(mechanism: str | None) -> None:
    model = _build(plan.Parallel(segment=3, attention=mechanism), known=K, embedding=E)
    states, future, channel = _random(B, T, D), _random(B, P, K), _random(B, E)
    filled = torch.cat([future, torch.zeros(B, 2, K, dtype=torch.float64)], 1)
    parts = []
    for s in range(3):
        place = model.position[s].expand(B, -1)
        known = filled[:, 3 * s : 3 * s + 3].reshape(B, 3 * K)
        found = model.cell(torch.cat([place, channel, known], -1), states[:, -1])
        if mechanism == "general":
            found = torch.cat([found, model.attention(states, found)], -1)
        elif mechanism == "multi_head":
            found = torch.cat([found, model.attention(found.unsqueeze(1), states).squeeze(1)], -1)
        parts.append(model.output(found).view(B, 3, Q))
    expected = torch.cat(parts, 1)[:, :P]
    torch.testing.assert_close(model(states, None, future, channel), expected, rtol=1e-10, atol=1e-12)


def test_the_grus_of_decoders_start_with_orthogonal_recurrent_weights() -> None:
    cells = [_build(plan.Parallel(segment=3)).cell, _build(plan.EncoderDecoder()).decoder.cell]
    for gate in [gate for cell in cells for gate in cell.weight_hh.chunk(3)]:
        torch.testing.assert_close(gate @ gate.T, torch.eye(D, dtype=torch.float64), rtol=0, atol=1e-6)


def test_an_asking_gru_reads_its_own_outputs_and_what_its_last_state_finds() -> None:
    model = _build(plan.EncoderDecoder(attention="dot"), known=K)
    states, future = _random(B, T, D), _random(B, P, K)
    expected = torch.zeros(B, P, Q, dtype=torch.float64)
    for b in range(B):
        s, y = states[b, -1], torch.zeros(Q, dtype=torch.float64)
        for p in range(P):
            w = torch.softmax(states[b] @ s, 0)
            context = sum(w[t] * states[b, t] for t in range(T))
            s = model.decoder.cell(torch.cat([y, future[b, p], context]), s)
            y = model.output(torch.cat([s, context]))
            expected[b, p] = y
    torch.testing.assert_close(model(states, future=future), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["bahdanau_decoder", "luong_decoder", "da_rnn_temporal"])
def test_a_decoder_of_the_catalogue_run_freely_is_the_same_decoder_given_those_outputs(name: str) -> None:
    model = _build(plan.EncoderDecoder(attention=name), known=K)
    states, future = _random(B, T, D), _random(B, P, K)
    y = model(states, future=future)
    before = torch.cat([torch.zeros(B, 1, Q, dtype=torch.float64), y[:, :-1]], 1)
    assert getattr(model.decoder, "start", "last") == "last"
    newest = states[:, -1]
    start = None if name == "bahdanau_decoder" else (newest, newest)
    given = model.decoder(torch.cat([before, future], -1), states, state=start)
    torch.testing.assert_close(y, model.output(given), rtol=1e-10, atol=1e-12)


# --- weights to look at -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "maps", "axes", "shape"),
    [
        (
            plan.Pooled(segment=3, mechanism="additive"),
            ["pool.0", "pool.1", "pool.2"],
            ("batch", "time"),
            (B, T),
        ),
        (plan.Pooled(segment=3, mechanism="bahdanau"), ["pool"], ("batch", "query", "time"), (B, 3, T)),
        (
            plan.Pooled(segment=3, mechanism="multi_head", heads=2),
            ["pool"],
            ("batch", "head", "query", "key"),
            (B, 2, 3, T),
        ),
        (plan.Parallel(segment=3, attention="dot"), ["attention"], ("batch", "query", "time"), (B, 3, T)),
        (plan.EncoderDecoder(), ["decoder"], ("batch", "time", "key"), (B, P, T)),
        (plan.EncoderDecoder(attention="luong_decoder"), ["decoder"], ("batch", "time", "key"), (B, P, T)),
    ],
    ids=lambda value: _named(value) if isinstance(value, plan.Part) else None,
)
def test_the_weights_are_recorded_and_sum_to_one(
    part: plan.Decoder, maps: list[str], axes: tuple[str, ...], shape: tuple[int, ...]
) -> None:
    model = _build(part)
    with heedful.record(model) as recorded:
        model(_random(B, T, D))
    assert list(recorded) == maps
    for one in recorded.values():
        assert one.axes == axes
        assert one.weights.shape == shape
        torch.testing.assert_close(one.weights.sum(-1), torch.ones(shape[:-1], dtype=torch.float64))


# --- every mechanism that fits ------------------------------------------------------------------------------


def _runs(part: plan.Decoder) -> None:
    model = decoders.build(part, states=16, steps=9, horizon=5)
    states = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = model(states)
    assert y.shape == (3, 5, 1)
    (gradient,) = torch.autograd.grad(y.square().sum(), states)
    assert gradient.isfinite().all()
    assert gradient[:, -1].any()


@pytest.mark.parametrize("name", [n for n in attention.names() if asking.pools(n) or asking.takes_context(n)])
def test_every_pooling_and_every_cross_attention_serves_the_segments(name: str) -> None:
    _runs(plan.Pooled(segment=2, mechanism=name))


@pytest.mark.parametrize("name", [n for n in attention.names() if asking.takes_queries(n) or asking.takes_context(n)])
def test_every_mechanism_that_can_be_asked_serves_the_parallel_steps(name: str) -> None:
    _runs(plan.Parallel(segment=2, attention=name))


@pytest.mark.parametrize(
    "name", [n for n in attention.names() if asking.takes_queries(n) and n != "location_sensitive"]
)
def test_every_pooling_with_a_query_serves_the_encoder_decoder(name: str) -> None:
    _runs(plan.EncoderDecoder(attention=name))


@pytest.mark.parametrize("name", ["alibi", "transformer_xl"])
def test_a_mechanism_that_is_causal_by_itself_hides_no_state_from_a_decoder(name: str) -> None:
    model = _build(plan.Parallel(segment=3, attention=name))
    with heedful.record(model) as recorded:
        model(_random(B, T, D))
    assert (recorded["attention"].weights > 0).all()
    with pytest.raises(OptionError, match="would hide the newest ones. Leave it out"):
        _build(plan.Parallel(segment=3, attention=name, options={"causal": True}))


def test_what_is_built_for_a_length_is_built_for_the_number_of_states() -> None:
    assert _build(plan.Pooled(mechanism="location")).pool.steps == T
    assert _build(plan.Pooled(mechanism="linformer")).pool.length == T
    assert _build(plan.Pooled(mechanism="location", options={"steps": 6})).pool.steps == 6


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "advice"),
    [
        (plan.Pooled(mechanism="eca"), "whose place is: map. Put it there, or take one of additive, alibi"),
        (plan.Pooled(mechanism="luong_decoder"), "whose place is: recurrence"),
        (plan.Pooled(mechanism="frequency_enhanced"), "whose place is: sequence"),
        (plan.Parallel(attention="additive"), "whose place is: state pooling. Put it there, or take one of alibi"),
        (plan.EncoderDecoder(attention="multi_head"), "take one of bahdanau, bahdanau_decoder, concat, da_rnn_temp"),
        (plan.EncoderDecoder(attention="location_sensitive"), "whose place is: state pooling"),
    ],
    ids=_named,
)
def test_a_mechanism_in_the_wrong_place_is_answered_with_the_right_ones(part: plan.Decoder, advice: str) -> None:
    with pytest.raises(OptionError, match=advice):
        _build(part)


@pytest.mark.parametrize(
    "part",
    [plan.Pooled(mechanism="bahdanu"), plan.Parallel(attention="bahdanu"), plan.EncoderDecoder(attention="bahdanu")],
    ids=_named,
)
def test_an_unknown_mechanism_is_answered_with_the_nearest(part: plan.Decoder) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'bahdanau'"):
        _build(part)


def test_heads_are_for_mechanisms_that_have_some() -> None:
    assert _build(plan.Pooled(mechanism="multi_head")).pool.heads == 1
    assert _build(plan.Pooled(mechanism="multi_head", heads=4)).pool.heads == 4
    with pytest.raises(OptionError, match="Additive has no option 'heads'"):
        _build(plan.Pooled(mechanism="additive", heads=2))


@pytest.mark.parametrize("options", [{"output": "attentional"}, {"query_width": 5}])
def test_an_encoder_decoder_has_a_query_and_an_output_of_its_own(options: Mapping[str, Any]) -> None:
    with pytest.raises(OptionError, match="Leave output and query_width out"):
        _build(plan.EncoderDecoder(attention="general", options=options))


@pytest.mark.parametrize("part", [plan.Pooled(), plan.Parallel(), plan.EncoderDecoder()], ids=_named)
def test_a_decoder_of_states_refuses_the_vector_of_a_pooling(part: plan.Decoder) -> None:
    with pytest.raises(OptionError, match="Take the decoder Last or Flatten behind a pooling"):
        _build(part, pooled=6)


@pytest.mark.parametrize("part", [plan.Last(), plan.Pooled(), plan.EncoderDecoder(), plan.Flatten()], ids=_named)
def test_a_channel_embedding_is_for_parallel(part: plan.Decoder) -> None:
    with pytest.raises(OptionError, match="Take the decoder Parallel, or embedding=0"):
        _build(part, embedding=E)
