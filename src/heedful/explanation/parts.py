"""The weights of a batch sorted by mechanism and part, and what they come to for each window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from heedful.explanation.readings import Reduced, Weighed, reduce, shares
from heedful.explanation.record import AttentionMap
from heedful.explanation.watching import Seen, Watched


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A part of a mechanism in one batch: its passes, each of which may hold several copies of every window."""

    name: str
    seen: Seen | None
    module: nn.Module
    path: str
    passes: list[Weighed]
    batch: int
    ahead: Callable[[Tensor], Tensor]

    @property
    def placed(self) -> bool:
        """Whether its weights, or means over steps, depend on which steps are real."""
        read = self.seen is not None and bool(self.seen.reads)
        return read and bool({"time", "features"} & reduce(self.first).keys())

    @property
    def first(self) -> Weighed:
        return self.passes[0]

    @property
    def copies(self) -> int:
        """M, how many times a window stands in a batch: once for each target that is forecast on its own."""
        return self.first.weights.shape[0] // self.batch


def parts_of(pass_: Watched, batch: int, real: Mapping[str, Tensor] | None = None) -> list[Part]:
    """Sorts the recorded weights by mechanism and part.

    Args:
        pass_: what was recorded.
        batch: windows that were passed.
        real: which steps (B, T') of the mechanisms at these paths are real, whatever these were told; all by default.
    """
    modules, named = pass_.modules, dict(pass_.maps)
    grouped: dict[tuple[str, str], list[AttentionMap]] = {}
    for one in named.values():
        grouped.setdefault((_home(modules, one.module), one.part), []).append(one)
    found = []
    for (home, part), maps in grouped.items():
        passes = []
        for number, one in enumerate(maps):
            turn = sum(other.module == one.module for other in maps[:number])
            mask = (real or {}).get(maps[0].module)
            passes.append(_weighed(pass_, one, turn, named, mask=mask, segmented=len(maps) > 1))
        path = maps[0].module
        found.append(
            Part(
                name=".".join(n for n in (home if len(maps) > 1 else path, part) if n) or "model",
                seen=pass_.seen.get(path),
                module=passes[0].module,
                path=path,
                passes=passes,
                batch=batch,
                ahead=_ahead(modules, path),
            )
        )
    return found


def _weighed(
    pass_: Watched,
    one: AttentionMap,
    turn: int,
    named: dict[str, AttentionMap],
    *,
    mask: Tensor | None,
    segmented: bool,
) -> Weighed:
    seen, slopes = pass_.seen[one.module], pass_.slopes.get(one.module, [])
    read = seen.reads[turn] if turn < len(seen.reads) else None
    places = seen.steps if read is not None else (one.weights.shape[-1],)
    others = {m.part: m.weights for m in named.values() if m.module == one.module}
    return Weighed(
        module=seen.module,
        part=one.part,
        axes=one.axes,
        weights=one.weights,
        places=places,
        mask=None if mask is None else mask.to(one.weights.device).repeat_interleave(len(one.weights) // len(mask), 0),
        slope=slopes[turn] if turn < len(slopes) else None,
        foreign=seen.foreign or segmented,
        others=others,
    )


def folded(part: Part, *, keep: bool) -> dict[str, Tensor]:
    """Folds all passes and copies of a batch to one number of each window, step and channel."""
    reduced = [reduce(one) for one in part.passes]
    found = reduced[0] if len(reduced) == 1 else _joined(part, reduced)
    if "steps" in found:
        found["steps"] = part.ahead(found["steps"])
    copies = part.copies
    if copies > 1:
        sizes = torch.unflatten(torch.stack([_strength(one) for one in part.passes]).sum(0), 0, (-1, copies))
        by = shares(sizes)
        apart = {what: torch.unflatten(w, 0, (-1, copies)) for what, w in found.items()}
        found = {what: torch.einsum("bm...,bm->b...", w, by) for what, w in apart.items()}
        if "time" in apart:
            found["targets"] = apart["time"] * by.unsqueeze(-1)
    if "time" in found or part.first.mask is not None:
        mask = part.first.mask
        real = torch.ones(part.batch, part.first.places[-1], dtype=torch.bool) if mask is None else mask
        found["real"] = torch.unflatten(real, 0, (-1, copies))[:, 0] if len(real) > part.batch else real
    if keep:
        raw = part.first.weights if len(part.passes) == 1 else torch.stack([one.weights for one in part.passes], 1)
        found["weights"] = raw if copies == 1 else torch.unflatten(raw, 0, (-1, copies))
    return {what: w.detach().to("cpu", torch.bool if what == "real" else torch.float32) for what, w in found.items()}


def _joined(part: Part, reduced: list[Reduced]) -> Reduced:
    """Joins the passes of a module that ran several times: the mean as the answer depends on each, and each in turn."""
    by = shares(torch.stack([_strength(one) for one in part.passes], 1))
    apart = {what: torch.stack([one[what] for one in reduced], 1) for what in reduced[0]}
    found = {what: torch.einsum("bp...,bp->b...", w, by) for what, w in apart.items()}
    if "time" in apart:
        found["steps"] = apart["time"]
    return found


def _strength(one: Weighed) -> Tensor:
    """How much the answer depends on what was given in a pass (B,)."""
    return one.weights.new_ones(len(one.weights)) if one.slope is None else one.slope.flatten(1).norm(dim=1)


# --- where it sits ------------------------------------------------------------------------------------------


def _home(modules: dict[str, nn.Module], path: str) -> str:
    """Gives the list that holds one mechanism for each segment of a horizon, else the mechanism's own path."""
    parent = path.rpartition(".")[0]
    owner = modules.get(parent.rpartition(".")[0])
    segmented = isinstance(modules.get(parent), nn.ModuleList) and hasattr(owner, "segments")
    return parent if segmented else path


def _ahead(modules: dict[str, nn.Module], path: str) -> Callable[[Tensor], Tensor]:
    """Gives what repeats the weights of a segment (B, S, T') for each of its steps of the horizon (B, P, T')."""
    for owner in _owners(modules, path):
        horizon, segment = getattr(owner, "horizon", None), getattr(owner, "segment", None)
        if isinstance(horizon, int) and isinstance(segment, int):
            return lambda w: w.repeat_interleave(segment, 1)[:, :horizon]
    return lambda w: w


def _owners(modules: dict[str, nn.Module], path: str) -> Iterator[nn.Module]:
    while path:
        path = path.rpartition(".")[0]
        yield modules[path]
