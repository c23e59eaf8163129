from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.data.build import build_series
from heedful.data.series import Series
from heedful.data.step import Step, find_step
from heedful.data.table import Table, read
from heedful.errors import DataError, OptionError, UnknownName

ROWS = 20
TIMES = pd.date_range("2024-01-01", periods=ROWS, freq="h")


def frame(**columns: object) -> pd.DataFrame:
    """A time column, a target that varies and whatever a test needs."""
    return pd.DataFrame({"time": TIMES, "y": np.arange(float(ROWS)) ** 2, **columns})


def build(data: pd.DataFrame, target: str = "y", **options: object) -> Series:
    return build_series(read(data), target, **options)  # type: ignore[arg-type]


def text_times(texts: list[str]) -> Table:
    return read(pd.DataFrame({"when": texts, "y": np.arange(float(len(texts))) ** 2}))


def told(series: Series, words: str) -> bool:
    return any(words in note for note in series.notes)


# --- the time column ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%d.%m.%Y %H:%M",
        "%d/%m/%Y %H:%M",
        "%m/%d/%Y %I:%M %p",
        "%d-%m-%y %H:%M",
        "%Y年%m月%d日 %H:%M",
        "%Y-%m-%dT%H:%M:%S.250",
    ],
)
def test_dates_are_read_in_every_common_form(form: str) -> None:
    times = pd.date_range("2024-01-29", periods=50, freq="6h") + pd.Timedelta(minutes=30)
    series = build_series(text_times([time.strftime(form) for time in times]), "y")
    extra = pd.Timedelta(milliseconds=250) if "250" in form else pd.Timedelta(0)
    assert list(series.times) == list(times + extra)
    assert str(series.step) == "step 6h"


@pytest.mark.parametrize(
    ("texts", "step", "first"),
    [
        ([f"{2000 + i // 12}-{i % 12 + 1:02d}" for i in range(30)], "MS", "2000-01-01"),
        ([f"{i % 12 + 1:02d}/{2000 + i // 12}" for i in range(30)], "MS", "2000-01-01"),
        ([f"{2000 + i // 12}M{i % 12 + 1:02d}" for i in range(30)], "MS", "2000-01-01"),
        ([f"{2000 + i // 4}Q{i % 4 + 1}" for i in range(30)], "QS-JAN", "2000-01-01"),
        ([f"{i:02d}-Mar-21" for i in range(1, 20)], "D", "2021-03-01"),
        ([f"Mar {i}, 2021" for i in range(1, 20)], "D", "2021-03-01"),
        ([f"{m}-98" for m in ("Jan", "Feb", "Mar", "Apr")], "MS", "1998-01-01"),
    ],
)
def test_months_quarters_and_named_months_are_read(texts: list[str], step: str, first: str) -> None:
    series = build_series(text_times(texts), "y")
    assert series.step.frequency == step
    assert series.times[0] == pd.Timestamp(first)


@pytest.mark.parametrize(
    ("name", "numbers", "step"),
    [
        ("date", [20240101 + i for i in range(9)], "D"),
        ("month", [202401 + i for i in range(9)], "MS"),
        ("year", [1990 + i for i in range(9)], "YS-JAN"),
        ("timestamp", [1_700_000_000 + 900 * i for i in range(9)], "15min"),
        ("ts", [1_700_000_000_000 + 500 * i for i in range(9)], "500ms"),
        ("date", [44_000 + i for i in range(9)], "D"),
        ("date", [44_000 + i / 24 for i in range(9)], "h"),
    ],
)
def test_numbers_are_times_only_under_a_name_that_says_so(name: str, numbers: list[float], step: str) -> None:
    y = np.arange(9.0) ** 2
    assert build(pd.DataFrame({name: numbers, "y": y})).step.frequency == step
    assert build(pd.DataFrame({"quantity": numbers, "y": y})).step.kind == "rows"


