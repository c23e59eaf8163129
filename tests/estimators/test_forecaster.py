from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score

import heedful
from heedful import Bundle, Forecaster
from heedful.errors import DataError, OptionError, UnknownName

SMALL = {"model": "cnn-lstm", "window": 6, "epochs": 1}


def wave(rows: int = 200, seed: int = 0) -> np.ndarray:
    return np.sin(np.arange(rows) / 4) + 0.1 * np.random.default_rng(seed).normal(size=rows)


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, pd.Series]:
    """Inputs temp and plan beside y, which plan moves at once."""
    rng = np.random.default_rng(1)
    stamps = pd.date_range("2024-01-01", periods=230, freq="D")
    X = pd.DataFrame({"temp": rng.normal(size=230), "plan": (rng.random(230) < 0.5) * 1.0}, index=stamps)
    return X, pd.Series(wave(230) + 2 * X["plan"], index=stamps, name="sales")


# --- conventions ----------------------------------------------------------------------------------


def test_parameters_are_stored_as_they_came_and_clones_are_unfitted():
    past, levels = ["a"], [0.7]
    model = Forecaster("cnn-lstm", past=past, levels=levels, horizon=3)
    assert model.past is past
    assert model.levels is levels
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(horizon=5).horizon == 5
    with pytest.raises(ValueError, match="Invalid parameter 'lags'"):
        model.set_params(lags=3)
    for call in (model.predict, model.predict_interval, lambda: model.score(None, wave(5))):
        with pytest.raises(NotFittedError):
            call()


def test_what_was_fitted_ends_in_an_underscore(table):
    X, y = table
    model = Forecaster(**SMALL, past=["temp"], known=["plan"])
    before = set(vars(model))
    assert model.fit(X, y) is model
    assert all(name.endswith("_") for name in set(vars(model)) - before)
    assert model.n_features_in_ == 2
    assert model.feature_names_in_.tolist() == ["temp", "plan"]
    assert isinstance(model.bundle_, Bundle)
    assert model.bundle_.targets == ("sales",)
    model.set_params(past=(), known=()).fit(None, y.to_numpy())
    assert model.n_features_in_ == 0
    assert not hasattr(model, "feature_names_in_")


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    one, two, other = (Forecaster(**SMALL, random_state=s).fit(None, wave()).predict() for s in (0, 0, 5))
    assert one == two
    assert one != other


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_a_generator_draws_the_first_seed(kind):
    one, two = (Forecaster(**SMALL, random_state=kind(3)).fit(None, wave()) for _ in range(2))
    assert one.bundle_.facts["seed"] == two.bundle_.facts["seed"] > 1
    assert one.predict() == two.predict()
    assert clone(one).get_params()["random_state"] is not one.random_state
    again = one.bundle_.facts["seed"]
    assert one.fit(None, wave()).bundle_.facts["seed"] != again


def test_numbers_of_numpy_are_seeds_and_other_words_are_refused():
    assert Forecaster(**SMALL, random_state=np.int64(5)).fit(None, wave()).bundle_.facts["seed"] == 5
    for wrong in ("five", 1.5, True, -1):
        with pytest.raises(OptionError, match="random_state to be a whole number of at least 0.*generator.*or None"):
            Forecaster(**SMALL, random_state=wrong).fit(None, wave())


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [{}, {"known": ["plan"]}, {"known": [1]}])
def test_a_column_that_was_not_declared_is_refused_as_a_leak(table, declared):
    X, y = table
    with pytest.raises(DataError, match=r"'temp' of X stands beside y.*past=\['temp'\].*known=\['temp'\]"):
        Forecaster(**SMALL, **declared).fit(X, y)


