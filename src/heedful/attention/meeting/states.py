"""How the weights of the poolings meet their states: by `pool`, but for one that does more on its way."""

from __future__ import annotations

from torch import Tensor

from heedful.attention.base import check_states, observe, resolve_mask
from heedful.attention.states.tpa import TPA


class WeighedTPA(TPA):
    """Pools by whatever `weigh` gives, so that a subclass can give other weights."""

    def forward(
        self,
        states: Tensor,
        query: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        check_states(self, states, self.width)
        mask = resolve_mask(self, states, states.shape[1], mask, lengths)
        weights: Tensor = self.weigh(states, mask, query)
        if mask is not None:
            weights = weights.masked_fill(~mask.any(-1, keepdim=True), 0.0)
        observe(self, weights)
        y = self._pool(self.patterns(states, mask, query), weights, self._ask(states, mask, query))
        return y if mask is None else y.masked_fill(~mask.any(-1, keepdim=True), 0.0)
