"""Losses against their formulas; masks, seeds and shapes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from heedful.errors import ShapeError
from heedful.train.loss import elementwise, point, totals

NAN = float("nan")
PLAIN = nn.Identity()


class Spread(nn.Module):
    """A model with a head of two outputs a value: a place and a width; its loss is |y - place| + width."""

    def __init__(self, own: bool = True) -> None:
        super().__init__()
        self.head = SimpleNamespace(
            outputs=2,
            loss=(lambda raw, y: (y - raw[..., 0]).abs() + raw[..., 1]) if own else (lambda raw, y: None),
            point=lambda raw: raw[..., 0] if own else raw,
        )


def formula(kind: str, d: float) -> float:
    if kind == "mse":
        return d * d
    return abs(d) if kind == "mae" else (0.5 * d * d if abs(d) <= 1 else abs(d) - 0.5)


@pytest.mark.parametrize("kind", ["mse", "mae", "huber"])
def test_every_value_has_the_loss_of_the_formula(kind):
    out, y = np.random.default_rng(0).normal(size=(2, 3, 5)) * 2
    got = elementwise(kind, torch.tensor(out), torch.tensor(y))
    want = [[formula(kind, a - b) for a, b in zip(r, s, strict=True)] for r, s in zip(out, y, strict=True)]
    assert np.allclose(got.numpy(), want, rtol=1e-12)  # float64, the same formula


def test_the_loss_refuses_shapes_that_would_broadcast():
    with pytest.raises(ShapeError, match=r"shape \(4, 1\), got \(4, 1, 1\).*horizon, targets"):
        totals(PLAIN, torch.zeros(4, 1, 1), torch.zeros(4, 1), kind="mse")


def test_the_loss_of_a_head_must_be_one_value_a_target():
    model = nn.Module()
    model.head = SimpleNamespace(loss=lambda raw, y: raw)
    with pytest.raises(ShapeError, match=r"shape \(4, 1\), got \(4, 1, 2\)"):
        totals(model, torch.zeros(4, 1, 2), torch.zeros(4, 1), kind="mse")


@pytest.mark.parametrize("kind", ["mse", "mae", "huber"])
def test_targets_that_were_not_observed_are_not_learned(kind):
    y = torch.tensor([[1.0, NAN], [3.0, 1.0]])
    out = torch.zeros(2, 2, requires_grad=True)
    sums, counts = totals(PLAIN, out, y, kind=kind, complete=False)
    sums.sum().backward()
    assert counts.tolist() == [3.0]
    assert sums.item() == pytest.approx(sum(formula(kind, d) for d in (1, 3, 1)))
    assert out.grad[0, 1] == 0
    assert torch.isfinite(out.grad).all()


def test_a_heads_own_loss_is_taken_and_masked():
    raw = torch.tensor([[[1.0, 0.5], [2.0, 0.25]]], requires_grad=True)
    y = torch.tensor([[3.0, NAN]])
    sums, counts = totals(Spread(), raw, y, kind="mse", complete=False)
    sums.sum().backward()
    assert (sums.item(), counts.item()) == (2.5, 1.0)
    assert raw.grad[0, 1].tolist() == [0.0, 0.0]


def test_a_head_without_a_loss_leaves_it_to_the_recipe():
    sums, _ = totals(Spread(own=False), torch.zeros(3, 2), torch.full((3, 2), 2.0), kind="mae")
    assert sums.item() == 12.0


def test_a_layer_that_happens_to_be_called_head_is_no_head():
    model = nn.Module()
    model.head = nn.Linear(2, 2)
    assert totals(model, torch.zeros(3, 2), torch.ones(3, 2), kind="mse")[0].item() == 6.0
    assert point(model, torch.ones(3, 2)).equal(torch.ones(3, 2))


@pytest.mark.parametrize("complete", [True, False])
def test_sums_are_by_seed_and_over_several_targets(complete):
    y = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    sums, counts = totals(PLAIN, torch.zeros_like(y), y, kind="mae", lanes=2, complete=complete)
    assert sums.tolist() == [float(sum(range(60))), float(sum(range(60, 120)))]
    assert counts.tolist() == [60.0, 60.0]


def test_a_masked_loss_of_stacked_seeds_is_per_seed():
    y = torch.tensor([[[1.0], [NAN]], [[2.0], [2.0]]])
    sums, counts = totals(PLAIN, torch.zeros(2, 2, 1), y, kind="mse", lanes=2, complete=False)
    assert (sums.tolist(), counts.tolist()) == ([1.0, 8.0], [1.0, 2.0])


class Classes(nn.Module):
    """A model with a head of three classes: cross entropy of labels, or of shares."""

    def __init__(self) -> None:
        super().__init__()
        self.head = SimpleNamespace(
            classes=3, loss=lambda raw, y: nn.functional.cross_entropy(raw, y, reduction="none")
        )


def test_classes_are_summed_and_unknown_ones_left_out():
    raw = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [5.0, 1.0, -1.0]], requires_grad=True)
    sums, counts = totals(Classes(), raw, torch.tensor([2, -1, 1]), kind="mse", complete=False)
    odds = [np.exp([1.0, 2.0, 3.0]), np.exp([5.0, 1.0, -1.0])]
    wanted = -np.log(odds[0][2] / odds[0].sum()) - np.log(odds[1][1] / odds[1].sum())
    assert (sums.item(), counts.item()) == (pytest.approx(wanted, rel=1e-6), 2.0)
    sums.backward()
    assert raw.grad[1].tolist() == [0.0] * 3


@pytest.mark.parametrize("complete", [True, False])
def test_shares_of_classes_have_one_loss_a_window(complete):
    shares = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
    raw = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    if not complete:
        shares, raw = torch.cat([shares, torch.full((1, 3), NAN)]), torch.cat([raw, raw[:1]])
    sums, counts = totals(Classes(), raw, shares, kind="mse", complete=complete)
    logs = np.log(np.exp([1.0, 2.0, 3.0]) / np.exp([1.0, 2.0, 3.0]).sum())
    assert (sums.item(), counts.item()) == (pytest.approx(-0.5 * (logs[0] + logs[1]) + np.log(3), rel=1e-6), 2.0)


def test_a_head_of_classes_that_gives_a_loss_for_each_class_is_refused():
    model = Classes()
    model.head.loss = lambda raw, y: raw - y
    with pytest.raises(ShapeError):
        totals(model, torch.zeros(2, 3), torch.full((2, 3), 1 / 3), kind="mse")
