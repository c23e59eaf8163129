"""Cells and decoders whose weights are changed on their way to what they read.

Where a cell's weights depend on its states, they are formed in a pass of their own, and the cell reads again by the
changed ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from heedful.attention.base import Cell, StateAttention, Weights
from heedful.attention.cells.decoder import Decoder, Memory
from heedful.attention.cells.lstmn import LSTMN
from heedful.attention.cells.scored import _Scored
from heedful.attention.cells.steps import State
from heedful.attention.meeting.cells import Reading, reading_of
from heedful.attention.sequences.scaled import visible
from heedful.attention.steering.states import SteeredState
from heedful.attention.steering.steered import Steered, turned


class SteeredReading(Steered, Cell):
    """Reads by changed weights."""

    def unroll(
        self, x: Tensor, mask: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Weights | None]:
        """Gives the states and the changed weights."""
        weights = self.steering.real.unroll(self, x, mask, context)[1]
        near = None
        if issubclass(self.steering.real, LSTMN):
            # A step sees the steps before it, not itself.
            near = cast("Tensor", visible(x.shape[1], x.shape[1], True, None, x.device)).tril(-1)
        weights = self.changed(weights, time=mask, keys=mask, near=near)
        read = cast("Reading", reading_of(self.steering.real))
        return read(self, x, weights, mask), weights


class SteeredWeighing(Steered, Cell):
    """Serves cells that weigh a whole sequence in one method, before they read it."""

    def weigh(self, x: Tensor, mask: Tensor | None = None) -> Any:
        """Gives the changed weights."""
        return self.changed(self.steering.real.weigh(self, x, mask), time=mask)


class SteeredScored(Steered, _Scored):
    """Reads by changed scores."""

    def scores_of(self, x: Tensor, context: Tensor | None, mask: Tensor | None = None) -> Any:
        """Checks the scores (B, T), and gives the changed ones."""
        return self.changed(self.steering.real.scores_of(self, x, context, mask), time=mask)


@dataclass(frozen=True, kw_only=True)
class _Changed(Memory):
    """A memory that is read by changed weights."""

    inside: Memory
    change: Callable[[Tensor], Tensor]

    def read(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the context (B, M) and the changed weights (B, K) of this step."""
        weights = self.change(self.inside.read(scores)[1])
        return torch.bmm(weights.unsqueeze(1), self.values).squeeze(1), weights


class SteeredDecoder(Steered, Decoder):
    """Reads its memory by changed weights; those of a step are changed before the next one is taken."""

    def step(self, x: Tensor, state: State, memory: Memory) -> Any:
        """Takes a step; a pooling that the decoder asks is the one whose weights are changed."""
        inside = next((one for one in self.modules() if isinstance(one, StateAttention)), None)
        if inside is None:
            return self.steering.real.step(self, x, state, memory)
        with turned(inside, SteeredState, "", lambda name, part, w, axes, places: self._row(w, memory.mask)):  # noqa: ARG005
            return self.steering.real.step(self, x, state, memory)

    def _remember(self, x: Tensor, context: Tensor | None, mask: Tensor | None) -> Memory:
        memory: Memory = self.steering.real._remember(self, x, context, mask)
        return _Changed(
            values=memory.values,
            keys=memory.keys,
            mask=memory.mask,
            normaliser=memory.normaliser,
            inside=memory,
            change=lambda w: self._row(w, memory.mask),
        )

    def _row(self, w: Tensor, mask: Tensor | None) -> Tensor:
        changed: Tensor = self.changed(w.unsqueeze(1), keys=mask)
        return changed.squeeze(1)
