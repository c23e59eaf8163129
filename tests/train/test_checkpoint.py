"""A training that was cut off ends at the same numbers, and only as the same training."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from heedful.errors import DataError, OptionError
from heedful.train import TimeUp, fit

RUNS = Path(__file__).with_name("runs.py")
spec = importlib.util.spec_from_file_location("runs", RUNS)
runs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runs)


@pytest.fixture(autouse=True)
def _same_threads_after():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def assert_same(some, others):
    for a, b in zip(some, others, strict=True):
        assert (a.seed, a.train_loss, a.validation_loss) == (b.seed, b.train_loss, b.validation_loss)
        assert a.best_epoch == b.best_epoch
        assert list(a.state) == list(b.state)
        assert all(torch.equal(a.state[name], b.state[name]) for name in a.state)


def kill(folder: Path, step: int, *seeds: int) -> None:
    done = subprocess.run([sys.executable, RUNS, folder, "killed", *map(str, (step, *seeds))], capture_output=True)
    assert done.returncode == -9, done.stderr.decode()


@pytest.mark.parametrize("seeds", [(3,), (3, 8)])
def test_a_training_killed_twice_ends_at_the_same_numbers(tmp_path, seeds):
    kill(tmp_path, 2 * runs.STEPS + 3, *seeds)
    file = tmp_path / "kept.safetensors"
    once = file.stat().st_mtime_ns
    kill(tmp_path, runs.STEPS + 2, *seeds)  # counted from the third epoch
    assert file.stat().st_mtime_ns > once
    resumed = runs.train(seeds, tmp_path)
    assert_same(resumed, runs.train(seeds, None))
    assert len(resumed[0].train_loss) == runs.RECIPE.epochs
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What a training leaves that was killed in its third epoch."""
    folder = tmp_path_factory.mktemp("left")
    kill(folder, 2 * runs.STEPS + 1, 3)
    return (folder / "kept.safetensors").read_bytes()


@pytest.fixture
def file(left, tmp_path):
    path = tmp_path / "kept.safetensors"
    path.write_bytes(left)
    return path


def go_on(file: Path, **options):
    (train, validation, _), scaler = runs.table()
    given = {"scaler": scaler, "recipe": runs.RECIPE, "seeds": (3,), "checkpoint": file, "device": "cpu"}
    return fit([runs.Net(3)], train, validation, **given | options)


def test_a_resumed_training_does_not_repeat_what_was_done(file):
    epochs = []
    go_on(file, tick=epochs.append)
    assert epochs == [3, 4, 5, 6]
    assert not file.exists()


def test_a_passed_deadline_leaves_the_checkpoint(file):
    with pytest.raises(TimeUp):
        go_on(file, deadline=time.monotonic())
    assert_same(go_on(file), runs.train((3,), None))


@pytest.mark.parametrize("other", ["seed", "recipe", "weights", "data", "windows"])
def test_a_checkpoint_of_another_training_is_refused_and_stays(file, left, other):
    (train, validation, _), scaler = runs.table(missing=other != "data")
    model, seed, recipe = runs.Net(4 if other == "weights" else 3), 4 if other == "seed" else 3, runs.RECIPE
    if other == "recipe":
        recipe = replace(recipe, clip=0.5)
    if other == "windows":
        validation = replace(validation, runs=tuple((first, count - 1) for first, count in validation.runs))
    with pytest.raises(OptionError, match=r"belongs to a training with other data.*remove it to train afresh"):
        fit([model], train, validation, scaler=scaler, recipe=recipe, seeds=(seed,), checkpoint=file, device="cpu")
    assert file.read_bytes() == left


@pytest.mark.parametrize("damage", [b"", b"nothing of the kind", None])
def test_a_damaged_checkpoint_is_refused(file, left, damage):
    file.write_bytes(left[:-5] if damage is None else damage)
    with pytest.raises(DataError, match=r"is no checkpoint that can be read .*Remove it to train afresh"):
        go_on(file)


def test_a_damaged_file_that_says_its_key_is_refused_too(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "kept.safetensors", {"told": "[]"})
    with pytest.raises(DataError, match="is no checkpoint that can be read"):
        runs.train((3,), tmp_path)


def test_seeds_trained_apart_keep_their_own_files(tmp_path):
    (train, validation, _), scaler = runs.table()
    seen = []
    fit(
        [runs.Net(3), runs.Net(8)],
        train,
        validation,
        scaler=scaler,
        recipe=replace(runs.RECIPE, schedule="plateau", epochs=2),
        seeds=(3, 8),
        tick=lambda _: seen.append([p.name for p in tmp_path.iterdir()]),
        checkpoint=tmp_path / "kept.safetensors",
        device="cpu",
    )
    assert seen == [["kept.3.safetensors"]] * 2 + [["kept.8.safetensors"]] * 2
    assert list(tmp_path.iterdir()) == []
