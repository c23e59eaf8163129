from __future__ import annotations

import pytest

from heedful.errors import OptionError, UnknownName
from heedful.models import Shape
from heedful.trial.family import questions, sized


def test_an_attention_is_asked_against_none_placebo_and_wide():
    [asked] = questions("eca", "cnn-lstm")
    assert asked.none == ("cnn-lstm",)
    assert (asked.placebo, asked.wide) == ("cnn-lstm+eca+placebo", "cnn-lstm+eca+wide")


def test_a_pooling_has_to_beat_the_last_state_and_the_mean():
    [asked] = questions("additive", "attention-gru")
    assert asked.none == ("attention-gru+none", "attention-gru+mean")


def test_attentions_share_the_controls_that_are_the_same():
    first, second = questions("additive,dot", "cnn-lstm")
    assert first.none == second.none == ("cnn-lstm", "cnn-lstm+mean")


def test_all_asks_every_attention_that_has_a_place_and_looks_at_something():
    asked = {question.attention for question in questions("all", "cnn-lstm")}
    assert len(asked) > 90
    assert not asked & {"last", "max", "mean", "aff"}


def test_a_mechanism_without_a_placebo_says_why():
    [asked] = questions("frequency_enhanced", "cnn-lstm")
    assert asked.placebo is None
    assert "learned filter" in asked.reason


def test_an_attention_without_parameters_shares_its_wide_control_with_none():
    eca, se = sized(questions("eca,se", "cnn-lstm"), Shape(24, 2, 4))
    assert eca.nothing_to_widen
    assert eca.arms == ("cnn-lstm+eca", "cnn-lstm", "cnn-lstm+eca+placebo")
    assert not se.nothing_to_widen
    assert se.wide == "cnn-lstm+se+wide"


def test_a_wide_control_that_cannot_be_as_large_says_by_how_much_it_misses(monkeypatch):
    monkeypatch.setattr("heedful.models.wide.TOLERANCE", 1e-9)
    [asked] = sized(questions("se", "cnn-lstm"), Shape(24, 2, 4))
    assert "the nearest that whole units give" in asked.size


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(OptionError, match="looks at nothing"):
        questions("mean", "cnn-lstm")
    with pytest.raises(UnknownName, match="eca"):
        questions("ecaa", "cnn-lstm")
    with pytest.raises(OptionError, match="at least one attention"):
        questions("", "cnn-lstm")
