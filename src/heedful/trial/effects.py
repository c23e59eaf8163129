"""The answer of a controlled trial: the losses of every arm, contrasted with those of its controls, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.data.split import ticks_of
from heedful.data.windows import Windows
from heedful.trial.family import Question, family
from heedful.trial.statistics import Contrast, Verdict, contrast, hardest, verdicts
from heedful.trial.statistics.grounds import NONE

if TYPE_CHECKING:
    from heedful.trial.result import Trial

MARGIN = 0.05


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the trial says of one attention.

    `controls` has the contrast of the attention with every control by name, negative: the attention is better. `none`
    names the control without attention that was hardest to beat. `verdict` is None where the attention has no
    placebo: then nothing can be said of what its looking is worth, with the `reason`.
    """

    question: Question
    controls: Mapping[str, Contrast]
    none: str
    verdict: Verdict | None
    reason: str = ""

    @property
    def called(self) -> str:
        """Which control without attention `none` is: "none" where there is one, else its last state or the mean."""
        return self.question.called(self.none)

    @property
    def against_none(self) -> Contrast:
        """The contrast with the hardest control without attention."""
        return self.controls[self.none]

    @property
    def against_placebo(self) -> Contrast | None:
        """The contrast with the placebo; None without one."""
        return self.controls[self.question.placebo] if self.question.placebo else None

    @property
    def against_wide(self) -> Contrast:
        """The contrast with the backbone as large as with the attention; with none, where that is as large."""
        return self.controls[self.question.wide]

    @property
    def detectable(self) -> float:
        """Smallest effect that would have been found against all controls, at the level of Holm's correction."""
        return self.verdict.detectable if self.verdict else self.against_none.detectable

    @property
    def outcome(self) -> str:
        """One of the outcomes of a verdict, or "no placebo"."""
        return self.verdict.outcome if self.verdict else "no placebo"


def answers(
    asked: Sequence[Question],
    trials: Sequence[Trial],
    test: Windows,
    validation: Windows,
    *,
    season: int | None,
    margin: float = MARGIN,
    trainings: int = 1,
    earlier: Sequence[str] = (),
) -> tuple[Answer, ...]:
    """Answers all questions whose arms are finished; every question asked counts in Holm's correction.

    The loss of a forecast is its squared error, averaged over the horizon and, of many series, over those that share
    the origin. Seeds are used with which all arms of a question trained: one that diverged is left out of all of them.

    Args:
        asked: the family.
        trials: all that is finished.
        test: the windows that are forecast.
        validation: those that chose.
        season: origins in one season, or None.
        margin: effects within plus and minus this share of the loss count as none.
        trainings: training sets, of rolling origins.
        earlier: attentions that were asked about in the same folder before: they count in the correction.
    """
    done = trained(trials)
    ready = [question for question in asked if _common(question.arms, done)]
    found = {question: _contrasts(question, done, test, season) for question in ready}
    pairs = {
        question.arm: ({question.called(name): found[question][name] for name in question.none}, placebo)
        for question in ready
        if question.placebo and (placebo := found[question][question.placebo])
    }
    validated = {q.arm: _validated(q.arm, _hardest(q, found[q]), done, validation) for q in ready}
    count = family(asked, earlier)
    judged = verdicts(pairs, margin=margin, validation=validated, family=count, trainings=trainings)
    return tuple(
        Answer(
            question=question,
            controls=contrasts,
            none=_hardest(question, contrasts),
            verdict=judged.get(question.arm),
            reason=question.reason,
        )
        for question, contrasts in found.items()
    )


def trained(trials: Sequence[Trial]) -> dict[str, dict[int, Trial]]:
    """Gives the networks whose forecasts are numbers, by model and seed."""
    done: dict[str, dict[int, Trial]] = {}
    for trial in trials:
        if trial.seed is not None and np.isfinite(trial.test).all():
            done.setdefault(trial.model, {})[trial.seed] = trial
    return done


