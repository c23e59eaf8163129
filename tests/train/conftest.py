"""A table with everything at once: two members of unequal length, two targets, a known column, missing targets.

And recordings of three classes, two channels and unequal lengths.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from heedful.data import Member, Scaler, Series, Step, split, windows
from heedful.data.recordings import Cuts, Part, Piece, Recording, Recordings, SignalScaler, cut
from heedful.models.signals.heads import ClassHead, ValueHead

ROWS = (130, 90)
WINDOW, HORIZON, FEATURES, TARGETS, KNOWN = 6, 4, 3, 2, 1


def make_table(*, panel: bool = True, missing: bool = True) -> Series:
    rows = ROWS if panel else ROWS[:1]
    rng = np.random.default_rng(3)
    t = np.concatenate([np.arange(n) for n in rows])
    values = np.stack([np.sin(t / 5), np.cos(t / 3) * 4 + 10, t % 7], 1) + 0.1 * rng.normal(size=(len(t), 3))
    values[ROWS[0] :] *= 50
    observed = np.ones(values.shape, bool)
    if missing:
        observed[rng.integers(0, len(t), 30), rng.integers(0, 2, 30)] = False
    stops = np.cumsum(rows)
    return Series(
        name="made",
        columns=("a", "b", "when"),
        targets=("b", "a"),
        known=("when",),
        values=values,
        observed=observed,
        times=pd.DatetimeIndex(
            np.concatenate([pd.date_range("2020-01-01", periods=n, freq="h").to_numpy() for n in rows])
        ),
        step=Step(kind="fixed", frequency="h"),
        fingerprint="everything",
        members=tuple(
            Member(name=f"m{i}", start=int(b - n), stop=int(b))
            for i, (b, n) in enumerate(zip(stops, rows, strict=True))
        ),
    )


def lay(series: Series):
    parts = split(series, (0.6, 0.2, 0.2))
    return [windows(span, WINDOW, HORIZON) for span in parts], Scaler.fit(parts.train)


@pytest.fixture
def everything():
    """Train, validation and test windows of the table, and its scaler."""
    return lay(make_table())


def make_recordings(*, equal: bool = False, unknown: int = 0, number: bool = False) -> Recordings:
    """Recordings of three classes that differ in level, of unequal lengths; the first `unknown` have no label."""
    rng = np.random.default_rng(5)
    items = []
    for i in range(37):
        samples = 20 if equal else int(rng.integers(7, 21))
        values = rng.normal(size=(2, samples)) + np.array([[0.9], [-0.6]]) * (i % 3 - 1)
        items.append(
            Recording(
                name=f"r{i:02d}",
                values=values.astype(np.float32),
                label=None if number or i < unknown else "abc"[i % 3],
                target=float(i % 3) if number else None,
                channels=("left", "right"),
            )
        )
    return Recordings(items=tuple(items))


def cuts_of(recordings: Recordings, *, window: int | None = None) -> tuple[Cuts, Cuts]:
    """Two thirds of the recordings to train on, the others to validate on."""
    numbers = np.arange(len(recordings))
    pieces = [Piece(int(i), 0, len(recordings[int(i)])) for i in numbers]
    return tuple(
        cut(Part(recordings=recordings, pieces=tuple(pieces[i] for i in own), name=name), window)
        for own, name in ((numbers[numbers % 4 < 3], "train"), (numbers[numbers % 4 == 3], "validation"))
    )


class Levels(nn.Module):
    """The mean of a few numbers of each real sample, and a linear map of it; counts what it is given."""

    def __init__(self, seed: int = 0, *, classes: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.last = nn.Linear(2, 6), nn.Linear(6, classes or 1)
        self.drop = nn.Dropout(dropout)
        self.head = ClassHead(classes) if classes else ValueHead()
        self.seen: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        if self.training:
            self.seen.append((x, lengths))
        full = torch.full((len(x),), x.shape[1])
        real = torch.arange(x.shape[1]) < (full if lengths is None else lengths)[:, None]
        states = torch.tanh(self.first(x)) * real[..., None]
        return self.last(self.drop(states.sum(1) / real.sum(1, keepdim=True)))


@pytest.fixture
def signals():
    """Train and validation windows of recordings of unequal lengths, and their scaler."""
    train, validation = cuts_of(make_recordings())
    return train, validation, SignalScaler.fit(train)
