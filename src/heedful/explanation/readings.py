"""What weights speak of: times, channels, or neither; and how all other axes of them are folded away.

Where several ask (queries, hops, seeds, classes), each counts in proportion to how much the answer depends on what it
is given, by the norm of the gradient. So where only the last state is read, only the last query counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from heedful.attention.base import Cell, MapAttention, StateAttention
from heedful.attention.states.csra import CSRA

Reduced = dict[str, Tensor]

BY_ANSWER = "each in proportion to how much the answer depends on what it is given (norm of the gradient)"
_ASKING = {
    "query": "queries",
    "cross": "queries",
    "other_height": "queries",
    "other_width": "queries",
    "landmark": "inducing points",
    "key": "steps that ask",
    "other_channel": "channels that ask",
    "hop": "hops",
    "class": "classes",
    "seed": "seeds",
    "descriptor": "descriptors",
    "state": "numbers of a state",
}
"""Words for what asks, by the axis that tells it; the first of these axes that weights have is the one."""
_SILENT = {
    "lag": "its weights stand over delays of the whole window against itself, not over times",
    "memory": "its weights say which learned memory each place reads, and sum to one at every place",
    "branch": "its weights choose among branches of the same map, not among times or channels",
}
WITHOUT = {
    "FrequencyAttention": "it forms its weights between complex frequencies, not between steps",
    "FrequencyEnhanced": "it filters frequencies by learned numbers that are the same for every window",
    "LinearAttention": "it mixes by products of features of queries and keys and never forms their weights",
    "Max": "it takes the greatest of each number of the states",
    "Performer": "it mixes by products of random features of queries and keys and never forms their weights",
}
"""Why mechanisms form no weights, by class."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weighed:
    """The weights of one part of a mechanism in one pass.

    Args:
        module: the mechanism.
        part: which of its weights.
        axes: names of all axes.
        weights: (B, ...).
        places: sizes of the axes of what it read: (T,), or (H, W) of an image.
        mask: which steps are real (B, T), whatever the mechanism was told; None where all are.
        slope: gradient of the score by what it gave, None where all that ask count alike.
        foreign: whether its queries are steps of a horizon.
        others: all of the mechanism's weights by part.
    """

    module: nn.Module
    part: str
    axes: tuple[str, ...]
    weights: Tensor
    places: tuple[int, ...]
    mask: Tensor | None = None
    slope: Tensor | None = None
    foreign: bool = False
    others: dict[str, Tensor] = field(default_factory=dict)

    @property
    def asking(self) -> str:
        """The axis that tells who asks; nothing where nobody does."""
        names = set(self.axes)
        if not isinstance(self.module, StateAttention) or "time" not in names:
            names -= {"state"}
        return next((axis for axis in _ASKING if axis in names), "")

    @property
    def silent(self) -> str:
        """Why these weights speak of neither times nor channels; nothing where they do."""
        if self.part in ("spread", "distribute"):
            return "it says which of the gathered vectors each place gets; what these hold is said by 'gather'"
        if isinstance(self.module, CSRA) and self.part == "mean":
            return "it gives every real step the same"
        return next((why for axis, why in _SILENT.items() if axis in self.axes), "")

    @property
    def how(self) -> str:
        """How the axes that are not shown were folded away, in words."""
        said = [f"mean over {_ASKING[self.asking]}, {BY_ANSWER}"] if self.asking else []
        if "head" in self.axes:
            said.append("mean over heads")
        if "gate" in self.axes:
            said.append("mean over gates")
        if "offset" in self.axes:
            said.append("sum of sizes over the neighbours that a place mixes, mean over groups of channels")
        return "" if self.silent else "; ".join(said)


# --- who asks -----------------------------------------------------------------------------------------------


def shares(sizes: Tensor) -> Tensor:
    """Turns sizes (B, ...) into shares of sum one; even ones where all are zero.

    >>> shares(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.25, 0.75], [0.5, 0.5]]
    """
    flat = sizes.flatten(1)
    total = flat.sum(1, keepdim=True)
    even = torch.full_like(flat, 1 / flat.shape[1])
    return torch.where(total > 0, flat / total.clamp_min(torch.finfo(flat.dtype).tiny), even).view_as(sizes)


def _asked(one: Weighed, *size: int) -> Tensor:
    """Gives the share of each that asks (B, *size)."""
    slope, wanted = one.slope, (one.weights.shape[0], *size)
    if slope is None:
        return shares(one.weights.new_zeros(wanted))
    if one.asking in ("hop", "class", "seed"):
        sizes = torch.unflatten(slope, 1, (size[0], -1)).norm(dim=2)
    elif one.asking == "state":
        sizes = torch.unflatten(slope, 1, (-1, size[0])).norm(dim=1)
    elif one.asking == "other_channel":
        sizes = slope.flatten(2).norm(dim=2)
    elif isinstance(one.module, MapAttention):
        sizes = slope.norm(dim=1)
    else:
        sizes = slope.norm(dim=-1)
    return shares(sizes.reshape(wanted)) if sizes.numel() == torch.Size(wanted).numel() else _asked_evenly(one, wanted)


def _asked_evenly(one: Weighed, wanted: tuple[int, ...]) -> Tensor:
    return shares(one.weights.new_zeros(wanted))


# --- folding ------------------------------------------------------------------------------------------------


