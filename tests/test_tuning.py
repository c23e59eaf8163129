from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import optuna
import pandas as pd
import pytest

import heedful
from heedful.bundle import Bundle
from heedful.data import Scaler, split, windows
from heedful.errors import DataError, OptionError, UnknownName
from heedful.forecasting.inputs import Columns, load_table
from heedful.forecasting.settings import read_plan
from heedful.models.plan import Attention, Plan, Pooled
from heedful.train import Recipe, forecast
from heedful.tuning import Choices, Range, tune
from heedful.tuning.settings import varied
from heedful.tuning.space import grid, read_space

WIDTHS = {"recurrence.width": [2, 3, 5]}
QUICK = {"window": 6, "epochs": 1}


def wave() -> pd.DataFrame:
    return load_table("sine", None).frame.iloc[:400]


def small(space=None, data=None, **more):
    given = {"target": "sine", "space": space or WIDTHS, "sampler": "grid", **QUICK, **more}
    return tune(wave() if data is None else data, **given)


def series_of(table, target, sizes=(0.7, 0.1, 0.2), series=None):
    columns = Columns.of(
        (target,), time=None, features=None, past=(), known=(), static=(), series=series, calendar=False, mask=False,
        missing=None, date_format=None,
    )  # fmt: skip
    return columns.build(load_table(table, None), decide_on=sizes[0])


def settings(study, *columns):
    return study.trials[[*study.run["options"]["space"], *columns]].to_dict("records")


def numbers(study):
    """What decides, without what depends on the clock or on how often a process died."""
    return [
        {name: value for name, value in row.items() if value == value}
        for row in study.trials.drop(columns=["number", "seconds"]).to_dict("records")
    ]


# --- the space ------------------------------------------------------------------------------------------------


