from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful import metrics
from heedful.errors import DataError, OptionError
from heedful.train import Recipe

QUICK = {"model": "cnn-lstm", "window": 6, "recipe": Recipe(epochs=1)}


@pytest.fixture(scope="module")
def made(hourly):
    return heedful.backtest(hourly, "load", horizon=2, folds=3, test=60, gap=1, refit=2, season=24, **QUICK)


def test_every_row_of_the_last_part_begins_one_window(made, hourly):
    assert [fold.windows for fold in made.folds] == [20, 20, 20]
    origins = made.forecasts.drop_duplicates("origin")["origin"]
    assert origins.tolist() == hourly["when"].iloc[258:318].tolist()
    assert made.forecasts["time"].iloc[-1] == hourly["when"].iloc[-1]
    assert made.forecasts["step"].tolist() == [1, 2] * 60
    assert np.allclose(made.forecasts["true"], hourly.set_index("when")["load"].loc[made.forecasts["time"]])


def test_a_fold_knows_the_rows_before_it_and_refit_says_when_it_is_trained(made):
    assert [fold.trained for fold in made.folds] == [True, False, True]
    # 259 rows lie before the first fold and 299 before the third, less the gap; 15 % of them are validation.
    assert [fold.train_rows for fold in made.folds] == [219, 219, 253]
    assert made.folds[0].first == "2024-01-11 19:00:00"


def test_scores_pool_all_folds(made):
    told = made.forecasts
    pooled = {(model, metric): value for model, _, metric, value in made.pooled}
    assert pooled["cnn-lstm", "rmse"] == pytest.approx(metrics.rmse(told["true"], told["predicted"]))
    inside = (told["lower_80"] <= told["true"]) & (told["true"] <= told["upper_80"])
    assert pooled["cnn-lstm", "coverage_80"] == pytest.approx(inside.mean())
    first, scores = told[told["fold"] == 1], made.scores[made.scores["fold"] == 1]
    value = scores[(scores["model"] == "cnn-lstm") & (scores["metric"] == "mae")]["value"].item()
    assert value == pytest.approx(metrics.mae(first["true"], first["predicted"]))
    assert set(made.scores["model"]) == {"cnn-lstm", "persistence", "seasonal_naive", "ridge"}


@pytest.mark.parametrize("refit", ["always", "never"])
def test_later_rows_change_no_earlier_forecast(hourly, refit):
    changed = hourly.copy()
    changed.loc[291:, ["load", "heat"]] *= -3
    options = QUICK | {"horizon": 2, "folds": 2, "test": 60, "refit": refit}
    before, after = (heedful.backtest(frame, "load", **options).forecasts for frame in (hourly, changed))
    known = before["origin"] <= hourly["when"].iloc[290]
    assert known.sum() > 60
    pd.testing.assert_series_equal(before["predicted"][known], after["predicted"][known], check_exact=True)
    assert not np.allclose(before["predicted"][~known], after["predicted"][~known])


def test_what_a_column_is_good_for_is_decided_on_the_train_rows_of_the_first_fold(hourly):
    # 320 rows less 160 newest ones: 160 before the first fold, 24 of them validation.
    for late, known in ((136, False), (135, True)):
        wind = np.where(np.arange(320) % 3, "n", "s").astype(object)
        wind[late:200] = "late"
        for test in (160, 0.5):
            made = heedful.backtest(
                hourly.assign(wind=wind), "load", folds=1, test=test, refit="never", levels=(), **QUICK
            )
            assert made.folds[0].train_rows == 136
            (note,) = (note for note in made.notes if "Text column wind" in note)
            assert ("late" in note) == known


