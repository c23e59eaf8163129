from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heedful.data import Scaler, Series, build_series, read, split
from heedful.errors import DataError, OptionError, UnknownName

ROWS = 40
TIMES = pd.date_range("2024-01-01", periods=ROWS, freq="h")
T = np.arange(ROWS)


def frame(**columns: object) -> pd.DataFrame:
    made = {"y": np.sin(T) + T % 5, "temp": np.cos(T), "plan": (T % 3) * 1.5, "wind": ["N", "S", "E", "S"] * 10}
    return pd.DataFrame({"time": TIMES, **made, **columns})


def build(data: pd.DataFrame, target: object = "y", **options: object) -> Series:
    return build_series(read(data), target, **options)  # type: ignore[arg-type]


def told(series: Series, words: str) -> bool:
    return any(words in note for note in series.notes)


# --- roles ----------------------------------------------------------------------------------------


def test_several_targets_are_columns_and_none_is_known():
    series = build(frame(), ["temp", "y"])
    assert series.targets == ("temp", "y")
    assert series.target == "temp"
    assert [series.columns[j] for j in series.target_indices] == ["temp", "y"]
    assert series.known == ()


def test_naming_roles_restricts_the_inputs_and_it_is_said():
    series = build(frame(), known=["plan"])
    assert series.columns == ("y", "plan")
    assert series.known == ("plan",)
    assert series.known_indices == (1,)
    assert told(series, "left out: temp, wind.")
    assert build(frame(), past=["temp"], features=["plan"]).columns == ("y", "temp", "plan")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"known": ["temp"], "past": ["temp"]}, "'temp' was declared past and known"),
        ({"known": ["y"]}, "'y' was declared targets and known"),
        ({"features": ["plan"], "static": ["plan"]}, "past and static"),
        ({"series": "wind", "known": ["wind"]}, "known and series"),
        ({"target": ["y", "y"]}, "several different ones, got y, y"),
        ({"target": []}, "got none"),
        ({"future": "guess"}, "'keep' and 'drop', got 'guess'"),
    ],
)
def test_a_column_has_one_part(options, advice):
    options = {"target": "y", **options}
    with pytest.raises(OptionError, match=advice):
        build(frame(), options.pop("target"), **options)


def test_unknown_names_of_any_role_are_answered():
    for role in ("past", "known", "static"):
        with pytest.raises(UnknownName, match="Did you mean 'plan'"):
            build(frame(), **{role: ["plans"]})


def test_static_columns_of_a_single_series_are_left_out():
    series = build(frame(area=3.0), static=["area"], past=["temp"])
    assert series.columns == ("y", "temp")
    assert told(series, "nothing about a single series and were left out: area")


# --- text -----------------------------------------------------------------------------------------


def test_texts_become_one_column_for_each_level_in_the_place_of_the_text():
    series = build(frame())
    assert series.columns == ("y", "temp", "plan", "wind=E", "wind=N", "wind=S")
    assert series.levels == {"wind": ("E", "N", "S")}
    assert series.plain == ("wind=E", "wind=N", "wind=S")
    assert series.values[:4, 3:].tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert told(series, "Text column wind is an input by its 3 levels: E, N, S.")


def test_levels_are_decided_on_train_rows_and_later_ones_are_nothing():
    series = build(frame(wind=["N", "S"] * 14 + ["X"] * 12))
    assert series.levels == {"wind": ("N", "S")}
    assert (series.values[28:, -2:] == 0).all()
    assert (series.values[:28, -2:].sum(1) == 1).all()


def test_missing_texts_are_filled_from_the_past_and_are_nothing_before_the_first():
    wind = [None, None, "N", "S", None, *["N"] * 35]
    series = build(frame(wind=wind))
    assert len(series) == ROWS
    assert series.values[:5, -2:].tolist() == [[0, 0], [0, 0], [1, 0], [0, 1], [0, 1]]
    assert not series.observed[4, -1]
    assert told(series, "1 missing value (2.5%) of wind filled")


def test_texts_of_many_levels_are_used_only_if_named_and_then_by_the_most_frequent():
    words = [f"w{i:02d}" for i in range(36)] + ["w35"] * 4
    usual = build(frame(wind=words), decide_on=40)
    assert usual.columns == ("y", "temp", "plan")
    assert told(usual, "wind (36 different texts)")
    named = build(frame(wind=words), features=["wind"], decide_on=40)
    assert len(named.levels["wind"]) == 32
    assert "w35" in named.levels["wind"]
    assert told(named, "the 32 most frequent of its 36 levels")


def test_numbers_with_a_broken_one_are_no_text_of_levels():
    broken = [str(i % 7) for i in range(39)] + ["7o"]
    assert told(build(frame(wind=broken)), "Columns of broken numbers left out: wind.")


def test_a_later_table_is_written_like_an_earlier_one():
    gone = np.where(T % 9 == 4, np.nan, T % 7)
    options = {"known": ["plan", "wind"], "past": ["temp", "gone"], "calendar": True, "mask": True}
    earlier = build(frame(gone=gone), ["y", "temp"], **options | {"past": ["gone"]})
    assert earlier.known[:3] == ("plan", "wind=E", "wind=N")
    later = frame(gone=gone, wind=["S"] * 20 + ["Q"] * 20, more=T)
    series = build(
        later.iloc[:, ::-1],
        ["y", "temp"],
        like=earlier.columns,
        known=earlier.known,
        levels=earlier.levels,
        codes=earlier.codes,
        step=earlier.step,
    )
    assert series.columns == earlier.columns
    assert (series.known, series.plain) == (earlier.known, earlier.plain)
    shared = [j for j, name in enumerate(series.columns) if not name.startswith("wind")]
    np.testing.assert_array_equal(series.values[:, shared], earlier.values[:, shared])
    south = series.columns.index("wind=S")
    assert series.values[:, south].tolist() == [1] * 20 + [0] * 20