def test_a_space_reads_nested_tables_and_dotted_paths_alike(tmp_path):
    (tmp_path / "space.toml").write_text(
        'window = [8, 16]\nrecurrence.width = { low = 4, high = 16, step = 4 }\ndecoder = ["last", "pooled"]\n'
        "[recipe.learning_rate]\nlow = 1e-4\nhigh = 1e-2\nlog = true\n"
    )
    nested = read_space(tmp_path / "space.toml")
    dotted = {
        "window": [8, 16],
        "recurrence.width": Range(low=4, high=16, step=4),
        "decoder": ["last", "pooled"],
        "recipe.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    }
    assert nested == read_space(dotted)


def test_a_grid_lists_choices_whole_ranges_and_steps():
    listed = grid(
        {"a": Range(low=0.0, high=1.0, step=0.3), "b": Choices(values=("x", None)), "c": Range(low=2, high=3)}
    )
    assert len(listed) == 4 * 2 * 2
    assert sorted({round(one["a"], 9) for one in listed}) == [0.0, 0.3, 0.6, 0.9]
    with pytest.raises(OptionError, match=r"grid.*list of choices or a range with a step for rate.*another sampler"):
        grid({"rate": Range(low=0.1, high=0.2)})
    with pytest.raises(OptionError, match="at most a million"):
        grid({"a": Range(low=1, high=2000), "b": Range(low=1, high=2000)})


@pytest.mark.parametrize(
    ("space", "kind", "advice"),
    [
        ({}, OptionError, "at least one path"),
        ({"recurence.width": [4]}, UnknownName, r"Did you mean 'recurrence\.width'\?"),
        ({"recipe.lerning_rate": [4]}, UnknownName, r"Did you mean 'recipe\.learning_rate'\?"),
        ({"recurrence.width": []}, OptionError, r"at recurrence\.width.*at least one value"),
        ({"recurrence.width": [4, 4]}, OptionError, "each once"),
        ({"recurrence.width": 4}, OptionError, "list of choices or a range"),
        ({"recurrence.width": {"low": 4, "high": 4}}, OptionError, "low below high"),
        ({"recurrence.width": {"low": 8, "high": 4}}, OptionError, "low below high"),
        ({"recurrence.width": {"low": 4}}, OptionError, "got no high"),
        ({"recurrence.width": {"low": 4, "high": 8, "hi": 1}}, OptionError, "got 'hi'"),
        ({"recurrence.width": {"low": "4", "high": 8}}, OptionError, "a number as low"),
        ({"recurrence.width": {"low": 4, "high": 8, "step": 5}}, OptionError, "step"),
        ({"dropout": {"low": 0.0, "high": 0.5, "log": True}}, OptionError, "low above 0"),
        ({"dropout": {"low": 0.1, "high": 0.5, "log": 1}}, OptionError, "true or false"),
        ({"recurrence": {"width": [4]}, "recurrence.width": [8]}, OptionError, "twice"),
        ({"recurrence.width": [0]}, OptionError, r"recurrence\.width holds 0"),
        ({"recurrence.width": ["wide"]}, OptionError, "holds 'wide'"),
        ({"recipe.learning_rate": {"low": -1.0, "high": 1.0}}, OptionError, r"learning_rate holds -1\.0"),
        ({"map_attention": ["eca", "ecaa"]}, UnknownName, "Did you mean 'eca'"),
        ({"decoder": ["pooledd"]}, UnknownName, "Did you mean 'pooled'"),
        ({"window": [6, 900]}, OptionError, "window holds 900"),
        ({"window": [6.5]}, OptionError, "whole number of rows"),
    ],
)
def test_a_wrong_space_is_refused_before_anything_is_trained(space, kind, advice, tmp_path):
    with pytest.raises(kind, match=advice):
        tune("sine", space=space, out=tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()


def test_a_word_stands_for_a_part_and_none_for_nothing():
    plan = Plan(map_attention=Attention(name="eca"), skip=None)
    assert varied(plan, {"map_attention": "none"}).map_attention is None
    assert varied(plan, {"map_attention": "se", "decoder": "pooled"}).decoder == Pooled()
    assert varied(plan, {"decoder.heads": 2, "decoder": {"part": "pooled"}}).decoder == Pooled(heads=2)
    assert varied(plan, {"stem": {"part": "multi_scale", "kernels": [3, 9]}}).stem.kernels == (3, 9)


# --- what is tried --------------------------------------------------------------------------------------------


def test_a_grid_tries_every_setting_once_and_keeps_the_smallest_error(tmp_path):
    study = small({**WIDTHS, "stem.kernel": [1, 3]}, out=tmp_path / "out")
    assert sorted((s["recurrence.width"], s["stem.kernel"]) for s in settings(study)) == [
        (width, kernel) for width in (2, 3, 5) for kernel in (1, 3)
    ]
    row = study.trials.loc[study.trials["error"].idxmin()]
    assert study.best.number == row["number"]
    assert study.best.plan.recurrence.width == row["recurrence.width"]
    assert study.best.plan.stem.kernel == row["stem.kernel"]
    assert study.counted == "6 settings tried: 6 finished"
    assert {model for model, *_ in study.scores} == {"cnn-lstm", "persistence", "ridge"}
    assert Bundle.load(tmp_path / "out" / "best").plan == study.best.plan
    assert len(heedful.predict(tmp_path / "out" / "best", wave())) == 1


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_same_seed_draws_the_same_settings_and_another_one_others(sampler):
    space = {"recurrence.width": Range(low=2, high=9), "recipe.learning_rate": Range(low=1e-4, high=1e-2, log=True)}
    one, two = (small(space, sampler=sampler, trials=8) for _ in range(2))
    other = small(space, sampler=sampler, trials=8, sampler_seed=1)
    assert numbers(one) == numbers(two)
    assert settings(one) != settings(other)
    assert one.trials["recurrence.width"].between(2, 9).all()
    assert one.trials["recipe.learning_rate"].between(1e-4, 1e-2).all()


def test_the_error_is_the_rmse_on_validation_in_deviations_of_train():
    study = small({"recurrence.width": [3]}, gap=4)
    made = series_of(wave(), "sine")
    values = made.values[:, made.target_indices[0]]
    net, scaler = study.bundle.ready, study.bundle.scaler
    said = forecast(net, windows(split(made, gap=4).validation, 6, 1), scaler)
    squares = [(said[i, 0] - values[284 + i]) ** 2 for i in range(36)]
    deviation = math.sqrt(sum((v - values[:280].mean()) ** 2 for v in values[:280]) / 280)
    assert len(said) == 36
    assert study.best.error == pytest.approx(math.sqrt(sum(squares) / 36) / deviation, rel=1e-5)  # float32 networks


def test_several_seeds_are_trained_and_the_error_is_their_mean():
    both, alone = (
        small({"recurrence.width": [3]}, seeds=2),
        [small({"recurrence.width": [3]}, seeds=[s]) for s in (0, 1)],
    )
    assert both.best.error == pytest.approx(sum(one.best.error for one in alone) / 2, rel=1e-12)
    assert alone[0].best.error != alone[1].best.error
    assert both.bundle.facts["seeds"] == [0, 1]


def test_all_look_backs_are_judged_on_the_same_rows(shops):
    sizes = (0.6, 0.2, 0.2)
    study = tune(
        shops, "sales", series="shop", space={"window": [3, 60]}, sampler="grid", epochs=1, split=sizes, pruner="none"
    )
    bundle = heedful.fit(shops, "sales", "cnn-lstm", series="shop", window=3, epochs=1, split=sizes)
    parts = split(series_of(shops, "sales", sizes, series="shop"), sizes)
    short, long = (windows(parts.validation, window, 1) for window in (3, 60))
    shared = np.isin(short.origins, long.origins)
    assert 0 < shared.sum() < len(short)
    said, unit = forecast(bundle.ready, short, bundle.scaler), Scaler.fit(parts.train)
    off = []
    for i in np.flatnonzero(shared):
        deviation = unit.moments(short.span.series, int(short.origins[i]))[1][short.span.series.target_indices[0]]
        off.append((said[i, 0] - short.targets(np.array([i]))[0, 0]) / deviation)
    found = study.trials.set_index("window")["error"][3]
    assert found == pytest.approx(math.sqrt(np.mean(np.square(off))), rel=1e-5)  # float32 networks


@pytest.mark.parametrize("poison", [1e9, np.nan])
def test_no_test_row_is_read_before_the_score(poison):
    frame = wave()
    bad = frame.copy()
    bad.loc[325:, "sine"] = poison  # the first test rows stay, so that a score can be formed
    space = {**WIDTHS, "window": [4, 6]}
    clean, poisoned = (small(space, data=table, window=None, pruner="none") for table in (frame, bad))
    assert numbers(clean) == numbers(poisoned)
    assert clean.best.values == poisoned.best.values
    assert clean.scores != poisoned.scores


def test_hopeless_settings_are_stopped_early_and_say_after_how_many_epochs():
    rates = {"recipe.learning_rate": [1e-2, 8e-3, 6e-3, 5e-3, 4e-3, 1e-6, 2e-6, 3e-6, 4e-6]}
    study, all_of_them = (small(rates, epochs=4, pruner=pruner) for pruner in ("median", "none"))
    stopped = study.trials[study.trials["outcome"] == "stopped early"]
    assert 1 <= len(stopped) <= 4
    assert stopped["epochs"].between(1, 3).all()
    assert stopped["error"].isna().all()
    assert (stopped["recipe.learning_rate"] < 1e-4).any()
    assert set(all_of_them.trials["outcome"]) == {"finished"}
    assert study.best.error >= all_of_them.best.error


def test_losses_of_different_kinds_stop_no_setting():
    study = small({"recipe.loss": ["mse", "mae"], **WIDTHS}, trials=2)
    assert study.run["options"]["pruner"] == "none"
    assert any("cannot be compared" in note for note in study.notes)


def test_values_that_do_not_fit_together_are_told_and_the_search_goes_on():
    study = small({"decoder": ["last", "pooled"], "attention": ["none", "additive"]})
    refused = study.trials[study.trials["outcome"] == "refused"]
    assert refused[["decoder", "attention"]].to_dict("records") == [{"decoder": "pooled", "attention": "additive"}]
    assert "Take the decoder Last" in refused["reason"].iloc[0]
    assert study.counted == "4 settings tried: 3 finished, 1 refused"
    with pytest.raises(DataError, match=r"could train none of its 1 setting.*Take the decoder Last.*Change the space"):
        small({"decoder": ["pooled"], "attention": ["additive"]})


def test_a_setting_drawn_twice_is_not_trained_twice():
    study = small({"recurrence.width": [2, 3]}, sampler="random", trials=8)
    again = study.trials[study.trials["outcome"] == "again"]
    assert len(again) == 6
    assert study.tried == 2
    assert study.trials.groupby("recurrence.width")["error"].nunique().tolist() == [1, 1]
    assert again["seconds"].isna().all()


def test_what_a_setting_says_nothing_of_is_as_the_caller_said():
    study = small({"recurrence.width": [2]}, recipe=Recipe(epochs=2, batch=64, learning_rate=2e-3), epochs=None)
    assert study.best.recipe == Recipe(epochs=2, batch=64, learning_rate=2e-3)
    plan = Plan(recurrence=heedful.models.plan.Recurrence(kind="gru", width=3))
    study = small({"recipe.learning_rate": [1e-3, 1e-2]}, plan=plan)
    assert (study.model, study.best.plan) == ("plan", plan)


def test_without_a_space_rate_widths_and_look_back_of_the_model_are_tried():
    study = tune("sine", trials=1, epochs=1)
    assert set(study.run["options"]["space"]) == {
        "recipe.learning_rate", "window", "stem.filters", "stem.kernel", "recurrence.width", "dropout",
    }  # fmt: skip
    assert set(tune("sine", model="attention_lstm", trials=1, epochs=1, window=5).run["options"]["space"]) == {
        "recipe.learning_rate", "hidden_dim", "n_layers",
    }  # fmt: skip
    study = tune("co2", model="heedful", trials=1, epochs=1)
    assert "window" not in study.run["options"]["space"]
    assert study.best.plan.centre == "mean"
    assert any("decided on validation by closed-form" in note for note in study.notes)


# --- published models -----------------------------------------------------------------------------------------


def test_a_published_model_takes_the_arguments_of_its_article(tmp_path):
    study = small({"lstm_units": [2, 4], "recipe.learning_rate": [1e-2]}, model="cnn_lstm", out=tmp_path / "out")
    assert study.trials.sort_values("lstm_units")["parameters"].tolist() == [
        sum(
            p.numel()
            for p in heedful.models.published.create("cnn_lstm", window=6, dim=1, lstm_units=units).parameters()
        )
        for units in (2, 4)
    ]
    units = study.best.values["lstm_units"]
    assert {model for model, *_ in study.scores} >= {f"cnn_lstm(lstm_units={units})", "persistence", "ridge"}
    assert Bundle.load(tmp_path / "out" / "best").network().lstm.hidden_size == units
    with pytest.raises(UnknownName, match="Did you mean 'lstm_units'"):
        small({"lstm_unit": [2]}, model="cnn_lstm")
    with pytest.raises(UnknownName, match="Unknown path 'dim'"):
        small({"dim": [2]}, model="cnn_lstm")


def test_a_published_model_as_it_is_printed_leaves_a_bundle(tmp_path):
    study = small({"recipe.learning_rate": [1e-3, 1e-2]}, model="cnn_lstm", out=tmp_path / "out")
    assert Bundle.load(tmp_path / "out" / "best").model == "cnn_lstm"
    assert study.best.plan is None
    assert not (tmp_path / "out" / "best.toml").exists()


def test_the_grid_of_the_article_on_prices_runs_in_time_order(tmp_path):
    """Filters, kernel, pool, units, attention units and learning rate, which as printed cannot run."""
    space = {
        "stem.filters": [2, 4],
        "stem.kernel": [1, 3],
        "stem.pool": [1, 3],
        "recurrence.width": [2, 4],
        "decoder.options.hidden": [2, 4],
        "recipe.learning_rate": [1e-3, 1e-2],
    }
    study = small(space, model="cnn-bilstm", trials=5, out=tmp_path / "out")
    assert study.counted == "5 settings tried: 5 finished"
    assert set(study.best.values) == set(space)
    assert study.best.plan.decoder.options["hidden"] == study.best.values["decoder.options.hidden"]


# --- files, interruption, company -----------------------------------------------------------------------------


def test_the_folder_holds_the_study_and_the_page_needs_no_network(tmp_path):
    study = small({**WIDTHS, "recipe.learning_rate": [1e-3, 1e-2]}, out=tmp_path / "out")
    told = json.loads((tmp_path / "out" / "study.json").read_text())
    assert told["versions"]["optuna"] == optuna.__version__
    assert told["best"]["values"] == dict(study.best.values)
    assert told["tried"] == 6
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "out" / "trials.csv").drop(columns="reason"),
        study.trials.drop(columns="reason"),
        check_dtype=False,
    )
    assert read_plan(tmp_path / "out" / "best.toml") == (study.best.plan, study.best.recipe)
    assert set(study.importance) == {"recurrence.width", "recipe.learning_rate"}
    page = (tmp_path / "out" / "report.html").read_text()
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"https?://|<link[^>]+href=\"(?!data:)|src=", own)
    for word in (
        "plot-history",
        "plot-importance",
        "plot-slice-1",
        "6 settings tried",
        "persistence",
        optuna.__version__,
    ):
        assert word in page


