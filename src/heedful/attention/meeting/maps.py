"""How the weights of the mechanisms for maps meet their values: the second half of each one's own arithmetic.

A gate multiplies; the others stand in `MEETINGS`, one function each. A placebo has weights of another origin, and who
steers a mechanism changes them: both apply them by these, which a test compares with the mechanisms themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from heedful.attention.base import Gate, MapAttention, Weights
from heedful.attention.maps.aff import AFF
from heedful.attention.maps.attention_gate import AttentionGate
from heedful.attention.maps.axial import Axial
from heedful.attention.maps.cbam import CBAM
from heedful.attention.maps.coordinate import ELA, Coordinate
from heedful.attention.maps.cot import CoT
from heedful.attention.maps.cpca import CPCA
from heedful.attention.maps.criss_cross import CrissCross
from heedful.attention.maps.danet import DANetChannel, DANetPosition
from heedful.attention.maps.double_attention import DoubleAttention
from heedful.attention.maps.epsa import EPSA
from heedful.attention.maps.external import External
from heedful.attention.maps.gam import GAM
from heedful.attention.maps.gather_excite import GatherExcite
from heedful.attention.maps.global_context import GlobalContext
from heedful.attention.maps.height_width import HeightWidth
from heedful.attention.maps.multi_scale import MultiScale
from heedful.attention.maps.non_local import NonLocal
from heedful.attention.maps.norms import batch_norm
from heedful.attention.maps.polarized import PolarizedParallel, PolarizedSequential
from heedful.attention.maps.scsa import SCSA
from heedful.attention.maps.scse import SCSE
from heedful.attention.maps.sge import SGE
from heedful.attention.maps.shuffle import ShuffleAttention
from heedful.attention.maps.sk import SK
from heedful.attention.maps.split_attention import SplitAttention
from heedful.attention.maps.triplet import Triplet

Named = dict[str, Tensor]
Meeting = Callable[[Any, Tensor, Named, Tensor | None], Tensor]
"""A mechanism, its input, its weights by name and the mask give the output."""


def form(module: MapAttention, real: type[MapAttention], x: Tensor, mask: Tensor | None) -> Weights:
    """Gives the weights that the real mechanism forms of x."""
    weights = real.attend(module, x, mask)[1] if real.weigh is MapAttention.weigh else real.weigh(module, x, mask)
    return {} if weights is None else weights


def meeting_of(real: type[nn.Module]) -> Meeting | None:
    """Finds how the weights of a mechanism meet its values; None where nobody has said."""
    return next((MEETINGS[kind] for kind in real.__mro__ if kind in MEETINGS), None)


def product(module: MapAttention, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    """Multiplies the input by all weights."""
    for weights in w.values():
        x = x * weights
    return x


def _by_group(module: MapAttention, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    return (torch.unflatten(x, 1, (w[""].shape[1], -1)) * w[""].unsqueeze(2)).flatten(1, 2)


def _scse(module: SCSE, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    by_channel, by_place = (x * weights for weights in w.values())
    return by_channel + by_place if module.variant == "paper" else torch.maximum(by_channel, by_place)


def _polarized(module: PolarizedParallel, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    return x * (w["channel"] + w["place"])


def _triplet(module: Triplet, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    total = torch.zeros_like(x)
    for gate in w.values():
        total = total + gate
    return x * (total / len(w))


def _cpca(module: CPCA, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    if module.variant == "code":
        x = functional.gelu(module._mix(x))
    y = product(module, x, w, mask)
    return module._mix(y) if module.variant == "code" else y


def _shuffle(module: ShuffleAttention, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    first, second = torch.unflatten(x, 1, (module._groups, 2, -1)).unbind(2)
    joined = torch.stack([first * w["channel"], second * w["place"]], 2)
    return joined.view(x.shape[0], 2, -1, *x.shape[2:]).transpose(1, 2).reshape(x.shape)


def _branches(maps: list[Tensor] | tuple[Tensor, ...], weights: Tensor) -> Tensor:
    y = maps[0] * weights[:, 0]
    for branch in range(1, len(maps)):
        y = y + maps[branch] * weights[:, branch]
    return y


def _sk(module: SK, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    pairs = zip(module.convs, module.norms, strict=True)
    return _branches([functional.relu(batch_norm(norm, conv(x), mask)) for conv, norm in pairs], w[""])


def _split(module: SplitAttention, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    maps = module.conv(x)
    maps = functional.relu(batch_norm(module.conv_norm, maps, mask) if module.norm else maps)
    return _branches(maps.view(-1, module.radix, module.output_channels, *x.shape[2:]).unbind(1), w[""])


def _epsa(module: EPSA, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    weights = w[""][(..., *[None] * module.rank)].unbind(1)
    joined = [conv(x) * weight for conv, weight in zip(module.convs, weights, strict=True)]
    return torch.cat(joined if module.variant == "paper" else joined[::-1], 1)


def _external(module: External, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    values = module.values.weight if module.variant == "paper" else module.keys.weight.T
    read = functional.conv1d(w[""].flatten(2), (module.leave.weight @ values).unsqueeze(-1))
    return torch.relu(x.flatten(2) + batch_norm(module.norm, read, mask)).reshape(x.shape)


def _global_context(module: GlobalContext, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    y = x * w["channel"] if "channel" in w else x
    if "add" not in module.fusions:
        return y
    places = x.flatten(2)
    if "place" in w:
        context = torch.bmm(places, w["place"].flatten(2).transpose(1, 2)).squeeze(-1)
    else:
        count = places.shape[-1] if mask is None else mask.sum(-1, keepdim=True).clamp_min(1)
        context = places.sum(-1) / count
    added: Tensor = module.transforms["add"](context)
    return y + added[(..., *[None] * (x.ndim - 2))]


def _double(module: DoubleAttention, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    gather, distribute = w["gather"].flatten(2), w["distribute"].flatten(2)
    described = module.feature(gather @ x.flatten(2).transpose(1, 2))
    mixing = functional.linear(described, module.output.weight).transpose(1, 2)
    y = (mixing @ distribute + module.output.bias.unsqueeze(-1)).reshape(x.shape)
    return x + y if module.residual else y


def _danet_position(module: DANetPosition, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    y: Tensor = module.value(x.flatten(2)) @ w[""].transpose(1, 2)
    return x + module.gamma * y.reshape(x.shape)


def _danet_channel(module: DANetChannel, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    return x + (module.gamma * w[""] @ x.flatten(2)).reshape(x.shape)


def _criss_cross(module: CrissCross, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    values: Tensor = module.value(x.flatten(2)).reshape(x.shape)
    if x.ndim == 3:
        return x + module.gamma * (values @ w["time"].transpose(1, 2))
    down, across = w["space"][..., : x.shape[2]], w["space"][..., x.shape[2] :]
    y = torch.einsum("bhwk,bckw->bchw", down, values) + torch.einsum("bhwk,bchk->bchw", across, values)
    return x + module.gamma * y


def _non_local(module: NonLocal, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    y = module.output(module._keys(x, mask)[1] @ w[""].transpose(1, 2))
    return x + (batch_norm(module.last_norm, y, mask) if module.norm else y).reshape(x.shape)


def _axial(module: Axial, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    def along(axis: int, x: Tensor, weights: Tensor) -> Tensor:
        values = module.key_value[axis](x).chunk(2, 1)[1]
        values = torch.unflatten(values, 1, (module._heads, -1))
        mixed: Tensor = module.output[axis]((values @ weights.transpose(-1, -2)).flatten(1, 2))
        return mixed

    if module.rank == 1:
        return along(0, x, w["time"])
    batch, _, height, width = x.shape
    columns = along(0, x.permute(0, 3, 1, 2).flatten(0, 1), w["height"].flatten(0, 1))
    rows = along(1, x.transpose(1, 2).flatten(0, 1), w["width"].flatten(0, 1))
    columns = torch.unflatten(columns, 0, (batch, width)).permute(0, 2, 3, 1)
    return columns + torch.unflatten(rows, 0, (batch, height)).transpose(1, 2)


def _cot(module: CoT, x: Tensor, w: Named, mask: Tensor | None) -> Tensor:
    static = functional.relu(batch_norm(module.context_norm, module.context(x), mask))
    values = batch_norm(module.value_norm, module.value(x), mask)
    if mask is not None:
        values = values.masked_fill(~mask.unsqueeze(1), 0.0)
    dynamic = functional.silu(batch_norm(module.norm, module._mix(values, w["local"]), mask))
    for_dynamic, for_static = (weights[(..., *[None] * module.rank)] for weights in w["branch"].unbind(2))
    return dynamic * for_dynamic + static * for_static


MEETINGS: dict[type, Meeting] = {
    **dict.fromkeys((CBAM, Coordinate, ELA, GAM, GatherExcite, HeightWidth, PolarizedSequential, SCSA), product),
    **dict.fromkeys((MultiScale, SGE), _by_group),
    Axial: _axial,
    CoT: _cot,
    CPCA: _cpca,
    CrissCross: _criss_cross,
    DANetChannel: _danet_channel,
    DANetPosition: _danet_position,
    DoubleAttention: _double,
    EPSA: _epsa,
    External: _external,
    Gate: product,
    GlobalContext: _global_context,
    NonLocal: _non_local,
    PolarizedParallel: _polarized,
    SCSE: _scse,
    ShuffleAttention: _shuffle,
    SK: _sk,
    SplitAttention: _split,
    Triplet: _triplet,
}
"""How the weights of each mechanism meet its values."""

# --- with a second map --------------------------------------------------------------------------------------

Guided = Callable[[Any, Tensor, Tensor, Named, Tensor | None], Tensor]
"""A mechanism, both its maps, its weights by name and the mask give the output."""


def _aff(module: AFF, x: Tensor, guide: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    y = guide + (x - guide) * w[""]
    return 2.0 * y if module.variant == "code" else y


def _attention_gate(module: AttentionGate, x: Tensor, guide: Tensor, w: Named, mask: Tensor | None) -> Tensor:  # noqa: ARG001
    return batch_norm(module.norm, module.output(x * w[""]), mask)


GUIDED: dict[type, Guided] = {AFF: _aff, AttentionGate: _attention_gate}
"""The same for mechanisms that read a second map."""
