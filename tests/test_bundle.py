from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import heedful
from heedful.bundle import FORMAT, Bundle, Reading
from heedful.data import Step
from heedful.errors import DataError, OptionError, UnknownName
from heedful.models.plan import Gaussian, Plan, Recurrence
from heedful.sealed import digest
from heedful.train import Recipe


def table(rows: int = 300) -> pd.DataFrame:
    t = np.arange(rows)
    noise = np.random.default_rng(0).normal(size=(rows, 2))
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "load": 50 + 10 * np.sin(t / 24 * 2 * np.pi) + noise[:, 0],
            "heat": 5 + noise[:, 1],
        }
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Bundle:
    out = tmp_path_factory.mktemp("made") / "out"
    return heedful.fit(table(), "load", "cnn-lstm", window=6, horizon=3, recipe=Recipe(epochs=2), out=out)


def point(bundle, frame) -> pd.DataFrame:
    return heedful.predict(bundle, frame, levels=())


# --- the files ------------------------------------------------------------------------------------


def test_a_loaded_bundle_says_what_the_trained_one_said(made):
    before, after = heedful.predict(made, table()), heedful.predict(made.folder, table())
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_a_bundle_survives_saving_and_loading_whole(made, tmp_path):
    first = Bundle.load(made.folder)
    second = Bundle.load(first.save(tmp_path / "copy"))
    for name in ("model", "plan", "shape", "step", "reading", "levels", "scores", "notes"):
        assert getattr(first, name) == getattr(second, name) == getattr(made, name), name
    assert first.scaler.columns == second.scaler.columns == ("load", "heat")
    assert all(torch.equal(first.state[k], second.state[k]) for k in made.state)
    assert np.array_equal(first.intervals.margins, made.intervals.margins)
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == ["bundle.json", "model.safetensors"]


def test_the_network_of_a_bundle_does_not_move_the_caller_s_random_numbers(made):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    made.network()
    assert torch.equal(torch.rand(2), expected)


def test_a_published_model_needs_no_plan(tmp_path):
    bundle = heedful.fit(table(), "load", "attention_lstm", window=6, recipe=Recipe(epochs=1), out=tmp_path / "out")
    assert bundle.plan is None
    assert len(heedful.predict(bundle.folder, table())) == 1


def test_a_model_of_the_caller_s_own_code_cannot_be_saved(made, tmp_path):
    with pytest.raises(OptionError, match="'mine', whose code no file can hold.*state_dict"):
        replace(made, model="mine", plan=None).save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_scores_that_are_no_number_survive(made, tmp_path):
    copy = replace(made, scores=(("cnn-lstm", "load", "mase", float("nan")),)).save(tmp_path / "copy")
    assert np.isnan(Bundle.load(copy).scores[0][3])
    json.loads((copy / "bundle.json").read_text(), parse_constant=pytest.fail)


def test_the_summary_has_one_row_for_each_target_and_model(made):
    told = made.summary
    assert told.index.names == ["target", "model"]
    assert set(told.loc["load"].index) == {model for model, *_ in made.scores}
    assert told["rmse"].is_monotonic_increasing
    for model, target, metric, value in made.scores:
        assert told.loc[(target, model), metric] == value
    assert replace(made, scores=()).summary.empty


@pytest.mark.parametrize("asked", ["", "models", "models/a", "models/a/3", "models/b/0"])
def test_a_folder_without_a_bundle_is_answered_with_those_near_it(made, tmp_path, asked):
    made.save(tmp_path / "run" / "models" / "a" / "1")
    with pytest.raises(DataError, match=r"is none\. Give one of these: .*run/models/a/1\.$"):
        Bundle.load(tmp_path / "run" / asked)


def test_many_bundles_near_a_wrong_folder_are_counted(made, tmp_path):
    for seed in range(11):
        made.save(tmp_path / str(seed))
    with pytest.raises(DataError, match=r"and 3 more\.$"):
        Bundle.load(tmp_path)


def test_predict_needs_a_table(made):
    with pytest.raises(OptionError, match="needs the table to continue, got None"):
        heedful.predict(made, None)


