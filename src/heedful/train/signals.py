"""Hands windows of recordings to a model as tensors on its device: scaled, padded, never all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.recordings import Augment, Cuts, SignalScaler
from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.errors import DataError, OptionError
from heedful.train.feed import CHUNK, MOST, Feed, reads_future, reads_speed, room

Prepare = Callable[[Tensor, Tensor | None, Tensor | None], Tensor]

_SOME = 64  # windows that a model prepares at once
_ROOM = 1 << 25  # numbers that windows may have to lie in memory, scaled: 128 MiB


class Signals(NamedTuple):
    """Scaled windows of recordings: inputs (B, T, C), lengths (B,) or None if all are whole, targets, and speeds.

    Targets are classes (B,), shares of classes (B, K) where windows were mixed, or numbers (B,). Speeds (B,) are told
    to models that read them. What a model prepares of windows (B, P) may stand in their place, and then needs neither
    lengths nor speeds.
    """

    x: Tensor
    lengths: Tensor | None
    y: Tensor
    speed: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> Signals:
        """Changes all of them in the same way."""
        return Signals(*(None if one is None else change(one) for one in self))  # type: ignore[arg-type]


class SignalFeed:
    """Gathers windows of recordings for one model.

    All scaled windows lie on the device, if there is room for them; else they are read and scaled chunk by chunk. Both
    give the same bits.

    Args:
        classes: whether the model learns classes; else it learns the targets.
        resident: whether the windows lie on the device; decided by their size if None.
        speed: whether the model reads the speed of each window.
        prepare: what the model makes of windows, lengths and speeds before anything that it learns, and takes in their
            place; done once where the windows lie on the device.
    """

    def __init__(
        self,
        windows: Cuts,
        scaler: SignalScaler,
        device: torch.device,
        *,
        classes: bool,
        resident: bool | None = None,
        speed: bool = False,
        prepare: Prepare | None = None,
    ) -> None:
        self.windows, self.scaler, self.device = windows, scaler, device
        self.speed = torch.from_numpy(windows.speeds.astype(np.float32)) if speed else None
        self.prepare = prepare
        self.y = torch.from_numpy(_targets(windows, classes=classes))
        self.complete = not bool(missing(self.y).any())
        self._numbers = windows.window * windows.channels
        most = room(device) if device.type == "cuda" else _ROOM
        self._all: Signals | None = None
        if len(windows) * self._numbers <= most if resident is None else resident:
            self._all = self._laid()

    def learnable(self) -> None:
        """Makes sure that there is something to learn from.

        Raises: DataError for windows of which none has a class, or a target.
        """
        if bool(missing(self.y).all()):
            kind = "target" if self.y.is_floating_point() else "label"
            raise DataError(
                f"Training needs recordings with a {kind}, got none in {len(self.windows):,} windows. "
                "Name the column that holds it when the recordings are read."
            )

    def batches(self, order: np.ndarray, batch: int) -> Iterator[Signals]:
        """Yields the windows of an order (n,), `batch` at a time; a last one alone joins the batch before it.

        A window of number -1 is there to fill a batch: it has no target. Several batches are gathered at once and
        handed out as views.
        """
        some = max(1, CHUNK // (batch * self._numbers))
        bounds = [*range(0, max(1, len(order) - 1), batch), len(order)]
        for first in range(0, len(bounds) - 1, some):
            own = bounds[first : first + some + 1]
            chunk = self.gather(order[own[0] : own[-1]])
            sizes = np.diff(own).tolist()
            lengths = [None] * len(sizes) if chunk.lengths is None else torch.split(chunk.lengths, sizes)
            speeds = [None] * len(sizes) if chunk.speed is None else torch.split(chunk.speed, sizes)
            yield from map(Signals, torch.split(chunk.x, sizes), lengths, torch.split(chunk.y, sizes), speeds)

    def gather(self, index: np.ndarray) -> Signals:
        """Gives the windows of the numbers `index` (B,)."""
        flat = np.maximum(index, 0)
        if self._all is not None:
            rows = torch.from_numpy(flat).long().to(self.device)
            found = self._all.map(lambda t: t[rows])
        else:
            found = self._read(flat)
        if index.size and index.min() < 0:
            empty = torch.from_numpy(index < 0).to(self.device)
            found.y[empty] = torch.nan if found.y.is_floating_point() else -1
        return found

    def size(self, lanes: int = 1) -> int:
        """Gives how many windows to read at once, so that they are about a million numbers at most."""
        return max(1, min(MOST, CHUNK // (self._numbers * lanes)))

    def _read(self, index: np.ndarray) -> Signals:
        x, lengths = self.windows.read(index)
        scaled = torch.from_numpy(np.asarray(self.scaler.apply(x, lengths), dtype=np.float32))
        told = None if self.windows.complete else torch.from_numpy(lengths)
        rows = torch.from_numpy(index).long()
        found = Signals(scaled, told, self.y[rows], None if self.speed is None else self.speed[rows])
        found = found.map(lambda t: t.to(self.device))
        if self.prepare is None:
            return found
        some = [found.map(lambda t, at=at: t[at : at + _SOME]) for at in range(0, len(rows), _SOME)]  # type: ignore[misc]
        with torch.no_grad():
            return Signals(torch.cat([self.prepare(one.x, one.lengths, one.speed) for one in some]), None, found.y)

    def _laid(self) -> Signals:
        """Puts all windows on the device, read a chunk at a time."""
        count, step = len(self.windows), self.size()
        first = self._read(np.arange(min(step, count)))
        laid = first.map(lambda t: torch.empty(count, *t.shape[1:], dtype=t.dtype, device=self.device))
        for start in range(0, count, step):
            some = self._read(np.arange(start, min(start + step, count))) if start else first
            for whole, part in zip(laid, some, strict=True):
                if whole is not None and part is not None:
                    whole[start : start + len(part)] = part
        return laid


def feed_of(
    data: Windows | Cuts,
    scaler: Scaler | SignalScaler,
    device: torch.device,
    model: nn.Module,
    *,
    resident: bool | None = None,
    prepared: bool = False,
) -> Feed | SignalFeed:
    """Gives the feed of windows of a table or of recordings, for what a model reads and learns.

    Args:
        prepared: whether a model gets what it prepares of windows itself in their place.

    Raises: OptionError for windows of one kind and a scaler of the other; DataError for recordings without the speed
        that a model reads.
    """
    if isinstance(data, Windows) and isinstance(scaler, Scaler):
        return Feed(data, scaler, device, future=reads_future(model), resident=resident)
    if isinstance(data, Windows) or isinstance(scaler, Scaler):
        raise OptionError(
            f"Windows of a table need a Scaler, those of recordings a SignalScaler, got {type(data).__name__} and "
            f"{type(scaler).__name__}. Fit a scaler to the train windows."
        )
    speed = reads_speed(model)
    if speed and not np.isfinite(data.speeds).all():
        raise DataError(
            f"{type(model).__name__} reads the speed of each recording, which is unknown of some in {data.part.name}. "
            "Name the fact that holds it in turns a minute, or build the model without speeds."
        )
    prepare = _prepare_of(model) if prepared else None
    return SignalFeed(
        data, scaler, device, classes=bool(classes_of(model)), resident=resident, speed=speed, prepare=prepare
    )


def calibrate(model: nn.Module, feed: Feed | SignalFeed, device: torch.device) -> None:
    """Shows all train windows once to the parts of a model that ask for them, so that they know their scale."""
    for part in model.modules():
        take: Callable[[Iterator[tuple[Tensor | None, ...]]], None] | None = getattr(part, "calibrate", None)
        if take is not None and isinstance(feed, SignalFeed):
            batches = feed.batches(np.arange(len(feed.windows)), feed.size())
            take((one.x, one.lengths, one.speed) for one in (some.map(lambda t: t.to(device)) for some in batches))


def _prepare_of(model: nn.Module) -> Prepare | None:
    found: Iterator[Prepare] = (part.prepare for part in model.modules() if hasattr(part, "prepare"))  # type: ignore[misc]
    return next(found, None)


def classes_of(model: nn.Module) -> int:
    """Gives the number of classes that a model learns, which its head says; 0 for one that learns numbers.

    >>> classes_of(nn.Linear(3, 2))
    0
    """
    return int(getattr(getattr(model, "head", None), "classes", 0))


def missing(y: Tensor) -> Tensor:
    """Says of which windows there is nothing to learn.

    >>> missing(torch.tensor([2, -1])), missing(torch.tensor([[0.5, 0.5], [torch.nan, torch.nan]]))
    (tensor([False,  True]), tensor([False,  True]))
    """
    if not y.is_floating_point():
        return y < 0
    return torch.isnan(y) if y.ndim == 1 else torch.isnan(y[:, 0])


def augmented(augment: Augment, batch: Signals, rng: np.random.Generator, *, classes: int) -> Signals:
    """Changes a batch of train windows that have a target; the others are left out, for none must be mixed in.

    Args:
        classes: K; 0 if numbers are learned.
    """
    seen = ~missing(batch.y)
    if not seen.any():
        return batch
    known = batch.map(lambda t: t[seen])
    lengths = np.full(len(known.x), known.x.shape[1]) if known.lengths is None else known.lengths.numpy()
    x, y = augment.apply(known.x.numpy(), lengths, known.y.numpy(), rng, classes=classes or None)
    return Signals(torch.from_numpy(x), known.lengths, torch.from_numpy(y), known.speed)


def _targets(windows: Cuts, *, classes: bool) -> np.ndarray:
    """Gives the classes (n,), -1 where there is none, or the targets in 32 bits, NaN where there is none."""
    return windows.labels.astype(np.int64) if classes else windows.targets.astype(np.float32)
