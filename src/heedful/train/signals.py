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
from heedful.train.feed import CHUNK, MOST, Feed, reads_future, room

_ROOM = 1 << 25  # numbers that windows may have to lie in memory, scaled: 128 MiB


class Signals(NamedTuple):
    """Scaled windows of recordings: inputs (B, T, C), lengths (B,) or None if all are whole, and targets.

    Targets are classes (B,), shares of classes (B, K) where windows were mixed, or numbers (B,).
    """

    x: Tensor
    lengths: Tensor | None
    y: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> Signals:
        """Changes all of them in the same way."""
        return Signals(change(self.x), None if self.lengths is None else change(self.lengths), change(self.y))


class SignalFeed:
    """Gathers windows of recordings for one model.

    All scaled windows lie on the device, if there is room for them; else they are read and scaled chunk by chunk. Both
    give the same bits.

    Args:
        classes: whether the model learns classes; else it learns the targets.
        resident: whether the windows lie on the device; decided by their size if None.
    """

    def __init__(
        self,
        windows: Cuts,
        scaler: SignalScaler,
        device: torch.device,
        *,
        classes: bool,
        resident: bool | None = None,
    ) -> None:
        self.windows, self.scaler, self.device = windows, scaler, device
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
            yield from map(Signals, torch.split(chunk.x, sizes), lengths, torch.split(chunk.y, sizes))

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
        return Signals(scaled, told, self.y[torch.from_numpy(index).long()]).map(lambda t: t.to(self.device))

    def _laid(self) -> Signals:
        """Puts all windows on the device, read a chunk at a time."""
        count, windows = len(self.windows), self.windows
        x = torch.empty(count, windows.window, windows.channels, device=self.device)
        lengths = None if windows.complete else torch.empty(count, dtype=torch.long, device=self.device)
        step = self.size()
        for start in range(0, count, step):
            index = np.arange(start, min(start + step, count))
            some = self._read(index)
            x[start : start + len(index)] = some.x
            if lengths is not None and some.lengths is not None:
                lengths[start : start + len(index)] = some.lengths
        return Signals(x, lengths, self.y.to(self.device))


def feed_of(
    data: Windows | Cuts,
    scaler: Scaler | SignalScaler,
    device: torch.device,
    model: nn.Module,
    *,
    resident: bool | None = None,
) -> Feed | SignalFeed:
    """Gives the feed of windows of a table or of recordings, for what a model reads and learns.

    Raises: OptionError for windows of one kind and a scaler of the other.
    """
    if isinstance(data, Windows) and isinstance(scaler, Scaler):
        return Feed(data, scaler, device, future=reads_future(model), resident=resident)
    if isinstance(data, Windows) or isinstance(scaler, Scaler):
        raise OptionError(
            f"Windows of a table need a Scaler, those of recordings a SignalScaler, got {type(data).__name__} and "
            f"{type(scaler).__name__}. Fit a scaler to the train windows."
        )
    return SignalFeed(data, scaler, device, classes=bool(classes_of(model)), resident=resident)


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
    return Signals(torch.from_numpy(x), known.lengths, torch.from_numpy(y))


def _targets(windows: Cuts, *, classes: bool) -> np.ndarray:
    """Gives the classes (n,), -1 where there is none, or the targets in 32 bits, NaN where there is none."""
    return windows.labels.astype(np.int64) if classes else windows.targets.astype(np.float32)
