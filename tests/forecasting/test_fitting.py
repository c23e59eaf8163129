from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful import metrics
from heedful.errors import DataError, OptionError, UnknownName
from heedful.models.plan import Gaussian, Plan, Quantiles, Recurrence
from heedful.train import Recipe

QUICK = Recipe(epochs=2)


def values(bundle, model: str, target: str | None = None) -> dict[str, float]:
    return {m: v for who, what, m, v in bundle.scores if who == model and what == (target or bundle.targets[0])}


def test_scores_are_those_of_the_forecasts_in_the_target_s_own_unit(hourly):
    made = heedful.fit(hourly, "load", "cnn-lstm", window=6, horizon=2, recipe=QUICK)
    test = hourly.iloc[256:]["load"].to_numpy()
    parts = [
        heedful.predict(made, hourly.iloc[: 256 + i].assign(plan=hourly["plan"]), levels=(0.8,)) for i in range(63)
    ]
    point, lower, upper = (np.stack([p[c] for p in parts]) for c in ("predicted", "lower_80", "upper_80"))
    truth = np.lib.stride_tricks.sliding_window_view(test, 2)
    last = np.repeat(hourly["load"].to_numpy()[255:318, None], 2, axis=1)
    naive = metrics.naive_error(hourly["load"].to_numpy()[:224], made.facts["season"] or 1)
    told = values(made, "cnn-lstm")
    assert told["mae"] == pytest.approx(metrics.mae(truth, point), rel=1e-5)  # float32
    assert told["rmse"] == pytest.approx(metrics.rmse(truth, point), rel=1e-5)
    assert told["smape"] == pytest.approx(metrics.smape(truth, point), rel=1e-5)
    assert told["mase"] == pytest.approx(metrics.mase(truth, point, naive), rel=1e-5)
    assert told["skill"] == pytest.approx(metrics.skill(truth, point, last), rel=1e-4)
    assert told["coverage_80"] == pytest.approx(float(np.mean((lower <= truth) & (truth <= upper))), abs=1e-9)
    assert told["width_80"] == pytest.approx(float(np.mean(upper - lower)), rel=1e-5)
    assert values(made, "persistence")["rmse"] == pytest.approx(metrics.rmse(truth, last))
    assert {"persistence", "ridge"} <= {model for model, *_ in made.scores}


def test_several_targets_are_scored_each_and_forecast_in_their_own_units(hourly):
    made = heedful.fit(hourly, ["load", "heat"], "heedful", window=24, horizon=3, recipe=QUICK)
    assert made.targets == ("load", "heat")
    assert values(made, "heedful", "heat")["mae"] < 2 < values(made, "heedful", "load")["mae"]
    told = heedful.predict(made, hourly)
    assert list(told)[:4] == ["target", "time", "step", "predicted"]
    assert told["target"].tolist() == ["load"] * 3 + ["heat"] * 3
    assert told.groupby("target")["predicted"].mean()["heat"] == pytest.approx(5, abs=2)


def test_a_known_column_helps_and_its_future_is_read(hourly):
    recipe = Recipe(epochs=25, learning_rate=1e-2)
    plan = Plan(recurrence=Recurrence(kind="gru", width=8))
    blind = heedful.fit(hourly, "load", plan=plan, past="plan", window=6, recipe=recipe)
    told = heedful.fit(hourly, "load", plan=plan, known="plan", window=6, recipe=recipe)
    assert values(told, "plan")["rmse"] < 0.7 * values(blind, "plan")["rmse"]
    past, ahead = hourly.iloc[:300], hourly.iloc[[300]].assign(load=np.nan, heat=np.nan)
    low, high = (heedful.predict(told, pd.concat([past, ahead.assign(plan=on)]))["predicted"][0] for on in (0.0, 1.0))
    assert 10 < high - low < 30
    with pytest.raises(DataError, match="'plan' was declared known.*next 1 values.*got 0"):
        heedful.predict(told, past)


