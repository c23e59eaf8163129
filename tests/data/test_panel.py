from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful.data import Scaler, Series, Table, build_series, read, split, windows
from heedful.errors import DataError, OptionError
from heedful.train import Recipe

START = pd.Timestamp("2024-01-01")


def part(name: str, rows: int, *, late: int = 0, scale: float = 1.0, **columns: object) -> pd.DataFrame:
    t = np.arange(rows)
    times = pd.date_range(START + pd.Timedelta(hours=late), periods=rows, freq="h")
    made = {"y": scale * (10 + np.sin(t) + t % 5), "plan": np.cos(t)}
    return pd.DataFrame({"time": times, "site": name, **made, **columns})


def table(*parts: pd.DataFrame, shuffle: bool = True) -> Table:
    whole = pd.concat(parts, ignore_index=True)
    return read(whole.sample(frac=1, random_state=3) if shuffle else whole)


def build(*parts: pd.DataFrame, target: object = "y", **options: object) -> Series:
    return build_series(table(*parts), target, series="site", **options)  # type: ignore[arg-type]


def three() -> tuple[pd.DataFrame, ...]:
    """Long, ends before validation, begins late; of very different size."""
    return part("north", 100), part("south", 40, scale=1000), part("late", 35, late=65, scale=0.01)


def told(series: Series, words: str) -> bool:
    return any(words in note for note in series.notes)


# --- the table ------------------------------------------------------------------------------------


def test_members_stand_one_after_the_other_in_time_order():
    series = build_series(table(*three(), shuffle=False), "y", series="site")
    assert [(m.name, m.start, m.stop) for m in series.members] == [
        ("north", 0, 100),
        ("south", 100, 140),
        ("late", 140, 175),
    ]
    assert "site" not in series.columns
    shuffled = build(*three())
    assert sorted(m.name for m in shuffled.members) == ["late", "north", "south"]
    for member in shuffled.members:
        assert shuffled.times[member.start : member.stop].is_monotonic_increasing
        own = next(p for p in three() if p.site[0] == member.name)
        np.testing.assert_array_equal(shuffled.values[member.start : member.stop, 0], own.y)


def test_gaps_are_put_in_member_by_member_and_filled_from_the_members_own_past():
    north, south, _ = three()
    south.loc[0, "plan"] = np.nan
    series = build_series(table(north.drop(index=[7, 8]), south, shuffle=False), "y", series="site")
    assert [len(m) for m in series.members] == [100, 39]
    assert list(np.flatnonzero(~series.observed[:100, 0])) == [7, 8]
    assert series.values[7, 0] == series.values[6, 0]
    assert series.values[100, 1] == south.plan[1]
    assert told(series, "1 row before the first values of their series left out")


def test_a_column_that_a_member_never_has_starts_with_the_median_of_train():
    north, south, _ = three()
    south["plan"] = np.nan
    series = build_series(table(north, south, shuffle=False), "y", series="site")
    dates = np.sort(series.times.to_numpy())[: int(0.7 * 140)][-1]
    lead = series.times[:100].to_numpy() <= dates
    assert (series.values[100:, 1] == np.median(series.values[:100, 1][lead])).all()
    assert not series.observed[100:, 1].any()


def test_a_stamp_is_repeated_only_within_a_member():
    north, south, _ = three()
    with pytest.raises(DataError, match="twice in series 'south'"):
        build(north, south, south.iloc[[5]])
    plain = pd.concat([north, south])
    with pytest.raises(DataError, match="several series.*--series"):
        build_series(read(plain), "y")


def test_a_member_of_another_step_is_named():
    odd = part("odd", 30)
    odd["time"] = pd.date_range(START, periods=30, freq="D")
    with pytest.raises(DataError, match="'odd' has step D"):
        build(*three(), odd)


def test_the_common_step_is_that_of_the_longest_member():
    odd = part("odd", 3)
    odd["time"] = START + pd.to_timedelta([0, 17, 50], unit="min")
    series = build_series(table(odd, *three(), shuffle=False), "y", series="site")
    assert str(series.step) == "step h"


