"""Heads: what the numbers that a model gives for each value mean, how they are scored, and what they forecast."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import softplus

from heedful.errors import OptionError
from heedful.models import plan

_LEAST_SCALE = 1e-4
_NORMAL = math.log(2 * math.pi) / 2


class Head(ABC):
    """Reads what a model gives for each value: `raw` with an axis of `outputs` numbers behind those of y.

    The loss is elementwise: where y is not observed the caller puts any finite number and leaves its loss out. (A NaN
    there would make the gradient NaN even where its loss is left out.)

    Shape:  y (B, P) or (B, P, M); raw (B, P, Q) or (B, P, M, Q), without the last axis for `PointHead`.
    """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Q, how many numbers the model gives for each value."""

    @abstractmethod
    def loss(self, raw: Tensor, y: Tensor) -> Tensor | None:
        """Gives the loss of every value, like y; None where any loss of a point forecast will do."""

    @abstractmethod
    def point(self, raw: Tensor) -> Tensor:
        """Gives one forecast for every value, like y."""

    @abstractmethod
    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Gives the forecast at every level (levels, *y), rising with the level.

        Raises: OptionError for levels that cannot be given.
        """

    @abstractmethod
    def shift(self, raw: Tensor, offset: Tensor, factor: Tensor | None = None) -> Tensor:
        """Moves the forecast distribution of v to that of factor * v + offset.

        Shape: offset and factor (above zero) broadcast to y.
        """


@dataclass(frozen=True)
class PointHead(Head):
    """Takes the one number that a model gives for a value as its forecast.

    >>> PointHead().point(torch.tensor([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """

    @property
    def outputs(self) -> int:
        """Q = 1."""
        return 1

    def loss(self, raw: Tensor, y: Tensor) -> None:
        """Gives None: any loss of a point forecast will do."""

    def point(self, raw: Tensor) -> Tensor:
        """Gives the forecast."""
        return raw

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:  # noqa: ARG002
        """Refuses: one number says nothing about its spread."""
        raise OptionError(
            f"A point head has no quantiles, asked for {_listed(levels)}. Build the model with a head of quantiles, a "
            "Gaussian or a Student t head, or calibrate its point forecasts on the validation part."
        )

    def shift(self, raw: Tensor, offset: Tensor, factor: Tensor | None = None) -> Tensor:
        """Moves the forecast."""
        return _move(raw, offset, factor)


@dataclass(frozen=True)
class QuantileHead(Head):
    r"""Takes the numbers as quantiles at fixed levels, scored by the pinball loss.

        loss = mean_q max(q (y - f_q), (q - 1) (y - f_q))

    Quantiles may cross in training and are sorted when they are read. Sorting never makes the pinball loss worse
    (Chernozhukov et al., "Quantile and Probability Curves Without Crossing", Econometrica 2010), and unlike sums of
    positive steps it leaves every quantile free to start from the linear skip and to move on its own. The point
    forecast is the median; levels in between are interpolated, levels outside refused.

    Args:
        levels: probabilities between 0 and 1, rising, with the median among or between them.

    Shape:   raw (*y, levels).
    Raises:  OptionError for other levels.

    >>> QuantileHead((0.1, 0.5, 0.9)).quantiles(torch.tensor([[[1.0, 3.0, 2.0]]]), [0.3]).tolist()
    [[[1.5]]]
    """

    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        levels = self.levels
        rising = all(a < b for a, b in pairwise(levels))
        if not levels or not rising or not 0 < levels[0] <= 0.5 <= levels[-1] < 1:
            raise OptionError(
                "A quantile head needs rising levels between 0 and 1 that reach the median from both sides, got "
                f"{_listed(levels)}. Give levels such as 0.1, 0.5, 0.9."
            )

    @property
    def outputs(self) -> int:
        """Q, the number of levels."""
        return len(self.levels)

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Gives the pinball loss of every value, the mean over the levels."""
        raw = _exact(raw)
        missed = y.unsqueeze(-1) - raw
        levels = raw.new_tensor(self.levels)
        return torch.maximum(levels * missed, (levels - 1) * missed).mean(-1)

    def point(self, raw: Tensor) -> Tensor:
        """Gives the median."""
        return self.quantiles(raw, (0.5,))[0]

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Gives the quantiles, sorted and interpolated between the head's own levels."""
        ordered = _exact(raw).sort(-1).values
        return torch.stack([self._between(ordered, level) for level in levels])

    def shift(self, raw: Tensor, offset: Tensor, factor: Tensor | None = None) -> Tensor:
        """Moves every quantile."""
        return _move(raw, offset.unsqueeze(-1), None if factor is None else factor.unsqueeze(-1))

    def _between(self, ordered: Tensor, level: float) -> Tensor:
        known = self.levels
        # (1 - 0.8) / 2 is a little below 0.1.
        if not known[0] - 1e-9 <= level <= known[-1] + 1e-9:
            raise OptionError(
                f"This quantile head knows levels from {known[0]:g} to {known[-1]:g}, asked for {level:g}. Ask within "
                "them, or build the model with wider levels."
            )
        above = next((i for i, k in enumerate(known) if k >= level), len(known) - 1)
        below = max(above - 1, 0)
        share = 1.0 if above == below else min((level - known[below]) / (known[above] - known[below]), 1.0)
        return torch.lerp(ordered[..., below], ordered[..., above], share)


@dataclass(frozen=True)
class GaussianHead(Head):
    r"""Takes the numbers as location and scale of a normal distribution.

        m = raw_1,  s = softplus(raw_2) + 0.0001
        loss = ((y - m) / s)^2 / 2 + ln s + ln(2 \pi) / 2

    Shape:   raw (*y, 2).

    >>> head = GaussianHead()
    >>> head.quantiles(torch.zeros(1, 1, 2), [0.5]).tolist()
    [[[0.0]]]
    """

    @property
    def outputs(self) -> int:
        """Q = 2."""
        return 2

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Gives the negative logarithm of the density at y."""
        location, scale = _location_and_scale(raw)
        return ((y - location) / scale).square() / 2 + scale.log() + _NORMAL

    def point(self, raw: Tensor) -> Tensor:
        """Gives the location, mean and median in one."""
        return raw[..., 0]

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Gives the quantiles of the normal distribution."""
        location, scale = _location_and_scale(raw)
        at = torch.special.ndtri(torch.tensor(_probabilities(levels), dtype=torch.float64)).to(location)
        return location + scale * _before(at, location)

    def shift(self, raw: Tensor, offset: Tensor, factor: Tensor | None = None) -> Tensor:
        """Moves the location and multiplies the scale."""
        return _move_distribution(raw, offset, factor)


@dataclass(frozen=True)
class StudentTHead(Head):
    r"""Takes the numbers as location, scale and degrees of freedom of a Student t distribution.

        m = raw_1,  s = softplus(raw_2) + 0.0001,  v = 2 + softplus(raw_3),  z = (y - m) / s
        loss = (v + 1) / 2 ln(1 + z^2 / v) + ln s + ln(v \pi) / 2 + ln G(v / 2) - ln G((v + 1) / 2)

    Above two degrees of freedom the variance is finite. Quantiles are computed by scipy, on the processor.

    Shape:   raw (*y, 3).

    >>> head = StudentTHead()
    >>> head.quantiles(torch.zeros(1, 1, 3), [0.5]).tolist()
    [[[0.0]]]
    """

    @property
    def outputs(self) -> int:
        """Q = 3."""
        return 3

    def loss(self, raw: Tensor, y: Tensor) -> Tensor:
        """Gives the negative logarithm of the density at y."""
        location, scale = _location_and_scale(raw)
        freedom = self._freedom(raw)
        z = (y - location) / scale
        tail = (freedom + 1) / 2 * torch.log1p(z.square() / freedom)
        shape = torch.lgamma(freedom / 2) - torch.lgamma((freedom + 1) / 2) + (freedom * math.pi).log() / 2
        return tail + scale.log() + shape

    def point(self, raw: Tensor) -> Tensor:
        """Gives the location, mean and median in one."""
        return raw[..., 0]

    def quantiles(self, raw: Tensor, levels: Sequence[float]) -> Tensor:
        """Gives the quantiles of the Student t distribution."""
        from scipy.special import stdtrit

        location, scale = _location_and_scale(raw)
        freedom = self._freedom(raw).detach().cpu().double().numpy()
        at = torch.stack([torch.from_numpy(stdtrit(freedom, p)) for p in _probabilities(levels)])
        return location + scale * at.to(location)

    def shift(self, raw: Tensor, offset: Tensor, factor: Tensor | None = None) -> Tensor:
        """Moves the location and multiplies the scale; the degrees of freedom stay."""
        return _move_distribution(raw, offset, factor)

    @staticmethod
    def _freedom(raw: Tensor) -> Tensor:
        return 2 + softplus(_exact(raw[..., 2]))


def build(part: plan.Head) -> Head:
    """Builds the head that a part of a plan describes.

    Raises: OptionError for levels that are no quantiles.

    >>> build(plan.Quantiles(levels=(0.1, 0.5, 0.9))).outputs
    3
    """
    match part:
        case plan.Quantiles():
            return QuantileHead(part.levels)
        case plan.Gaussian():
            return GaussianHead()
        case plan.StudentT():
            return StudentTHead()
        case _:
            return PointHead()


def _location_and_scale(raw: Tensor) -> tuple[Tensor, Tensor]:
    raw = _exact(raw)
    return raw[..., 0], softplus(raw[..., 1]) + _LEAST_SCALE


def _move(raw: Tensor, offset: Tensor, factor: Tensor | None) -> Tensor:
    return raw + offset if factor is None else raw * factor + offset


def _move_distribution(raw: Tensor, offset: Tensor, factor: Tensor | None) -> Tensor:
    location = _move(raw[..., 0], offset, factor)
    if factor is None:
        return torch.cat((location.unsqueeze(-1), raw[..., 1:]), -1)
    positive = (_location_and_scale(raw)[1] * factor - _LEAST_SCALE).clamp_min(_LEAST_SCALE / 100)
    # The inverse of softplus, written so that it neither overflows nor loses small scales.
    scale = positive + torch.log(-torch.expm1(-positive))
    return torch.cat((location.unsqueeze(-1), scale.unsqueeze(-1), raw[..., 2:]), -1)


def _exact(raw: Tensor) -> Tensor:
    """Gives at least single precision: logarithms of half-precision numbers are too coarse to learn from."""
    return raw.to(torch.promote_types(raw.dtype, torch.float32))


def _probabilities(levels: Sequence[float]) -> list[float]:
    if not levels or not all(0 < level < 1 for level in levels):
        raise OptionError(
            f"Quantiles need levels above 0 and below 1, got {_listed(levels)}. Give levels such as 0.1, 0.5, 0.9."
        )
    return [float(level) for level in levels]


def _before(at: Tensor, like: Tensor) -> Tensor:
    """Gives numbers (levels,) the axes of `like` behind them."""
    return at.view(-1, *[1] * like.ndim)


def _listed(levels: Sequence[float]) -> str:
    return ", ".join(f"{level:g}" for level in levels) or "none"
