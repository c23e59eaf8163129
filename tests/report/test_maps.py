"""Recorded maps are drawn as they were recorded: averaged and thinned only by stated rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from heedful.report import maps
from heedful.report.language import language
from heedful.trial.result import Comparison, RecordedMap

Make = Callable[..., Comparison]
ENGLISH = language("en")


@pytest.mark.parametrize(
    ("axes", "shape", "axis", "kept"),
    [
        (("batch", "time"), (3, 16), "time", 16),
        (("batch", "one", "time"), (3, 1, 16), "time", 16),
        (("batch", "channel", "one"), (3, 20, 1), "channel", 20),
        (("batch", "channel", "time"), (3, 20, 16), "time", 16),
        (("batch", "head", "query", "key"), (3, 4, 5, 16), "time", 16),
    ],
)
def test_a_map_is_brought_to_windows_and_one_axis(
    axes: tuple[str, ...], shape: tuple[int, ...], axis: str, kept: int
) -> None:
    weights = np.random.default_rng(0).random(shape)
    name, flat = maps.flatten(RecordedMap(name="", axes=axes, weights=weights, first=0))
    assert (name, flat.shape) == (axis, (3, kept))
    np.testing.assert_allclose(flat.mean(), weights.mean(), rtol=1e-12)


def test_maps_over_time_come_first_and_those_left_out_are_counted(make: Make) -> None:
    networks = {f"net_{i}_eca": "preset" for i in range(5)} | {"attention_lstm": "published"}
    shown, left_out = maps.map_views(make(networks=networks), ENGLISH)
    assert [m.axis for m in shown] == ["time"] + ["channel"] * maps.OTHER_MAPS
    assert left_out == 5 - maps.OTHER_MAPS
    assert shown[0].even == pytest.approx(1 / 20)
    assert shown[1].even is None


def test_a_map_starts_at_the_origin_of_its_first_window(make: Make) -> None:
    comparison = make(networks={"attention_lstm": "published"})
    (one,), _ = maps.map_views(comparison, ENGLISH)
    first = comparison.trials[-1].maps[0].first
    stamp = comparison.series.times[comparison.test.origins[first]]
    assert first > 0 or len(comparison.test) <= 90
    assert one.times[0] == stamp.value / 1e6


def test_a_wide_map_is_thinned_and_says_so(make: Make) -> None:
    comparison = make(networks={"attention_lstm": "published"}, seeds=1, rows=2000, window=300)
    (one,), _ = maps.map_views(comparison, ENGLISH)
    assert one.weights.size <= maps.MAP_CELLS
    assert one.weights.shape == (len(one.times), len(one.positions))
    assert any("Each cell is the mean of" in note for note in one.notes)
    np.testing.assert_allclose(one.profiles[0][1].sum(), 1, rtol=1e-9)


def test_a_map_without_windows_is_not_drawn(make: Make) -> None:
    comparison = make(networks={"attention_lstm": "published"}, seeds=1)
    empty = RecordedMap(name="pool", axes=("batch", "time"), weights=np.zeros((0, 20)), first=0)
    trials = tuple(replace(t, maps=(empty,)) if t.maps else t for t in comparison.trials)
    assert maps.map_views(replace(comparison, trials=trials), ENGLISH) == ((), 0)
