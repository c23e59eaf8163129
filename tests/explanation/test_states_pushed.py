"""Weights on states, pushed to samples by the Jacobian and weighed by the size of values, against loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from heedful.errors import OptionError
from heedful.explanation.looks import Look, looks
from heedful.explanation.states import pushed, value_norms
from heedful.explanation.subject import Subject
from heedful.explanation.watching import watched
from heedful.models import compose
from heedful.models.plan import Attention, Convolution, EncoderDecoder, Flatten, Plan, Pooled, Recurrence
from heedful.models.shape import Shape
from heedful.models.signals import SignalShape, get

GRU = Recurrence(kind="gru", width=6)


def forecast(plan: Plan, *, targets: tuple[int, ...] = (0,), n: int = 3) -> Subject:
    torch.manual_seed(0)
    count = 4 * len(targets)
    return Subject(
        net=compose(plan, Shape(10, 3, 4, targets=targets)).double().eval(),
        x=torch.randn(n, 10, 3, dtype=torch.float64),
        beside=(None,),
        truth=torch.zeros(n, count),
        classes=(),
        outputs=tuple(map(str, range(count))),
        columns=("a", "b", "c"),
        groups=np.arange(n),
    )


def signals(name: str, window: int, lengths: list[int] | None = None, n: int = 4) -> Subject:
    torch.manual_seed(0)
    return Subject(
        net=get(name).build(SignalShape(1, 2, window)).eval(),
        x=torch.randn(n, window, 1),
        beside=(None if lengths is None else torch.tensor(lengths),),
        truth=torch.zeros(n, dtype=torch.long),
        classes=("a", "b"),
        outputs=("a", "b"),
        columns=("x",),
        groups=np.arange(n),
    )


def states(subject: Subject, module: str, x: Tensor) -> Tensor:
    with watched(subject.net) as seen:
        subject.answers(x, torch.arange(len(x)))
    return seen[module].reads[0]


def shares(subject: Subject, module: str) -> Tensor:
    """|J_jt|^2 / sum_t |J_jt|^2 of every state, window by window: (n, T', T)."""
    found = []
    for row in range(len(subject)):
        one = subject.only([row])
        jacobian = torch.autograd.functional.jacobian(lambda x, one=one: states(one, module, x)[0], one.x)
        sizes = jacobian.squeeze(2).square().sum((1, 3))
        found.append(sizes / sizes.sum(1, keepdim=True))
    return torch.stack(found)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(centre="none", recurrence=GRU, attention=Attention(name="additive")),
        Plan(stem=Convolution(filters=5, pool=2), recurrence=GRU, attention=Attention(name="additive")),
        Plan(recurrence=Recurrence(kind="bilstm", width=4), attention=Attention(name="multi_head"), decoder=Flatten()),
        Plan(recurrence=GRU, decoder=EncoderDecoder()),
    ],
)
def test_each_state_hands_on_its_weight_as_its_jacobian_falls(plan: Plan) -> None:
    subject = forecast(plan)
    (look,) = looks(subject)
    assert look.time is not None
    # Weights that differ much, so that a push that forgot them would fail.
    look = replace(look, time=np.float32(look.time * np.linspace(0.1, 3, look.time.shape[1]) ** 2))
    expected = np.einsum("nj,njt->nt", look.time, shares(subject, look.module).numpy())
    found = pushed(subject, look, probes=500)
    np.testing.assert_allclose(found.sum(1), look.time.sum(1), rtol=1e-5)
    # 500 signs leave a deviation of up to 6 %, and the sizes of states come of 16 forward passes.
    np.testing.assert_allclose(found, expected, rtol=0.35, atol=0.03 * expected.max())
    assert np.abs(found - expected).sum() < 0.1 * expected.sum()


def test_signs_of_a_few_probes_find_the_same_places() -> None:
    subject = forecast(Plan(centre="none", recurrence=GRU, attention=Attention(name="additive")), n=8)
    (look,) = looks(subject)
    look = replace(look, time=np.float32(look.time * np.linspace(0.1, 3, 10) ** 2))
    expected = np.einsum("nj,njt->nt", look.time, shares(subject, look.module).numpy())
    found = pushed(subject, look)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9
    assert np.abs(found / expected - 1).mean() < 0.25


