"""Recordings brought to one rate, and freed of their mean or trend; chunk by chunk, whatever their length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from heedful.data.recordings.cache import cache_folder, keep
from heedful.data.recordings.noun import Recording, Recordings
from heedful.errors import DataError, OptionError, unknown

CHUNK = 1 << 18
HALF = 10
"""Half the length of the filter, in samples of the lower rate; SciPy's `resample_poly` has it too."""
KINDS = ("none", "mean", "linear")
MEMORY = 256 << 20


def resample(
    recordings: Recordings, rate: float, *, memory: int = MEMORY, cache: str | Path | None = None
) -> Recordings:
    """Brings all recordings to one rate by a polyphase filter that lets nothing above the new half rate through.

    The ends are held level, so that no edge is made there. Missing samples stay missing, and only they: gaps are
    bridged by a line for the filter. Above `memory` bytes the result lies in the cache folder, memory-mapped.

    Paper:  a windowed-sinc filter (Kaiser window, beta 5) in polyphase form, `scipy.signal.resample_poly`.
    Unit:   rate in samples a second.
    Raises: DataError for a recording without a rate, or rates more than 10,000 times apart.

    >>> one = Recording(name="a", values=np.ones((1, 48)), rate=48.0)
    >>> made = resample(Recordings(items=(one,)), 12.0)
    >>> made.rate, len(made[0])
    (12.0, 12)
    """
    if not rate > 0 or not math.isfinite(rate):
        raise OptionError(f"resample needs a rate above 0 samples a second, got {rate:g}.")
    without = next((one.name for one in recordings.items if not one.rate), None)
    if without is not None:
        raise DataError(f"The rate of '{without}' is unknown, so it cannot be resampled. Name its rate first.")
    ratios = {one.rate: _ratio(rate, one.rate or 1.0) for one in recordings.items}

    def change(one: Recording, place: Path | None) -> Recording:
        up, down = ratios[one.rate]
        if up == down:
            return one
        values = _empty((len(one.channels), -(-len(one) * up // down)), place)
        for start, part in _resampled(one.values, up, down):
            values[:, start : start + part.shape[1]] = part
        return replace(one, values=values, rate=rate, targets=_sampled(one.targets, up, down))

    old = {one.rate: sum(1 for other in recordings.items if other.rate == one.rate) for one in recordings.items}
    told = [f"{count} from {was:g}" for was, count in old.items() if was and ratios[was][0] != ratios[was][1]]
    size = sum(4 * len(one.channels) * int(len(one) * rate / (one.rate or rate)) for one in recordings.items)
    notes = (f"Resampled to {rate:g} samples a second: {', '.join(told)}.",) if told else ()
    return _changed(recordings, change, size=size, memory=memory, cache=cache, key=f"rate {rate!r}", notes=notes)


def detrend(
    recordings: Recordings, kind: str = "mean", *, memory: int = MEMORY, cache: str | Path | None = None
) -> Recordings:
    """Takes the mean, or the straight line of least squares, off each channel of each recording.

    This looks at the whole recording: cut recordings in time afterwards and a window's mean knows of later samples.

    Args:
        kind: "none", "mean" or "linear".

    Raises: UnknownName for another kind.

    >>> one = Recording(name="a", values=np.array([[1.0, 2.0, 6.0]]))
    >>> detrend(Recordings(items=(one,)))[0].values.tolist()
    [[-2.0, -1.0, 3.0]]
    """
    if kind not in KINDS:
        raise unknown("trend", kind, KINDS)
    if kind == "none":
        return recordings

    def change(one: Recording, place: Path | None) -> Recording:
        level, slope = _line(one.values, sloped=kind == "linear")
        values = _empty(one.values.shape, place)
        for a in range(0, len(one), CHUNK):
            part = one.values[:, a : a + CHUNK]
            values[:, a : a + CHUNK] = part - (level + slope * np.arange(a, a + part.shape[1]))
        return replace(one, values=values)

    size = sum(4 * one.values.size for one in recordings.items)
    notes = (f"The {'mean' if kind == 'mean' else 'linear trend'} of each recording was taken off.",)
    return _changed(recordings, change, size=size, memory=memory, cache=cache, key=f"trend {kind}", notes=notes)


def _changed(
    recordings: Recordings,
    change: Callable[[Recording, Path | None], Recording],
    *,
    size: int,
    memory: int,
    cache: str | Path | None,
    key: str,
    notes: tuple[str, ...],
) -> Recordings:
    if not notes:
        return recordings
    if size > memory:
        folder = cache_folder(cache)
        made = keep(
            lambda place: (change(one, place) for one in recordings.items),
            folder,
            {"of": recordings.fingerprint, "change": key},
        )
        items = tuple(replace(new, source=old.source) for new, old in zip(made, recordings.items, strict=True))
        notes = (*notes, f"The result, {size / 1e6:,.0f} MB, lies in {folder}.")
    else:
        items = tuple(change(one, None) for one in recordings.items)
    return replace(recordings, items=items, notes=(*recordings.notes, *notes))


def _empty(shape: tuple[int, ...], place: Path | None) -> np.ndarray:
    """Gives room for the samples of one recording, in memory or in a file that the next one writes over."""
    if place is None:
        return np.empty(shape, dtype=np.float32)
    return np.memmap(place / "room", dtype=np.float32, mode="w+", shape=shape)


def _ratio(new: float, old: float) -> tuple[int, int]:
    """Gives the rates as a fraction; nominal rates such as 97.65625 or 1/3 are met to a millionth."""
    found = Fraction(new / old).limit_denominator(10_000)
    if not found or abs(float(found) * old / new - 1) > 1e-6 or found.numerator > 10_000:
        raise DataError(f"{new:g} and {old:g} samples a second lie too far apart. Choose a rate nearer to {old:g}.")
    return found.numerator, found.denominator


def _resampled(values: np.ndarray, up: int, down: int) -> Iterator[tuple[int, np.ndarray]]:
    """Gives the resampled samples chunk by chunk, the same whatever the chunks.

    Each chunk is filtered with enough samples on either side that its own never feel the cut.
    """
    from scipy.signal import firwin, resample_poly

    top = max(up, down)
    taps = firwin(2 * HALF * top + 1, 1 / top, window=("kaiser", 5.0))
    side = (-(-HALF * top // (up * down)) + 1) * down
    length = values.shape[1]
    step = max(1, CHUNK // down) * down
    for start in range(0, length, step):
        stop = min(start + step, length)
        part = _padded(values, start - side, stop + side)
        known = np.isfinite(part)
        whole = known.all()
        made = resample_poly(part if whole else _bridged(part, known), up, down, axis=1, window=taps)
        first = side * up // down
        count = -(-stop * up // down) - start * up // down
        made = made[:, first : first + count]
        if not whole:
            nearest = side + np.minimum(np.rint(np.arange(count) * down / up).astype(int), stop - start - 1)
            made[~known[:, nearest]] = np.nan
        yield start * up // down, made


def _sampled(targets: np.ndarray | None, up: int, down: int) -> np.ndarray | None:
    """Gives each new sample the target of the last old one that is not later."""
    if targets is None:
        return None
    count = -(-len(targets) * up // down)
    found: np.ndarray = targets[np.minimum(np.arange(count) * down // up, len(targets) - 1)]
    return found


def _padded(values: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Gives the samples [start, stop), the first and the last held where there are none."""
    length = values.shape[1]
    part = np.asarray(values[:, max(0, start) : min(stop, length)], dtype=np.float64)
    return np.pad(part, ((0, 0), (max(0, -start), max(0, stop - length))), mode="edge")


def _bridged(part: np.ndarray, known: np.ndarray) -> np.ndarray:
    filled, place = part.copy(), np.arange(part.shape[1])
    for row, seen in zip(filled, known, strict=True):
        row[~seen] = np.interp(place[~seen], place[seen], row[seen]) if seen.any() else 0.0
    return filled


def _line(values: np.ndarray, *, sloped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Fits a line to each channel in one pass of chunks, missing samples left out; gives level and slope (C, 1)."""
    length = values.shape[1]
    centre = (length - 1) / 2
    sums = np.zeros((5, len(values)))
    for a in range(0, length, CHUNK):
        part = np.asarray(values[:, a : a + CHUNK], dtype=np.float64)
        seen = np.isfinite(part)
        part = np.where(seen, part, 0.0)
        time = np.arange(a, a + part.shape[1]) - centre
        sums += [seen.sum(1), part.sum(1), (seen * time).sum(1), (seen * time**2).sum(1), (part * time).sum(1)]
    count, y, t, tt, ty = sums
    count = np.maximum(count, 1)
    spread = tt - t**2 / count
    slope = np.where(spread > 0, (ty - t * y / count) / np.where(spread > 0, spread, 1), 0.0) if sloped else 0 * y
    level = y / count - slope * (t / count + centre)
    return level[:, None], slope[:, None]
