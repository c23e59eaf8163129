"""The self-test: networks of every kind learn planted evidence, and maps are asked where it stands."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from heedful.errors import OptionError
from heedful.explaining import planted as own
from heedful.explaining.planted import ENOUGH, drawn, self_test
from heedful.forecasting.training import built
from heedful.models import Shape
from heedful.models import get as forecaster
from heedful.models.compose import compose
from heedful.models.plan import Attention, Plan, Recurrence
from heedful.models.signals import SignalShape, get


def case_of(build, kind: str, window: int = 48):
    """What the self-test reads of a case."""
    return SimpleNamespace(like=build, kind=kind, model="net", subject=SimpleNamespace(window=window))


def forecasting(build):
    return lambda window, columns, horizon: built(build, Shape(window, columns, horizon), 0)


def of_signals(name: str, classes: int):
    return lambda window, channels, horizon: get(name).build(SignalShape(channels, classes, window), 0)


def checked(found: dict[str, float], kind: str) -> None:
    assert found["right"] >= ENOUGH[kind]
    assert found["occlusion by line"] > 0.8
    assert found["integrated gradients"] > 0.7


@pytest.mark.parametrize("name", ["gru+additive", "cnn-lstm+eca"])
def test_a_network_of_forecasts_learns_planted_values(name):
    plan = Plan(recurrence=Recurrence(kind="gru", width=16), attention=Attention(name="additive"))
    build = partial(compose, plan) if name.startswith("gru") else forecaster(name).build
    found = self_test(case_of(forecasting(build), "forecast"), lambda _: None)
    assert found["right"] >= ENOUGH["forecast"]
    assert found["integrated gradients"] > 0.7
    assert ("encoder.attention.mechanism" in found) == name.startswith("gru")


def test_a_network_of_recordings_learns_planted_classes_and_its_attention_finds_them():
    found = self_test(case_of(of_signals("wdcnn+additive", 2), "classes", 128), lambda _: None)
    checked(found, "classes")
    assert found["attention.pool"] > 0.7 > found["|x|"]  # the decoy is louder than the evidence


def test_a_network_of_recordings_learns_a_planted_number():
    checked(self_test(case_of(of_signals("wdcnn+additive", 0), "number", 128), lambda _: None), "number")


def test_members_of_an_ensemble_learn_each_by_itself(monkeypatch):
    net = get("inception-time-5+additive").build(SignalShape(1, 2, 32), 0)
    before = [next(member.parameters()).clone() for member in net.members]
    monkeypatch.setitem(own.RECIPES, "classes", own.Recipe(epochs=1, watch="train"))
    own._recorded(net, *(drawn("classes", 32, 32, seed) for seed in (0, 1)))
    moved = [next(member.parameters()) - start for member, start in zip(net.members, before, strict=True)]
    assert len(moved) == 5
    assert all(bool(one.abs().max() > 0) for one in moved)


def test_it_is_said_when_the_network_did_not_learn(monkeypatch):
    monkeypatch.setitem(own.LEARNED, "classes", 32)
    said = []
    found = self_test(case_of(of_signals("wdcnn+eca", 2), "classes", 32), said.append)
    assert found["right"] < ENOUGH["classes"]
    assert "did not learn it" in said[-1]


def test_windows_of_a_forecast_end_in_zeros_which_are_no_evidence():
    made = drawn("forecast", 48, 30, 0)
    assert (made.x[:, -1] == 0).all()
    assert not made.places[:, -1].any()
    assert made.places.any(1).all()
    assert np.abs(made.x[:, -2]).min() > 0


def test_a_model_that_cannot_read_such_windows_says_so():
    with pytest.raises(OptionError, match="needs a bundle"):
        self_test(case_of(None, "classes"), lambda _: None)
