"""How alike two maps of the same windows are: their rank correlation, window by window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from torch import Tensor

from heedful.errors import DataError, OptionError, ShapeError
from heedful.explanation.faithfulness import interval

Array = np.ndarray | Tensor
"""Numbers of windows, of numpy or torch; on whatever device."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How alike two maps are over some windows.

    Args:
        maps: names of the two.
        alike: mean rank correlation, windows of a group averaged first.
        low, high: its interval over groups, NaN where there are fewer than five.
        groups: groups of windows that count.
        windows: windows that count.
        constant: windows that do not, since one of the maps is the same everywhere there and so ranks nothing.

    >>> Agreement(maps=("attention", "occlusion"), alike=0.31, low=0.2, high=0.42, groups=8, windows=80, constant=0)
    Agreement(attention, occlusion: 0.31 [0.20, 0.42], 8 groups, 80 windows)
    """

    maps: tuple[str, str]
    alike: float
    low: float
    high: float
    groups: int
    windows: int
    constant: int

    def __repr__(self) -> str:
        about = "" if np.isnan(self.low) else f" [{self.low:.2f}, {self.high:.2f}]"
        left = f", {self.constant} constant" if self.constant else ""
        counted = f"{self.groups} group{'s' * (self.groups != 1)}, {self.windows} windows{left}"
        return f"Agreement({', '.join(self.maps)}: {self.alike:.2f}{about}, {counted})"


def agreement(maps: Mapping[str, Array], real: Array, groups: np.ndarray) -> tuple[Agreement, ...]:
    """Compares maps pair by pair, in the order in which they come.

    Args:
        maps: maps of the same windows by name, each (n, T).
        real: which samples of each window are real (n, T).
        groups: group of each window (n,).

    Raises: as `spearman`; OptionError for fewer than two maps; ShapeError for groups of another length.

    >>> x, real = np.arange(12.0).reshape(3, 4), np.ones((3, 4), dtype=bool)
    >>> agreement({"a": x, "b": x**2, "c": -x}, real, np.zeros(3))[0]
    Agreement(a, b: 1.00, 1 group, 3 windows)
    """
    if len(maps) < 2:
        raise OptionError(f"agreement needs two maps or more, got {', '.join(maps) or 'none'}. Give another one.")
    if np.shape(groups) != np.shape(real)[:1]:
        raise ShapeError(
            f"agreement needs a group for each window, got {np.shape(groups)} for {np.shape(real)[0]} windows. Give "
            "subject.groups."
        )
    found = []
    for one, other in combinations(maps, 2):
        each = spearman(maps[one], maps[other], real)
        counts = ~np.isnan(each)
        alike, low, high, held = interval(each[counts], np.asarray(groups)[counts])
        windows = int(counts.sum())
        found.append(
            Agreement(
                maps=(one, other),
                alike=alike,
                low=low,
                high=high,
                groups=held,
                windows=windows,
                constant=len(each) - windows,
            )
        )
    return tuple(found)


def spearman(a: Array, b: Array, real: Array) -> np.ndarray:
    r"""Correlates the ranks of two maps within each window, over its real samples.

        corr(rank(a), rank(b)),   equal numbers sharing the mean of their ranks

    Args:
        a, b: maps (n, T).
        real: which samples of each window are real (n, T).

    Shape:  (n,), NaN where a map is the same at all real samples.
    Raises: ShapeError for maps of other shapes; DataError for numbers at real samples that are not finite.

    >>> real = np.array([[True, True, True, False]])
    >>> spearman(np.array([[1.0, 2.0, 3.0, 0.0]]), np.array([[9.0, 9.0, 10.0, 0.0]]), real).round(4).tolist()
    [0.866]
    """
    one, other = unit_ranks(a, real), unit_ranks(b, real)
    if one.shape != other.shape:
        raise ShapeError(f"spearman needs maps of one shape, got {one.shape} and {other.shape}. Give the same windows.")
    alike: np.ndarray = (one * other).sum(1).clip(-1, 1)
    return alike


def unit_ranks(values: Array, real: Array) -> np.ndarray:
    """Ranks as `ranks` does, less their mean and scaled to length 1, so that the product of two is their correlation.

    Shape:  (n, T), 0 where not real, NaN in windows where the map is the same at all real samples.
    Raises: as `spearman`.
    """
    ranked, inside = ranks(values, real)
    middle = (inside.sum(1, keepdims=True) + 1) / 2  # the mean of 1 to count, ties or not
    centred = np.where(inside, ranked - middle, 0.0)
    length = np.sqrt((centred**2).sum(1, keepdims=True))
    scaled: np.ndarray = np.divide(centred, length, out=np.full(centred.shape, np.nan), where=length > 0)
    return scaled


def ranks(values: Array, real: Array) -> tuple[np.ndarray, np.ndarray]:
    """Ranks the real samples of each window from 1 for the smallest, equal ones sharing the mean of their ranks.

    Shape:  (n, T) -> ranks (n, T), 0 where not real, and which samples are real (n, T).
    Raises: as `spearman`.

    >>> ranks(np.array([[5.0, 5.0, 1.0]]), np.ones((1, 3), dtype=bool))[0].tolist()
    [[2.5, 2.5, 1.0]]
    """
    numbers, inside = _numbers(values).astype(np.float64), _numbers(real).astype(bool)
    if numbers.ndim != 2 or numbers.shape != inside.shape:
        raise ShapeError(
            f"A map needs one number for each sample (n, T), got {numbers.shape} for real samples {inside.shape}. "
            "Average over heads, steps or columns first."
        )
    if not np.isfinite(numbers[inside]).all():
        raise DataError("A map needs finite numbers at real samples, got some that are not. Fill them, or leave out.")
    numbers = np.where(inside, numbers, np.inf)  # behind all real ones
    order = np.argsort(numbers, axis=1, kind="stable")
    ordered = np.take_along_axis(numbers, order, axis=1)
    steps = np.arange(1, numbers.shape[1] + 1)
    new = np.ones(ordered.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.ones(ordered.shape, dtype=bool)
    last[:, :-1] = new[:, 1:]
    first_of = np.maximum.accumulate(np.where(new, steps, 0), axis=1)
    last_of = np.minimum.accumulate(np.where(last, steps, len(steps) + 1)[:, ::-1], axis=1)[:, ::-1]
    found = np.empty(numbers.shape)
    np.put_along_axis(found, order, (first_of + last_of) / 2, axis=1)
    return np.where(inside, found, 0.0), inside


def _numbers(values: Array) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
