"""Recurrences behind a short stem of convolutions."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from heedful.models.signals.design import Design
from heedful.models.signals.layers import ConvBlock, largest
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.shape import SignalShape
from heedful.models.signals.wdcnn import ON_MAP, first_layer

_MANY = 32
"""Steps above which a block pools."""


class CNNLSTM(SignalNetwork):
    r"""Reads a window by two convolutions, what they give by an LSTM, and takes its last state.

        z = pool_2(relu(BN(conv(z)))) twice: 32 wide filters, then 64 of 3
        raw = W drop_{0.3}(LSTM(z)_T) + b

    The first filters are those of the network with a wide first layer; a block pools while more than 32 steps are
    left, so that the LSTM takes 32 steps for a window of 2048 samples and every sample of a short one.

    Paper:   none; it is what the words CNN-LSTM stand for in work on signals.
    Differs: nothing.

    Shape:   (B, T, C) -> (B, K).
    """

    takes: ClassVar = {"conv1": ON_MAP, "conv2": ON_MAP, "lstm": ("cell", "sequence"), "pool": ("pooling",)}
    kind: ClassVar[str] = "lstm"
    bare: ClassVar[str] = "last"

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__(shape, design, seed)
        kernel, stride = first_layer(shape.window)
        width, steps = design.sized(32), -(-shape.window // stride)
        self.convs, self.pools = nn.ModuleList([ConvBlock(shape.channels, width, kernel, stride=stride)]), []
        self.convs.append(ConvBlock(width, design.sized(64, 1 / 3), 3))
        for i, filters in enumerate((width, design.sized(64, 1 / 3))):
            self.pools.append(2 if steps > _MANY else 1)
            steps = -(-steps // self.pools[-1])
            width = self.hold(f"conv{i + 1}", filters, steps)
        width = self.recur("lstm", width, design.sized(64, 2 / 3), steps, kind=self.kind)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(self.hold("pool", width, steps), self.head.outputs)

    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the pooled state (B, D)."""
        for i, (conv, pool) in enumerate(zip(self.convs, self.pools, strict=True)):
            z, mask = conv(z, mask)
            z, mask = largest(z, mask, pool)
            z = self.look(f"conv{i + 1}", z, mask)
        states = self.states("lstm", z.transpose(1, 2), mask)
        vector: Tensor = self.dropout(self.pooled("pool", states, mask, bare=self.bare))
        return vector


class AttentionBiLSTM(CNNLSTM):
    r"""Reads a window by two convolutions, what they give by an LSTM in both directions, and pools its states.

        z = pool_2(relu(BN(conv(z)))) twice: 32 wide filters, then 64 of 3
        raw = W drop_{0.3}(pool_T(BiLSTM(z))) + b

    Without a pooling it takes the last state of each direction, which is the first step's on the way back.

    Paper:   none for the whole; the pooling is Yang et al., "Hierarchical Attention Networks for Document
             Classification", NAACL 2016, section 2.2, by default.
    Differs: nothing.

    Shape:   (B, T, C) -> (B, K).
    """

    takes: ClassVar = {"conv1": ON_MAP, "conv2": ON_MAP, "lstm": ("sequence",), "pool": ("pooling",)}
    kind: ClassVar[str] = "bilstm"
    bare: ClassVar[str] = "ends"
