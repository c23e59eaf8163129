from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heedful.data import Series, ahead, build_series, read, take_future
from heedful.errors import DataError

T = np.arange(46)


def frame(name: str = "a", rows: int = 46, empty: int = 6, step: str = "h") -> pd.DataFrame:
    t = np.arange(rows)
    y = np.where(t < rows - empty, np.sin(t) + t % 5, np.nan)
    times = pd.date_range("2024-01-05", periods=rows, freq=step)
    past = np.where(t < rows - empty, np.cos(t), np.nan)
    return pd.DataFrame({"time": times, "site": name, "y": y, "temp": past, "plan": (t % 3) * 1.5})


def build(data: pd.DataFrame, **options: object) -> Series:
    given: dict[str, object] = {"known": ["plan"], "past": ["temp"], "future": "keep", **options}
    return build_series(read(data), "y", **given)  # type: ignore[arg-type]


def test_the_future_is_parted_from_the_past():
    past, known, rows = take_future(build(frame()))
    assert (len(past), rows, past.ahead) == (40, (6,), ())
    assert known[0].tolist() == (T[40:, None] % 3 * 1.5).tolist()
    assert past.observed[:, 0].all()


def test_the_window_ahead_begins_after_the_last_observed_target():
    laid = ahead(build(frame(), calendar=True), 8, 4)
    series = laid.span.series
    assert (len(laid), laid.window, laid.horizon) == (1, 8, 4)
    x, y = laid.batch(np.array([0]))
    np.testing.assert_allclose(x[0, :, 0], np.sin(T[32:40]) + T[32:40] % 5)
    assert np.isnan(y).all()
    hour = np.sin(2 * np.pi * T[40:44] / 24)
    np.testing.assert_allclose(
        laid.future(np.array([0]))[0, :, :2], np.stack([T[40:44] % 3 * 1.5, hour], 1), atol=1e-12
    )
    assert list(series.times[8:]) == list(pd.date_range("2024-01-06 16:00", periods=4, freq="h"))


def test_without_future_rows_stamps_and_calendar_go_on_by_the_step():
    series = build(frame(empty=0, step="B"), known=[], past=[], features=[], calendar=True)
    laid = ahead(series, 5, 7)
    times = laid.span.series.times
    assert list(times[5:]) == list(pd.bdate_range(series.times[-1], periods=8)[1:])
    weekday = laid.future(np.array([0]))[0, :, 0]
    np.testing.assert_allclose(weekday, np.sin(2 * np.pi * times[5:].day_of_week / 7), atol=1e-12)


def test_a_known_column_that_ends_too_early_is_an_error_that_counts():
    with pytest.raises(DataError, match="'plan' was declared known.*next 9 values, got 6"):
        ahead(build(frame()), 8, 9)


def test_every_member_is_continued_from_its_own_end():
    data = pd.concat([frame("a"), frame("b", rows=30, empty=4), frame("short", rows=9, empty=4)])
    laid = ahead(build(data, series="site", calendar=True), 8, 4)
    series = laid.span.series
    assert [m.name for m in series.members] == ["a", "b"]
    assert laid.members(np.arange(2)).tolist() == [0, 1]
    assert series.times[12 + 8] == pd.Timestamp("2024-01-05") + pd.Timedelta(hours=26)
    np.testing.assert_allclose(laid.inputs(np.arange(2))[1, :, 0], np.sin(T[18:26]) + T[18:26] % 5)
    assert laid.future(np.arange(2))[1, :, 0].tolist() == (T[26:30] % 3 * 1.5).tolist()


@pytest.mark.parametrize("several", [False, True])
def test_rows_to_be_forecast_are_not_counted_as_missing(several):
    data = frame()
    data.loc[[9, 20], "y"] = np.nan
    whole = pd.concat([data, frame("b", empty=5)]) if several else data
    series = build(whole, **({"series": "site"} if several else {}))
    assert any(note.startswith(f"2 missing values ({2 / (81 if several else 40):.1%}) of y") for note in series.notes)
    assert not any("of temp" in note for note in series.notes)


def test_too_few_rows_for_the_window_are_counted():
    with pytest.raises(DataError, match="last 50 rows of y, got 40"):
        ahead(build(frame()), 50, 2)


def test_static_columns_stay_over_the_horizon():
    data = pd.concat([frame("a").assign(area=2.0), frame("b").assign(area=5.0)])
    laid = ahead(build(data, series="site", known=[], past=["temp"], static=["area"]), 8, 10)
    assert laid.future(np.arange(2))[:, :, 0].tolist() == [[2.0] * 10, [5.0] * 10]


@pytest.mark.parametrize("future", ["drop", "keep"])
@pytest.mark.parametrize("several", [False, True])
def test_rows_to_be_forecast_decide_nothing(future, several):
    # 40 rows have a target, so 28 decide; of all 100 rows it would be 70.
    data = frame(rows=100, empty=60)
    data["wind"] = np.where(np.arange(100) < 30, np.where(np.arange(100) % 3, "n", "s"), "late")
    data.loc[40:, "wind"] = None
    data.loc[[33, 35], "temp"] = np.nan
    whole = pd.concat([data, data.assign(site="b")]) if several else data
    series = build(whole, past=["temp", "wind"], future=future, mask=True, **({"series": "site"} if several else {}))
    assert series.levels == {"wind": ("n", "s")}
    assert not any(name.startswith("temp missing") for name in series.columns)
    assert any("temp filled" in note for note in series.notes)


def test_a_code_in_the_rows_to_be_forecast_is_no_target_if_it_was_told():
    data = frame(rows=100, empty=60).fillna({"y": -7.0})
    data["wind"] = np.where(np.arange(100) < 30, np.where(np.arange(100) % 3, "n", "s"), "late")
    data.loc[40:, "wind"] = None
    series = build(data, past=["wind"], future="drop", missing=[-7.0])
    assert (len(series), series.levels) == (40, {"wind": ("n", "s")})
