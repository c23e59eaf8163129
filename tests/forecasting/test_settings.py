from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from heedful.data import split, windows
from heedful.data.build import build_series
from heedful.data.table import read
from heedful.errors import DataError, OptionError, UnknownName
from heedful.forecasting.settings import look_back, read_plan, settings, write_plan
from heedful.models.plan import Plan
from heedful.train import Recipe


def decided(parts, model="heedful", *, season=None, window=None, horizon=3):
    return settings(
        parts, model=model, plan=None, window=window, horizon=horizon, season=season, recipe=None, epochs=None
    )


@pytest.fixture
def long(make_series):
    """A noisy daily wave of 2,600 hours, 1,820 of them to train on."""
    t = np.arange(2600)
    return split(make_series(np.sin(t / 24 * 2 * np.pi) + 0.3 * np.random.default_rng(0).normal(size=2600)))


def panel(rows):
    frames = [
        pd.DataFrame(
            {
                "day": pd.date_range("2020-01-01", periods=count),
                "id": name,
                "y": np.sin(np.arange(count) / 3) + 0.1 * np.random.default_rng(count).normal(size=count),
            }
        )
        for name, count in rows.items()
    ]
    return split(build_series(read(pd.concat(frames)), "y", time="day", series="id"))


@pytest.mark.parametrize(
    ("season", "rows"),
    [
        (24, 336),  # 14 seasons of 364 rows, a fifth of the train rows
        (36, 360),  # 10 seasons
        (52, 364),  # 7 seasons
        (53, None),  # 6 seasons
        (12, 168),
        (11, None),  # too short to be cut into segments
        (None, None),
    ],
)
def test_a_season_decides_the_look_back_where_enough_of_them_fit(long, season, rows):
    assert look_back(long.train, season) == rows


def test_a_look_back_has_at_most_720_rows(make_series):
    parts = split(make_series(np.zeros(20_000)))
    assert look_back(parts.train, 96) == 672
    assert look_back(parts.train, 102) == 714
    assert look_back(parts.train, 103) is None


def test_a_look_back_of_a_panel_fits_its_typical_member():
    parts = panel({"long": 2600, **{f"s{i}": 300 for i in range(4)}})
    assert look_back(parts.train, 12) is None


def test_the_season_decides_for_the_default_model_and_the_closed_form_where_it_cannot(long):
    by_season = decided(long, season=24)
    assert (by_season.shape.window, by_season.plan.centre, by_season.line) == (336, "last", None)
    assert by_season.notes == ("Look-back of 336 rows: 14 seasons of 24 rows.",)
    by_map = decided(long)
    assert by_map.shape.window in (36, 104, 336)
    assert by_map.line.centre == by_map.plan.centre
    assert any("decided on validation by closed-form" in note for note in by_map.notes)


def test_a_look_back_that_was_asked_for_is_taken(long):
    seasons, few = decided(long, season=24, window=168), decided(long, season=24, window=100)
    assert (seasons.shape.window, seasons.plan.centre, seasons.notes) == (168, "last", ())
    assert (few.shape.window, few.plan.centre) == (100, few.line.centre)
    assert few.notes[0].startswith("Centring on the")


@pytest.mark.parametrize("season", [24, None])
def test_arms_of_the_default_model_are_decided_as_it_is(long, season):
    plain, arm = decided(long, season=season), decided(long, "heedful+eca", season=season)
    assert (arm.shape, arm.plan.centre, arm.notes) == (plain.shape, plain.plan.centre, plain.notes)
    assert arm.plan == replace(plain.plan, map_attention=arm.plan.map_attention)
    other = decided(long, "cnn-lstm+eca", season=season)
    assert (other.shape.window, other.line) == (season or 32, None)


def test_the_recipe_counts_the_windows_that_there_are():
    parts = panel({f"s{i}": 300 for i in range(20)})
    chosen = decided(parts)
    count = len(windows(parts.train, chosen.shape.window, 3))
    assert chosen.recipe == Recipe.long(count) != Recipe.long(len(parts.train) - chosen.shape.window - 2)


def test_series_too_short_for_a_window_are_named():
    parts = panel({"long": 400, "s1": 40, "s2": 45, "s3": 30, "s4": 35, "s5": 28, "s6": 20})
    chosen = decided(parts, "cnn-lstm", horizon=5, window=32)
    [note] = chosen.notes
    assert note == (
        "4 of 7 series have fewer than 37 rows in the train part, a look-back of 32 and a horizon of 5, so that "
        "nothing is learned from them: s3, s4, s5 and 1 more."
    )
    assert decided(parts, "cnn-lstm", horizon=5, window=8).notes == ()


def test_a_table_too_short_to_decide_on_says_that_the_look_back_is_by_rule():
    parts = panel({f"s{i}": 100 for i in range(20)})  # 1,400 train rows, of which no series has more than 70
    chosen = decided(parts)
    assert (chosen.shape.window, chosen.line) == (17, None)
    [note] = chosen.notes
    assert note.startswith(
        "Look-back of 17 rows, by rule: the train rows are too few, or have too many gaps, to decide"
    )
    assert decided(parts, window=17).notes == ()
    assert decided(parts, "cnn-lstm").notes == ()


def test_a_look_back_that_fits_nowhere_is_refused(long):
    with pytest.raises(DataError, match="Shorten the window"):
        decided(long, "cnn-lstm", window=1820)


def test_a_recipe_in_the_file_of_a_plan_trains_it(tmp_path):
    recipe = Recipe(epochs=3, clip=None, batch=7, precision="float32")
    (tmp_path / "plan.toml").write_text(write_plan(Plan(), recipe), encoding="utf-8")
    assert read_plan(tmp_path / "plan.toml") == (Plan(), recipe)
    assert read_plan(Plan()) == (Plan(), None)
    assert Plan.from_toml(write_plan(Plan(), recipe)) == Plan()


def test_a_wrong_recipe_in_the_file_of_a_plan_is_named(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("[recipe]\nepoch = 3\n", encoding="utf-8")
    with pytest.raises(UnknownName, match="epochs"):
        read_plan(path)
    path.write_text("recipe = 3\n", encoding="utf-8")
    with pytest.raises(OptionError, match="one value a line"):
        read_plan(path)
