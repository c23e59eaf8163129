"""Placebos of the mechanisms for maps: the module weighs a reference map, and its weights meet the input."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from heedful.attention.base import MapAttention, Weights
from heedful.attention.meeting.maps import form, meeting_of, product
from heedful.attention.placebo.reference import Reference, for_batch, steady


class MapPlacebo(MapAttention):
    """Weighs a frozen map, one of its own for each of its weights, and applies the weights to the input."""

    real: ClassVar[type[MapAttention]]
    reference: Reference

    def weigh(self, x: Tensor, mask: Tensor | None = None) -> Any:
        """Gives the weights of the reference, the same for every x."""
        rows = self.reference.value.shape[0]
        frozen = self.reference.like(x, mask)
        real = None if mask is None else mask.repeat(rows, 1)
        with steady(self):
            formed = form(self, self.real, frozen, real)
        named = formed if isinstance(formed, dict) else {"": formed}
        found = {
            part: for_batch(torch.unflatten(w, 0, (rows, -1))[min(row, rows - 1)], x.shape[0])
            for row, (part, w) in enumerate(named.items())
        }
        self.reference.follow(x, mask)
        return found if isinstance(formed, dict) else found[""]

    def attend(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Weights | None]:
        """Gives the output and the weights."""
        weights: Weights = self.weigh(x, mask)
        meet = meeting_of(self.real) or product
        return meet(self, x, weights if isinstance(weights, dict) else {"": weights}, mask), weights
