"""Networks of signals widened to a number of parameters, so that size alone is no advantage."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from heedful.models.signals.design import Design
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.shape import SignalShape
from heedful.models.wide import TOLERANCE

_HALVINGS = 24


@dataclass(frozen=True, kw_only=True)
class WideSignal:
    """A design widened to a number of parameters.

    `note` says by how much it misses them where that is more than 2 %; it is empty otherwise.
    """

    design: Design
    parameters: int
    wanted: int
    note: str = ""


def parameters(network: type[SignalNetwork], shape: SignalShape, design: Design) -> int:
    """Counts the trainable parameters of a network.

    >>> from heedful.models.signals.resnet import ResNet1d
    >>> parameters(ResNet1d, SignalShape(1, 2, 150), Design())
    504258
    """
    with torch.random.fork_rng(devices=[]):
        return sum(p.numel() for p in network(shape, design).parameters() if p.requires_grad)


def widened(network: type[SignalNetwork], shape: SignalShape, design: Design, wanted: int) -> WideSignal:
    """Widens all filters and units of a network together until it has as many parameters as another.

    Args:
        network: its class.
        shape: what it reads and gives.
        design: the design, as a rule one without attention.
        wanted: number of trainable parameters, as a rule those of the design with attention.

    >>> from heedful.models.signals.resnet import ResNet1d
    >>> found = widened(ResNet1d, SignalShape(1, 2, 150), Design(), 600_000)
    >>> found.design.width > 1, abs(found.parameters / 600_000 - 1) < 0.02, found.note
    (True, True, '')
    """
    tried: dict[float, int] = {}

    def count(width: float) -> int:
        if width not in tried:
            with torch.device("meta"):  # nothing is allocated, only counted
                tried[width] = parameters(network, shape, replace(design, width=width))
        return tried[width]

    low, high = 0.0, 1.0
    count(1.0)
    while count(high) < wanted:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
        if abs(tried[middle] - wanted) <= TOLERANCE / 10 * wanted:
            break
    # Of equally good ones the narrowest change: as it is, if that is near enough.
    best = min(tried, key=lambda width: (abs(tried[width] - wanted), abs(width - 1)))
    near = abs(tried[best] - wanted) <= TOLERANCE * wanted
    note = "" if near else f"{tried[best]} parameters where {wanted} were wanted, the nearest that whole filters give"
    return WideSignal(design=replace(design, width=best), parameters=tried[best], wanted=wanted, note=note)
