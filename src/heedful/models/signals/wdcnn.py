"""The convolutional network for vibration whose first filters are wide, and what others take of it."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from heedful.models.signals import places
from heedful.models.signals.design import Design
from heedful.models.signals.layers import ConvBlock, largest
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.shape import SignalShape

ON_MAP: tuple[places.Kind, ...] = ("map", "sequence")
"""What a place behind a block of convolutions takes."""


def first_layer(window: int) -> tuple[int, int]:
    """Gives kernel and stride of wide first filters: 64 and 16 for 2048 samples, less for short windows.

    The stride leaves about 128 steps, and is never above 16, since what a filter must tell apart lies at frequencies
    that do not depend on how long the window is.

    >>> first_layer(2048), first_layer(150), first_layer(24), first_layer(8192)
    ((64, 16), (8, 1), (8, 1), (64, 16))
    """
    stride = min(16, max(1, window // 128))
    return max(8, 4 * stride), stride


class WDCNN(SignalNetwork):
    r"""Reads a window by five blocks of convolutions, the first of them wide, and takes the mean over time.

        z = pool_2(relu(BN(conv(z)))) five times: 16 wide filters, then 32, 64, 64, 64 of 3 steps
        raw = W_2 relu(W_1 mean_T(z) + b_1) + b_2, 100 units between

    Paper:   Zhang et al., "A New Deep Learning Model for Fault Diagnosis with Good Anti-Noise and Domain Adaptation
             Ability on Raw Vibration Signals", Sensors 17(2):425, 2017.
    Differs: the mean over time in place of a dense layer as long as the window, so that a window may begin anywhere
             and have any length; 'same' padding in every block; kernel and stride of the first layer are the paper's
             64 and 16 from 2048 samples on, less for short windows, where a block that has fewer than 4 steps to read
             does not pool either.

    Shape:   (B, T, C) -> (B, K).
    """

    takes: ClassVar = {f"block{i}": ON_MAP for i in range(1, 6)} | {"pool": ("pooling",)}

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__(shape, design, seed)
        kernel, stride = first_layer(shape.window)
        filters = [design.sized(n, i / 6) for i, n in enumerate((16, 32, 64, 64, 64))]
        width, steps = shape.channels, shape.window
        self.blocks, self.pools = nn.ModuleList(), []
        for i, n in enumerate(filters):
            layer = ConvBlock(width, n, kernel, stride=stride) if i == 0 else ConvBlock(width, n, 3)
            self.blocks.append(layer)
            steps = -(-steps // layer.stride)
            self.pools.append(2 if steps >= 4 else 1)
            steps = -(-steps // self.pools[-1])
            width = self.hold(f"block{i + 1}", n, steps)
        width = self.hold("pool", width, steps)
        self.hidden = nn.Linear(width, design.sized(100, 5 / 6))
        self.output = nn.Linear(self.hidden.out_features, self.head.outputs)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the hidden layer's numbers (B, 100)."""
        for i, (block, pool) in enumerate(zip(self.blocks, self.pools, strict=True)):
            z, mask = block(z, mask)
            z, mask = largest(z, mask, pool)
            z = self.look(f"block{i + 1}", z, mask)
        return torch.relu(self.hidden(self.pooled("pool", z.transpose(1, 2), mask)))
