"""Placebos of the cells: a cell forms its weights on a frozen sequence, and they steer it through the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from heedful.attention.base import Cell, Weights
from heedful.attention.cells.decoder import Decoder, Memory
from heedful.attention.cells.scored import _Scored
from heedful.attention.meeting.cells import Reading, reading_of
from heedful.attention.placebo.reference import Reference, Rows, for_batch
from heedful.errors import ShapeError


class CellPlacebo(Cell):
    """Forms the weights of every step on frozen inputs; a subclass says how a step takes weights that are given."""

    real: ClassVar[type[Cell]]
    reference: Reference

    def told(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Gives the weights (B, T, ...) that the real cell forms when it reads the reference."""
        weights = self.real.unroll(self, self.reference.like(x, mask), mask)[1]
        return for_batch(weights if isinstance(weights, Tensor) else x.new_zeros(1), x.shape[0])


class WeighingPlacebo(Cell):
    """Serves cells that weigh a whole sequence in one method, before they read it."""

    real: ClassVar[Any]
    reference: Reference

    def weigh(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Gives the weights of the reference."""
        return for_batch(self.real.weigh(self, self.reference.like(x, mask), mask), x.shape[0])


class ScoredPlacebo(_Scored):
    """Takes the mean of the scores that came in training for those that come."""

    reference: Reference

    def scores_of(self, x: Tensor, context: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """Checks the scores (B, T), and gives those of the reference, counted back from the last real step."""
        given = super().scores_of(x, context)
        scores = for_batch(self.reference.like(given, mask), x.shape[0])
        if self.training:
            # What is frozen now must not move under the pass that uses it.
            scores = scores.clone()
        self.reference.follow(given, mask)
        return scores


class ReadingPlacebo(CellPlacebo):
    """Reads what comes by weights that it forms on frozen inputs."""

    def unroll(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        context: Tensor | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Weights | None]:
        """Gives the states and the weights of every step."""
        weights = self.told(x, mask)
        read = cast("Reading", reading_of(self.real))
        return read(self, x, weights, mask), weights


# --- decoders -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Told(Memory):
    """A memory that is read by weights (B, K) settled beforehand, one row at every step."""

    rows: Iterator[Tensor]

    def read(self, scores: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Gives the context (B, M) and the weights (B, K) of this step, whatever the scores."""
        weights = next(self.rows)
        return torch.bmm(weights.unsqueeze(1), self.values).squeeze(1), weights


class DecoderPlacebo(Decoder):
    """Reads its memory by weights that it forms on a frozen memory, asked while it reads frozen inputs."""

    real: ClassVar[type[Decoder]]
    reference: Reference
    queries: Rows

    def _remember(self, x: Tensor, context: Tensor | None, mask: Tensor | None) -> Memory:
        memory = super()._remember(x, context, mask)
        frozen = self.reference.like(memory.values, mask)
        kept = super()._remember(frozen, frozen, mask)
        inputs = self.queries.value.expand(frozen.shape[0], -1, -1)
        return Told(
            values=memory.values,
            keys=memory.keys,
            mask=mask,
            normaliser=self.normaliser,
            rows=self._rows(inputs, kept, x.shape[0]),
        )

    def _rows(self, inputs: Tensor, kept: Memory, batch: int) -> Iterator[Tensor]:
        state = self.begin(kept, None)
        for x in inputs.unbind(1):
            _, weights, state = self.step(x, state, kept)
            yield for_batch(weights, batch)
        raise ShapeError(
            f"This placebo has frozen inputs for {inputs.shape[1]} steps, got more to decode. Build the placebo with "
            "more queries."
        )
