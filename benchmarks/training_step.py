"""A training step of ours against a bare PyTorch loop over batches that are already gathered and scaled."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from heedful.data import Scaler, Series, Step, split, windows
from heedful.models import Shape, get
from heedful.train import Recipe, fit
from heedful.train.feed import Feed, shuffled
from heedful.train.machine import settle

ROUNDS = 15


class Recurrent(nn.Module):
    """LSTM over the window, last state, one value."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True)
        self.head = nn.Linear(units, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


def table(rows: int, features: int) -> Series:
    values = np.random.default_rng(0).normal(size=(rows, features)).cumsum(0)
    return Series(
        name="walk",
        columns=tuple(f"x{i}" for i in range(features)),
        target="x0",
        values=values,
        observed=np.ones(values.shape, dtype=bool),
        times=pd.RangeIndex(rows),
        step=Step(kind="rows", frequency=""),
        fingerprint="walk",
    )


def ratio(build, *, window: int, features: int, batch: int, rows: int, epochs: int) -> tuple[float, float]:
    parts = split(table(rows + window + 8, features), (rows + window, 4, 4))
    train, validation = windows(parts.train, window), windows(parts.validation, window)
    scaler = Scaler.fit(parts.train)
    recipe = replace(Recipe.article(), epochs=epochs, patience=epochs, batch=batch)
    feed = Feed(train, scaler, torch.device("cpu"), future=False)
    ratios = []
    for round_ in range(ROUNDS + 2):
        model = build()
        start = time.perf_counter()
        fit([model], train, validation, scaler=scaler, recipe=recipe, seeds=(0,), device="cpu")
        ours = time.perf_counter() - start
        model = build().train()
        ready = [
            (x.clone(), y.clone())
            for epoch in range(1, epochs + 1)
            for x, _, y in feed.batches(shuffled(len(train), 0, epoch), batch)
        ]
        start = time.perf_counter()
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        for x, y in ready:
            optimiser.zero_grad(set_to_none=True)
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimiser.step()
        bare = time.perf_counter() - start
        if round_ >= 2:
            ratios.append(ours / bare)
    return statistics.median(ratios), max(ratios) - min(ratios)


def main() -> list[tuple[str, float, str]]:
    settle()
    long, _ = ratio(lambda: Recurrent(7, 64), window=96, features=7, batch=64, rows=1280, epochs=1)
    shape = Shape(window=5, features=4, horizon=1)
    short, _ = ratio(lambda: get("cnn_lstm").build(shape), window=5, features=4, batch=32, rows=3200, epochs=3)
    return [
        ("training step / bare loop, window 96, 64 units, batch 64", long, "at most 1.10"),
        ("training step / bare loop, window 5, 16 units, batch 32", short, "at most 1.25"),
    ]


if __name__ == "__main__":
    for name, value, target in main():
        print(f"{name}: {value:.3f} ({target})")
