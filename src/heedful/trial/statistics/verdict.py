"""From two contrasts to one sentence: does attention help, on this data?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heedful.errors import OptionError
from heedful.trial.statistics.contrast import DRIFT, Contrast

HELPS, HURTS, NO_DIFFERENCE, UNDECIDABLE = OUTCOMES = (
    "helps",
    "hurts",
    "no difference found",
    "not decidable with this test set",
)
BLOCKS_NEEDED, SEEDS_NEEDED = 6, 3
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a trial says of one attention, and why.

    Args:
        outcome: one of `OUTCOMES`.
        reasons: plain sentences, the deciding one first.
        causes: a word for each reason: better, worse, same, same as placebo, few blocks, few seeds, drift, wide,
            validation, small, claim.
        p_helps: p value of "helps", adjusted for the family of attentions.
        p_hurts: p value of "hurts", adjusted likewise.
        margin: effects within plus and minus this share of the loss count as none.
        against_none: the contrast with the same model without attention.
        against_placebo: the contrast with the same attention whose weights do not see the input.
    """

    outcome: str
    reasons: tuple[str, ...]
    causes: tuple[str, ...]
    p_helps: float
    p_hurts: float
    margin: float
    against_none: Contrast
    against_placebo: Contrast

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


def p_helps(against_none: Contrast, against_placebo: Contrast) -> float:
    """The p value of "helps": the larger of the two one-sided ones, since both controls must be beaten."""
    return max(against_none.p_better, against_placebo.p_better)


def p_hurts(against_none: Contrast) -> float:
    """The p value of "hurts": one-sided, against none alone."""
    return 1 - against_none.p_better if against_none.degrees else 1.0


def verdict(
    against_none: Contrast,
    against_placebo: Contrast,
    *,
    p_adjusted: float,
    p_hurts_adjusted: float | None = None,
    margin: float = 0.05,
    validation: float | None = None,
) -> Verdict:
    """Says whether an attention helps, hurts, makes no difference, or cannot be judged with this test set.

    It *helps* if it beats none and placebo, and *hurts* if it is worse than none: adjusted p at most 5 %, and no
    interval that reaches zero. There is *no difference* if the interval against none, or the one against the placebo,
    lies within the margin. Everything else, and every test set of fewer than 6 blocks or 3 seeds, is *not decidable*.
    Where block means drift, no difference is never stated; a difference is, if it stands against the wider interval
    that a drift brings.

    Args:
        against_none: the contrast of the attention with the same model without it.
        against_placebo: the contrast of the attention with its placebo.
        p_adjusted: p value of "helps" (`p_helps`) after Holm's correction over all attentions tried.
        p_hurts_adjusted: the same for "hurts"; without it the one of this contrast alone.
        margin: effects within plus and minus this share of the loss count as none.
        validation: effect against none on the validation part, if known; it is said when it points the other way.

    Raises: OptionError for p values outside 0 and 1 or a margin not above 0.

    >>> rng = np.random.default_rng(0)
    >>> b = rng.chisquare(4, (5, 600))
    >>> from heedful.trial.statistics import contrast
    >>> c = contrast(0.9 * b, b, horizon=1)
    >>> verdict(c, c, p_adjusted=p_helps(c, c)).outcome
    'helps'
    """
    hurts = p_hurts(against_none) if p_hurts_adjusted is None else p_hurts_adjusted
    if not (0 <= p_adjusted <= 1 and 0 <= hurts <= 1):
        raise OptionError(f"verdict needs p values between 0 and 1, got {p_adjusted} and {hurts}. Give those of holm.")
    if not margin > 0:
        raise OptionError(f"verdict needs a margin above 0, got {margin}. 0.05 is 5 % of the loss.")
    outcome, grounds = _decide(against_none, against_placebo, p_adjusted, hurts, margin)
    grounds += _remarks(outcome, against_none, against_placebo, margin, validation)
    return Verdict(
        outcome=outcome,
        reasons=tuple(sentence for _, sentence in grounds),
        causes=tuple(cause for cause, _ in grounds),
        p_helps=p_adjusted,
        p_hurts=hurts,
        margin=margin,
        against_none=against_none,
        against_placebo=against_placebo,
    )