def test_a_panel_shares_one_model_and_every_member_is_continued_in_its_own_unit(shops, tmp_path):
    made = heedful.fit(
        shops, "sales", "cnn-lstm", series="shop", window=7, horizon=2, split=(0.6, 0.2, 0.2), recipe=QUICK,
        out=tmp_path / "out",
    )  # fmt: skip
    told = heedful.predict(made.folder, shops)
    assert list(told)[:4] == ["series", "time", "step", "predicted"]
    assert set(told["series"]) == {"north", "south"}
    assert set(told["time"]) == set(pd.date_range("2023-07-01", periods=2))
    means = told.groupby("series")["predicted"].mean()
    assert 5 < means["north"] < 15
    assert 500 < means["south"] < 1500
    assert any("lack their newest 7 rows: new." in note for note in told.attrs["notes"])
    other = shops[shops["shop"] == "south"].assign(shop="west")
    told = heedful.predict(made, pd.concat([shops, other]))
    west, south = (told[told["series"] == name]["predicted"].to_numpy() for name in ("west", "south"))
    assert np.allclose(west, south, rtol=0.2)
    assert any("Not seen in training, so scaled by their own rows: west." in note for note in told.attrs["notes"])


def test_the_best_of_several_seeds_is_kept():
    made = heedful.fit("sine", model="attention-gru", window=16, seeds=[4, 7, 9], recipe=QUICK)
    alone = [heedful.fit("sine", model="attention-gru", window=16, seeds=[s], recipe=QUICK) for s in (4, 7, 9)]
    losses = {one.facts["seed"]: one.facts["validation_loss"] for one in alone}
    assert made.facts["seed"] == min(losses, key=losses.__getitem__)
    assert made.facts["validation_loss"] == pytest.approx(min(losses.values()))
    assert made.facts["seeds"] == [4, 7, 9]


def test_without_a_test_part_nothing_is_scored_and_a_note_says_what_would(hourly):
    made = heedful.fit(hourly, "load", "cnn-lstm", window=6, split=(0.8, 0.2, 0), recipe=QUICK)
    assert made.scores == ()
    assert "heedful backtest" in made.notes[-1]
    assert made.facts["split"].keys() == {"train", "validation"}


@pytest.mark.parametrize("head", [Gaussian(), Quantiles(levels=(0.2, 0.5, 0.8))])
def test_distribution_heads_are_calibrated_beyond_their_own_levels(head):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"y": rng.normal(size=1600)})
    plan = Plan(centre="none", recurrence=Recurrence(kind="gru", width=4), head=head)
    recipe = Recipe(epochs=3, learning_rate=1e-2)
    made = heedful.fit(frame, "y", plan=plan, window=4, split=(400, 600, 600), levels=(0.5, 0.9), recipe=recipe)
    told = values(made, "plan")
    for level in (0.5, 0.9):
        deviation = math.sqrt(level * (1 - level) * (1 / 601 + 1 / 597))  # of calibration and of test, one step
        assert abs(told[f"coverage_{100 * level:g}"] - level) < 4 * deviation


def test_coverage_of_point_forecasts_is_the_level_within_sampling_error():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"y": rng.standard_t(4, size=1600)})
    made = heedful.fit(frame, "y", "cnn-lstm", window=4, split=(400, 600, 600), levels=(0.8,), recipe=QUICK)
    assert abs(values(made, "cnn-lstm")["coverage_80"] - 0.8) < 4 * math.sqrt(0.16 * (1 / 601 + 1 / 597))


def test_a_level_that_validation_cannot_carry_is_left_out_and_told():
    made = heedful.fit("sine", model="cnn-lstm", window=8, levels=(0.8, 0.999), recipe=QUICK)
    assert made.levels == (0.8,)
    assert any("No interval at 0.999: 100 validation windows cannot carry it" in note for note in made.notes)


def test_the_default_model_says_how_its_look_back_was_decided(hourly):
    made = heedful.fit(hourly, "load", horizon=2, recipe=QUICK)
    assert made.shape.window == 36
    assert made.plan.centre in ("last", "mean")
    assert any("Look-back of 36 rows, centring" in note for note in made.notes)
    short = heedful.fit(hourly.iloc[:120], "load", horizon=2, split=(0.6, 0.2, 0.2), recipe=QUICK)
    assert short.shape.window <= 32


