"""What a detector is worth: by points, by events, and by how often it cries wolf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn import metrics

from heedful.signals.detection.events import Points, events
from heedful.signals.detection.ranges import RangeRule, range_precision, range_recall


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number that says what a detector is worth, with its heading."""

    name: str
    heading: str
    larger_is_better: bool | None


LABELLED = (
    Measure(name="composite_f1", heading="composite F1", larger_is_better=True),
    Measure(name="range_f1", heading="range F1", larger_is_better=True),
    Measure(name="range_precision", heading="range precision", larger_is_better=True),
    Measure(name="range_recall", heading="range recall", larger_is_better=True),
    Measure(name="event_recall", heading="event recall", larger_is_better=True),
    Measure(name="precision", heading="precision", larger_is_better=True),
    Measure(name="recall", heading="recall", larger_is_better=True),
    Measure(name="f1", heading="F1", larger_is_better=True),
    Measure(name="auroc", heading="AUROC", larger_is_better=True),
    Measure(name="auprc", heading="AUPRC", larger_is_better=True),
    Measure(name="false_alarm_rate", heading="false alarm rate", larger_is_better=False),
    Measure(name="false_events", heading="false events", larger_is_better=False),
)
PLAIN = (
    Measure(name="alarm_share", heading="share of alarms", larger_is_better=None),
    Measure(name="events", heading="events", larger_is_better=None),
    Measure(name="events_a_day", heading="events a day", larger_is_better=None),
    Measure(name="events_a_thousand", heading="events in 1,000", larger_is_better=None),
)
PER_DAY = Measure(name="false_a_day", heading="false events a day", larger_is_better=False)
PER_THOUSAND = Measure(name="false_a_thousand", heading="false events in 1,000", larger_is_better=False)


def measures_of(points: Points) -> Mapping[str, Measure]:
    """Gives the measures by name: those that need labels where there are some, the first of them ranks."""
    if points.truth is None:
        return {one.name: one for one in PLAIN if one.name != "events_a_day" or points.a_day}
    return {one.name: one for one in (*LABELLED, PER_DAY if points.a_day else PER_THOUSAND)}


def measure(
    points: Points, scores: np.ndarray, alarms: np.ndarray, *, merge: int = 0, rule: RangeRule | None = None
) -> dict[str, float]:
    """Measures the alarms of one detector; a point without a score is no alarm, and is left out where scores rank.

    Args:
        scores: of the points (n,), larger is stranger.
        alarms: which of them are alarms (n,).
        merge: events with at most so many points between them are one.
        rule: how events are compared.

    Returns: of points without labels the share of alarms and the number of events; with labels precision, recall and
        F1 of points, of ranges (Tatbul et al. 2018), the share of events met and its F1 with the precision of points
        (composite: Garg et al., "An evaluation of anomaly detection and diagnosis in multivariate time series", 2021,
        arXiv:2109.11428), AUROC and AUPRC of the scores, and false alarms; NaN where there is nothing to count.

    >>> from heedful.signals.detection.events import Points
    >>> place = np.arange(4)
    >>> points = Points(names=("a",), source=np.zeros(4, int), start=place, stop=place + 1, when=place, ends=place + 1,
    ...     unit="sample", truth=np.array([0, 1, 1, 0], bool))
    >>> found = measure(points, np.array([0.0, 2, 3, 4]), np.array([0, 1, 1, 1], bool))
    >>> found["recall"], found["event_recall"], found["false_alarm_rate"], found["false_events"]
    (1.0, 1.0, 0.5, 0.0)
    """
    said = events(alarms, points.source, merge=merge)
    days = len(points) / points.a_day if points.a_day else float("nan")
    if points.truth is None:
        return {
            "alarm_share": float(alarms.mean()),
            "events": float(len(said)),
            "events_a_day": len(said) / days,
            "events_a_thousand": 1000 * len(said) / len(points),
        }
    truth = points.truth
    true = events(truth, points.source)
    met = [any(one.start < o.stop and o.start < one.stop for o in said) for one in true]
    wrong = sum(not truth[one.start : one.stop].any() for one in said)
    precision, recall = _share(truth[alarms]), _share(alarms[truth])
    found = {
        "precision": precision,
        "recall": recall,
        "f1": _harmonic(precision, recall),
        "range_precision": range_precision(true, said, rule),
        "range_recall": range_recall(true, said, rule),
        "event_recall": _share(np.array(met, bool)),
        "false_alarm_rate": _share(alarms[~truth]),
        "false_events": float(wrong),
        "false_a_day": wrong / (int((~truth).sum()) / points.a_day)
        if points.a_day and not truth.all()
        else float("nan"),
        "false_a_thousand": 1000 * wrong / int((~truth).sum()) if not truth.all() else float("nan"),
    }
    found["range_f1"] = _harmonic(found["range_precision"], found["range_recall"])
    found["composite_f1"] = _harmonic(precision, found["event_recall"])
    return found | _ranked(truth, scores)


def _ranked(truth: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Gives how well the scores alone tell the points apart, whatever the threshold."""
    known = np.isfinite(scores)
    truth, scores = truth[known], scores[known]
    if not truth.any() or truth.all():
        return {"auroc": float("nan"), "auprc": float("nan")}
    return {
        "auroc": float(metrics.roc_auc_score(truth, scores)),
        "auprc": float(metrics.average_precision_score(truth, scores)),
    }


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else float("nan")


def _harmonic(precision: float, recall: float) -> float:
    """Gives the harmonic mean; 0 if nothing was found, NaN if there was nothing to find."""
    if recall != recall:
        return float("nan")
    if precision != precision or precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)
