"""Training curves as one table and as event files."""

from __future__ import annotations

import builtins
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from heedful.errors import DataError, OptionError, UnknownName
from heedful.train import Recipe, fit
from heedful.train.fitted import Epoch
from heedful.train.log import COLUMNS, ready, training_table, write_tensorboard


class Line(nn.Module):
    """One linear map of the newest step to four steps of two targets."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x[:, -1]).unflatten(-1, (4, 2))


class Trial:
    def __init__(self, model: str, seed: int | None, history: tuple[Epoch, ...]) -> None:
        self.model, self.seed, self.history = model, seed, history


@pytest.fixture
def trials():
    epochs = tuple(Epoch(train=1 / n, validation=2 / n, rate=1e-3 * n, seconds=3.0 * n) for n in (1, 2, 3))
    bare = (Epoch(train=0.5, validation=float("nan")),)
    return [Trial("resnet1d+se@block2", 7, epochs), Trial("persistence", None, ()), Trial("wdcnn", 0, bare)]


def test_the_table_has_a_row_for_each_epoch_and_loses_no_digit(trials):
    table = pd.read_csv(io.StringIO(training_table(trials)))
    assert tuple(table) == COLUMNS
    assert table["model"].tolist() == ["resnet1d+se@block2"] * 3 + ["wdcnn"]
    assert table["epoch"].tolist() == [1, 2, 3, 1]
    assert table["train"].tolist() == [1.0, 0.5, 1 / 3, 0.5]
    assert table["validation"].tolist()[:3] == [2.0, 1.0, 2 / 3]
    assert table["learning_rate"].tolist()[:3] == [0.001, 0.002, 0.003]
    assert table["seconds"].tolist()[:3] == [3.0, 6.0, 9.0]


def test_what_was_not_measured_is_left_empty(trials):
    assert training_table(trials).splitlines()[-1] == "wdcnn,0,1,0.5,,,"


def test_a_fit_tells_its_learning_rates_and_how_long_it_took(everything):
    (train, validation, _), scaler = everything
    recipe = Recipe(epochs=4, batch=16, warmup=0.0)
    one = fit([Line()], train, validation, scaler=scaler, recipe=recipe, seeds=(3,), device="cpu")[0]
    steps = -(-len(train) // 16)
    last = [0.5e-3 * (1 + np.cos(np.pi * (n * steps - 1) / (4 * steps))) for n in (1, 2, 3, 4)]
    assert one.rates == pytest.approx(last)
    assert all(a < b for a, b in zip(one.clock, one.clock[1:], strict=False))
    assert one.clock[-1] <= one.seconds
    assert len(training_table([Trial("net", 3, one.history)]).splitlines()) == 1 + 4


def test_event_files_hold_every_curve(trials, tmp_path):
    places = write_tensorboard(tmp_path, trials)
    assert places == [tmp_path / "resnet1d+se@block2" / "7", tmp_path / "wdcnn" / "0"]
    events = EventAccumulator(str(places[0])).Reload()
    assert sorted(events.Tags()["scalars"]) == ["learning rate", "loss/train", "loss/validation", "seconds"]
    assert [(e.step, e.value) for e in events.Scalars("loss/validation")] == [
        (1, 2.0),
        (2, 1.0),
        (3, pytest.approx(2 / 3)),
    ]
    assert EventAccumulator(str(places[1])).Reload().Tags()["scalars"] == ["loss/train"]


def test_a_trial_written_again_is_shown_once(trials, tmp_path):
    for _ in range(2):
        place = write_tensorboard(tmp_path, trials[:1])[0]
    (place / "mine.txt").write_text("stays")
    trials[0].history = tuple(replace(epoch, train=9.0) for epoch in trials[0].history)
    write_tensorboard(tmp_path, trials[:1])
    assert [e.value for e in EventAccumulator(str(place)).Reload().Scalars("loss/train")] == [9.0] * 3
    assert sorted(p.name for p in place.iterdir() if not p.name.startswith("events")) == ["mine.txt"]
    assert len(list(place.iterdir())) == 2


def test_a_folder_that_is_a_file_is_refused(trials, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(DataError, match="cannot be written .*Give a folder that can be written to"):
        write_tensorboard(tmp_path / "taken", trials)


def test_an_unknown_log_and_a_missing_package_say_what_to_do(monkeypatch, trials, tmp_path):
    with pytest.raises(UnknownName, match="tensorboard"):
        ready("tensorbord")
    real = builtins.__import__

    def without(name, *rest, **options):
        if name.split(".")[0] == "tensorboard":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(OptionError, match=r"not installed. Run: pip install 'heedful\[tensorboard\]'"):
        write_tensorboard(tmp_path, trials)
