"""What the page shows of a controlled trial: a row for each attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from heedful.report import told
from heedful.report.language import Language
from heedful.trial.effects import ASSUMED, NOT_CONCLUDED
from heedful.trial.family import family
from heedful.trial.statistics import p_text
from heedful.trial.statistics.grounds import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heedful.trial.effects import Answer
    from heedful.trial.result import Comparison

TONES = {"helps": "good", "hurts": "warning"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attention: its answer in words, and its effects as text.

    `called` says which control without attention is counted, where there are two; `same` whether wide is none.
    """

    arm: str
    outcome: str
    tone: str
    none: str
    called: str
    placebo: str
    wide: str
    same: bool
    p: str
    detectable: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What stands around the table of answers: how it was measured, and what may be concluded from it.

    `unit` is the heading of the effects.
    """

    explained: Markup
    unit: str
    detectable: str
    cost: str
    assumed: tuple[str, ...]
    not_concluded: tuple[str, ...]


def asked(comparison: Comparison, say: Language) -> Asked:
    """Says how a trial on a table was measured."""
    return Asked(
        explained=say.html("answers.explained", margin=100 * comparison.margin),
        unit=say("answers.squared_error"),
        detectable=say("answers.detectable_told", count=family(comparison.asked, comparison.earlier)),
        cost=say("answers.cost_told"),
        assumed=tuple(say.sentence(line) for line in ASSUMED),
        not_concluded=tuple(say.sentence(line) for line in NOT_CONCLUDED),
    )


def rows(answers: Sequence[Answer], say: Language) -> list[Row]:
    """Gives a row for every attention, the lowest error against none first."""
    return [
        Row(
            arm=one.question.arm,
            outcome=told.outcome(one, say),
            tone=TONES.get(one.outcome, ""),
            none=told.effect(one.against_none, say),
            called="" if one.called == NONE else say.named("nones", one.called),
            placebo=told.effect(one.against_placebo, say) if one.against_placebo else "–",
            wide=told.effect(one.against_wide, say),
            same=one.question.nothing_to_widen,
            p=p_text(one.verdict.p_helps) if one.verdict else "–",
            detectable=told.amount(one.detectable, one.against_none.unit, say) if np.isfinite(one.detectable) else "–",
            reasons=tuple(told.reasons(one, say)),
        )
        for one in sorted(answers, key=lambda one: one.against_none.effect)
    ]
