"""Maps that know nothing of why a network answered as it did; a map must do better than these.

Letters in shapes: n windows, U units of each: samples, columns, hidden channels, bands.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from heedful.errors import OptionError, ShapeError

SMOOTH, PERMUTED = "smooth random", "permuted"
SHIFTED, OTHER, MEAN = "shifted", "another window", "mean map"
RECENCY, MAGNITUDE = "recency", "magnitude"
DRAWS = 3
"""Smooth random maps that are averaged for each window."""
_REPEATS = 10
_SHORT = 4
"""Units below which there is no spectrum worth the name."""


def controls(
    maps: np.ndarray,
    real: np.ndarray,
    groups: np.ndarray,
    *,
    axis: str = "time",
    magnitude: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, tuple[np.ndarray, ...]]:
    """Makes the controls of some maps by name, each one map or several that are averaged.

    Args:
        maps: the maps, larger where it matters more.
        real: which units each window has.
        groups: the group of each window.
        axis: what the units are, as `Units.axis` says: those of time have a recency, those without an order (columns,
            channels) are permuted instead of drawn smooth.
        magnitude: how large the input is at each unit, from no model at all.
        seed: seed of what is drawn.

    Shape:  maps, real, magnitude (n, U), groups (n,).
    Raises: ShapeError for maps of another shape than `real`; OptionError if there is one window.

    >>> maps, real = np.random.default_rng(0).random((6, 20)), np.ones((6, 20), bool)
    >>> list(controls(maps, real, np.arange(6) // 2))
    ['smooth random', 'shifted', 'another window', 'mean map', 'recency']
    """
    maps, real = _checked(maps, real)
    rng = np.random.default_rng(seed)
    name, draw = (PERMUTED, permuted) if axis in ("column", "channel") else (SMOOTH, smooth_random)
    found = {
        name: tuple(draw(maps, real, rng) for _ in range(DRAWS)),
        SHIFTED: (shifted(maps, real, rng),),
        OTHER: (other_window(maps, real, groups, rng),),
        MEAN: (mean_map(maps, real, groups),),
    }
    if axis == "time":
        found[RECENCY] = (recency(real),)
    if magnitude is not None:
        found[MAGNITUDE] = (_checked(magnitude, real)[0],)
    return found


def smooth_random(
    maps: np.ndarray, real: np.ndarray, rng: np.random.Generator, *, together: bool = False
) -> np.ndarray:
    r"""Draws for each map a random one that is as smooth and has the very same values.

        g = normal scores of the map, followed by their mirror image;  s a random order of g; then 10 times
        s <- values of g in the order of FFT^{-1}(|FFT g| e^{i arg FFT s})
        control = the map's values in the order of the first half of s

    The order decides what is taken away first, so it is the spectrum of the ranks that is kept. Without the mirror
    image a ramp would jump where its ends meet, and its surrogate be rough; without the repetitions a single bump would
    fall apart. Units that tie share a score. Constant maps stay constant; below 4 units the values are permuted.

    Drawn `together`, s begins as g with random signs of its cosines that all maps share, so that surrogates are as
    alike from window to window as the maps are, and one map for all windows stays one. It keeps the mirror image, so
    that a map which is at its largest or smallest at an end has such surrogates. Nothing is repeated then, since the
    map itself, with its own signs, must be one of those that may come out.

    Paper:   Schreiber and Schmitz, "Improved surrogate data for nonlinearity tests", Physical Review Letters 77, 1996;
             what all share, of Prichard and Theiler, "Generating surrogate data for time series with several
             simultaneously measured variables", Physical Review Letters 73, 1994.
    Differs: the mirror image, the normal scores, and a fixed number of repetitions.

    Shape: maps and real (n, U) -> (n, U), 0 where not real.

    >>> ramp, real = np.linspace(0, 1, 50)[None], np.ones((1, 50), bool)
    >>> drawn = smooth_random(ramp, real, np.random.default_rng(0))
    >>> bool((np.sort(drawn) == ramp).all()), bool(np.abs(np.diff(drawn)).mean() < 0.1)
    (True, True)
    """
    maps, real = _checked(maps, real)
    n, units = maps.shape
    lengths = real.sum(1)
    whole = _stretched(_scores(maps, real), real)
    doubled = np.concatenate((whole, whole[:, ::-1]), 1)
    own, values = np.fft.rfft(doubled, axis=1), np.sort(doubled, 1)
    size = np.abs(own)
    chance = rng.random((1 if together else n, units))
    if together:
        surrogate = np.fft.irfft(own * rng.choice([-1.0, 1.0], units + 1), 2 * units, axis=1)
    else:
        surrogate = rng.permuted(doubled, axis=1)
    for _ in range(0 if together else _REPEATS):
        spectrum = np.fft.rfft(_dealt(values, surrogate), axis=1)
        turned = size * spectrum / np.maximum(np.abs(spectrum), np.finfo(float).tiny)
        surrogate = np.fft.irfft(turned, 2 * units, axis=1)
    order = _squeezed(surrogate[:, :units], lengths)
    return _in_order(maps, real, np.where((lengths < _SHORT)[:, None], chance, order))


def permuted(maps: np.ndarray, real: np.ndarray, rng: np.random.Generator, *, together: bool = False) -> np.ndarray:
    """Permutes the values of each map, for units that have no order; `together`, all maps in the same way.

    Shape: maps and real (n, U) -> (n, U), 0 where not real.
    """
    maps, real = _checked(maps, real)
    order = maps[:, rng.permutation(maps.shape[1])] if together else rng.random(maps.shape)
    return _in_order(maps, real, order)


def shifted(maps: np.ndarray, real: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifts each map in a circle by at least a tenth of its real units, either way.

    Shape: maps and real (n, U) -> (n, U), 0 where not real.
    """
    maps, real = _checked(maps, real)
    count = np.maximum(real.sum(1), 1)
    least = np.minimum(np.ceil(0.1 * count).astype(int), count - 1)
    most = np.maximum(count - least, least)
    by = least + (rng.random(len(maps)) * (most - least + 1)).astype(int)
    packed = _packed(maps, real)
    places = (np.arange(maps.shape[1]) - by[:, None]) % count[:, None]
    return _unpacked(np.take_along_axis(packed, places, 1), real)


def other_window(maps: np.ndarray, real: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gives each window the map of another one, of another group where there is one, stretched to its length.

    Shape:  maps and real (n, U), groups (n,) -> (n, U), 0 where not real.
    Raises: OptionError if there is one window.
    """
    maps, real = _checked(maps, real)
    chosen = partners(groups, rng)
    return _unpacked(_squeezed(_stretched(maps, real)[chosen], real.sum(1)), real)


def mean_map(maps: np.ndarray, real: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Gives each window the mean map of the other groups, or of the other windows where there is one group.

    Each map counts with mean 0 and deviation 1; windows of other lengths are stretched.

    Shape:  maps and real (n, U), groups (n,) -> (n, U), 0 where not real.
    Raises: OptionError if there is one window.
    """
    maps, real = _checked(maps, real)
    _, own = np.unique(groups, return_inverse=True)
    if len(maps) < 2:
        raise _alone("mean_map")
    if own.max() == 0:
        own = np.arange(len(maps))
    whole = _stretched(maps, real)
    deviation = whole.std(1, keepdims=True)
    whole = (whole - whole.mean(1, keepdims=True)) / np.where(deviation > 0, deviation, 1.0)
    sums = np.zeros((own.max() + 1, maps.shape[1]))
    np.add.at(sums, own, whole)
    others = (whole.sum(0) - sums) / (len(maps) - np.bincount(own))[:, None]
    return _unpacked(_squeezed(others[own], real.sum(1)), real)


def recency(real: np.ndarray) -> np.ndarray:
    """Gives a ramp that rises to the last real unit.

    >>> recency(np.array([[True, True, True, False]])).round(2).tolist()
    [[0.33, 0.67, 1.0, 0.0]]
    """
    real = np.asarray(real, bool)
    ramp: np.ndarray = np.where(real, np.cumsum(real, 1), 0) / np.maximum(real.sum(1, keepdims=True), 1)
    return ramp


def partners(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws for each window another one, of another group, or of the only group.

    Shape:  groups (n,) -> numbers of windows (n,).
    Raises: OptionError if there is one window.

    >>> groups = np.array([0, 0, 1, 1])
    >>> bool((groups[partners(groups, np.random.default_rng(0))] != groups).all())
    True
    """
    groups = np.asarray(groups)
    if len(groups) < 2:
        raise _alone("partners")
    _, own = np.unique(groups, return_inverse=True)
    if own.max() == 0:
        own = np.arange(len(groups))
    sorted_by, sizes = np.argsort(own, kind="stable"), np.bincount(own)
    first = np.cumsum(sizes) - sizes
    drawn = (rng.random(len(groups)) * (len(groups) - sizes[own])).astype(int)
    chosen: np.ndarray = sorted_by[np.where(drawn < first[own], drawn, drawn + sizes[own])]
    return chosen


# --- units of unequal number -------------------------------------------------------------------------------------


def _checked(maps: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    maps, real = np.asarray(maps, float), np.asarray(real, bool)
    if maps.shape != real.shape or maps.ndim != 2:
        raise ShapeError(
            f"A control needs maps (n, U) and as many places that are real or not, got {maps.shape} and {real.shape}. "
            "Give one map for each window."
        )
    return np.where(real, maps, 0.0), real


def _alone(who: str) -> OptionError:
    return OptionError(f"{who} needs two windows at least, got one. Explain more windows.")


def _packed(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Moves the real units to the front."""
    return np.take_along_axis(values, np.argsort(~real, 1, kind="stable"), 1)


def _unpacked(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Moves units from the front to their places; the others are 0."""
    places = np.maximum(np.cumsum(real, 1) - 1, 0)
    return np.where(real, np.take_along_axis(values, places, 1), 0.0)


def _stretched(values: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Stretches the real units of each window over all U, by straight lines; whole windows stay as they are."""
    units = values.shape[1]
    last = np.maximum(real.sum(1, keepdims=True) - 1, 0)
    return _read(_packed(values, real), np.arange(units) * (last / max(units - 1, 1)))


def _squeezed(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Undoes the stretching: (n, U) to the first `lengths` units of each row."""
    units = values.shape[1]
    step = (units - 1) / np.maximum(lengths - 1, 1)[:, None]
    return _read(values, np.minimum(np.arange(units) * step, units - 1))


def _read(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Reads rows at places between their units."""
    low = np.clip(np.floor(at + 1e-9).astype(int), 0, values.shape[1] - 1)
    high = np.minimum(low + 1, values.shape[1] - 1)
    share = np.clip(at - low, 0.0, 1.0)
    below, above = np.take_along_axis(values, low, 1), np.take_along_axis(values, high, 1)
    return np.where(share > 0, below + share * (above - below), below)


def _scores(maps: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Gives the real units of each map normal scores by their ranks, ties the mean one, with mean 0."""
    count = real.sum(1, keepdims=True)
    ranks = rankdata(np.where(real, maps, np.inf), axis=1)
    score = ndtri(np.where(real, (ranks - 0.5) / np.maximum(count, 1), 0.5))
    return np.where(real, score - (score * real).sum(1, keepdims=True) / np.maximum(count, 1), 0.0)


def _in_order(maps: np.ndarray, real: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Deals the values of each map out in the order of other values (n, U), whose first ones count."""
    count = real.sum(1, keepdims=True)
    values = np.sort(np.where(real, maps, np.inf), 1)
    return _unpacked(_dealt(values, np.where(np.arange(maps.shape[1]) < count, order, np.inf)), real)


def _dealt(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Puts rising values in the order of other numbers."""
    found = np.empty(values.shape)
    np.put_along_axis(found, np.argsort(order, 1, kind="stable"), values, 1)
    return found
