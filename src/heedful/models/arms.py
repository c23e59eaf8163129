"""Arms of a trial by name: a preset, the mechanism put into it, and the control that stands in its place.

preset                    cnn-lstm
preset+mechanism          cnn-lstm+eca
preset+mechanism@place    cnn-lstm+additive@decoder
... +control              cnn-lstm+eca+placebo, heedful+none
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from torch import nn

from heedful.errors import OptionError, unknown
from heedful.models import controls
from heedful.models.compose import compose
from heedful.models.plan import Plan
from heedful.models.presets import PRESETS
from heedful.models.shape import Shape

CONTROLS = {
    "none": "without its attention",
    "mean": "with the mean of all states in place of attention",
    "placebo": "with attention that looks at a frozen reference in place of the input",
    "wide": "without its attention, widened to as many parameters",
}


@dataclass(frozen=True, kw_only=True)
class ArmName:
    """What the name of an arm says: a preset with a mechanism in a place, or the control that has to be beaten there.

    `mechanism` is None for the preset as it is, `place` for the one that the mechanism's contract names, `control`
    for the real thing. A subclass says which presets there are, and what they are built of.
    """

    presets: ClassVar[Mapping[str, object]] = {}

    preset: str
    mechanism: str | None = None
    place: str | None = None
    control: str | None = None

    @classmethod
    def read(cls, name: str) -> Self:
        """Reads the name of an arm.

        Raises: UnknownName for an unknown preset or control; OptionError for more words than an arm has.

        >>> Arm.read("cnn-lstm+eca+placebo")
        Arm(preset='cnn-lstm', mechanism='eca', place=None, control='placebo')
        """
        preset, *words = name.split("+")
        if preset not in cls.presets:
            raise unknown("preset", preset, cls.presets)
        control = words.pop() if words and words[-1] in CONTROLS and (len(words) > 1 or words != ["mean"]) else None
        if len(words) > 1:
            raise unknown("control", words[1], CONTROLS)
        mechanism, _, place = words[0].partition("@") if words else ("", "", "")
        return cls(preset=preset, mechanism=mechanism or None, place=place or None, control=control)

    @property
    def real(self) -> Self:
        """The arm that this one is a control of."""
        return replace(self, control=None)


@dataclass(frozen=True, kw_only=True)
class Arm(ArmName):
    """An arm of a forecasting trial."""

    presets: ClassVar[Mapping[str, object]] = PRESETS

    def plan(self, shape: Shape, seed: int = 0) -> Plan:
        """Gives the plan for a shape; `seed` draws what a placebo looks at.

        Raises: OptionError for a mechanism or a control that the preset has no place for.
        """
        plan = PRESETS[self.preset].plan(shape)
        held = None
        if self.mechanism is not None:
            plan = controls.placed(plan, self.mechanism, self.place)
            held = next((at for at, name in controls.attentions(plan).items() if name == self.mechanism), None)
        if self.control is None:
            return plan
        if held is None and not controls.attentions(plan):
            raise OptionError(
                f"The control '{self.control}' needs attention to stand in for, got '{self.preset}' with none. "
                f"Name a mechanism too, as in {self.preset}+eca+{self.control}."
            )
        if self.control == "placebo":
            return controls.placebo(plan, seed, held)
        if self.control == "mean":
            return controls.mean_pooling(plan, held)
        bare = controls.none(plan, held)
        return bare if self.control == "none" else controls.wide(bare, shape, controls.parameters(plan, shape)).plan

    def build(self, shape: Shape, seed: int = 0) -> nn.Module:
        """Builds the network: what it shares with the same preset without attention starts from the same weights."""
        plan = self.plan(shape, seed)
        if self.control == "wide" or not controls.attentions(plan):
            return compose(plan, shape)
        return controls.compose_alike(plan, shape, controls.none(plan))
