"""Stems: what is done to a window (B, F, T), channels first, before attention and recurrence read it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from heedful.models import plan


class Stem(nn.Module):
    """Turns a window (B, F, T) into a map (B, C, T'); this one hands it on.

    `channels` is C and `steps` gives T' for T.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def steps(self, window: int) -> int:
        """Gives the number of steps that come out of a window of that many rows."""
        return window

    def forward(self, x: Tensor) -> Tensor:
        return x


class ConvolutionStem(Stem):
    r"""Convolves over time, layer after layer, with ReLU.

        z = relu(conv_k(x))

    Zeros stand before the first step, and behind the newest where a step sees later ones. With a pool, each so many
    steps give one, their maximum; the newest step always ends a pool, and the oldest may hold fewer.

    Shape:   (B, F, T) -> (B, C, ceil(T / pool)).

    >>> ConvolutionStem(4, plan.Convolution(filters=16, layers=2))(torch.zeros(2, 4, 9)).shape
    torch.Size([2, 16, 9])
    """

    def __init__(self, features: int, part: plan.Convolution) -> None:
        super().__init__(part.filters)
        self.pool = part.pool
        reach = part.kernel - 1
        before = reach if part.causal else reach // 2
        self.padding = (before, reach - before)
        widths = [features] + [part.filters] * part.layers
        self.layers = nn.ModuleList(nn.Conv1d(a, b, part.kernel) for a, b in pairwise(widths))

    def steps(self, window: int) -> int:
        """Gives the number of pools."""
        return -(-window // self.pool)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(pad(x, self.padding)))
        if self.pool == 1:
            return x
        whole: Tensor = pad(x, (-x.shape[-1] % self.pool, 0))  # zeros win no maximum behind ReLU
        return whole.reshape(*whole.shape[:-1], -1, self.pool).amax(-1)


class MultiScaleStem(Stem):
    """Convolves over time with several kernels beside each other, with ReLU.

    Shape:   (B, F, T) -> (B, C, T), C the filters of all kernels.

    >>> MultiScaleStem(4, plan.MultiScale(filters=8, kernels=(3, 5)))(torch.zeros(2, 4, 9)).shape
    torch.Size([2, 16, 9])
    """

    def __init__(self, features: int, part: plan.MultiScale) -> None:
        super().__init__(part.filters * len(part.kernels))
        self.branches = nn.ModuleList(
            ConvolutionStem(features, plan.Convolution(filters=part.filters, kernel=kernel)) for kernel in part.kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], -2)


class SegmentStem(Stem):
    """Gives each segment of the window one vector: a linear map of its rows, then ReLU.

    Where the rows fill no whole number of segments, the first row stands before them as often as is needed, so that
    the newest row always ends a segment.

    Shape:   (B, F, T) -> (B, C, ceil(T / length)).

    >>> SegmentStem(4, plan.Segments(length=6, width=16))(torch.zeros(2, 4, 20)).shape
    torch.Size([2, 16, 4])
    """

    def __init__(self, features: int, part: plan.Segments) -> None:
        super().__init__(part.width)
        self.length = part.length
        self.layer = nn.Conv1d(features, part.width, part.length, stride=part.length)

    def steps(self, window: int) -> int:
        """Gives the number of segments."""
        return -(-window // self.length)

    def forward(self, x: Tensor) -> Tensor:
        missing = -x.shape[-1] % self.length
        first = x[..., :1].expand(*x.shape[:-1], missing)
        return torch.relu(self.layer(torch.cat((first, x), -1)))


def build(part: plan.Stem, features: int) -> Stem:
    """Builds the stem that a part of a plan describes.

    >>> build(plan.Segments(length=24, width=64), features=1).channels
    64
    """
    match part:
        case plan.Convolution():
            return ConvolutionStem(features, part)
        case plan.MultiScale():
            return MultiScaleStem(features, part)
        case plan.Segments():
            return SegmentStem(features, part)
        case _:
            return Stem(features)
