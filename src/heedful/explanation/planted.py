"""Synthetic windows whose evidence stands at known places, and how well a map finds them."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from heedful.errors import OptionError, ShapeError, unknown
from heedful.explanation.agreement import Array, ranks

Problem = Literal["classes", "values"]
PROBLEMS: tuple[Problem, ...] = ("classes", "values")
FREQUENCIES = (0.125, 0.25)
"""Of the burst of each class, in turns a sample."""
DECOY = 0.375
"""The frequency of the burst that all classes have."""
LOUDER = 2.0
"""A decoy's amplitude over that of what it stands beside."""
SHORTEST = 24
"""Samples of a window in which evidence, a decoy and some noise have room."""
HORIZON = 3
"""Values that are to be told of a window."""


class Planted(NamedTuple):
    """Windows with planted evidence.

    Shape: x (n, T, C) float32; y classes (n,) int64 or values (n, 3) float32; places (n, T), True where the evidence
           stands.
    """

    x: np.ndarray
    y: np.ndarray
    places: np.ndarray


def width_of(window: int) -> int:
    """Gives the samples that evidence takes: an eighth of the window, from 12 to 64, but no more than a quarter.

    >>> width_of(24), width_of(96), width_of(2048)
    (6, 12, 64)
    """
    return min(64, max(12, window // 8), window // 4)


def planted(
    problem: Problem, *, windows: int, window: int, channels: int = 1, ratio: float = 6.0, seed: int = 0
) -> Planted:
    r"""Makes windows of white noise of deviation 1 that hold evidence at a random place, and a decoy elsewhere.

        ratio = 10 log10(mean_{t in stretch} b_t^2)   in dB: power of the evidence b over its stretch by the noise's 1

    Loudness alone says nothing: the decoy is twice as loud, never touches the evidence, and goes with no answer.

    classes  A burst a w_t cos(2 pi f t + phase) on one channel, of random phase and exactly that power. Its frequency f
             is the class: 1/8 or 1/4 of a turn a sample. The decoy, on a channel of its own draw, has 3/8 in both. w is
             flat with a quarter at either end that rises and falls as a cosine does.
    values   The first channel holds two bumps a w_t and 2 d w_t, the second one marks the place of the first of them by
             a bump of the same shape and of fixed power, at the ratio as well. The values ahead are a (1, 1/2, -1/2).
             a and d have a random sign and sizes from 1/2 to 3/2; the power of a bump is that of the ratio in the mean
             over windows. Other channels are noise.

    Args:
        problem: "classes" or "values".
        windows: n, half of each class, in random order.
        window: T, samples of a window.
        channels: C.
        ratio: signal-to-noise ratio.
        seed: draws everything.

    Unit:   ratio in dB.
    Raises: UnknownName for another problem; OptionError for windows too short for two stretches and some noise, or too
            few channels or windows.

    >>> x, y, places = planted("classes", windows=6, window=96, ratio=6.0)
    >>> x.shape, y.tolist().count(1), places.sum(1).tolist()
    ((6, 96, 1), 3, [12, 12, 12, 12, 12, 12])
    """
    _check(problem, windows, window, channels)
    rng, width = np.random.default_rng(seed), width_of(window)
    x = rng.normal(size=(windows, window, channels))
    start, aside = _apart(rng, windows, window, width)
    amplitude = 10 ** (ratio / 20)
    if problem == "classes":
        y: np.ndarray = rng.permuted(np.arange(windows) % 2)
        _add(x, start, rng.integers(channels, size=windows), amplitude * _burst(rng, np.take(FREQUENCIES, y), width))
        decoys = LOUDER * amplitude * _burst(rng, np.full(windows, DECOY), width)
        _add(x, aside, rng.integers(channels, size=windows), decoys)
    else:
        shape = _flat(width) / np.sqrt(np.mean(_flat(width) ** 2))
        own, other = _sized(rng, windows), _sized(rng, windows)
        first, second = np.zeros(windows, dtype=np.int64), np.ones(windows, dtype=np.int64)
        _add(x, start, first, amplitude * own[:, None] * shape)
        _add(x, aside, first, LOUDER * amplitude * other[:, None] * shape)
        _add(x, start, second, np.tile(amplitude * shape, (windows, 1)))
        y = (own[:, None] * np.array([1.0, 0.5, -0.5])).astype(np.float32)
    steps = np.arange(window) - start[:, None]
    return Planted(x.astype(np.float32), y, (steps >= 0) & (steps < width))


def localisation(maps: Array, places: Array, real: Array) -> np.ndarray:
    r"""Says how well a map tells the places of the evidence from all others, within each window.

        AUROC = (R - P (P + 1) / 2) / (P N),   R the sum of the ranks of the P places among P + N real samples

    It is the share of pairs, a place and another sample, in which the place has the larger number; ties count half
    (Mann and Whitney 1947). Larger numbers mean more important: of signed numbers give those that mean it.

    Args:
        maps: (n, T).
        places: where the evidence stands (n, T).
        real: which samples are real (n, T).

    Shape:  (n,), NaN for windows whose real samples are all evidence, or none.
    Raises: ShapeError for other shapes; DataError for numbers at real samples that are not finite.

    >>> real = np.ones((1, 4), dtype=bool)
    >>> localisation(np.array([[0.0, 3.0, 3.0, 0.0]]), np.array([[False, True, False, False]]), real).round(4).tolist()
    [0.8333]
    """
    ranked, inside = ranks(maps, real)
    where = np.asarray(places, dtype=bool)
    if where.shape != inside.shape:
        raise ShapeError(f"localisation needs places of the map's shape {inside.shape}, got {where.shape}.")
    inner = (where & inside).sum(1)
    outer = inside.sum(1) - inner
    above = (ranked * (where & inside)).sum(1) - inner * (inner + 1) / 2
    found: np.ndarray = np.divide(above, inner * outer, out=np.full(len(where), np.nan), where=inner * outer > 0)
    return found


# --- drawing -------------------------------------------------------------------------------------------------


def _check(problem: str, windows: int, window: int, channels: int) -> None:
    if problem not in PROBLEMS:
        raise unknown("problem", problem, PROBLEMS)
    if window < SHORTEST:
        raise OptionError(f"planted needs windows of at least {SHORTEST} samples, got {window}. Make them longer.")
    fewest = 2 if problem == "values" else 1
    if channels < fewest:
        raise OptionError(f"planted needs {fewest} or more channels for {problem}, got {channels}. Give more.")
    if windows < 2:
        raise OptionError(f"planted needs 2 windows or more, got {windows}. Ask for more.")


def _apart(rng: np.random.Generator, windows: int, window: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws two starts of stretches that do not touch: all pairs of places are as likely."""
    # Two unequal numbers, the larger moved past the first stretch; at least one sample stays between.
    room = window - 2 * width + 1
    low = rng.integers(room, size=windows)
    high = rng.integers(room - 1, size=windows)
    high += high >= low
    first, second = np.minimum(low, high), np.maximum(low, high) + width
    swapped = rng.random(windows) < 0.5
    return np.where(swapped, second, first), np.where(swapped, first, second)


def _flat(width: int) -> np.ndarray:
    edge = np.arange(1, width // 4 + 1) / (width // 4 + 1)
    rise = 0.5 - 0.5 * np.cos(np.pi * edge)
    return np.concatenate([rise, np.ones(width - 2 * len(rise)), rise[::-1]])


def _burst(rng: np.random.Generator, frequencies: np.ndarray, width: int) -> np.ndarray:
    """Draws bursts (n, width) of a mean square of exactly 1."""
    phase = rng.uniform(0, 2 * np.pi, size=(len(frequencies), 1))
    wave = _flat(width) * np.cos(2 * np.pi * frequencies[:, None] * np.arange(width) + phase)
    burst: np.ndarray = wave / np.sqrt((wave**2).mean(1, keepdims=True))
    return burst


def _sized(rng: np.random.Generator, windows: int) -> np.ndarray:
    sizes: np.ndarray = rng.uniform(0.5, 1.5, windows) * rng.choice([-1.0, 1.0], windows) / np.sqrt(1 + 1 / 12)
    return sizes


def _add(x: np.ndarray, start: np.ndarray, channel: np.ndarray, what: np.ndarray) -> None:
    rows = np.arange(len(x))[:, None]
    x[rows, start[:, None] + np.arange(what.shape[1]), channel[:, None]] += what
