"""Networks that learn what is usual: they squeeze a window through few numbers, or hide its end, and rebuild it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.attention.base import mask_from_lengths
from heedful.errors import OptionError, ShapeError
from heedful.models.signals import SignalShape, heads
from heedful.models.signals.arms import SignalArm
from heedful.models.signals.design import Design
from heedful.models.signals.layers import ConvBlock, Convolution, hide
from heedful.models.signals.network import SignalNetwork, check_windows
from heedful.models.signals.places import Kind, read_layer
from heedful.models.signals.presets import SignalPreset, Usual

PLACE: tuple[Kind, ...] = ("map", "sequence")
"""What a place behind a block takes."""
SQUEEZE = 8
"""Numbers of a window for each number of its code."""
HIDDEN = 16
"""One sample of so many is hidden at the end of a window, and forecast from the rest."""
_WIDE = 512
_MOST = 32


@dataclass(frozen=True)
class ErrorHead:
    """Takes what the network gives as its own error, which is the loss; there is nothing to compare it with.

    Shape: raw (..., 1) -> loss (...).

    >>> ErrorHead().loss(torch.tensor([[2.0], [3.0]]), torch.zeros(2)).tolist()
    [2.0, 3.0]
    """

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Gives the error of every window.

        Raises: ShapeError for errors that are not one a window.
        """
        if raw.shape != (*y.shape, 1):
            raise ShapeError(f"ErrorHead needs one error a window (B, 1), got {tuple(raw.shape)}. Give one a window.")
        return raw.squeeze(-1)

    def point(self, raw: Tensor) -> Tensor:
        """Gives the error (...)."""
        return raw.squeeze(-1)


