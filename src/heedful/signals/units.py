"""A network that tells a number in the number's own unit, and learns it in deviations of the train windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from heedful.models.signals import Ensemble
from heedful.models.signals.heads import ValueHead


@dataclass(frozen=True)
class ScaledHead(ValueHead):
    """Takes the number as the value itself; its loss is the squared error in squared deviations.

    >>> ScaledHead(10.0).loss(torch.tensor([[30.0]]), torch.tensor([10.0])).tolist()
    [4.0]
    """

    spread: float = 1.0

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Gives the squared error of every window, in squared deviations."""
        return super().loss(raw / self.spread, y / self.spread)


class InUnits(nn.Module):
    """Brings what a network says to the unit of the targets: `raw * spread + centre`.

    Networks start near 0 with steps made for numbers near 1: a life of thousands of hours is out of their reach.

    Args:
        net: gives one number a window.
        centre, spread: mean and deviation of the train windows' targets.

    Shape: as `net`.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, net: nn.Module, centre: float = 0.0, spread: float = 1.0) -> None:
        super().__init__()
        self.net = net
        self.head = ScaledHead(spread)
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float32))

    def forward(self, x: Tensor, lengths: Tensor | None = None, speed: Tensor | None = None) -> Tensor:
        raw: Tensor = self.net(x, lengths) if speed is None else self.net(x, lengths, speed)
        return raw * self.spread + self.centre


def in_units(net: nn.Module, targets: np.ndarray | None = None) -> nn.Module:
    """Wraps a network, or each member of an ensemble, for the targets (n,) of its train windows.

    Without targets centre and spread are 0 and 1, until weights are loaded.

    >>> made = in_units(nn.Identity(), np.array([2.0, 6.0, np.nan]))
    >>> float(made.centre), float(made.spread), made.head
    (4.0, 2.0, ScaledHead(spread=2.0))
    """
    known = np.zeros(0) if targets is None else targets[np.isfinite(targets)]
    centre, spread = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
    spread = spread if spread > 0 else 1.0
    if not isinstance(net, Ensemble):
        return InUnits(net, centre, spread)
    for number, member in enumerate(net.members):
        net.members[number] = InUnits(member, centre, spread)
    return net
