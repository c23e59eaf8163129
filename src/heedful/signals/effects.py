"""Does attention help on recordings? Losses of every arm, contrasted group by group with those of its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from heedful.trial.effects import Answer
from heedful.trial.family import Question, family
from heedful.trial.statistics import Contrast, hardest, verdicts
from heedful.trial.statistics.groups import contrast_groups

if TYPE_CHECKING:
    from heedful.data.recordings import Cuts
    from heedful.signals.result import Fold, SignalTrial

Done = Mapping[str, Mapping[int, np.ndarray]]


def answers(
    asked: Sequence[Question],
    trials: Sequence[SignalTrial],
    folds: Sequence[Fold],
    *,
    margin: float,
    earlier: Sequence[str] = (),
) -> tuple[Answer, ...]:
    """Answers all questions whose arms are finished on all folds; every question asked counts in Holm's correction.

    The loss of a window is 1 where its class was not told and 0 where it was, of a regression its squared error; the
    groups of the test parts of all folds and the seeds are crossed factors. Effects are points of the error rate, of a
    regression shares of the squared error.

    Args:
        asked: the family.
        trials: all that is finished.
        folds: the parts and their windows.
        margin: effects within plus and minus this much count as none.
        earlier: attentions that were asked about in the same folder before: they count in the correction.
    """
    done = _losses(trials, folds)
    groups = np.concatenate([fold.test.groups for fold in folds])
    absolute, split = bool(folds[0].test.classes), _split(folds)
    ready = [question for question in asked if _common(question.arms, done)]
    found = {question: _contrasts(question, done, groups, absolute=absolute, split=split) for question in ready}
    pairs = {
        question.arm: ({question.called(name): found[question][name] for name in question.none}, placebo)
        for question in ready
        if question.placebo and (placebo := found[question][question.placebo])
    }
    judged = verdicts(pairs, margin=margin, family=family(asked, earlier))
    return tuple(
        Answer(
            question=question,
            controls=contrasts,
            none=hardest({name: contrasts[name] for name in question.none}),
            verdict=judged.get(question.arm),
            reason=question.reason,
        )
        for question, contrasts in found.items()
    )


def losses(cuts: Cuts, said: np.ndarray) -> np.ndarray:
    """Gives the loss of every window.

    Shape: (n,) from scores (n, K), or numbers (n, 1).
    """
    if cuts.classes:
        wrong: np.ndarray = said.argmax(1) != cuts.labels
        return wrong.astype(float)
    error: np.ndarray = (said[:, 0] - cuts.targets) ** 2
    return error


def _losses(trials: Sequence[SignalTrial], folds: Sequence[Fold]) -> Done:
    """Gives the losses of every model and seed that is finished on all folds, one fold behind the other."""
    by_name: dict[tuple[str, int], dict[str, SignalTrial]] = {}
    for trial in trials:
        if trial.seed is not None and np.isfinite(trial.test).all():
            by_name.setdefault((trial.model, trial.seed), {})[trial.fold] = trial
    done: dict[str, dict[int, np.ndarray]] = {}
    for (model, seed), own in by_name.items():
        if len(own) == len(folds):
            parts = [losses(fold.test, own[fold.name].test) for fold in folds]
            done.setdefault(model, {})[seed] = np.concatenate(parts)
    return done


def _contrasts(
    question: Question, done: Done, groups: np.ndarray, *, absolute: bool, split: str
) -> dict[str, Contrast]:
    seeds = _common(question.arms, done)
    arms = {arm: np.stack([done[arm][seed] for seed in seeds]) for arm in question.arms}
    own = arms.pop(question.arm)
    return {name: contrast_groups(own, other, groups, absolute=absolute, split=split) for name, other in arms.items()}


def _split(folds: Sequence[Fold]) -> str:
    """Says what the tested groups are to the train part: new, later stretches of the same, or mixed with them."""
    if any(fold.parts.leaky for fold in folds):
        return "leaky"
    return "time" if all(fold.parts.kind == "time" for fold in folds) else "group"


def _common(arms: Sequence[str], done: Done) -> list[int]:
    """Gives the seeds with which all arms are finished."""
    return sorted(set.intersection(*(set(done.get(arm, ())) for arm in arms)))
