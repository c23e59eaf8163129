from __future__ import annotations

import time as clock
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from heedful.data import Scaler, Span, Split, build_series, read, sample, split, windows
from heedful.errors import OptionError, ShapeError, UnknownName
from heedful.trial.audit import (
    Audit,
    audit,
    check_groups,
    check_scaler,
    check_spans,
    check_table,
    check_telling,
    check_windows,
)

ROWS = 900
REAL = {
    "ETTh1": "OT",
    "ETTm1": "OT",
    "beijing_pm25": "pm2.5",
    "stock_kospi_daily": "Close",
    "stock_kr_cnh_daily": "close",
    "stock_russell2000_daily": "Close",
    "us_gasoline": "Gasoline",
}


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A load with a trend and a daily wave, moved by heat and a plan, beside a column that only rises with it."""
    rng, t = np.random.default_rng(seed), np.arange(rows)
    heat = 15 + 5 * np.sin(t / 24 * 2 * np.pi) + 0.1 * rng.normal(size=rows).cumsum()
    plan = (rng.random(rows) < 0.3).astype(float)
    load = 100 + 0.05 * t + 2 * heat + 8 * plan + rng.normal(size=rows)
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "load": load,
            "heat": heat + 0.3 * rng.normal(size=rows),
            "users": 1000 + 3 * t + rng.normal(size=rows),
            "plan": plan,
        }
    )


def panel() -> pd.DataFrame:
    north, south = table(600, seed=1), table(600, seed=2)
    return pd.concat([north.assign(site="north"), south.assign(site="south")], ignore_index=True)


def checks(made: Audit, severity: str) -> set[str]:
    return {found.check for found in made.findings if found.severity == severity}


# --- planted: a table, what audit is told of it, and the leak it must find -----------------------------------------


def shifted(steps: int):
    return lambda t: t.assign(hint=t["load"].shift(-steps).bfill().ffill())


def smoothed(t: pd.DataFrame) -> pd.DataFrame:
    return t.assign(hint=t["load"].rolling(5, center=True, min_periods=1).mean())


def halves(t: pd.DataFrame) -> pd.DataFrame:
    noise = np.random.default_rng(5).normal(size=len(t)) * 20
    later = t["load"].shift(-1).ffill()
    return t.assign(day=0.5 * later + noise, night=0.5 * later - noise)


def two_hints(t: pd.DataFrame) -> pd.DataFrame:
    return t.assign(one=t["load"].shift(-1).ffill(), three=7 - 2 * t["load"].shift(-3).ffill())


def noisy(t: pd.DataFrame) -> pd.DataFrame:
    later = t["load"].shift(-2).ffill()
    return t.assign(hint=later + 0.1 * np.random.default_rng(1).normal(size=len(t)))


def copied_rows(t: pd.DataFrame) -> pd.DataFrame:
    t.loc[800:819, ["load", "heat", "users", "plan"]] = t.loc[100:119, ["load", "heat", "users", "plan"]].to_numpy()
    return t


def scattered_rows(t: pd.DataFrame) -> pd.DataFrame:
    late = np.arange(740, 890, 9)
    t.loc[late, ["load", "heat", "users", "plan"]] = t.loc[late - 700, ["load", "heat", "users", "plan"]].to_numpy()
    return t


def copied_target(t: pd.DataFrame) -> pd.DataFrame:
    t = t[["when", "load"]].round({"load": 0})
    t.loc[800:859, "load"] = t.loc[100:159, "load"].to_numpy()
    return t


def standardised(t: pd.DataFrame) -> pd.DataFrame:
    numbers = t[["load", "heat", "users"]]
    return t.assign(**((numbers - numbers.mean()) / numbers.std(ddof=0)).round(6))


def ranged(t: pd.DataFrame) -> pd.DataFrame:
    numbers = t[["load", "heat", "users"]]
    return t.assign(**(numbers - numbers.min()) / (numbers.max() - numbers.min()))


def site_later(t: pd.DataFrame) -> pd.DataFrame:
    """A panel whose second series is the first one again, a year later."""
    again = t.assign(when=t["when"] + pd.Timedelta(days=30), site="again")
    return pd.concat([t.assign(site="first"), again], ignore_index=True)


PLANTED = {
    "the target, shifted by a row": (shifted(1), {}, "future"),
    "the target, shifted by a day": (shifted(24), {}, "future"),
    "the next change of the target": (lambda t: t.assign(hint=t["load"].diff().shift(-1).fillna(0)), {}, "future"),
    "a centred mean": (smoothed, {}, "future"),
    "a noisy copy from two rows later": (noisy, {}, "future"),
    "two columns that sum to the next value": (halves, {}, "future"),
    "a second target that runs ahead": (shifted(1), {"target": ["load", "hint"]}, "future"),
    "a copy of the target, declared known": (
        lambda t: t.assign(hint=3 * t["load"] + 1),
        {"known": ["hint"], "past": ["heat"]},
        "known",
    ),
    "known parts that sum to the target": (
        lambda t: t.assign(base=t["load"] - 3 * t["users"], extra=3 * t["users"]),
        {"known": ["base", "extra"]},
        "known",
    ),
    "a lagged copy, declared known and read ahead": (
        lambda t: t.assign(hint=t["load"].shift(2).bfill()),
        {"known": ["hint"], "horizon": 6},
        "known",
    ),
    "a stretch of train rows in test": (copied_rows, {}, "copies"),
    "train rows scattered over test": (scattered_rows, {}, "copies"),
    "a stretch of a coarse target in test": (copied_target, {}, "copies"),
    "a series that is another one, later": (site_later, {"series": "site"}, "copies"),
    "a table standardised before the split": (standardised, {}, "scaled before"),
    "a table brought to 0 to 1 before the split": (ranged, {}, "scaled before"),
    "groups over two parts": (lambda t: t.assign(run=np.arange(len(t)) // 200), {"group": "run"}, "groups"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_is_found_and_no_other(name):
    plant, words, check = PLANTED[name]
    made = audit(plant(table()), **{"target": "load", **words})
    assert checks(made, "leak") == {check}, str(made)
    assert not made.clean
    assert all(found.advice for found in made.leaks)


@pytest.mark.parametrize("seed", range(5))
def test_a_clean_table_raises_nothing(seed):
    made = audit(table(seed=seed), "load", horizon=3)
    assert checks(made, "leak") | checks(made, "warning") == set(), str(made)
    declared = audit(table(seed=seed), "load", known=["plan"], past=["heat"], calendar=True, horizon=6)
    assert checks(declared, "leak") | checks(declared, "warning") == set(), str(declared)


def test_a_clean_panel_raises_nothing():
    made = audit(panel(), "load", series="site", horizon=3)
    assert checks(made, "leak") | checks(made, "warning") == set(), str(made)


def test_a_target_shifted_within_every_series_of_a_panel_is_found():
    frame = panel()
    frame["hint"] = frame.groupby("site")["load"].shift(-1).ffill()
    assert checks(audit(frame, "load", series="site"), "leak") == {"future"}


def test_every_telling_column_is_named_with_its_step():
    (first, second) = audit(two_hints(table()), "load").leaks
    told = {("'one'" in found.text, "'three'" in found.text) for found in (first, second)}
    assert told == {(True, False), (False, True)}
    assert "3 rows later" in first.text + second.text
    together = audit(halves(table()), "load").leaks[0]
    assert "'day'" in together.text
    assert "'night'" in together.text
    assert "'users'" not in together.text


def test_a_known_plan_that_moves_the_target_strongly_is_no_leak():
    frame = table().assign(load=lambda t: t["load"] + 30 * t["plan"])
    made = audit(frame, "load", known=["plan"], horizon=3)
    assert checks(made, "leak") == set(), str(made)


def test_two_columns_that_only_rise_together_tell_nothing():
    t = np.arange(ROWS)
    rng = np.random.default_rng(3)
    frame = table().assign(load=t + rng.normal(size=ROWS), users=2.0 * t + rng.normal(size=ROWS))
    assert np.corrcoef(frame["load"][:-1], frame["users"][1:])[0, 1] > 0.9999
    assert audit(frame, "load").clean


def test_the_target_in_other_words_is_a_warning_as_long_as_its_past_alone_is_read():
    frame = table().assign(kelvin=table()["load"] + 273.15)
    made = audit(frame, "load")
    assert made.clean
    assert checks(made, "warning") == {"same row"}
    parts = table().assign(base=table()["load"] - table()["users"])
    assert "'base', 'users'" in audit(parts, "load").warnings[0].text.replace("'users', 'base'", "'base', 'users'")


def test_a_target_that_its_own_past_tells_exactly_leaves_nothing_to_tell():
    angle = np.arange(ROWS) / 17
    frame = table().assign(load=np.sin(angle), heat=np.cos(angle))[["when", "load", "heat"]]
    made = audit(frame, "load", horizon=3)
    assert checks(made, "leak") | checks(made, "warning") == set(), str(made)


def test_outliers_that_two_columns_share_make_no_copy():
    frame = table()
    frame.loc[::200, ["load", "heat"]] = -500.0
    assert "same row" not in checks(audit(frame, "load", missing=()), "warning")


def test_a_table_of_few_rows_says_that_it_cannot_tell():
    assert not audit(shifted(1)(table(120)), "load").clean
    made = audit(shifted(1)(table(50)), "load")
    assert made.clean
    assert any("Too few rows" in found.text for found in made.findings)


def test_a_wave_that_repeats_itself_is_no_copy():
    t = np.arange(ROWS)
    frame = pd.DataFrame({"when": pd.date_range("2024", periods=ROWS, freq="h"), "load": np.sin(t % 24 / 24 * 6.2832)})
    assert audit(frame, "load").clean


def test_a_stuck_sensor_at_the_border_is_no_copy():
    frame = table()
    frame.loc[600:700, ["load", "heat", "users", "plan"]] = [100.0, 15.0, 1000.0, 0.0]
    assert audit(frame, "load").clean


def test_a_table_scaled_by_its_train_rows_is_clean():
    numbers = table()[["load", "heat", "users"]]
    train = numbers[:630]
    assert audit(table().assign(**(numbers - train.mean()) / train.std(ddof=0)), "load").clean
    assert audit(table().assign(**(numbers - train.min()) / (train.max() - train.min())), "load").clean


def test_one_column_from_0_to_1_is_a_warning_for_shares_have_that_range():
    made = audit(ranged(table())[["when", "load"]], "load")
    assert made.clean
    assert checks(made, "warning") == {"scaled before"}


# --- what spoils a table ------------------------------------------------------------------------------------------


def rare_codes(t: pd.DataFrame) -> pd.DataFrame:
    t.loc[[700, 750, 800], "heat"] = -9999.0
    return t


def twice(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([t.iloc[:500], t.iloc[499:]], ignore_index=True)


def twins() -> pd.DataFrame:
    frame = panel()
    return pd.concat([frame, frame[frame["site"] == "north"].assign(site="north again")], ignore_index=True)


SPOILT = {
    "codes in late rows": (lambda: rare_codes(table()), {}, "codes", "-9999 stands in 'heat' in 3 rows"),
    "a stamp twice": (lambda: twice(table()), {}, "stamps", "1 stamp twice, the first 2024-01-21 19:00:00"),
    "newest row first": (lambda: table()[::-1], {}, "stamps", "newest row first"),
    "rows out of order": (lambda: table().sample(frac=1, random_state=0), {}, "stamps", "out of order"),
    "gaps": (lambda: table().drop(index=range(300, 390)), {}, "gaps", "90 rows from 2024-01-13 12:00:00"),
    "a constant": (lambda: table().assign(plan=(np.arange(ROWS) > 700) * 1.0), {}, "constants", "630 rows (train)"),
    "a series twice": (twins, {"series": "site"}, "copies", "'north again' is 'north'"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_spoils_a_table_is_a_warning(name):
    made, words, check, told = SPOILT[name]
    found = audit(made(), "load", **words)
    assert found.clean, str(found)
    assert check in checks(found, "warning"), str(found)
    assert told in " ".join(one.text for one in found.warnings)


# --- checks that stand alone --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(build_series(read(table()), "load"))


def span(whole: Split, part: str, *rows: tuple[int, int]) -> Span:
    return Span(series=whole.train.series, part=part, start=rows[0][0], stop=rows[-1][1], pieces=rows)


def test_a_split_of_heedful_is_in_order(parts):
    assert [found.severity for found in check_spans(parts)] == ["fine"]


def test_spans_that_share_rows_are_a_leak(parts):
    wrong = replace(parts, validation=span(parts, "validation", (600, 720)))
    (found,) = check_spans(wrong)
    assert (found.check, found.severity) == ("spans", "leak")
    assert "30 rows" in found.text
    assert "row 600" in found.text


def test_a_split_at_random_is_a_leak(parts):
    pieces = [((a, a + 10), ((a + 10), a + 15)) for a in range(0, 900, 15)]
    wrong = replace(
        parts,
        train=span(parts, "train", *(a for a, _ in pieces)),
        test=span(parts, "test", *(b for _, b in pieces)),
        validation=span(parts, "validation", (900, 900)),
    )
    assert {found.check for found in check_spans(wrong)} == {"split order"}
    assert {found.check for found in check_table(parts.train.series, wrong)} == {"split order"}


def test_windows_cut_before_the_split_are_a_leak(parts):
    laid = windows(parts.train, 24, 6)
    assert check_windows(laid, windows(parts.test, 24, 6))[0].severity == "fine"
    longer = replace(laid, runs=((0, laid.runs[0][1] + 4),))
    found = check_windows(longer, windows(parts.validation, 24, 6))
    assert [one.severity for one in found] == ["leak", "leak"]
    assert "4 rows that train windows forecast lie outside the train part" in found[0].text
    assert "train windows and in validation windows" in found[1].text


def test_a_scaler_of_train_rows_is_fine_and_one_of_all_rows_is_a_leak(parts):
    scaler = Scaler.fit(parts.train)
    assert check_scaler(scaler, parts.train)[0].severity == "fine"
    assert check_scaler(Scaler.fit(parts.train, "minmax"), parts.train)[0].severity == "fine"
    everything = Scaler.fit(span(parts, "train", (0, 900)))
    (found,) = check_scaler(everything, parts.train)
    assert "saw rows 0 to 899" in found.text
    (hidden,) = check_scaler(replace(everything, rows=scaler.rows), parts.train)
    assert hidden.severity == "leak"
    assert "not those of the train rows" in hidden.text


def test_groups_within_parts_are_fine(parts):
    whole = np.repeat(np.arange(10), 90)
    assert check_groups(whole, parts)[0].severity == "fine"
    (torn,) = check_groups(np.roll(whole, 20), parts)
    assert torn.text == "3 of 10 groups in 'group' have rows in more than one part: 6, 7, 9."
    with pytest.raises(ShapeError, match="group for each of 900"):
        check_groups(whole[1:], parts)


def test_the_check_of_a_table_of_fifty_thousand_rows_takes_seconds():
    rng = np.random.default_rng(0)
    body = rng.normal(size=(50_000, 20)).cumsum(0)
    frame = pd.DataFrame(body, columns=[f"c{j}" for j in range(20)])
    frame.insert(0, "when", pd.date_range("2020-01-01", periods=50_000, freq="h"))
    series = build_series(read(frame), "c3")
    started = clock.process_time()
    assert all(found.severity == "fine" for found in check_table(series, split(series), window=48, horizon=24))
    assert clock.process_time() - started < 8


# --- real tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_a_real_table_is_clean(shared_data, name):
    made = audit(shared_data / "forecast" / f"{name}.csv", REAL[name], horizon=5)
    assert made.clean, str(made)
    known = {"us_gasoline": {"stamps"}, "stock_kospi_daily": {"same row"}, "stock_russell2000_daily": {"same row"}}
    assert checks(made, "warning") == known.get(name, set()), str(made)


@pytest.mark.parametrize(
    "name", ["ETTh1", "beijing_pm25", "stock_kospi_daily", "stock_kr_cnh_daily", "stock_russell2000_daily"]
)
def test_whatever_column_of_a_real_table_is_the_target_nothing_tells_it(shared_data, name):
    whole = read(shared_data / "forecast" / f"{name}.csv")
    columns = build_series(whole, REAL[name]).columns
    for target in (column for column in columns if "=" not in column):
        series = build_series(whole, target)
        leaks = [found for found in check_telling(series, split(series), horizon=24) if found.severity == "leak"]
        assert not leaks, str(leaks)


@pytest.mark.parametrize("name", ["co2", "sine"])
def test_a_sample_is_clean(name):
    made = audit(name, horizon=5)
    assert made.clean
    assert not made.warnings, str(made)
    assert sample(name).target in made.subject


# --- the verb -----------------------------------------------------------------------------------------------------


def test_an_audit_reads_leaks_first():
    made = audit(shifted(1)(table())[::-1], "load")
    lines = str(made).splitlines()
    assert lines[0] == "Audit of load of table"
    assert lines[1] == "Leaks:"
    assert lines[2].startswith("  future: 'hint' tells 'load' 1 row later: 100 % of what")
    assert [line for line in lines if line[0] != " "][1:] == ["Leaks:", "Warnings:", "Checked and fine:"]
    assert repr(made).startswith("Audit(load of table: 1 leak, 1 warning, ")


def test_a_group_column_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'plan'"):
        audit(table(), "load", group="plans")


def test_a_split_of_words_is_refused():
    with pytest.raises(OptionError, match="audit needs a split of three"):
        audit(table(), "load", split=(0.5, 0.5))
