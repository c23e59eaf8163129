"""A decoder that pools the states anew for every segment of the horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from heedful.models.decoders.asking import Asked, ask, create, pools, takes_context, takes_queries


class PooledDecoder(nn.Module):
    r"""Pools the states by attention for each segment of the horizon, and reads the segment beside the last state.

        c_s = attention(q_s, h_1 ... h_T),  y_s = W_s dropout([c_s; h_T]) + b_s

    Each segment has a query q_s of its own. A pooling whose query is a part of it, such as "additive", is built once
    for each segment. The last state stands beside, so that the first step sees the newest observation however the
    weights fall. A recording names one map with an axis of queries, or one map for each segment (`pool.0`, `pool.1`).

    Args:
        width: D, width of the states.
        horizon: P, steps of the forecast; the last segment may be shorter.
        outputs: numbers for each step.
        segment: steps that share a query; None shares one among all.
        mechanism: a pooling of the catalogue, or a sequence attention that takes a context.
        options: the mechanism's options.
        placebo: the seed of a placebo that stands for the mechanism; None for the mechanism itself.
        steps: T, the number of states.
        dropout: share dropped before the last layer.

    Shape:   states (B, T, D) -> (B, P, outputs); weights sum to one over T as the mechanism's own.
    Raises:  OptionError for a mechanism that can do neither.

    >>> decoder = PooledDecoder(8, horizon=7, segment=3, mechanism="scaled_dot", steps=5)
    >>> decoder(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 7, 1])
    """

    def __init__(
        self,
        width: int,
        *,
        horizon: int,
        outputs: int = 1,
        segment: int | None = None,
        mechanism: str = "additive",
        options: Mapping[str, Any] | None = None,
        placebo: int | None = None,
        steps: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.outputs = outputs
        self.segment = min(segment or horizon, horizon)
        self.segments = -(-horizon // self.segment)

        def one(segment: int = 0) -> Asked:
            return create(
                "Pooled",
                mechanism,
                width,
                steps=steps,
                options=options or {},
                fits=_fits,
                seed=None if placebo is None else placebo * self.segments + segment,
                queries=self.segments,
                learned=True,
            )

        first = one()
        self.queries: nn.Parameter | None = None
        self.pool: nn.Module = first
        if takes_queries(mechanism) or takes_context(mechanism):
            asked = int(getattr(first, "asked", width))
            self.queries = nn.Parameter(torch.randn(self.segments, asked) * asked**-0.5)
        else:
            self.pool = nn.ModuleList([first, *(one(segment) for segment in range(1, self.segments))])
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(first.output_width + width, self.segments * self.segment * outputs)

    def forward(
        self,
        states: Tensor,
        pooled: Tensor | None = None,  # noqa: ARG002
        future: Tensor | None = None,  # noqa: ARG002
        channel: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        newest = states[:, -1:].expand(-1, self.segments, -1)
        seen = self.dropout(torch.cat((self._pool(states), newest), -1))
        # Each segment has rows of its own in the last layer.
        weight = torch.unflatten(self.output.weight, 0, (self.segments, -1))
        y = torch.einsum("bsd,sod->bso", seen, weight).flatten(1) + self.output.bias
        return torch.unflatten(y, 1, (-1, self.outputs))[:, : self.horizon]

    def _pool(self, states: Tensor) -> Tensor:
        """Gives what each segment finds (B, S, output_width)."""
        if self.queries is None:
            return torch.stack([one(states) for one in self.pool.children()], 1)
        return ask(cast("Asked", self.pool), states, self.queries.expand(states.shape[0], -1, -1))


def _fits(name: str) -> bool:
    return pools(name) or takes_context(name)
