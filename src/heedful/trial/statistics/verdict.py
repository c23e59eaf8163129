"""From two contrasts to one sentence: does attention help, on this data?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heedful.errors import OptionError
from heedful.trial.statistics.contrast import Contrast
from heedful.trial.statistics.grounds import HELPS as HELPS
from heedful.trial.statistics.grounds import HURTS as HURTS
from heedful.trial.statistics.grounds import NO_DIFFERENCE as NO_DIFFERENCE
from heedful.trial.statistics.grounds import OUTCOMES as OUTCOMES
from heedful.trial.statistics.grounds import UNDECIDABLE as UNDECIDABLE
from heedful.trial.statistics.grounds import Facts, Nones, decide, named, remarks


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a trial says of one attention, and why.

    Args:
        outcome: one of `OUTCOMES`.
        reasons: plain sentences, the deciding one first.
        causes: a word for each reason: better, worse, same, same as one, same as placebo, few blocks, few seeds,
            drift, wide, validation, small, claim, claim of several, few trainings.
        p_helps: p value of "helps", adjusted for the family of attentions.
        p_hurts: p value of "hurts", adjusted likewise.
        margin: effects within plus and minus this share of the loss count as none.
        nones: the contrasts with every control without attention, by name.
        against_none: the one of them that was hardest to beat.
        against_placebo: the contrast with the same attention whose weights do not see the input.
        detectable: smallest effect that would have been found against every control in 80 % of such test sets, at the
            level that Holm's correction asks of the smallest p value of the family.
        family: attentions that were tried together.
        trainings: training sets; more than one for rolling origins.
    """

    outcome: str
    reasons: tuple[str, ...]
    causes: tuple[str, ...]
    p_helps: float
    p_hurts: float
    margin: float
    nones: Mapping[str, Contrast]
    against_none: Contrast
    against_placebo: Contrast
    detectable: float
    family: int = 1
    trainings: int = 1

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reasons[0]}"


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusts p values for a family by Holm's step-down method.

    Paper: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    Shape: (m,) -> (m,).
    Raises: OptionError for a value outside 0 and 1.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise OptionError(f"holm needs a list of p values between 0 and 1, got {p_values}. Leave out tests not made.")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def p_helps(against_none: Nones, against_placebo: Contrast) -> float:
    """The p value of "helps": the largest of the one-sided ones, since every control must be beaten."""
    return max(*(one.p_better for one in named(against_none).values()), against_placebo.p_better)


def p_hurts(against_none: Nones) -> float:
    """The p value of "hurts": one-sided, the largest of those against the controls without attention."""
    return max(1 - one.p_better if one.degrees else 1.0 for one in named(against_none).values())


def verdict(
    against_none: Nones,
    against_placebo: Contrast,
    *,
    p_adjusted: float,
    p_hurts_adjusted: float | None = None,
    margin: float = 0.05,
    validation: float | None = None,
    family: int = 1,
    trainings: int = 1,
) -> Verdict:
    """Says whether an attention helps, hurts, makes no difference, or cannot be judged with this test set.

    It *helps* if it beats every control without attention and the placebo, and *hurts* if it is worse than every
    control without attention: adjusted p at most 5 %, and no interval that reaches zero. There is *no difference* if
    the interval against every control without attention lies within the margin, those aside that it beats while it is
    the same as another; or if the one against the placebo does. Everything else, and every test set of fewer than 6
    blocks or 3 seeds, is *not decidable*. Where block means drift, no difference is never stated; a difference is, if
    it stands against the wider interval that a drift brings.

    Args:
        against_none: the contrast of the attention with the same model without it; by name where there are several
            such controls, as the last state and the mean of all.
        against_placebo: the contrast of the attention with its placebo.
        p_adjusted: p value of "helps" (`p_helps`) after Holm's correction over all attentions tried.
        p_hurts_adjusted: the same for "hurts"; without it the one of these contrasts alone.
        margin: effects within plus and minus this share of the loss count as none.
        validation: effect against none on the validation part, if known; it is said when it points the other way.
        family: attentions that were tried together.
        trainings: training sets, of rolling origins.

    Raises: OptionError for p values outside 0 and 1, a margin not above 0 or a family of none.

    >>> rng = np.random.default_rng(0)
    >>> b = rng.chisquare(4, (5, 600))
    >>> from heedful.trial.statistics import contrast
    >>> c = contrast(0.9 * b, b, horizon=1)
    >>> verdict(c, c, p_adjusted=p_helps(c, c)).outcome
    'helps'
    """
    nones = named(against_none)
    hurts = p_hurts(nones) if p_hurts_adjusted is None else p_hurts_adjusted
    if not (0 <= p_adjusted <= 1 and 0 <= hurts <= 1):
        raise OptionError(f"verdict needs p values between 0 and 1, got {p_adjusted} and {hurts}. Give those of holm.")
    if not margin > 0:
        raise OptionError(f"verdict needs a margin above 0, got {margin}. 0.05 is 5 % of the loss.")
    detectable = max(one.detectable_in(family) for one in (*nones.values(), against_placebo))
    facts = Facts(
        nones=nones,
        placebo=against_placebo,
        helps=p_adjusted,
        hurts=hurts,
        margin=margin,
        detectable=detectable,
        family=family,
        trainings=trainings,
    )
    outcome, grounds = decide(facts)
    grounds += remarks(outcome, facts, validation)
    return Verdict(
        outcome=outcome,
        reasons=tuple(sentence for _, sentence in grounds),
        causes=tuple(cause for cause, _ in grounds),
        p_helps=p_adjusted,
        p_hurts=hurts,
        margin=margin,
        nones=nones,
        against_none=facts.none,
        against_placebo=against_placebo,
        detectable=detectable,
        family=family,
        trainings=trainings,
    )


def verdicts(
    pairs: Mapping[str, tuple[Nones, Contrast]],
    *,
    margin: float = 0.05,
    validation: Mapping[str, float] | None = None,
    family: int | None = None,
    trainings: int = 1,
) -> dict[str, Verdict]:
    """Judges a family of attentions together: Holm's correction over all of them, for "helps" and for "hurts".

    Args:
        pairs: for each attention its contrasts with none (by name where there are several) and with its placebo.
        margin: effects within plus and minus this share of the loss count as none.
        validation: effects against none on the validation part, where known.
        family: attentions of the family, where more were asked about than are finished: each of those counts.
        trainings: training sets, of rolling origins.
    """
    size = max(len(pairs), family or 0)
    waiting = [1.0] * (size - len(pairs))
    helps = holm([*(p_helps(*pair) for pair in pairs.values()), *waiting])
    hurts = holm([*(p_hurts(none) for none, _ in pairs.values()), *waiting])
    return {
        name: verdict(
            *pair,
            p_adjusted=float(helps[i]),
            p_hurts_adjusted=float(hurts[i]),
            margin=margin,
            validation=(validation or {}).get(name),
            family=size,
            trainings=trainings,
        )
        for i, (name, pair) in enumerate(pairs.items())
    }
