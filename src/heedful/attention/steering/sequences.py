"""Self-attention whose weights are changed on their way to the values."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from heedful.attention.base import SequenceAttention, Weights
from heedful.attention.meeting.sequences import Mixing, mixing_of
from heedful.attention.sequences.scaled import visible
from heedful.attention.sequences.transformer_xl import TransformerXL
from heedful.attention.steering.steered import Steered


class SteeredSequence(Steered, SequenceAttention):
    """Mixes values by changed weights."""

    def attend(
        self,
        x: Tensor,
        context: Tensor,
        mask: Tensor | None,
        *,
        weights: bool,
    ) -> tuple[Tensor, Weights | None]:
        """Gives the output and, when asked, the changed weights."""
        formed = self.steering.real.attend(self, x, context, mask, weights=True)[1]
        own, near = x is context, _near(self, x, context)
        formed = self.changed(formed, time=mask if own else None, keys=mask, near=near)
        mix = cast("Mixing", mixing_of(self.steering.real))
        y = mix(self, x, context, formed if isinstance(formed, dict) else {"": formed}, mask)
        return y, formed if weights else None


def _near(module: SequenceAttention, x: Tensor, context: Tensor) -> Tensor | None:
    """Says which keys a query may see by their places (Q, K); None where all."""
    queries, keys = x.shape[1], context.shape[1]
    causal, window = bool(getattr(module, "causal", False)), getattr(module, "window", None)
    if isinstance(module, TransformerXL) and causal:
        # The last of the keys stands beside the last of the queries.
        return visible(keys, keys, True, None, x.device)[keys - queries :]  # type: ignore[index]
    near = visible(queries, keys, causal, window, x.device)
    added = bool(getattr(module, "learned_key", False)) + bool(getattr(module, "zero_key", False))
    return near if near is None or not added else torch.nn.functional.pad(near, (0, added), value=True)
