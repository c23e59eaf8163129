"""The models of signals by name, each with what people should know before they trust it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from torch import nn

from heedful import attention as mechanisms
from heedful.errors import unknown
from heedful.models.arms import CONTROLS
from heedful.models.signals import published
from heedful.models.signals.arms import SignalArm
from heedful.models.signals.network import drawn
from heedful.models.signals.places import PUBLISHED_GATES
from heedful.models.signals.presets import PRESETS
from heedful.models.signals.shape import SignalShape

AUGMENTS: Mapping[str, Mapping[str, int | float]] = {"archive": {"jitter": 0.05, "scaling": 0.1, "shift": 8}}
"""What is done to training windows, by recipe; of seven ways on folds of train files it had the smallest log loss."""


@dataclass(frozen=True, kw_only=True)
class SignalSpec:
    """A model of signals by name, and how it wants its data.

    `summary` says in one sentence what it is. `recipe` names how it is trained: "signals" for long recordings,
    "archive" for small sets of short series, "orders" for envelope spectra, "article" as a published model's article
    does. `scaling` is "standard" (each channel by its mean and deviation over the training samples) or another word of
    the scaler's, `augment` what is done to training windows by default, as options by name. `reads_speed` says whether
    it reads the speed of the shaft where that is known. `ensemble` is how many networks vote.
    `build(shape, seed=0)` draws everything from the seed.
    """

    name: str
    summary: str
    recipe: Literal["signals", "archive", "orders", "article"]
    scaling: Literal["none", "standard", "window"]
    build: Callable[..., nn.Module]
    augment: Mapping[str, int | float] = field(default_factory=dict)
    ensemble: int = 1
    reads_speed: bool = False


def names() -> list[str]:
    """Lists the names of all models of signals; a preset also takes any mechanism behind a plus, with a place behind an
    at sign, as in "wdcnn+eca@block3", and a control of it behind another plus, as in "wdcnn+eca+placebo".

    >>> "resnet1d" in names(), "published:wdcnn" in names()
    (True, True)
    """
    return [*PRESETS, *published.names()]


def get(name: str) -> SignalSpec:
    """Finds a model of signals by name.

    Raises: UnknownName for an unknown model, mechanism, place or control, with the nearest; OptionError for a mechanism
            or control that a preset has no place for.

    >>> import torch
    >>> model = get("wdcnn+eca").build(SignalShape(1, 10, 2048))
    >>> model(torch.zeros(2, 2048, 1)).shape
    torch.Size([2, 10])
    """
    if name in published.names():
        return _published(name)
    if "+" not in str(name) and name not in PRESETS:
        raise unknown("model of signals", name, names())
    arm = SignalArm.read(name)
    arm.design()
    preset = PRESETS[arm.preset]
    return SignalSpec(
        name=name,
        summary=_summary(arm),
        recipe=preset.recipe,
        scaling="standard",
        augment=AUGMENTS.get(preset.recipe, {}),
        build=arm.build,
        ensemble=preset.ensemble,
        reads_speed=hasattr(preset.network, "reads_speed"),
    )


def _published(name: str) -> SignalSpec:
    own = name.removeprefix("published:")
    return SignalSpec(
        name=name,
        summary=published.SUMMARIES[own],
        recipe="article",
        scaling="standard",
        build=partial(_build_published, own),
    )


def _build_published(name: str, shape: SignalShape, seed: int = 0) -> nn.Module:
    with drawn(seed):
        return published.build(name, shape)


def _summary(arm: SignalArm) -> str:
    if arm.mechanism is None:
        what = PRESETS[arm.preset].summary
        return what if arm.control is None else f"`{arm.preset}` {CONTROLS[arm.control]}."
    where, instead = " and ".join(arm.places()), f", {CONTROLS[arm.control]}" if arm.control else ""
    if arm.mechanism in PUBLISHED_GATES:
        return f"`{arm.preset}` with a gate at {where} exactly as an article prints it{instead}."
    known = mechanisms.describe(arm.mechanism)
    source = f"as in {known.source}" if known.source not in ("", "none") else "which has no paper behind it"
    return f"`{arm.preset}` with the {known.contract} `{arm.mechanism}` at {where}, {source}{instead}."