# --- calendar, masks, ages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "waves"),
    [("15min", 6), ("h", 6), ("D", 4), ("B", 4), ("7D", 2), ("MS", 2), ("QS", 2), ("YS", 0)],
)
def test_the_calendar_has_the_waves_that_the_step_resolves(step, waves):
    series = build(frame(time=pd.date_range("2001-01-01", periods=ROWS, freq=step)), features=[], calendar=True)
    assert len(series.columns) == 1 + waves
    assert series.known == series.plain == series.columns[1:]


def test_calendar_waves_follow_the_wall_clock():
    times = pd.date_range("2024-03-30", periods=ROWS, freq="h", tz="Europe/Berlin")
    series = build(frame(time=times), features=[], calendar=True)
    hour = series.values[:, series.columns.index("hour sin")]
    np.testing.assert_allclose(hour, np.sin(2 * np.pi * times.hour.to_numpy() / 24), atol=1e-12)
    weekday = series.values[:, series.columns.index("weekday cos")]
    np.testing.assert_allclose(weekday, np.cos(2 * np.pi * times.day_of_week.to_numpy() / 7), atol=1e-12)


def test_the_year_wave_starts_with_the_first_of_january():
    times = pd.date_range("2023-01-01", periods=ROWS, freq="MS")
    wave = build(frame(time=times), features=[], calendar=True).values[:, 1]
    np.testing.assert_allclose(wave, np.sin(2 * np.pi * (times.day_of_year.to_numpy() - 1) / 365.25), atol=1e-12)
    assert wave[0] == 0


def test_plain_columns_are_not_scaled():
    gone = np.where(T % 9 == 4, np.nan, T % 7)
    series = build(frame(gone=gone), mask=True, calendar=True)
    scaler = Scaler.fit(split(series).train)
    plain = [series.columns.index(name) for name in series.plain]
    assert len(plain) == 3 + 2 + 6
    np.testing.assert_array_equal(scaler.inputs(series.values)[:, plain], series.values[:, plain].astype(np.float32))


def test_masks_are_decided_on_train_rows():
    gone = (T % 7).astype(float)
    gone[30:33] = np.nan
    assert build(frame(gone=gone), features=["gone"], mask=True).columns == ("y", "gone")
    assert "gone age" in build(frame(gone=gone), features=["gone"], mask=True, decide_on=31).columns


def test_a_calendar_needs_stamps():
    with pytest.raises(DataError, match="need stamps.*--time"):
        build(frame().drop(columns="time"), calendar=True)


def test_a_made_column_does_not_replace_one_of_the_table():
    with pytest.raises(DataError, match="'hour sin' already"):
        build(frame(**{"hour sin": np.cos(T) + T % 4}), calendar=True)


def test_ages_count_rows_since_the_value_was_seen():
    gone = (T % 7).astype(float)
    gone[[3, 4, 5, 9]] = np.nan
    series = build(frame(gone=gone), features=["gone"], mask=True)
    assert series.columns == ("y", "gone", "gone missing", "gone age")
    ages = np.expm1(series.values[:, 3]).round(9)
    assert ages[2:11].tolist() == [0, 1, 2, 3, 0, 0, 0, 1, 0]
    assert series.plain == ("gone missing", "gone age")


# --- rows to be forecast --------------------------------------------------------------------------


def test_values_of_a_past_column_in_rows_to_be_forecast_are_a_leak_that_is_explained():
    data = frame()
    data.loc[34:, "y"] = np.nan
    for future in (None, "drop"):
        with pytest.raises(DataError, match=r"'temp' has values in the 6 rows to be forecast.*--known temp.*empty"):
            build(data, past=["temp"], known=["plan"], future=future)
    kept = build(data, past=["temp"], known=["plan"], future="keep")
    assert kept.ahead == (6,)
    assert told(kept, "What temp has after the newest observed y is not read")
    data.loc[34:, "temp"] = np.nan
    with pytest.raises(DataError, match="'wind' has values in the 6 rows"):
        build(data, past=["temp", "wind"], known=["plan"])
    assert build(data, past=["temp"], known=["plan"], future="keep").ahead == (6,)


def test_rows_to_be_forecast_are_left_out_of_training_and_it_is_said():
    data = frame()
    data.loc[34:, ["y", "temp"]] = np.nan
    series = build(data, past=["temp"], known=["plan"])
    assert len(series) == 34
    assert series.times[-1] == TIMES[33]
    assert told(series, "6 rows after the last observed target left out")
    whole = build(frame().iloc[:34], past=["temp"], known=["plan"])
    assert series.fingerprint == whole.fingerprint


def test_without_declared_roles_trailing_rows_stay_and_a_note_hints_at_known():
    data = frame()
    data.loc[34:, "y"] = np.nan
    series = build(data)
    assert len(series) == ROWS
    assert told(series, "declared with --known")
