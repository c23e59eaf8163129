"""Figures show the numbers that were measured, and never depend on what was drawn before."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from heedful import metrics
from heedful.report import figures, view
from heedful.report.figures.learning import _log_ticks
from heedful.report.language import language
from heedful.trial.result import Comparison, Epoch

Make = Callable[..., Comparison]


def test_curves_show_first_middle_and_last_step_at_their_own_times(make: Make) -> None:
    comparison = make(horizon=5)
    page = view.page_data(comparison)
    truth = [t for t in figures.curves(page).data if t.name == "truth"]
    assert [t.meta["step"] for t in truth] == [0, 2, 4]
    assert [t.visible for t in truth] == [True, False, False]
    for trace in truth:
        np.testing.assert_array_equal(trace.x, page.times(trace.meta["step"]))


def test_a_band_spans_the_seeds_around_the_mean(make: Make) -> None:
    page = view.page_data(make(seeds=3))
    traces = [t for t in figures.curves(page).data if t.meta["model"] == "attention_lstm"]
    low, high, mean = (np.asarray(t.y) for t in traces)
    assert ((low <= mean) & (mean <= high)).all()
    assert (low < high).all()
    alone = view.page_data(make(seeds=1))
    assert len([t for t in figures.curves(alone).data if t.meta["model"] == "attention_lstm"]) == 1


def test_boxes_hold_the_quantiles_of_the_errors(make: Make) -> None:
    page = view.page_data(make(holes=True))
    boxes = {box.name: box for box in figures.residual_spread(page).data}
    for line in page.lines:
        errors = (line.mean - page.truth)[:, 0]
        expected = np.nanquantile(errors, (0.05, 0.25, 0.5, 0.75, 0.95))
        box = boxes[line.name]
        drawn = [b[0] for b in (box.lowerfence, box.q1, box.median, box.q3, box.upperfence)]
        np.testing.assert_allclose(drawn, expected, rtol=1e-5)


def test_histogram_shares_add_up_to_one_hundred(make: Make) -> None:
    for trace in figures.residual_histogram(view.page_data(make())).data:
        np.testing.assert_allclose(np.sum(trace.y), 100, rtol=1e-5)


def test_step_errors_are_the_rmse_of_each_step(make: Make) -> None:
    comparison = make(horizon=4, seeds=2)
    page = view.page_data(comparison)
    trace = next(t for t in figures.step_errors(page).data if t.name == "cnn_lstm")
    trials = [t for t in comparison.trials if t.model == "cnn_lstm"]
    expected = np.mean([metrics.rmse(page.truth[:, 3], t.test[:, 3]) for t in trials])
    np.testing.assert_allclose(trace.y[3], expected, rtol=1e-6)


def test_learning_curves_mark_the_kept_epoch_of_every_seed(make: Make) -> None:
    page = view.page_data(make(seeds=2, epochs=12))
    line = next(one for one in page.lines if one.name == "cnn_lstm")
    figure = figures.learning(page, line)
    kept = [t for t in figure.data if t.name.startswith("kept")]
    assert [t.x[0] for t in kept] == [t.best_epoch for t in line.trials]
    assert len(figure.data) == 6


def test_a_heat_map_puts_the_newest_step_at_one_and_keeps_the_weights(make: Make) -> None:
    comparison = make()
    page = view.page_data(comparison)
    one = page.maps[0]
    trial = next(t for t in comparison.trials if t.maps and t.maps[0].axes == ("batch", "time"))
    heat = figures.heat_map(page, one).data[0]
    assert (heat.y[0], heat.y[-1]) == (comparison.window, 1)
    # Pictures carry single precision.
    np.testing.assert_allclose(heat.z, trial.maps[0].weights.T, rtol=1e-6)


def test_numbers_too_large_for_a_picture_are_gaps_not_warnings(make: Make) -> None:
    comparison = make(seeds=1)
    comparison.trials[-1].test[0, 0] = 1e100
    traces = figures.curves(view.page_data(comparison)).data
    gaps = [int(np.isnan(np.asarray(t.y)).sum()) for t in traces if t.meta["model"] == "cnn-lstm+eca"]
    assert gaps == [1]


def test_names_are_escaped_and_broken_where_they_can_be() -> None:
    assert figures.label("<b>&") == "&lt;b&gt;&amp;"
    assert figures.wrapped("x" * 80).count("<br>") == 1
    assert figures.wrapped("<i>" * 3) == "&lt;i&gt;" * 3


def test_the_overview_is_a_picture_and_touches_no_global_state(make: Make, tmp_path: Path) -> None:
    for i, times in enumerate((None, pd.RangeIndex(400))):
        path = figures.overview_png(make(times=times, target="price in $ or $"), tmp_path / f"{i}.png")
        pixels = matplotlib.image.imread(path)
        assert pixels.shape[1] == 1650
        assert pixels[..., :3].std() > 0.05


@pytest.mark.parametrize(("low", "ticks"), [(0.3, []), (0.02, [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0])])
def test_losses_close_together_get_a_linear_axis_that_is_never_without_labels(low: float, ticks: list[float]) -> None:
    trial = SimpleNamespace(history=(Epoch(train=1.0, validation=low),))
    assert _log_ticks(SimpleNamespace(trials=(trial,))) == ticks


def test_figures_are_labelled_in_the_language_of_the_page(make: Make, trial: Make) -> None:
    comparison = make(horizon=3, times=pd.date_range("2021-03-01", periods=400, freq="h", tz="Asia/Shanghai"))
    page = view.page_data(comparison, language("zh"))
    tried = trial()
    asked = view.page_data(tried, language("zh"))
    drawn = [
        figures.curves(page),
        figures.residuals_over_time(page),
        figures.residual_spread(page),
        figures.residual_histogram(page),
        figures.step_errors(page),
        *(figures.learning(page, line) for line in page.lines if line.kind != "baseline"),
        *(figures.heat_map(page, one) for one in page.maps),
        *(figures.profile(page, one) for one in page.maps),
        figures.forest(asked, tried),
        figures.cost(asked, tried),
    ]
    names = {
        "load",
        "RMSE",
        "Asia",
        "Shanghai",
        "time",
        "extra",
        "br",
        *re.findall(r"[A-Za-z]+", " ".join(tried.models)),
    }
    names |= set(re.findall(r"[A-Za-z]+", " ".join(comparison.models)))
    for figure in drawn:
        titles = [figure.layout.xaxis.title.text, figure.layout.yaxis.title.text]
        titles += [trace.name for trace in figure.data] + [trace.hovertemplate for trace in figure.data]
        left = {w for t in titles for w in re.findall(r"[A-Za-z]{2,}", re.sub(r"%\{[^}]*\}", "", t or ""))}
        assert left <= names
        assert "Microsoft YaHei" in figure.layout.font.family


def test_a_forest_draws_every_effect_with_its_interval_in_percent(trial: Make) -> None:
    comparison = trial()
    figure = figures.forest(view.page_data(comparison), comparison)
    (answer,) = comparison.answers
    for trace, one in zip(figure.data, (answer.against_none, answer.against_placebo, answer.against_wide), strict=True):
        assert trace.x[0] == pytest.approx(100 * one.effect)
        assert trace.x[0] + trace.error_x.array[0] == pytest.approx(100 * one.high)
        assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(100 * one.low)


def test_cost_stands_beside_accuracy_for_size_training_and_one_forecast(trial: Make) -> None:
    comparison = trial()
    page = view.page_data(comparison)
    assert len(figures.cost(page, comparison).data) == 2  # nothing was timed in these
    timed = replace(comparison, trials=tuple(replace(t, milliseconds=0.5 + t.parameters) for t in comparison.trials))
    figure = figures.cost(view.page_data(timed), timed)
    networks = timed.summary[timed.summary["kind"] != "baseline"]
    for trace, name in zip(figure.data, ("parameters", "seconds", "milliseconds"), strict=True):
        np.testing.assert_allclose(np.asarray(trace.x, float), networks[name])
        np.testing.assert_allclose(np.asarray(trace.y, float), networks["rmse"])
    titles = [figure.layout[axis].title.text for axis in ("xaxis", "xaxis2", "xaxis3")]
    assert titles == ["parameters", "seconds to train one seed", "milliseconds for one forecast"]
    assert "4,353 parameters" in "".join(figure.data[0].text)


def test_a_wide_control_that_is_none_is_not_drawn_twice(trial: Make) -> None:
    comparison = trial()
    [asked] = comparison.asked
    shared = replace(comparison, asked=(replace(asked, wide="cnn-lstm"),))
    drawn = {t.name: len(t.x) for t in figures.forest(view.page_data(shared), shared).data}
    assert drawn == {"against none": 1, "against placebo": 1, "against wide": 0}
