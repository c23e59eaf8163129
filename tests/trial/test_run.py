from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import heedful
from heedful.errors import DataError, OptionError, UnknownName
from heedful.train import Recipe
from heedful.trial.jobs import Arena

SHORT = Recipe(epochs=2, batch=32)
SMALL = {"window": 6, "models": "cnn_lstm,cnn-lstm", "seeds": 2, "recipe": SHORT, "jobs": 1}


def table(rows: int = 240) -> pd.DataFrame:
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
def run(tmp_path_factory):
    return heedful.compare(table(), "load", out=tmp_path_factory.mktemp("runs") / "one", **SMALL)


def test_baselines_are_always_in_the_table(run):
    assert {"persistence", "ridge", "seasonal_naive"} <= set(run.summary.index)
    alone = heedful.compare(table(), "load", window=6, models="persistence", jobs=1)
    assert set(alone.summary.index) == {"persistence", "ridge", "seasonal_naive"}


def test_persistence_has_no_skill_over_itself(run):
    assert run.summary.loc["persistence", "skill"] == 0


def test_scores_files_agree_with_the_result(run):
    scores = pd.read_csv(run.folder / "scores.csv")
    assert list(scores.columns) == ["model", "seed", "split", "step", "metric", "value"]
    mine = scores.query("model == 'ridge' and split == 'test' and metric == 'rmse' and step != step")
    assert mine["value"].item() == pytest.approx(run.summary.loc["ridge", "rmse"])
    forecasts = pd.read_csv(run.folder / "forecasts.csv", parse_dates=["origin", "time"])
    assert list(forecasts.columns) == [
        "series",
        "origin",
        "step",
        "time",
        "model",
        "seed",
        "true",
        "predicted",
    ]
    ridge = forecasts[forecasts["model"] == "ridge"]
    assert np.sqrt(np.mean((ridge["true"] - ridge["predicted"]) ** 2)) == pytest.approx(
        run.summary.loc["ridge", "rmse"]
    )
    assert ((ridge["time"] - ridge["origin"]) == pd.Timedelta("1h")).all()
    truth = table().set_index("when")["load"]
    assert np.allclose(ridge["true"], truth.loc[ridge["time"]])


def test_run_json_says_all_that_is_needed_to_repeat(run):
    told = json.loads((run.folder / "run.json").read_text())
    assert told["split"]["test"]["rows"] == [192, 240]
    assert told["options"]["seeds"] == [0, 1]
    [recipe] = told["options"]["recipes"]
    assert recipe["models"] == ["cnn_lstm", "cnn-lstm"]
    assert recipe["epochs"] == 2
    assert told["data"]["fingerprint"]
    assert told["finished"] is True
    assert {"heedful", "torch", "numpy", "python"} <= set(told["versions"])


def test_the_best_bundle_of_each_model_is_kept_by_validation_loss(run):
    for name in ("cnn_lstm", "cnn-lstm"):
        kept = [int(p.name) for p in (run.folder / "models" / name).iterdir()]
        trials = [t for t in run.trials if t.model == name]
        best = min(trials, key=lambda t: t.history[t.best_epoch - 1].validation)
        assert kept == [best.seed]


def test_no_temporary_file_is_left(run):
    assert not [p for p in run.folder.rglob("*") if ".part" in p.name]


