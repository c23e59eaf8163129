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
