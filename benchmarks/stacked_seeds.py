"""Ten seeds trained at once in stacked tensors against ten ordinary runs one after the other.

The first rows are the issue's target; the others show where stacking stops paying, which sets the rule that
recurrences of more than 12 steps are trained one seed at a time, in parallel processes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from heedful.models import Shape, compose
from heedful.models.plan import Convolution, Plan, Recurrence
from heedful.models.published import CNNLSTM
from heedful.train.machine import settle
from heedful.train.stack import stack

SEEDS, BATCH, FEATURES = 10, 32, 4
Build = Callable[[], nn.Module]


def stepper(model: nn.Module, x: Tensor, y: Tensor, axes: tuple[int, ...]) -> Callable[[int], None]:
    """A function that trains a model for some steps."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def run(steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad(set_to_none=True)
            (model(x) - y).square().mean(axes).sum().backward()
            optimiser.step()

    return run


def seconds(run: Callable[[int], None], steps: int) -> float:
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


def ratio(build: Build, window: int, *, steps: int = 20, rounds: int = 9) -> float:
    """Time of ten runs over time of one stacked run: the median of rounds that measure both in turn."""
    x, y = torch.randn(SEEDS, BATCH, window, FEATURES), torch.randn(SEEDS, BATCH, 1)
    models = [build() for _ in range(SEEDS)]
    together = stepper(stack(models), x, y, (-1, -2))
    alone = [stepper(model, x[i], y[i], (-1, -2)) for i, model in enumerate(models)]
    ratios = []
    for _ in range(rounds + 1):
        stacked = seconds(together, steps)
        ratios.append(sum(seconds(run, steps) for run in alone) / stacked)
    return statistics.median(ratios[1:])


def published(window: int) -> Build:
    return lambda: CNNLSTM(window=window, features=FEATURES)


def composed(units: int, window: int) -> Build:
    plan = Plan(centre="none", stem=Convolution(filters=16), recurrence=Recurrence(width=units))
    return lambda: compose(plan, Shape(window, FEATURES))


def main() -> list[tuple[str, float, str]]:
    settle()
    torch.manual_seed(0)
    name = "ten seeds one by one / stacked"
    rows = [
        (f"{name}, published CNN-LSTM, window {window}", ratio(published(window), window), target)
        for window, target in ((5, "at least 8"), (20, "-"))
    ]
    for units, windows in ((16, (5, 8, 12, 20, 32)), (64, (5, 12, 20))):
        rows += [
            (f"{name}, composed CNN-LSTM, {units} units, {w} steps", ratio(composed(units, w), w, steps=5), "-")
            for w in windows
        ]
    return rows


if __name__ == "__main__":
    for row, value, target in main():
        print(f"{row}: {value:.2f} ({target})")