def test_the_same_command_continues_and_trains_nothing_again(run, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a finished job was trained again")

    monkeypatch.setattr(Arena, "run", never)
    again = heedful.compare(table(), "load", out=run.folder, **SMALL)
    pd.testing.assert_frame_equal(again.scores, run.scores)
    pd.testing.assert_frame_equal(again.summary.drop(columns="seconds"), run.summary.drop(columns="seconds"))


def test_a_lost_trial_is_trained_again_to_the_same_numbers(tmp_path, run):
    again = heedful.compare(table(), "load", out=tmp_path / "two", **SMALL)
    next((tmp_path / "two" / "trials").glob("cnn-lstm-1*")).unlink()
    (tmp_path / "two" / "trials" / "cnn_lstm-0.safetensors").write_bytes(b"half a record")
    again = heedful.compare(table(), "load", out=tmp_path / "two", **SMALL)
    pd.testing.assert_frame_equal(again.scores, run.scores)


def test_another_run_is_not_overwritten_unless_asked(tmp_path):
    options = {"window": 6, "models": (), "jobs": 1}
    heedful.compare(table(), "load", out=tmp_path / "x", **options)
    before = (tmp_path / "x" / "scores.csv").read_text()
    with pytest.raises(DataError, match="another run .window: 6 there, 7 here.*--overwrite"):
        heedful.compare(table(), "load", out=tmp_path / "x", **options | {"window": 7})
    assert (tmp_path / "x" / "scores.csv").read_text() == before
    heedful.compare(table(), "load", out=tmp_path / "x", overwrite=True, **options | {"window": 7})
    assert (tmp_path / "x" / "scores.csv").read_text() != before


def test_a_folder_with_other_files_is_never_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="Give another"):
            heedful.compare(table(), "load", out=tmp_path, overwrite=overwrite, window=6, models=(), jobs=1)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_processes_do_not_change_the_numbers(run):
    two = heedful.compare(table(), "load", **SMALL | {"jobs": 2})
    pd.testing.assert_frame_equal(two.scores, run.scores)


