"""What the other rooms found, in the language of the report: their own English where it has no words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from heedful.report.language import Language
from heedful.trial.effects import headline
from heedful.trial.statistics.grounds import (
    BLOCKS_NEEDED,
    HELPS,
    HURTS,
    NONE,
    SEEDS_NEEDED,
    TRAININGS_NEEDED,
    p_told,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from heedful.trial.effects import Answer
    from heedful.trial.result import Comparison, ModelNote
    from heedful.trial.statistics import Contrast, Verdict


GROUPS, POINTS = "groups", "points"
"""What the blocks of a contrast are, where they are not blocks of time, and what effects on the error rate are in."""


def effect(one: Contrast, say: Language) -> str:
    """Writes an effect with its interval, in percent or points, with true minus signs.

    >>> from types import SimpleNamespace
    >>> from heedful.report.language import language
    >>> effect(SimpleNamespace(effect=-0.012, low=-0.031, high=0.008, unit="%"), language("en"))
    '−1.2 % [−3.1, +0.8]'
    """
    numbers = {name: f"{100 * getattr(one, name):+.1f}".replace("-", "−") for name in ("effect", "low", "high")}
    known = "interval" if np.isfinite(one.low) else "effect"
    return say(f"answers.{known}_points" if one.unit == POINTS else f"answers.{known}", **numbers)


def amount(value: float, unit: str, say: Language) -> str:
    """Writes a share in percent or points, without a sign.

    >>> from heedful.report.language import language
    >>> amount(0.1234, "%", language("en")), amount(0.02, "points", language("en"))
    ('12.3 %', '2 points')
    """
    text = f"{100 * value:.1f}".removesuffix(".0")
    return say("answers.points" if unit == POINTS else "text.percent", value=text)


def none(answer: Answer, say: Language) -> str:
    """Names the control without attention that was hardest to beat; which one, where there are two."""
    plain = say.named("nones", NONE)
    return plain if answer.called == NONE else say("answers.which", what=plain, which=say.named("nones", answer.called))


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
        text = _text(_told(cause, answer.verdict), answer.verdict, say)
        found.append(text.format(**slots) if text else say.sentence(sentence))
    return found


def _told(cause: str, verdict: Verdict) -> str:
    """Gives the name of a sentence: some causes have another where they stand beside an answer, or for two controls."""
    if cause == "drift" and verdict.outcome in (HELPS, HURTS):
        return "drift remark"
    return "same as all" if cause == "same" and len(verdict.nones) > 1 else cause


def _text(cause: str, verdict: Verdict, say: Language) -> str | None:
    """Gives the sentence of a cause; groups of recordings have their own."""
    over = "over_groups" if verdict.against_none.over == GROUPS else "causes"
    return say.told.get(f"{over}.{cause}")


def _listed(nones: Mapping[str, Contrast], say: Language) -> str:
    """Gives effects in a row, with the names of the controls where there are two."""
    named = (f"{say.named('nones', name)} " if name != NONE else "" for name in nones)
    return say("text.semicolon").join(name + effect(one, say) for name, one in zip(named, nones.values(), strict=True))


def _slots(verdict: Verdict, say: Language) -> dict[str, Any]:
    every = (*verdict.nones.values(), verdict.against_placebo)
    inside = {name: one for name, one in verdict.nones.items() if within(one, verdict.margin)}
    return {
        "none": _listed(verdict.nones, say),
        "inside": _listed(inside, say),
        "beaten": _listed({name: one for name, one in verdict.nones.items() if name not in inside}, say),
        "placebo": effect(verdict.against_placebo, say),
        "room": amount(verdict.margin, verdict.against_none.unit, say),
        "missed": amount(verdict.detectable, verdict.against_none.unit, say),
        "p_helps": p_told(verdict.p_helps),
        "p_hurts": p_told(verdict.p_hurts),
        "margin": 100 * verdict.margin,
        "drift": max(one.drift for one in every),
        "detectable": 100 * verdict.detectable,
        "family": verdict.family,
        "trainings": verdict.trainings,
        "trainings_needed": TRAININGS_NEEDED,
        "seeds": min(one.seeds for one in every),
        "blocks": min(one.blocks for one in every),
        "independent": f"{min(one.independent for one in every):.1f}",
        "origins": verdict.against_none.origins,
        "seeds_needed": SEEDS_NEEDED,
        "blocks_needed": BLOCKS_NEEDED,
    }


def over_groups(found: Sequence[Answer], say: Language) -> str:
    """Says what came of a trial of attention on recordings, in the words of every language."""
    names = ("contrast", "contrast_one", "helping", "helps_first", "none_first", "rest", "group", "hurting")
    return _headline(found, say, {name: say.named("groups", name) for name in names})


def _headline(found: Sequence[Answer], say: Language, said: Mapping[str, str] | None = None) -> str:
    """Says what `trial.effects.headline` says, from the same facts."""
    said = said or say.told
    by: dict[str, list[Answer]] = {}
    for answer in found:
        by.setdefault(answer.outcome, []).append(answer)
    helping, hurting = by.get(HELPS, []), by.pop(HURTS, [])
    if helping:
        lines = [
            said["helping"].format(arm=a.question.arm, none=none(a, say), contrast=_contrast(a, say, said))
            for a in helping
        ]
        first = said["helps_first"].format(helping=say("text.semicolon").join(lines))
    else:
        best = min(found, key=lambda a: a.against_none.effect)
        contrast = _contrast(best, say, said)
        first = said["none_first"].format(arm=best.question.arm, none=none(best, say), contrast=contrast)
    groups = [said["group"].format(count=len(group), outcome=outcome(group[0], say)) for group in by.values()]
    names = say("text.comma").join(a.question.arm for a in hurting)
    groups += [said["hurting"].format(arms=names)] if hurting else []
    rest = said["rest"].format(count=len(found), groups=say("text.semicolon").join(groups))
    return first + say("text.space") + rest


def _contrast(answer: Answer, say: Language, said: Mapping[str, str]) -> str:
    one = answer.against_none
    key = "contrast_one" if one.seeds == 1 and "contrast_one" in said else "contrast"
    return said[key].format(effect=effect(one, say), seeds=one.seeds, blocks=one.blocks)
