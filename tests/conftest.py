"""Fixtures that every room's tests may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heedful.data import Series, Step

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data kept beside the project; tests that need it are skipped where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("real data are not kept beside this checkout (../shared/data)")
    return folder


def make_series(
    values: np.ndarray,
    *,
    observed: np.ndarray | None = None,
    target: str = "y",
    step: str = "h",
    name: str = "made",
) -> Series:
    """A series of the given numbers; the last column is the target."""
    values = np.asarray(values)
    values = values[:, None] if values.ndim == 1 else values
    columns = (*(f"x{j}" for j in range(values.shape[1] - 1)), target)
    return Series(
        name=name,
        columns=columns,
        target=target,
        values=np.ascontiguousarray(values),
        observed=np.ones(values.shape, dtype=bool) if observed is None else observed,
        times=pd.date_range("2020-01-01", periods=len(values), freq=step),
        step=Step(kind="fixed", frequency=step),
        fingerprint="made",
    )


@pytest.fixture(name="make_series")
def _make_series() -> Callable[..., Series]:
    return make_series


@pytest.fixture
def wave() -> Series:
    """A noisy daily wave with a second column: 400 hourly rows."""
    t = np.arange(400)
    noise = np.random.default_rng(7).normal(size=(400, 2))
    y = 10 + 3 * np.sin(2 * np.pi * t / 24) + 0.3 * noise[:, 0]
    return make_series(np.stack([np.cos(2 * np.pi * t / 24) + 0.1 * noise[:, 1], y], axis=1))


@pytest.fixture(scope="session")
def shops() -> pd.DataFrame:
    """Three shops of unequal length and very different levels; the third is too short for a window."""
    parts = []
    for name, rows, level in (("north", 160, 10.0), ("south", 90, 1000.0), ("new", 5, 100.0)):
        t = np.arange(rows)
        noise = np.random.default_rng(rows).normal(size=rows)
        parts.append(
            pd.DataFrame(
                {
                    "shop": name,
                    "day": pd.date_range(end="2023-06-30", periods=rows, freq="D"),
                    "sales": level * (1 + 0.3 * np.sin(t / 7 * 2 * np.pi) + 0.02 * noise),
                }
            )
        )
    return pd.concat(parts).sample(frac=1, random_state=0).reset_index(drop=True)


@pytest.fixture(scope="session")
def wave_frame() -> pd.DataFrame:
    """A noisy daily wave in 240 hourly rows of a table."""
    t = np.arange(240)
    noise = np.random.default_rng(0).normal(size=240)
    when = pd.date_range("2024-01-01", periods=240, freq="h")
    return pd.DataFrame({"when": when, "load": 50 + 10 * np.sin(t / 24 * 2 * np.pi) + noise})
