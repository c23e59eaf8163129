"""What is drawn is what was measured: thinned only by stated rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from heedful.report import view
from heedful.trial.result import Comparison, RecordedMap

Make = Callable[..., Comparison]


def test_few_errors_are_not_binned() -> None:
    errors, times = np.array([1.0, np.nan, 3.0]), np.arange(3.0)
    bins = view.bin_errors(errors, times, limit=3)
    assert bins.size == 1
    np.testing.assert_array_equal(bins.mean, errors)


def test_bins_cover_every_error_and_the_last_may_be_smaller() -> None:
    errors = np.arange(11.0)
    bins = view.bin_errors(errors, np.arange(11.0) * 10, limit=3)
    assert bins.size == 4
    np.testing.assert_allclose(bins.mean, [1.5, 5.5, 9.0])
    np.testing.assert_allclose(bins.high, [2.85, 6.85, 9.9])
    np.testing.assert_array_equal(bins.centre, [10, 50, 90])


def test_a_clock_shows_the_wall_time_of_its_zone() -> None:
    stamps = pd.date_range("2024-07-01", periods=5, freq="h", tz="Europe/Berlin")
    clock = view.clock(stamps)
    assert clock.at(np.array([2]))[0] == pd.Timestamp("2024-07-01 02:00").value / 1e6
    assert "Europe/Berlin" in clock.title
    assert clock.text(2) == "2024-07-01 02:00"


def test_days_are_written_without_a_time_of_day() -> None:
    assert view.clock(pd.bdate_range("2024-07-01", periods=5)).text(1) == "2024-07-02"


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
    name, flat = view.flatten(RecordedMap(name="", axes=axes, weights=weights, first=0))
    assert (name, flat.shape) == (axis, (3, kept))
    np.testing.assert_allclose(flat.mean(), weights.mean(), rtol=1e-12)


def test_maps_over_time_come_first_and_those_left_out_are_counted(make: Make) -> None:
    networks = {f"net_{i}_eca": "preset" for i in range(5)} | {"attention_lstm": "published"}
    maps, left_out = view.map_views(make(networks=networks))
    assert [m.axis for m in maps] == ["time"] + ["channel"] * view.OTHER_MAPS
    assert left_out == 5 - view.OTHER_MAPS
    assert maps[0].even == pytest.approx(1 / 20)
    assert maps[1].even is None


def test_a_map_starts_at_the_origin_of_its_first_window(make: Make) -> None:
    comparison = make(networks={"attention_lstm": "published"})
    (one,), _ = view.map_views(comparison)
    first = comparison.trials[-1].maps[0].first
    stamp = comparison.series.times[comparison.test.origins[first]]
    assert first > 0 or len(comparison.test) <= 90
    assert one.times[0] == stamp.value / 1e6


def test_a_wide_map_is_thinned_and_says_so(make: Make) -> None:
    comparison = make(networks={"attention_lstm": "published"}, seeds=1, rows=2000, window=300)
    (one,), _ = view.map_views(comparison)
    assert one.weights.size <= view.MAP_CELLS
    assert one.weights.shape == (len(one.times), len(one.positions))
    assert any("Each cell is the mean of" in note for note in one.notes)
    np.testing.assert_allclose(one.profiles[0][1].sum(), 1, rtol=1e-9)


def test_a_map_without_windows_is_not_drawn(make: Make) -> None:
    comparison = make(networks={"attention_lstm": "published"}, seeds=1)
    empty = RecordedMap(name="pool", axes=("batch", "time"), weights=np.zeros((0, 20)), first=0)
    trials = tuple(replace(t, maps=(empty,)) if t.maps else t for t in comparison.trials)
    assert view.map_views(replace(comparison, trials=trials)) == ((), 0)


def test_the_best_model_the_best_network_and_persistence_are_shown_first(make: Make) -> None:
    comparison = make(networks={"poor_a": "preset", "poor_b": "preset"})
    page = view.page_data(comparison)
    networks = [line.name for line in page.lines if line.kind != "baseline"]
    assert set(page.first) == {page.lines[0].name, networks[0], "persistence"}
