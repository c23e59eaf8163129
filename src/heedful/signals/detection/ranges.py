"""Precision and recall of events: an anomaly has a length, and an alarm may meet a part of it.

There is no point adjustment here: the habit of counting a whole event as found once one of its points is an alarm, and
then scoring points. With it a random score beats published networks (Kim, Choi, Choi, Lee, Yoon, "Towards a rigorous
evaluation of time-series anomaly detection", AAAI 2022, arXiv:2109.05257v2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heedful.errors import unknown
from heedful.signals.detection.events import Event

BIASES = ("flat", "front", "middle", "back")
CARDINALITIES = ("reciprocal", "one")


@dataclass(frozen=True, kw_only=True)
class RangeRule:
    """What counts in an overlap of events.

    Args:
        existence: share of recall that an event gets for being met at all (alpha of the paper).
        bias: which part of an event counts most: "flat" all alike, "front", "middle" or "back".
        cardinality: what an event met in n pieces keeps: "reciprocal" 1/n, "one" everything.

    Raises: UnknownName for another bias or cardinality.
    """

    existence: float = 0.0
    bias: str = "flat"
    cardinality: str = "reciprocal"

    def __post_init__(self) -> None:
        if self.bias not in BIASES:
            raise unknown("bias", self.bias, BIASES)
        if self.cardinality not in CARDINALITIES:
            raise unknown("cardinality", self.cardinality, CARDINALITIES)


def range_recall(truth: Sequence[Event], alarms: Sequence[Event], rule: RangeRule | None = None) -> float:
    r"""Says how much of the true events was found.

        recall = mean over true events R of  a [R meets an alarm] + (1 - a) c(R) sum_P w(R, R n P)

    c is 1 for an event that meets at most one alarm, else what the rule keeps; w is the share of R that an overlap
    covers, each point weighed by the bias.

    Paper:   Tatbul, Lee, Zdonik, Alam, Gottschlich, "Precision and recall for time series", NeurIPS 2018,
             arXiv:1803.03639v3, section 4.
    Differs: nothing. By default a is 0, the bias flat and c reciprocal.

    >>> range_recall([Event(0, 4), Event(8, 10)], [Event(2, 5)])
    0.25
    """
    used = rule or RangeRule()
    return _mean([_found(one, alarms, used, used.existence) for one in truth])


def range_precision(truth: Sequence[Event], alarms: Sequence[Event], rule: RangeRule | None = None) -> float:
    """Says how much of the alarms was true: as `range_recall`, of alarms met by true events, without existence.

    >>> range_precision([Event(0, 4), Event(8, 10)], [Event(2, 5)])
    0.6666666666666666
    """
    return _mean([_found(one, truth, rule or RangeRule(), 0.0) for one in alarms])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _found(one: Event, others: Sequence[Event], rule: RangeRule, existence: float) -> float:
    met = [(max(one.start, o.start), min(one.stop, o.stop)) for o in others]
    met = [(a, b) for a, b in met if a < b]
    if not met:
        return 0.0
    weights = _bias(one.stop - one.start, rule.bias)
    covered = sum(float(weights[a - one.start : b - one.start].sum()) for a, b in met) / float(weights.sum())
    kept = 1.0 if len(met) == 1 or rule.cardinality == "one" else 1.0 / len(met)
    return existence + (1 - existence) * kept * covered


def _bias(length: int, bias: str) -> np.ndarray:
    """Weighs the points of an event (length,), as figure 2 of the paper does."""
    place: np.ndarray = np.arange(1, length + 1, dtype=float)
    if bias == "back":
        return place
    back = place[::-1]
    weights: np.ndarray = {"flat": np.ones(length), "front": back}.get(bias, np.minimum(place, back))
    return weights
