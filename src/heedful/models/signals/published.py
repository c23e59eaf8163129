"""The published classifiers of signals, exactly as printed, under the contract of the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.attention.states._queried import last_real
from heedful.errors import OptionError, ShapeError
from heedful.models import published
from heedful.models.published import WDCNN, GateChannelLSTMClassifier, LSTMChannel
from heedful.models.signals import heads
from heedful.models.signals.layers import hide
from heedful.models.signals.network import check_windows
from heedful.models.signals.places import read_layer
from heedful.models.signals.shape import SignalShape

SUMMARIES = {
    "wdcnn": "The 1-D CNN of an article on bearings as printed, a WDCNN with 'same' padding and a dense layer as long "
    "as the window; its article tests on windows of the recordings it trained on.",
    "wdcnn_eca": "The same with what its article calls ECA behind the second block, added to the map, x (1 + w), so "
    "that the gate can never suppress a channel, where ECA multiplies.",
    "lstm_channel": "Two LSTMs with what their article calls ECA between them, which is SE's bottleneck; for two "
    "classes. As printed, where every sample meets all others' gates, it cannot run.",
    "gate_channel_lstm": "An LSTM whose gates are scaled by a weight for each channel, from the mean over time, as an "
    "article describes in words; for two classes.",
}
"""The published classifiers, and what people should know before they trust them."""


class PublishedClassifier(nn.Module, ABC):
    """Gives the scores of a published classifier, whose softmax is the probability that it gives itself.

    What lies behind the length of a window changes nothing. A subclass says how the scores are come by.

    Args:
        name: a name of `SUMMARIES`.
        shape: what it reads and gives.

    Shape:   x (B, T, C) and lengths (B,) -> (B, K).
    Raises:  OptionError for a number in place of classes, or other than two where the model tells two apart.
    """

    def __init__(self, name: str, shape: SignalShape, wanted: str, *, fits: bool) -> None:
        super().__init__()
        if not fits:
            raise OptionError(
                f"'published:{name}' is published for {wanted}, got {shape.classes or 'one real number'}. Take a "
                "preset such as 'wdcnn' or 'cnn-lstm'."
            )
        self.shape = shape
        self.head = heads.build(shape)

    @abstractmethod
    def score(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the scores (B, K) from a map (B, C, T), zero where no step is real."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = check_windows(self, x, lengths, self.shape.channels)
        return self.score(hide(x.transpose(1, 2), mask), mask)


class PublishedWDCNN(PublishedClassifier):
    """Holds the article's 1-D CNN, with or without its attention; a shorter window is filled with zeros."""

    def __init__(self, name: str, shape: SignalShape) -> None:
        super().__init__(name, shape, "classes", fits=shape.classes > 0)
        kind = cast("type[WDCNN]", published.PUBLISHED[name])
        self.model = kind(window=shape.window, features=shape.channels, classes=shape.classes)

    def score(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the article's scores before its softmax."""
        window, time = self.shape.window, z.shape[-1]
        if time > window and mask is None:
            raise ShapeError(
                f"This model was built for windows of {window} samples, got {time}. Its dense layer is as long as the "
                "window: cut windows of that length, or build it anew with yours."
            )
        return self.model.score(functional.pad(z, (0, window - time)).transpose(1, 2))

    def penalty(self) -> Tensor:
        """Gives the article's L2 penalty on the weights of the convolutions."""
        return self.model.penalty()


class PublishedLSTM(PublishedClassifier):
    """Holds one of the article's LSTMs, which give one probability p, as the scores 0 and ln(p / (1 - p))."""

    def __init__(self, name: str, shape: SignalShape) -> None:
        super().__init__(name, shape, "two classes", fits=shape.classes == 2)
        kind = cast("type[LSTMChannel | GateChannelLSTMClassifier]", published.PUBLISHED[name])
        self.model = kind(features=shape.channels)

    def score(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the scores of the last real state."""
        x, model = z.transpose(1, 2), self.model
        if isinstance(model, LSTMChannel):
            weighed = model.attention(read_layer(model.first, x, mask).transpose(1, 2), mask=mask)
            states = read_layer(model.second, weighed.transpose(1, 2), mask)
        else:
            states = model.attention(x, mask=mask)
        score: Tensor = model.output(last_real(states, mask))
        return torch.cat((torch.zeros_like(score), score), -1)


def build(name: str, shape: SignalShape) -> PublishedClassifier:
    """Builds a published classifier.

    >>> build("lstm_channel", SignalShape(3, 2, 24))(torch.zeros(5, 24, 3)).shape
    torch.Size([5, 2])
    """
    return PublishedWDCNN(name, shape) if name.startswith("wdcnn") else PublishedLSTM(name, shape)


def names() -> list[str]:
    """Lists the published classifiers by the names they have here.

    >>> names()
    ['published:wdcnn', 'published:wdcnn_eca', 'published:lstm_channel', 'published:gate_channel_lstm']
    """
    return [f"published:{name}" for name in SUMMARIES]
