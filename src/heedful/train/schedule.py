"""How far the learning rate and the weights' average have come at a step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from heedful.train.recipe import Recipe

_PATIENCE = 2  # epochs without a better loss before "plateau" halves the rate


def rate(recipe: Recipe, step: int, steps: int, losses: Sequence[float] = ()) -> float:
    """Gives the learning rate of a step.

    Args:
        step: number of steps made so far.
        steps: steps that are planned: epochs times batches.
        losses: watched losses so far, for "plateau".

    >>> slow = Recipe(learning_rate=1.0, warmup=0.2)
    >>> [round(rate(slow, step, 10), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    warm = round(recipe.warmup * steps)
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    if recipe.schedule == "cosine":
        return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
    if recipe.schedule == "plateau":
        return recipe.learning_rate * 0.5 ** halvings(losses)
    return recipe.learning_rate


def halvings(losses: Sequence[float]) -> int:
    """Counts how often two epochs went by without a better loss.

    >>> halvings([3.0, 2.0, 2.5, 2.4, 2.3, 2.2, 1.0, 1.1])
    2
    """
    best, waited, count = math.inf, 0, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
        if waited == _PATIENCE:
            waited, count = 0, count + 1
    return count


class Average:
    """Keeps a running mean of weights: m = d m + (1 - d) w, where d grows to `decay` over the first steps.

    d = min(decay, (1 + n) / (10 + n)) at step n, so that the first weights are soon forgotten.
    """

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self.weights, self.decay = weights, decay
        self.means = [w.detach().clone() for w in weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights after step number `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, weight in zip(self.means, self.weights, strict=True):
            mean.lerp_(weight, 1 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Puts the means in the weights' place, and the weights back at the end."""
        raw = [w.detach().clone() for w in self.weights]
        self._write(self.means)
        try:
            yield
        finally:
            self._write(raw)

    @torch.no_grad()
    def _write(self, values: Sequence[Tensor]) -> None:
        # Copied, not swapped: a recurrence on a GPU wants its weights to stay where they are.
        for weight, value in zip(self.weights, values, strict=True):
            weight.copy_(value)