def test_pandas_polars_and_files_give_the_same_result(run, tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    table().to_parquet(tmp_path / "t.parquet")
    options = SMALL | {"models": "cnn-lstm", "seeds": 1}
    frames = [
        heedful.compare(data, "load", **options).scores["value"]
        for data in (table(), pl.from_pandas(table()), tmp_path / "t.csv", str(tmp_path / "t.parquet"))
    ]
    for other in frames[1:]:
        assert np.allclose(other, frames[0], equal_nan=True)


def test_rows_after_the_train_part_do_not_change_what_is_learned(run):
    changed = table()
    changed.loc[200:, ["load", "heat"]] += 100.0
    other = heedful.compare(changed, "load", **SMALL)
    for a, b in zip(run.trials, other.trials, strict=True):
        assert [(e.train, e.validation) for e in a.history] == [(e.train, e.validation) for e in b.history]
        assert np.array_equal(a.validation, b.validation)


def test_published_models_say_what_was_widened_and_when_values_leave_their_range():
    frame = table().assign(load=np.linspace(0, 100, 240) + table()["heat"])
    result = heedful.compare(frame, "load", **SMALL | {"horizon": 2, "models": "cnn_lstm", "seeds": 1})
    notes = " ".join(result.trials[-1].notes)
    assert "widened to 2" in notes
    assert "outside the train range" in notes


def test_a_lagged_copy_is_called_one():
    walk = pd.DataFrame({"close": 100 + np.random.default_rng(5).normal(size=600).cumsum()})
    result = heedful.compare(walk, "close", **SMALL | {"models": "cnn-lstm", "recipe": Recipe(epochs=25)})
    said = " ".join(f.text for f in result.findings)
    assert "No better than repeating the last value" in said
    assert "lagged copy" in said


def test_max_minutes_keeps_what_is_finished(tmp_path):
    result = heedful.compare(table(), "load", out=tmp_path / "x", max_minutes=1e-9, **SMALL)
    assert not result.finished
    assert set(result.summary.index) == {"persistence", "ridge", "seasonal_naive"}
    whole = heedful.compare(table(), "load", out=tmp_path / "x", **SMALL)
    assert whole.finished


@pytest.mark.parametrize(
    ("options", "error", "advice"),
    [
        ({"models": "cnn_lstn"}, UnknownName, "Did you mean 'cnn_lstm'"),
        ({"seeds": 0}, OptionError, "at least one seed"),
        ({"seeds": [1, 1]}, OptionError, "all different"),
        ({"keep": "some"}, OptionError, "all, best, none"),
        ({"jobs": 0}, OptionError, "jobs to be a whole number of at least 1"),
        ({"max_minutes": 0.0}, OptionError, "max_minutes above 0"),
        ({"season": 1}, OptionError, "season to be a whole number of at least 2"),
        ({"season": 9999}, OptionError, "fewer rows than the 168 of the train part"),
        ({"window": 5.5}, OptionError, "window to be a whole number"),
        ({"gap": -1}, OptionError, "gap to be a whole number of at least 0"),
        ({"seeds": 1.0}, OptionError, "whole number of seeds, or a list"),
        ({"window": 500}, DataError, "Shorten the window"),
        ({"horizon": 60}, DataError, "Shorten the window or the horizon"),
        ({"split": (0.5, 0.5)}, OptionError, "three positive sizes"),
        ({"features": ["hat"]}, UnknownName, "Did you mean 'heat'"),
        ({"target": "lod"}, UnknownName, "Did you mean 'load'"),
        ({"target": None}, OptionError, "needs a target.*load"),
    ],
)
def test_wrong_options_give_one_clear_error_and_write_nothing(tmp_path, options, error, advice):
    given = {"target": "load", "out": tmp_path / "x", **SMALL} | options
    with pytest.raises(error, match=advice):
        heedful.compare(table(), given.pop("target"), **given)
    assert not (tmp_path / "x").exists()


def test_samples_need_no_network():
    result = heedful.compare("sine", models=(), jobs=1)
    assert result.series.target == "sine"
    assert result.summary.loc["ridge", "r2"] > 0.99


@pytest.mark.parametrize(("rows", "part"), [(slice(168, 192), "validation"), (slice(192, 240), "test")])
def test_a_part_without_an_observed_target_is_refused(tmp_path, rows, part):
    frame = table().astype({"load": float})
    frame.loc[frame.index[rows], "load"] = np.nan
    with pytest.raises(DataError, match=f"no observed value in the {part} part"):
        heedful.compare(frame, "load", out=tmp_path / "x", **SMALL)
    assert not (tmp_path / "x").exists()


def test_a_network_that_diverges_is_said_to_have_not_trained():
    result = heedful.compare(
        table(), "load", **SMALL | {"models": "cnn-lstm", "recipe": Recipe(epochs=2, learning_rate=1e30)}
    )
    said = {f.text: [name for name, _ in f.models] for f in result.findings}
    assert said["No better than repeating the last value:"][-1] == "cnn-lstm"
    assert any(text.startswith("Did not train") for text in said)


def test_one_feature_may_be_given_as_a_word():
    result = heedful.compare(table(), "load", features="heat", window=6, models=(), jobs=1)
    assert result.series.columns == ("load", "heat")


def test_a_word_that_is_neither_file_nor_sample_names_the_samples():
    with pytest.raises(DataError, match="neither a file nor a sample. Samples: co2, sine"):
        heedful.compare("sin")


def test_a_comparison_prints_in_one_line(run):
    assert repr(run).startswith("Comparison(load of ")
    assert "\n" not in repr(run)
    assert all(len(repr(t)) < 100 for t in run.trials)


def test_every_model_is_trained_by_its_own_recipe_and_only_the_epochs_are_replaced():
    made = heedful.compare(
        table(), "load", **SMALL | {"models": "cnn_lstm,cnn-lstm,heedful", "recipe": None, "epochs": 1}
    )
    told = {recipe["models"][0]: recipe for recipe in made.run["options"]["recipes"]}
    assert {name: recipe["optimiser"] for name, recipe in told.items()} == {
        "cnn_lstm": "adam",
        "cnn-lstm": "adamw",
        "heedful": "adamw",
    }
    assert told["heedful"]["average"] == 0.99
    assert told["cnn-lstm"]["average"] is None
    assert {recipe["epochs"] for recipe in told.values()} == {1}


def test_a_known_plan_and_the_calendar_are_read_over_the_horizon():
    frame = table()
    frame["plan"] = (np.random.default_rng(3).random(len(frame)) < 0.3).astype(float)
    frame["load"] += 20 * frame["plan"]
    options = SMALL | {"models": "cnn-lstm", "seeds": 1, "recipe": Recipe(epochs=25, learning_rate=1e-2)}
    blind = heedful.compare(frame, "load", features=["heat", "plan"], **options)
    told = heedful.compare(frame, "load", past="heat", known="plan", calendar=True, **options)
    assert told.summary.loc["cnn-lstm", "rmse"] < 0.6 * blind.summary.loc["cnn-lstm", "rmse"]


def test_a_table_of_many_series_is_compared_as_one(shops, tmp_path):
    made = heedful.compare(shops, "sales", series="shop", out=tmp_path / "run", **SMALL | {"models": "cnn-lstm"})
    assert set(made.forecasts["series"]) == {"north", "south"}
    truth = shops.set_index(["shop", "day"])["sales"]
    rows = made.forecasts.query("model == 'cnn-lstm' and seed == 0")
    assert np.allclose(rows["true"], truth.loc[list(zip(rows["series"], rows["time"], strict=True))])
    assert "3 series" in (tmp_path / "run" / "report.html").read_text()
    [bundle] = (tmp_path / "run" / "models" / "cnn-lstm").iterdir()
    ahead = heedful.predict(bundle, shops)
    assert set(ahead["series"]) >= {"north", "south"}


def test_several_targets_are_refused():
    with pytest.raises(OptionError, match="one by one"):
        heedful.compare(table(), ["load", "heat"], **SMALL)


def test_a_leak_in_the_table_is_the_first_thing_said():
    frame = table()
    frame["tomorrow"] = frame["load"].shift(-1)
    told = heedful.compare(frame, "load", **SMALL | {"models": "cnn-lstm", "seeds": 1, "recipe": Recipe(epochs=1)})
    assert str(told.findings[0]).startswith("Leak")
    assert "tomorrow" in str(told.findings[0])
    clean = heedful.compare(table(), "load", **SMALL | {"models": "persistence"})
    assert not any("Leak" in str(finding) for finding in clean.findings)
    assert clean.audit
    assert all(one.severity == "fine" for one in clean.audit)


def test_a_trial_of_attention_answers_and_shows_it(tmp_path):
    made = heedful.compare(
        table(), "load", window=6, attention="eca", seeds=2, rates=[1e-3], recipe=SHORT, jobs=1, out=tmp_path / "run"
    )
    [answer] = made.answers
    assert set(made.summary.index) > set(answer.question.arms)
    assert answer.outcome in ("helps", "hurts", "no difference found", "not decidable with this test set")
    assert made.trials[-1].learning_rate == 1e-3
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Does attention help?" in page
    assert "plot-forest" in page
    again = heedful.compare(
        table(), "load", window=6, attention="eca", seeds=2, rates=[1e-3], recipe=SHORT, jobs=1, out=tmp_path / "run"
    )
    assert again.answers[0].controls == answer.controls


def test_validation_chooses_the_learning_rate_of_each_network():
    made = heedful.compare(table(), "load", window=6, models="cnn-lstm", seeds=1, rates=[1e-6, 1e-2], epochs=5, jobs=1)
    [trial] = [t for t in made.trials if t.seed is not None]
    assert trial.learning_rate == 1e-2


def test_a_placebo_is_kept_with_what_its_seed_drew(tmp_path):
    made = heedful.compare(
        table(), "load", window=6, attention="eca", seeds=2, rates=[1e-3], recipe=SHORT, jobs=1, out=tmp_path / "run"
    )
    name = "cnn-lstm+eca+placebo"
    [folder] = (tmp_path / "run" / "models" / name).iterdir()
    assert heedful.Bundle.load(folder).plan.map_attention.placebo == int(folder.name)
    assert made.models[name].summary.endswith("in place of the input.")


def test_the_report_is_written_in_the_language_asked_for_without_training_again(tmp_path):
    options = SMALL | {"models": "cnn-lstm", "seeds": 1, "out": tmp_path / "run"}
    first = heedful.compare(table(), "load", **options)
    assert '<html lang="en">' in (tmp_path / "run" / "report.html").read_text()
    again = heedful.compare(table(), "load", language="zh", **options)
    assert '<html lang="zh">' in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert again.trials[-1].seconds == first.trials[-1].seconds
    with pytest.raises(UnknownName, match="zh"):
        heedful.compare(table(), "load", language="zhh", **options)


def test_the_training_curves_stand_in_a_table_of_their_own(run):
    curves = pd.read_csv(run.folder / "training.csv")
    nets = [trial for trial in run.trials if trial.history]
    assert len(curves) == sum(len(trial.history) for trial in nets)
    one = nets[0]
    own = curves[(curves["model"] == one.model) & (curves["seed"] == one.seed)]
    assert own["validation"].tolist() == [epoch.validation for epoch in one.history]
