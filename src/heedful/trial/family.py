"""The family of a controlled trial, fixed before looking: every attention with the arms that it must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heedful import attention as mechanisms
from heedful.errors import OptionError
from heedful.models import Shape, get
from heedful.models.controls import UNLOOKING, no_placebo, parameters, placements, wide
from heedful.trial.statistics.grounds import NONE

ALL = "all"
LAST_STATE, MEAN_OF_STATES = "last state", "mean of all states"
_PROBE = Shape(24, 2, 4)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Does this attention help on this backbone? Asked of models by name.

    `none` are the same backbone without the attention, `placebo` has its weights computed from a frozen reference in
    place of the input (None, with a `reason`, where that cannot be built), `wide` is the backbone without it, as
    large as with it; it is the first of `none` where that is as near in size as can be had. `size` says by how much
    `wide` misses the size where that is more than 2 %.
    """

    attention: str
    backbone: str
    arm: str
    none: tuple[str, ...]
    placebo: str | None
    wide: str
    reason: str = ""
    size: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """All models that have to be trained to answer."""
        placebo = (self.placebo,) if self.placebo else ()
        return tuple(dict.fromkeys((self.arm, *self.none, *placebo, self.wide)))

    @property
    def nothing_to_widen(self) -> bool:
        """Whether the wide control is the same network as none."""
        return self.wide in self.none

    def called(self, none: str) -> str:
        """Says what a control without attention reads, where there are two of them.

        >>> [asked] = questions("additive", "cnn-lstm")
        >>> asked.called("cnn-lstm"), asked.called("cnn-lstm+mean")
        ('last state', 'mean of all states')
        """
        if len(self.none) == 1:
            return NONE
        return LAST_STATE if none == self.none[0] else MEAN_OF_STATES


def questions(attentions: str | Sequence[str], backbones: str | Sequence[str]) -> tuple[Question, ...]:
    """Asks each attention on each backbone.

    Args:
        attentions: names of mechanisms, or "all" for every one that has a place in a plan; a place behind an @.
        backbones: names of presets.

    Raises: UnknownName for an unknown name; OptionError for a mechanism that no plan has a place for.

    >>> [asked] = questions("eca", "cnn-lstm")
    >>> asked.arms
    ('cnn-lstm+eca', 'cnn-lstm', 'cnn-lstm+eca+placebo', 'cnn-lstm+eca+wide')
    """
    names, presets = _names(attentions), _names(backbones)
    if names == (ALL,):
        names = tuple(name for name in mechanisms.names() if placements(name) and name not in UNLOOKING)
    if not names or not presets:
        raise OptionError("A trial needs at least one attention and one backbone, got none.")
    return tuple(dict.fromkeys(_question(name, preset) for preset in presets for name in names))


def family(asked: Sequence[Question], earlier: Sequence[str] = ()) -> int:
    """Counts the attentions that Holm's correction is over: those with a placebo, and those asked about earlier.

    >>> family(questions("eca", "cnn-lstm"), earlier=("cnn-lstm+se",))
    2
    """
    return sum(question.placebo is not None for question in asked) + len(earlier)


def sized(asked: Sequence[Question], shape: Shape) -> tuple[Question, ...]:
    """Settles the wide controls of a family for the sizes of a table.

    An attention of next to no parameters leaves nothing to widen: the network without it then serves as wide, so that
    it is not trained twice.

    Args:
        asked: what `questions` gave.
        shape: what the models read and give.

    >>> [found] = sized(questions("eca", "cnn-lstm"), Shape(24, 2, 4))
    >>> found.wide, found.arms
    ('cnn-lstm', ('cnn-lstm+eca', 'cnn-lstm', 'cnn-lstm+eca+placebo'))
    """
    return tuple(_sized(question, shape) for question in asked)


def _sized(question: Question, shape: Shape) -> Question:
    bare, full = get(question.none[0]).plan(shape), get(question.arm).plan(shape)
    if bare is None or full is None:  # a published model has no plan, and takes no attention
        return question
    found = wide(bare, shape, parameters(full, shape))
    name = question.none[0] if found.plan == bare else question.wide
    return replace(question, wide=name, size=found.note)


def _names(words: str | Sequence[str]) -> tuple[str, ...]:
    found = [word.strip() for word in words.split(",")] if isinstance(words, str) else words
    return tuple(dict.fromkeys(word for word in found if word))


def _question(attention: str, backbone: str) -> Question:
    if attention in UNLOOKING:
        raise OptionError(f"'{attention}' looks at nothing: it is a control, which stands beside every pooling anyway.")
    arm = f"{backbone}+{attention}"
    reason = no_placebo(attention.partition("@")[0])
    return Question(
        attention=attention,
        backbone=backbone,
        arm=arm,
        none=(_shared(backbone, f"{arm}+none"), *_mean(backbone, arm)),
        placebo=None if reason else f"{arm}+placebo",
        wide=f"{arm}+wide",
        reason=reason,
    )


def _mean(backbone: str, arm: str) -> tuple[str, ...]:
    """Names the mean of all states where that is a control of an arm; its last state is none."""
    try:
        return (_shared(backbone, f"{arm}+mean"),)
    except OptionError:
        return ()


def _shared(backbone: str, name: str) -> str:
    """Gives the shortest name of a control, so that attentions that share it train it once."""
    plan = get(name).plan(_PROBE)
    for short in (backbone, f"{backbone}+none", f"{backbone}+mean"):
        try:
            if get(short).plan(_PROBE) == plan:
                return short
        except OptionError:  # a backbone without attention has no such control
            continue
    return name
