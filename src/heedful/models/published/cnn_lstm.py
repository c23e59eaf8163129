"""The CNN-LSTM family of a widely copied article on daily prices, kept as printed.

All five pool the whole window into one step before the recurrence, so there is nothing left to remember: the
LSTM starts from zero states, its recurrent weights are multiplied by zero and its forget gate by an empty
cell. These 2,624 of its 4,352 weights (16 units) never get a gradient: it is exactly zero for every input.
The article's four attentions carry the names of four papers and are none of them; the papers' own are in
`heedful.attention`, and the presets of `heedful.models` use them.

The forwards name axes from the end only, so that they also run on windows with a leading axis of seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from heedful.attention.base import check_floating
from heedful.errors import ShapeError
from heedful.models.published.article import Published


class CNNLSTM(Published):
    r"""Forecasts from a window that it first pools into a single step.

        z = \sigma(conv_1(x)),  s = dropout(max_T z),  h = tanh(BiLSTM(s)),  y = tanh(W h + b)

    Paper:   none is named; the article calls it CNN-LSTM.
    Differs: from what the name promises. The convolution has kernel 1 and sees no neighbours; the pool is as
             long as the window, so the LSTM sees one step and the order of the window changes nothing; the
             article's `num_layers` is ignored; tanh keeps the output within -1 and 1; a window of any other
             length has no meaning, and is refused here. With horizon 1 the arithmetic is the article's; a
             longer horizon widens the last layer.

    Args:
        window: T, number of steps it was built for.
        features: F, number of input variables.
        units: C, number of filters, and of LSTM units in each direction.
        horizon: P, number of values forecast.

    Shape:   (B, T, F) -> (B, P).
    Raises:  ShapeError for a window of another length or width.
    """

    arguments: ClassVar[Mapping[str, str]] = {
        "window": "window",
        "dim": "features",
        "lstm_units": "units",
        "horizon": "horizon",
    }
    ignored: ClassVar[tuple[str, ...]] = ("num_layers",)
    parameters_: ClassVar[Mapping[str, str]] = {
        "conv": "conv1d",
        "output": "cls",
        "time": "se_fc",
        "channel": "hw_fc",
        "gate": "attn",
    }

    def __init__(self, *, window: int = 5, features: int = 4, units: int = 16, horizon: int = 1) -> None:
        super().__init__()
        self.window = window
        self.features = features
        self.conv = nn.Conv1d(features, units, 1)
        self.pool = nn.MaxPool1d(window)
        self.dropout = nn.Dropout(0.01)
        self.lstm = nn.LSTM(units, units, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * units, horizon)

    def attend_map(self, z: Tensor) -> Tensor:
        """Weighs the map (B, C, T) before the pool; here not at all."""
        return z

    def attend_state(self, h: Tensor) -> Tensor:
        """Weighs the state (B, 2C) after the LSTM; here not at all."""
        return h

    def forward(self, x: Tensor) -> Tensor:
        _check_window(self, x, self.window, self.features)
        z = self.attend_map(torch.sigmoid(self.conv(x.transpose(-1, -2))))
        steps = self.dropout(self.pool(z)).transpose(-1, -2)
        states, _ = self.lstm(steps)
        h = self.attend_state(torch.tanh(states)[..., -1, :])
        return torch.tanh(self.output(h))


class CNNLSTMWithECA(CNNLSTM):
    r"""Multiplies the LSTM's output by a dense gate computed from itself.

        h' = h \sigma(W h + b)

    Paper:   named after Wang et al., "ECA-Net", CVPR 2020, arXiv:1910.03151.
    Differs: in everything but the sigmoid. ECA is a small convolution across the channel means of a map, with
             k weights; this is a dense layer with 4 C^2 + 2 C, on the state after the LSTM. All that is said
             of CNNLSTM holds as well.

    Args and Shape: as CNNLSTM.
    """

    def __init__(self, *, window: int = 5, features: int = 4, units: int = 16, horizon: int = 1) -> None:
        super().__init__(window=window, features=features, units=units, horizon=horizon)
        self.gate = nn.Linear(2 * units, 2 * units)

    def attend_state(self, h: Tensor) -> Tensor:
        """Multiplies the state by the dense gate."""
        return h * torch.sigmoid(self.gate(h))


class CNNLSTMWithSE(CNNLSTM):
    r"""Weighs the steps of the map by a softmax over time before the pool.

        a = softmax_T(W mean_C(z) + b),  z' = z a

    Paper:   named after Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, arXiv:1709.01507.
    Differs: SE gates channels, by a bottleneck and a sigmoid; this weighs time, by one dense layer of window
             x window and a softmax. All that is said of CNNLSTM holds as well, save that the order of the
             window now counts.

    Args and Shape: as CNNLSTM.
    """

    def __init__(self, *, window: int = 5, features: int = 4, units: int = 16, horizon: int = 1) -> None:
        super().__init__(window=window, features=features, units=units, horizon=horizon)
        self.time = nn.Linear(window, window)

    def attend_map(self, z: Tensor) -> Tensor:
        """Weighs the steps."""
        return _weigh_time(z, self.time)


class CNNLSTMWithHW(CNNLSTM):
    r"""Weighs the channels of the map by a softmax before the pool.

        a = softmax_C(W mean_T(z) + b),  z' = z a

    Paper:   none; the article calls it height-and-width attention.
    Differs: from its name: only channels are weighed, neither height nor width, and nothing over time. All
             that is said of CNNLSTM holds as well.

    Args and Shape: as CNNLSTM.
    """

    def __init__(self, *, window: int = 5, features: int = 4, units: int = 16, horizon: int = 1) -> None:
        super().__init__(window=window, features=features, units=units, horizon=horizon)
        self.channel = nn.Linear(units, units)

    def attend_map(self, z: Tensor) -> Tensor:
        """Weighs the channels."""
        return _weigh_channels(z, self.channel)


class CNNLSTMWithCBAM(CNNLSTM):
    r"""Weighs the steps, then the channels of the map so weighed, both by a softmax, before the pool.

        z' = z softmax_T(W_1 mean_C(z) + b_1),  z'' = z' softmax_C(W_2 mean_T(z') + b_2)

    Paper:   named after Woo et al., "CBAM", ECCV 2018, arXiv:1807.06521.
    Differs: CBAM gates channels first, from mean- and max-pooled maps through a shared bottleneck, then
             places by a convolution, both with a sigmoid. All that is said of CNNLSTM holds as well, save
             that the order of the window now counts.

    Args and Shape: as CNNLSTM.
    """

    def __init__(self, *, window: int = 5, features: int = 4, units: int = 16, horizon: int = 1) -> None:
        super().__init__(window=window, features=features, units=units, horizon=horizon)
        self.time = nn.Linear(window, window)
        self.channel = nn.Linear(units, units)

    def attend_map(self, z: Tensor) -> Tensor:
        """Weighs the steps, then the channels."""
        return _weigh_channels(_weigh_time(z, self.time), self.channel)


def _weigh_time(z: Tensor, dense: nn.Linear) -> Tensor:
    weights: Tensor = dense(z.mean(-2)).softmax(-1)
    return z * weights.unsqueeze(-2)


def _weigh_channels(z: Tensor, dense: nn.Linear) -> Tensor:
    weights: Tensor = dense(z.mean(-1)).softmax(-1)
    return z * weights.unsqueeze(-1)


def _check_window(owner: nn.Module, x: Tensor, window: int, features: int) -> None:
    if x.ndim < 3 or x.shape[-2:] != (window, features):
        raise ShapeError(
            f"{type(owner).__name__} was built for windows (B, {window}, {features}), got {tuple(x.shape)}. "
            "Its layers are as long as the window: cut windows of that length, or build it anew with yours."
        )
    check_floating(owner, x, "window")
