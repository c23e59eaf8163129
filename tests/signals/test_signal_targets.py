"""A number told of each window: life that is left, in its own unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import heedful
from heedful.data.recordings import Recording, Recordings
from heedful.errors import DataError
from heedful.models.signals import Ensemble
from heedful.signals.inputs import Cutting, open_recordings
from heedful.signals.jobs import Field, SignalJob
from heedful.signals.predicting import predict
from heedful.signals.units import in_units
from heedful.signals.work import bundle_of
from heedful.train import Recipe

FAST = Recipe(epochs=12, batch=32, learning_rate=3e-3)


def worn(machines: int = 6, seed: int = 0) -> pd.DataFrame:
    """Vibration of machines whose level grows as the hours run out."""
    rng = np.random.default_rng(seed)
    frames = []
    for machine in range(machines):
        size = int(rng.integers(1500, 2200))
        left = np.arange(size)[::-1] / 4
        level = rng.uniform(0.9, 1.1) * (1 + 6 * np.exp(-left / 150))
        frames.append(pd.DataFrame({"machine": f"m{machine}", "v": level * rng.normal(size=size), "hours": left}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("worn") / "worn.csv"
    worn().to_csv(path, index=False)
    return path


def test_the_life_that_is_left_is_told_of_each_window(table: Path) -> None:
    found = heedful.classify(
        table, target="hours", group="machine", window=64, models="wdcnn", seeds=1, recipe=FAST, jobs=1, folds=1
    )
    assert set(found.summary.index) == {"majority", "rms_forest", "spectrum_linear", "wdcnn"}
    assert found.summary.loc["rms_forest", "r2"] > 0.5  # the level is all there is
    assert found.summary.loc["wdcnn", "r2"] > 0.4
    one = found.predictions[found.predictions["model"] == "wdcnn"]
    frame = worn().set_index("machine")
    for machine, rows in one.groupby(one["recording"].str.slice(-1)):
        own = np.asarray(frame.loc[f"m{machine}", "hours"])
        np.testing.assert_allclose(rows["true"], own[np.asarray(rows["first"]) + 63])
    assert not set(found.folds[0].parts.train.groups) & set(found.folds[0].parts.test.groups)


def test_windows_that_end_without_a_target_are_left_out_and_told(tmp_path: Path) -> None:
    frame = worn(4)
    frame.loc[frame["hours"] > 300, "hours"] = np.nan
    frame.to_csv(tmp_path / "a.csv", index=False)
    found, _ = open_recordings(tmp_path / "a.csv", None, "hours", group="machine")
    cutting = Cutting(window=64, folds=1)
    [fold] = cutting.lay(cutting.parts(found))
    for cuts in (fold.train, fold.validation, fold.test):
        assert np.isfinite(cuts.targets).all()
        assert any("end at a sample without a target: left out" in note for note in cuts.notes)


def test_a_part_without_any_target_is_refused() -> None:
    rng = np.random.default_rng(1)
    targets = np.r_[np.arange(50.0), np.full(350, np.nan)]
    items = tuple(Recording(name=n, values=rng.normal(size=(1, 400)), targets=targets) for n in "abc")
    found = Recordings(items=items)
    cutting = Cutting(window=64, split="group", folds=1)
    with pytest.raises(DataError, match="No window of train ends at a sample with a target"):
        cutting.lay(cutting.parts(found))


def test_a_bundle_tells_the_number_in_its_unit_again(table: Path, tmp_path: Path) -> None:
    recordings, _ = open_recordings(table, None, "hours", group="machine")
    cutting = Cutting(window=64, folds=1)
    field = Field(folds=cutting.lay(cutting.parts(recordings)), classes=0, recipe=Recipe(epochs=1, batch=32))
    [heard] = field.run(SignalJob(model="wdcnn", seeds=(0,), fold=""))
    bundle_of(heard, field, whole=False).save(tmp_path / "bundle")
    told = predict(tmp_path / "bundle", table, windows=True, group="machine", target="hours")
    test = field.folds[0].test
    names = [recordings[n].name for n in test.starts[:, 0]]
    again = told.set_index(["recording", "first"]).loc[list(zip(names, test.starts[:, 1], strict=True)), "said"]
    np.testing.assert_allclose(again, heard.trial.test[:, 0], rtol=1e-4, atol=1e-2)
    assert np.abs(heard.trial.test).mean() > 50  # hours, not deviations


def test_each_member_of_an_ensemble_speaks_in_the_unit() -> None:
    class One(torch.nn.Module):
        shape = (1,)

        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
            return x.mean((1, 2))[:, None]

    made = in_units(Ensemble([One(), One()]), np.array([10.0, 30.0]))
    assert made(torch.ones(3, 4, 1)).squeeze(-1).tolist() == [30.0, 30.0, 30.0]
    assert made.head.loss(torch.tensor([[30.0]]), torch.tensor([10.0])).tolist() == [4.0]
