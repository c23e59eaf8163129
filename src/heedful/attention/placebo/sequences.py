"""Placebos of self-attention: queries and keys are made of positions only, values of the states that came."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from heedful.attention.base import SequenceAttention, Weights
from heedful.attention.meeting.sequences import delayed, finish_block
from heedful.attention.placebo.reference import Reference, Rows, for_batch
from heedful.attention.sequences.auto_correlation import AutoCorrelation
from heedful.attention.sequences.heads import HeadedAttention
from heedful.attention.sequences.interpretable import Interpretable
from heedful.attention.sequences.projected import ProjectedAttention, merge_heads, over_keys, split_heads
from heedful.attention.sequences.scaled import scaled_dot_product
from heedful.attention.sequences.set_blocks import ISAB, SAB, _Block
from heedful.attention.sequences.transformer_xl import TransformerXL

Attended = tuple[Tensor, Weights | None]


class SequencePlacebo(SequenceAttention):
    """Asks with frozen vectors of the positions, or with learned queries, for frozen vectors of the positions."""

    real: ClassVar[type[SequenceAttention]]
    reference: Reference
    queries: Rows
    learned: bool

    def frozen(self, x: Tensor, context: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Gives what queries (B, Q, D) and keys (B, K, D) are made of."""
        keys = for_batch(self.reference.like(context, mask), x.shape[0])
        if x is context:
            return keys, keys
        return x if self.learned else for_batch(self.queries.first(x.shape[1]), x.shape[0]), keys


class HeadedPlacebo(SequencePlacebo, HeadedAttention):
    """Mixes the values of the states by heads of queries and keys of positions."""

    def attend(self, x: Tensor, context: Tensor, mask: Tensor | None, *, weights: bool) -> Attended:
        """Gives the output and, if wanted, the weights."""
        q, k, _ = self.project(*self.frozen(x, context, mask))
        y, w = self.mix(q, k, self.project(x, context)[2], over_keys(mask), weights=weights)
        return self.finish(y, x, context, mask), w


class TransformerXLPlacebo(HeadedPlacebo, TransformerXL):
    """Mixes as the real one does, with its residual and norm if it has them."""

    def attend(  # type: ignore[override]
        self, x: Tensor, context: Tensor, mask: Tensor | None, *, weights: bool
    ) -> Attended:
        """Gives the output and, if wanted, the weights."""
        y, w = HeadedPlacebo.attend(self, x, context, mask, weights=weights)
        return (self.normalise(x + y) if self.norm else y), w


class ProjectedPlacebo(SequencePlacebo, ProjectedAttention):
    """Mixes the values of the states by queries and keys of positions."""

    def attend(self, x: Tensor, context: Tensor, mask: Tensor | None, *, weights: bool) -> Attended:
        """Gives the output and, when asked, the weights."""
        q, k, _ = self.project(*self.frozen(x, context, mask))
        y, w = self.mix(q, k, self.project(x, context)[2], mask, own=x is context, weights=weights)
        return self.output(merge_heads(y)), w


class InterpretablePlacebo(SequencePlacebo, Interpretable):
    """Mixes the one set of values by queries and keys of positions."""

    def attend(self, x: Tensor, context: Tensor, mask: Tensor | None, *, weights: bool) -> Attended:
        """Gives the output and, if wanted, the weights averaged over the heads."""
        for_queries, for_keys = self.frozen(x, context, mask)
        y, w = scaled_dot_product(
            split_heads(self.query(for_queries), self._heads),
            split_heads(self.key(for_keys), self._heads),
            self.value(context).unsqueeze(1).expand(-1, self._heads, -1, -1),
            mask=over_keys(mask),
            causal=self.causal,
            dropout=self.dropout if self.training else 0.0,
            weights=weights,
        )
        return self.output(y.mean(1)), None if w is None else w.mean(1)


class SABPlacebo(SequencePlacebo, SAB):
    """Mixes by positions; the residual of the block is made of the states."""

    def attend(self, x: Tensor, context: Tensor, mask: Tensor | None, *, weights: bool) -> Attended:
        """Gives the output and, when asked, the weights."""
        return _block(self.block, x, context, *self.frozen(x, context, mask), mask, weights)


class ISABPlacebo(SequencePlacebo, ISAB):
    """Gathers and spreads by positions; the inducing points are learned and stay."""

    def attend(self, x: Tensor, context: Tensor, mask: Tensor | None, *, weights: bool) -> Attended:
        """Gives the output and, when asked, both weights."""
        for_queries, for_keys = self.frozen(x, context, mask)
        induce = self.induce.expand(x.shape[0], -1, -1)
        placed, _ = self.gather(induce, for_keys, mask, False)
        h, gather = _block(self.gather, induce, context, induce, for_keys, mask, weights)
        y, spread = _block(self.spread, x, h, for_queries, placed, None, weights)
        return y, None if gather is None or spread is None else {"gather": gather, "spread": spread}


def _block(
    block: _Block,
    x: Tensor,
    context: Tensor,
    for_queries: Tensor,
    for_keys: Tensor,
    mask: Tensor | None,
    weights: bool,
) -> tuple[Tensor, Tensor | None]:
    made = (block.query(for_queries), block.key(for_keys), block.value(context))
    q, k, v = (split_heads(one, block.heads) for one in made)
    mixed, shown = scaled_dot_product(q, k, v, mask=over_keys(mask), scale=x.shape[-1] ** -0.5, weights=weights)
    return finish_block(block, x, mixed), shown


class AutoCorrelationPlacebo(SequencePlacebo, AutoCorrelation):
    """Delays the values by the lags at which the vectors of the positions agree best."""

    def attend(self, x: Tensor, context: Tensor, mask: Tensor | None, *, weights: bool) -> Attended:
        """Gives the output and, when asked, the weights of the lags."""
        for_queries, for_keys = self.frozen(x, context, mask)
        asking = for_keys if x is context else for_queries
        lags = AutoCorrelation.attend(self, asking, for_keys, mask, weights=True)[1]
        if not isinstance(lags, Tensor):
            return AutoCorrelation.attend(self, x, context, mask, weights=weights)
        return delayed(self, x, context, {"": lags}, mask), lags if weights else None