class ConvAutoencoder(SignalNetwork):
    r"""Squeezes a window through three strided convolutions and few channels, and rebuilds it.

        code = W relu(BN(conv(...x)));  x' = conv(up(...code));  error = mean (x - x')^2 over real samples

    The code has one number for each eight of the window, so that what is not usual does not fit through.

    Places: "block1", "block2", "block3" behind the blocks of the way in, "code" behind the code; each takes attention
    for maps, or sequence attention.

    Args:
        shape: of the windows; it has no classes.
        design: what it holds at its places, and how wide it is.
        seed: draws the weights of each mechanism, by its place.

    Shape:  x (B, T, C) and lengths (B,) -> error (B, 1), in squared units of x; padding changes nothing.
    Raises: OptionError for a shape with classes.
    """

    takes: ClassVar = dict.fromkeys(("block1", "block2", "block3", "code"), PLACE)
    squeeze: ClassVar[int] = SQUEEZE
    hidden: ClassVar[bool] = False
    recurrent: ClassVar[bool] = False

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        if shape.classes:
            raise OptionError(f"{type(self).__name__} learns no classes, got a shape of {shape.classes}. Give 0.")
        super().__init__(shape, design, seed)
        self.head = cast("heads.SignalHead", ErrorHead())
        stride = 4 if shape.window >= _WIDE else 2
        filters = [design.sized(n, i / 3) for i, n in enumerate((16, 32, 32))]
        width, steps = shape.channels, shape.window
        self.blocks = nn.ModuleList()
        self.sizes = [shape.window]
        for i, n in enumerate(filters):
            self.blocks.append(ConvBlock(width, n, 4 * stride if i == 0 else 2 * stride + 1, stride=stride))
            steps = -(-steps // stride)
            width = self.hold(f"block{i + 1}", n, steps)
        self.memory = nn.LSTM(width, filters[-1], batch_first=True) if self.recurrent else None
        width = filters[-1] if self.recurrent else width
        few = min(_MOST, max(1, round(shape.window * shape.channels / (steps * self.squeeze))))
        self.code = Convolution(width, few, 1)
        self.hold("code", few, steps)
        back = [few, *filters[::-1]]
        self.ways = nn.ModuleList(ConvBlock(a, b, 2 * stride + 1) for a, b in pairwise(back))
        self.output = Convolution(back[-1], shape.channels, 7)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the code (B, few, T') of a map (B, C, T)."""
        return self._coded(z, mask)[0]

    def _coded(self, z: Tensor, mask: Tensor | None) -> tuple[Tensor, list[tuple[int, Tensor | None]]]:
        """Gives the code, and length and mask of every map on the way in."""
        passed = []
        for i, block in enumerate(self.blocks):
            passed.append((z.shape[-1], mask))
            z, mask = block(z, mask)
            z = hide(self.look(f"block{i + 1}", z, mask), mask)
        if self.memory is not None:
            z = read_layer(self.memory, z.transpose(1, 2), mask).transpose(1, 2)
        return hide(self.look("code", hide(self.code(z), mask), mask), mask), passed

    def rebuild(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Gives the windows as the network expects them (B, T, C); behind the last real sample they are zero."""
        mask = check_windows(self, x, lengths, self.shape.channels)
        z = hide(x.transpose(1, 2), mask)
        if self.hidden:
            z = z.masked_fill(self.judged(x, mask).unsqueeze(1), 0.0)
        z, passed = self._coded(z, mask)
        for way, (size, real) in zip(self.ways, reversed(passed), strict=True):
            grown = functional.interpolate(z, scale_factor=self.stride, mode="nearest")[..., :size]
            z, _ = way(hide(grown, real), real)
        return hide(self.output(z), mask).transpose(1, 2)

    @property
    def stride(self) -> int:
        """Samples that a block makes one of."""
        return int(self.blocks[0].stride)  # type: ignore[arg-type]

    def judged(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Says which samples (B, T) the error is taken over: the real ones, or those hidden at the end of them."""
        batch, time = x.shape[:2]
        real = mask if mask is not None else torch.ones(batch, time, dtype=torch.bool, device=x.device)
        if not self.hidden:
            return real
        lengths = real.sum(1, keepdim=True)
        place = torch.arange(time, device=x.device)
        return real & (place >= lengths - (lengths // HIDDEN).clamp_min(1))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = None if lengths is None else mask_from_lengths(lengths, x.shape[1])
        wrong = (x - self.rebuild(x, lengths)).square().mean(-1)
        seen = self.judged(x, mask).to(wrong)
        return (wrong * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp_min(1.0)


class LSTMAutoencoder(ConvAutoencoder):
    """Lets an LSTM read the steps between the convolutions and the code of `ConvAutoencoder`.

    Shape:  as `ConvAutoencoder`.
    """

    recurrent: ClassVar[bool] = True


class NextSamples(ConvAutoencoder):
    """Forecasts the last sixteenth of a window from the rest: `ConvAutoencoder` with that end hidden and judged alone.

    Nothing that is judged is seen, so that its code need not be as small.

    Shape:  as `ConvAutoencoder`.
    """

    squeeze: ClassVar[int] = 2
    hidden: ClassVar[bool] = True


_BEHIND: Usual = {"map": ("block2",), "sequence": ("code",)}
DETECTORS: dict[str, SignalPreset] = {
    "conv-autoencoder": SignalPreset(
        network=ConvAutoencoder,
        usual=_BEHIND,
        summary="Three strided convolutions down to an eighth of a window's numbers, and three back.",
    ),
    "lstm-autoencoder": SignalPreset(
        network=LSTMAutoencoder,
        usual=_BEHIND,
        summary="The same with an LSTM over the steps before the code.",
    ),
    "next-samples": SignalPreset(
        network=NextSamples,
        usual=_BEHIND,
        summary="The same network, which forecasts the last sixteenth of a window from the rest.",
    ),
}
"""Networks that detect, by name."""


@dataclass(frozen=True, kw_only=True)
class DetectorArm(SignalArm):
    """A network that detects, with a mechanism at one of its places, or the control that stands there.

    >>> DetectorArm.read("conv-autoencoder+eca@code").places()
    ('code',)
    """

    presets: ClassVar[Mapping[str, object]] = DETECTORS

    @property
    def spec(self) -> SignalPreset:
        """The preset."""
        return DETECTORS[self.preset]


def build(name: str, shape: SignalShape, seed: int = 0) -> ConvAutoencoder:
    """Builds a detector from its name and a seed.

    Raises: UnknownName or OptionError for a name that says what cannot be built.

    >>> build("conv-autoencoder+eca", SignalShape(2, 0, 100))(torch.zeros(3, 100, 2)).shape
    torch.Size([3, 1])
    """
    return cast("ConvAutoencoder", DetectorArm.read(name).build(shape, seed))


def summary(name: str) -> str:
    """Says in one sentence what a detector is.

    Raises: UnknownName for an unknown name.
    """
    arm = DetectorArm.read(name)
    arm.design()
    what = DETECTORS[arm.preset].summary
    return what if arm.mechanism is None else f"{what} Its attention: {arm.mechanism} at {', '.join(arm.places())}."