def verdicts(
    pairs: Mapping[str, tuple[Contrast, Contrast]],
    *,
    margin: float = 0.05,
    validation: Mapping[str, float] | None = None,
) -> dict[str, Verdict]:
    """Judges a family of attentions together: Holm's correction over all of them, for "helps" and for "hurts".

    Args:
        pairs: for each attention its contrasts with none and with its placebo.
        margin: effects within plus and minus this share of the loss count as none.
        validation: effects against none on the validation part, where known.
    """
    helps = holm([p_helps(*pair) for pair in pairs.values()])
    hurts = holm([p_hurts(none) for none, _ in pairs.values()])
    return {
        name: verdict(
            *pair,
            p_adjusted=float(helps[i]),
            p_hurts_adjusted=float(hurts[i]),
            margin=margin,
            validation=(validation or {}).get(name),
        )
        for i, (name, pair) in enumerate(pairs.items())
    }


# --- the parts ---------------------------------------------------------------------------------------------------

Ground = tuple[str, str]


def _decide(none: Contrast, placebo: Contrast, helps: float, hurts: float, margin: float) -> tuple[str, list[Ground]]:
    room, both = f"±{100 * margin:g} %", (none, placebo)
    if obstacles := _obstacles(none, placebo):
        return UNDECIDABLE, obstacles
    if helps <= ALPHA and max(one.high for one in both) < 0:
        return HELPS, [("better", f"It beats none ({none}) and its placebo ({placebo}), adjusted p = {helps:.3f}.")]
    if hurts <= ALPHA and none.low > 0:
        return HURTS, [("worse", f"It is worse than none ({none}), adjusted p = {hurts:.3f}.")]
    if (drift := max(one.drift for one in both)) > DRIFT:
        sentence = (
            f"The difference drifts over the test span (neighbouring blocks are correlated by {drift:.2f}), "
            "so its mean here says little of later times."
        )
        return UNDECIDABLE, [("drift", sentence)]
    if _inside(none, margin):
        return NO_DIFFERENCE, [("same", f"Against none the loss changes by {none}, within {room}.")]
    if _inside(placebo, margin):
        sentence = (
            f"Against its placebo the loss changes by {placebo}, within {room}: what it may gain over none ({none}) "
            "does not come from looking at the input."
        )
        return NO_DIFFERENCE, [("same as placebo", sentence)]
    sentence = (
        f"The intervals against none ({none}) and against its placebo ({placebo}) leave room for more than {room}; "
        f"effects below {100 * max(one.detectable for one in both):.1f} % are likely to be missed here."
    )
    return UNDECIDABLE, [("wide", sentence)]


def _obstacles(none: Contrast, placebo: Contrast) -> list[Ground]:
    blocks, seeds = min(none.blocks, placebo.blocks), min(none.seeds, placebo.seeds)
    found = []
    if blocks < BLOCKS_NEEDED:
        sentence = (
            f"The test span has room for {blocks} independent blocks of time, and {BLOCKS_NEEDED} are needed. "
            "A longer test span or a shorter horizon would give more."
        )
        found.append(("few blocks", sentence))
    if seeds < SEEDS_NEEDED:
        sentence = (
            f"With {seeds} of the {SEEDS_NEEDED} seeds needed, how much training varies by chance is not known. "
            "Train more of them."
        )
        found.append(("few seeds", sentence))
    return found


def _inside(contrast: Contrast, margin: float) -> bool:
    return -margin < contrast.low and contrast.high < margin


def _remarks(outcome: str, none: Contrast, placebo: Contrast, margin: float, validation: float | None) -> list[Ground]:
    found = []
    if outcome in (HELPS, HURTS):
        if max(none.drift, placebo.drift) > DRIFT:
            found.append(("drift", "The difference drifts over the test span; the interval is widened for it."))
        if abs(none.effect) < margin:
            found.append(("small", f"The effect is smaller than the margin of {100 * margin:g} %."))
        if validation is not None and validation * none.effect < 0:
            sentence = f"On the validation part the effect was {100 * validation:+.1f} %, the other way."
            found.append(("validation", sentence))
    claim = (
        f"The claim covers this training set and this test span of {none.origins} origins, "
        f"{none.seeds} seeds x {none.blocks} blocks of time."
    )
    return [*found, ("claim", claim)]