@pytest.mark.parametrize("name", ["model.safetensors", "bundle.json"])
@pytest.mark.parametrize("fault", ["truncated", "edited", "empty", "missing"])
def test_a_damaged_bundle_is_refused_with_advice(made, tmp_path, name, fault):
    copy = made.save(tmp_path / "copy")
    path = copy / name
    content = path.read_bytes()
    if fault == "missing":
        path.unlink()
    else:
        spoilt = {"truncated": content[:-20], "empty": b"", "edited": content.replace(b"load", b"laod", 1)}[fault]
        if name == "model.safetensors" and fault == "edited":
            spoilt = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes(spoilt)
    with pytest.raises(DataError, match="fresh copy|Give the folder"):
        heedful.predict(copy, table())


@pytest.mark.parametrize(
    ("number", "words"), [(FORMAT + 97, "later Heedful .format 99"), (1, "earlier.*Train it again")]
)
def test_a_bundle_of_another_format_says_so(made, tmp_path, number, words):
    copy = made.save(tmp_path / "copy")
    facts = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(facts | {"format": number}))
    with pytest.raises(DataError, match=words):
        Bundle.load(copy)


def test_what_is_not_in_the_format_is_not_let_in(made, tmp_path):
    copy = made.save(tmp_path / "copy")
    facts = json.loads((copy / "bundle.json").read_text()) | {"run": "rm"}
    del facts["sha256"]
    (copy / "bundle.json").write_text(json.dumps(facts | {"sha256": digest(facts)}))
    with pytest.raises(DataError, match="not a readable bundle"):
        Bundle.load(copy)


