"""How each attention stands over many data sets: Wilcoxon's signed ranks against its hardest control, and a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2

import numpy as np
import pandas as pd
from scipy import stats

from heedful.trial.family import Question
from heedful.trial.statistics import WinTieLoss, holm, wilcoxon_holm, win_tie_loss
from heedful.trial.statistics.contrast import ALPHA
from heedful.trial.statistics.verdict import HELPS, HURTS, UNDECIDABLE

_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, kw_only=True)
class Record(WinTieLoss):
    """Wins, ties and losses, and how many of the ties could not be decided."""

    undecided: int = 0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one attention stands over all data sets, or all series.

    Args:
        arm: the model with the attention.
        control: the control, none or placebo, that was hardest to beat.
        change: of the loss against it, in the geometric mean; negative, the attention is better.
        record: wins, ties and losses: on how many data sets the trial said that it helps, and that it hurts. Over
            series: against the hardest control, with a tie inside the margin.
        p_helps: Wilcoxon's p value of "lower than every control", Holm's correction over the attentions; None where
            there are too few data sets for any to reach 5 %, and for an attention without a placebo.
        p_hurts: that of "higher than every control without attention", likewise.
    """

    arm: str
    control: str
    change: float
    record: Record
    p_helps: float | None = None
    p_hurts: float | None = None


def needed(family: int = 1) -> int:
    """Gives how many data sets a family of attentions needs for one of them to reach 5 % at all.

    Wilcoxon's smallest two-sided p value on N data sets is 2 / 2^N; Holm multiplies it by the size of the family.

    >>> needed(1), needed(2), needed(8)
    (6, 7, 9)
    """
    return ceil(log2(2 * max(1, family) / ALPHA))


def record_of(outcomes: Sequence[str]) -> Record:
    """Counts what the trials said of an attention.

    >>> print(record_of(["helps", "no difference found", "not decidable with this test set"]))
    1/2/0
    """
    wins, lost = outcomes.count(HELPS), outcomes.count(HURTS)
    ties = len(outcomes) - wins - lost
    return Record(wins=wins, ties=ties, losses=lost, undecided=outcomes.count(UNDECIDABLE))


def logarithms(losses: pd.DataFrame) -> pd.DataFrame:
    """Gives the logarithms of losses; a loss of zero stays the best."""
    return pd.DataFrame(np.log(losses.clip(lower=_TINY)))


def standings(
    asked: Sequence[Question],
    losses: pd.DataFrame,
    *,
    records: Mapping[str, Record] | None = None,
    tie: float = 0.0,
    tested: bool = True,
) -> tuple[Standing, ...]:
    """Judges the family over all rows of a table of losses, the best change first.

    To be better over data sets is to be better than every control, to be worse than every one without attention: the
    p value is the largest of theirs. Questions that are not finished count in Holm's correction.

    Args:
        losses: a row for each data set, a column for each model.
        records: what the trials said on each; without them wins are counted against the hardest control.
        tie: changes within this share of the control's loss count as none, where there are no `records`.
        tested: whether the rows are independent, so that p values mean something.
    """
    found = {question: _against(question, losses) for question in asked if _ready(question, losses)}
    judged = [question for question in asked if question.placebo]
    adjusted: dict[Question, tuple[float, float]] = {}
    if tested and len(losses) >= needed(len(judged)):
        helps = holm([max(one.lower for one in found[q].values()) if q in found else 1.0 for q in judged])
        hurts = holm([max(found[q][name].higher for name in q.none) if q in found else 1.0 for q in judged])
        pairs = zip(helps.tolist(), hurts.tolist(), strict=True)
        adjusted = dict(zip(judged, pairs, strict=True))
    made = []
    for question, controls in found.items():
        hardest = max(controls, key=lambda name: (bool(adjusted) and controls[name].lower, controls[name].change))
        p_helps, p_hurts = adjusted.get(question, (None, None))
        counted = (records or {}).get(question.arm) or _counted(losses[question.arm], losses[hardest], tie)
        made.append(
            Standing(
                arm=question.arm,
                control=hardest,
                change=controls[hardest].change,
                record=counted,
                p_helps=p_helps,
                p_hurts=p_hurts,
            )
        )
    return tuple(sorted(made, key=lambda one: one.change))


# --- the parts ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Test:
    """Wilcoxon's two-sided p value, as one of "lower" where the ranks say so, and as one of "higher" where they do."""

    lower: float
    higher: float
    change: float


def _ready(question: Question, losses: pd.DataFrame) -> bool:
    return all(name in losses for name in (question.arm, *_controls(question)))


def _controls(question: Question) -> tuple[str, ...]:
    return (*question.none, *((question.placebo,) if question.placebo else ()))


def _against(question: Question, losses: pd.DataFrame) -> dict[str, _Test]:
    """Tests an attention against each of its controls."""
    logs, made = logarithms(losses), {}
    for name in _controls(question):
        pair = logs[[question.arm, name]].to_numpy()
        differences = pair[:, 0] - pair[:, 1]
        p = float(wilcoxon_holm(pair)[0, 1])
        side = float((np.sign(differences) * stats.rankdata(np.abs(differences))).sum())
        change = float(np.expm1(differences.mean()))
        made[name] = _Test(lower=p if side < 0 else 1.0, higher=p if side > 0 else 1.0, change=change)
    return made


def _counted(own: pd.Series, other: pd.Series, tie: float) -> Record:
    found = win_tie_loss(own.to_numpy(), other.to_numpy(), tie=tie)
    return Record(wins=found.wins, ties=found.ties, losses=found.losses)
