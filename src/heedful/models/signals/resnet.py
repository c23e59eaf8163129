"""The residual network for time series."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from heedful.models.signals.design import Design
from heedful.models.signals.layers import ConvBlock, Shortcut
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.shape import SignalShape
from heedful.models.signals.wdcnn import ON_MAP

_KERNELS = (8, 5, 3)


class ResNet1d(SignalNetwork):
    r"""Reads a window by three residual blocks of three convolutions and takes the mean over time.

        z' = relu(BN(conv_3(relu(BN(conv_5(relu(BN(conv_8(z)))))))) + shortcut(z)) three times: 64, 128, 128 filters
        raw = W mean_T(z) + b

    The shortcut is a convolution of one step where the number of filters changes, and a batch norm everywhere.

    Paper:   Wang et al., "Time Series Classification from Scratch with Deep Neural Networks: A Strong Baseline", IJCNN
             2017, arXiv:1611.06455v4, section III.C; 64, 128, 128 filters.
    Differs: nothing in the arithmetic. Attention, where a block holds it, stands before the sum, as in SE-ResNet.

    Shape:   (B, T, C) -> (B, K).
    """

    takes: ClassVar = {f"block{i}": ON_MAP for i in range(1, 4)} | {"pool": ("pooling",)}

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__(shape, design, seed)
        width = shape.channels
        self.blocks, self.shortcuts = nn.ModuleList(), nn.ModuleList()
        for i, size in enumerate((64, 128, 128)):
            filters = design.sized(size, i / 3)
            widths = (width, filters, filters)
            self.blocks.append(
                nn.ModuleList(
                    ConvBlock(n, filters, kernel, active=kernel != _KERNELS[-1])
                    for n, kernel in zip(widths, _KERNELS, strict=True)
                )
            )
            self.shortcuts.append(Shortcut(width, filters))
            width = self.hold(f"block{i + 1}", filters, shape.window)
        self.output = nn.Linear(self.hold("pool", width, shape.window), self.head.outputs)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the mean over time (B, 128)."""
        for i, (block, shortcut) in enumerate(zip(self.blocks, self.shortcuts, strict=True)):
            inner = z
            for layer in block:  # type: ignore[attr-defined]
                inner, _ = layer(inner, mask)
            z = torch.relu(self.look(f"block{i + 1}", inner, mask) + shortcut(z, mask))
        return self.pooled("pool", z.transpose(1, 2), mask)
