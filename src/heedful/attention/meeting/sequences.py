"""How the weights of self-attention meet its values: y = w v, and what each mechanism does before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from heedful.attention.sequences.auto_correlation import AutoCorrelation
from heedful.attention.sequences.differential import Differential
from heedful.attention.sequences.heads import HeadedAttention
from heedful.attention.sequences.interpretable import Interpretable
from heedful.attention.sequences.linformer import Linformer
from heedful.attention.sequences.multi_head import MultiHead
from heedful.attention.sequences.nystrom import Nystrom
from heedful.attention.sequences.probsparse import ProbSparse
from heedful.attention.sequences.projected import merge_heads, only_real, split_heads
from heedful.attention.sequences.scaled import repeat_heads
from heedful.attention.sequences.set_blocks import ISAB, SAB, _Block
from heedful.attention.sequences.shaw import Shaw
from heedful.attention.sequences.transformer_xl import TransformerXL

Named = dict[str, Tensor]
Mixing = Callable[[Any, Tensor, Tensor, Named, Tensor | None], Tensor]
"""A mechanism, its states (B, Q, D), the context (B, K, D), the weights by name and the mask (B, K) give the output."""


def mixing_of(real: type[nn.Module]) -> Mixing | None:
    """Finds how the weights of a mechanism meet its values; None where nobody has said."""
    return next((MIXINGS[kind] for kind in real.__mro__ if kind in MIXINGS), None)


# --- heads --------------------------------------------------------------------------------------------------


def _values(module: HeadedAttention, context: Tensor) -> Tensor:
    return split_heads(module.value(context), module._key_heads)


def _headed(module: HeadedAttention, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    return module.finish(w[""] @ repeat_heads(_values(module, context), module._heads), x, context, mask)


def _multi_head(module: MultiHead, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    v = _values(module, context)
    v = module._add(v, "extra_value") if module.learned_key or module.zero_key else v
    return module.finish(w[""] @ repeat_heads(v, module._heads), x, context, mask)


def _differential(module: Differential, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    mixed = w[""] @ _values(module, context)
    y = module.norm(mixed.to(module.norm.weight.dtype)) * (1 - module.start)
    return module.finish(y, x, context, mask)


def _shaw(module: Shaw, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    weights = w[""]
    y = weights @ _values(module, context)
    if module.values:
        rows, columns = (torch.arange(size, device=x.device) for size in weights.shape[-2:])
        bucket = (columns - rows.unsqueeze(-1)).clamp(-module.reach, module.reach) + module.reach
        by_bucket = weights.new_zeros(*weights.shape[:-1], 2 * module.reach + 1)
        y = y + by_bucket.scatter_add(-1, bucket.expand_as(weights), weights) @ module.value_distance
    return module.finish(y, x, context, mask)


def _transformer_xl(module: TransformerXL, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    y = _headed(module, x, context, w, mask)
    return module.normalise(x + y) if module.norm else y


def _interpretable(module: Interpretable, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    y: Tensor = module.output(w[""] @ module.value(context))
    return y


# --- efficient kinds ----------------------------------------------------------------------------------------


def _projected(
    module: Linformer | ProbSparse,
    x: Tensor,  # noqa: ARG001
    context: Tensor,
    w: Named,
    mask: Tensor | None,
) -> Tensor:
    v = only_real(split_heads(module.value(context), module._heads), mask)
    y: Tensor = module.output(merge_heads(w[""] @ v))
    return y


def _nystrom(module: Nystrom, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    v = only_real(split_heads(module.value(context), module._heads), mask)
    mixed = w[""].to(v.dtype) @ v
    y: Tensor = module.output(merge_heads(mixed if module.conv is None else mixed + module.conv(v)))
    return y


# --- sets ---------------------------------------------------------------------------------------------------


def finish_block(block: _Block, x: Tensor, mixed: Tensor) -> Tensor:
    """Gives the output of a set block for states x (B, Q, D) whose heads (B, N, Q, E) are mixed."""
    y: Tensor = block.query(x) + merge_heads(mixed)
    y = block.norms[0](y) if len(block.norms) else y
    y = y + torch.relu(block.feed(y))
    return block.norms[1](y) if len(block.norms) else y


def _block(block: _Block, x: Tensor, context: Tensor, weights: Tensor) -> Tensor:
    return finish_block(block, x, weights @ split_heads(block.value(context), block.heads))


def _sab(module: SAB, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    return _block(module.block, x, context, w[""])


def _isab(module: ISAB, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    h = _block(module.gather, module.induce.expand(x.shape[0], -1, -1), context, w["gather"])
    return _block(module.spread, x, h, w["spread"])


# --- lags ---------------------------------------------------------------------------------------------------


def delayed(module: AutoCorrelation, x: Tensor, context: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    """Adds the values (B, K, D) delayed by each lag, by the weights of the lags (B, N, T)."""
    own, time, lags = x is context, x.shape[1], w[""]
    v = module.value(context)
    v = v if mask is None else v.masked_fill(~mask.unsqueeze(-1), 0.0)
    if not own:
        v = nn.functional.pad(v, (0, 0, 0, time - v.shape[1]))
    elif mask is not None:
        steps = torch.arange(2 * time, device=x.device)
        length = ((steps[:time] + 1) * mask).amax(-1).clamp_min(1)
        v = v.gather(1, (steps % length.unsqueeze(-1)).unsqueeze(-1).expand(-1, -1, module.width))
    v = torch.unflatten(v.transpose(1, 2), 1, (module._heads, -1)).to(lags.dtype)
    product = torch.fft.rfft(v) * torch.fft.rfft(lags.unsqueeze(2), v.shape[-1]).conj()
    y = torch.fft.irfft(product, v.shape[-1])[..., :time].flatten(1, 2).transpose(1, 2)
    mixed: Tensor = module.output(y.to(x.dtype))
    return mixed


MIXINGS: dict[type, Mixing] = {
    AutoCorrelation: delayed,
    Differential: _differential,
    HeadedAttention: _headed,
    Interpretable: _interpretable,
    ISAB: _isab,
    Linformer: _projected,
    MultiHead: _multi_head,
    Nystrom: _nystrom,
    ProbSparse: _projected,
    SAB: _sab,
    Shaw: _shaw,
    TransformerXL: _transformer_xl,
}
"""How the weights of each mechanism meet its values."""
