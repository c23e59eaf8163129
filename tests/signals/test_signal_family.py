"""Arms of a trial on recordings."""

from __future__ import annotations

import pytest

from heedful.errors import OptionError, UnknownName
from heedful.models.signals import SignalShape
from heedful.signals.family import questions, sized


def test_a_gate_is_asked_against_none_a_placebo_and_a_wide_model() -> None:
    [asked] = questions("eca@block3", "wdcnn")
    assert asked.arms == ("wdcnn+eca@block3", "wdcnn", "wdcnn+eca@block3+placebo", "wdcnn+eca@block3+wide")


def test_the_mean_of_all_states_is_not_trained_twice_where_none_is_it_already() -> None:
    [asked] = questions("additive", "wdcnn")
    assert asked.none == ("wdcnn",)


def test_a_pooling_in_place_of_the_last_state_has_the_mean_as_a_second_control() -> None:
    [asked] = questions("additive@pool", "attention-bilstm")
    assert len(asked.none) == 2


def test_a_preset_with_attention_of_its_own_is_asked_against_itself_without() -> None:
    [asked] = questions("se", "mlstm-fcn")
    assert asked.none == ("mlstm-fcn+none",)


def test_all_are_those_that_a_backbone_has_a_place_for() -> None:
    names = {asked.attention for asked in questions("all", "spectrogram-cnn")}
    assert "cbam" in names
    assert "multi_head" not in names


def test_an_attention_of_no_parameters_leaves_nothing_to_widen() -> None:
    [asked] = sized(questions("simam", "wdcnn"), SignalShape(1, 3, 128))
    assert asked.wide == "wdcnn"


def test_what_looks_at_nothing_or_is_unknown_is_refused() -> None:
    with pytest.raises(OptionError, match="looks at nothing"):
        questions("mean", "wdcnn")
    with pytest.raises(UnknownName, match="wdcnn"):
        questions("eca", "wdcn")
    with pytest.raises(OptionError, match="at least one"):
        questions("", "wdcnn")
