"""Mechanisms for maps whose weights are changed on their way to the input."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from heedful.attention.base import Gate, GuidedAttention, MapAttention, Weights
from heedful.attention.meeting.maps import GUIDED, Meeting, form, meeting_of
from heedful.attention.steering.steered import Steered, learning_once, wanted


class SteeredGate(Steered, Gate):
    """Multiplies by changed weights."""

    def weigh(self, x: Tensor, mask: Tensor | None = None) -> Any:
        """Gives the changed weights."""
        return self.changed(self.steering.real.weigh(self, x, mask), time=mask)


class SteeredMap(Steered, MapAttention):
    """Applies changed weights to the input."""

    def attend(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Weights | None]:
        """Gives the output and the changed weights."""
        with learning_once(self) as formed:
            with wanted(self):
                weights = form(self, self.steering.real, x, mask)
            weights = self.changed(weights, time=mask, keys=mask)
            formed()
            meet = cast("Meeting", meeting_of(self.steering.real))
            return meet(self, x, weights if isinstance(weights, dict) else {"": weights}, mask), weights


class SteeredGuided(Steered, GuidedAttention):
    """Applies changed weights to the input and its guide."""

    def attend(
        self, x: Tensor, mask: Tensor | None = None, guide: Tensor | None = None
    ) -> tuple[Tensor, Weights | None]:
        """Gives the output and the changed weights."""
        with learning_once(self) as formed:
            weights = self.changed(self.steering.real.attend(self, x, mask, guide)[1], time=mask)
            formed()
            meet = next(GUIDED[kind] for kind in self.steering.real.__mro__ if kind in GUIDED)
            return meet(self, x, cast("Tensor", guide), {"": weights}, mask), weights
