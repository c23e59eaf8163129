"""Mechanisms of every contract at every place of a plan are explained, or say why they show nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful.explaining.run import explain
from heedful.models.controls import placed
from heedful.models.plan import Plan, Recurrence
from heedful.train import Recipe


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sign = rng.normal(size=403)
    stamps = pd.date_range("2024-01-01", periods=400, freq="h")
    return pd.DataFrame({"time": stamps, "load": sign[:-3] + 0.1 * rng.normal(size=400), "sign": sign[3:]})


@pytest.mark.parametrize(
    ("mechanism", "place", "speaks"),
    [
        ("se", "map_attention", {"channels"}),
        ("cbam", "map_attention", {"channels", "time"}),
        ("sk", "map_attention", set()),
        ("agru", "recurrence", {"time"}),
        ("da_rnn_input", "recurrence", {"channels"}),
        ("additive", "attention", {"time"}),
        ("multi_head", "attention", {"time"}),
        ("auto_correlation", "attention", set()),
        ("performer", "attention", set()),
        ("additive", "decoder", {"time"}),
        ("bahdanau_decoder", "decoder", {"time"}),
    ],
)
def test_a_mechanism_is_explained_or_says_why_not(table, mechanism, place, speaks):
    plan = placed(Plan(recurrence=Recurrence(kind="gru", width=8)), mechanism, place)
    made = heedful.fit(table, "load", plan=plan, window=16, horizon=2, recipe=Recipe(epochs=1, batch=64))
    found = explain(made, table, windows=20, anyway=True)
    assert {what for look in found.looks for what in look.speaks} >= speaks
    if not speaks:
        assert all(look.why for look in found.looks)
    assert all(np.isfinite(one).all() for one in found.maps.values())
    assert found.maps["occlusion"].shape == (20, 16)
    assert found.verdict[-1].startswith("Show the attention map to a customer")