def test_ages_of_a_column_that_was_not_seen_yet_count_from_the_members_first_row():
    north, south, _ = three()
    south.loc[:24, "plan"] = np.nan
    series = build_series(table(north, south, shuffle=False), "y", series="site", mask=True)
    ages = np.expm1(series.values[:, series.columns.index("plan age")]).round(9)
    assert ages[:100].max() == 0
    assert ages[100:127].tolist() == [*range(1, 26), 0, 0]


def test_rows_of_no_member_are_refused():
    north, south, _ = three()
    with pytest.raises(DataError, match="'site' does not say which series row 105 "):
        build_series(
            table(north, south.assign(site=[*["south"] * 4, None, *["south"] * 35]), shuffle=False), "y", series="site"
        )


def test_members_without_a_target_are_left_out():
    series = build(*three(), part("dead", 20, y=np.nan))
    assert len(series.members) == 3
    assert told(series, "without any observed target left out: dead")
    with pytest.raises(DataError, match="y"):
        build(part("dead", 20, y=np.nan), part("gone", 20, y=np.nan))


def test_static_columns_tell_members_apart_and_must_not_change():
    north, south, late = (p.assign(area=float(i + 1), kind="ab"[i % 2]) for i, p in enumerate(three()))
    series = build_series(table(north, south, late, shuffle=False), "y", series="site", static=["area", "kind"])
    assert series.static == series.known == ("area", "kind=a", "kind=b")
    assert series.values[[0, 100, 140], 1].tolist() == [1, 2, 3]
    late.loc[20, "area"] = 9.0
    changed = table(north, south, late, shuffle=False)
    with pytest.raises(DataError, match=r"'area' was declared static.*series 'late' in row 161\. Declare it with"):
        build_series(changed, "y", series="site", static=["area"])
    earlier = {"like": ["y", "area"], "known": ["area"], "static": ["area"]}
    with pytest.raises(DataError, match=r"in row 161\. Mend that value, or train a model that does not"):
        build_series(changed, "y", series="site", **earlier)


def test_a_panel_without_stamps_counts_the_rows_of_each_member():
    series = build_series(read(pd.concat([p.drop(columns="time") for p in three()])), "y", series="site")
    assert list(series.times[98:103]) == [98, 99, 0, 1, 2]
    assert series.step.kind == "rows"


# --- split and windows ----------------------------------------------------------------------------


def test_a_panel_is_cut_at_common_dates_and_no_later_row_is_in_train():
    series = build(*three())
    parts = split(series)
    ends = [part.ends for part in parts]
    assert ends[0][1] < ends[1][0]
    assert ends[1][1] < ends[2][0]
    assert sum(len(part) for part in parts) == len(series)
    names = [
        {series.members[n].name for n in series.members_of(np.array([p[0] for p in part.pieces]))} for part in parts
    ]
    assert names == [{"north", "south", "late"}, {"north", "late"}, {"north", "late"}]
    pooled = np.sort(series.times.to_numpy())
    assert ends[0][1] == pooled[int(0.7 * len(series)) - 1]


def test_numbers_of_rows_are_those_of_the_longest_member():
    series = build(*three())
    parts = split(series, (60, 20, 15))
    north = next(m for m in series.members if m.name == "north")
    inside = [[p for p in part.pieces if north.start <= p[0] < north.stop] for part in parts]
    base = north.start
    assert inside == [[(base, base + 60)], [(base + 60, base + 80)], [(base + 80, base + 95)]]
    with pytest.raises(DataError, match="asks for 120 rows, 'north' has 100"):
        split(series, (60, 40, 20))


def test_the_gap_leaves_rows_out_of_every_member():
    series = build(*three())
    plain, gapped = split(series), split(series, gap=3)
    assert [b[0] - a[0] for a, b in zip(plain.test.pieces, gapped.test.pieces, strict=True)] == [3, 3]


def test_no_window_crosses_the_border_between_members():
    series = build(*three())
    series.values[:, 1] = series.members_of(np.arange(len(series)))
    for span in split(series):
        laid = windows(span, 6, 2)
        index = np.arange(len(laid))
        x = laid.inputs(index)[:, :, 1]
        assert (x == laid.members(index)[:, None]).all()
        origins = laid.origins
        assert (series.members_of(origins) == series.members_of(origins + 2)).all()
        np.testing.assert_array_equal(laid.targets(index)[:, 0], series.values[origins + 1, 0])
        np.testing.assert_array_equal(np.asarray(laid.starts) + 5, origins)


