"""heedful.classify, end to end on small recordings."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful.data.recordings import Recordings
from heedful.errors import DataError, OptionError, UnknownName
from heedful.signals import scores
from heedful.signals.bundle import SignalBundle
from heedful.signals.jobs import Field
from heedful.signals.result import Classification
from heedful.train import Recipe

SHORT = Recipe(epochs=2, batch=16, learning_rate=3e-3)
SMALL = {"window": 60, "models": "wdcnn,wdcnn+eca", "seeds": 2, "recipe": SHORT, "jobs": 1, "folds": 1}


@pytest.fixture(scope="module")
def done(few_tones: Recordings, tmp_path_factory: pytest.TempPathFactory) -> Classification:
    return heedful.classify(few_tones, out=tmp_path_factory.mktemp("run") / "out", **SMALL)


def test_every_baseline_stands_beside_the_networks(done: Classification) -> None:
    assert set(done.summary.index) == {"majority", "rms_forest", "spectrum_linear", "wdcnn", "wdcnn+eca"}
    assert done.summary.loc["spectrum_linear", "accuracy"] > 0.9  # a tone is what a spectrum is for
    assert done.finished
    assert not done.leaky


def test_no_group_lies_in_two_parts(done: Classification) -> None:
    [fold] = done.folds
    groups = [set(part.groups) for part in fold.parts]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_scores_are_those_of_the_predictions(done: Classification) -> None:
    frame = done.predictions
    own = frame[(frame["model"] == "wdcnn") & (frame["seed"] == 1)]
    told = done.scores.query("model == 'wdcnn' and seed == 1 and split == 'test' and metric == 'accuracy'")
    assert float(told["value"].iloc[0]) == pytest.approx((own["true"] == own["said"]).mean())
    assert own[[f"p_{name}" for name in done.classes]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_a_vote_is_over_the_windows_of_one_recording(done: Classification) -> None:
    votes = done.votes
    own = votes[(votes["model"] == "wdcnn+eca") & (votes["seed"] == 0)]
    assert sorted(own["recording"]) == sorted(set(done.predictions["recording"]))
    assert (own["windows"] == 4).all()


def test_files_are_there_and_whole(done: Classification) -> None:
    assert done.folder is not None
    for name in ("scores.csv", "predictions.csv", "votes.csv", "training.csv", "run.json", "report.html"):
        assert (done.folder / name).stat().st_size > 100, name
    assert not [path for path in done.folder.rglob("*") if ".part" in path.name]
    run = json.loads((done.folder / "run.json").read_text())
    assert run["finished"]
    assert run["options"]["window"] == 60
    pd.testing.assert_frame_equal(
        pd.read_csv(done.folder / "scores.csv")[["model", "value"]], done.scores[["model", "value"]], rtol=1e-12
    )


def test_the_same_command_trains_nothing_again(
    done: Classification, few_tones: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a finished job was trained again")

    monkeypatch.setattr(Field, "run", never)
    again = heedful.classify(few_tones, out=done.folder, **SMALL)
    pd.testing.assert_frame_equal(again.scores, done.scores)


def test_a_run_grows_by_a_seed_without_training_the_others_again(few_tones: Recordings, tmp_path) -> None:
    options = {**SMALL, "models": "wdcnn", "seeds": 1}
    heedful.classify(few_tones, out=tmp_path / "grown", **options)
    record = tmp_path / "grown" / "trials" / "wdcnn-0.safetensors"
    before = record.stat().st_mtime_ns
    grown = heedful.classify(few_tones, out=tmp_path / "grown", **{**options, "seeds": 2})
    assert record.stat().st_mtime_ns == before
    fresh = heedful.classify(few_tones, out=tmp_path / "fresh", **{**options, "seeds": 2})
    pd.testing.assert_frame_equal(grown.scores, fresh.scores)
    with pytest.raises(DataError, match="window: 60 there, 30 here"):
        heedful.classify(few_tones, out=tmp_path / "grown", **{**options, "window": 30})


def test_processes_change_nothing(few_tones: Recordings, done: Classification) -> None:
    beside = heedful.classify(few_tones, **{**SMALL, "jobs": 2})
    pd.testing.assert_frame_equal(beside.scores, done.scores)


def test_a_bundle_says_what_the_comparison_said(done: Classification, few_tones: Recordings) -> None:
    assert done.folder is not None
    [place] = (done.folder / "models" / "wdcnn").iterdir()
    bundle = SignalBundle.load(place)
    [fold] = done.folds
    numbers = sorted(set(fold.test.starts[:, 0].tolist()))
    held = replace(few_tones, items=tuple(few_tones[i] for i in numbers))
    told = heedful.predict(place, held, windows=True)
    own = done.predictions[(done.predictions["model"] == "wdcnn") & (done.predictions["seed"] == bundle.seed)]
    assert told["said"].tolist() == own["said"].tolist()
    named = [f"p_{name}" for name in done.classes]
    np.testing.assert_allclose(told[named], own[named], atol=2e-6)
    loud = replace(held, items=tuple(replace(one, scale=1000.0) for one in held.items))
    assert heedful.predict(bundle, loud)["unlike"].min() == 1.0
    assert heedful.predict(bundle, held)["unlike"].max() < 0.5
    with pytest.raises(OptionError, match="about tables"):
        heedful.predict(place, held, levels=(0.9,))


def test_attention_is_answered_over_groups_and_folds(few_tones: Recordings) -> None:
    options = {**SMALL, "models": "", "folds": 2, "seeds": 3}
    found = heedful.classify(few_tones, attention="eca", rates=(3e-3,), **options)
    [answer] = found.answers
    assert answer.against_none.blocks == 12  # every group is tested once
    assert answer.against_none.over == "groups"
    assert answer.against_none.seeds == 3
    rates = {}
    for model in ("wdcnn", "wdcnn+eca"):
        own = found.predictions[found.predictions["model"] == model]
        rates[model] = (own["true"] != own["said"]).mean()
    assert answer.against_none.effect == pytest.approx(rates["wdcnn+eca"] - rates["wdcnn"])
    assert found.by_fold.shape[1] == 2


def test_random_windows_are_marked_leaky_everywhere(few_tones: Recordings, tmp_path) -> None:
    found = heedful.classify(
        few_tones, split="random-windows", out=tmp_path / "leaky", **{**SMALL, "models": "wdcnn", "seeds": 1}
    )
    assert found.leaky
    assert "LEAKY" in repr(found)
    assert found.findings[0].severity == "warning"
    assert "LEAKY" in found.findings[0].text
    assert "leaky" in (tmp_path / "leaky" / "report.html").read_text().lower()
    assert json.loads((tmp_path / "leaky" / "run.json").read_text())["split"]["folds"][0]["leaky"] is True


def test_a_number_is_told_in_place_of_a_class(few_tones: Recordings) -> None:
    found = heedful.classify(few_tones, target=True, **{**SMALL, "models": "wdcnn", "seeds": 1})
    assert found.classes == ()
    assert found.ranked_by == "rmse"
    assert found.summary.loc["spectrum_linear", "r2"] > 0.5
    assert list(found.predictions.columns[-2:]) == ["true", "said"]


def test_uneven_classes_are_weighed_by_default(few_tones: Recordings) -> None:
    from heedful.signals.inputs import Cutting
    from heedful.signals.jobs import balance

    kept = [one for one in few_tones.items if one.label != "slow" or one.name.endswith("-0")]
    parts = Cutting(window=60, folds=1)
    train = parts.lay(parts.parts(Recordings(items=tuple(kept))))[0].train
    weights, focal = balance(train, "auto")
    counts = np.bincount(train.labels)
    assert focal is None
    assert weights is not None
    np.testing.assert_allclose(np.array(weights) * counts, counts.sum() / 3)
    assert balance(train, "none") == (None, None)
    assert balance(train, "focal")[1] == 2.0


def test_two_sources_are_train_and_test(few_tones: Recordings) -> None:
    last = [one for one in few_tones.items if "-3-" in one.name]
    rest = [one for one in few_tones.items if "-3-" not in one.name]
    found = heedful.classify(
        Recordings(items=tuple(rest)),
        test=Recordings(items=tuple(last)),
        **{**SMALL, "models": "wdcnn", "seeds": 1},
    )
    assert {name.split("/")[0] for name in found.predictions["recording"]} == {"test"}


def test_wrong_input_is_named(few_tones: Recordings, tmp_path) -> None:
    alone = Recordings(items=tuple(one for one in few_tones.items if one.label == "fast"))
    with pytest.raises(DataError, match="two classes"):
        heedful.classify(alone, **SMALL)
    bare = Recordings(items=tuple(replace(one, label=None) for one in few_tones.items))
    with pytest.raises(DataError, match="a label"):
        heedful.classify(bare, **SMALL)
    with pytest.raises(OptionError, match="Give one"):
        heedful.classify(few_tones, "label", target="target", **SMALL)
    with pytest.raises(UnknownName, match="wdcnn"):
        heedful.classify(few_tones, **{**SMALL, "models": "wdcn"})
    with pytest.raises(OptionError, match="imbalance"):
        heedful.classify(few_tones, imbalance="some", out=tmp_path / "none", **SMALL)
    with pytest.raises(DataError, match="longer than every recording"):
        heedful.classify(few_tones, **{**SMALL, "window": 4000})
    assert not (tmp_path / "none").exists()


def test_the_metrics_are_known_by_name() -> None:
    assert set(scores.metrics_of(3)) == {m.name for m in scores.CLASSIFICATION}
    assert "rmse" in scores.metrics_of(0)


def test_files_without_a_label_are_predicted_too(done: Classification, few_tones: Recordings, tmp_path) -> None:
    items = few_tones.items[:3]
    for number, one in enumerate(items):
        np.save(tmp_path / f"{number}.npy", one.values[0])
    (tmp_path / "index.csv").write_text(f"file,label\n0.npy,{items[0].label}\n1.npy,\n2.npy,\n")
    told = heedful.predict(next((done.folder / "models" / "wdcnn").iterdir()), tmp_path)
    assert told["recording"].tolist() == ["0", "1", "2"]
    assert not any("has no label" in note for note in told.attrs["notes"])