def reduce(one: Weighed) -> Reduced:
    """Folds weights to what they speak of, whichever of these there is.

    Shape: "time" (B, T); "heads" (B, N, T); "steps" (B, P, T); "channels" (B, C); "features" (B, T, F); of an image
           "image" (B, H, W), and over its columns "time" (B, W), over its rows "lines" (B, H).
    """
    found = {} if one.silent else _reduce(one)
    if "image" not in found:
        return found
    (height, width), image = one.places, found.pop("image")
    gate = not one.asking
    if image.shape[1] == height and (not gate or "height" in one.axes):
        found["lines"] = image.mean(2) if gate else image.sum(2)
    if image.shape[2] == width and (not gate or "width" in one.axes):
        found["time"] = image.mean(1) if gate else image.sum(1)
    if {"time", "lines"} <= found.keys():
        found["image"] = image
    return found


def _reduce(one: Weighed) -> Reduced:
    axes = set(one.axes)
    if "other_channel" in axes:
        count = one.weights.shape[1]
        return {"channels": torch.einsum("bcd,bc->bd", one.weights, _asked(one, count))}
    if {"cross", "other_height", "other_width"} & axes:
        return {"image": _over_image(one)}
    if "key" in axes:
        return _keys(one)
    if isinstance(one.module, StateAttention):
        return _pooling(one)
    return _cell(one) if isinstance(one.module, Cell) else _gate(one)


def _keys(one: Weighed) -> Reduced:
    w = one.weights if "head" in one.axes else one.weights.unsqueeze(1)
    asked = w.shape[2]
    if "landmark" in one.axes:
        spread = one.others["spread"]
        by_point = torch.einsum("bnqa,bq->bna", spread, _asked(one, spread.shape[2]))
        heads, steps = torch.einsum("bnak,bna->bnk", w, by_point), torch.einsum("bnqa,bnak->bqk", spread, w)
        steps = steps / w.shape[1]
    else:
        heads, steps = torch.einsum("bnqk,bq->bnk", w, _asked(one, asked)), w.mean(1)
    if len(one.places) == 2:
        return {"image": torch.unflatten(heads.mean(1), 1, one.places)}
    found = {"time": heads.mean(1)}
    if "head" in one.axes:
        found["heads"] = heads
    if one.foreign:
        found["steps"] = steps
    return found


def _over_image(one: Weighed) -> Tensor:
    """Gives what each place of an image (B, H, W) is given by those in its row or column."""
    (height, width), w = one.places, one.weights
    share = _asked(one, height, width)
    if "other_height" in one.axes:
        return torch.einsum("bwnhk,bhw->bkw", w, share) / w.shape[2]
    if "other_width" in one.axes:
        return torch.einsum("bhnwk,bhw->bhk", w, share) / w.shape[2]
    down, across = w[..., :height], w[..., height:]
    return torch.einsum("bhwk,bhw->bkw", down, share) + torch.einsum("bhwk,bhw->bhk", across, share)


def _pooling(one: Weighed) -> Reduced:
    w = one.weights
    if "time" not in one.axes:
        return {"channels": w}
    w = w.movedim(one.axes.index("time"), -1)
    if not one.asking:
        return {"time": w}
    heads = w if "head" in one.axes else w.unsqueeze(1)
    by_head = torch.einsum("bnat,ba->bnt", heads, _asked(one, heads.shape[2]))
    found = {"time": by_head.mean(1)}
    if "head" in one.axes:
        found["heads"] = by_head
    if one.asking == "query":
        found["steps"] = w
    return found


def _cell(one: Weighed) -> Reduced:
    w = one.weights
    if w.ndim == 2:
        return {"time": w}
    features = w.mean(2) if "gate" in one.axes else w
    found = {"features": features, "channels": _mean_over_steps(features, one.mask)}
    if "feature" in one.axes and not _sums_to_one(features, 2, one.mask):
        found["time"] = features.mean(2)
    return found


def _gate(one: Weighed) -> Reduced:
    w, space = one.weights, len(one.places)
    if "descriptor" in one.axes:
        given = one.others["distribute"].flatten(2)
        by_descriptor = torch.einsum("bds,bs->bd", given, _asked(one, given.shape[2]))
        places = torch.unflatten(torch.einsum("bds,bd->bs", w.flatten(2), by_descriptor), 1, one.places)
        return {"image" if space == 2 else "time": places}
    if "offset" in one.axes:
        w = w.abs().sum(2)
    w = w.flatten(1, w.ndim - space - 1)  # groups and their members are channels in a row
    found: Reduced = {}
    along = w.shape[2:] == one.places and one.axes[-1] != "one"
    if w.shape[1] > 1 and "offset" not in one.axes:
        steps = w.transpose(1, 2) if space == 1 and along else w.flatten(2).transpose(1, 2)
        found["channels"] = _mean_over_steps(steps, one.mask if space == 1 and along else None)
    if space == 2:
        found["image"] = w.mean(1)
    elif along:
        found["time"] = w.mean(1)
    return found


def _mean_over_steps(w: Tensor, mask: Tensor | None) -> Tensor:
    """Gives the mean (B, F) of (B, T, F) over the real steps."""
    if mask is None:
        return w.mean(1)
    real = mask.unsqueeze(-1).to(w)
    return (w * real).sum(1) / real.sum(1).clamp_min(1)


def _sums_to_one(w: Tensor, axis: int, mask: Tensor | None) -> bool:
    total = w.sum(axis)
    total = total if mask is None else total[mask]
    return bool((total - 1).abs().max() < 1e-3)
