from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heedful.errors import DataError, OptionError
from heedful.trial.audit import audit

HORIZON = 3


def table(rows: int = 400) -> pd.DataFrame:
    rng, t = np.random.default_rng(0), np.arange(rows)
    plan = (rng.random(rows) < 0.3).astype(float)
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "load": 50 + 0.02 * t + 6 * np.sin(t / 24 * 2 * np.pi) + 5 * plan + rng.normal(size=rows),
            "heat": 20 + rng.normal(size=rows).cumsum(),
            "plan": plan,
            "day": np.where(t % 168 < 120, "work", "rest"),
        }
    )


# --- honest ones --------------------------------------------------------------------------------------------------


def persistence(frame: pd.DataFrame):
    def predict(given: pd.DataFrame) -> np.ndarray:
        return np.repeat(given["load"].iloc[-HORIZON - 1], HORIZON)

    return predict


def scaled_by_train(frame: pd.DataFrame):
    mean, deviation = frame["load"].mean(), frame["load"].std()

    def predict(given: pd.DataFrame) -> np.ndarray:
        z = (given["load"].iloc[:-HORIZON] - mean) / deviation
        return np.repeat(0.9 * z.iloc[-1] * deviation + mean, HORIZON)

    return predict


def one_for_every_row(frame: pd.DataFrame):
    return lambda given: given["load"].shift(HORIZON).to_frame()


def split_inside(frame: pd.DataFrame):
    train = frame.iloc[: int(0.7 * len(frame))]
    return scaled_by_train(train)


def with_plan(frame: pd.DataFrame):
    effect = frame.groupby("plan")["load"].mean()

    def predict(given: pd.DataFrame) -> np.ndarray:
        return effect.loc[given["plan"].iloc[-HORIZON:].clip(0, 1)].to_numpy()

    return predict


