"""A decoder that takes one step of a recurrence for each segment of the horizon, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from heedful.models.decoders.asking import Asked, ask, create, takes_context, takes_queries


class ParallelDecoder(nn.Module):
    r"""Takes one step of a GRU for each segment of the horizon, all from the last state.

        d_s = GRU([position_s; channel; known_s], h_T),  y_s = W dropout([d_s; attention(d_s or q_s, h_1 ... h_T)]) + b

    No segment waits for another, so no error adds up along the horizon.

    Paper:   Lin et al., "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series Forecasting",
             arXiv:2308.11200v1, parallel multi-step forecasting.
    Differs: the GRU is not the encoder's, since its inputs are others; known values of the segment are read beside
             the position; looking back by attention is added here.

    Args:
        width: D, width of the states.
        horizon: P, steps of the forecast; the last segment may be shorter.
        outputs: numbers for each step.
        segment: steps of the horizon that one step of the GRU gives.
        attention: a mechanism that takes queries or a context, or None.
        query: "state" asks with d_s, "learned" with a vector q_s of the segment, the same for every window.
        options: the mechanism's options.
        placebo: the seed of a placebo that stands for the mechanism; None for the mechanism itself.
        steps: T, the number of states.
        embedding: E, width of the channel embedding; 0 for none.
        known: K, columns known over the horizon; 0 for none.
        dropout: share dropped before the last layer.

    Shape:   states (B, T, D), future (B, P, K), channel (B, E) -> (B, P, outputs).
    Raises:  OptionError for a mechanism that can do neither.

    >>> decoder = ParallelDecoder(8, horizon=7, segment=3, attention="dot", known=2, steps=5)
    >>> decoder(torch.zeros(2, 5, 8), future=torch.zeros(2, 7, 2)).shape
    torch.Size([2, 7, 1])
    """

    def __init__(
        self,
        width: int,
        *,
        horizon: int,
        outputs: int = 1,
        segment: int = 24,
        attention: str | None = None,
        query: str = "state",
        options: Mapping[str, Any] | None = None,
        placebo: int | None = None,
        steps: int,
        embedding: int = 0,
        known: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.outputs = outputs
        self.segment = min(segment, horizon)
        self.segments = -(-horizon // self.segment)
        self.embedding = embedding
        self.known = known
        place = max(width // 2, 1)
        self.position = nn.Parameter(torch.randn(self.segments, place) / 2)
        self.cell = nn.GRUCell(place + embedding + self.segment * known, width)
        for gate in self.cell.weight_hh.detach().chunk(3):
            nn.init.orthogonal_(gate)
        self.attention: Asked | None = None
        if attention is not None:
            self.attention = create(
                "Parallel",
                attention,
                width,
                steps=steps,
                options=options or {},
                fits=_fits,
                seed=placebo,
                queries=self.segments,
                learned=query == "learned",
            )
        self.queries: nn.Parameter | None = None
        if self.attention is not None and query == "learned":
            asked = int(getattr(self.attention, "asked", width))
            self.queries = nn.Parameter(torch.randn(self.segments, asked) * asked**-0.5)
        looked = 0 if self.attention is None else self.attention.output_width
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width + looked, self.segment * outputs)

    def forward(
        self,
        states: Tensor,
        pooled: Tensor | None = None,  # noqa: ARG002
        future: Tensor | None = None,
        channel: Tensor | None = None,
    ) -> Tensor:
        found = self._step(states[:, -1], future, channel)
        if self.attention is not None:
            queries = found if self.queries is None else self.queries.expand(states.shape[0], -1, -1)
            found = torch.cat((found, ask(self.attention, states, queries)), -1)
        y = torch.unflatten(self.output(self.dropout(found)), -1, (self.segment, self.outputs))
        return y.flatten(1, 2)[:, : self.horizon]

    def _step(self, h: Tensor, future: Tensor | None, channel: Tensor | None) -> Tensor:
        """Gives the states (B, S, D) of all segments.

        The gates are written out, because what the last state adds to them is the same for all segments.
        """
        r, u, new = self._read(future, channel).chunk(3, -1)
        r_h, u_h, new_h = linear(h, self.cell.weight_hh, self.cell.bias_hh).unsqueeze(1).chunk(3, -1)
        new = torch.tanh(new + torch.sigmoid(r + r_h) * new_h)
        return new + torch.sigmoid(u + u_h) * (h.unsqueeze(1) - new)

    def _read(self, future: Tensor | None, channel: Tensor | None) -> Tensor:
        """Gives what the inputs add to the gates, (B or 1, S, 3D)."""
        place, rest = self.position.shape[1], self.segment * self.known
        of_place, of_channel, of_known = torch.split(self.cell.weight_ih, [place, self.embedding, rest], 1)
        seen = linear(self.position, of_place, self.cell.bias_ih).unsqueeze(0)
        if self.embedding and channel is not None:
            seen = seen + linear(channel, of_channel).unsqueeze(1)
        if self.known and future is not None:
            filled = pad(future, (0, 0, 0, self.segments * self.segment - self.horizon))
            seen = seen + linear(torch.unflatten(filled, 1, (self.segments, -1)).flatten(2), of_known)
        return seen


def _fits(name: str) -> bool:
    return takes_queries(name) or takes_context(name)
