"""Recurrences: what reads the steps (B, T, F) one after the other and gives a state (B, T, D) for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from heedful import attention as mechanisms
from heedful.attention.base import Cell, StateAttention
from heedful.attention.cells.decoder import Decoder
from heedful.attention.placebo import placebo
from heedful.errors import OptionError, unknown
from heedful.models import plan
from heedful.models.places import fitted, misplaced

_KINDS: dict[str, tuple[Callable[..., nn.RNNBase], int, bool]] = {
    "rnn": (nn.RNN, 1, False),
    "lstm": (nn.LSTM, 4, False),
    "gru": (nn.GRU, 3, False),
    "bilstm": (nn.LSTM, 4, True),
    "bigru": (nn.GRU, 3, True),
}
"""PyTorch's recurrences: the class, its number of gates, and whether it reads in both directions."""


class Recurrent(nn.Module):
    """Reads steps by one of PyTorch's recurrences and gives its states.

    Recurrent weights start orthogonal gate by gate and biases at zero, but for the forget gate of an LSTM at 1, so
    that the window is not forgotten from the start.

    Args:
        inputs: F, width of the steps.
        part: the part of the plan.

    Shape:   (B, T, F) -> (B, T, D), twice as wide where it reads in both directions.
    Raises:  OptionError for dropout without layers to drop between.

    >>> Recurrent(4, plan.Recurrence(kind="bigru", width=8))(torch.zeros(2, 9, 4)).shape
    torch.Size([2, 9, 16])
    """

    def __init__(self, inputs: int, part: plan.Recurrence) -> None:
        super().__init__()
        if part.dropout and part.layers == 1:
            raise OptionError(
                f"A recurrence drops states between its layers, got dropout={part.dropout} with one layer. Give it "
                "more layers, or give the dropout to the plan."
            )
        kind, gates, both = _KINDS[part.kind]
        self.layer = kind(
            inputs, part.width, num_layers=part.layers, dropout=part.dropout, bidirectional=both, batch_first=True
        )
        self.width = part.width * (2 if both else 1)
        _settle(self.layer, gates)

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = self.layer(x)[0]
        return states


@torch.no_grad()
def _settle(layer: nn.RNNBase, gates: int) -> None:
    units = layer.hidden_size
    for name, value in layer.named_parameters():
        if name.startswith("weight_hh"):
            for gate in value.chunk(gates):
                nn.init.orthogonal_(gate)
        elif name.startswith("bias"):
            value.zero_()
            if gates == 4 and name.startswith("bias_ih"):
                value[units : 2 * units] = 1.0  # PyTorch's gate order is input, forget, cell, output.


class ScoredRecurrent(nn.Module):
    """Reads steps by a GRU, scores its states by the newest one, and reads them again by a cell that takes scores.

    Paper:   Zhou et al., "Deep Interest Evolution Network for Click-Through Rate Prediction", AAAI 2019,
             arXiv:1809.03672v5, section 4.3.
    Differs: the newest state asks, where the paper has the item that may be clicked; scaled dot products score.

    Args:
        inputs: F, width of the steps.
        width: D, width of both recurrences.
        cell: the cell, D wide.

    Shape:   (B, T, F) -> (B, T, D).
    """

    def __init__(self, inputs: int, width: int, cell: Cell) -> None:
        super().__init__()
        self.first = Recurrent(inputs, plan.Recurrence(kind="gru", width=width))
        self.score = cast("StateAttention", mechanisms.create("scaled_dot", width))
        self.cell = cell
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        states = self.first(x)
        scored: Tensor = self.cell(states, self.score.weigh(states))
        return scored


class CellRecurrent(nn.Module):
    """Reads steps by a cell of the catalogue and gives its states.

    Shape:   (B, T, F) -> (B, T, D).
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.width = cell.output_width

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = self.cell(x)
        return states


def build(part: plan.Recurrence, inputs: int, steps: int) -> nn.Module | None:
    """Builds the recurrence that a part of a plan describes; None for "none".

    Args:
        part: the part.
        inputs: F, width of the steps.
        steps: T, how many there are.

    Raises: UnknownName for an unknown kind; OptionError for a mechanism that is no recurrence, or for layers,
            dropout, options or a placebo that a kind does not have.

    >>> build(plan.Recurrence(kind="lstmn", width=8), 4, 9)(torch.zeros(2, 9, 4)).shape
    torch.Size([2, 9, 8])
    """
    if part.placebo is not None and part.kind in ("none", *_KINDS):
        raise OptionError(
            f"The recurrence '{part.kind}' holds no attention, got a placebo of it, placebo={part.placebo}. Leave it "
            "out, or take a cell of the attention catalogue."
        )
    if part.kind == "none":
        return None
    if part.kind in _KINDS:
        if part.options:
            raise OptionError(
                f"The recurrence '{part.kind}' has no options, got {dict(part.options)}. Only the cells of the "
                "attention catalogue have some."
            )
        return Recurrent(inputs, part)
    if part.kind not in mechanisms.MECHANISMS:
        raise unknown("recurrence", part.kind, ["none", *_KINDS, *fitting()])
    return _of_catalogue(part, inputs, steps)


def fitting() -> list[str]:
    """Lists the cells of the catalogue that can be a recurrence.

    >>> "lstmn" in fitting(), "bahdanau_decoder" in fitting()
    (True, False)
    """
    return [n for n, kind in mechanisms.MECHANISMS.items() if issubclass(kind, Cell) and not issubclass(kind, Decoder)]


def _of_catalogue(part: plan.Recurrence, inputs: int, steps: int) -> nn.Module:
    name, kind = part.kind, mechanisms.MECHANISMS[part.kind]
    if name not in fitting():
        raise misplaced("the recurrence", name, fitting())
    if part.layers > 1 or part.dropout:
        raise OptionError(
            f"The recurrence '{name}' has one layer and no dropout, got layers={part.layers} and "
            f"dropout={part.dropout}. Leave them out, or take 'lstm' or 'gru'."
        )
    scored = bool(getattr(kind, "needs_context", False))
    given = {"hidden": part.width} | dict(part.options)
    built = fitted(name, part.width if scored else inputs, steps, given)
    cell = cast("Cell", built if part.placebo is None else placebo(built, steps=steps, seed=part.placebo))
    return ScoredRecurrent(inputs, part.width, cell) if scored else CellRecurrent(cell)
