"""Arms of a trial on signals by name, in the grammar of those on forecasts.

preset                    wdcnn
preset+mechanism          wdcnn+eca
preset+mechanism@place    wdcnn+eca@block3, resnet1d+additive@pool
... +control              wdcnn+eca+placebo, mlstm-fcn+none
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import nn

from heedful import attention as mechanisms
from heedful.errors import OptionError, unknown
from heedful.models.arms import ArmName
from heedful.models.controls import UNLOOKING
from heedful.models.plan import Attention
from heedful.models.signals.design import Design
from heedful.models.signals.ensemble import Ensemble
from heedful.models.signals.network import SignalNetwork, drawn
from heedful.models.signals.places import PUBLISHED_GATES, kinds_of, why_no_placebo
from heedful.models.signals.presets import PRESETS, SignalPreset
from heedful.models.signals.shape import SignalShape
from heedful.models.signals.wide import WideSignal, parameters, widened


@dataclass(frozen=True, kw_only=True)
class SignalArm(ArmName):
    """An arm of a trial on signals.

    >>> SignalArm.read("resnet1d+se@block2+placebo")
    SignalArm(preset='resnet1d', mechanism='se', place='block2', control='placebo')
    """

    presets: ClassVar[Mapping[str, object]] = PRESETS

    @property
    def spec(self) -> SignalPreset:
        """The preset."""
        return PRESETS[self.preset]

    def places(self) -> tuple[str, ...]:
        """Lists the places that this arm is about: those of its mechanism, or all that its preset holds.

        Raises: UnknownName for an unknown mechanism or place; OptionError for a mechanism that has no place there.

        >>> SignalArm.read("mlstm-fcn+eca").places(), SignalArm.read("mlstm-fcn").places()
        (('conv1', 'conv2'), ('conv1', 'conv2'))
        """
        if self.mechanism is None:
            return tuple(self.spec.held)
        kinds = kinds_of(self.mechanism)
        fitting = [place for place, taken in self.spec.places.items() if set(taken) & set(kinds)]
        if self.place is not None and self.place not in self.spec.places:
            raise unknown(f"place of '{self.preset}'", self.place, self.spec.places)
        if not fitting or (self.place is not None and self.place not in fitting):
            raise self._misplaced(kinds, fitting)
        if self.place is not None:
            return (self.place,)
        usual = (self.spec.usual.get(kind, ()) for kind in kinds)
        return next(places for places in usual if places)

    def design(self, seed: int = 0) -> Design:
        """Gives the design, but for a control that is wide, which is `bare` until it knows a shape.

        Raises: OptionError for a mechanism or a control that the preset has no place for.

        >>> SignalArm.read("wdcnn+eca+placebo").design(3).attention
        {'block2': Attention(name='eca', options={}, placebo=3)}
        """
        own, held = self.places(), {place: Attention(name=name) for place, name in self.spec.held.items()}
        if self.mechanism is not None:
            held |= {place: Attention(name=self.mechanism) for place in own}
        if self.control is None:
            return Design(attention=held)
        looking = [place for place in own if held[place].name not in UNLOOKING]
        if not looking:
            raise OptionError(
                f"The control '{self.control}' needs attention to stand in for, got '{self.preset}' with "
                f"{self.mechanism or 'none'}. Name a mechanism, as in {self._example()}+{self.control}."
            )
        if self.control == "placebo":
            return Design(attention=held | self._placebos(held, looking, seed))
        if self.control == "mean":
            return Design(attention=held | self._means(held, looking))
        return Design(attention=_without(held, looking))

    def wide(self, shape: SignalShape) -> WideSignal:
        """Widens what is left without this arm's attention to as many parameters as it has."""
        network = self.spec.network
        wanted = parameters(network, shape, self.real.design())
        return widened(network, shape, replace(self, control="none").design(), wanted)

    def build(self, shape: SignalShape, seed: int = 0) -> nn.Module:
        """Builds the network from a seed: what it shares with the same preset without attention starts alike.

        An ensemble has members from as many seeds, none of which another seed's ensemble has.
        """
        count = self.spec.ensemble
        members = [self._member(shape, count * seed + i) for i in range(count)]
        return members[0] if count == 1 else Ensemble(members)

    def _member(self, shape: SignalShape, seed: int) -> SignalNetwork:
        network = self.spec.network
        if self.control == "wide":
            with drawn(seed):
                return network(shape, self.wide(shape).design, seed)
        design = self.design(seed)
        with drawn(seed):
            start = network(shape, Design(), seed)
        if not design.attention:
            return start
        with drawn(seed):
            model = network(shape, design, seed)
        common = dict(start.named_parameters())
        with torch.no_grad():
            for name, value in model.named_parameters():
                if name in common and common[name].shape == value.shape:
                    value.copy_(common[name])
        return model

    # --- controls -----------------------------------------------------------------------------------------

    def _placebos(self, held: Mapping[str, Attention], places: Iterable[str], seed: int) -> dict[str, Attention]:
        for place in places:
            if why := why_no_placebo(held[place].name):
                raise OptionError(f"'{held[place].name}' has no placebo: {why}. Compare it with none and wide only.")
        return {place: replace(held[place], placebo=seed) for place in places}

    def _means(self, held: Mapping[str, Attention], places: Iterable[str]) -> dict[str, Attention]:
        pooling = [place for place in places if "pooling" in kinds_of(held[place].name)]
        if not pooling:
            raise OptionError(
                f"The mean of all states is a control of pooling by attention, got "
                f"{', '.join(held[place].name for place in places)}, which pools no states. Compare it with none."
            )
        return {place: Attention(name="mean") for place in pooling}

    def _misplaced(self, kinds: tuple[str, ...], fitting: list[str]) -> OptionError:
        at = f" at {self.place}" if self.place else ""
        if not kinds:
            return OptionError(
                f"'{self.preset}' cannot hold '{self.mechanism}'{at}: it needs a second input, which no network of "
                "signals has. Take another mechanism."
            )
        if fitting:
            return OptionError(
                f"'{self.preset}' cannot hold '{self.mechanism}'{at}. Take {' or '.join(fitting)}, where it fits."
            )
        others = [
            name for name, preset in PRESETS.items() if set(kinds) & {k for t in preset.places.values() for k in t}
        ]
        what = "a published gate" if self.mechanism in PUBLISHED_GATES else f"a {_contract(self.mechanism)}"
        return OptionError(f"'{self.preset}' has no place for '{self.mechanism}', {what}. Take {' or '.join(others)}.")

    def _example(self) -> str:
        return f"{self.preset}+{'eca' if self.preset != 'attention-bilstm' else 'additive'}"


def _contract(name: str | None) -> str:
    return mechanisms.describe(str(name)).contract


def _without(held: Mapping[str, Attention], places: Iterable[str]) -> dict[str, Attention]:
    return {place: part for place, part in held.items() if place not in set(places)}