def losses(trials: Mapping[int, Trial], windows: Windows, seeds: Sequence[int], part: str = "test") -> np.ndarray:
    """Gives the squared error of every seed at every origin, in order of time, averaged over the horizon.

    Origins of several series that share a stamp are averaged; NaN where no step of the horizon has a truth.

    Shape: (S, N).
    """
    truth = windows.targets(np.arange(len(windows))).astype(np.float64)
    known = np.isfinite(truth)
    squared = np.stack([(getattr(trials[seed], part) - truth) ** 2 for seed in seeds])
    sums, counts = np.where(known, squared, 0.0).sum(-1), known.sum(-1)
    series = windows.span.series
    _, order = np.unique(ticks_of(series.times)[windows.origins], return_inverse=True)
    total = np.stack([np.bincount(order, weights=one) for one in sums])
    steps = np.bincount(order, weights=counts.astype(float))
    return np.divide(total, steps, out=np.full_like(total, np.nan), where=steps > 0)


def _contrasts(
    question: Question, done: Mapping[str, Mapping[int, Trial]], test: Windows, season: int | None
) -> dict[str, Contrast]:
    seeds = _common(question.arms, done)
    arms = {arm: losses(done[arm], test, seeds) for arm in question.arms}
    own = arms.pop(question.arm)
    return {name: contrast(own, other, horizon=test.horizon, season=season) for name, other in arms.items()}


def _hardest(question: Question, found: Mapping[str, Contrast]) -> str:
    """Names the control without attention that the attention is least sure to beat."""
    return hardest({name: found[name] for name in question.none})


def _common(arms: Sequence[str], done: Mapping[str, Mapping[int, Trial]]) -> list[int]:
    """Gives the seeds with which all arms are finished."""
    return sorted(set.intersection(*(set(done.get(arm, ())) for arm in arms)))


def _validated(arm: str, none: str, done: Mapping[str, Mapping[int, Trial]], validation: Windows) -> float:
    """Gives the effect against none on the validation part."""
    seeds = _common((arm, none), done)
    own, other = (float(np.nanmean(losses(done[name], validation, seeds, "validation"))) for name in (arm, none))
    return (own - other) / other


# --- in words ----------------------------------------------------------------------------------------------------

ASSUMED = (
    (
        "Training budget, seeds and data are the same in every arm, and what arms share starts from the same weights "
        "(wide arms and cells share less). Validation chose each learning rate from the same few."
    ),
    "Seeds and blocks of time are crossed: neither overlapping windows nor seed-origin pairs count as independent.",
    "The p values of all attentions of the family are corrected together (Holm).",
)
NOT_CONCLUDED = (
    "The answer is about this series, these training rows and this test span; another market or year may differ.",
    "Attention that helps here helps on this backbone with this budget; a larger one may need it less, or more.",
    "That nothing was found is no proof that nothing is there: see the smallest effect that would have been found.",
)


def headline(found: Sequence[Answer]) -> str:
    """Says in one sentence what came of a trial, and in a second one what of the rest.

    Gives an empty text for no answers.
    """
    if not found:
        return ""
    by: dict[str, list[Answer]] = {}
    for answer in found:
        by.setdefault(answer.outcome, []).append(answer)
    helping, hurting = by.pop("helps", []), by.pop("hurts", [])
    if helping:
        told = "; ".join(f"{a.question.arm} {a.against_none} against {_none(a)}" for a in helping)
        first = f"On this series attention helps: {told}; it beats its placebo too."
    else:
        best = min(found, key=lambda a: a.against_none.effect)
        nearest = f"nearest {best.question.arm} {best.against_none} against {_none(best)}"
        first = f"On this series no attention beat both none and its placebo; {nearest}."
    rest = [f"{len(group)} {outcome}" for outcome, group in by.items()]
    rest += [f"hurting: {', '.join(a.question.arm for a in hurting)}"] if hurting else []
    rest = [f"{len(helping)} helps", *rest] if helping else rest
    return f"{first} Of {len(found)} tried: {'; '.join(rest)}."


def _none(answer: Answer) -> str:
    """Names the control without attention; which one, where there are two."""
    return NONE if answer.called == NONE else f"{NONE} ({answer.called})"
