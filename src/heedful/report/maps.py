"""Recorded attention maps, brought to windows and one axis and thinned to what a page can draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.report.clock import clock
from heedful.report.language import Language

if TYPE_CHECKING:
    from heedful.trial.result import Comparison, RecordedMap

MAP_VALUES = 40_000
MAP_CELLS = 12_000
MAP_STEPS = 128
TIME_MAPS, OTHER_MAPS = 6, 3


@dataclass(frozen=True, kw_only=True, eq=False)
class MapView:
    """One recorded map brought to (windows, positions), thin enough to draw.

    `positions` counts steps before the forecast (1 is the newest) for a time axis, else numbers from 0;
    `profiles` are the means over all recorded windows, one a seed.
    """

    model: str
    name: str
    seed: int | None
    axis: str
    times: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    profiles: tuple[tuple[int | None, np.ndarray], ...]
    notes: tuple[str, ...]

    @property
    def even(self) -> float | None:
        """The weight of every step if none were preferred; None where weights do not sum to one."""
        total = [float(p.sum()) for _, p in self.profiles]
        whole = self.axis == "time" and all(abs(t - 1) < 1e-3 for t in total)
        return 1 / len(self.profiles[0][1]) if whole else None


def map_views(comparison: Comparison, say: Language) -> tuple[tuple[MapView, ...], int]:
    """Gives the maps worth drawing, time axes first, and how many more were recorded but are not drawn."""
    groups: dict[tuple[str, str], list[tuple[int | None, RecordedMap, str, np.ndarray]]] = {}
    for name in comparison.summary.index:
        for trial in (t for t in comparison.trials if t.model == name):
            for one in trial.maps:
                axis, weights = flatten(one)
                if weights.shape[0] > 0 and weights.shape[1] > 1:
                    groups.setdefault((trial.model, one.name), []).append((trial.seed, one, axis, weights))
    timed = [key for key, group in groups.items() if group[0][2] == "time"]
    others = [key for key, group in groups.items() if group[0][2] != "time"]
    kept = timed[:TIME_MAPS] + others[:OTHER_MAPS]
    cells = min(MAP_CELLS, MAP_VALUES // max(1, len(kept)))
    views = tuple(_map_view(comparison, say, model, groups[model, name], cells) for model, name in kept)
    return views, len(groups) - len(kept)


def flatten(one: RecordedMap) -> tuple[str, np.ndarray]:
    """Brings a map to (windows, positions): its time axis, else its longest one; the others are averaged.

    Of two time axes (query, key) the one looked at is kept.
    """
    named = list(zip(one.axes[1:], one.weights.shape[1:], strict=True))
    timed = [i for i, (name, _) in enumerate(named, start=1) if name in ("time", "key")]
    keep = timed[-1] if timed else 1 + int(np.argmax([size for _, size in named]))
    weights = one.weights.astype(np.float64)
    rest = tuple(i for i in range(1, weights.ndim) if i != keep)
    return "time" if timed else one.axes[keep], weights.mean(axis=rest) if rest else weights


def _map_view(
    comparison: Comparison,
    say: Language,
    model: str,
    group: list[tuple[int | None, RecordedMap, str, np.ndarray]],
    cells: int,
) -> MapView:
    seed, one, axis, weights = group[0]
    windows, positions = weights.shape
    rows = comparison.test.origins[one.first : one.first + windows]
    notes = []
    averaged = [name for name, size in zip(one.axes[1:], one.weights.shape[1:], strict=True) if size > 1]
    averaged = [name for name in averaged if name not in (axis, "key")]
    if averaged:
        notes.append(say("attention.mean_over", axes=_joined(averaged, say)))
    if axis == "time" and positions != comparison.window:
        notes.append(say("attention.steps_left", window=comparison.window, count=positions))
    wide = -(-positions // MAP_STEPS)
    deep = -(-windows // max(1, cells // -(-positions // wide)))
    if wide > 1 or deep > 1:
        notes.append(say("attention.cells_mean", windows=deep, count=wide))
    place = np.arange(positions, 0, -1) if axis == "time" else np.arange(positions)
    return MapView(
        model=model,
        name=one.name,
        seed=seed,
        axis=axis,
        times=clock(comparison.series.times, say).at(rows[::deep]),
        positions=_pooled(place.astype(np.float64), wide),
        weights=_pooled(_pooled(weights, deep).T, wide).T,
        profiles=tuple((s, w.mean(axis=0)) for s, _, _, w in group),
        notes=tuple(notes),
    )


def _joined(axes: list[str], say: Language) -> str:
    return say("text.and").join(say.named("dimensions", name) for name in axes)


def _pooled(x: np.ndarray, size: int) -> np.ndarray:
    """Averages neighbours along the first axis; the last group may be smaller."""
    return x if size == 1 else np.stack([x[i : i + size].mean(axis=0) for i in range(0, len(x), size)])
