"""The family of a controlled trial, fixed before looking: every attention with the arms that it must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heedful import attention as mechanisms
from heedful.errors import OptionError
from heedful.models import Shape, get
from heedful.models.controls import UNLOOKING, no_placebo, placements

ALL = "all"
_PROBE = Shape(24, 2, 4)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Does this attention help on this backbone? Asked of models by name.

    `none` are the same backbone without the attention, `placebo` has its weights computed from a frozen reference in
    place of the input (None, with a `reason`, where that cannot be built), `wide` is the backbone without it, as
    large as with it.
    """

    attention: str
    backbone: str
    arm: str
    none: tuple[str, ...]
    placebo: str | None
    wide: str
    reason: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """All models that have to be trained to answer."""
        return (self.arm, *self.none, *((self.placebo,) if self.placebo else ()), self.wide)


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
