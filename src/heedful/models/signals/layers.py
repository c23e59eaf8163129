"""Layers for maps (B, C, T) of which a sample may fill the first steps only: what lies behind them changes nothing.

A mask (B, T) says which steps are real, None that all are. Every map is zero where no step is real; a convolution then
reads the zeros that it would have been given at the end of a shorter map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.attention.base import masked_mean


def hide(z: Tensor, mask: Tensor | None) -> Tensor:
    """Sets a map (B, C, T) to zero where no step is real."""
    return z if mask is None else z.masked_fill(~mask.unsqueeze(1), 0.0)


def thin(mask: Tensor | None, stride: int) -> Tensor | None:
    """Gives the mask of a map that has one step for each so many: real where the first of them is.

    >>> thin(torch.tensor([[True, True, True, False]]), 2).tolist()
    [[True, True]]
    """
    return mask if mask is None or stride == 1 else mask[:, ::stride]


class Convolution(nn.Module):
    """Convolves over time and gives one step for each stride, as if zeros stood on both sides.

    How many stand before the first step depends on kernel and stride alone, not on the length, so that a sample gives
    the same alone and in a longer batch. Where the stride divides the length it is the 'same' padding of Keras.

    Args:
        inputs: C, channels of the input.
        filters: channels of the output.
        kernel: samples that a filter spans.
        stride: samples from one step to the next, no more than the kernel.
        bias: whether a filter adds a number of its own.

    Shape:   (B, C, T) -> (B, filters, ceil(T / stride)).

    >>> Convolution(1, 16, 64, stride=16)(torch.zeros(2, 1, 2000)).shape
    torch.Size([2, 16, 125])
    """

    def __init__(self, inputs: int, filters: int, kernel: int, *, stride: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.conv = nn.Conv1d(inputs, filters, kernel, stride=stride, bias=bias)

    def forward(self, z: Tensor) -> Tensor:
        time, before = z.shape[-1], (self.kernel - self.stride) // 2
        after = (-(-time // self.stride) - 1) * self.stride + self.kernel - time - before
        if after == before:  # the convolution's own zeros cost no copy
            return functional.conv1d(z, self.conv.weight, self.conv.bias, self.stride, before)
        convolved: Tensor = self.conv(functional.pad(z, (before, after)))
        return convolved


class Norm(nn.BatchNorm1d):
    """Batch norm that learns its statistics from real steps only.

    Shape:   (B, C, T) and a mask (B, T) -> (B, C, T).
    """

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or not self.training:
            normed: Tensor = super().forward(z)
            return normed
        real = mask.unsqueeze(1).to(z.dtype)
        count = real.sum().clamp_min(1.0)
        mean = (z * real).sum((0, 2)) / count
        away = (z - mean[:, None]) * real
        variance = away.square().sum((0, 2)) / count
        self._remember(mean.detach(), variance.detach(), count.detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return away * scale[:, None] + self.bias[:, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.momentum is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        unbiased = variance * count / (count - 1).clamp_min(1.0)
        self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)


class ConvBlock(nn.Module):
    r"""Convolves, norms the batch, and takes relu.

        z' = relu(BN(conv_k(z)))

    Args:
        inputs: C, channels of the input.
        filters: channels of the output.
        kernel: samples that a filter spans.
        stride: samples from one step to the next.
        active: whether relu follows.

    Shape:   (B, C, T) and a mask (B, T) -> (B, filters, T'), and its mask.
    """

    def __init__(self, inputs: int, filters: int, kernel: int, *, stride: int = 1, active: bool = True) -> None:
        super().__init__()
        self.stride = stride
        self.active = active
        self.conv = Convolution(inputs, filters, kernel, stride=stride)
        self.norm = Norm(filters)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        mask = thin(mask, self.stride)
        z = self.norm(self.conv(z), mask)
        return hide(torch.relu(z) if self.active else z, mask), mask


class Shortcut(nn.Module):
    """Carries a map past a block: through a convolution of one step where the width changes, and a batch norm.

    Args:
        inputs: C, channels of the input.
        filters: channels of the output.
        bias: whether a filter of the convolution adds a number of its own.
        always: whether there is a convolution where the width stays, too.

    Shape:   (B, C, T) and a mask (B, T) -> (B, filters, T).
    """

    def __init__(self, inputs: int, filters: int, *, bias: bool = True, always: bool = False) -> None:
        super().__init__()
        self.conv = Convolution(inputs, filters, 1, bias=bias) if always or inputs != filters else None
        self.norm = Norm(filters)

    def forward(self, z: Tensor, mask: Tensor | None) -> Tensor:
        return hide(self.norm(z if self.conv is None else self.conv(z), mask), mask)


def largest(z: Tensor, mask: Tensor | None, size: int) -> tuple[Tensor, Tensor | None]:
    """Keeps the greatest of each so many real steps, the last of which may hold fewer.

    Shape: (B, C, T) and a mask (B, T) -> (B, C, ceil(T / size)), and its mask.
    """
    z = functional.max_pool1d(_least(z, mask), size, ceil_mode=True)
    mask = thin(mask, size)
    return hide(z, mask), mask


def largest_around(z: Tensor, mask: Tensor | None) -> Tensor:
    """Gives at every step the greatest of it and its two neighbours.

    Shape: (B, C, T) and a mask (B, T) -> (B, C, T).
    """
    return hide(functional.max_pool1d(_least(z, mask), 3, stride=1, padding=1), mask)


def _least(z: Tensor, mask: Tensor | None) -> Tensor:
    return z if mask is None else z.masked_fill(~mask.unsqueeze(1), torch.finfo(z.dtype).min)


def mean_state(states: Tensor, mask: Tensor | None) -> Tensor:
    """Gives the mean of the real states: (B, T, D) -> (B, D)."""
    return masked_mean(states, None if mask is None else mask.unsqueeze(-1), (1,)).squeeze(1)
