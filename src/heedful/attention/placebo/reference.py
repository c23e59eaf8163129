"""What stands in for an input: frozen numbers, drawn from a seed, or the mean of what came in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from heedful.errors import ShapeError

SHARE = 0.1
"""Share of a new batch in a moving mean, as in a batch norm."""


class Reference(nn.Module):
    """Numbers in the shape of one input, whose newest step stands in for the newest step of any other.

    The places of a shorter input get the last ones, those of a padded sample count back from its last real step.

    Args:
        value: the first numbers (R, ...), R of them for R weights.
        places: which axes are places; the axis of time stands first among them.
        moves: whether they follow the mean of the batches of training, each having seen only batches before its own.

    Shape: `like(x, mask)` (R, ...), or (R B, ...) where a mask (B, T) says which steps are real.

    >>> Reference(torch.arange(4.0).view(1, 1, 4), places=(2,)).like(torch.zeros(5, 1, 3)).tolist()
    [[[1.0, 2.0, 3.0]]]
    """

    value: Tensor

    def __init__(self, value: Tensor, *, places: tuple[int, ...] = (1,), moves: bool = False) -> None:
        super().__init__()
        self.register_buffer("value", value)
        self.places = places
        self.moves = moves

    def like(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Gives the numbers for the places that x has."""
        if mask is None:
            return self._cut(x).to(x.dtype)
        # The steps of every sample count back from its last real one.
        rows = self.value.movedim(self.places[0], 1)[:, self._steps(mask)].to(x.dtype)
        rows = rows.masked_fill(~mask.view(1, *mask.shape, *[1] * (rows.ndim - 3)), 0.0)
        return rows.flatten(0, 1).movedim(1, self.places[0])

    def follow(self, x: Tensor, mask: Tensor | None = None) -> None:
        """Moves towards the mean of x, if it moves and is in training; call it when the weights are formed."""
        if not (self.moves and self.training):
            return
        with torch.no_grad():
            if mask is None:
                self._cut(x).lerp_(x.mean(0, keepdim=True).to(self.value.dtype), SHARE)
                return
            inner = self.value.movedim(self.places[0], 1)
            at, seen = self._steps(mask)[mask], x.movedim(self.places[0], 1)[mask].to(inner.dtype)
            count = inner.new_zeros(inner.shape[1]).index_add(0, at, torch.ones_like(at, dtype=inner.dtype))
            mean = torch.zeros_like(inner[0]).index_add(0, at, seen)
            mean = mean / count.clamp_min(1.0).view(-1, *[1] * (mean.ndim - 1))
            known = count > 0
            inner[:, known] = torch.lerp(inner[:, known], mean[known].expand_as(inner[:, known]), SHARE)

    def extra_repr(self) -> str:
        """Says the shape, and whether it follows the training mean."""
        return f"{tuple(self.value.shape)}, moves={self.moves}"

    def _cut(self, x: Tensor) -> Tensor:
        value = self.value
        for axis in self.places:
            built, wanted = value.shape[axis], x.shape[axis]
            if wanted > built:
                raise ShapeError(
                    f"This placebo's reference was drawn for at most {built} places, got {wanted} in "
                    f"{tuple(x.shape)}. Build the placebo with steps={wanted}."
                )
            value = value.narrow(axis, built - wanted, wanted)
        return value

    def _steps(self, mask: Tensor) -> Tensor:
        """Gives for each step (B, T) its place in the reference."""
        time, built = mask.shape[1], self.value.shape[self.places[0]]
        last = ((torch.arange(time, device=mask.device) + 1) * mask).amax(-1)
        return (torch.arange(time, device=mask.device) + (built - last).unsqueeze(-1)).clamp(0, built - 1)


class Rows(Reference):
    """Numbers in the shape of rows that are looked up from the first on: the queries of a decoder.

    Shape: `first(count)` (1, count, D).
    """

    def first(self, count: int) -> Tensor:
        """Gives the first rows."""
        if count > self.value.shape[1]:
            raise ShapeError(
                f"This placebo has {self.value.shape[1]} frozen queries, got {count} to stand in for. Build the "
                f"placebo with queries={count}."
            )
        return self.value[:, :count]

    def follow(self, x: Tensor, mask: Tensor | None = None) -> None:  # noqa: ARG002
        """Moves towards the mean of the queries x (B, count, D), if it moves and is in training."""
        if self.moves and self.training:
            with torch.no_grad():
                self.value[:, : x.shape[1]].lerp_(x.mean(0, keepdim=True).to(self.value.dtype), SHARE)


def draw(generator: torch.Generator, *shape: int, like: Tensor | None = None) -> Tensor:
    """Draws normal numbers of variance one on the processor, then takes them to where `like` is."""
    numbers = torch.randn(shape, generator=generator)
    return numbers if like is None else numbers.to(like)


def norms(module: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Lists the batch norms of a module."""
    return [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]


@contextmanager
def steady(module: nn.Module) -> Iterator[None]:
    """Lets batch norms use the statistics they know: one reference has no spread over a batch to learn from."""
    learning = [layer for layer in norms(module) if layer.training]
    for layer in learning:
        layer.training = False
    try:
        yield
    finally:
        for layer in learning:
            layer.training = True


def acquaint(module: nn.Module, x: Tensor) -> None:
    """Gives the batch norms of a module the statistics of one pass of x, in place of zeros and ones."""
    known = norms(module)
    if not known:
        return
    training, momenta = module.training, [layer.momentum for layer in known]
    for layer in known:
        layer.momentum = 1.0
    with torch.no_grad():
        module.train()(x)
    module.train(training)
    for layer, momentum in zip(known, momenta, strict=True):
        layer.momentum = momentum
        if layer.num_batches_tracked is not None:
            layer.num_batches_tracked.zero_()


def for_batch(weights: Tensor, batch: int) -> Tensor:
    """Gives the weights of one reference to every sample."""
    return weights if weights.shape[0] == batch else weights.expand(batch, *weights.shape[1:])
