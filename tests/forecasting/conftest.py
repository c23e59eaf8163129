"""Small tables that these tests train on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def hourly() -> pd.DataFrame:
    """Two columns with a daily wave, and a plan that moves the first of them at once."""
    t, rng = np.arange(320), np.random.default_rng(0)
    plan = (rng.random(320) < 0.3).astype(float)
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=320, freq="h"),
            "load": 50 + 10 * np.sin(t / 24 * 2 * np.pi) + 20 * plan + rng.normal(size=320),
            "heat": 5 + np.cos(t / 24 * 2 * np.pi) + 0.1 * rng.normal(size=320),
            "plan": plan,
        }
    )


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
