"""What is drawn is what was measured: thinned only by stated rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heedful.report import view
from heedful.trial.result import Comparison

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


def test_the_best_model_the_best_network_and_persistence_are_shown_first(make: Make) -> None:
    comparison = make(networks={"poor_a": "preset", "poor_b": "preset"})
    page = view.page_data(comparison)
    networks = [line.name for line in page.lines if line.kind != "baseline"]
    assert set(page.first) == {page.lines[0].name, networks[0], "persistence"}


def test_controls_of_a_trial_stand_back_unless_they_are_shown_first(make: Make, trial: Make) -> None:
    page = view.page_data(trial())
    assert page.controls == ("cnn-lstm+eca+placebo", "cnn-lstm+eca+wide")
    best = view.page_data(trial(order=("cnn-lstm+eca+wide", "cnn-lstm", "cnn-lstm+eca", "cnn-lstm+eca+placebo")))
    assert best.controls == ("cnn-lstm+eca+placebo",)
    assert view.page_data(make(networks={"cnn-lstm+eca+placebo": "preset", "cnn-lstm": "preset"})).controls == ()
