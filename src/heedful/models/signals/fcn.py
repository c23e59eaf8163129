"""An LSTM beside a fully convolutional network."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.models.signals.design import Design
from heedful.models.signals.layers import ConvBlock, thin
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.shape import SignalShape
from heedful.models.signals.wdcnn import ON_MAP

_STEPS = 64
"""Most steps that the LSTM takes: those of longer windows hold several samples each."""


class LSTMFCN(SignalNetwork):
    r"""Reads a window by three convolutions and their mean over time, and beside them by an LSTM and its last state.

        z = relu(BN(conv(z))) three times: 128 filters of 8, 256 of 5, 128 of 3
        raw = W [mean_T(z), drop_{0.8}(LSTM(x)_T)] + b

    Paper:   Karim et al., "LSTM Fully Convolutional Networks for Time Series Classification", IEEE Access 2018,
             arXiv:1709.05206v1, section III; with squeeze and excitation behind the first two convolutions,
             "Multivariate LSTM-FCNs for Time Series Classification", Neural Networks 2019, arXiv:1801.04503v2,
             section 3.
    Differs: the LSTM takes steps in time, at most 64 of equally many samples, where the papers' dimension shuffle gives
             it one step for each channel, which holds the whole series. With one channel that is a single step: no
             recurrent weight and no forget gate ever gets a gradient, and attention over it is always 1. It has 64
             units; the papers search 8, 64, 128.

    Shape:   (B, T, C) -> (B, K).
    """

    takes: ClassVar = {
        "conv1": ON_MAP,
        "conv2": ON_MAP,
        "conv3": ON_MAP,
        "lstm": ("cell", "sequence", "pooling"),
        "pool": ("pooling",),
    }

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__(shape, design, seed)
        width, layers = shape.channels, ((128, 8), (256, 5), (128, 3))
        self.convs = nn.ModuleList()
        for i, (size, kernel) in enumerate(layers):
            filters = design.sized(size, i / 4)
            self.convs.append(ConvBlock(width, filters, kernel))
            width = self.hold(f"conv{i + 1}", filters, shape.window)
        width = self.hold("pool", width, shape.window)
        self.samples = -(-shape.window // _STEPS)
        steps = -(-shape.window // self.samples)
        state = self.recur("lstm", self.samples * shape.channels, design.sized(64, 3 / 4), steps)
        self.dropout = nn.Dropout(0.8)
        self.output = nn.Linear(width + state, self.head.outputs)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the mean of the convolutions beside the state of the LSTM (B, 128 + 64)."""
        state = self._remember(z, mask)
        for i, conv in enumerate(self.convs):
            z, _ = conv(z, mask)
            z = self.look(f"conv{i + 1}", z, mask)
        return torch.cat((self.pooled("pool", z.transpose(1, 2), mask), self.dropout(state)), -1)

    def _remember(self, z: Tensor, mask: Tensor | None) -> Tensor:
        samples = self.samples
        steps = torch.unflatten(functional.pad(z, (0, -z.shape[-1] % samples)), -1, (-1, samples))
        steps, mask = steps.transpose(1, 2).flatten(2), thin(mask, samples)
        return self.pooled("lstm", self.states("lstm", steps, mask), mask, bare="last")
