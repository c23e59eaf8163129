"""A small network that reads the spectrogram of a window as an image."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.models.signals import places
from heedful.models.signals.design import Design
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.shape import SignalShape

_FLOOR = 1e-6
_ON_IMAGE: tuple[places.Kind, ...] = ("image",)


class LogSpectrogram(nn.Module):
    r"""Gives the logarithm of the power at each frequency around each of a fixed number of moments of a window.

        P_{fm} = ln(|\sum_n h_n x_{s_m + n} exp(-2 \pi i f n / N)|^2 / \sum_n h_n^2 + 0.000001)

    h is the Hann window. The moments s are spread evenly over the real samples of each window, so that the image of a
    short recording is as full as that of a long one and no place in it is padding; for windows of one length they are
    those of a short-time Fourier transform. Written as a product with sines and cosines, it exports like any layer.

    Args:
        size: N, samples of a segment.
        moments: M, number of segments.

    Shape:   (B, C, T) and lengths (B,) -> (B, C, N / 2 + 1, M).

    >>> LogSpectrogram(64, 31)(torch.zeros(2, 3, 512)).shape
    torch.Size([2, 3, 33, 31])
    """

    waves: Tensor

    def __init__(self, size: int, moments: int) -> None:
        super().__init__()
        self.size = size
        self.moments = moments
        taper = torch.hann_window(size, dtype=torch.float64)
        angle = 2 * math.pi * torch.outer(torch.arange(size), torch.arange(size // 2 + 1)) / size
        waves = torch.cat((angle.cos(), angle.sin()), 1) * (taper / taper.square().sum().sqrt()).unsqueeze(1)
        self.register_buffer("waves", waves.float(), persistent=False)

    def forward(self, z: Tensor, lengths: Tensor | None = None) -> Tensor:
        z = functional.pad(z, (0, max(self.size - z.shape[-1], 0)))
        parts = torch.linspace(0, 1, self.moments, dtype=torch.float64, device=z.device)
        offsets = torch.arange(self.size, device=z.device)
        if lengths is None:
            starts = (parts * (z.shape[-1] - self.size)).round().long()
            cut = z[..., starts.unsqueeze(-1) + offsets]
        else:
            room = (lengths - self.size).clamp_min(0).unsqueeze(-1)
            at = ((parts * room).round().long().unsqueeze(-1) + offsets).flatten(1)
            cut = z.gather(-1, at.unsqueeze(1).expand(-1, z.shape[1], -1))
            cut = torch.unflatten(cut, -1, (self.moments, self.size))
        real, imaginary = torch.matmul(cut, self.waves.to(z.dtype)).chunk(2, -1)
        return (real.square() + imaginary.square() + _FLOOR).log().transpose(-1, -2)


class SpectrogramCNN(SignalNetwork):
    r"""Reads the logarithm of a spectrogram by three blocks of 2-D convolutions and takes the mean.

        z = pool_2(relu(BN(conv_{3x3}(z)))) three times: 16, 32, 64 filters
        raw = W drop_{0.3}(mean_{HW}(z)) + b

    Segments hold 128 samples for windows of 2048 and more, an eighth of shorter ones, at least 8; there are up to 64.
    Behind the mean over frequency a pooling may stand for the mean over time.

    Paper:   none.
    Differs: nothing.

    Shape:   (B, T, C) -> (B, K).
    """

    takes: ClassVar = {f"block{i}": _ON_IMAGE for i in range(1, 4)} | {"pool": ("pooling",)}

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__(shape, design, seed)
        size = segment(shape.window)
        self.spectrogram = LogSpectrogram(size, min(64, 1 + max(shape.window - size, 0) // max(size // 4, 1)))
        self.norm = nn.BatchNorm2d(shape.channels)
        width, sizes = shape.channels, (size // 2 + 1, self.spectrogram.moments)
        self.blocks, self.pools = nn.ModuleList(), []
        for i, n in enumerate((16, 32, 64)):
            filters = design.sized(n, i / 3)
            conv = nn.Conv2d(width, filters, 3, padding=1)
            self.blocks.append(nn.Sequential(conv, nn.BatchNorm2d(filters), nn.ReLU()))
            self.pools.append((2 if sizes[0] >= 4 else 1, 2 if sizes[1] >= 4 else 1))
            sizes = (-(-sizes[0] // self.pools[-1][0]), -(-sizes[1] // self.pools[-1][1]))
            width = self.hold(f"block{i + 1}", filters, sizes)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(self.hold("pool", width, sizes[1]), self.head.outputs)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the mean over frequency and time (B, 64)."""
        z = self.norm(self.spectrogram(z, None if mask is None else mask.sum(1)))
        for i, (block, pool) in enumerate(zip(self.blocks, self.pools, strict=True)):
            z = functional.max_pool2d(block(z), pool, ceil_mode=True)
            z = self.look(f"block{i + 1}", z)
        vector: Tensor = self.dropout(self.pooled("pool", z.mean(2).transpose(1, 2), None))
        return vector


def segment(window: int) -> int:
    """Gives the samples of a segment.

    >>> segment(2048), segment(150), segment(24), segment(8192)
    (128, 18, 8, 128)
    """
    return min(128, max(8, window // 8 // 2 * 2))
