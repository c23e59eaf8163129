"""The models that can be compared by name, each with what people should know before they trust it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

from heedful import attention as mechanisms
from heedful.errors import OptionError, unknown
from heedful.models.arms import CONTROLS, Arm
from heedful.models.plan import Plan
from heedful.models.presets import PRESETS
from heedful.models.published import PUBLISHED, AttentionLSTMForecaster
from heedful.models.shape import Shape


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model by name, and how it wants its data.

    `summary` says in one sentence what it is, with its known flaw. `scaling` is "minmax" (to 0 and 1 by train
    rows) for models that squash their output, "standard" for the rest. `single_value` tells that the model is
    published for one value and gets a wider last layer at a longer horizon. `recipe` names how it is trained.
    `plan` gives the parts it is composed of for a shape, None for a published model. Both take a seed too, which
    draws what a placebo looks at.
    """

    name: str
    kind: Literal["published", "preset"]
    summary: str
    scaling: Literal["minmax", "standard"]
    single_value: bool
    recipe: Literal["article", "modern", "long"]
    build: Callable[..., nn.Module]
    plan: Callable[..., Plan | None]


# --- published ----------------------------------------------------------------------------------------------


class PastOnly(nn.Module):
    """Lets a model that reads windows alone stand where others read known columns too."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, future: Tensor | None = None) -> Tensor:  # noqa: ARG002
        y: Tensor = self.model(x)
        return y


def _build_published(name: str, shape: Shape, seed: int = 0, **arguments: Any) -> nn.Module:  # noqa: ARG001
    if shape.multiple:
        raise OptionError(
            f"The model '{name}' is published for one target, got {len(shape.targets)}. Forecast them one by one, or "
            "take a preset such as 'heedful'."
        )
    if name == "attention_lstm":
        model: nn.Module = AttentionLSTMForecaster.from_article(
            features=shape.features, horizon=shape.horizon, **arguments
        )
    else:
        model = PUBLISHED[name].from_article(
            window=shape.window, features=shape.features, horizon=shape.horizon, **arguments
        )
    return PastOnly(model) if shape.known else model


def _no_plan(shape: Shape, seed: int = 0) -> None:  # noqa: ARG001
    return None


def _published(name: str, summary: str, scaling: Literal["minmax", "standard"] = "minmax") -> ModelSpec:
    return ModelSpec(
        name=name,
        kind="published",
        summary=summary,
        scaling=scaling,
        single_value=True,
        recipe="article",
        build=partial(_build_published, name),
        plan=_no_plan,
    )


_PUBLISHED = (
    _published(
        "cnn_lstm",
        "CNN-LSTM as it is copied around: it pools the whole window into one step, so its LSTM has nothing "
        "to remember and the order of the window changes nothing.",
    ),
    _published(
        "cnn_lstm_se",
        "The copied CNN-LSTM with what its article calls SE, a softmax over time, where SE gates channels; "
        "its LSTM still sees one step.",
    ),
    _published(
        "cnn_lstm_eca",
        "The copied CNN-LSTM with what its article calls ECA, a dense gate after the LSTM, where ECA is a small "
        "convolution across channels; its LSTM still sees one step.",
    ),
    _published(
        "cnn_lstm_cbam",
        "The copied CNN-LSTM with what its article calls CBAM, a softmax over time and one over channels, where CBAM "
        "has sigmoid gates from pooled maps; its LSTM still sees one step.",
    ),
    _published(
        "cnn_lstm_hw",
        "The copied CNN-LSTM with what its article calls height-and-width attention, a softmax over channels alone; "
        "its LSTM still sees one step.",
    ),
    _published(
        "attention_lstm",
        "LSTM whose states are pooled by additive attention over time: right as printed, but its "
        "article trains it on broadcast errors, which teach it the mean, and scores it on its training data.",
        scaling="standard",
    ),
)


# --- presets ------------------------------------------------------------------------------------------------


def _preset(name: str) -> ModelSpec:
    arm = Arm.read(name)
    return ModelSpec(
        name=name,
        kind="preset",
        summary=_summary(arm),
        scaling="standard",
        single_value=False,
        recipe=PRESETS[arm.preset].recipe,
        build=arm.build,
        plan=arm.plan,
    )


def _summary(arm: Arm) -> str:
    if arm.mechanism is None:
        what = PRESETS[arm.preset].summary
        return what if arm.control is None else f"`{arm.preset}` {CONTROLS[arm.control]}."
    known = mechanisms.describe(arm.mechanism)
    source = f"as in {known.source}" if known.source not in ("", "none") else "which has no paper behind it"
    where = f" as its {arm.place}" if arm.place else ""
    instead = f", {CONTROLS[arm.control]}" if arm.control else ""
    return f"`{arm.preset}` with the {known.contract} `{arm.mechanism}`{where}, {source}{instead}."


COMPARED = ("se", "eca", "cbam", "height_width")
"""Mechanisms that `cnn-lstm` is compared with by default."""

MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (*_PUBLISHED, *map(_preset, (*PRESETS, *(f"cnn-lstm+{mechanism}" for mechanism in COMPARED))))
}

DEFAULT: tuple[str, ...] = (
    *(spec.name for spec in _PUBLISHED),
    "cnn-lstm",
    *(f"cnn-lstm+{mechanism}" for mechanism in COMPARED),
    "heedful",
)


def names() -> list[str]:
    """Lists the names of all models; a preset also takes any mechanism behind a plus, as in "attention-gru+eca", and a
    control of it behind another, as in "attention-gru+eca+placebo".

    >>> "attention_lstm" in names()
    True
    """
    return list(MODELS)


_ARGUED = re.compile(r"(?P<name>\w+)\((?P<arguments>\w+=[\d.e-]+(, *\w+=[\d.e-]+)*)\)")


def _argued(name: str, base: str, text: str) -> ModelSpec:
    spec, pairs = get(base), (pair.split("=") for pair in text.replace(" ", "").split(","))
    arguments: dict[str, Any] = {key: int(value) if value.isdigit() else float(value) for key, value in pairs}
    PUBLISHED[base].from_article(**arguments)  # refuses an unknown one
    return replace(spec, name=name, build=partial(_build_published, base, **arguments))


def get(name: str) -> ModelSpec:
    """Finds a model by name.

    A published model takes its article's arguments behind its name, whole numbers or fractions.

    Raises: UnknownName, with the nearest name; OptionError for a mechanism that no plan has a place for.

    >>> get("cnn-lstm+eca").scaling, get("cnn_lstm(lstm_units=8)").kind
    ('standard', 'published')
    """
    if name in MODELS:
        return MODELS[name]
    if (found := _ARGUED.fullmatch(str(name))) and found["name"] in PUBLISHED:
        return _argued(name, found["name"], found["arguments"])
    if "+" not in str(name):
        raise unknown("model", name, MODELS)
    arm = Arm.read(name)
    probe = replace(arm, control="none") if arm.control == "wide" else arm  # a width is searched when it is needed
    probe.plan(Shape(8, 2))
    return _preset(name)
