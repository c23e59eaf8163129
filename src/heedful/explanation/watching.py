"""What each mechanism reads and gives in a pass, and how much the answer depends on what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from heedful.attention.base import CONTRACTS, MapAttention, SequenceAttention, StateAttention
from heedful.attention.cells.decoder import Decoder
from heedful.explanation.record import AttentionMaps, record
from heedful.explanation.subject import Subject, differentiable


@dataclass(kw_only=True, eq=False)
class Seen:
    """What a mechanism read and gave, pass by pass.

    Args:
        path: where it sits in the network.
        module: the mechanism.
        reads: what its weights are weights of: a map (B, C, *S), or the states or inputs (B, T, D).
        gives: what it gave.
        probes: zeros that were added to what it gave; a gradient by them is one by its output.
        foreign: whether its queries are none of the steps it reads, but steps of a horizon.
        last: whether the pass ends with what it reads.
    """

    path: str
    module: nn.Module
    reads: list[Tensor] = field(default_factory=list)
    gives: list[Tensor] = field(default_factory=list)
    probes: list[list[Tensor]] = field(default_factory=list)
    foreign: bool = False
    last: bool = False

    def note(self, read: Tensor) -> None:
        """Notes what is read, and ends the pass where no more is wanted."""
        self.reads.append(read)
        if self.last:
            raise _EnoughError

    @property
    def steps(self) -> tuple[int, ...]:
        """Sizes of the axes of time, or of frequency and time, of what it read."""
        return tuple(self.reads[0].shape[2:]) if self.on_map else (self.reads[0].shape[1],)

    @property
    def on_map(self) -> bool:
        """Whether it reads a map (B, C, *S), not states (B, T, D)."""
        return isinstance(self.module, MapAttention)


class _EnoughError(Exception):
    """Ends a pass of which no more is wanted."""


@contextmanager
def watched(net: nn.Module, *, probes: bool = False, until: str | None = None) -> Iterator[dict[str, Seen]]:
    """Notes what every mechanism reads and gives while the block runs.

    Args:
        net: the network.
        probes: whether zeros are added to what the mechanisms give, by which a gradient can be taken.
        until: path of a mechanism; the block ends when it has read.

    >>> pool = nn.Sequential()
    >>> with watched(pool) as seen:
    ...     seen
    {}
    """
    found = {path: Seen(path=path, module=m) for path, m in net.named_modules() if isinstance(m, CONTRACTS)}
    undo: list[Callable[[], object]] = []
    try:
        for path, seen in found.items():
            undo += _follow(seen, probes=probes)
            seen.last = path == until
        with suppress(_EnoughError):
            yield found
    finally:
        for one in undo:
            one()


def _follow(seen: Seen, *, probes: bool) -> list[Callable[[], object]]:
    hooks: list[Callable[[], object]] = [
        seen.module.register_forward_pre_hook(partial(_note_read, seen), with_kwargs=True).remove,
        seen.module.register_forward_hook(partial(_note_given, seen, probes)).remove,
    ]
    if isinstance(seen.module, Decoder):
        # A decoder that runs freely is not called, so what it does is followed at its own methods.
        for name, wrapper in (("keys", _keys), ("decode", _decode)):
            own = vars(seen.module)
            hooks.append(partial(own.__setitem__, name, own[name]) if name in own else partial(own.pop, name))
            own[name] = partial(wrapper, seen, getattr(seen.module, name), probes)
    return hooks


def _note_read(seen: Seen, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if isinstance(module, Decoder):
        return
    first = args[0] if args else kwargs["x" if "x" in kwargs else "states"]
    if isinstance(module, SequenceAttention):
        context = args[1] if len(args) > 1 else kwargs.get("context")
        seen.foreign = context is not None
        first = first if context is None else context
    if isinstance(module, StateAttention):
        seen.foreign = seen.foreign or len(args) > 1 or kwargs.get("query") is not None
    seen.note(first)


def _note_given(seen: Seen, probes: bool, module: nn.Module, args: object, given: Tensor) -> Tensor:  # noqa: ARG001
    seen.gives.append(given.detach())
    if not probes:
        return given
    seen.probes.append([torch.zeros_like(given).requires_grad_()])
    return given + seen.probes[-1][0]


def _keys(seen: Seen, real: Callable[[Tensor], Tensor], probes: bool, values: Tensor) -> Tensor:  # noqa: ARG001
    seen.note(values)
    return real(values)


def _decode(
    seen: Seen,
    real: Callable[..., Tensor],
    probes: bool,
    first: Tensor,
    context: Tensor,
    horizon: int,
    emit: Callable[[Tensor], Tensor],
    **others: Any,
) -> Tensor:
    rows: list[Tensor] = []

    def emitting(found: Tensor) -> Tensor:
        if not probes:
            return emit(found)
        rows.append(torch.zeros_like(found).requires_grad_())
        return emit(found + rows[-1])

    seen.foreign = True
    given = real(first, context, horizon, emitting, **others)
    seen.gives.append(given.detach())
    if probes:
        seen.probes.append(rows)
    return given


# --- passes -------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, eq=False)
class Watched:
    """One pass of some windows: the modules by path, weights, what was seen, and gradients by what mechanisms gave."""

    modules: dict[str, nn.Module]
    maps: AttentionMaps
    seen: dict[str, Seen]
    slopes: dict[str, list[Tensor]]


def watch(subject: Subject, rows: Tensor, *, slopes: bool) -> Watched:
    """Passes some windows and records everything.

    Args:
        subject: with `picked` settled.
        rows: numbers of the windows (B,).
        slopes: whether the gradient of the score by what each mechanism gave is wanted: (B, ...), or (B, P, D) of a
            decoder that ran freely. Where several numbers are explained it is the root of the sum of their squares.
    """
    modules = dict(subject.net.named_modules())
    if not slopes:
        with torch.no_grad(), record(subject.net) as maps, watched(subject.net) as seen:
            subject.answers(subject.x[rows], rows)
        return Watched(modules=modules, maps=maps, seen=seen, slopes={})
    with differentiable(subject.net), record(subject.net) as maps, watched(subject.net, probes=True) as seen:
        x = subject.x[rows].clone().requires_grad_()
        scores = subject.scores(x, rows)
        leaves = [one for s in seen.values() for some in s.probes for one in some]
        each = list(subject.slopes(scores, leaves))
        grads = iter(each[0] if len(each) == 1 else [torch.stack(some).norm(dim=0) for some in zip(*each, strict=True)])
    found = {path: [_stacked([next(grads) for _ in some]) for some in s.probes] for path, s in seen.items()}
    return Watched(modules=modules, maps=maps, seen=seen, slopes=found)


def _stacked(some: list[Tensor]) -> Tensor:
    return some[0] if len(some) == 1 else torch.stack(some, 1)


def states_of(seen: Seen) -> Tensor:
    """Gives what a mechanism read first with its time in front: (B, T, ...); of images time is the last axis."""
    first = seen.reads[0]
    return first.movedim(-1, 1) if seen.on_map else first
