"""A bundle asked of new recordings, and what it remembers of its split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful import sealed
from heedful.data.recordings import Augment, Recording, Recordings
from heedful.errors import DataError, OptionError
from heedful.signals.bundle import SignalBundle
from heedful.signals.inputs import Cutting
from heedful.signals.jobs import Field, SignalJob, own_augment
from heedful.signals.predicting import predict
from heedful.signals.training import train
from heedful.train import Recipe

SHORT = Recipe(epochs=1, batch=16, learning_rate=3e-3)


@pytest.fixture(scope="module")
def two() -> Recordings:
    """Two channels, of which one alone tells the class by its level."""
    rng = np.random.default_rng(0)
    items = []
    for number in range(12):
        loud = number % 2
        values = np.stack([rng.normal(0, 1 + 9 * loud, 240), rng.normal(0, 3, 240)])
        items.append(Recording(name=f"r{number:02d}", values=values, label=("low", "high")[loud], channels=("x", "y")))
    return Recordings(items=tuple(items))


@pytest.fixture(scope="module")
def bundle(two: Recordings) -> SignalBundle:
    return train(two, "wdcnn", window=60, validation=0, recipe=SHORT, scaling="standard")


def written(folder: Path, made: Recordings, names: dict[str, int]) -> Path:
    folder.mkdir()
    for one in made.items:
        pd.DataFrame({name: one.values[place] for name, place in names.items()}).to_csv(
            folder / f"{one.name}.csv", index=False
        )
    return folder


def test_channels_are_brought_to_the_order_of_training(two: Recordings, bundle: SignalBundle, tmp_path: Path) -> None:
    told = predict(bundle, two)
    for number, names in enumerate(({"y": 1, "x": 0}, {"y": 1, "z": 1, "x": 0})):
        again = predict(bundle, written(tmp_path / f"{number}", two, names))
        np.testing.assert_allclose(again["p"], told["p"], atol=2e-6)
        assert again["said"].tolist() == told["said"].tolist()
        assert not [note for note in again.attrs["notes"] if "other names" in note]
    turned = [replace(one, values=one.values[::-1], channels=("y", "x")) for one in two.items]
    pd.testing.assert_frame_equal(predict(bundle, Recordings(items=tuple(turned))), told)


def test_channels_of_other_names_are_read_in_their_order_and_told(
    two: Recordings, bundle: SignalBundle, tmp_path: Path
) -> None:
    told = predict(bundle, written(tmp_path / "other", two, {"y": 1, "b": 0}))
    [note] = [note for note in told.attrs["notes"] if "other names" in note]
    assert "'y' as 'x', 'b' as 'y'" in note
    with pytest.raises(DataError, match="reads 2 channels"):
        predict(bundle, written(tmp_path / "one", two, {"a": 1}))


def test_a_bundle_holds_its_test_scores_and_what_its_split_was(two: Recordings, tmp_path: Path) -> None:
    options = {"models": "wdcnn", "seeds": 1, "recipe": SHORT, "window": 60, "jobs": 1, "folds": 1}
    found = heedful.classify(two, split="random-windows", out=tmp_path / "out", **options)
    made = SignalBundle.load(tmp_path / "out" / "models" / "wdcnn" / "0")
    own = found.scores.query("model == 'wdcnn' and split == 'test'")
    assert dict(made.scores) == pytest.approx(dict(zip(own["metric"], own["value"], strict=True)), nan_ok=True)
    assert any("leaky" in note for note in made.notes)
    assert any("leaky" in note for note in predict(made, two).attrs["notes"])


def test_a_bundle_without_a_test_part_claims_no_scores(bundle: SignalBundle) -> None:
    assert bundle.scores == ()
    assert not any("leaky" in note for note in bundle.notes)


def test_one_group_a_class_is_trained_in_time_and_told(two: Recordings) -> None:
    items = [replace(one, group=one.label) for one in two.items]
    made = train(Recordings(items=tuple(items)), "wdcnn", window=60, recipe=SHORT)
    assert any("in time" in note for note in made.notes)


def test_a_bundle_of_a_detector_is_named_as_such(tmp_path: Path) -> None:
    sealed.write(tmp_path / "detector", {}, {"format": 1, "kind": "detector"})
    with pytest.raises(OptionError, match="detects what is unusual"):
        SignalBundle.load(tmp_path / "detector")
    sealed.write(tmp_path / "forecast", {}, {"format": 1})
    with pytest.raises(OptionError, match="forecasts a table"):
        SignalBundle.load(tmp_path / "forecast")


def test_an_augmentation_of_nothing_is_not_that_of_the_model(two: Recordings) -> None:
    cutting = Cutting(window=60, folds=1)
    field = Field(folds=cutting.lay(cutting.parts(two)), classes=2, recipe=SHORT)
    model = next(name for name in ("wdcnn", "order-envelope", "resnet1d", "lstm-fcn") if own_augment(name))
    said = [
        replace(field, augment=augment).run(SignalJob(model=model, seeds=(0,), fold=""))[0].trial.test
        for augment in (None, own_augment(model), Augment())
    ]
    np.testing.assert_array_equal(said[0], said[1])
    assert not np.allclose(said[0], said[2])
