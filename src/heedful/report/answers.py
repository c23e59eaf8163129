"""What the page shows of a controlled trial: a row for each attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.report import told
from heedful.report.language import Language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heedful.trial.effects import Answer

TONES = {"helps": "good", "hurts": "warning"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attention: its answer in words, and its effects as text."""

    arm: str
    outcome: str
    tone: str
    none: str
    placebo: str
    wide: str
    p: str
    detectable: str
    reasons: tuple[str, ...]


def rows(answers: Sequence[Answer], say: Language) -> list[Row]:
    """Gives a row for every attention, the lowest error against none first."""
    return [
        Row(
            arm=one.question.arm,
            outcome=told.outcome(one, say),
            tone=TONES.get(one.outcome, ""),
            none=told.effect(one.against_none, say),
            placebo=told.effect(one.against_placebo, say) if one.against_placebo else "–",
            wide=told.effect(one.against_wide, say),
            p=f"{one.verdict.p_helps:.3f}" if one.verdict else "–",
            detectable=say("text.percent", value=f"{100 * one.against_none.detectable:.1f}")
            if np.isfinite(one.against_none.detectable)
            else "–",
            reasons=tuple(told.reasons(one, say)),
        )
        for one in sorted(answers, key=lambda one: one.against_none.effect)
    ]
