"""Hands scaled windows to a model as tensors on its device, in any order, never all at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.scale import Scaler
from heedful.data.windows import Windows

CHUNK = 1 << 20  # numbers gathered at once: large enough to hide the gather, small enough to stay in cache
MOST = 1024  # windows forecast at once


class Tensors(NamedTuple):
    """Scaled windows: inputs (*S, B, T, F), known columns ahead (*S, B, P, K) or None, targets (*S, B, P[, M])."""

    x: Tensor
    future: Tensor | None
    y: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> Tensors:
        """Changes all of them in the same way."""
        return Tensors(change(self.x), None if self.future is None else change(self.future), change(self.y))


class Feed:
    """Gathers windows for one model.

    The scaled table lies on the device, if there is room for it, and windows are gathered there by their rows; else
    they are gathered first and then scaled, chunk by chunk. Both give the same bits.

    Args:
        future: whether the model reads the columns known in advance.
        resident: whether the table lies on the device; decided by its size if None.
    """

    def __init__(
        self, windows: Windows, scaler: Scaler, device: torch.device, *, future: bool, resident: bool | None = None
    ) -> None:
        self.windows, self.scaler, self.device = windows, scaler, device
        self.future = future and bool(windows.span.series.known)
        self.complete = windows.complete
        if resident is None:
            series = windows.span.series
            resident = series.values.size <= room(device) and not scaler.unseen(series)
        self._rows = _Rows(windows, scaler, device) if resident else None

    def learnable(self) -> None:
        """Makes sure that there is something to learn from: a table has no windows without targets."""

    def batches(self, order: np.ndarray, batch: int) -> Iterator[Tensors]:
        """Yields the windows of an order (n,), or of one for each seed (S, n), `batch` at a time.

        A window of number -1 is there to fill a batch: its targets are NaN. Several batches are gathered at once and
        handed out as views.
        """
        lanes = order.size // order.shape[-1]
        chunk = batch * max(1, CHUNK // (batch * self._numbers * lanes))
        for start in range(0, order.shape[-1], chunk):
            x, future, y = self.gather(order[..., start : start + chunk])
            axis = order.ndim - 1
            futures = None if future is None else torch.split(future, batch, axis)
            parts = zip(torch.split(x, batch, axis), torch.split(y, batch, axis), strict=True)
            for i, (some, targets) in enumerate(parts):
                yield Tensors(some, None if futures is None else futures[i], targets)

    def gather(self, index: np.ndarray) -> Tensors:
        """Gives the windows of the numbers `index` (*S, B)."""
        flat = np.maximum(index.reshape(-1), 0)
        if self._rows is not None:
            found = self._rows.gather(flat, future=self.future)
        else:
            scaled = self.scaler.batch(self.windows, flat)
            ahead = None if scaled.future is None or not self.future else self._tensor(scaled.future)
            found = Tensors(self._tensor(scaled.x), ahead, self._tensor(scaled.y))
        found = found.map(lambda t: t.reshape(*index.shape, *t.shape[1:]))
        if index.size and index.min() < 0:
            found.y[self._tensor(index < 0)] = torch.nan
        return found

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def size(self, lanes: int = 1) -> int:
        """Gives how many windows to forecast at once, so that they are about a million numbers at most."""
        return max(1, min(MOST, CHUNK // (self._numbers * lanes)))

    @property
    def _numbers(self) -> int:
        """Numbers a window has: the larger of what is read and what is forecast."""
        windows = self.windows
        return max(windows.window * windows.features, windows.horizon * len(windows.span.series.targets))


class _Rows:
    """The scaled table on a device; every row belongs to one member and is scaled by that member's moments."""

    def __init__(self, windows: Windows, scaler: Scaler, device: torch.device) -> None:
        series = windows.span.series
        self.device, self.several = device, len(series.targets) > 1
        self.known = torch.tensor(series.known_indices, dtype=torch.long, device=device)
        self.starts = torch.as_tensor(np.asarray(windows.starts), device=device)
        self.back = torch.arange(windows.window, device=device)
        self.ahead = windows.window + torch.arange(windows.horizon, device=device)
        columns = list(series.target_indices)
        inputs = np.empty(series.values.shape, dtype=np.float32)
        targets = np.empty((len(series), len(columns)), dtype=np.float32)
        for member in series.members:
            rows = slice(member.start, member.stop)
            own = _of_member(scaler, member.name)
            inputs[rows] = own.inputs(series.values[rows])
            truth = np.where(series.observed[rows][:, columns], series.values[rows][:, columns], np.nan)
            targets[rows] = own.targets(truth) if self.several else own.targets(truth[:, 0])[:, None]
        self.inputs, self.targets = torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)

    def gather(self, index: np.ndarray, *, future: bool) -> Tensors:
        starts = self.starts[torch.as_tensor(index, dtype=torch.long).to(self.device)][:, None]
        ahead = starts + self.ahead
        known = self.inputs[ahead][..., self.known] if future else None
        targets = self.targets[ahead]
        return Tensors(self.inputs[starts + self.back], known, targets if self.several else targets[..., 0])


def _of_member(scaler: Scaler, name: str) -> Scaler:
    if not scaler.members:
        return scaler
    row = scaler.members.index(name)
    return replace(scaler, members=(), centre=scaler.centre[row], spread=scaler.spread[row])


def room(device: torch.device) -> int:
    """Gives how many numbers a table may have to lie on a device: a quarter of a GPU's free memory, or 32 MiB."""
    return torch.cuda.mem_get_info(device)[0] // 16 if device.type == "cuda" else 1 << 23


def reads_future(model: nn.Module) -> bool:
    """Says whether a model takes the columns known in advance: its forward has an argument of the name `future`.

    >>> reads_future(nn.Linear(2, 3))
    False
    """
    return "future" in inspect.signature(model.forward).parameters


def reads_speed(model: nn.Module) -> bool:
    """Says whether a model takes the speed of each window of a recording: a part of it was built for that.

    >>> reads_speed(nn.Linear(2, 3))
    False
    """
    return any(getattr(part, "reads_speed", False) for part in model.modules())


def apply(model: nn.Module, batch: tuple[Tensor, Tensor | None, Tensor, *tuple[Tensor | None, ...]]) -> Tensor:
    """Gives what a model says to a batch: inputs, what it reads beside them if anything, targets, and a speed."""
    x, beside, _, *speeds = batch
    if speeds and speeds[0] is not None:
        told: Tensor = model(x, beside, speeds[0])
        return told
    output: Tensor = model(x) if beside is None else model(x, beside)
    return output


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """Gives an order of so many windows, in 32 bits where they suffice: half the memory of a default permutation."""
    order = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
    np.random.Generator(np.random.SFC64([seed, epoch])).shuffle(order)
    return order
