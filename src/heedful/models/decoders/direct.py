"""Decoders that read the whole horizon by one linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LastDecoder(nn.Module):
    r"""Reads the horizon off the last state, or off the vector that a pooling made of all.

        y = W dropout(h_T) + b

    Args:
        width: D, width of the state or vector.
        horizon: P, steps of the forecast.
        outputs: numbers for each step.
        dropout: share of the state dropped.

    Shape:   states (B, T, D) or pooled (B, D) -> (B, P, outputs).

    >>> LastDecoder(8, horizon=3)(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 3, 1])
    """

    def __init__(self, width: int, *, horizon: int, outputs: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.horizon = horizon
        self.outputs = outputs
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, horizon * outputs)

    def forward(
        self,
        states: Tensor,
        pooled: Tensor | None = None,
        future: Tensor | None = None,  # noqa: ARG002
        channel: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        vector = states[..., -1, :] if pooled is None else pooled
        return torch.unflatten(self.output(self.dropout(vector)), -1, (self.horizon, self.outputs))


class FlattenDecoder(nn.Module):
    r"""Reads the horizon off all states at once.

        y = W dropout([h_1; ...; h_T]) + b

    Args:
        width: D, width of the states.
        steps: T, how many there are.
        horizon: P, steps of the forecast.
        outputs: numbers for each step.
        dropout: share of the states dropped.

    Shape:   states (B, T, D) -> (B, P, outputs).

    >>> FlattenDecoder(8, steps=5, horizon=3)(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 3, 1])
    """

    def __init__(self, width: int, *, steps: int, horizon: int, outputs: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.horizon = horizon
        self.outputs = outputs
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(steps * width, horizon * outputs)

    def forward(
        self,
        states: Tensor,
        pooled: Tensor | None = None,  # noqa: ARG002
        future: Tensor | None = None,  # noqa: ARG002
        channel: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        return torch.unflatten(self.output(self.dropout(states.flatten(-2))), -1, (self.horizon, self.outputs))