def test_weight_on_one_state_of_a_recurrence_is_handed_to_its_past_only() -> None:
    subject = forecast(Plan(centre="none", recurrence=GRU, attention=Attention(name="additive")))
    (look,) = looks(subject)
    only = np.zeros_like(look.time)
    only[:, 5] = 1
    found = pushed(subject, replace(look, time=only))
    assert (found[:, :6] > 0).all()
    assert not found[:, 6:].any()
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


def test_padding_gets_nothing_and_windows_of_any_length_hand_on_all() -> None:
    subject = signals("attention-bilstm", 64, [64, 40, 64, 25])
    (look,) = looks(subject)
    found = pushed(subject, look, probes=4)
    assert not found[1, 40:].any()
    assert not found[3, 25:].any()
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-4)


def test_targets_are_pushed_each_through_its_own_states() -> None:
    plan = Plan(centre="none", recurrence=GRU, attention=Attention(name="additive"), channels="independent")
    subject = forecast(plan, targets=(0, 2))
    (look,) = looks(subject)
    assert look.targets is not None
    by_target = []
    for target in range(2):
        alone = np.zeros_like(look.targets)
        alone[:, target] = look.targets[:, target]
        by_target.append(pushed(subject, replace(look, targets=alone), probes=300))
    whole = pushed(subject, look, probes=300)
    np.testing.assert_allclose(by_target[0] + by_target[1], whole, atol=0.2 * whole.max())


def test_a_push_costs_less_than_a_hundred_passes_and_is_the_same_again() -> None:
    subject = signals("attention-bilstm", 96)
    (look,) = looks(subject)
    subject.meter.passed = 0
    found = pushed(subject, look, seed=3)
    assert subject.meter.passed <= 100 * len(subject)
    assert subject.meter.passed == (1 + 2 * 40 + 16) * len(subject)
    np.testing.assert_array_equal(found, pushed(subject, look, seed=3))
    assert not np.array_equal(found, pushed(subject, look, seed=4))


def test_weights_that_speak_of_no_times_are_refused() -> None:
    subject = signals("wdcnn+eca", 96)
    (look,) = looks(subject)
    with pytest.raises(OptionError, match="Take a look with `time`"):
        pushed(subject, look)
    assert value_norms(subject, look) is None


# --- sizes of values ----------------------------------------------------------------------------------------


def read(subject: Subject, look: Look) -> Tensor:
    with torch.no_grad():
        return states(subject, look.module, subject.x)


def test_values_of_a_pooling_are_its_states() -> None:
    subject = forecast(Plan(recurrence=GRU, decoder=Pooled(mechanism="bahdanau")))
    (look,) = looks(subject)
    expected = look.time * read(subject, look).norm(dim=2).numpy()
    np.testing.assert_allclose(value_norms(subject, look), expected, rtol=1e-5)


def test_values_of_a_gate_are_the_map() -> None:
    subject = signals("wdcnn+sse@block2", 256)
    (look,) = looks(subject)
    expected = look.time * read(subject, look).norm(dim=1).numpy()
    np.testing.assert_allclose(value_norms(subject, look), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["multi_head", "interpretable", "rotary"])
def test_values_of_self_attention_are_added_over_heads_before_their_size_is_taken(name: str) -> None:
    subject = forecast(Plan(recurrence=GRU, attention=Attention(name=name, options={"heads": 2})))
    (look,) = looks(subject)
    module = dict(subject.net.named_modules())[look.module]
    held = read(subject, look)
    heads = 1 if name == "interpretable" else 2
    weights = look.weights.reshape(3, heads, 10, 10)
    expected = np.zeros((3, 10))
    with torch.no_grad():
        values, layer = module.value(held).numpy(), module.output.weight.numpy()  # type: ignore[operator, union-attr]
    width = layer.shape[1] // heads
    for window in range(3):
        for key in range(10):
            total = np.zeros(6)
            for head in range(heads):
                part = slice(head * width, (head + 1) * width)
                total += weights[window, head, -1, key] * (layer[:, part] @ values[window, key, part])
            expected[window, key] = np.linalg.norm(total)
    # The last state is read, so the last query counts alone.
    np.testing.assert_allclose(value_norms(subject, look), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(recurrence=Recurrence(kind="gru_attention")),
        Plan(recurrence=GRU, attention=Attention(name="sab")),
        Plan(recurrence=GRU, attention=Attention(name="pma", options={"heads": 2})),
    ],
)
def test_mechanisms_whose_values_cannot_be_told_apart_give_none(plan: Plan) -> None:
    subject = forecast(plan)
    (look,) = looks(subject)
    assert value_norms(subject, look) is None