def test_every_row_of_the_test_part_is_forecast_and_short_members_give_nothing():
    series = build(*three(), part("tiny", 3, late=90))
    test = split(series).test
    laid = windows(test, 4, 1)
    rows = {row for a, b in test.pieces for row in range(a, b)}
    tiny = next(m for m in series.members if m.name == "tiny")
    assert set(laid.origins + 1) == rows - set(range(tiny.start, tiny.stop))
    with pytest.raises(DataError, match="in the longest of its"):
        windows(test, 200, 1)


# --- scale ----------------------------------------------------------------------------------------


def test_every_member_is_scaled_by_its_own_train_rows():
    series = build(*three())
    parts = split(series)
    scaler = Scaler.fit(parts.train)
    assert scaler.members == tuple(m.name for m in series.members)
    for start, stop in parts.train.pieces:
        centre, spread = scaler.moments(series, start)
        own = series.values[start:stop]
        np.testing.assert_allclose(centre, own.mean(0), rtol=1e-12)
        np.testing.assert_allclose(spread, own.std(0), rtol=1e-9)


def test_batches_of_a_panel_are_scaled_and_restored_by_member():
    series = build(*three(), known=["plan"])
    laid = windows(split(series).test, 6, 2)
    scaler = Scaler.fit(split(series).train)
    index = np.array([len(laid) - 1, 0, 3, len(laid) // 2])
    batch = scaler.batch(laid, index)
    for k, i in enumerate(index):
        centre, spread = scaler.moments(series, int(laid.origins[i]))
        np.testing.assert_allclose(batch.x[k], (laid.inputs(index)[k] - centre) / spread, rtol=1e-5, atol=1e-6)
        expected = (laid.future(index)[k, :, 0] - centre[1]) / spread[1]
        np.testing.assert_allclose(batch.future[k, :, 0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scaler.restore(batch.y, laid, index), laid.targets(index), rtol=1e-5)
    quantiles = np.stack([batch.y, batch.y])
    np.testing.assert_allclose(scaler.restore(quantiles, laid, index)[1], laid.targets(index), rtol=1e-5)
    with pytest.raises(DataError, match="give the windows too"):
        scaler.restore(batch.y)


def test_members_with_too_few_train_rows_are_scaled_by_all():
    series = build(*three(), part("new", 20, late=85))
    train = split(series).train
    scaler = Scaler.fit(train)
    pooled = np.concatenate([series.values[a:b] for a, b in train.pieces])
    new = next(m for m in series.members if m.name == "new")
    centre, spread = scaler.moments(series, new.start)
    np.testing.assert_allclose(centre, pooled.mean(0), rtol=1e-12)
    np.testing.assert_allclose(spread, pooled.std(0), rtol=1e-9)


def test_a_member_that_stands_still_in_train_gets_the_spread_of_all():
    north, south, _ = three()
    series = build(north, south, part("still", 100, y=[5.0] * 80 + [9.0] * 20))
    scaler = Scaler.fit(split(series).train)
    still = next(m for m in series.members if m.name == "still")
    assert scaler.moments(series, still.start)[1][0] > 100
    assert scaler.moments(series, still.start)[0][0] == 5.0


def test_static_columns_share_one_scale():
    parts = [p.assign(area=float(i + 1)) for i, p in enumerate(three())]
    series = build(*parts, static=["area"])
    z = Scaler.fit(split(series).train)
    area = series.columns.index("area")
    assert len({tuple(float(v[area]) for v in z.moments(series, m.start)) for m in series.members}) == 1
    assert z.moments(series, 0)[1][area] == pytest.approx(
        np.concatenate([series.values[a:b, area] for a, b in split(series).train.pieces]).std()
    )


def test_the_scale_of_an_unseen_member_does_not_depend_on_the_others_in_the_table():
    parts = [p.assign(area=float(i + 1)) for i, p in enumerate(three())]
    scaler = Scaler.fit(split(build(*parts, static=["area"])).train)
    east, west = part("east", 30, scale=7, area=50.0), part("west", 40, scale=3, area=80.0)
    like = {"like": scaler.columns, "known": ["area"], "static": ["area"]}
    alone, both = build(east, **like), build(east, west, **like)
    start = next(m.start for m in both.members if m.name == "east")
    one, two = scaler.for_member(alone).moments(alone, 0), scaler.for_member(both).moments(both, start)
    np.testing.assert_array_equal(one, two)
    area = scaler.columns.index("area")
    assert (one[0][area], one[1][area]) == (scaler.centre[0, area], scaler.spread[0, area])


def test_an_unseen_member_is_forecast_the_same_alone_and_beside_another():
    parts = [p.assign(area=float(i + 1)) for i, p in enumerate((part("north", 100), part("south", 90, scale=3)))]
    options = {"series": "site", "static": ["area"], "model": "cnn-lstm", "window": 6, "levels": ()}
    bundle = heedful.fit(pd.concat(parts), "y", recipe=Recipe(epochs=1), **options)
    east, west = part("east", 30, scale=7, area=50.0), part("west", 40, scale=3, area=80.0)
    alone, both = (heedful.predict(bundle, data).set_index("series") for data in (east, pd.concat([east, west])))
    # float32: products of one row and of two are not summed in the same order
    assert alone.loc["east", "predicted"] == pytest.approx(both.loc["east", "predicted"], rel=1e-5)


def test_a_member_unseen_in_training_is_scaled_by_its_own_rows():
    series = build(*three())
    scaler = Scaler.fit(split(series).train)
    other = build(part("north", 30), part("east", 30, scale=7))
    assert scaler.unseen(other) == ("east",)
    laid = windows(split(other, (10, 10, 10)).test, 4, 1)
    with pytest.raises(DataError, match="not fitted on the series east.*for_member"):
        scaler.batch(laid, np.arange(len(laid)))
    fitting = scaler.for_member(other)
    for member in other.members:
        centre, _ = fitting.moments(other, member.start)
        own = other.values[member.start : member.stop]
        north = scaler.moments(series, next(m.start for m in series.members if m.name == "north"))[0]
        np.testing.assert_allclose(centre, own.mean(0) if member.name == "east" else north)
    assert scaler.for_member(series) is scaler


def test_members_too_short_for_a_window_are_named():
    series = build_series(table(*three(), part("brief", 9), shuffle=False), "y", series="site")
    train = split(series, (60, 20, 20)).train  # rows of late begin at 65
    assert windows(train, 6, 3).left_out == ("late",)
    assert windows(train, 6, 4).left_out == ("late", "brief")
    assert windows(train, 40, 2).left_out == ("south", "late", "brief")
    assert windows(split(series, (60, 20, 20)).validation, 6, 3).left_out == ("south", "brief")


def test_one_series_leaves_none_out(wave):
    assert windows(split(wave).train, 6, 3).left_out == ()


def test_numbers_of_rows_decide_by_the_longest_member():
    with pytest.raises(OptionError, match="decide_on"):
        build(*three(), decide_on=-1)
    words = ["a"] * 60 + ["b"] * 20 + ["c"] * 20
    series = build(part("north", 100, wind=words), part("south", 40, wind="b"), decide_on=60)
    assert series.levels == {"wind": ("a", "b")}


def test_members_without_a_target_decide_nothing():
    words = np.where(np.arange(100) < 75, np.where(np.arange(100) % 3, "n", "s"), "late")
    dead = part("dead", 200, late=100, y=np.nan, wind="n")
    series = build(part("north", 100, wind=words), part("south", 100, wind=words), dead)
    assert series.levels == {"wind": ("n", "s")}
    assert build(part("north", 100, wind=words), dead, decide_on=60).levels == {"wind": ("n", "s")}


def test_a_function_of_the_rows_of_the_longest_member_decides():
    words = ["a"] * 60 + ["b"] * 20 + ["c"] * 20
    parts = part("north", 100, wind=words), part("south", 40, wind="b")
    given: list[int] = []
    series = build(*parts, decide_on=lambda rows: given.append(rows) or rows - 20)
    assert set(given) == {100}
    assert series.levels == {"wind": ("a", "b")}
    assert build(*parts, decide_on=lambda rows: rows - 19).levels == {"wind": ("a", "b", "c")}
