"""Other weights in place of a mechanism's own: uniform ones, permuted ones, those of another window, or their mean.

All keep what can be kept: the mass of weights that sum to one, the level of gates, and the places where none may stand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from heedful.attention.steering.steered import Change

_APART = ("batch", "head", "query", "hop", "seed", "class", "gate")
"""Axes along which weights do not choose: each head, query or gate has weights of its own."""
_LOOKED_AT = ("key", "other_channel", "other_height", "other_width", "cross", "landmark")
"""Last axes that are what the axes before them look at."""


def chosen_axes(axes: tuple[str, ...]) -> tuple[int, ...]:
    """Gives the axes along which weights choose: keys for each query, else places, channels, lags and the like.

    >>> chosen_axes(("batch", "head", "query", "key")), chosen_axes(("batch", "channel", "time"))
    ((3,), (1, 2))
    """
    if axes[-1] in _LOOKED_AT:
        return (len(axes) - 1,)
    return tuple(axis for axis, name in enumerate(axes) if name not in _APART)


def uniform(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:  # noqa: ARG001
    """Gives every place the mean of the window's weights: for n weights that sum to one 1 / n, for gates their level.

    >>> uniform("", "", torch.tensor([[0.7, 0.3, 0.0]]), ("batch", "time"), torch.tensor([[True, True, False]]))
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    over = chosen_axes(axes)
    if not over:
        return w
    if places is None:
        return w.mean(over, keepdim=True).expand_as(w)
    real = places.to(w.dtype).expand_as(w)
    mean = (w * real).sum(over, keepdim=True) / real.sum(over, keepdim=True).clamp_min(1.0)
    return mean * real


def permuted(generator: torch.Generator) -> Change:
    """Makes a change that deals each window's weights anew among its places.

    What looks at keys has each query's weights dealt on their own; elsewhere whole places, channels or lags change
    seats, so that weights that sum to one over an axis still do.

    Args:
        generator: draws the seats, on the processor.
    """

    def change(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:  # noqa: ARG001
        for axis in chosen_axes(axes):
            apart = axes[axis] in _LOOKED_AT
            shape = [n if i in (0, axis) or apart else 1 for i, n in enumerate(w.shape)]
            drawn = torch.rand(shape, generator=generator, dtype=torch.float64).to(w.device)
            real = _real(places, w, axis, apart=apart)
            count = torch.arange(w.shape[axis], device=w.device, dtype=drawn.dtype)
            seats = (count + 2).view([-1 if i == axis else 1 for i in range(w.ndim)]).expand(shape)
            # Places without weights stay where they are, behind all others.
            own = torch.where(real, seats - 2 - len(count), seats).argsort(axis)
            dealt = torch.where(real, drawn, seats).argsort(axis)
            w = torch.zeros_like(w).scatter(axis, own.expand_as(w), w.gather(axis, dealt.expand_as(w)))
        return w

    return change


def of_windows(donors: Tensor) -> Change:
    """Makes a change that gives each window of a batch the weights of another one.

    Those of a longer or shorter window are averaged over the same shares of its length.

    Args:
        donors: whose weights each window gets, by place in the batch (B,).
    """

    def change(name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:  # noqa: ARG001
        taken = w[donors]
        if places is None or places.shape[0] == 1:
            return taken
        new = taken
        for axis, wide in enumerate(places.shape[1:], 1):
            if wide == w.shape[axis]:
                own = _real(places, w, axis, apart=False)
                new = _stretched(new, own[donors], own, axis)
        return with_mass(new * places, taken * places[donors], axes)

    return change


def _stretched(w: Tensor, given: Tensor, own: Tensor, axis: int) -> Tensor:
    """Averages weights, whose real places along an axis are `given`, over the same shares for those that are `own`."""
    first = (~given).long().argsort(dim=axis, stable=True).expand_as(w)
    packed = (w * given).gather(axis, first)
    sums = torch.cat([torch.zeros_like(packed.narrow(axis, 0, 1)), packed.cumsum(axis)], axis)
    theirs, mine = (real.sum(axis, keepdim=True).clamp_min(1).to(w.dtype) for real in (given, own))
    rank = (own.cumsum(axis) - 1).clamp_min(0).to(w.dtype)

    def until(at: Tensor) -> Tensor:
        low = (at + 1e-4).floor()
        share = (at - low).clamp_min(0.0)
        low = low.long().expand_as(w)
        return sums.gather(axis, low) + share * packed.gather(axis, low.clamp_max(w.shape[axis] - 1))

    ratio = theirs / mine
    return (until((rank + 1) * ratio) - until(rank * ratio)) / ratio * own


def with_mass(new: Tensor, like: Tensor, axes: tuple[str, ...]) -> Tensor:
    """Scales weights so that they sum to one along each axis along which all those of `like` do.

    >>> with_mass(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.5, 0.5]]), ("batch", "time"))
    tensor([[0.2500, 0.7500]])
    """
    for axis in chosen_axes(axes):
        had, has = like.sum(axis, keepdim=True), new.sum(axis, keepdim=True)
        one = (((had - 1).abs() < 1e-3) | (had == 0)).all() & (has.abs() > 1e-12)
        if like.shape[axis] > 1:
            new = new * torch.where(one, 1 / torch.where(one, has, 1.0), 1.0)
    return new


def _real(places: Tensor | None, w: Tensor, axis: int, *, apart: bool) -> Tensor:
    """Says which places along an axis are real: in each row apart, or of the whole window."""
    shape = [n if i in (0, axis) or apart else 1 for i, n in enumerate(w.shape)]
    if places is None:
        return torch.ones(shape, dtype=torch.bool, device=w.device)
    if not apart:
        others = [i for i in range(1, w.ndim) if i != axis]
        places = places.amax(others, keepdim=True) if others else places
    return places.expand(shape)
