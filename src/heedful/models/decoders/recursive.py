"""A decoder that gives the horizon step by step and looks back at the states at every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from heedful import attention as mechanisms
from heedful.attention.base import StateAttention
from heedful.attention.catalogue import options as options_of
from heedful.attention.cells.decoder import Decoder, Memory
from heedful.attention.cells.steps import State
from heedful.attention.placebo import placebo as placebo_of
from heedful.attention.states.controls import Last, Mean
from heedful.errors import OptionError
from heedful.models.decoders.asking import create, takes_queries

_UNASKED = ("last", "mean")
"""Poolings that show every step the same, which is a decoder without attention."""


class AskingGRU(Decoder):
    r"""Decodes by a GRU that reads what its last state finds among the memory by any pooling that takes a query.

        c_t = attention(s_{t-1}, m_1 ... m_K),  s_t = GRU([x_t; c_t], s_{t-1}),  output [s_t; c_t]

    The first state is the last one of the memory, which is as wide as the states.

    Args:
        width: F, width of the inputs.
        hidden: D, width of the states and of the memory.
        attention: the pooling; `Last` and `Mean` are not asked and give every step the same, as the decoder of Cho
            et al., arXiv:1406.1078v3, which came before attention.

    Shape:   (B, T, F) and memory (B, K, D) -> (B, T, 2 D); weights (B, T, K), those of the pooling.
    """

    def __init__(self, width: int, *, hidden: int, attention: StateAttention) -> None:
        super().__init__(width, hidden=hidden, memory_width=hidden, normaliser="softmax")
        self.attention = attention
        self.asks = not isinstance(attention, Last | Mean)
        self.cell = nn.GRUCell(width + hidden, hidden)
        for gate in self.cell.weight_hh.detach().chunk(3):
            nn.init.orthogonal_(gate)

    @property
    def output_width(self) -> int:
        """2 D, widths of state and context."""
        return 2 * self.units

    def keys(self, values: Tensor) -> Tensor:
        """Gives the memory as it is; the pooling has its own keys."""
        return values

    def begin(self, memory: Memory, given: State | None) -> State:
        """Starts from the last state of the memory, or from the state given."""
        return (memory.values[:, -1],) if given is None else self._given(given, memory.values.shape[0])

    def step(self, x: Tensor, state: State, memory: Memory) -> tuple[Tensor, Tensor, State]:
        """Asks with the last state, then takes a step of the GRU."""
        (s,) = state
        weights = self.attention.weigh(memory.values, memory.mask, s if self.asks else None)
        context = self.attention.pool(memory.values, weights)
        s = self.cell(torch.cat((x, context), -1), s)
        return torch.cat((s, context), -1), cast("Tensor", weights), (s,)


class RecursiveDecoder(nn.Module):
    r"""Gives the horizon step by step from its own outputs, and looks back at the states at every step.

        d_p = decoder([y_{p-1}; known_p], h_1 ... h_T),  y_p = W dropout(d_p) + b,  y_0 = 0

    Args:
        width: D, width of the states and of the decoder.
        horizon: P, steps of the forecast.
        outputs: numbers for each step.
        attention: a pooling of the catalogue that takes a query, which a GRU asks; or one of the catalogue's own
            decoders, "bahdanau_decoder", "luong_decoder" or "da_rnn_temporal".
        options: the mechanism's options.
        placebo: the seed of a placebo that stands for the mechanism; None for the mechanism itself.
        steps: T, the number of states.
        known: K, columns known over the horizon; 0 for none.
        dropout: share dropped before the last layer.

    Shape:   states (B, T, D), future (B, P, K) -> (B, P, outputs); recorded weights (B, P, T).
    Raises:  OptionError for another mechanism.

    >>> decoder = RecursiveDecoder(8, horizon=7, attention="bahdanau", known=2, steps=5)
    >>> decoder(torch.zeros(2, 5, 8), future=torch.zeros(2, 7, 2)).shape
    torch.Size([2, 7, 1])
    """

    def __init__(
        self,
        width: int,
        *,
        horizon: int,
        outputs: int = 1,
        attention: str = "bahdanau",
        options: Mapping[str, Any] | None = None,
        placebo: int | None = None,
        steps: int,
        known: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.outputs = outputs
        self.known = known
        self.decoder = _create(attention, width, outputs + known, steps, options or {}, placebo, horizon)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.decoder.output_width, outputs)

    def forward(
        self,
        states: Tensor,
        pooled: Tensor | None = None,  # noqa: ARG002
        future: Tensor | None = None,
        channel: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        known = states.new_zeros(states.shape[0], self.horizon, 0) if future is None else future
        given: list[Tensor] = []

        def emit(found: Tensor) -> Tensor:
            given.append(self.output(self.dropout(found)))
            now = min(len(given), self.horizon - 1)
            return torch.cat((given[-1], known[:, now]), -1)

        first = torch.cat((states.new_zeros(states.shape[0], self.outputs), known[:, 0]), -1)
        self.decoder.decode(first, states, self.horizon, emit, state=self._start(states[:, -1]))
        return torch.stack(given, 1)

    def _start(self, newest: Tensor) -> State | None:
        """Starts an LSTM from the last state; the others make their first state of it themselves."""
        makes = isinstance(self.decoder, AskingGRU) or hasattr(self.decoder, "start")
        return None if makes else (newest, newest)


def _create(
    name: str, width: int, inputs: int, steps: int, options: Mapping[str, Any], seed: int | None, horizon: int
) -> Decoder:
    if _decodes(name):
        start = {"start": "last"} if "start" in options_of(name) else {}
        chosen = {"hidden": width, "memory_width": width} | start | dict(options)
        built = mechanisms.create(name, inputs, **chosen)
        if seed is not None:
            built = placebo_of(built, steps=steps, queries=horizon, seed=seed)
        return cast("Decoder", built)
    pooling = create("EncoderDecoder", name, width, steps=steps, options=options, fits=_fits, seed=seed)
    if options.get("output", "context") != "context" or options.get("query_width") not in (None, width):
        raise OptionError(
            f"The decoder EncoderDecoder asks with its own state, {width} wide, and reads the context beside it, got "
            f"{dict(options)}. Leave output and query_width out."
        )
    return AskingGRU(inputs, hidden=width, attention=cast("StateAttention", pooling))


def _decodes(name: str) -> bool:
    kind = mechanisms.MECHANISMS.get(name)
    return kind is not None and issubclass(kind, Decoder)


def _fits(name: str) -> bool:
    # "location_sensitive" must know the weights of the last query, and here each query comes alone.
    return _decodes(name) or name in _UNASKED or (takes_queries(name) and name != "location_sensitive")
