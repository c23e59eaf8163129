"""What the other rooms found, in the language of the report: their own English where it has no words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.report.language import Language
from heedful.trial.effects import headline
from heedful.trial.statistics.verdict import BLOCKS_NEEDED, HELPS, HURTS, SEEDS_NEEDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heedful.trial.effects import Answer
    from heedful.trial.result import Comparison, ModelNote
    from heedful.trial.statistics import Contrast, Verdict


def effect(one: Contrast, say: Language) -> str:
    """Writes an effect in percent with its interval, with true minus signs.

    >>> from types import SimpleNamespace
    >>> from heedful.report.language import language
    >>> effect(SimpleNamespace(effect=-0.012, low=-0.031, high=0.008), language("en"))
    '−1.2 % [−3.1, +0.8]'
    """
    numbers = {name: f"{100 * getattr(one, name):+.1f}".replace("-", "−") for name in ("effect", "low", "high")}
    return say("answers.interval" if np.isfinite(one.low) else "answers.effect", **numbers)


def outcome(answer: Answer, say: Language) -> str:
    """Gives the outcome of an answer."""
    return say.told.get(f"outcomes.{answer.outcome}", answer.outcome)


def answered(comparison: Comparison, say: Language) -> str:
    """Says what came of a trial of attention, and how much was tried for it."""
    told, plain = comparison.findings[0].text, headline(comparison.answers)
    if not say.told or not told.startswith(plain):
        return say.sentence(told)
    return _headline(comparison.answers, say) + say("text.space") + say.sentence(told.removeprefix(plain).strip())


def about(model: ModelNote, say: Language) -> str:
    """Says what a model is; a control of a trial is known by its name."""
    real, _, control = model.name.rpartition("+")
    text = say.told.get(f"controls.{control}") if model.kind == "preset" and real else None
    return text.format(model=real) if text else say.sentence(model.summary)


def reasons(answer: Answer, say: Language) -> list[str]:
    """Gives the reasons of an answer, the deciding one first."""
    if answer.verdict is None:
        return [say("answers.no_placebo", reason=say.sentence(answer.reason))]
    slots = _slots(answer.verdict, say)
    found = []
    for cause, sentence in zip(answer.verdict.causes, answer.verdict.reasons, strict=True):
        remark = cause == "drift" and answer.outcome in (HELPS, HURTS)
        text = say.told.get("causes.drift remark" if remark else f"causes.{cause}")
        found.append(text.format(**slots) if text else say.sentence(sentence))
    return found


def _slots(verdict: Verdict, say: Language) -> dict[str, Any]:
    both = (verdict.against_none, verdict.against_placebo)
    return {
        "none": effect(verdict.against_none, say),
        "placebo": effect(verdict.against_placebo, say),
        "p_helps": verdict.p_helps,
        "p_hurts": verdict.p_hurts,
        "margin": 100 * verdict.margin,
        "drift": max(one.drift for one in both),
        "detectable": 100 * max(one.detectable for one in both),
        "seeds": min(one.seeds for one in both),
        "blocks": min(one.blocks for one in both),
        "origins": verdict.against_none.origins,
        "seeds_needed": SEEDS_NEEDED,
        "blocks_needed": BLOCKS_NEEDED,
    }


def _headline(found: Sequence[Answer], say: Language) -> str:
    """Says what `trial.effects.headline` says, from the same facts."""
    by: dict[str, list[Answer]] = {}
    for answer in found:
        by.setdefault(answer.outcome, []).append(answer)
    helping, hurting = by.get(HELPS, []), by.pop(HURTS, [])
    if helping:
        lines = [say.told["helping"].format(arm=a.question.arm, contrast=_contrast(a, say)) for a in helping]
        first = say.told["helps_first"].format(helping=say("text.semicolon").join(lines))
    else:
        best = min(found, key=lambda a: a.against_none.effect)
        first = say.told["none_first"].format(arm=best.question.arm, contrast=_contrast(best, say))
    groups = [say.told["group"].format(count=len(group), outcome=outcome(group[0], say)) for group in by.values()]
    names = say("text.comma").join(a.question.arm for a in hurting)
    groups += [say.told["hurting"].format(arms=names)] if hurting else []
    rest = say.told["rest"].format(count=len(found), groups=say("text.semicolon").join(groups))
    return first + say("text.space") + rest


def _contrast(answer: Answer, say: Language) -> str:
    one = answer.against_none
    return say.told["contrast"].format(effect=effect(one, say), seeds=one.seeds, blocks=one.blocks)