def test_year_month_day_hour_columns_are_put_together() -> None:
    parts = {"year": TIMES.year, "month": TIMES.month, "day": TIMES.day, "hour": TIMES.hour}
    series = build(frame(**parts).drop(columns="time"))
    assert list(series.times) == list(TIMES)
    assert series.columns == ("y",)
    assert told(series, "year, month, day, hour")


def test_a_date_and_a_clock_column_are_put_together() -> None:
    times = pd.date_range("2006-12-16 17:00", periods=60, freq="h")
    data = pd.DataFrame({"Date": times.strftime("%d/%m/%Y"), "Time": times.strftime("%H.%M.%S")})
    series = build(data.assign(y=np.arange(60.0) ** 2))
    assert list(series.times) == list(times)


def test_without_a_time_column_rows_are_counted_and_it_is_said() -> None:
    series = build(frame().drop(columns="time"))
    assert isinstance(series.times, pd.RangeIndex)
    assert series.step.kind == "rows"
    assert told(series, "No time column was found")


def test_the_named_time_column_is_used() -> None:
    other = pd.date_range("1999-01-01", periods=ROWS, freq="D")
    series = build(frame(made=other), time="made")
    assert list(series.times) == list(other)
    assert told(series, "Further time columns left out: time.")


def test_day_and_month_are_decided_by_the_column_as_a_whole() -> None:
    days = [f"{d:02d}/02/2024" for d in range(1, 14)]
    assert build_series(text_times(days), "y").times[0] == pd.Timestamp("2024-02-01")
    months = [f"02/{d:02d}/2024" for d in range(1, 14)]
    assert build_series(text_times(months), "y").times[-1] == pd.Timestamp("2024-02-13")


def test_day_and_month_are_decided_by_the_only_order_that_makes_a_regular_series() -> None:
    texts = [f"01/{i % 12 + 1:02d}/{2020 + i // 12}" for i in range(30)]
    series = build_series(text_times(texts), "y")
    assert series.step.frequency == "MS"
    assert told(series, "day/month/year, the only order in which they form a regular series.")


def test_day_and_month_are_decided_by_the_only_order_that_puts_rows_in_time_order() -> None:
    series = build_series(text_times(["10/02/2024", "11/02/2024", "12/02/2024", "01/03/2024", "05/03/2024"]), "y")
    assert series.times[-1] == pd.Timestamp("2024-03-05")
    assert told(series, "day/month/year, the only order in which the rows are in time order.")


