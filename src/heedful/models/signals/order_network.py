"""A small network over the envelope spectra of all bands, which learns defects and not where the structure answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.errors import ShapeError
from heedful.models.signals.design import Design
from heedful.models.signals.heads import ClassHead
from heedful.models.signals.network import SignalNetwork, check_windows
from heedful.models.signals.orders import FIRST, OrderEnvelope
from heedful.models.signals.shape import SignalShape
from heedful.models.signals.wdcnn import ON_MAP

_SLIP, _DROPPED, _COLOUR, _KNOTS = 0.01, 0.2, 1.0, 8
_SMOOTHING = 0.05
_LEAST = 1e-3  # added to deviations


class OrderNetwork(SignalNetwork):
    r"""Reads the bands of `OrderEnvelope` by one layer that all of them share, and what lies beside them by another.

        b_k = relu(W_1 drop(map_k) + c_1),  s = relu(W_2 drop(side) + c_2),  24 units each
        raw = W_3 drop[mean_k(b), max_k(b), s] + c_3

    Map and side are scaled by their means and deviations over the train windows, which `calibrate` takes in before
    training: one scale for each order, whatever the band, one for the spectrum of a channel, one for every other
    number. While it learns, the orders of each window are stretched by up to 1 %, each band is left out with
    probability 0.2, and the spectrum of each channel is bent by a random curve of 8 knots and deviation 1: the speed is
    never exact, and the structure between a fault and the sensor is another one in the next machine.

    What `prepare` gives may stand in the place of windows. It holds no weights, so that windows which are learned many
    times are transformed once.

    At `map` mechanisms take bands as channels and orders as time; at `bands` a pooling stands in place of the maximum.

    Paper:   none; the front end's is that of `OrderEnvelope`.
    Differs: nothing.

    Shape:   (B, T, C), lengths (B,), and speeds (B,) if it was built for them -> (B, K).
    Unit:    speeds in turns a minute.
    Raises:  ShapeError for speeds that are missing, or that it was not built for.
    """

    takes: ClassVar = {"map": ON_MAP, "bands": ("pooling",)}

    map_centre: Tensor
    map_spread: Tensor
    side_centre: Tensor
    side_spread: Tensor

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__(shape, design, seed)
        if isinstance(self.head, ClassHead):
            self.head = replace(self.head, smoothing=_SMOOTHING)
        self.front = OrderEnvelope(shape.window, shape.rate, shape.defects)
        bands, points, sides = self.front.bands * shape.channels, self.front.points, self.front.sides * shape.channels
        self.bands = bands
        for name, size in (("map", points), ("side", sides)):
            self.register_buffer(f"{name}_centre", torch.zeros(size))
            self.register_buffer(f"{name}_spread", torch.ones(size))
        self.dropout = nn.Dropout(0.3)
        self.hold("map", bands, points)
        self.over_orders = nn.Linear(points, design.sized(24))
        pooled = self.hold("bands", self.over_orders.out_features, bands)
        self.beside = nn.Linear(sides, design.sized(24, 0.5))
        width = self.over_orders.out_features + pooled + self.beside.out_features
        self.output = nn.Linear(width, self.head.outputs)

    @property
    def reads_speed(self) -> bool:
        """Whether it was built for the speed of each window."""
        return self.shape.speed

    def forward(self, x: Tensor, lengths: Tensor | None = None, speed: Tensor | None = None) -> Tensor:
        raw: Tensor = self.output(self.encode(self._prepared(x, lengths, speed), None))
        return raw

    def prepare(self, x: Tensor, lengths: Tensor | None = None, speed: Tensor | None = None) -> Tensor:
        """Gives what `forward` takes in place of windows (B, bands * orders + sides), before any scaling."""
        check_windows(self, x, lengths, self.shape.channels)
        if (speed is not None) != self.shape.speed:
            needs, came = ("one", "none") if self.shape.speed else ("no", "one")
            raise ShapeError(
                f"OrderNetwork was built for {needs} speed of each window, got {came}. Give turns a minute where it "
                "was built for them, or build it with SignalShape(..., speed=...) as the data have it."
            )
        maps, side = self.front(x, lengths, speed)
        return torch.cat((maps.flatten(1), side), 1)

    def _prepared(self, x: Tensor, lengths: Tensor | None, speed: Tensor | None) -> Tensor:
        return x if x.ndim == 2 and x.shape[1] == self._numbers else self.prepare(x, lengths, speed)

    @property
    def _numbers(self) -> int:
        return self.bands * len(self.map_centre) + len(self.side_centre)

    def _parted(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Gives maps (B, bands, orders) and side (B, sides)."""
        orders = len(self.map_centre)
        maps, side = z.tensor_split((self.bands * orders,), 1)
        return torch.unflatten(maps, 1, (self.bands, orders)), side

    @torch.no_grad()
    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor | None, Tensor | None]]) -> None:
        """Takes in means and deviations over the train windows: of windows, lengths and speeds, batch by batch."""
        sums: list[Tensor] = []
        count = 0
        for x, lengths, speed in batches:
            maps, side = (part.double() for part in self._parted(self._prepared(x, lengths, speed)))
            found = [maps.sum((0, 1)), maps.square().sum((0, 1)), side.sum(0), side.square().sum(0)]
            sums = [a + b for a, b in zip(sums, found, strict=True)] if sums else found
            count += len(x)
        if not count:
            return
        per = [total / n for total, n in zip(sums, (count * self.bands,) * 2 + (count,) * 2, strict=True)]
        map_spread, side_spread = ((square - mean.square()).clamp_min(0).sqrt() for mean, square in (per[:2], per[2:]))
        spectra = side_spread.view(self.shape.channels, -1)[:, : self.front.bins]
        spectra.copy_(spectra.mean(1, keepdim=True).expand_as(spectra).clone())
        self.map_centre.copy_(per[0])
        self.map_spread.copy_(map_spread + _LEAST)
        self.side_centre.copy_(per[2])
        self.side_spread.copy_(side_spread + _LEAST)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:  # noqa: ARG002
        """Gives what the last layer reads, of what `prepare` gave."""
        maps, side = self._parted(z.to(self.map_centre.dtype))
        maps, side = (maps - self.map_centre) / self.map_spread, (side - self.side_centre) / self.side_spread
        if self.training:
            maps, side = self._disturbed(maps, side)
        maps = self.look("map", maps)
        bands = torch.relu(self.over_orders(self.dropout(maps)))
        held = self._held("bands")
        best = bands.amax(1) if held is None else cast("Tensor", held(bands, mask=None))
        beside = torch.relu(self.beside(self.dropout(side)))
        joined: Tensor = self.dropout(torch.cat((bands.mean(1), best, beside), 1))
        return joined

    def _disturbed(self, maps: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        """Stretches the orders, leaves bands out and bends the spectra of train windows."""
        maps = stretched(maps, _SLIP, FIRST / self.front.step)
        kept = torch.rand(maps.shape[:2], device=maps.device) > _DROPPED
        side = torch.unflatten(side, 1, (self.shape.channels, -1))
        knots = _COLOUR * torch.randn(*side.shape[:2], _KNOTS, device=side.device, dtype=side.dtype)
        curve = functional.interpolate(knots, size=self.front.bins, mode="linear", align_corners=True)
        bent = side + functional.pad(curve, (0, side.shape[-1] - self.front.bins))
        return maps * kept.unsqueeze(-1), bent.flatten(1)


def stretched(maps: Tensor, most: float, first: float) -> Tensor:
    """Stretches the orders of each window by a share of its own, up to `most` either way.

    Args:
        first: the first order, in steps.

    Shape: (B, bands, orders).

    >>> stretched(torch.arange(4.0).view(1, 1, 4), 0.0, 3.0)
    tensor([[[0.0000, 1.0000, 2.0000, 2.9990]]])
    """
    count = maps.shape[-1]
    share = 1 + most * (2 * torch.rand(len(maps), 1, device=maps.device, dtype=maps.dtype) - 1)
    steps = torch.arange(count, dtype=maps.dtype, device=maps.device)
    place = ((steps + first) * share - first).clamp(0, count - 1.001)
    low = place.floor().long()
    part = (place - low).unsqueeze(1)
    index = low.unsqueeze(1).expand_as(maps)
    return maps.gather(-1, index) * (1 - part) + maps.gather(-1, index + 1) * part
