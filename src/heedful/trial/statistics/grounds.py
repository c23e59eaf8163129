"""Grounds of a verdict: what decides it, in numbers and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from heedful.trial.statistics.contrast import ALPHA, DRIFT, Contrast

HELPS, HURTS, NO_DIFFERENCE, UNDECIDABLE = OUTCOMES = (
    "helps",
    "hurts",
    "no difference found",
    "not decidable with this test set",
)
BLOCKS_NEEDED, SEEDS_NEEDED = 6, 3
TRAININGS_NEEDED = 8  # docs/statistics.md, refits
NONE = "none"
Nones = Contrast | Mapping[str, Contrast]
Ground = tuple[str, str]


def p_text(p: float) -> str:
    """Writes a p value; none is ever zero.

    >>> p_text(0.0132), p_text(0.0)
    ('0.013', '< 0.001')
    """
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def p_told(p: float) -> str:
    """Writes a p value into a sentence.

    >>> p_told(0.0132), p_told(0.0)
    ('p = 0.013', 'p < 0.001')
    """
    return f"p {p_text(p)}" if p < 0.001 else f"p = {p_text(p)}"


def hardest(nones: Mapping[str, Contrast]) -> str:
    """Names the control without attention that the attention is least sure to beat."""
    return max(nones, key=lambda name: nones[name].p_better)


def named(against_none: Nones) -> Mapping[str, Contrast]:
    """Gives the controls without attention by name; one alone is called none."""
    return {NONE: against_none} if isinstance(against_none, Contrast) else against_none


def within(contrast: Contrast, margin: float) -> bool:
    """Whether an interval lies inside a margin around zero."""
    return -margin < contrast.low and contrast.high < margin


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that an outcome is decided by."""

    nones: Mapping[str, Contrast]
    placebo: Contrast
    helps: float
    hurts: float
    margin: float
    detectable: float
    family: int
    trainings: int

    @property
    def none(self) -> Contrast:
        """The contrast with the control that is hardest to beat."""
        return self.nones[hardest(self.nones)]

    @property
    def all(self) -> tuple[Contrast, ...]:
        """The contrasts with all controls."""
        return (*self.nones.values(), self.placebo)

    @property
    def drift(self) -> float:
        """The largest correlation of neighbouring blocks."""
        return max(one.drift for one in self.all)

    @property
    def room(self) -> str:
        """The margin in words."""
        return f"±{100 * self.margin:g} {self.unit}"

    @property
    def unit(self) -> str:
        """Percent of the loss, or points of the error rate."""
        return self.none.unit

    @property
    def loss(self) -> str:
        """What changes."""
        return "the error rate" if self.unit == "points" else "the loss"

    @property
    def told(self) -> str:
        """The controls without attention, with their contrasts."""
        return f"none ({_listed(self.nones)})"

    def inside(self, contrast: Contrast) -> bool:
        """Whether an interval lies inside the margin."""
        return within(contrast, self.margin)


def decide(facts: Facts) -> tuple[str, list[Ground]]:
    """Gives the outcome, and why: a word and a sentence for each reason."""
    nones, placebo = facts.nones.values(), facts.placebo
    if obstacles := _obstacles(facts):
        return UNDECIDABLE, obstacles
    if facts.helps <= ALPHA and max(one.high for one in facts.all) < 0:
        sentence = f"It beats {facts.told} and its placebo ({placebo}), adjusted {p_told(facts.helps)}."
        return HELPS, [("better", sentence)]
    if facts.hurts <= ALPHA and min(one.low for one in nones) > 0:
        return HURTS, [("worse", f"It is worse than {facts.told}, adjusted {p_told(facts.hurts)}.")]
    if facts.drift > DRIFT:
        sentence = (
            f"The difference drifts over the test span (neighbouring blocks are correlated by {facts.drift:.2f}), "
            "so its mean here says little of later times."
        )
        return UNDECIDABLE, [("drift", sentence)]
    if same := _same(facts):
        return NO_DIFFERENCE, [same]
    family = f", one of {facts.family} attentions tried" if facts.family > 1 else ""
    sentence = (
        f"The intervals against {facts.told} and against its placebo ({placebo}) leave room for more than "
        f"{facts.room}; effects below {100 * facts.detectable:.1f} {facts.unit} are likely to be missed here{family}."
    )
    return UNDECIDABLE, [("wide", sentence)]


