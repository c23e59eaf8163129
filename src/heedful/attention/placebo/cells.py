"""Placebos of the cells: a cell forms its weights on a frozen sequence, and they steer it through the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from heedful.attention.base import Cell, Weights
from heedful.attention.cells.da_rnn import DARNNInput
from heedful.attention.cells.decoder import Decoder, Memory
from heedful.attention.cells.ele_att import EleAttGRU, EleAttLSTM
from heedful.attention.cells.lstmn import LSTMN
from heedful.attention.cells.scored import _Scored
from heedful.attention.cells.steps import State, dense_by_step, read_lstm, step_lstm, walk
from heedful.attention.cells.tpa_lstm import TPALSTM
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


class _WeighedLSTM(CellPlacebo):
    """Weighs what an LSTM reads by weights formed on frozen inputs."""

    def unroll(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        context: Tensor | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Weights | None]:
        """Gives the states and the weights of what was read."""
        weights = self.told(x, mask)
        return _lstm(cast("EleAttLSTM | DARNNInput", self), x * weights, mask), weights


class EleAttLSTMPlacebo(_WeighedLSTM, EleAttLSTM):
    """Weighs the elements of each input by gates formed on frozen inputs."""


class DARNNInputPlacebo(_WeighedLSTM, DARNNInput):
    """Weighs the series at every step by weights formed on frozen series."""


def _lstm(cell: EleAttLSTM | DARNNInput, x: Tensor, mask: Tensor | None) -> Tensor:
    zeros = x.new_zeros(x.shape[0], cell.output_width)

    def step(state: State, now: State) -> tuple[State, State]:
        h, c = step_lstm(cell.lstm, now[0], *state)
        return (h, c), (h,)

    return walk(step, (zeros, zeros), (read_lstm(cell.lstm, x),), mask)[0]


class EleAttGRUPlacebo(CellPlacebo, EleAttGRU):
    """Weighs the elements of each input by gates formed on frozen inputs."""

    def unroll(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        context: Tensor | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Weights | None]:
        """Gives the states and the weights of the inputs."""
        weights = self.told(x, mask)

        def step(state: State, now: State) -> tuple[State, State]:
            (h,), (gates, candidate) = state, now
            r, u = self.unit.gate(gates, h).chunk(2, -1)
            h = u * h + (1 - u) * self.unit.propose(candidate, r * h)
            return (h,), (h,)

        zeros = x.new_zeros(x.shape[0], self.output_width)
        return walk(step, (zeros,), self.unit.read(x * weights), mask)[0], weights


class LSTMNPlacebo(CellPlacebo, LSTMN):
    """Mixes its own earlier states by weights formed on frozen inputs."""

    def unroll(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        context: Tensor | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Weights | None]:
        """Gives the states and the weights of the earlier ones."""
        weights = self.told(x, mask)
        mixed = x.new_zeros(x.shape[0], 2 * self.output_width)
        tape: list[Tensor] = []
        for t, seen in enumerate(read_lstm(self.lstm, x).unbind(1)):
            if t:
                new = torch.bmm(weights[:, t : t + 1, :t], torch.stack(tape, 1)).squeeze(1)
                mixed = new if mask is None else torch.where(mask[:, t, None], new, mixed)
            tape.append(torch.cat(step_lstm(self.lstm, seen, *mixed.chunk(2, -1)), -1))
        return torch.stack(tape, 1)[..., : self.output_width], weights


class TPALSTMPlacebo(CellPlacebo, TPALSTM):
    """Weighs the patterns of its last outputs by weights formed on frozen inputs."""

    def unroll(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        context: Tensor | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Weights | None]:
        """Gives the outputs and the weights of the units."""
        weights = self.told(x, mask)
        zeros = x.new_zeros(x.shape[0], self.output_width)

        def step(state: State, now: State) -> tuple[State, State]:
            (h, c, v, *last), (x, a) = state, now
            h, c = step_lstm(self.lstm, read_lstm(self.lstm, self.input(torch.cat([x, v], -1))), h, c)
            patterns = dense_by_step(self.pattern, torch.stack(last, -1))
            pooled = torch.bmm(a.unsqueeze(1), patterns).squeeze(1)
            v = self.attend(torch.cat([c, h, pooled], -1))
            y = self.output(torch.cat([h, v], -1))
            return (h, c, v, *last[1:], y), (y,)

        return walk(step, (zeros,) * (3 + self.window), (x, weights), mask)[0], weights


# --- decoders -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Told(Memory):
    """A memory that is read by weights settled beforehand, one row at every step."""

    rows: Iterator[Tensor]

    def read(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the context (B, M) and the weights (B, K) of this step, whatever the scores."""
        weights = for_batch(next(self.rows), scores.shape[0])
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
            rows=self._rows(inputs, kept),
        )

    def _rows(self, inputs: Tensor, kept: Memory) -> Iterator[Tensor]:
        state = self.begin(kept, None)
        for x in inputs.unbind(1):
            _, weights, state = self.step(x, state, kept)
            yield weights
        raise ShapeError(
            f"This placebo has frozen inputs for {inputs.shape[1]} steps, got more to decode. Build the placebo with "
            "more queries."
        )
