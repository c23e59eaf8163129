"""A table with everything at once: two members of unequal length, two targets, a known column, missing targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heedful.data import Member, Scaler, Series, Step, split, windows

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
