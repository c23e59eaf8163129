"""The network of inception modules for time series."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from heedful.models.signals.design import Design
from heedful.models.signals.layers import Convolution, Norm, Shortcut, hide, largest_around
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.shape import SignalShape
from heedful.models.signals.wdcnn import ON_MAP

_DEPTH, _KERNELS = 6, (40, 20, 10)


class Inception(nn.Module):
    r"""Convolves a map by filters of three lengths beside each other, and what was largest around each step.

        b = conv_1(z),  z' = relu(BN([conv_40(b), conv_20(b), conv_10(b), conv_1(max_3(z))]))

    b is z itself where that has no more channels than the bottleneck.

    Args:
        inputs: C, channels of the input.
        filters: filters of each of the four.
        bottleneck: channels that the long filters read.

    Shape:   (B, C, T) and a mask (B, T) -> (B, 4 filters, T).
    """

    def __init__(self, inputs: int, filters: int, bottleneck: int) -> None:
        super().__init__()
        narrow = inputs > bottleneck
        self.bottleneck = Convolution(inputs, bottleneck, 1, bias=False) if narrow else None
        read = bottleneck if narrow else inputs
        self.branches = nn.ModuleList(Convolution(read, filters, kernel, bias=False) for kernel in _KERNELS)
        self.around = Convolution(inputs, filters, 1, bias=False)
        self.norm = Norm(4 * filters)

    def forward(self, z: Tensor, mask: Tensor | None) -> Tensor:
        read = z if self.bottleneck is None else self.bottleneck(z)
        branches = [branch(read) for branch in self.branches]
        branches.append(self.around(largest_around(z, mask)))
        return hide(torch.relu(self.norm(torch.cat(branches, 1), mask)), mask)


class InceptionTime(SignalNetwork):
    r"""Reads a window by six inception modules, with a shortcut past every three, and takes the mean over time.

        z' = relu(inception(inception(inception(z))) + BN(conv_1(z))) twice, 4 x 32 filters each
        raw = W mean_T(z) + b

    Paper:   Fawaz et al., "InceptionTime: Finding AlexNet for Time Series Classification", DMKD 2020,
             arXiv:1909.04939v3, section 3.
    Differs: nothing in the arithmetic of a single network; the paper's InceptionTime is the mean of five of them
             (`Ensemble`). Attention, where a module holds it, stands before the sum.

    Shape:   (B, T, C) -> (B, K).
    """

    takes: ClassVar = {"module3": ON_MAP, "module6": ON_MAP, "pool": ("pooling",)}

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__(shape, design, seed)
        width = past = shape.channels
        self.inceptions, self.shortcuts = nn.ModuleList(), nn.ModuleList()
        for i in range(_DEPTH):
            filters, bottleneck = design.sized(32, i / _DEPTH), design.sized(32, (i + 0.5) / _DEPTH)
            self.inceptions.append(Inception(width, filters, bottleneck))
            width = 4 * filters
            if i % 3 == 2:
                width = self.hold(f"module{i + 1}", width, shape.window)
                self.shortcuts.append(Shortcut(past, width, bias=False, always=True))
                past = width
        self.output = nn.Linear(self.hold("pool", width, shape.window), self.head.outputs)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the mean over time (B, 128)."""
        past = z
        for i, module in enumerate(self.inceptions):
            z = module(z, mask)
            if i % 3 == 2:
                past = z = torch.relu(self.look(f"module{i + 1}", z, mask) + self.shortcuts[i // 3](past, mask))
        return self.pooled("pool", z.transpose(1, 2), mask)