HONEST = {
    "persistence": (persistence, {}),
    "scaled by what fit was given": (scaled_by_train, {}),
    "a forecast for every row": (one_for_every_row, {}),
    "its own split": (split_inside, {"reads": "table"}),
    "a column known in advance": (with_plan, {"known": ["plan"]}),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_predictor_is_clean(name):
    fit, words = HONEST[name]
    made = audit(table(), "load", horizon=HORIZON, predictor=fit, **words)
    assert made.clean, str(made)
    assert "At 6 origins no later row changed a bit of a forecast." in str(made)


# --- planted leaks ------------------------------------------------------------------------------------------------


def scales_the_frame(frame: pd.DataFrame):
    def predict(given: pd.DataFrame) -> np.ndarray:
        mean = given["load"].mean()
        return np.repeat(0.9 * (given["load"].iloc[-HORIZON - 1] - mean) + mean, HORIZON)

    return predict


def fills_backwards(frame: pd.DataFrame):
    return lambda given: given["load"].where(np.arange(len(given)) % 5 > 0).bfill().shift(1).bfill()


def reads_the_same_row(frame: pd.DataFrame):
    return lambda given: 50 + given["heat"].iloc[-HORIZON:].to_numpy()


def reads_a_text_of_the_same_row(frame: pd.DataFrame):
    return lambda given: 50 + 5 * (given["day"].iloc[-HORIZON:] == "work").to_numpy()


def undeclared_plan(frame: pd.DataFrame):
    return with_plan(frame)


def scales_by_all_rows(frame: pd.DataFrame):
    mean, deviation = frame["load"].mean(), frame["load"].std()
    scaled = (frame["load"] - mean) / deviation
    slope = scaled.iloc[: int(0.7 * len(frame))].autocorr()

    def predict(given: pd.DataFrame) -> np.ndarray:
        return np.repeat(slope * (given["load"].iloc[-HORIZON - 1] - mean) / deviation, HORIZON) * deviation + mean

    return predict


def ranges_by_all_rows(frame: pd.DataFrame):
    low, high = frame["load"].min(), frame["load"].max()
    return lambda given: np.repeat(np.clip(given["load"].iloc[-HORIZON - 1], low, high) + 0.01 * high, HORIZON)


def chooses_columns_on_all_rows(frame: pd.DataFrame):
    best = frame[["heat", "plan"]].corrwith(frame["load"]).abs().iloc[0]
    return lambda given: np.repeat(best * given["load"].iloc[-HORIZON - 1], HORIZON)


def knows_the_table(frame: pd.DataFrame):
    whole = table().set_index("when")["load"]
    return lambda given: whole.loc[given["when"].iloc[-HORIZON:]].to_numpy()


PLANTED = {
    "scaling over the frame it forecasts": (scales_the_frame, {}, "predictor future"),
    "gaps filled from behind": (fills_backwards, {}, "predictor future"),
    "a covariate of the same row": (reads_the_same_row, {}, "predictor future"),
    "a text of the same row": (reads_a_text_of_the_same_row, {}, "predictor future"),
    "a plan that was not declared known": (undeclared_plan, {}, "predictor future"),
    "a scaler fitted on all rows": (scales_by_all_rows, {"reads": "table"}, "predictor fit"),
    "the range of all rows": (ranges_by_all_rows, {"reads": "table"}, "predictor fit"),
    "columns chosen on all rows": (chooses_columns_on_all_rows, {"reads": "table"}, "predictor fit"),
    "the answers from elsewhere": (knows_the_table, {}, "predictor truth"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_of_a_predictor_is_found(name):
    fit, words, check = PLANTED[name]
    made = audit(table(), "load", horizon=HORIZON, predictor=fit, **words)
    assert {found.check for found in made.leaks} == {check}, str(made)


def test_reading_validation_rows_is_a_warning():
    made = audit(
        table(),
        "load",
        horizon=HORIZON,
        reads="table",
        predictor=lambda f: scaled_by_train(f.iloc[: int(0.8 * len(f))]),
    )
    assert made.clean
    assert [found.check for found in made.warnings] == ["predictor fit"]
    assert "fit reads validation rows" in made.warnings[0].text


def test_the_frame_that_fit_gets_ends_where_train_ends():
    seen = []

    def fit(frame: pd.DataFrame):
        seen.append((len(frame), frame["when"].is_monotonic_increasing))
        return persistence(frame)

    audit(table()[::-1], "load", horizon=HORIZON, predictor=fit)
    assert seen == [(280, True)]


def test_a_predictor_may_change_the_frames_it_is_given():
    def fit(frame: pd.DataFrame):
        frame.loc[:, "load"] = 0.0

        def predict(given: pd.DataFrame) -> np.ndarray:
            last = given["load"].iloc[-HORIZON - 1]
            given.loc[:, "load"] = 0.0
            return np.repeat(last, HORIZON)

        return predict

    for reads in ("train", "table"):
        made = audit(table(), "load", horizon=HORIZON, predictor=fit, reads=reads)
        assert made.clean, str(made)
        assert not made.warnings, str(made)


def test_a_predictor_that_is_never_twice_the_same_is_a_warning():
    rng = np.random.default_rng(0)
    made = audit(table(), "load", horizon=HORIZON, predictor=lambda _: lambda given: rng.normal(size=HORIZON))
    assert [found.check for found in made.warnings] == ["predictor"]
    assert "second time" in made.warnings[0].text

    def fit(frame: pd.DataFrame):
        drawn = rng.normal()
        return lambda given: np.repeat(drawn, HORIZON)

    refit = audit(table(), "load", horizon=HORIZON, reads="table", predictor=fit)
    assert "Fitted again" in refit.warnings[0].text


def test_wrong_predictors_are_told_what_they_should_return():
    with pytest.raises(DataError, match="returns predict, got NoneType"):
        audit(table(), "load", predictor=lambda _: None)
    with pytest.raises(DataError, match="3 rows of forecasts"):
        audit(table(), "load", horizon=3, predictor=lambda _: lambda given: [1.0])
    with pytest.raises(OptionError, match="'train' or 'table'"):
        audit(table(), "load", predictor=persistence, reads="all")
    two = pd.concat([table().assign(site="a"), table().assign(site="b", load=table()["load"] * 2)])
    with pytest.raises(OptionError, match="audited on one series"):
        audit(two, "load", series="site", predictor=persistence)


def test_rows_without_stamps_are_found_by_their_values():
    frame = table().drop(columns="when")
    frame.loc[:4, "heat"] = np.nan
    assert audit(frame, "load", horizon=HORIZON, predictor=persistence).clean
    made = audit(frame, "load", horizon=HORIZON, predictor=scales_the_frame)
    assert {found.check for found in made.leaks} == {"predictor future"}