def test_a_plan_is_read_from_its_file_and_kept(tmp_path):
    plan = Plan(recurrence=Recurrence(kind="gru", width=3))
    (tmp_path / "mine.toml").write_text(plan.to_toml())
    made = heedful.fit("sine", plan=tmp_path / "mine.toml", window=8, recipe=QUICK)
    assert made.plan == plan
    with pytest.raises(DataError, match=r"none.toml cannot be read"):
        heedful.fit("sine", plan=tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("options", "error", "advice"),
    [
        ({"target": "lod"}, UnknownName, "Did you mean 'load'"),
        ({"target": None}, OptionError, "fit needs a target"),
        ({"model": "cnn-lstmm"}, UnknownName, "Did you mean 'cnn-lstm'"),
        ({"horizon": 0}, OptionError, "horizon to be a whole number of at least 1"),
        ({"split": (0.5, 0.5)}, OptionError, "three sizes"),
        ({"seeds": 0}, OptionError, "at least one seed"),
        ({"levels": (0.8, 80)}, OptionError, "between 0 and 1"),
        ({"window": 300}, DataError, "Shorten the window"),
        ({"known": "plan", "past": "plan"}, OptionError, "plan"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_written(hourly, tmp_path, options, error, advice):
    with pytest.raises(error, match=advice):
        heedful.fit(hourly, **({"target": "load", "model": "cnn-lstm", "out": tmp_path / "out"} | options))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("horizon", "part"), [(33, "validation"), (224, "train")])
def test_a_horizon_that_a_part_is_too_short_for_is_told_with_its_rows(hourly, horizon, part):
    rows = {"validation": 32, "train": 224}[part]
    parts = (0.7, 0.1, 0.2) if part == "validation" else (224, 48, 48)
    with pytest.raises(
        DataError, match=f"horizon of {horizon} rows does not fit the {part} part, which has {rows} rows"
    ):
        heedful.fit(hourly, "load", horizon=horizon, split=parts)


def test_an_array_is_refused_with_what_to_do():
    with pytest.raises(DataError, match=r"got ndarray\. Put arrays into a frame with named columns"):
        heedful.fit(np.zeros((50, 2)), "load")


def test_a_model_that_is_no_better_than_the_last_value_says_so():
    t, noise = np.arange(400), np.random.default_rng(0).normal(size=400)
    turned = pd.DataFrame({"y": np.where(t < 320, 2 * t, 1280 - 2 * t) + 0.1 * noise})  # what was learned turns round
    made = heedful.fit(turned, "y", "cnn-lstm", window=6, recipe=Recipe(epochs=5))
    assert made.notes[-1].startswith("cnn-lstm is no better than repeating the last value on the test part: y (skill -")
    calm = pd.DataFrame({"y": np.random.default_rng(0).normal(size=400)})
    better = heedful.fit(calm, "y", "cnn-lstm", window=6, recipe=QUICK)
    assert better.notes[-1].startswith("cnn-lstm beats repeating the last value on the test part: y (skill +")


def test_texts_that_training_did_not_show_are_named(hourly):
    frame = hourly.assign(wind=np.tile(["N", "S", "W", "N"], 80))
    made = heedful.fit(frame, "load", "cnn-lstm", features="wind", window=6, recipe=QUICK)
    assert not any("levels known" in note for note in heedful.predict(made, frame).attrs["notes"])
    frame.loc[[310, 311, 319], "wind"] = ["ZZ", "Q", "ZZ"]
    notes = heedful.predict(made, frame).attrs["notes"]
    assert any("wind has texts that are none of the 3 levels" in n and "ZZ (2 rows), Q (1 row)." in n for n in notes)


def test_every_series_with_windows_enough_has_its_own_margin():
    rng, parts = np.random.default_rng(5), []
    # Scales come from the train rows: later, one series is ten times as rough and the other ten times as calm.
    for name, later in (("rough", 10.0), ("calm", 0.1)):
        noise = rng.normal(size=600) * np.where(np.arange(600) < 300, 1.0, later)
        parts.append(
            pd.DataFrame({"site": name, "time": pd.date_range("2024-01-01", periods=600, freq="h"), "y": noise})
        )
    made = heedful.fit(
        pd.concat(parts), "y", "cnn-lstm", series="site", window=4, split=(0.5, 0.25, 0.25), levels=(0.8,), recipe=QUICK
    )
    assert made.intervals.members == ("rough", "calm")
    note = next(note for note in made.notes if note.startswith("Series differ"))
    shares = [float(word.removesuffix("%")) for word in note.split() if word.endswith("%") and len(word) > 1]
    assert 65 < shares[0] <= shares[1] < 95
    told = heedful.predict(made, pd.concat(parts))
    width = (told["upper_80"] - told["lower_80"]).set_axis(told["series"])
    assert width["rough"] > 30 * width["calm"]
    alone = heedful.predict(made, parts[1])
    assert (alone["upper_80"] - alone["lower_80"])[0] == pytest.approx(width["calm"])


def test_a_bundle_is_replaced_only_when_that_is_asked_for(hourly, tmp_path):
    out = tmp_path / "out"
    options = {"model": "cnn-lstm", "window": 6, "recipe": QUICK, "out": out}
    heedful.fit(hourly, "load", **options)
    made = heedful.fit(hourly, "heat", **options, overwrite=True)
    assert made.folder == out
    assert heedful.Bundle.load(out).targets == ("heat",)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert sorted(p.name for p in out.iterdir()) == ["bundle.json", "model.safetensors"]
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds other files, such as mine\.txt"):
        heedful.fit(hourly, "load", **options, overwrite=True)
    assert (out / "mine.txt").read_text() == "mine"
    (tmp_path / "no" / "x").mkdir(parents=True)
    (tmp_path / "no" / "bundle.json").write_text("{}")
    with pytest.raises(DataError, match="holds other files"):
        heedful.fit(hourly, "load", **(options | {"out": tmp_path / "no"}), overwrite=True)


def test_a_folder_that_holds_something_is_left_alone(hourly, tmp_path):
    out = tmp_path / "out"
    heedful.fit(hourly, "load", "cnn-lstm", window=6, recipe=QUICK, out=out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(DataError, match="holds a bundle already"):
        heedful.fit(hourly, "load", "cnn-lstm", window=6, recipe=QUICK, out=out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds other files, such as"):
        heedful.fit(hourly, "load", "cnn-lstm", window=6, recipe=QUICK, out=tmp_path)


def test_a_training_that_was_killed_goes_on_and_ends_at_the_same_numbers(tmp_path):
    code = (
        "import sys, heedful\nfrom heedful.train import Recipe\n"
        "heedful.fit('sine', model='attention-gru', window=16, seeds=2, recipe=Recipe(epochs=12), out=sys.argv[1])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "cut")], env=environment)
    for _ in range(1200):
        if (tmp_path / "cut" / "training.1").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert sorted(p.name for p in (tmp_path / "cut").glob("[!.]*")) == ["training.0.done", "training.1"]
    epochs = []
    cut, whole = (
        heedful.fit(
            "sine", model="attention-gru", window=16, seeds=2, recipe=Recipe(epochs=12), out=tmp_path / name,
            progress=epochs.append,
        )
        for name in ("cut", "whole")
    )  # fmt: skip
    assert len(epochs) < 2 * 12 + 12
    assert all(bool((cut.state[name] == value).all()) for name, value in whole.state.items())
    assert cut.scores == whole.scores
    assert sorted(p.name for p in (tmp_path / "cut").glob("[!.]*")) == ["bundle.json", "model.safetensors"]


def test_a_cut_off_training_of_another_kind_is_not_taken_up(hourly, tmp_path):
    heedful.fit(hourly, "load", "cnn-lstm", window=6, recipe=QUICK, out=tmp_path / "first")

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        heedful.fit(hourly, "load", "cnn-lstm", window=6, recipe=QUICK, out=tmp_path / "out", progress=stop)
    with pytest.raises(OptionError, match="another training|other data"):
        heedful.fit(hourly, "load", "cnn-lstm", window=8, recipe=QUICK, out=tmp_path / "out")
    made = heedful.fit(hourly, "load", "cnn-lstm", window=6, recipe=QUICK, out=tmp_path / "out")
    assert made.scores == heedful.Bundle.load(tmp_path / "first").scores


def test_progress_counts_epochs(hourly):
    seen = []
    heedful.fit(hourly, "load", "cnn-lstm", window=6, recipe=QUICK, progress=seen.append)
    assert [(one.done, one.total, one.label, one.epoch) for one in seen] == [
        (1, 2, "cnn-lstm", 1),
        (2, 2, "cnn-lstm", 2),
    ]
