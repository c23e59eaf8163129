"""A folder that grows: what is asked for anew is trained, nothing else, and the tables are those of a new folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful.bundle import Bundle
from heedful.errors import DataError
from heedful.models import Shape
from heedful.train import Recipe
from heedful.train.stack import stackable
from heedful.trial.jobs import build

TRIAL = {"window": 6, "attention": "eca", "backbone": "attention-gru", "seeds": 2, "rates": [1e-3], "epochs": 1}
NETS = {"window": 6, "models": "attention-gru,cnn-lstm", "seeds": 2, "epochs": 2}
BASELINES = {"persistence-baseline", "ridge-baseline", "seasonal_naive-baseline"}


def table(rows: int = 240) -> pd.DataFrame:
    t = np.arange(rows)
    noise = np.random.default_rng(0).normal(size=(rows, 2))
    load = 50 + 10 * np.sin(t / 24 * 2 * np.pi) + noise[:, 0]
    when = pd.date_range("2024-01-01", periods=rows, freq="h")
    return pd.DataFrame({"when": when, "load": load, "heat": 5 + noise[:, 1]})


def run(out: Path, **options: Any) -> heedful.Comparison:
    return heedful.compare(table(), "load", out=out, jobs=1, **options)


def records(out: Path) -> dict[str, tuple[int, str]]:
    return {
        path.stem: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in out.glob("trials/*.safetensors")
    }


def bundles(out: Path, model: str) -> dict[int, str]:
    """The seeds whose bundles are kept, each with the weights that it holds."""
    return {
        int(path.name): hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()
        for path in out.glob(f"models/{model}/*")
    }


def grow(old: Path, folder: Path, options: dict[str, Any], **change: Any) -> tuple[Path, set[str]]:
    """Runs changed options in a copy of a folder and in a new one; both must agree. Gives the records written."""
    grown, new = folder / "grown", folder / "new"
    shutil.copytree(old, grown)
    before = records(grown)
    run(grown, **options | change)
    fresh = run(new, **options | change)
    for name in ("scores.csv", "forecasts.csv"):
        assert (grown / name).read_bytes() == (new / name).read_bytes(), name
    for model in fresh.models:
        assert bundles(grown, model) == bundles(new, model), model
    after = records(grown)
    assert set(before) <= set(after)
    return grown, {name for name in after if after[name] != before.get(name)}


def nets(*names: str, seeds: int = 2) -> set[str]:
    return {f"{name}-{seed}" for name in names for seed in range(seeds)}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("growth") / "trial"
    run(out, **TRIAL)
    return out


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("growth") / "small"
    run(out, **NETS)
    return out


def test_of_the_two_models_one_is_trained_with_all_its_seeds_at_once() -> None:
    shape = Shape(6, 2)
    assert stackable(build("cnn-lstm", shape, 0), window=6, features=2)
    assert not stackable(build("attention-gru", shape, 0), window=6, features=2)


def test_another_attention_trains_its_own_arms_only(trial, tmp_path):
    grown, written = grow(trial, tmp_path, TRIAL, attention="eca,se")
    assert written == set(records(tmp_path / "new")) - set(records(trial))
    assert nets("attention-gru+se", "attention-gru+se+placebo") <= written
    assert nets("attention-gru", "attention-gru+eca") <= set(records(grown)) - written
    told = json.loads((grown / "run.json").read_text())
    assert told["options"]["attention"] == ["attention-gru+eca", "attention-gru+se"]
    assert told["finished"] is True


def test_another_margin_trains_nothing(trial, tmp_path):
    grown, written = grow(trial, tmp_path, TRIAL, margin=0.5)
    assert not written
    assert json.loads((grown / "run.json").read_text())["options"]["margin"] == 0.5


def test_another_seed_trains_what_is_trained_alone_once_and_what_is_trained_together_anew(small, tmp_path):
    _, written = grow(small, tmp_path, NETS, seeds=3)
    assert written == {"attention-gru-2", *nets("cnn-lstm", seeds=3)}


def test_fewer_seeds_train_nothing_that_is_trained_alone(small, tmp_path):
    _, written = grow(small, tmp_path, NETS, seeds=1)
    assert written == {"cnn-lstm-0"}


@pytest.mark.parametrize(
    "change",
    [{"epochs": 1}, {"recipe": Recipe(batch=16), "epochs": 2}, {"rates": [1e-3, 1e-2]}],
    ids=["epochs", "recipe", "rates"],
)
def test_networks_are_trained_anew_by_another_recipe_and_baselines_are_not(small, tmp_path, change):
    _, written = grow(small, tmp_path, NETS, **change)
    assert written == nets("attention-gru", "cnn-lstm")


def test_other_origins_do_everything_anew(small, tmp_path):
    _, written = grow(small, tmp_path, NETS, origins=2)
    assert written == BASELINES | nets("attention-gru", "cnn-lstm")


def test_models_no_longer_asked_for_leave_the_table_and_stay_on_disk(small, tmp_path):
    grown, written = grow(small, tmp_path, NETS, models="attention-gru")
    assert not written
    assert nets("cnn-lstm") < set(records(grown))
    assert "cnn-lstm" not in set(pd.read_csv(grown / "scores.csv")["model"])
    assert bundles(grown, "cnn-lstm") == bundles(small, "cnn-lstm")
    before = records(grown)
    run(grown, **NETS)
    assert records(grown) == before
    assert (grown / "scores.csv").read_bytes() == (small / "scores.csv").read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"window": 7}, "window: 6 there, 7 here"),
        ({"horizon": 2}, "horizon: 1 there, 2 here"),
        ({"season": 12}, "season: 24 there, 12 here"),
        ({"gap": 1}, "gap: 0 there, 1 here"),
        ({"split": (150, 30, 60)}, "train: "),
        ({"features": "heat"}, "features: None there, "),
        ({"calendar": True}, "calendar: False there, True here"),
    ],
)
def test_other_sizes_and_columns_are_refused_by_name_and_nothing_is_touched(small, tmp_path, change, told):
    shutil.copytree(small, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(DataError, match=f"another run .*{told}.*--overwrite"):
        run(tmp_path / "run", **NETS | change)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_other_data_and_versions_are_refused_by_name(small, tmp_path):
    shutil.copytree(small, tmp_path / "run")
    with pytest.raises(DataError, match="fingerprint: .* there"):
        heedful.compare(table().assign(heat=1.5 * table()["heat"]), "load", out=tmp_path / "run", jobs=1, **NETS)
    told = json.loads((small / "run.json").read_text())
    told["versions"]["torch"], told["key"] = "1.0", "of other versions"
    (tmp_path / "run" / "run.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"torch: 1\.0 there"):
        run(tmp_path / "run", **NETS)


def test_the_best_of_the_seeds_that_are_asked_for_is_kept_even_if_it_was_pruned_before(small, tmp_path):
    wide = NETS | {"models": "attention-gru", "seeds": 4, "epochs": 3}
    first = run(tmp_path / "first", **wide)
    losses = {t.seed: t.history[t.best_epoch - 1].validation for t in first.trials if t.seed is not None}
    best = min(losses, key=losses.__getitem__)
    assert set(bundles(tmp_path / "first", "attention-gru")) == {best}
    others = [seed for seed in losses if seed != best]
    _, written = grow(tmp_path / "first", tmp_path / "without", wide, seeds=others)
    assert not written
    second = min(others, key=losses.__getitem__)
    grown = tmp_path / "without" / "grown"
    assert set(bundles(grown, "attention-gru")) == {second}
    run(grown, **wide)
    assert bundles(grown, "attention-gru") == bundles(tmp_path / "first", "attention-gru")


@pytest.mark.parametrize(("first", "then", "count"), [("none", "best", 1), ("best", "all", 2), ("all", "none", 0)])
def test_bundles_are_those_that_keep_asks_for_now(tmp_path, first, then, count):
    run(tmp_path / "old", **NETS, keep=first)
    grown, written = grow(tmp_path / "old", tmp_path, NETS, keep=then)
    assert not written
    assert [len(bundles(grown, model)) for model in ("attention-gru", "cnn-lstm")] == [count, count]


def test_a_bundle_of_another_training_or_a_damaged_one_is_made_again(small, tmp_path):
    shutil.copytree(small, tmp_path / "run")
    whole = bundles(small, "attention-gru")
    [place] = (tmp_path / "run" / "models" / "attention-gru").iterdir()
    shutil.copytree(next((small / "models" / "cnn-lstm").iterdir()), place, dirs_exist_ok=True)
    run(tmp_path / "run", **NETS)
    assert bundles(tmp_path / "run", "attention-gru") == whole
    (place / "model.safetensors").write_bytes(b"half")
    run(tmp_path / "run", **NETS)
    assert bundles(tmp_path / "run", "attention-gru") == whole
    assert Bundle.load(place).model == "attention-gru"
    assert records(tmp_path / "run") == records(small)


def test_growth_that_was_stopped_says_so_and_goes_on(small, tmp_path):
    shutil.copytree(small, tmp_path / "run")
    more = NETS | {"models": "attention-gru,cnn-lstm,attention-lstm"}
    stopped = run(tmp_path / "run", **more, max_minutes=1e-9)
    assert not stopped.finished
    assert "attention-lstm" not in set(stopped.summary.index)
    assert {"attention-gru", "cnn-lstm"} <= set(stopped.summary.index)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"] is False
    _, written = grow(tmp_path / "run", tmp_path, more)
    assert written == nets("attention-lstm")


def test_a_run_that_dies_before_its_tables_leaves_those_of_the_run_before_and_is_not_called_finished(small, tmp_path):
    shutil.copytree(small, tmp_path / "run")

    def die(state: object) -> None:
        raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"):
        run(tmp_path / "run", **NETS | {"epochs": 1}, progress=die)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"] is False
    assert (tmp_path / "run" / "scores.csv").read_bytes() == (small / "scores.csv").read_bytes()


def test_without_a_folder_of_its_own_every_run_has_another_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = NETS | {"models": (), "out": "auto"}
    places = [heedful.compare(table(), "load", jobs=1, **options | change).folder for change in ({}, {"epochs": 1}, {})]
    assert places[0] == places[2]
    other = heedful.compare(table(), "load", jobs=1, **options | {"seeds": 3}).folder
    assert other not in places


def test_what_was_asked_about_before_counts_in_the_correction(tmp_path):
    options = {"window": 7, "seeds": 3, "recipe": Recipe(epochs=1, batch=64), "jobs": 1, "rates": (3e-3,)}
    both = heedful.compare(table(), "load", attention="eca,se", out=tmp_path / "run", **options)
    one = heedful.compare(table(), "load", attention="se", out=tmp_path / "run", **options)
    assert one.earlier == ("cnn-lstm+eca",)
    assert [answer.verdict.family for answer in (*both.answers, *one.answers)] == [2, 2, 2]
    assert any("Asked about in this folder before" in finding.text for finding in one.findings)
    again = heedful.compare(table(), "load", attention="se", out=tmp_path / "run", **options)
    assert again.earlier == ("cnn-lstm+eca",)
    fresh = heedful.compare(table(), "load", attention="se", out=tmp_path / "run", overwrite=True, **options)
    assert fresh.earlier == ()
