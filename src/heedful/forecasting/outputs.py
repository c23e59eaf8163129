"""What a trained network says of windows: points and bands, scaled or in original units, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.intervals import LEVELS, Intervals
from heedful.train.evaluate import each
from heedful.train.feed import Tensors
from heedful.train.loss import point as point_of

_NUMBERS = 1 << 20  # numbers that one pass of a network reads, or one block gives
_CALIBRATED = 1 << 22


class Forecasts(NamedTuple):
    """Points and bounds of some windows; lower and upper hold one entry for each level.

    Shape: point (n, P) or (n, P, M); lower and upper (levels, n, P) or (levels, n, P, M).
    """

    point: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def scaled(net: nn.Module, windows: Windows, scaler: Scaler, levels: Sequence[float] = ()) -> Forecasts:
    """Gives the network's own points and bounds in scaled units; a point forecast is a band of no width.

    A head of quantiles is asked for no level beyond its own: where it ends, its outermost quantiles are the band.
    The network computes where it was trained: on a GPU where there is one.
    """
    head = getattr(net, "head", None)
    own = getattr(head, "levels", (0.0, 1.0))
    ends = [min(max(end, own[0]), own[-1]) for end in _ends(levels)] if _has_spread(net) else []

    def read(_: np.ndarray, __: Tensors, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        return point_of(net, raw).cpu(), head.quantiles(raw, ends).cpu() if head is not None and ends else None

    said = each(net, windows, scaler, read)
    point = _whole([point for point, _ in said], 0)
    bounds = [bound for _, bound in said if bound is not None]
    if bounds:
        both = _whole(bounds, 1)
        return Forecasts(point, both[: len(levels)], both[len(levels) :])
    same = np.broadcast_to(point, (len(levels), *point.shape))
    return Forecasts(point, same, same)


def forecasts(
    net: nn.Module, windows: Windows, scaler: Scaler, intervals: Intervals | None = None, levels: Sequence[float] = ()
) -> Forecasts:
    """Gives points and calibrated bounds in the targets' own units.

    The bounds of a level hold those of every lower one that the intervals offer, asked for or not: what is said of a
    level does not depend on what else is asked.

    Raises: OptionError for a level that the intervals do not offer.
    """
    if intervals is None or not levels:
        point = scaler.restore(scaled(net, windows, scaler).point, windows)
        none = np.empty((0, *point.shape))
        return Forecasts(point, none, none)
    places = [intervals.place(level) for level in levels]
    rising = intervals.levels[: max(places) + 1]
    said = scaled(net, windows, scaler, rising)
    bounds = intervals.nested(said.lower, said.upper, rising, names_of(windows))
    lower, upper = (scaler.restore(side[places], windows) for side in bounds)
    return Forecasts(scaler.restore(said.point, windows), lower, upper)


def calibrate(net: nn.Module, validation: Windows, scaler: Scaler, levels: Sequence[float]) -> Intervals:
    """Calibrates intervals on the validation windows, at the usual levels and those asked for.

    Where there are very many windows, evenly spread ones are taken: their neighbours tell the same. Members of a panel
    are calibrated alone where they have enough of them.
    """
    some = thinned(validation, max(1, _CALIBRATED // (validation.horizon * len(validation.span.series.targets))))
    truth = np.concatenate([scaler.batch(part, np.arange(len(part))).y for part in blocks(some)])

    def band(level: float) -> tuple[np.ndarray, np.ndarray]:
        said = scaled(net, some, scaler, [level])
        return said.lower[0], said.upper[0]

    names = names_of(some) if len(some.span.series.members) > 1 else None
    wanted = (*LEVELS, *levels)
    if not _has_spread(net):
        point = scaled(net, some, scaler).point
        return Intervals.fit(truth, lambda _: (point, point), wanted, names)
    return Intervals.fit(truth, band, wanted, names)


def names_of(windows: Windows) -> list[str]:
    """Names the member that each window is of."""
    members = windows.span.series.members
    return [members[number].name for number in windows.members(np.arange(len(windows)))]


def blocks(windows: Windows, numbers: int = _NUMBERS) -> Iterator[Windows]:
    """Cuts windows into blocks whose inputs and targets are at most so many numbers, in order.

    A block is itself windows of the same span.
    """
    each = windows.horizon * len(windows.span.series.targets) + windows.window * windows.features
    size = max(1, numbers // each)
    for start in range(0, len(windows), size):
        yield some_of(windows, start, min(start + size, len(windows)))


def some_of(windows: Windows, start: int, stop: int) -> Windows:
    """Gives windows number [start, stop)."""
    runs, before = [], 0
    for first, count in windows.runs:
        low, high = max(start - before, 0), min(stop - before, count)
        if low < high:
            runs.append((first + low, high - low))
        before += count
    return replace(windows, runs=tuple(runs))


def thinned(windows: Windows, most: int) -> Windows:
    """Gives at most so many windows, evenly spread."""
    if len(windows) <= most:
        return windows
    starts = np.asarray(windows.starts)[np.linspace(0, len(windows) - 1, most).astype(np.int64)]
    return replace(windows, runs=tuple((int(start), 1) for start in starts))


def _has_spread(net: nn.Module) -> bool:
    return getattr(getattr(net, "head", None), "outputs", 1) > 1


def _ends(levels: Sequence[float]) -> list[float]:
    return [(1 - level) / 2 for level in levels] + [(1 + level) / 2 for level in levels]


def _whole(parts: list[Tensor], axis: int) -> np.ndarray:
    whole: np.ndarray = torch.cat(parts, axis).double().numpy()
    return whole