def test_a_bundle_that_cannot_be_written_says_where_and_leaves_nothing(made, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="file.*cannot be written"):
        made.save(tmp_path / "file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_bundle_can_be_sent_to_another_process(made):
    assert made.ready is made.ready
    again = pickle.loads(pickle.dumps(made))
    pd.testing.assert_frame_equal(point(again, table()), point(made, table()))


def test_a_distribution_head_travels_by_its_plan(tmp_path):
    plan = Plan(recurrence=Recurrence(kind="gru", width=4), head=Gaussian())
    made = heedful.fit(table(), "load", plan=plan, window=6, recipe=Recipe(epochs=1), out=tmp_path / "out")
    told = heedful.predict(made.folder, table(), levels=(0.8,))
    assert (told["lower_80"] < told["predicted"]).all()
    assert (told["predicted"] < told["upper_80"]).all()


# --- what the table must be -----------------------------------------------------------------------


def test_the_future_has_real_stamps_beyond_the_last_row(made):
    told = heedful.predict(made, table())
    assert told["time"].tolist() == list(pd.date_range("2024-01-13 12:00", periods=3, freq="h"))
    assert told["step"].tolist() == [1, 2, 3]
    assert list(told) == ["time", "step", "predicted", "lower_80", "upper_80", "lower_95", "upper_95"]
    assert list(heedful.predict(made, table(), levels=(0.5, 0.9)))[3:] == [
        "lower_50",
        "upper_50",
        "lower_90",
        "upper_90",
    ]


def test_a_level_that_was_not_calibrated_is_refused(made):
    with pytest.raises(OptionError, match=r"levels .*0.9, 0.95, got 0.99"):
        heedful.predict(made, table(), levels=(0.99,))
    with pytest.raises(OptionError, match="points only.*heedful fit"):
        heedful.predict(replace(made, intervals=None, levels=()), table(), levels=(0.8,))


def test_too_few_rows_and_missing_columns_are_named(made):
    with pytest.raises(DataError, match="needs the last 6 rows of 'load', got 4"):
        heedful.predict(made, table().iloc[:4])
    with pytest.raises(UnknownName, match="heat"):
        heedful.predict(made, table()[["when", "load"]])


def test_a_column_that_stands_still_is_no_obstacle_to_prediction(made):
    frame = table().iloc[-8:].assign(heat=5.0, load=50.0)
    assert np.isfinite(heedful.predict(made, frame)["predicted"]).all()


@pytest.mark.parametrize(("frequency", "words"), [("D", "step D"), ("15min", "step 15min"), ("MS", "step MS")])
def test_rows_of_another_step_are_refused(made, frequency, words):
    frame = table().iloc[:40].assign(when=pd.date_range("2024-01-01", periods=40, freq=frequency))
    with pytest.raises(DataError, match=f"needed with step h.*has {words}.*as far apart"):
        heedful.predict(made, frame)


def test_a_table_without_time_is_refused_by_a_dated_bundle_but_not_the_reverse(made):
    with pytest.raises(DataError, match="needs a table with a time column.*step h.*--time"):
        heedful.predict(made, table().drop(columns="when"))
    undated = replace(made, step=Step(kind="rows", frequency=""))
    assert heedful.predict(undated, table())["time"][0] == pd.Timestamp("2024-01-13 12:00")
    assert heedful.predict(undated, table().drop(columns="when"))["time"][0] == 300


def test_a_short_table_with_gaps_is_placed_by_the_step_of_the_bundle(made):
    every = table().iloc[-8:].copy()
    every.loc[every.index[[1, 3, 5]], ["load", "heat"]] = np.nan
    told = heedful.predict(made, every.dropna().iloc[1:])
    assert told["time"].tolist() == list(pd.date_range("2024-01-13 12:00", periods=3, freq="h"))
    assert np.allclose(told["predicted"], heedful.predict(made, every)["predicted"])
    assert any("2 rows missing in the time grid (step h)" in note for note in told.attrs["notes"])


def test_codes_of_the_training_table_are_missing_in_prediction_even_once(made, tmp_path):
    bundle = replace(made, reading=replace(made.reading, codes={"load": (-999.0,), "heat": (-1.0, 1e20)}))
    bundle = Bundle.load(bundle.save(tmp_path / "coded"))
    assert bundle.reading.codes == {"load": (-999.0,), "heat": (-1.0, 1e20)}
    frame, gone = table(), table()
    frame.loc[299, "load"], gone.loc[299, "load"] = -999, np.nan
    told = heedful.predict(bundle, frame)
    assert told["predicted"].tolist() == heedful.predict(bundle, gone)["predicted"].tolist()
    assert any("-999 in 'load' was taken as missing (1 row)" in note for note in told.attrs["notes"])
    assert told["time"].iloc[0] == frame["when"].iloc[299]
    assert "the table's 1 row after it has none." in told.attrs["notes"][-1]


def test_a_bundle_without_codes_takes_every_value_as_it_is(made):
    assert made.reading == Reading()
    frame = table().iloc[-20:].reset_index(drop=True)
    frame.loc[[10, 11, 12], "heat"] = -9999
    assert not any("-9999" in note for note in heedful.predict(made, frame).attrs["notes"])


def test_notes_say_what_was_done_and_how_old_the_newest_value_is(made):
    assert heedful.predict(made, table()).attrs["notes"] == ()
    frame = table()
    frame.loc[297:, "load"] = np.nan
    notes = heedful.predict(made, frame.iloc[::-1]).attrs["notes"]
    assert any("newest row first" in note for note in notes)
    assert notes[-1].startswith("The forecast begins after 2024-01-13 08:00:00, the newest observed value of 'load'")
    assert notes[-1].endswith("the table's 3 rows after it have none.")


def test_a_forecast_begins_after_the_newest_observed_target(made):
    frame, short = table(), table().iloc[:297]
    frame.loc[297:, "load"] = np.nan
    told, expected = heedful.predict(made, frame), heedful.predict(made, short)
    pd.testing.assert_frame_equal(told, expected, check_exact=True)
    assert any(note.startswith("What heat has after the newest observed load") for note in told.attrs["notes"])


def test_a_window_with_more_than_half_of_the_target_gone_is_refused(made):
    frame = table()
    frame.loc[[294, 295, 297, 298], "load"] = np.nan
    with pytest.raises(DataError, match="last 6 rows of 'load', and 4 of them have no observed value"):
        heedful.predict(made, frame)
