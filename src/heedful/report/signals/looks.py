"""Recorded attention of test windows, beside the windows themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.report.maps import OTHER_MAPS, TIME_MAPS, flatten
from heedful.report.signals.examples import Example, example

if TYPE_CHECKING:
    from collections.abc import Collection

    from heedful.signals.result import Classification, Fold, SignalTrial
    from heedful.trial.result import RecordedMap

WINDOWS = 4
"""Windows that are drawn for each map over time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """One test window with the weights of its time steps, and what was said of it.

    Shape: weights (steps,), those of real samples alone.
    """

    window: Example
    said: str
    weights: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One recorded map of one trained network.

    Of a map over time `windows` has a few windows with their weights, each of which covers `stride` samples; of any
    other axis `mean`, `low` and `high` are the weights of each position over all recorded windows, their mean and the
    range of the middle 90 %.

    Shape: mean, low and high (positions,).
    """

    model: str
    name: str
    seed: int | None
    fold: str
    axis: str
    recorded: int
    steps: int
    stride: float
    sums_to_one: bool
    windows: tuple[Shown, ...]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def fixed(self) -> bool:
        """Whether the weights hardly depend on the window: each differs by less than a hundredth of their mean."""
        return bool((self.high - self.low).max() < 0.01 * max(1e-12, float(np.abs(self.mean).mean())))


def looks(result: Classification, but: Collection[str] = ()) -> tuple[tuple[Look, ...], int]:
    """Gives the maps worth drawing, those over time first, and how many more were recorded but are not drawn.

    Every model shows its first trial that has maps.

    Args:
        but: models that are left out and not counted, such as placebos, whose weights look at nothing.
    """
    found = []
    for name in (name for name in result.summary.index if name not in but):
        trial = next((one for one in result.trials if one.model == name and one.maps), None)
        if trial is not None:
            fold = next(fold for fold in result.folds if fold.name == trial.fold)
            found += [(trial, fold, one, *flatten(one)) for one in trial.maps]
    found = [one for one in found if one[4].shape[0] > 0 and one[4].shape[1] > 1 and np.isfinite(one[4]).all()]
    kept = [one for one in found if one[3] == "time"][:TIME_MAPS] + [one for one in found if one[3] != "time"][
        :OTHER_MAPS
    ]
    return tuple(_look(*one) for one in kept), len(found) - len(kept)


def _look(trial: SignalTrial, fold: Fold, one: RecordedMap, axis: str, weights: np.ndarray) -> Look:
    steps = weights.shape[1]
    low, high = np.quantile(weights, (0.05, 0.95), axis=0)
    return Look(
        model=trial.model,
        name=one.name,
        seed=trial.seed,
        fold=trial.fold,
        axis=axis,
        recorded=len(weights),
        steps=steps,
        stride=fold.test.window / steps,
        sums_to_one=bool(np.allclose(weights.sum(1), 1, atol=1e-3)),
        windows=_windows(trial, fold, weights) if axis == "time" else (),
        mean=weights.mean(0),
        low=low,
        high=high,
    )


def _windows(trial: SignalTrial, fold: Fold, weights: np.ndarray) -> tuple[Shown, ...]:
    """Chooses windows of as many classes as can be; of a regression, evenly."""
    from heedful.signals.jobs import shown

    cuts = fold.test
    places = shown(cuts)[: len(weights)]
    if cuts.classes:
        first = np.unique(cuts.labels[places], return_index=True)[1]
        rest = np.setdiff1d(np.arange(len(places)), first)
        chosen = [*sorted(first.tolist()), *rest.tolist()][:WINDOWS]
    else:
        chosen = np.unique(np.linspace(0, len(places) - 1, WINDOWS).astype(int)).tolist()
    found = []
    for at in chosen:
        window = example(cuts, int(places[at]))
        real = -(-len(window.x) * weights.shape[1] // cuts.window)
        raw = trial.test[places[at]]
        said = cuts.classes[int(raw.argmax())] if cuts.classes else f"{float(raw[0]):.4g}"
        found.append(Shown(window=window, said=said, weights=weights[at, :real]))
    return tuple(found)
