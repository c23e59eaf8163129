"""Losses: element by element, masked where a target was not observed, summed seed by seed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.errors import ShapeError


def elementwise(kind: str, output: Tensor, target: Tensor) -> Tensor:
    """Gives the loss of every single value.

    Args:
        kind: "mse", "mae" or "huber" (half a square up to 1, a line of slope 1 beyond).

    >>> output, target = torch.tensor([0.5, 3.0]), torch.zeros(2)
    >>> [elementwise(kind, output, target).tolist() for kind in ("mse", "mae", "huber")]
    [[0.25, 9.0], [0.5, 3.0], [0.125, 2.5]]
    """
    if kind == "huber":
        return functional.huber_loss(output, target, reduction="none")
    error = output - target
    return error.square() if kind == "mse" else error.abs()


def totals(
    model: nn.Module, raw: Tensor, target: Tensor, *, kind: str, lanes: int = 1, complete: bool = True
) -> tuple[Tensor, Tensor]:
    """Sums the loss over all observed values, and counts them, for each seed.

    Unequal shapes are refused: (N, 1) against (N, 1, 1) would broadcast to (N, N, 1) and train to the mean.

    Args:
        model: gives its own loss if it has a `head` with one, as for a distribution or for classes.
        raw: what the model gave.
        complete: True if no target is missing, which saves the mask.

    Shape:  target (B, P) or (B, P, M), with a leading seed axis for lanes > 1; or (B,) for classes, -1 where unknown,
            and (B, K) for shares of classes. Results (lanes,).
    Raises: ShapeError.
    """
    # The target is replaced before the loss: a NaN masked afterwards would still have a NaN gradient.
    known = target if complete else target.clamp_min(0) if _coded(target) else torch.nan_to_num(target)
    error = _own_loss(model, raw, known)
    if error is None:
        _same_shape(raw, target)
        error = elementwise(kind, raw, known)
    one = target[..., 0] if _shares(model, target) else target
    _same_shape(error, one)
    if complete:
        sums = error.reshape(lanes, -1).sum(1)
        return sums, sums.new_full((lanes,), one.numel() // lanes)
    seen = one >= 0 if _coded(target) else ~torch.isnan(one)
    sums = torch.where(seen, error, 0.0).reshape(lanes, -1).sum(1)
    return sums, seen.reshape(lanes, -1).sum(1).to(sums.dtype)


def _coded(target: Tensor) -> bool:
    """Says whether targets are numbers of classes."""
    return not target.is_floating_point()


def _shares(model: nn.Module, target: Tensor) -> bool:
    """Says whether targets are shares of a model's classes, as of mixed windows: many numbers with one loss."""
    return not _coded(target) and bool(getattr(getattr(model, "head", None), "classes", 0))


def _own_loss(model: nn.Module, raw: Tensor, target: Tensor) -> Tensor | None:
    loss = getattr(getattr(model, "head", None), "loss", None)
    error: Tensor | None = loss(raw, target) if callable(loss) else None
    return error


def point(model: nn.Module, raw: Tensor) -> Tensor:
    """Gives the point forecast in what a model gave: its head's, or the output itself."""
    choose = getattr(getattr(model, "head", None), "point", None)
    chosen: Tensor = choose(raw) if callable(choose) else raw
    return chosen


def _same_shape(output: Tensor, target: Tensor) -> None:
    if output.shape != target.shape:
        raise ShapeError(
            f"The loss needs an output of the target's shape {tuple(target.shape)}, got {tuple(output.shape)}. "
            "Let the model give (windows, horizon), or (windows, horizon, targets) for several targets."
        )