def test_a_panel_decides_on_the_train_rows_of_the_first_fold(hourly):
    # The longest series has 320 rows, the others begin late: of all rows together 68 % come before row 218 of it.
    wind = np.where(np.arange(320) % 3, "n", "s").astype(object)
    wind[225:250] = "late"
    long = hourly.assign(wind=wind)
    parts = [long.assign(site="long"), *(long.iloc[220:].assign(site=f"late {i}") for i in range(4))]
    made = heedful.backtest(
        pd.concat(parts), "load", series="site", folds=1, test=64, refit="never", levels=(), **QUICK
    )
    (note,) = (note for note in made.notes if "Text column wind" in note)
    assert "its 2 levels: n, s" in note


def test_a_panel_is_cut_at_common_dates(shops):
    made = heedful.backtest(shops, "sales", series="shop", folds=2, test=20, **(QUICK | {"window": 7}))
    assert set(made.forecasts["series"]) == {"north", "south"}
    spans = made.forecasts.groupby(["fold", "series"])["origin"].agg(["min", "max"])
    for _, fold in spans.groupby("fold"):
        assert fold["min"].nunique() == fold["max"].nunique() == 1


def test_a_level_that_some_folds_refuse_is_scored_on_the_others(hourly):
    # The first fold knows 52 rows: 8 of them are validation, too few for 0.9, which needs 9 windows.
    made = heedful.backtest(
        hourly.iloc[:132], "load", folds=2, test=80, levels=(0.5, 0.9), **(QUICK | {"recipe": Recipe(epochs=2)})
    )
    told = made.forecasts
    assert told.groupby("fold")["lower_90"].apply(lambda column: column.isna().all()).tolist() == [True, False]
    pooled = {metric: value for model, _, metric, value in made.pooled if model == "cnn-lstm"}
    given = told[told["lower_90"].notna()]
    held = (given["lower_90"] <= given["true"]) & (given["true"] <= given["upper_90"])
    assert pooled["coverage_90"] == pytest.approx(held.mean())
    assert pooled["width_90"] == pytest.approx((given["upper_90"] - given["lower_90"]).mean())
    assert any("90 % were refused in 1 of 2 folds" in note for note in made.notes)
    assert "over all folds" in made.notes[-1]


def test_a_panel_tells_which_series_its_intervals_fail(shops):
    made = heedful.backtest(shops, "sales", series="shop", folds=2, test=20, **(QUICK | {"window": 7}))
    told = made.forecasts
    inside = ((told["lower_80"] <= told["true"]) & (told["true"] <= told["upper_80"])).groupby(told["series"]).mean()
    least, most = (f"{inside[name]:.1%} of {name}" for name in (inside.idxmin(), inside.idxmax()))
    assert any(note == f"Series differ: the 80 % intervals held from {least} to {most}." for note in made.notes)


def test_files_are_written_whole_and_a_folder_in_use_is_left_alone(hourly, tmp_path):
    made = heedful.backtest(hourly, ["load", "heat"], folds=2, out=tmp_path / "out", **(QUICK | {"model": "heedful"}))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["forecasts.csv", "scores.csv"]
    told = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert told["fold"].isna().sum() == len(made.pooled)
    assert len(pd.read_csv(tmp_path / "out" / "forecasts.csv")) == len(made.forecasts) == 2 * 64
    with pytest.raises(DataError, match="new or empty folder"):
        heedful.backtest(hourly, "load", out=tmp_path / "out", **QUICK)


@pytest.mark.parametrize(
    ("options", "error", "advice"),
    [
        ({"refit": "sometimes"}, OptionError, "'always', 'never' or a number"),
        ({"refit": 0}, OptionError, "'always', 'never' or a number"),
        ({"folds": 0}, OptionError, "folds to be a whole number"),
        ({"test": 0}, OptionError, "share below 1 or a number of rows"),
        ({"test": 400}, DataError, "fewer folds, or give more rows"),
        ({"test": 3, "folds": 4}, DataError, "one row for each of 4 folds"),
        ({"test": 60, "gap": 259}, DataError, "rows before them, got 60 of 320 rows"),
    ],
)
def test_wrong_input_is_refused(hourly, options, error, advice):
    with pytest.raises(error, match=advice):
        heedful.backtest(hourly, "load", **(QUICK | options))
