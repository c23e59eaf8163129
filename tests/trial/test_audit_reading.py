from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from heedful.data import Table, build_series, read, split, windows
from heedful.trial.audit import Finding, check_reading


def frame(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    heat = rng.normal(size=rows).cumsum()
    heat[[30, 60, 90, 150, 170, 190]] = np.nan
    heat[[50, 120, 160]] = -999.0
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "load": rng.normal(size=rows).cumsum(),
            "heat": heat,
            "plan": (rng.random(rows) < 0.3).astype(float),
            "wind": rng.choice(["north", "south"], size=rows),
        }
    ).drop(index=[70, 175])


def checked(table: Table, words: dict, smoothed: bool = False, horizon: int = 1) -> Finding:
    series = build_series(table, "load" if "load" in table.frame else "sales", decide_on=0.7, **words)
    if smoothed:
        centred = pd.DataFrame(series.values).rolling(3, center=True, min_periods=1).mean().to_numpy()
        series = replace(series, values=centred)
    laid = windows(split(series, (0.7, 0.1, 0.2)).test, 5, horizon)
    return check_reading(table, laid, column=words.get("series"), time=words.get("time"), date_format=None)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (frame(), {}),
        (frame(), {"past": ["heat", "wind"], "known": ["plan"], "calendar": True, "mask": True}),
        (frame().drop(columns="when"), {}),
        (frame().iloc[::-1], {}),
        (frame().assign(load=lambda t: t["load"].where(t["when"] < "2024-01-09")), {}),
        (frame().assign(load=lambda t: t["load"].where(t["when"] < "2024-01-09")), {"known": ["plan", "heat"]}),
    ],
    ids=["plain", "roles and masks", "no stamps", "newest first", "target ends early", "rows to be forecast"],
)
def test_a_reading_that_looks_back_only_passes(table, words):
    made = checked(read(table), words)
    assert made.severity == "fine"
    assert made.text == "At 6 origins of the test part no later row changed a bit of what is read of the rows before."


def test_a_panel_is_read_without_looking_ahead(shops):
    assert "no later row changed a bit" in checked(read(shops), {"series": "shop"}).text


def test_a_reading_that_could_not_be_checked_is_a_warning():
    series = build_series(read(frame()), "load", decide_on=0.7)
    laid = windows(split(series, (0.7, 0.1, 0.2)).test, 5, 1)
    made = check_reading(read(frame()), laid, column=None, time="nowhere", date_format=None)
    assert (made.check, made.severity) == ("reading", "warning")
    assert "so its reading was not checked: Unknown column 'nowhere'" in made.text
    assert made.advice.startswith("Whether the reading looks ahead is not known.")


def test_values_smoothed_over_later_rows_are_found():
    made = checked(read(frame()), {}, smoothed=True)
    assert (made.check, made.severity) == ("reading", "leak")
    assert made.text.startswith("At 6 of 6 origins rows after the origin changed what is read of the rows before")