@pytest.mark.parametrize("name", ["year", "month", "hour"])
def test_a_column_of_x_is_never_taken_as_the_time(name, tmp_path):
    X = pd.DataFrame({name: 2000 + np.arange(200) // 12, "temp": wave(seed=1)})
    model = Forecaster(**SMALL, known=[name], past=["temp"]).fit(X, wave())
    assert set(model.bundle_.scaler.columns) == {name, "temp", "y"}
    assert model.bundle_.step.kind == "rows"
    assert model.predict(X.iloc[[-1]]).shape == (1,)
    assert np.isfinite(model.score(X[:20], wave(20)))
    model.bundle_.save(tmp_path / "bundle")
    assert Bundle.load(tmp_path / "bundle").reading.time is None


def test_positions_name_the_columns_of_an_array(table):
    X, y = table
    named = Forecaster(**SMALL, past=["temp"], known=["plan"]).fit(X.reset_index(drop=True), y.to_numpy())
    placed = Forecaster(**SMALL, past=[0], known=1).fit(X.to_numpy(), y.to_numpy())
    ahead = [[0.0, 1.0]]
    assert placed.predict(ahead) == named.predict(pd.DataFrame(ahead, columns=["temp", "plan"]))
    with pytest.raises(UnknownName, match="declared past, '2'"):
        Forecaster(**SMALL, past=[0, 2], known=[1]).fit(X.to_numpy(), y)
    with pytest.raises(UnknownName, match="Did you mean 'temp'"):
        Forecaster(**SMALL, past=["tmp"], known=["plan"]).fit(X, y)


def test_only_known_columns_of_the_future_are_read(table):
    X, y = table
    model = Forecaster(model="cnn-lstm", window=6, epochs=30, past=["temp"], known=["plan"]).fit(X[:200], y[:200])
    later = X.iloc[[200]]
    told = model.predict(later)
    assert model.predict(later.assign(temp=99.0)) == told
    assert model.predict(later.assign(plan=1 - later["plan"])) != told
    with pytest.raises(DataError, match="needs X.*'?plan'? was declared known"):
        model.predict()
    with pytest.raises(DataError, match="fitted on the columns temp, plan, got temp"):
        model.predict(later[["temp"]])
    with pytest.raises(DataError, match="rows after those it was fitted on"):
        model.predict(X.iloc[[150]])


@pytest.mark.parametrize(
    ("X", "y", "advice"),
    [
        (np.zeros(20), np.zeros(20), "X to have two axes"),
        (None, np.zeros((20, 1, 1)), "y to have one or two axes"),
        (np.zeros((19, 1)), np.zeros(20), "as many rows, got 19 and 20"),
        (pd.DataFrame({"y": np.zeros(20)}), np.zeros(20), "'y' is in X and in y"),
    ],
)
def test_arrays_of_other_shapes_are_refused(X, y, advice):
    with pytest.raises(DataError, match=advice):
        Forecaster(**SMALL, past=[0] if X is not None else ()).fit(X, y)


def test_stamps_that_differ_are_refused(table):
    X, y = table
    with pytest.raises(DataError, match="same stamps"):
        Forecaster(**SMALL, past=["temp"], known=["plan"]).fit(X, y.set_axis(y.index + pd.Timedelta(days=1)))


# --- forecasts ------------------------------------------------------------------------------------


def test_predict_continues_the_training_rows_as_the_bundle_does():
    model = Forecaster(**SMALL, horizon=4).fit(None, wave())
    told = heedful.predict(model.bundle_, pd.DataFrame({"y": wave()}), levels=(0.9,))
    assert np.array_equal(model.predict(), told["predicted"])
    assert np.array_equal(model.predict_interval(level=0.9), told[["lower_90", "upper_90"]])
    assert model.predict(np.empty((3, 0))).shape == (3,)


def test_beyond_the_horizon_forecasts_stand_for_the_past(table):
    X, y = table
    model = Forecaster(**SMALL, horizon=4).fit(None, y[:200])
    first = model.predict()
    again = pd.concat([y[:200], pd.Series(first, index=y.index[200:204], name="sales")])
    second = heedful.predict(model.bundle_, again, levels=())["predicted"]
    assert np.allclose(model.predict(np.empty((10, 0)))[:8], [*first, *second])
    with pytest.raises(DataError, match="at most the horizon of 4 rows"):
        model.predict_interval(np.empty((5, 0)))
    past = Forecaster(**SMALL, horizon=2, past=["temp"], known=["plan"]).fit(X[:200], y[:200])
    assert past.predict(X[200:202]).shape == (2,)
    with pytest.raises(DataError, match="past of temp is not known.*at most 2"):
        past.predict(X[200:203])


def test_calendar_columns_need_no_future_rows(table):
    _, y = table
    model = Forecaster(**SMALL, calendar=True, horizon=3).fit(None, y)
    assert model.bundle_.shape.known
    assert model.predict().shape == (3,)
    with pytest.raises(DataError, match="stamps"):
        Forecaster(**SMALL, calendar=True).fit(None, y.to_numpy())


def test_several_targets_have_an_axis_of_their_own(table):
    _, y = table
    both = pd.DataFrame({"a": y, "b": 100 - y})
    model = Forecaster("heedful", window=12, epochs=2, horizon=3).fit(None, both[:200])
    assert model.predict().shape == (3, 2)
    assert model.predict_interval(level=0.8).shape == (3, 2, 2)
    assert (model.predict()[:, 1] > 50).all()
    assert np.isfinite(model.score(None, both[200:]))


def test_a_level_that_was_not_calibrated_is_refused():
    model = Forecaster(**SMALL, levels=(0.85,)).fit(None, wave())
    assert model.predict_interval(level=0.85).shape == (1, 2)
    with pytest.raises(OptionError, match="got 0.99"):
        model.predict_interval(level=0.99)


# --- score ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stamped", [True, False])
def test_score_forecasts_every_row_once_from_the_rows_before_its_block(table, stamped):
    X, y = table
    if not stamped:
        X, y = X.reset_index(drop=True), y.reset_index(drop=True)
    model = Forecaster(**SMALL, horizon=4, past=["temp"]).fit(X[["temp"]][:200], y[:200])
    parts = []
    for start in range(200, 230, 4):
        whole = pd.concat([y, X["temp"]], axis=1)[:start]
        parts.append(heedful.predict(model.bundle_, whole, levels=())["predicted"])
    expected = r2_score(y[200:], np.concatenate(parts)[:30])
    assert model.score(X[["temp"]][200:], y[200:]) == pytest.approx(expected, abs=1e-5)  # float32
    blanked = y[200:].copy()
    blanked.iloc[-3:] = np.nan
    seen = r2_score(y[200:227], np.concatenate(parts)[:27])
    assert model.score(X[["temp"]][200:], blanked) == pytest.approx(seen, abs=1e-5)


def test_searches_and_cross_validation_work_in_parallel():
    y, X = wave(240), np.empty((240, 0))
    folds = TimeSeriesSplit(n_splits=2, test_size=40)
    search = GridSearchCV(Forecaster("cnn-lstm", epochs=1), {"window": [4, 8]}, cv=folds, n_jobs=2, error_score="raise")
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    scores = cross_val_score(Forecaster(**SMALL), X, y, cv=folds)
    model = Forecaster(**SMALL).fit(None, y[:200])
    assert scores[1] == pytest.approx(model.score(None, y[200:]))


def test_a_pickled_estimator_forecasts_the_same():
    model = Forecaster(**SMALL, horizon=2).fit(None, wave())
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    assert np.array_equal(joblib.load(file).predict(), model.predict())


def test_threads_change_no_number():
    series = [wave(200, seed) for seed in range(4)]
    options = {"model": "attention-lstm", "window": 8, "epochs": 2}
    alone = [Forecaster(**options).fit(None, y).predict() for y in series]
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda y: Forecaster(**options).fit(None, y), series))
        together = list(pool.map(lambda i: models[i % 4].predict(), range(16)))
    assert [float(one[0]) for one in together] == [float(one[0]) for one in alone] * 4
