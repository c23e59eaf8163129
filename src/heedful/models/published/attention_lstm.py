"""The Attention-LSTM of a widely copied article on a sine wave, kept as printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from torch import Tensor, nn

from heedful.attention import Additive
from heedful.attention.base import check_states, observe
from heedful.models.published.article import Published


class _AttentionLSTM(Published):
    arguments: ClassVar[Mapping[str, str]] = {
        "input_dim": "features",
        "hidden_dim": "units",
        "output_dim": "horizon",
        "n_layers": "layers",
        "num_layers": "layers",
    }
    parameters_: ClassVar[Mapping[str, str]] = {
        "attention.project": "attention.attn",
        "attention.context": "attention.context",
        "output": "fc",
    }

    def __init__(self, *, features: int = 1, units: int = 64, layers: int = 2, horizon: int = 1) -> None:
        super().__init__()
        self.features = features
        self.lstm = nn.LSTM(features, units, layers, batch_first=True)
        self.attention = Additive(units)
        self.output = nn.Linear(units, horizon)

    def read(self, x: Tensor) -> Tensor:
        """Gives the states (B, T, D) of the last layer."""
        check_states(self, x, self.features, "windows")
        states: Tensor = self.lstm(x)[0]
        return states


class AttentionLSTM(_AttentionLSTM):
    r"""Forecasts from the states of an LSTM, pooled by weights over time.

        h = LSTM(x),  w = softmax_T(v . tanh(W h_t + b)),  y = U \sum_t w_t h_t + c

    Paper:   the weights are those of Yang et al., NAACL 2016, N16-1174 (the article names none).
    Differs: nothing in the arithmetic; the mechanism is `heedful.attention.Additive`. The article's training
             is at
             fault: it compares an output (N, 1) with a target (N, 1, 1), which broadcasts, so as printed the
             model learns nothing but the mean.

    Args:
        features: F, number of input variables.
        units: D, width of the LSTM and of the scores' hidden layer.
        layers: number of LSTM layers.
        horizon: P, number of values forecast.

    Shape:   (B, T, F) -> output (B, P) and weights (B, T).
    Raises:  ShapeError for windows of another rank or width.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        states = self.read(x)
        weights = cast(Tensor, self.attention.weigh(states))
        observe(self.attention, weights)
        return self.output(self.attention.pool(states, weights)), weights


class AttentionLSTMForecaster(_AttentionLSTM):
    """The same model with the same parameters, giving the forecast alone; `heedful.record` sees its weights.

    Args and Raises: as AttentionLSTM.

    Shape:   (B, T, F) -> (B, P).
    """

    def forward(self, x: Tensor) -> Tensor:
        forecast: Tensor = self.output(self.attention(self.read(x)))
        return forecast
