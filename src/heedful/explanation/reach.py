"""How many samples stand behind one weight, and where: receptive field and stride, found by differentiating."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from heedful.errors import OptionError
from heedful.explanation.probing import MIXERS, RECURRENCES, Probe
from heedful.explanation.subject import Subject

_LONGER = 4
_ALIVE, _MOST = 10, 64

Lines = tuple[float, float]
"""Where a line begins and how fast it rises."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """What stands behind the steps that a mechanism reads.

    Args:
        steps: T', how many there are.
        window: T, samples of a window.
        local: whether a step has a place in time at all; a line of a spectrum has none, and sees the whole window.
        field: samples that the layers in front give to one step, at most, recurrences and other attention left out.
        stride: samples from one step to the next; of the longest windows where steps are spread over what is real.
        first: the middle of the first step's field, as a sample, before it is cut at the ends.
        whole_past: whether what stands in front (a recurrence, as a rule) also hands on all samples before.
        whole_window: whether it hands on all samples, before and after.
        through: what does that: "a recurrence", "other attention", or nothing.
        drift: how `first` and `stride` change for each sample that a window is shorter, where steps are spread over
            what is real; zeros where a shorter window has fewer steps.
    """

    steps: int
    window: int
    local: bool
    field: int
    stride: float
    first: float
    whole_past: bool
    whole_window: bool
    through: str = ""
    drift: tuple[float, float] = (0.0, 0.0)

    @property
    def centres(self) -> np.ndarray:
        """The middles of the steps' fields, as samples of a whole window, kept within it (T',)."""
        middles: np.ndarray = np.clip(self.first + self.stride * np.arange(self.steps), 0, self.window - 1)
        return middles

    def middles(self, lengths: np.ndarray) -> np.ndarray:
        """Gives the middles of the steps' fields in each window, as samples, kept within what is real of it.

        Args:
            lengths: real samples of each window (n,).

        Shape:  (n, T').
        Raises: OptionError for steps that have no place in time.

        >>> behind = Reach(steps=2, window=8, local=True, field=4, stride=4, first=1.5, whole_past=0, whole_window=0)
        >>> behind.middles(np.array([8, 3])).tolist()
        [[1.5, 5.5], [1.5, 2.0]]
        """
        first, stride = self._lines(lengths)
        last = np.maximum(np.asarray(lengths)[:, None] - 1, 0)
        found: np.ndarray = np.clip(first + stride * np.arange(self.steps), 0, last)
        return found

    def real(self, lengths: np.ndarray) -> np.ndarray:
        """Says which steps stand for real samples: step j stands for those from j strides on.

        It says so by the lengths alone, whatever the network does with them. Steps without a place in time see the
        whole window, and all are real.

        Args:
            lengths: real samples of each window (n,).

        Shape: (n, T').

        >>> behind = Reach(steps=3, window=12, local=True, field=7, stride=4, first=1.5, whole_past=0, whole_window=0)
        >>> behind.real(np.array([12, 5, 4])).astype(int).tolist()
        [[1, 1, 1], [1, 1, 0], [1, 0, 0]]
        """
        count = np.asarray(lengths)[:, None]
        if not self.local:
            return np.ones((len(count), self.steps), bool)
        _, stride = self._lines(lengths)
        # A stride that was fitted is never quite the true one.
        found: np.ndarray = stride * np.arange(self.steps) < count - 0.01 * stride
        found[:, 0] = True
        return found

    def _lines(self, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives the first middle and the stride in each window (n, 1)."""
        if not self.local:
            raise OptionError(
                "Reach needs steps that stand for times, got lines of a spectrum or bands, each of which sees "
                "the whole window. Look at the lines themselves."
            )
        missing = (self.window - np.asarray(lengths)[:, None]).astype(np.float64)
        return self.first - missing * self.drift[0], np.maximum(self.stride - missing * self.drift[1], 1e-9)

    def over_samples(self, weights: np.ndarray, real: np.ndarray, lengths: np.ndarray, window: int) -> np.ndarray:
        """Brings weights of steps to samples: straight lines between the middles, the ends carried on.

        Args:
            weights: (n, T').
            real: which steps are real (n, T').
            lengths: real samples of each window (n,).
            window: T.

        Shape:  (n, T), 0 in padding.
        Raises: OptionError for steps that have no place in time.

        >>> behind = Reach(steps=2, window=4, local=True, field=2, stride=2, first=0.5, whole_past=0, whole_window=0)
        >>> behind.over_samples(np.array([[0.0, 1.0]]), np.ones((1, 2), bool), np.array([4]), 4).tolist()
        [[0.0, 0.25, 0.75, 1.0]]
        """
        first, stride = self._lines(lengths)
        at = (np.arange(window) - first) / stride
        last = np.maximum(real.sum(1, keepdims=True) - 1, 0)
        at = np.clip(at, 0, last)
        low = np.floor(at).astype(np.int64)
        share = (at - low).astype(weights.dtype)
        high = np.minimum(low + 1, last)
        found: np.ndarray = (
            np.take_along_axis(weights, low, 1) * (1 - share) + np.take_along_axis(weights, high, 1) * share
        )
        kept: np.ndarray = np.where(np.arange(window) < lengths[:, None], found, 0).astype(weights.dtype)
        return kept

    def __repr__(self) -> str:
        if not self.local:
            return f"Reach({self.steps} lines or bands, each sees the whole window)"
        beyond = "the whole window" if self.whole_window else "all before" if self.whole_past else ""
        more = f", and {beyond} through {self.through}" if beyond else ""
        return f"Reach({self.steps} steps, one every {self.stride:g} samples, each sees {self.field}{more})"


def reach(subject: Subject, module: str, *, inputs: int = 2, seed: int = 0) -> Reach:
    """Finds what stands behind the steps that a mechanism reads.

    Some steps are differentiated by the window, at real windows and at noise, so that no dead unit hides a path. What
    mixes all steps (recurrences, other attention, what a window is measured from) is replaced by something that sees
    one step, so that the field is that of convolutions, pools and segments; then it is put back to see what it adds.

    Args:
        subject: the network and windows.
        module: path of the mechanism, as a look gives it.
        inputs: at how many windows; every other one is noise.
        seed: draws the noise.

    Raises: OptionError for a path at which no mechanism ran.
    """
    window = subject.window
    probe = Probe(subject, module, inputs, seed)
    steps, (lower, upper) = probe.steps(window), probe.ends(window, window)
    while 2 * len(lower) < min(steps, _ALIVE) and len(probe.x) < _MOST * inputs:
        probe = Probe(subject, module, 4 * len(probe.x), seed)  # too many dead units
        lower, upper = probe.ends(window, window)
    fitted = _fit(lower, upper, window)
    if fitted is None:
        fitted = _longer(probe, steps) or _by_weight(probe, window, steps)
    if fitted is None:
        return Reach(
            steps=steps,
            window=window,
            local=False,
            field=window,
            stride=0.0,
            first=(window - 1) / 2,
            whole_past=True,
            whole_window=True,
        )
    (low, stride), (high, _) = fitted
    past, later, through = _beyond(probe, window, fitted)
    return Reach(
        steps=steps,
        window=window,
        local=True,
        field=max(1, min(window, round(high - low) + 1)),
        stride=stride,
        first=(low + high) / 2,
        whole_past=past,
        whole_window=past and later,
        through=through,
        drift=_drift(probe, subject, fitted),
    )


# --- lines --------------------------------------------------------------------------------------------------


def _fit(lower: dict[int, int], upper: dict[int, int], window: int) -> tuple[Lines, Lines] | None:
    """Fits lines of one slope to the ends that are not cut off by the window; None where all are.

    What hides a path (a maximum, a dead unit) makes a field look smaller, so the widest seen is taken.
    """
    low = {step: at for step, at in lower.items() if at > 0}
    high = {step: at for step, at in upper.items() if at < window - 1}
    slopes = [*_slopes_between(low), *_slopes_between(high)]
    if not low and not high and (len(lower) > 1 or not lower):
        return None
    stride = float(np.median(slopes)) if slopes else float(window)
    if stride <= 0:
        return None
    low, high = low or lower, high or upper
    return (
        (min(at - stride * step for step, at in low.items()), stride),
        (max(at - stride * step for step, at in high.items()), stride),
    )


def _slopes_between(ends: dict[int, int]) -> list[float]:
    found = list(ends.items())
    return [(b - a) / (j - i) for n, (i, a) in enumerate(found) for j, b in found[n + 1 :]]


def _longer(probe: Probe, steps: int) -> tuple[Lines, Lines] | None:
    """Fits the ends in a longer window, for a network that takes one and gives it more steps."""
    window = _LONGER * probe.subject.window
    try:
        return _fit(*probe.ends(window, window), window) if probe.steps(window) > steps else None
    except (ValueError, RuntimeError, IndexError):
        return None


def _by_weight(probe: Probe, window: int, steps: int) -> tuple[Lines, Lines] | None:
    """Tells wide fields that move with their step from those of lines of a spectrum, which do not."""
    sizes = probe.seen(window, window)
    time = torch.arange(window, dtype=torch.float64)
    middles = np.array([float((w * time).sum() / w.sum()) for w in sizes.values() if w.sum() > 0])
    places = np.array([step for step, w in sizes.items() if w.sum() > 0], dtype=np.float64)
    if len(places) < 3 or np.ptp(middles) < window / 8 or np.corrcoef(places, middles)[0, 1] < 0.9:
        return None
    stride = window / steps
    return (-(window - 1) / 2, stride), ((window - 1) / 2 + stride - 1, stride)


def _beyond(probe: Probe, window: int, fitted: tuple[Lines, Lines]) -> tuple[bool, bool, str]:
    """Says whether steps also see samples before and after their field, and through what."""
    (low, stride), (high, _) = fitted

    def more(*, attention: bool) -> tuple[bool, bool]:
        first, last = probe.ends(window, window, recurrences=True, attention=attention, few=True)
        before = any(at < math.floor(low + stride * step) for step, at in first.items())
        return before, any(at > math.ceil(high + stride * step) for step, at in last.items())

    for attention, name, kinds in ((False, "a recurrence", RECURRENCES), (True, "other attention", MIXERS)):
        if not probe.holds(*kinds):
            continue
        before, after = more(attention=attention)
        if before or after:
            # What sees only what comes later reads backwards: with its own step that is the whole window, to be safe.
            return True, after, name
    return False, False, ""


def _drift(probe: Probe, subject: Subject, fitted: tuple[Lines, Lines]) -> tuple[float, float]:
    """Finds how the lines move with the length of a window, where all steps live in a shorter one."""
    window = subject.window
    if not probe.sized or bool((subject.lengths == window).all()):
        return 0.0, 0.0
    length = max(1, window // 2)
    lower, upper = probe.ends(window, length)
    last = probe.steps(window) - 1
    if last not in upper or upper[last] >= length or not last:
        return 0.0, 0.0
    found = _fit(lower, {step: at if at < length - 1 else window - 1 for step, at in upper.items()}, window)
    if found is None:
        return 0.0, 0.0
    (low, stride), (high, _) = fitted
    (short_low, short_stride), (short_high, _) = found
    missing = window - length
    return ((low + high - short_low - short_high) / 2 / missing, (stride - short_stride) / missing)
