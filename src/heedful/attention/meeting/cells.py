"""How cells read by weights that are settled beforehand, for those whose weights depend on their states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from heedful.attention.cells.da_rnn import DARNNInput
from heedful.attention.cells.ele_att import EleAttGRU, EleAttLSTM
from heedful.attention.cells.lstmn import LSTMN
from heedful.attention.cells.steps import State, dense_by_step, read_lstm, step_lstm, walk
from heedful.attention.cells.tpa_lstm import TPALSTM

Reading = Callable[[Any, Tensor, Tensor, Tensor | None], Tensor]
"""A cell, its inputs (B, T, F), the weights of every step and the mask give the states (B, T, D)."""


def reading_of(real: type[nn.Module]) -> Reading | None:
    """Finds how a cell reads by given weights; None where nobody has said."""
    return next((READINGS[kind] for kind in real.__mro__ if kind in READINGS), None)


def _weighed_lstm(cell: EleAttLSTM | DARNNInput, x: Tensor, weights: Tensor, mask: Tensor | None) -> Tensor:
    zeros = x.new_zeros(x.shape[0], cell.output_width)

    def step(state: State, now: State) -> tuple[State, State]:
        h, c = step_lstm(cell.lstm, now[0], *state)
        return (h, c), (h,)

    return walk(step, (zeros, zeros), (read_lstm(cell.lstm, x * weights),), mask)[0]


def _weighed_gru(cell: EleAttGRU, x: Tensor, weights: Tensor, mask: Tensor | None) -> Tensor:
    def step(state: State, now: State) -> tuple[State, State]:
        (h,), (gates, candidate) = state, now
        r, u = cell.unit.gate(gates, h).chunk(2, -1)
        h = u * h + (1 - u) * cell.unit.propose(candidate, r * h)
        return (h,), (h,)

    zeros = x.new_zeros(x.shape[0], cell.output_width)
    return walk(step, (zeros,), cell.unit.read(x * weights), mask)[0]


def _mixed_lstm(cell: LSTMN, x: Tensor, weights: Tensor, mask: Tensor | None) -> Tensor:
    mixed = x.new_zeros(x.shape[0], 2 * cell.output_width)
    tape: list[Tensor] = []
    for t, seen in enumerate(read_lstm(cell.lstm, x).unbind(1)):
        if t:
            new = torch.bmm(weights[:, t : t + 1, :t], torch.stack(tape, 1)).squeeze(1)
            mixed = new if mask is None else torch.where(mask[:, t, None], new, mixed)
        tape.append(torch.cat(step_lstm(cell.lstm, seen, *mixed.chunk(2, -1)), -1))
    return torch.stack(tape, 1)[..., : cell.output_width]


def _patterned_lstm(cell: TPALSTM, x: Tensor, weights: Tensor, mask: Tensor | None) -> Tensor:
    zeros = x.new_zeros(x.shape[0], cell.output_width)

    def step(state: State, now: State) -> tuple[State, State]:
        (h, c, v, *last), (x, a) = state, now
        h, c = step_lstm(cell.lstm, read_lstm(cell.lstm, cell.input(torch.cat([x, v], -1))), h, c)
        patterns = dense_by_step(cell.pattern, torch.stack(last, -1))
        pooled = torch.bmm(a.unsqueeze(1), patterns).squeeze(1)
        v = cell.attend(torch.cat([c, h, pooled], -1))
        y = cell.output(torch.cat([h, v], -1))
        return (h, c, v, *last[1:], y), (y,)

    return walk(step, (zeros,) * (3 + cell.window), (x, weights), mask)[0]


READINGS: dict[type, Reading] = {
    DARNNInput: _weighed_lstm,
    EleAttGRU: _weighed_gru,
    EleAttLSTM: _weighed_lstm,
    LSTMN: _mixed_lstm,
    TPALSTM: _patterned_lstm,
}
"""How each cell whose weights depend on its states reads by given ones."""
