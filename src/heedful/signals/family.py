"""The family of a controlled trial on recordings: every attention with the arms that it must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import torch

from heedful import attention as mechanisms
from heedful.errors import OptionError
from heedful.models.controls import UNLOOKING
from heedful.models.signals import SignalShape, get
from heedful.models.signals.arms import SignalArm
from heedful.models.signals.places import why_no_placebo
from heedful.trial.family import ALL, Question

_PROBE = SignalShape(2, 3, 96)


def questions(attentions: str | Sequence[str], backbones: str | Sequence[str]) -> tuple[Question, ...]:
    """Asks each attention on each backbone.

    Args:
        attentions: names of mechanisms, or "all" for every one that a backbone has a place for; a place behind an @.
        backbones: names of presets of signals.

    Raises: UnknownName for an unknown name; OptionError for a mechanism that a backbone has no place for.

    >>> [asked] = questions("eca", "wdcnn")
    >>> asked.arms
    ('wdcnn+eca', 'wdcnn', 'wdcnn+eca+placebo', 'wdcnn+eca+wide')
    """
    names, presets = _words(attentions), _words(backbones)
    if not names or not presets:
        raise OptionError("A trial needs at least one attention and one backbone, got none.")
    pairs = [(name, preset) for preset in presets for name in (_all(preset) if names == (ALL,) else names)]
    return tuple(dict.fromkeys(_question(*pair) for pair in pairs))


def sized(asked: Sequence[Question], shape: SignalShape) -> tuple[Question, ...]:
    """Settles the wide controls for the sizes of the windows: one that adds nothing is the network without attention.

    >>> [found] = sized(questions("simam", "wdcnn"), SignalShape(1, 4, 256))
    >>> found.wide
    'wdcnn'
    """
    return tuple(_sized(question, shape) for question in asked)


def _words(words: str | Sequence[str]) -> tuple[str, ...]:
    found = [word.strip() for word in words.split(",")] if isinstance(words, str) else words
    return tuple(dict.fromkeys(word for word in found if word))


def _all(preset: str) -> tuple[str, ...]:
    get(preset)
    return tuple(name for name in mechanisms.names() if name not in UNLOOKING and _fits(f"{preset}+{name}"))


def _fits(arm: str) -> bool:
    try:
        SignalArm.read(arm).design()
    except OptionError:
        return False
    return True


def _question(attention: str, backbone: str) -> Question:
    if attention in UNLOOKING:
        raise OptionError(f"'{attention}' looks at nothing: it is a control, which stands beside every pooling anyway.")
    arm = f"{backbone}+{attention}"
    get(arm)
    reason = why_no_placebo(attention.partition("@")[0])
    return Question(
        attention=attention,
        backbone=backbone,
        arm=arm,
        none=tuple(dict.fromkeys(_shared(name) for name in (f"{arm}+none", f"{arm}+mean") if _fits(name))),
        placebo=None if reason else f"{arm}+placebo",
        wide=f"{arm}+wide",
        reason=reason or "",
    )


def _shared(name: str) -> str:
    """Gives the shortest name of a control that is the same network, so that attentions share it and train it once."""
    for short in (SignalArm.read(name).preset, f"{SignalArm.read(name).preset}+none"):
        if _fits(short) and _same(short, name):
            return short
    return name


@cache
def _same(one: str, other: str) -> bool:
    """Says whether two arms are the same network: built from one seed they say the same to the same windows."""
    x = torch.randn(3, _PROBE.window, _PROBE.channels, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([_PROBE.window, _PROBE.window // 2, _PROBE.window - 1])
    with torch.inference_mode():
        said = [SignalArm.read(name).build(_PROBE).eval()(x, lengths) for name in (one, other)]
    return torch.equal(*said)


def _sized(question: Question, shape: SignalShape) -> Question:
    found = SignalArm.read(question.wide).wide(shape)
    bare = SignalArm.read(question.none[0]).design()
    return replace(question, wide=question.none[0] if found.design == bare else question.wide, size=found.note)
