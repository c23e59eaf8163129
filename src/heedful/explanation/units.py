"""What can be taken away from a window to see whether it mattered: samples, columns, hidden channels, bands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from heedful.attention.base import MapAttention
from heedful.errors import OptionError, ShapeError, unknown
from heedful.explanation.controls import partners
from heedful.explanation.subject import Subject


class Units(Protocol):
    """The U units that a map has one number for, and what is left of an answer when some of them are filled.

    `fillings` names two ways to fill what is taken away, for the filling alone can decide who wins. `real` (n, U) says
    which units each window has. `axis` says what they are: "time", "frequency", "column" or "channel"; the last two
    have no order.
    """

    fillings: tuple[str, str]
    real: Tensor
    axis: str

    def left(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Says how much of the answers is left, as `Subject.left` does, for any number of changed windows.

        Args:
            keep: which units stay (B, U).
            rows: numbers of the windows (B,).
            filling: one of `fillings`.

        Shape: (B,).
        """
        ...


class SampleUnits:
    """The T samples of a window, each in all its columns.

    "line" puts a straight line between the nearest samples that stay, and carries the first and last of them on to the
    ends; "zero" puts the mean of the train rows. Where no sample stays both give 0. Padding is never filled nor read.

    Args:
        subject: what is explained.

    Shape: units (n, T).
    """

    fillings = ("line", "zero")
    axis = "time"

    def __init__(self, subject: Subject) -> None:
        self.subject = subject.settled()
        self.before = self.subject.undisturbed()
        self.real = subject.real

    def magnitude(self) -> Tensor:
        """How large the input is at each sample: the mean of |x| over its columns (n, T)."""
        return self.subject.x.abs().mean(2)

    def filled(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Gives windows (B, T, F) in which the samples that do not stay are filled.

        Raises: UnknownName for an unknown filling.
        """
        _check_filling(filling, self.fillings)
        x = self.subject.x[rows]
        real = self.real[rows].to(x.device)
        keep = keep.to(x.device) & real
        filler = _lines(x, keep) if filling == "line" else torch.zeros_like(x)
        return torch.where((keep | ~real).unsqueeze(-1), x, filler)

    def left(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Says how much of the answers is left when the samples that do not stay are filled."""
        return _left(self.subject, self.before, rows, lambda cut: self.filled(keep[cut], rows[cut], filling))


class ColumnUnits:
    """The F columns or channels of a window, each over the whole of it.

    "zero" puts the mean of the train rows; "other" the same column of another window, of another group where there is
    one, repeated where that is shorter. Padding is never filled nor read.

    Args:
        subject: what is explained.
        seed: seed of the draw of the other windows.

    Shape:  units (n, F).
    Raises: OptionError if there is one window.
    """

    fillings = ("zero", "other")
    axis = "column"

    def __init__(self, subject: Subject, *, seed: int = 0) -> None:
        self.subject = subject.settled()
        self.before = self.subject.undisturbed()
        self.real = torch.ones(len(subject), subject.x.shape[2], dtype=torch.bool)
        self.partners = torch.from_numpy(partners(subject.groups, np.random.default_rng(seed)))

    def magnitude(self) -> Tensor:
        """How large the input is in each column: the mean of |x| over the real samples (n, F)."""
        real = self.subject.real.to(self.subject.x).unsqueeze(-1)
        return (self.subject.x.abs() * real).sum(1) / real.sum(1).clamp_min(1)

    def filled(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Gives windows (B, T, F) in which the columns that do not stay are filled.

        Raises: UnknownName for an unknown filling.
        """
        _check_filling(filling, self.fillings)
        x = self.subject.x[rows]
        real = self.subject.real[rows].to(x.device)
        filler = self._others(rows) if filling == "other" else torch.zeros_like(x)
        return torch.where(keep.to(x.device).unsqueeze(1) | ~real.unsqueeze(-1), x, filler)

    def left(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Says how much of the answers is left when the columns that do not stay are filled."""
        return _left(self.subject, self.before, rows, lambda cut: self.filled(keep[cut], rows[cut], filling))

    def _others(self, rows: Tensor) -> Tensor:
        others = self.partners[rows]
        lengths = self.subject.lengths[others].clamp_min(1).unsqueeze(1)
        places = (torch.arange(self.subject.window).to(lengths.device) % lengths).to(self.subject.x.device)
        return self.subject.x[others.unsqueeze(1).to(places.device), places]


class ChannelUnits:
    """The channels of a map, or of states, that a mechanism inside the network reads.

    What the mechanism reads is changed, so that neither it nor what follows sees the channels that do not stay: "zero"
    puts 0, "mean" the channel's mean over all windows and places. A mechanism that sees a window several times over,
    once for each target, loses the channel in each.

    Args:
        subject: what is explained.
        module: the mechanism, a module within `subject.net`.

    Shape:  units (n, C) of a map (B, C, *S), or (n, D) of states (B, T, D).
    Raises: OptionError if the network does not hold the module or does not call it; ShapeError if the module reads
            anything but windows.
    """

    fillings = ("zero", "mean")
    axis = "channel"

    def __init__(self, subject: Subject, module: nn.Module) -> None:
        if all(module is not one for one in subject.net.modules()):
            raise OptionError(
                f"ChannelUnits needs a module of the explained network, got {type(module).__name__} from elsewhere. "
                "Take it from subject.net.modules()."
            )
        self.subject = subject.settled()
        self.module = module
        self._axis = 1 if isinstance(module, MapAttention) else -1
        self.before, means, sizes = self._read()
        self.means = means.mean(0)
        self._sizes = sizes
        self.real = torch.ones(sizes.shape, dtype=torch.bool)

    def magnitude(self) -> Tensor:
        """How large each channel is in each window: the mean of its absolute values (n, C)."""
        return self._sizes

    def left(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Says how much of the answers is left when the channels that do not stay are filled.

        Raises: UnknownName for an unknown filling.
        """
        _check_filling(filling, self.fillings)
        filler = self.means if filling == "mean" else torch.zeros_like(self.means)
        found = []
        for cut in self.subject.chunks(len(rows)):
            change = partial(self._filled, keep=keep[cut].to(filler.device), filler=filler)
            with _changed(self.module, change), torch.no_grad():
                raw = self.subject.answers(self.subject.x[rows[cut]], rows[cut])
            found.append(self.subject.left(raw, rows[cut], self.before))
        return torch.cat(found)

    def _filled(self, z: Tensor, keep: Tensor, filler: Tensor) -> Tensor:
        views = _views(self.module, z, len(keep))
        shape = [1] * z.ndim
        shape[self._axis] = -1
        keep = keep.repeat_interleave(views, 0).view(len(z), *shape[1:])
        return torch.where(keep, z, filler.to(z).view(shape))

    def _read(self) -> tuple[Tensor, Tensor, Tensor]:
        """Gives the answers (n, K), and mean and size of each channel in each window (n, C)."""
        answers, means, sizes = [], [], []
        rows = torch.arange(len(self.subject))
        for cut in self.subject.chunks(len(rows)):
            seen: list[Tensor] = []
            with _changed(self.module, partial(_noted, seen)), torch.no_grad():
                answers.append(self.subject.answers(self.subject.x[cut], rows[cut]))
            if not seen:
                raise OptionError(
                    f"ChannelUnits needs a module that the network calls, got {type(self.module).__name__} without a "
                    "call. Choose one that a window passes."
                )
            means.append(torch.stack([self._over_places(z, len(rows[cut])) for z in seen]).mean(0))
            sizes.append(torch.stack([self._over_places(z.abs(), len(rows[cut])) for z in seen]).mean(0))
        return torch.cat(answers), torch.cat(means), torch.cat(sizes)

    def _over_places(self, z: Tensor, windows: int) -> Tensor:
        views = _views(self.module, z, windows)
        flat = z.movedim(self._axis, 1).flatten(2).mean(2) if z.ndim > 2 else z.contiguous()
        return flat.view(windows, views, -1).mean(1)


def _lines(x: Tensor, keep: Tensor) -> Tensor:
    """Draws straight lines between the samples that stay, 0 where there are none."""
    time = x.shape[1]
    places = torch.arange(time, device=x.device).expand(keep.shape)
    before = torch.where(keep, places, -1).cummax(1).values
    after = torch.where(keep, places, time).flip(1).cummin(1).values.flip(1)
    low = torch.where(before >= 0, before, after).clamp_max(time - 1)
    high = torch.where(after < time, after, before).clamp_min(0)
    share = ((places - low) / (high - low).clamp_min(1)).clamp(0, 1).to(x).unsqueeze(-1)
    wide = (len(x), time, x.shape[2])
    left, right = (x.gather(1, at.unsqueeze(-1).expand(wide)) for at in (low, high))
    return torch.lerp(left, right, share) * keep.any(1)[:, None, None]


def _left(subject: Subject, before: Tensor, rows: Tensor, changed: Callable[[slice], Tensor]) -> Tensor:
    """Asks the network about changed windows, batch by batch."""
    found = []
    with torch.no_grad():
        for cut in subject.chunks(len(rows)):
            found.append(subject.left(subject.answers(changed(cut), rows[cut]), rows[cut], before))
    return torch.cat(found)


def _noted(seen: list[Tensor], z: Tensor) -> Tensor:
    seen.append(z)
    return z


@contextmanager
def _changed(module: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Changes what a module reads while the block runs."""

    def before(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (change(args[0]), *args[1:]), named
        first = next(iter(named))
        return args, {**named, first: change(named[first])}

    hook = module.register_forward_pre_hook(before, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _views(module: nn.Module, z: object, windows: int) -> int:
    """Counts how often a module sees each window in one call."""
    if not isinstance(z, Tensor) or z.ndim < 2 or not len(z) or len(z) % windows:
        came = tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__
        raise ShapeError(
            f"ChannelUnits needs a module that reads one map or one sequence for each of {windows} windows, got "
            f"{type(module).__name__} with {came}. Choose the mechanism itself."
        )
    return len(z) // windows


def _check_filling(filling: str, known: tuple[str, str]) -> None:
    if filling not in known:
        raise unknown("filling", filling, known)
