"""Which samples some steps of a mechanism see: a copy of the network in double precision is differentiated."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from heedful.attention.base import CONTRACTS, Cell, MapAttention, SequenceAttention
from heedful.errors import OptionError
from heedful.explanation.subject import Subject, differentiable
from heedful.explanation.watching import states_of, watched

RECURRENCES = (nn.RNNBase, Cell)
MIXERS = (MapAttention, SequenceAttention)
_EDGE, _INNER = 3, 4
_SAMPLES_AT_ONCE = 1 << 15
_ZERO = 1e-12


class Probe:
    """A copy of the network in double precision that says which samples some steps see."""

    def __init__(self, subject: Subject, module: str, inputs: int, seed: int) -> None:
        net = copy.deepcopy(subject.net).cpu().double().eval()
        if not isinstance(dict(net.named_modules()).get(module), CONTRACTS):
            raise OptionError(f"reach needs the path of a mechanism in the network, got {module!r}. Take look.module.")
        self.module, self.net = module, net
        self.counts: dict[int, int] = {}
        self.generator = torch.Generator().manual_seed(seed)
        longest = subject.lengths.cpu().argsort(descending=True, stable=True)
        self.rows = longest[torch.linspace(0, len(longest) - 1, inputs).long() // 2]
        beside = tuple(
            None if one is None else one.detach().cpu().double() if one.is_floating_point() else one.detach().cpu()
            for one in subject.beside
        )
        self.subject = replace(subject, net=net, x=subject.x.detach().cpu().double(), beside=beside)
        told = beside[0] if beside else None
        self.sized = told is not None and told.ndim == 1 and not told.is_floating_point()
        noise = torch.randn(inputs, *self.subject.x.shape[1:], generator=self.generator, dtype=torch.float64)
        self.x = torch.where((torch.arange(inputs) % 2 == 1)[:, None, None], noise, self.subject.x[self.rows])

    def steps(self, window: int) -> int:
        """Gives T' of a window."""
        if window not in self.counts:
            self.counts[window] = self._count(window)
        return self.counts[window]

    def _count(self, window: int) -> int:
        with torch.no_grad(), watched(self.net, until=self.module) as seen:
            self._ask(self._windows(window)[:1], self.rows[:1], window)
        if not seen[self.module].reads:
            raise OptionError(f"reach needs a mechanism that runs, got {self.module!r}, which is not called. Leave it.")
        return states_of(seen[self.module]).shape[1]

    def ends(
        self, window: int, length: int, *, recurrences: bool = False, attention: bool = False, few: bool = False
    ) -> tuple[dict[int, int], dict[int, int]]:
        """Gives the first and the last sample that each of some steps sees."""
        seen = self.seen(window, length, recurrences=recurrences, attention=attention, few=few)
        found = {step: at.nonzero().flatten() for step, at in ((s, w > 0) for s, w in seen.items()) if at.any()}
        return {s: int(at[0]) for s, at in found.items()}, {s: int(at[-1]) for s, at in found.items()}

    def seen(
        self, window: int, length: int, *, recurrences: bool = False, attention: bool = False, few: bool = False
    ) -> dict[int, Tensor]:
        """Gives how much each of some steps changes with each sample (T,), 0 where it does not.

        Args:
            window: samples of a window.
            length: how many of them are real, where the network is told.
            recurrences, attention: what is left as it is.
            few: whether a few inner steps are enough.
        """
        steps = _chosen(self.steps(window), few=few)
        at, windows = torch.tensor(steps).repeat(len(self.rows)), self._windows(window)
        which = torch.arange(len(self.rows)).repeat_interleave(len(steps))
        total = torch.zeros(len(steps), window, dtype=torch.float64)
        batch = max(1, _SAMPLES_AT_ONCE // window)
        for cut in torch.split(torch.arange(len(at)), batch):
            slopes = self._slopes(windows[which[cut]], self.rows[which[cut]], at[cut], length, recurrences, attention)
            sizes = slopes.square().sum(2)
            sizes = torch.where(sizes > _ZERO**2 * sizes.amax(1, keepdim=True), sizes, 0.0)
            total.index_add_(0, cut % len(steps), sizes)
        return dict(zip(steps, total, strict=True))

    def holds(self, *kinds: type[nn.Module]) -> bool:
        """Says whether the network holds such modules beside the one that is asked about."""
        return any(isinstance(one, kinds) and path != self.module for path, one in self.net.named_modules())

    def _windows(self, window: int) -> Tensor:
        return self.x.repeat(1, -(-window // self.x.shape[1]), 1)[:, :window]

    def _slopes(self, x: Tensor, rows: Tensor, at: Tensor, length: int, recurrences: bool, attention: bool) -> Tensor:
        x = x.clone().requires_grad_()
        keep = _localised(self.net, self.module, recurrences=recurrences, attention=attention)
        with differentiable(self.net), keep:
            with watched(self.net, until=self.module) as seen:
                self._ask(x, rows, length)
            read = states_of(seen[self.module]).flatten(2)
            read = torch.unflatten(read, 0, (len(x), -1))  # copies of each window
            picked = read[torch.arange(len(x)), :, at]
            signs = torch.randn(picked.shape, generator=self.generator, dtype=picked.dtype)
            (slopes,) = torch.autograd.grad((picked * signs).sum(), x, materialize_grads=True, allow_unused=True)
        return slopes

    def _ask(self, x: Tensor, rows: Tensor, length: int) -> None:
        subject = self.subject
        if self.sized:
            told = torch.full((len(subject),), length, dtype=torch.long)
            subject = replace(subject, beside=(told, *subject.beside[1:]))
        subject.answers(x, rows)


def _chosen(steps: int, *, few: bool) -> list[int]:
    if few:
        return sorted({round(steps * share) for share in (0.4, 0.5, 0.6)} & set(range(steps)) or {0})
    inner = np.linspace(0, steps - 1, min(_INNER, steps)).round().astype(int).tolist()
    edges = [*range(min(_EDGE, steps)), *range(max(steps - _EDGE, 0), steps)]
    return sorted({*inner, *edges})


# --- what mixes all steps -----------------------------------------------------------------------------------


@contextmanager
def _localised(net: nn.Module, target: str, *, recurrences: bool, attention: bool) -> Iterator[None]:
    """Lets what mixes all steps see one step only, but for the mechanism asked about and what is left as it is."""
    undo = []
    for path, module in net.named_modules():
        if path == target or path.startswith(f"{target}.") or (target and not path):
            continue
        if isinstance(module, RECURRENCES):
            hook = None if recurrences else partial(_by_step)
        elif isinstance(module, MIXERS):
            hook = None if attention else partial(_by_step)
        else:
            hook = partial(_unmeasured)
        if hook is not None:
            undo.append(module.register_forward_hook(hook))
    try:
        yield
    finally:
        for one in undo:
            one.remove()


def _by_step(module: nn.Module, args: tuple[Any, ...], given: Any) -> Any:
    """Gives in place of what a module gave a fixed mixture of each step's own numbers."""
    read, first = args[0], given[0] if isinstance(given, tuple) else given
    if isinstance(read, PackedSequence):
        mixed = _mixture(read.data.unsqueeze(0), first.data.unsqueeze(0), axis=2).squeeze(0)
        new: Any = PackedSequence(mixed, read.batch_sizes, read.sorted_indices, read.unsorted_indices)
    else:
        new = _mixture(read, first, axis=1 if isinstance(module, MapAttention) else 2)
    return (new, *given[1:]) if isinstance(given, tuple) else new


def _mixture(read: Tensor, given: Tensor, axis: int) -> Tensor:
    if read.shape == given.shape:
        return read
    mixing = torch.linspace(0.5, 1.5, given.shape[axis] * read.shape[axis], dtype=read.dtype)
    mixed: Tensor = read.movedim(axis, -1) @ torch.unflatten(mixing, 0, (read.shape[axis], given.shape[axis]))
    return mixed.movedim(-1, axis)


def _unmeasured(module: nn.Module, args: tuple[Any, ...], given: Any) -> Any:
    """Hands on what a layer without parameters read, that gives it measured from a level beside the level."""
    if not isinstance(given, tuple) or not args or next(module.parameters(), None) is not None:
        return given
    same = isinstance(args[0], Tensor) and isinstance(given[0], Tensor) and args[0].shape == given[0].shape
    return (args[0], *given[1:]) if same else given