def test_test_rows_are_scored_once_and_no_setting_is_tried_after_that(tmp_path):
    first = small(out=tmp_path / "out", trials=2)
    weights = tmp_path / "out" / "best" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = small(out=tmp_path / "out", trials=2)
    assert weights.stat().st_mtime_ns == before
    assert again.scores == first.scores
    assert numbers(again) == numbers(first)
    assert again.bundle.plan == first.bundle.plan
    assert again.notes == first.notes
    with pytest.raises(OptionError, match=r"scored on them after 2 trials.*another --out"):
        small(out=tmp_path / "out", trials=3)


def test_a_split_without_test_rows_is_searched_and_not_scored():
    study = small(split=(0.8, 0.2, 0))
    assert study.scores == ()
    assert any("nothing was scored" in note for note in study.notes)


def test_a_search_out_of_time_scores_nothing_and_goes_on_when_asked_again(tmp_path):
    first = small(out=tmp_path / "out", epochs=3, max_minutes=1e-9)
    assert not first.finished
    assert first.scores == ()
    assert "scored" not in json.loads((tmp_path / "out" / "study.json").read_text())
    assert small(out=tmp_path / "out", epochs=3).finished
    assert small(epochs=3).scores == small(out=tmp_path / "out", epochs=3).scores


def test_a_folder_of_something_else_is_refused_and_another_study_only_overwritten_when_asked(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"no study, such as notes\.txt"):
        small(out=tmp_path / "mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="needs a folder"):
        small(out=tmp_path / "file")
    small(out=tmp_path / "out", trials=1)
    with pytest.raises(DataError, match=r"another study \(.*window: 6 there, 7 here.*--overwrite"):
        small(out=tmp_path / "out", trials=1, window=7)
    assert small(out=tmp_path / "out", trials=1, window=7, overwrite=True).best.window == 7


SLOW = {"recurrence.width": [2, 3, 4, 5], "recipe.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
SCRIPT = """
import sys
from heedful.tuning import tune
if __name__ == "__main__":
    study = tune("sine", space={space!r}, window=6, epochs=4, out=sys.argv[1], **{more!r})
    print(study.scores[:2], study.tried)
"""


def process(tmp_path, out, space=SLOW, **more):
    script = tmp_path / "search.py"
    script.write_text(SCRIPT.format(space=space, more=more))
    return subprocess.Popen(
        [sys.executable, "-W", "error", script, out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.01)


@pytest.mark.parametrize(("storage", "file"), [("journal", "journal.log"), ("sqlite", "study.db")])
def test_a_search_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path, storage, file):
    out = tmp_path / "out"
    killed = process(tmp_path, out, trials=6, storage=storage)
    wait_for(lambda: killed.poll() is not None or any(out.glob("running/00003.*")))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    loaded = optuna.load_study(study_name="heedful", storage=_storage(out / file)).trials
    before = {t.number: t.user_attrs["seconds"] for t in loaded if t.state.is_finished()}
    assert 3 <= len(before) < 6
    resumed = tune("sine", space=SLOW, window=6, epochs=4, trials=6, storage=storage, out=out)
    fresh = tune("sine", space=SLOW, window=6, epochs=4, trials=6, storage=storage)
    assert numbers(resumed) == numbers(fresh)
    assert resumed.scores == fresh.scores
    kept = resumed.trials.set_index("number")["seconds"]
    assert {number: kept[number] for number in before} == before
    states = [t.state.name for t in optuna.load_study(study_name="heedful", storage=_storage(out / file)).trials]
    assert states.count("FAIL") == 1
    assert len(states) == 7
    assert [*out.glob("running"), *out.glob(".worker-*")] == []


def _storage(path):
    if path.suffix == ".db":
        return f"sqlite:///{path}"
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))


