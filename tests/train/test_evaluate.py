"""Forecasts and scores of a model whose answers are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from heedful.train import Errors, forecast, score_scaled

BATCHES = [1, 7, None, 10_000]


class Repeat(nn.Module):
    """Repeats the last value of both targets (columns b and a); its head gives points from an axis of its own."""

    def __init__(self, *, head: bool = False) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        if head:
            self.head = SimpleNamespace(
                point=lambda raw: raw[..., 0],
                quantiles=lambda raw, levels: torch.stack([raw[..., 0] + level - 0.5 for level in levels]),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x[..., -1:, [1, 0]].repeat_interleave(4, -2)
        return torch.stack([y, y], -1) if hasattr(self, "head") else y


@pytest.fixture
def last(everything):
    """The last values of the targets in their own units, for every test window and step."""
    test = everything[0][2]
    return test.inputs(np.arange(len(test)))[:, -1:, [1, 0]].repeat(4, 1)


@pytest.mark.parametrize("batch", BATCHES)
def test_forecasts_are_in_the_units_of_every_member_and_target(everything, last, batch):
    (_, _, test), scaler = everything
    got = forecast(Repeat(), test, scaler, batch=batch)
    assert got.shape == (len(test), 4, 2)
    assert np.allclose(got, last, rtol=1e-5, atol=1e-4)  # scaled values are float32


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("head", [False, True])
def test_scores_are_sums_over_observed_scaled_values(everything, batch, head):
    (_, _, test), scaler = everything
    x, _, y = scaler.batch(test, np.arange(len(test)))
    error = (x[:, -1:, [1, 0]] - y).astype(np.float64)
    error = error[~np.isnan(error)]
    got = score_scaled(Repeat(head=head), test, scaler, batch=batch)
    assert got.count == error.size < y.size
    assert got.squared == pytest.approx(np.square(error).sum(), rel=1e-6)  # scaled values are float32
    assert got.absolute == pytest.approx(np.abs(error).sum(), rel=1e-6)
    assert got.mse == got.squared / got.count
    assert got.mae == got.absolute / got.count


def test_without_an_observed_value_there_is_no_mean():
    assert np.isnan(Errors(squared=0.0, absolute=0.0, count=0).mse)
    assert np.isnan(Errors(squared=0.0, absolute=0.0, count=0).mae)


class Broken(Repeat):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("broken" if torch.is_inference_mode_enabled() and not self.training else "not ready")


def test_a_model_that_fails_leaves_autograd_as_it_was(everything):
    with pytest.raises(RuntimeError, match="broken") as kept:
        forecast(Broken(), everything[0][2], everything[1])
    assert kept.traceback
    assert not torch.is_inference_mode_enabled()