def test_ambiguous_dates_are_refused_until_their_format_is_given() -> None:
    table = text_times([f"{d:02d}/02/2024" for d in range(1, 11)])
    with pytest.raises(DataError, match=r"'01/02/2024' in row 1.*--date-format.*%d/%m/%Y"):
        build_series(table, "y")
    assert build_series(table, "y", date_format="%d/%m/%Y").times[-1] == pd.Timestamp("2024-02-10")
    assert build_series(table, "y", date_format="%m/%d/%Y").times[-1] == pd.Timestamp("2024-10-02")


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (["2024-01-01", "2024-01-02", "total"], {}, "row 3: 'total'"),
        (["2024-01-01", "2024-02-31", "2024-03-01"], {}, "row 2: '2024-02-31'"),
        (
            ["13/01/2024", "14/01/2024", "01/15/2024"],
            {},
            "'01/15/2024'. The column as a whole reads as day/mon",
        ),
        (["2024-01-01", None, "2024-01-03"], {}, "no time stamp in row 2"),
        (["2024-01-01", "2024-01-02", "2024-01-01"], {}, "2024-01-01 00:00:00 twice, in row 1 and row 3"),
        (
            ["2024-01-01", "01.02.2024", "2024-01-03"],
            {"date_format": "%Y-%m-%d", "time": "when"},
            "row 2: '01.02",
        ),
        (["2024-01-01T00:00Z", "2024-01-01T01:00", "2024-01-01T02:00Z"], {}, "with and without a UTC offset"),
        (["a", "b", "c"], {"time": "when"}, "row 1: 'a'"),
        (["a", "b", "c"], {"date_format": "%Y"}, "No column .* is written as '%Y'"),
    ],
)
def test_bad_stamps_are_named_with_row_and_value(texts: list[str], options: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build_series(text_times(texts), "y", **options)  # type: ignore[arg-type]


def test_a_repeated_autumn_hour_is_explained() -> None:
    local = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin").tz_localize(None)
    with pytest.raises(DataError, match=r"2024-10-27 02:00:00 twice.*clock change"):
        build(pd.DataFrame({"time": local, "y": np.arange(60.0)}))


def test_a_table_of_several_series_is_recognised() -> None:
    data = pd.concat([frame(), frame()])
    with pytest.raises(DataError, match=r"20 rows repeat a stamp in all.*several series"):
        build(data)


def test_zones_are_kept_and_several_offsets_become_utc() -> None:
    times = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
    kept = build(pd.DataFrame({"time": times, "y": np.arange(60.0) ** 2}))
    assert str(kept.times.tz) == "Europe/Berlin"  # type: ignore[attr-defined]
    mixed = build_series(text_times([time.isoformat() for time in times]), "y")
    assert list(mixed.times) == list(times.tz_convert("UTC"))
    assert told(mixed, "several UTC offsets")
    fixed = build_series(text_times([time.isoformat() for time in times[:20]]), "y")
    assert list(fixed.times) == list(times[:20])
    assert fixed.times[0].utcoffset() == pd.Timedelta(hours=2)


def test_numbers_that_are_no_times_cannot_be_the_time_column() -> None:
    with pytest.raises(DataError, match="no stamps"):
        build(frame(x=np.arange(20.0) / 7), time="x")


# --- order and gaps -------------------------------------------------------------------------------


def test_newest_first_files_are_turned_and_it_is_said() -> None:
    series = build(frame().iloc[::-1])
    assert list(series.times) == list(TIMES)
    assert told(series, "newest row first")


@given(order=st.permutations(range(ROWS)))
def test_any_order_of_rows_gives_the_same_series(order: list[int]) -> None:
    data = frame(x=np.sin(np.arange(ROWS)), z=np.where(np.arange(ROWS) % 6 == 2, np.nan, np.arange(ROWS) % 5))
    usual, found = build(data), build(data.iloc[order])
    assert found.fingerprint == usual.fingerprint
    assert list(found.times) == list(TIMES)
    assert told(found, "put in") == (order != list(range(ROWS)))


def test_missing_rows_of_a_regular_step_are_put_in_as_missing() -> None:
    series = build(frame().drop(index=[6, 7, 13]))
    assert list(series.times) == list(TIMES)
    assert list(np.flatnonzero(~series.observed[:, 0])) == [6, 7, 13]
    assert list(series.values[[6, 7, 13], 0]) == [25.0, 25.0, 144.0]
    assert told(series, "3 rows missing in the time grid (step h)")


def test_missing_months_are_put_in() -> None:
    months = pd.date_range("2020-01-31", periods=ROWS, freq="ME")
    series = build(frame().assign(time=months).drop(index=[4]))
    assert list(series.times) == list(months)
    assert not series.observed[4, 0]


def test_holidays_are_no_missing_rows() -> None:
    days = pd.date_range("2024-01-01", periods=ROWS, freq="B")
    series = build(frame().assign(time=days).drop(index=[8]))
    assert (series.step.kind, len(series)) == ("business", ROWS - 1)
    assert series.observed.all()


def test_a_table_with_more_gaps_than_rows_is_left_irregular() -> None:
    data = frame().assign(time=np.where(np.arange(ROWS) < 12, TIMES, TIMES + pd.Timedelta(hours=50)))
    series = build(data)
    assert (series.step.kind, len(series)) == ("irregular", ROWS)
    assert told(series, "50 gaps")


# --- columns --------------------------------------------------------------------------------------


def test_columns_that_say_nothing_are_left_out_and_named() -> None:
    data = frame(
        No=np.arange(1, ROWS + 1),
        site="here",
        flat=7.0,
        empty=np.nan,
        flag=np.arange(ROWS) % 3 == 0,
        wind=np.cos(np.arange(ROWS)),
    )
    series = build(data)
    assert series.columns == ("y", "flag", "wind")
    assert list(series.values[:4, 1]) == [1.0, 0.0, 0.0, 1.0]
    for words in (
        "less than two levels in the train rows left out: site.",
        "Constant columns left out: flat.",
        "without any value left out: empty.",
    ):
        assert told(series, words)
    assert told(series, "only count the rows left out: No.")


def test_named_features_are_used_with_the_target_in_the_order_of_the_file() -> None:
    data = frame(a=np.sin(np.arange(ROWS)), flat=7.0, b=np.cos(np.arange(ROWS)))
    assert build(data, "a", features=["b", "y"]).columns == ("y", "a", "b")
    assert build(data, "b", features=[]).columns == ("b",)


@pytest.mark.parametrize(
    ("target", "options", "kind", "message"),
    [
        ("yy", {}, UnknownName, "column 'yy'. Did you mean 'y'"),
        ("y", {"features": ["winds"]}, UnknownName, "Did you mean 'wind'"),
        ("y", {"time": "tim"}, UnknownName, "Did you mean 'time'"),
        (
            "site",
            {},
            DataError,
            "it holds text, first 'north' in row 1.*leave the cell empty as missing, or choose.*numeric columns: y",
        ),
        ("y", {"features": ["part"]}, DataError, "'part' cannot be an input: it holds text, first 'x' in row 8"),
        ("part", {}, DataError, "first 'x' in row 8"),
        ("flat", {}, DataError, "'flat' is constant"),
        ("empty", {}, DataError, "'empty' has no value in any row"),
        ("wild", {}, DataError, "'wild' has an infinite value in row 6"),
        ("y", {"features": ["wild"]}, DataError, "'wild' has an infinite value in row 6"),
        (
            "y",
            {"features": ["late"]},
            DataError,
            "its first value only after 15 of 20 rows.*--features",
        ),
        ("y", {"features": ["time"]}, DataError, "'time' holds the time"),
        ("time", {"time": "time"}, DataError, "both time and target"),
    ],
)
def test_every_fault_of_a_column_gets_one_clear_error(
    target: str, options: dict[str, object], kind: type[Exception], message: str
) -> None:
    late = np.where(np.arange(ROWS) < 15, np.nan, np.arange(ROWS) % 4)
    wild = np.where(np.arange(ROWS) == 5, np.inf, np.arange(ROWS) % 7)
    data = frame(
        site=["north", "south"] * 10,
        part=[str(i) if i != 7 else "x" for i in range(ROWS)],
        flat=7.0,
        empty=np.nan,
        wind=1.0,
        late=late,
        wild=wild,
    )
    options = {"features": [], **options}
    with pytest.raises(kind, match=message):
        build(data, target, **options)


def test_a_target_that_stands_still_in_train_is_refused_with_its_rows() -> None:
    data = frame().assign(y=np.where(np.arange(ROWS) < 16, 4.0, np.arange(ROWS)))
    with pytest.raises(DataError, match=r"'y' is constant \(4\) in the first 14 of 20 rows.*2024-01-01 13:00"):
        build(data)
    assert len(build(data, decide_on=17)) == ROWS


def test_a_target_that_was_not_observed_in_train_is_refused_with_its_rows() -> None:
    t = np.arange(ROWS)
    data = frame(x=np.where(t == 0, np.nan, np.sin(t))).assign(y=np.where((t > 0) & (t < 16), np.nan, t))
    with pytest.raises(DataError, match="'y' has no value in the first 13 of 19 rows.*train"):
        build(data)


@pytest.mark.parametrize("features", [None, ["late", "z"]])
def test_a_feature_that_stands_still_in_train_is_left_out_and_named(features: list[str] | None) -> None:
    late = np.where(np.arange(ROWS) < 15, 4.0, np.arange(ROWS))
    data = frame(late=late, z=np.sin(np.arange(ROWS)))
    series = build(data, features=features)
    assert series.columns == ("y", "z")
    assert told(series, "Columns constant in the first 14 rows (train) left out: late.")
    assert build(data, features=features, decide_on=17).columns == ("y", "late", "z")


def test_later_rows_never_decide_which_columns_are_used() -> None:
    t = np.arange(ROWS)
    data = frame(
        No=np.where(t < 15, t, 3),
        x=np.where(t < 15, np.sin(t), 7),
        z=np.where(t < 15, t % 4, np.nan),
        w=np.where(t < 14, np.nan, t),
    )
    series = build(data, mask=True)
    assert series.columns == ("y", "x", "z")
    assert told(series, "only count the rows left out: No.")
    assert told(series, "Columns without any value in the first 14 rows (train) left out: w.")


def test_a_row_counter_of_a_shuffled_file_is_left_out() -> None:
    data = frame().sample(frac=1, random_state=1).assign(No=np.arange(ROWS))
    assert build(data).columns == ("y",)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_table_of_one_train_row_needs_more_rows(rows: int) -> None:
    with pytest.raises(DataError, match=rf"'y' has {rows} row.*needs more rows"):
        build(frame().iloc[:rows])


def test_no_time_column_is_looked_for_where_there_is_none() -> None:
    years = pd.DataFrame({"year": 2000 + np.arange(40), "y": np.arange(40.0) ** 2, "when": np.arange(40) % 3})
    assert build(years).times[3] == pd.Timestamp("2003-01-01")
    series = build(years, time=False, known=["year"], past=["when"])
    assert (series.columns, series.step.kind) == (("year", "y", "when"), "rows")
    assert isinstance(series.times, pd.RangeIndex)
    assert not told(series, "time column")
    with pytest.raises(OptionError, match="date_format.*time=False.*Leave one of them out"):
        build(years, time=False, date_format="%Y")


def test_an_input_of_an_earlier_series_is_never_taken_as_the_time_column() -> None:
    years = pd.DataFrame({"year": 2000 + np.arange(40), "y": np.arange(40.0) ** 2})
    earlier = build(years, time=False, known=["year"])
    again = build(years, like=earlier.columns, known=earlier.known, step=earlier.step)
    assert again.columns == ("year", "y")
    assert np.array_equal(again.values, earlier.values)


# --- missing values -------------------------------------------------------------------------------


def test_missing_values_are_filled_from_the_past_counted_and_never_truth() -> None:
    x = np.arange(float(ROWS)) * 1.5 % 4
    x[[3, 4, 19]] = np.nan
    series = build(frame(x=x))
    assert list(series.values[[3, 4, 19], 1]) == [x[2], x[2], x[18]]
    assert list(np.flatnonzero(~series.observed[:, 1])) == [3, 4, 19]
    assert series.observed[:, 0].all()
    assert told(series, "3 missing values (15.0%) of x")


def test_rows_before_the_first_value_are_left_out() -> None:
    x = np.where(np.arange(ROWS) < 4, np.nan, np.arange(ROWS) % 5)
    series = build(frame(x=x), features=["x"])
    assert (len(series), series.times[0]) == (ROWS - 4, TIMES[4])
    assert series.observed.all()
    assert told(series, "4 rows before the first value of x left out.")


@pytest.mark.parametrize("share", [0.25, 0.48, 0.62])
def test_a_column_that_begins_late_costs_no_rows_unless_it_was_named(share: float) -> None:
    rows, t = 400, np.arange(400)
    late = np.where(t < share * rows, np.nan, np.sin(t))
    data = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=rows, freq="h"), "y": t % 7.0, "late": late})
    series = build(data)
    assert (len(series), series.columns) == (rows, ("y",))
    first = int(share * rows)
    assert told(
        series,
        f"Columns that begin only after 10 % of the first 280 rows (train) left out: late ({first} rows). Name those "
        "to be used: rows before their first value are left out then.",
    )
    if share < 0.5:
        assert len(build(data, features=["late"])) == rows - first
    else:
        with pytest.raises(DataError, match="first value only after 248 of 400 rows"):
            build(data, features=["late"])


