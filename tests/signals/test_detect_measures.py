"""Events, range-wise precision and recall against the paper's formulas in plain loops, and what is counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.errors import UnknownName
from heedful.signals.detection.events import Event, Points, events
from heedful.signals.detection.measures import measure, measures_of
from heedful.signals.detection.ranges import BIASES, CARDINALITIES, RangeRule, range_precision, range_recall


def delta(bias: str, i: int, length: int) -> int:
    """Figure 2 of Tatbul et al. (2018): the weight of point i, counted from 1."""
    if bias == "flat":
        return 1
    if bias == "front":
        return length - i + 1
    if bias == "back":
        return i
    return i if i <= length / 2 else length - i + 1


def omega(one: Event, overlap: tuple[int, int] | None, bias: str) -> float:
    mine, most = 0, 0
    for i in range(1, one.stop - one.start + 1):
        weight = delta(bias, i, one.stop - one.start)
        most += weight
        if overlap is not None and overlap[0] <= one.start + i - 1 < overlap[1]:
            mine += weight
    return mine / most


def reference(ones, others, alpha, bias, cardinality):
    """Equations 3 to 8 in loops."""
    total = 0.0
    for one in ones:
        overlaps = []
        for other in others:
            low, high = max(one.start, other.start), min(one.stop, other.stop)
            if low < high:
                overlaps.append((low, high))
        existence = 1 if overlaps else 0
        factor = 1.0 if len(overlaps) <= 1 or cardinality == "one" else 1.0 / len(overlaps)
        reward = factor * sum(omega(one, overlap, bias) for overlap in overlaps)
        total += alpha * existence + (1 - alpha) * reward
    return total / len(ones) if ones else math.nan


flags = st.lists(st.booleans(), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    truth=flags, said=flags, bias=st.sampled_from(BIASES), cardinality=st.sampled_from(CARDINALITIES),
    alpha=st.sampled_from([0.0, 0.3, 1.0]),
)  # fmt: skip
def test_range_scores_are_those_of_the_paper(truth, said, bias, cardinality, alpha):
    true = events(np.array(truth), np.zeros(len(truth), int))
    alarms = events(np.array(said), np.zeros(len(said), int))
    rule = RangeRule(existence=alpha, bias=bias, cardinality=cardinality)
    expected = reference(true, alarms, alpha, bias, cardinality), reference(alarms, true, 0.0, bias, cardinality)
    np.testing.assert_allclose(
        (range_recall(true, alarms, rule), range_precision(true, alarms, rule)), expected, rtol=1e-12
    )


@settings(max_examples=80, deadline=None)
@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_range_scores_of_single_points_are_the_classical_ones(pairs):
    truth, said = np.array(pairs).T
    place = np.arange(len(truth))
    true = [Event(int(i), int(i) + 1) for i in place[truth]]
    alarms = [Event(int(i), int(i) + 1) for i in place[said]]
    both = (truth & said).sum()
    expected = (both / said.sum() if said.any() else np.nan, both / truth.sum() if truth.any() else np.nan)
    np.testing.assert_allclose((range_precision(true, alarms), range_recall(true, alarms)), expected)


def test_unknown_words_of_a_rule_are_answered():
    with pytest.raises(UnknownName, match="flat"):
        RangeRule(bias="flt")
    with pytest.raises(UnknownName, match="reciprocal"):
        RangeRule(cardinality="both")


def test_no_event_crosses_from_one_recording_to_the_next():
    source = np.array([0, 0, 0, 1, 1, 1])
    said = events(np.ones(6, bool), source)
    assert said == (Event(0, 3), Event(3, 6))
    assert events(np.array([1, 0, 0, 1, 0, 1], bool), source, merge=2) == (Event(0, 1), Event(3, 6))


def points(truth: list[int] | None, source: list[int] | None = None, a_day: float | None = None) -> Points:
    size = len(truth or source or [])
    place = np.arange(size)
    return Points(
        names=("a", "b"),
        source=np.zeros(size, int) if source is None else np.array(source),
        start=place,
        stop=place + 1,
        when=place,
        ends=place + 1,
        unit="sample",
        truth=None if truth is None else np.array(truth, bool),
        a_day=a_day,
    )


def test_points_and_events_are_counted_apart_and_nothing_is_adjusted():
    truth = [0, 0, 1, 1, 1, 1, 0, 0, 0, 1]
    said = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0], bool)
    found = measure(points(truth, a_day=5.0), said.astype(float), said)
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["recall"] == pytest.approx(1 / 5)  # with point adjustment it would be 4/5
    assert found["event_recall"] == 0.5
    assert found["composite_f1"] == pytest.approx(2 * (1 / 3) * 0.5 / (1 / 3 + 0.5))
    assert found["false_alarm_rate"] == pytest.approx(2 / 5)
    assert found["false_events"] == 2
    assert found["false_a_day"] == pytest.approx(2 / (5 / 5.0))
    assert found["range_recall"] == pytest.approx((0.25 + 0) / 2)
    assert found["range_precision"] == pytest.approx(1 / 3)


def test_without_labels_only_alarms_are_counted():
    made = points(None, [0] * 10, a_day=20.0)
    found = measure(made, np.arange(10.0), np.arange(10) > 7)
    assert found == {"alarm_share": 0.2, "events": 1.0, "events_a_day": 2.0, "events_a_thousand": 100.0}
    assert set(measures_of(made)) == set(found)
    assert set(measures_of(points([0, 1]))) <= set(measure(points([0, 1]), np.arange(2.0), np.array([False, True])))


def test_points_without_a_score_are_left_out_where_scores_rank():
    scores = np.array([0.0, np.nan, 2.0, 3.0])
    found = measure(points([0, 1, 0, 1]), scores, scores > 2.5)
    assert found["auroc"] == 1.0
    assert found["recall"] == 0.5


def test_a_score_that_ranks_wrongly_is_below_chance():
    truth = [0] * 5 + [1] * 5
    assert measure(points(truth), -np.arange(10.0), np.zeros(10, bool))["auroc"] == 0.0
    assert np.isnan(measure(points([0, 0]), np.arange(2.0), np.zeros(2, bool))["auroc"])
