from __future__ import annotations

import numpy as np
import pytest
import torch

from heedful.errors import OptionError, ShapeError
from heedful.models.signals import ClassHead, SignalShape, ValueHead
from heedful.models.signals.heads import build

RAW = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
LABELS = torch.tensor([0, 3, 1, 1, 2, 0, 3])
WEIGHTS = (0.5, 1.0, 2.0, 0.7)


def by_loop(raw, targets, weights, focal, smoothing):
    losses = []
    for scores, shares in zip(raw.numpy(), targets.numpy(), strict=True):
        p = np.exp(scores) / np.exp(scores).sum()
        weighed = [a * q for a, q in zip(weights, shares, strict=True)]
        spread = [(1 - smoothing) * q + smoothing * sum(weighed) / len(p) for q in weighed]
        terms = [-q * (1 - pk) ** focal * np.log(pk) for q, pk in zip(spread, p, strict=True)]
        losses.append(sum(terms))
    return losses


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_loss_of_labels_is_that_of_pytorch(weights, smoothing):
    # Not with PyTorch's own weights where it smooths: there the share of a rare class is heavy in windows of any class.
    expected = torch.nn.functional.cross_entropy(RAW, LABELS, label_smoothing=smoothing, reduction="none")
    if weights is not None:
        expected = expected * torch.tensor(weights, dtype=torch.float64)[LABELS]
    found = ClassHead(4, weights=weights, smoothing=smoothing).loss(RAW, LABELS)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("focal", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_soft_targets_and_the_focal_loss_are_the_formula(focal, smoothing):
    shares = torch.rand(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).softmax(-1)
    head = ClassHead(4, weights=WEIGHTS, focal=focal, smoothing=smoothing)
    expected = by_loop(RAW, shares, WEIGHTS, focal, smoothing)
    np.testing.assert_allclose(head.loss(RAW, shares).numpy(), expected, rtol=1e-12)


def test_a_label_is_the_soft_target_with_all_its_share():
    for head in (ClassHead(4), ClassHead(4, focal=2.0), ClassHead(4, weights=WEIGHTS, smoothing=0.1)):
        soft = torch.nn.functional.one_hot(LABELS, 4).double()
        torch.testing.assert_close(head.loss(RAW, LABELS), head.loss(RAW, soft), rtol=1e-12, atol=1e-14)


def test_windows_that_are_known_well_count_less_in_the_focal_loss():
    raw = torch.tensor([[4.0, 0.0], [0.1, 0.0]])
    plain, focal = (ClassHead(2, focal=g).loss(raw, torch.tensor([0, 0])) for g in (None, 2.0))
    assert focal[0] / plain[0] < 0.001
    assert focal[1] / plain[1] > 0.2


@pytest.mark.parametrize("focal", [0.5, 2.0])
def test_the_focal_loss_has_finite_gradients_where_a_window_is_told_with_certainty(focal):
    raw = torch.tensor([[200.0, 0.0], [-200.0, 0.0]], requires_grad=True)
    ClassHead(2, focal=focal).loss(raw, torch.tensor([0, 0])).sum().backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_half_precision_scores_are_judged_in_single_precision():
    assert ClassHead(4).loss(RAW.to(torch.bfloat16), LABELS).dtype == torch.float32
    assert ClassHead(4).probabilities(RAW.to(torch.bfloat16)).dtype == torch.float32


def test_probabilities_sum_to_one_and_the_point_is_the_likeliest():
    head = ClassHead(4)
    torch.testing.assert_close(head.probabilities(RAW).sum(-1), torch.ones(7, dtype=torch.float64))
    assert torch.equal(head.point(RAW), head.probabilities(RAW).argmax(-1))


def test_values_cost_the_square_of_their_error():
    raw, y = torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 5.0])
    assert ValueHead().loss(raw, y).tolist() == [1.0, 4.0]
    assert ValueHead().point(raw).tolist() == [1.0, 3.0]


def test_the_shape_says_which_head():
    assert build(SignalShape(1, 3, 24)) == ClassHead(3)
    assert build(SignalShape(1, 0, 24)) == ValueHead()


def test_what_no_head_can_use_is_refused():
    with pytest.raises(OptionError, match="4 weights above 0"):
        ClassHead(4, weights=(1.0, 1.0))
    with pytest.raises(OptionError, match="4 weights above 0"):
        ClassHead(4, weights=(1.0, 1.0, 0.0, 1.0))
    with pytest.raises(OptionError, match="focal"):
        ClassHead(4, focal=-1.0)
    with pytest.raises(OptionError, match="smoothing"):
        ClassHead(4, smoothing=1.0)
    with pytest.raises(ShapeError, match=r"\.long\(\)"):
        ClassHead(4).loss(RAW, LABELS.double())
    with pytest.raises(ShapeError, match="one target a window"):
        ClassHead(4).loss(RAW, LABELS[:3])
    with pytest.raises(ShapeError, match="one target a window"):
        ClassHead(3).loss(RAW, LABELS)
    with pytest.raises(ShapeError, match=r"values \(B,\)"):
        ValueHead().loss(torch.zeros(3, 1), torch.zeros(3, 1))
    with pytest.raises(OptionError, match="build it with classes"):
        ValueHead().probabilities(torch.zeros(3, 1))
    with pytest.raises(OptionError, match="another class"):
        SignalShape(1, 1, 24)
    with pytest.raises(OptionError, match="larger numbers"):
        SignalShape(0, 2, 24)
    with pytest.raises(OptionError, match="rate above 0"):
        SignalShape(1, 2, 24, rate=0)