def test_a_column_begins_late_after_a_tenth_of_the_train_rows_codes_left_aside() -> None:
    t = np.arange(400)
    data = pd.DataFrame({"y": t % 7.0, "x": np.where(t < 28, -999.0, np.sin(t)), "z": np.where(t < 29, -999.0, t % 5)})
    series = build(data)
    assert series.columns == ("y", "x")
    assert len(series) == 372
    assert told(series, "left out: z (29 rows).")


def test_a_target_that_begins_late_is_kept() -> None:
    t = np.arange(400)
    data = pd.DataFrame({"y": np.where(t < 90, np.nan, t % 7.0), "x": np.where(t < 60, np.nan, np.sin(t))})
    series = build(data)
    assert (len(series), series.columns) == (310, ("y", "x"))


def test_masks_are_appended_for_columns_with_missing_values_only() -> None:
    x = np.arange(float(ROWS)) % 4
    x[[5, 9]] = np.nan
    series = build(frame(x=x, z=np.sin(np.arange(ROWS))), mask=True)
    assert series.columns == ("y", "x", "z", "x missing", "x age")
    assert list(np.flatnonzero(series.values[:, 3])) == [5, 9]
    assert series.observed[:, 3].all()
    assert not series.observed[5, 1]


@given(cut=st.integers(2, ROWS - 2), seed=st.integers(0, 999))
def test_later_rows_never_change_earlier_values(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = frame(x=np.where(rng.random(ROWS) < 0.3, np.nan, rng.normal(size=ROWS)))
    data.loc[0, "x"] = 0.5
    other = data.copy()
    other.loc[cut:, "x"] = np.where(rng.random(ROWS - cut) < 0.5, np.nan, rng.normal(size=ROWS - cut))
    other.loc[cut:, "y"] += rng.normal(size=ROWS - cut)
    a, b = build(data, features=["x"]), build(other, features=["x"])
    np.testing.assert_array_equal(a.values[:cut], b.values[:cut])
    np.testing.assert_array_equal(a.observed[:cut], b.observed[:cut])


@pytest.mark.parametrize("code", [-9999.0, -999.0, -99.0, 9999.0, 99999.0, -200.0])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_codes_for_missing_are_found_reported_and_filled(code: float, kind: type) -> None:
    x = (np.arange(ROWS) % 7 / 2).astype(kind)
    x[[4, 5, 12]] = code
    series = build(frame(x=x))
    assert list(np.flatnonzero(~series.observed[:, 1])) == [4, 5, 12]
    assert told(series, f"{code:g} in 'x' was taken as missing (3 rows)")


def test_a_code_proved_by_one_column_is_found_in_another() -> None:
    a, b = np.arange(ROWS) % 7 / 2, 500.0 + np.arange(ROWS) % 11 * 90
    a[[4, 5]] = b[[7, 8]] = -200.0
    series = build(frame(a=a, b=b))
    assert list(np.flatnonzero(~series.observed[:, 2])) == [7, 8]
    assert build(frame(b=b)).observed.all()


def clean(kind: str, rng: np.random.Generator) -> np.ndarray:
    walk = rng.normal(size=400).cumsum()
    return {
        "walk": 30 * walk,
        "counts": rng.poisson(3, 400).astype(float),
        "price": np.round(100 * np.exp(0.02 * walk), 2),
        "volume": np.where(rng.random(400) < 0.1, 0, np.round(1e6 * np.exp(rng.normal(size=400)))),
        "rain": np.where(rng.random(400) < 0.9, 0, np.round(rng.exponential(8, 400), 1)),
        "capped": np.minimum(np.round(rng.normal(900, 90, 400)), 999),
    }[kind]


@pytest.mark.parametrize("kind", ["walk", "counts", "price", "volume", "rain", "capped"])
def test_clean_data_hold_no_codes(kind: str) -> None:
    for seed in range(30):
        values = clean(kind, np.random.default_rng(seed))
        data = pd.DataFrame({"y": values})
        assert build(data).observed.all()


# --- the array ------------------------------------------------------------------------------------


def test_single_precision_is_kept_only_if_every_column_has_it() -> None:
    data = frame(x=np.sin(np.arange(ROWS, dtype=np.float32)))
    assert build(data).values.dtype == np.float64
    assert build(data.astype({"y": np.float32})).values.dtype == np.float32
    assert build(data.astype({"y": np.int32})).values.dtype == np.float64


def test_values_are_one_contiguous_copy() -> None:
    data = frame(x=np.sin(np.arange(ROWS))).drop(columns="time")
    series = build(data)
    assert series.values.flags.c_contiguous
    data.loc[0, "y"] = 77.0
    assert series.values[0, 0] == 0.0


def test_a_long_column_is_copied_at_most_once() -> None:
    rows = 1_000_000
    data = pd.DataFrame({"y": np.random.default_rng(0).normal(size=rows).astype(np.float32)})
    table = read(data)
    tracemalloc.start()
    try:
        series = build_series(table, "y")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert series.values.shape == (rows, 1)
    assert peak < 8 * rows  # one float32 copy, the flags and small change


def test_the_fingerprint_follows_values_gaps_times_and_names() -> None:
    usual = build(frame())
    shifted = frame().assign(time=TIMES + pd.Timedelta(days=1))
    changed = frame()
    changed.loc[7, "y"] += 1e-9
    gap = frame()
    gap.loc[0, "y"] = gap.loc[1, "y"] = 5.0
    filled = gap.copy()
    filled.loc[1, "y"] = np.nan
    prints = [build(d).fingerprint for d in (shifted, changed, gap, filled)]
    prints.append(build(frame().rename(columns={"y": "z"}), "z").fingerprint)
    assert len({usual.fingerprint, *prints}) == 6
    assert build(frame()).fingerprint == usual.fingerprint
    assert build(frame().assign(time=TIMES.as_unit("ns"))).fingerprint == usual.fingerprint


def test_like_gives_the_columns_of_an_earlier_series_masks_included() -> None:
    x = np.arange(float(ROWS)) % 4
    x[5] = np.nan
    earlier = build(frame(x=x), mask=True)
    later = frame(x=1.0, more=np.sin(np.arange(ROWS)))[["more", "x", "y", "time"]].assign(y=3.0)
    series = build(later, like=earlier.columns, features=earlier.columns)
    assert series.columns == earlier.columns == ("y", "x", "x missing", "x age")
    np.testing.assert_array_equal(series.values, np.tile([3.0, 1.0, 0.0, 0.0], (ROWS, 1)))


def test_the_step_of_an_earlier_series_places_rows() -> None:
    def short(frequency: str, keep: list[int], **options: object) -> Series:
        times = pd.date_range("2024-01-01", periods=ROWS, freq=frequency)
        return build(frame().assign(time=times).iloc[keep], like=("y",), **options)

    hour = Step(kind="fixed", frequency="h")
    assert len(short("h", [0, 2, 4])) == 3
    placed = short("h", [0, 2, 4], step=hour)
    assert list(placed.observed[:, 0]) == [True, False, True, False, True]
    assert (placed.step, told(placed, "2 rows missing in the time grid (step h)")) == (hour, True)
    assert len(short("h", [0], step=hour)) == 1
    assert len(short("h", [*range(4), *range(7, 12)], step=hour)) == 12
    holes = short("min", [0, *range(12, 20)], step=Step(kind="fixed", frequency="min"))
    assert list(holes.times) == list(pd.date_range("2024-01-01 00:12", periods=8, freq="min"))
    assert told(holes, "1 row before 2024-01-01 00:12:00 left out")


@pytest.mark.parametrize(
    ("mine", "known"),
    [
        ("D", "h"),
        ("15min", "h"),
        ("h", "D"),
        ("D", "MS"),
        ("QS", "MS"),
        ("MS", "D"),
        ("D", "B"),
        ("h", "B"),
        ("B", "h"),
    ],
)
def test_rows_of_another_step_are_refused(mine: str, known: str) -> None:
    step = find_step(pd.date_range("2024-01-01", periods=30, freq=known))
    data = frame().assign(time=pd.date_range("2024-01-01", periods=ROWS, freq=mine))
    with pytest.raises(DataError, match=f"{step}.*'table' has"):
        build(data, like=("y",), step=step)


@pytest.mark.parametrize(
    ("mine", "known"),
    [("h", "h"), ("B", "B"), ("MS", "MS"), ("ME", "MS"), ("MS", "ME"), ("QS-FEB", "QS-JAN"), ("7D", "7D")],
)
@pytest.mark.parametrize("rows", [1, 2, 3, 6, ROWS])
def test_rows_of_the_same_step_are_taken(mine: str, known: str, rows: int) -> None:
    step = find_step(pd.date_range("2024-01-01", periods=30, freq=known))
    times = pd.date_range("2024-01-08", periods=ROWS, freq=mine)
    series = build(frame().assign(time=times).iloc[:rows], like=("y",), step=step)
    assert list(series.times) == list(times[:rows])


def test_a_zone_does_not_make_another_step() -> None:
    times = pd.date_range("2024-03-20", periods=ROWS, freq="D", tz="Europe/Berlin")
    series = build(frame().assign(time=times), like=("y",), step=Step(kind="fixed", frequency="D"))
    assert list(series.times) == list(times)


# --- real tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "target", "rows", "step", "note"),
    [
        ("ETTh1", "OT", 17_420, "step h", ""),
        ("ETTm1", "OT", 69_680, "step 15min", ""),
        ("beijing_pm25", "pm2.5", 43_800, "step h", "24 rows before the first value of pm2.5 left out."),
        ("stock_kospi_daily", "Close", 5_329, "business days", "144 missing values (2.7%) each of Open"),
        ("stock_russell2000_daily", "Close", 8_165, "business days", ""),
        ("us_gasoline", "Gasoline", 1_578, "step 7D", "newest row first"),
    ],
)
def test_real_tables_are_understood(shared_data: Path, file: str, target: str, rows: int, step: str, note: str) -> None:
    series = build_series(read(shared_data / "forecast" / f"{file}.csv"), target)
    assert (len(series), str(series.step)) == (rows, step)
    assert told(series, note) or not note
    assert series.times.is_monotonic_increasing


def test_a_later_table_is_not_told_to_choose_other_columns_or_series():
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=20, freq="h"), "y": np.arange(20) % 7.0})
    earlier = {"like": ["y"], "step": build_series(read(frame), "y").step}
    broken = frame.assign(y=frame["y"].astype(object))
    broken.loc[7, "y"] = "x?"
    with pytest.raises(
        DataError, match=r"first 'x\?' in row 8\. Mend that value, or leave the cell empty as missing\.$"
    ):
        build_series(read(broken), "y", **earlier)
    with pytest.raises(DataError, match=r"several series: give the rows of one of them, or give another time column"):
        build_series(read(pd.concat([frame, frame])), "y", **earlier)
    with pytest.raises(DataError, match=r"'y' has no value in any row\. Give rows that have one\.$"):
        build_series(read(frame.assign(y=np.nan)), "y", **earlier)
