"""The accuracy table's protocol: its rows, its default setting, its search, and two numbers of the literature."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy import (
    SEEDS,
    Cell,
    Setting,
    changes,
    chosen,
    first_setting,
    last_setting,
    load,
    reference,
    season_of,
    sizes,
    worthy,
)

from heedful.data import split
from heedful.forecasting.settings import settings

FIRST = Setting(window=336, centre="last", width=64, loss="mse")


@pytest.fixture(scope="module")
def etth1(shared_data):
    return shared_data / "forecast" / "ETTh1.csv"


@pytest.fixture
def parts(make_series):
    """A noisy daily wave of 2,600 hours, 1,820 of them to train on."""
    t = np.arange(2600)
    return split(make_series(np.sin(t / 24 * 2 * np.pi) + 0.1 * np.random.default_rng(0).normal(size=2600)))


@pytest.fixture
def table(tmp_path):
    """The file of a wave of 1,000 hours, whose test part is unlike the rest."""
    t = np.arange(1000)
    y = np.where(t < 800, np.sin(t / 24 * 2 * np.pi), 1e6)
    file = tmp_path / "wave.csv"
    pd.DataFrame({"date": pd.date_range("2024-01-01", periods=1000, freq="h"), "y": y}).to_csv(file, index=False)
    return file


def test_repeat_and_ridge_reproduce_on_etth1(etth1):
    cell = Cell(file=etth1, horizon=96)
    told = reference(cell, load(etth1, with_test=True))
    assert told["repeat"]["mse"] == pytest.approx(1.294, abs=0.003)
    assert told["ridge"]["mse"] == pytest.approx(0.370, abs=0.003)
    assert told["windows"] == 2785  # 2,880 rows, every stride-1 window, none dropped


@pytest.mark.parametrize(
    ("name", "width", "window", "horizon"),
    [("ETTh1", 64, 336, 96), ("ETTh1", 64, 336, 720), ("ETTm1", 128, 672, 96), ("ETTm1", 128, 672, 720)],
)
def test_the_default_setting_of_the_development_sets_stays(shared_data, name, width, window, horizon):
    file = shared_data / "forecast" / f"{name}.csv"
    first = first_setting(Cell(file=file, horizon=horizon), load(file))
    assert first == Setting(window=window, centre="last", width=width, loss="mse")


def test_the_parts_of_an_ett_set_are_months_and_of_another_shares():
    assert sizes("ETTh2", 17420) == (8640, 2880, 2880)
    assert sizes("ETTm1", 69680) == (34560, 11520, 11520)
    assert sizes("weather", 1001) == (700, 101, 200)


def test_no_row_of_the_test_part_can_be_read_in_training(table):
    parts = load(table)
    values = parts.train.series.values
    assert np.isfinite(values[: parts.validation.stop]).all()
    assert np.isnan(values[parts.validation.stop :]).all()
    assert len(values) - parts.validation.stop == 200
    whole = load(table, with_test=True)
    assert (whole.train.series.values[800:] == 1e6).all()
    assert np.array_equal(whole.train.series.values[:800], values[:800])


@pytest.mark.parametrize("seasonal", [True, False])
def test_the_table_starts_from_what_fit_would_train(parts, make_series, seasonal, tmp_path):
    if not seasonal:
        parts = split(make_series(np.random.default_rng(0).normal(size=2600).cumsum()))
    first = first_setting(Cell(file=tmp_path / "wave.csv", horizon=24), parts)
    season = season_of(parts)
    assert (season == 24) is seasonal
    plain = settings(parts, model="heedful", plan=None, window=None, horizon=24, season=season, recipe=None)
    assert (first.window, first.centre) == (plain.shape.window, plain.plan.centre)
    assert (first.width, first.loss) == (plain.plan.recurrence.width, plain.recipe.loss)


def test_one_thing_is_changed_at_a_time(parts):
    assert changes(FIRST, parts) == [
        replace(FIRST, window=168),  # 672 rows are over a fifth of the train rows
        replace(FIRST, centre="mean"),
        replace(FIRST, width=128),
        replace(FIRST, loss="huber"),
    ]
    assert changes(replace(FIRST, centre="mean"), parts)[1] == FIRST
    short = replace(FIRST, window=168, width=128)
    assert [(one.window, one.width) for one in changes(short, parts)] == [(336, 128), (168, 128), (168, 64), (168, 128)]


def test_what_was_worth_it_is_changed_at_once(parts):
    errors = dict.fromkeys(changes(FIRST, parts), 0.996) | {FIRST: 1.0}
    assert worthy(FIRST, parts, errors.__getitem__) == []  # seeds differ by as much
    assert last_setting(FIRST, parts, errors.__getitem__) == FIRST
    errors[replace(FIRST, loss="huber")] = errors[replace(FIRST, window=168)] = 0.99
    assert worthy(FIRST, parts, errors.__getitem__) == [replace(FIRST, window=168), replace(FIRST, loss="huber")]
    assert last_setting(FIRST, parts, errors.__getitem__) == replace(FIRST, window=168, loss="huber")


@pytest.mark.parametrize(("together", "best"), [(0.9, "both"), (0.985, "huber"), (1.2, "huber")])
def test_the_setting_with_the_smallest_validation_error_of_the_first_seed_is_chosen(table, tmp_path, together, best):
    cell, parts = Cell(file=table, horizon=3), load(table)
    first = first_setting(cell, parts)
    huber, wide = replace(first, loss="huber"), replace(first, width=64 if first.width == 128 else 128)
    both = replace(huber, width=wide.width)
    errors = dict.fromkeys(changes(first, parts), 1.0) | {first: 1.0, huber: 0.98, wide: 0.99, both: together}
    folder = tmp_path / "out" / cell.name
    folder.mkdir(parents=True)
    for setting, error in errors.items():
        (folder / f"{setting}-seed{SEEDS[0]}.json").write_text(json.dumps({"validation_mse": error}))
        (folder / f"{setting}-seed{SEEDS[1]}.json").write_text(json.dumps({"validation_mse": 0.1}))
    assert chosen(cell, tmp_path / "out") == ({"both": both, "huber": huber}[best], 6)
