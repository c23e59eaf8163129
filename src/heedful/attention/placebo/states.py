"""Placebos of the poolings: reference states are scored, and the weights they get pool the states that came."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from heedful.attention.base import StateAttention
from heedful.attention.meeting.states import WeighedTPA
from heedful.attention.placebo.reference import Reference, Rows, for_batch, steady
from heedful.attention.states.pma import PMA


class StatePlacebo(StateAttention):
    """Weighs frozen states, asked by a frozen query unless queries are learned, and pools the states that came."""

    real: ClassVar[type[StateAttention]]
    reference: Reference
    queries: Rows
    learned: bool

    def weigh(self, states: Tensor, mask: Tensor | None = None, query: Tensor | None = None) -> Any:
        """Gives the weights of the reference, the same for all states."""
        batch, frozen = states.shape[0], self.reference.like(states, mask)
        asked = self.frozen_query(query, frozen.shape[0])
        if asked is not None and asked.shape[0] != frozen.shape[0]:
            frozen = frozen.expand(batch, -1, -1)
        with steady(self):
            weights = self.real.weigh(self, frozen, mask, asked)
        self.reference.follow(states, mask)
        if isinstance(weights, dict):
            return {part: for_batch(w, batch) for part, w in weights.items()}
        return for_batch(weights, batch)

    def frozen_query(self, query: Tensor | None, rows: int) -> Tensor | None:
        """Gives the query that stands in for the one that came; a learned one depends on no input and stays."""
        if query is None or self.learned:
            return query
        several = query if query.ndim == 3 else query.unsqueeze(1)
        frozen = self.queries.first(several.shape[1]).to(query.dtype).expand(rows, -1, -1)
        self.queries.follow(several)
        return frozen if query.ndim == 3 else frozen[:, 0]


class PMAPlacebo(StatePlacebo, PMA):
    """Weighs frozen states behind the layer that all states of this pooling pass first."""

    def weigh(self, states: Tensor, mask: Tensor | None = None, query: Tensor | None = None) -> Tensor:
        """Gives the weights of the reference (B, N, seeds, T)."""
        return self._weigh(states, mask, query)

    def _weigh(self, states: Tensor, mask: Tensor | None, query: Tensor | None) -> Tensor:
        frozen = self._prepare(self.reference.like(states, mask))
        return for_batch(PMA._weigh(self, frozen, mask, query), states.shape[0])


class TPAPlacebo(StatePlacebo, WeighedTPA):
    """Weighs the numbers of frozen states, and pools what the filters see of those that came."""


def learns(weights: Any) -> bool:
    """Says whether any parameter forms these weights."""
    named = weights if isinstance(weights, dict) else {"": weights}
    return any(isinstance(w, torch.Tensor) and w.requires_grad for w in named.values())
