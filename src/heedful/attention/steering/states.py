"""Poolings whose weights are changed on their way to the states."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from heedful.attention.base import StateAttention
from heedful.attention.meeting.states import WeighedTPA
from heedful.attention.states.pma import PMA
from heedful.attention.steering.steered import Steered


class SteeredState(Steered, StateAttention):
    """Pools by changed weights."""

    def weigh(self, states: Tensor, mask: Tensor | None = None, query: Tensor | None = None) -> Any:
        """Gives the changed weights."""
        return self.changed(self.steering.real.weigh(self, states, mask, query), time=mask)


class SteeredControl(SteeredState):
    """Pools by changed weights, which the control itself never forms."""

    forward = StateAttention.forward


class SteeredPMA(Steered, PMA):
    """Pools by changed weights, formed behind the layer that all states of this pooling pass first."""

    def _weigh(self, states: Tensor, mask: Tensor | None, query: Tensor | None) -> Tensor:
        changed: Tensor = self.changed(self.steering.real._weigh(self, states, mask, query), time=mask)
        return changed


class SteeredTPA(SteeredState, WeighedTPA):
    """Pools by changed weights."""
