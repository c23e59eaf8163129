"""What the numbers of a detection say in words, and what they do not allow to say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from heedful.trial.result import Finding

if TYPE_CHECKING:
    from heedful.signals.detection.result import Detection

FEW_GROUPS = 10
"""With fewer groups behind a threshold than this, what a new group will do is hardly known."""
_DEVIATIONS = 3.0


def findings(result: Detection) -> tuple[Finding, ...]:
    """Gives the verdict first, then whether the promise on false alarms was kept, and what it rests on."""
    first = _known(result) if result.true_events else _unknown(result)
    said = [first, _promise(result), _behind(result)]
    return tuple(one for one in said if one is not None)


def _known(result: Detection) -> Finding:
    """Says how many of the known events were met, and whether a baseline does as well."""
    best, summary = result.best, result.summary
    own = result.measured(best)
    met = round(own["event_recall"] * len(result.true_events))
    name = "composite_f1"
    rivals = summary.loc[[t.model for t in result.tracks if t.seed is None], name].dropna()
    false = f"{int(own['false_events']):,} false ones"
    text = f"{best.model} met {met:,} of {len(result.true_events):,} events, with {false}: composite F1 {own[name]:.2f}"
    if rivals.empty:
        return Finding(text=f"{text}.")
    rival, value = str(rivals.idxmax()), float(rivals.max())
    if float(summary[name][best.model]) > value:
        return Finding(text=f"{text}, where the best baseline, {rival}, has {value:.2f}.", severity="good")
    return Finding(text=f"{text}. The baseline {rival} is as good or better: {value:.2f}.", severity="warning")


def _unknown(result: Detection) -> Finding:
    what = "rows" if result.kind == "table" else "windows"
    text = f"{result.best.model} found {len(result.events):,} events in {len(result.points):,} {what}"
    labels = " No label says whether they are real." if result.points.truth is None else ""
    return Finding(text=f"{text}.{labels}")


def _promise(result: Detection) -> Finding | None:
    """Compares the alarms on usual points with what was promised; without labels, all alarms."""
    best, rate, truth = result.best, result.alarm_rate, result.points.truth
    usual = best.alarms if truth is None else best.alarms[~truth]
    if not len(usual):
        return None
    share = float(usual.mean())
    room = _DEVIATIONS * math.sqrt(rate * (1 - rate) * (1 / len(usual) + 1 / best.threshold.windows))
    what = "rows" if result.kind == "table" else "windows"
    if truth is None:
        text = f"{share:.2%} of the tested {what} are alarms, where at most {rate:.2%} of usual ones were promised"
        if share <= rate + room:
            return Finding(text=f"{text}: no more than chance gives.")
        return Finding(text=f"{text}: there are anomalies, or what is usual has changed since training.")
    text = f"{share:.2%} of the usual {what} are false alarms, at most {rate:.2%} were promised"
    if share <= rate + room:
        return Finding(text=f"{text}: kept, as far as chance allows.", severity="good")
    why = (
        "other machines or recordings are not like those that set the threshold"
        if result.kind == "recordings"
        else "the usual has changed since calibration"
    )
    return Finding(text=f"{text}: NOT kept, since {why}.", severity="warning")


def _behind(result: Detection) -> Finding | None:
    """Says on how many groups the thresholds rest."""
    if result.kind == "table" or not 0 < result.groups < FEW_GROUPS:
        return None
    return Finding(
        text=f"Thresholds rest on {result.groups:,} recordings or groups of the usual class: the promise is one for "
        "more of the same, and for a new machine as far as it is like them.",
        severity="warning" if result.groups < 3 else "plain",
    )