def remarks(outcome: str, facts: Facts, validation: float | None) -> list[Ground]:
    """Gives what must be said beside an outcome; at the end, what the claim covers."""
    none, found = facts.none, []
    if outcome in (HELPS, HURTS):
        if facts.drift > DRIFT:
            found.append(("drift", "The difference drifts over the test span; the interval is widened for it."))
        if abs(none.effect) < facts.margin:
            found.append(("small", f"The effect is smaller than the margin of {100 * facts.margin:g} {facts.unit}."))
        if validation is not None and validation * none.effect < 0:
            sentence = f"On the validation part the effect was {100 * validation:+.1f} {facts.unit}, the other way."
            found.append(("validation", sentence))
    if none.over == "groups":
        return [*found, ("claim of time" if none.split == "time" else "claim of groups", _of_groups(none))]
    counted = f"{none.origins} origins, {none.seeds} seeds x {none.blocks} blocks of time."
    if facts.trainings == 1:
        return [*found, ("claim", f"The claim covers this training set and this test span of {counted}")]
    claim = f"The claim covers these {facts.trainings} training sets, each with its part of the test span, {counted}"
    found.append(("claim of several", claim))
    if facts.trainings < TRAININGS_NEEDED:
        sentence = (
            f"How much training sets differ is not seen in fewer than {TRAININGS_NEEDED} of them: where that matters, "
            "equal models are told apart more often than the p values say."
        )
        found.append(("few trainings", sentence))
    return found


# --- the parts ---------------------------------------------------------------------------------------------------


def _of_groups(none: Contrast) -> str:
    if none.split == "time":
        return (
            f"The claim covers later stretches of these {none.blocks} groups ({none.origins} windows, {none.seeds} "
            "seeds), which were trained on too; it says nothing of other groups."
        )
    seeds = f"{none.seeds} seed{'' if none.seeds == 1 else 's'}"
    return (
        f"The claim covers groups like these {none.blocks} ({none.origins} windows, {seeds}) and training parts like "
        "these; that those of several folds overlap is not counted."
    )


def _listed(nones: Mapping[str, Contrast]) -> str:
    """Gives contrasts in a row, with their names where there are several."""
    return "; ".join(str(one) if name == NONE else f"{name} {one}" for name, one in nones.items())


def _same(facts: Facts) -> Ground | None:
    """Says of which controls the attention is the equal; None if it may differ from them."""
    inside = {name: one for name, one in facts.nones.items() if facts.inside(one)}
    beaten = {name: one for name, one in facts.nones.items() if name not in inside and one.high < 0}
    if len(inside) == len(facts.nones):
        if len(inside) == 1:
            return "same", f"Against none {facts.loss} changes by {_listed(inside)}, within {facts.room}."
        sentence = f"Against every control without attention {facts.loss} stays within {facts.room}: {_listed(inside)}."
        return "same", sentence
    if inside and len(inside) + len(beaten) == len(facts.nones):
        sentence = (
            f"Against one control without attention {facts.loss} stays within {facts.room} ({_listed(inside)}): what "
            f"is gained over the other ({_listed(beaten)}) can be had without attention."
        )
        return "same as one", sentence
    if facts.inside(facts.placebo):
        sentence = (
            f"Against its placebo {facts.loss} changes by {facts.placebo}, within {facts.room}: what it may gain over "
            f"{facts.told} does not come from looking at the input."
        )
        return "same as placebo", sentence
    return None


def _obstacles(facts: Facts) -> list[Ground]:
    blocks, seeds = min(one.independent for one in facts.all), min(one.seeds for one in facts.all)
    found = []
    if facts.none.split == "leaky":
        sentence = (
            "Windows of one recording lie in train and in test, so the errors say little of recordings that are not "
            "among these. Split by group."
        )
        found.append(("leaky", sentence))
    if blocks < BLOCKS_NEEDED and facts.none.over == "groups":
        sentence = (
            f"The test parts hold {facts.none.blocks} groups that say as much as {blocks:.1f} of equal size, and "
            f"{BLOCKS_NEEDED} are needed. More groups would tell more, or more folds, so that each is tested once."
        )
        found.append(("few groups", sentence))
    elif blocks < BLOCKS_NEEDED:
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
