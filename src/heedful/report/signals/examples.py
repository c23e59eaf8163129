"""One window of each class, or of small, middling and large targets, to be looked at before any number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heedful.data.recordings import Cuts
    from heedful.signals.result import Classification

MOST, CHANNELS = 12, 3
"""At most so many examples are drawn, and so many channels of each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One window as it was measured.

    `label` is its class, or None where `target` is what a model tells of it; `start` is its first sample.

    Shape: x (n, C), only what is real.
    Unit:  that of the recording.
    """

    label: str | None
    target: float
    recording: str
    start: int
    rate: float | None
    x: np.ndarray


def examples(result: Classification) -> tuple[Example, ...]:
    """Gives a window from the middle of each class of the first fold's train part; of the test part if it has none."""
    fold = result.folds[0]
    if not result.classes:
        order = np.argsort(fold.train.targets, kind="stable")
        places = dict.fromkeys(int(order[at]) for at in (0, len(order) // 2, len(order) - 1))
        return tuple(example(fold.train, place) for place in places)
    found = (place for code in range(len(result.classes)) for place in _middle(code, fold.train, fold.test))
    return tuple(example(cuts, place) for cuts, place in found)[:MOST]


def example(cuts: Cuts, place: int) -> Example:
    """Reads one window."""
    number, start = cuts.starts[place].tolist()
    recording = cuts.recordings[number]
    x, lengths = cuts.read(np.array([place]))
    return Example(
        label=recording.label,
        target=float(cuts.targets[place]),
        recording=recording.name,
        start=start,
        rate=recording.rate,
        x=x[0, : int(lengths[0])],
    )


def spectrum(one: Example) -> tuple[np.ndarray, np.ndarray]:
    """Gives the amplitude spectrum of a window whose mean is taken off, under a Hann window.

    Shape: lines (m,) and amplitudes (m, C).
    Unit:  lines in Hz, in cycles a sample where the rate is unknown; amplitudes in that of the recording.

    >>> wave = np.sin(2 * np.pi * 5 * np.arange(100) / 100)[:, None]
    >>> made = Example(label=None, target=0.0, recording="a", start=0, rate=100.0, x=wave)
    >>> lines, amplitudes = spectrum(made)
    >>> lines[amplitudes[:, 0].argmax()], round(float(amplitudes.max()), 2)
    (np.float64(5.0), 1.0)
    """
    n = len(one.x)
    window = np.hanning(n + 1)[:n] if n > 2 else np.ones(n)
    lines = np.fft.rfftfreq(n, 1 / (one.rate or 1.0))
    amplitudes = 2 * np.abs(np.fft.rfft((one.x - one.x.mean(0)) * window[:, None], axis=0)) / window.sum()
    return lines[1:], amplitudes[1:]


def _middle(code: int, *parts: Cuts) -> Iterator[tuple[Cuts, int]]:
    """Yields the window in the middle of a class, of the first part that has one."""
    for cuts in parts:
        own = np.flatnonzero(cuts.labels == code)
        if len(own):
            yield cuts, int(own[len(own) // 2])
            return