def test_two_processes_on_one_folder_share_the_settings_and_tell_one_score(tmp_path):
    out = tmp_path / "out"
    space = {"recurrence.width": [2, 3, 4, 5], "stem.kernel": [1, 3]}
    both = [process(tmp_path, out, space=space, sampler="grid", pruner="none") for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    table = pd.read_csv(out / "trials.csv")
    assert sorted(zip(table["recurrence.width"], table["stem.kernel"], strict=True)) == [
        (width, kernel) for width in (2, 3, 4, 5) for kernel in (1, 3)
    ]
    workers = {
        t.user_attrs["worker"]
        for t in optuna.load_study(study_name="heedful", storage=_storage(out / "journal.log")).trials
    }
    assert len(workers) == 2


def test_a_process_that_dies_leaves_its_setting_to_the_others(tmp_path):
    out = tmp_path / "out"
    pair = [process(tmp_path, out, space=WIDTHS, sampler="grid", pruner="none") for _ in range(2)]
    wait_for(lambda: len(list(out.glob(".worker-*"))) == 2 and any(out.glob("running/*")))
    pair[0].send_signal(signal.SIGKILL)
    said = [one.communicate(timeout=120) for one in pair]
    assert pair[1].returncode == 0, said
    assert sorted(pd.read_csv(out / "trials.csv")["recurrence.width"]) == WIDTHS["recurrence.width"]


def test_parallel_processes_find_what_one_finds(tmp_path):
    one = small(pruner="none", epochs=2)
    two = small(pruner="none", epochs=2, jobs=2, out=tmp_path / "out")
    by_width = [study.trials.sort_values("recurrence.width")["error"].tolist() for study in (one, two)]
    assert by_width[0] == by_width[1]
    assert one.scores == two.scores


def test_a_line_of_the_journal_that_was_never_finished_is_taken_off(tmp_path):
    first = small(out=tmp_path / "out", trials=3)
    shutil.copytree(tmp_path / "out", tmp_path / "cut")
    told = json.loads((tmp_path / "cut" / "study.json").read_text())
    del told["scored"]
    (tmp_path / "cut" / "study.json").write_text(json.dumps(told))
    with (tmp_path / "cut" / "journal.log").open("a") as file:
        file.write('{"op_code":4,"worker')
    assert numbers(small(out=tmp_path / "cut", trials=3)) == numbers(first)


@pytest.mark.parametrize(
    ("words", "kind", "advice"),
    [
        ({"sampler": "tpee"}, UnknownName, "Unknown sampler 'tpee'. Did you mean 'tpe'"),
        ({"pruner": "mean"}, UnknownName, "Unknown pruner"),
        ({"storage": "sqlit"}, UnknownName, "Did you mean 'sqlite'"),
        ({"sampler_seed": -1}, OptionError, "sampler_seed"),
        ({"trials": 0}, OptionError, "trials"),
        ({"jobs": 0}, OptionError, "jobs"),
        ({"max_minutes": 0}, OptionError, "max_minutes above 0"),
        ({"model": "cnn-lstmm"}, UnknownName, "Did you mean 'cnn-lstm'"),
        ({"space": "nowhere.toml"}, DataError, "TOML file, and nowhere.toml cannot be read"),
        ({"target": "sin"}, UnknownName, "Did you mean .sine"),
    ],
)
def test_wrong_words_are_answered_with_what_to_do(words, kind, advice):
    with pytest.raises(kind, match=advice):
        tune("sine", **{"space": WIDTHS, **QUICK, **words})


def test_without_optuna_the_extra_is_named():
    code = (
        "import sys\nsys.modules['optuna'] = None\nfrom heedful.tuning import tune\n"
        "try:\n    tune('sine')\nexcept ValueError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'heedful[tune]'" in done.stdout
