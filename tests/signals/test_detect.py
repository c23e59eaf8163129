"""heedful.detect, end to end on small tables and recordings with planted anomalies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import heedful
from heedful.cli import app
from heedful.data.recordings import Recording, Recordings
from heedful.errors import DataError, OptionError, UnknownName
from heedful.report.detection import render
from heedful.signals.detection.bundle import DetectorBundle
from heedful.signals.detection.result import Detection
from heedful.train import Recipe

QUICK = {"epochs": 2}
FEW = Recipe(epochs=6, batch=16, learning_rate=3e-3)
PLANTED = ((1000, 3), (1150, 8), (1350, 1))


def table(rows: int = 1500, seed: int = 0, *, planted: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    load = 10 + 3 * np.sin(2 * np.pi * t / 24) + rng.normal(0, 0.3, rows)
    heat = 0.5 * load + rng.normal(0, 0.2, rows)
    fault = np.zeros(rows, int)
    for start, length in PLANTED if planted else ():
        load[start : start + length] += 4
        fault[start : start + length] = 1
    stamps = pd.date_range("2024-01-01", periods=rows, freq="h")
    return pd.DataFrame({"time": stamps, "load": load, "heat": heat, "fault": fault})


def machines(groups: int = 8, seed: int = 0, length: int = 900) -> Recordings:
    """Slow tones are usual, fast ones and steps are not; every group has its own gain."""
    rng = np.random.default_rng(seed)
    items = []
    for label, frequency in (("fine", 0.03), ("loose", 0.21)):
        for group in range(groups if label == "fine" else 2):
            wave = np.sin(2 * np.pi * frequency * np.arange(length) + rng.uniform(0, 6))
            values = rng.uniform(0.9, 1.1) * wave + rng.normal(0, 0.1, length)
            name = f"{label}-{group}"
            items.append(Recording(name=name, values=values[None], rate=50.0, label=label, group=name))
    return Recordings(items=tuple(items), name="machines")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Detection:
    folder = tmp_path_factory.mktemp("table") / "out"
    return heedful.detect(table(), label="fault", seeds=2, out=folder, alarm_rate=0.02, **QUICK)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Detection:
    folder = tmp_path_factory.mktemp("recordings") / "out"
    return heedful.detect(
        machines(), normal="fine", window=60, model="conv-autoencoder+eca", recipe=FEW, alarm_rate=0.05, out=folder
    )


# --- a table ------------------------------------------------------------------------------------------------------


def test_planted_anomalies_of_a_table_are_found(found: Detection) -> None:
    own = found.measured(found.best)
    assert own["event_recall"] == 1.0
    assert own["auroc"] > 0.97
    assert own["false_alarm_rate"] < 0.05
    strongest = found.alarms.nlargest(3, "peak")
    assert set(strongest["strangest"]) <= {"load"}
    assert (strongest["true_points"] > 0).all()
    assert found.alarms["start"].iloc[0] >= "2024-02-07"


def test_every_baseline_stands_beside_the_network_with_the_same_promise(found: Detection) -> None:
    assert set(found.summary.index) == {"heedful", "level", "moving_z", "persistence"}
    assert {track.threshold.alarm_rate for track in found.tracks} == {0.02}
    assert found.summary.loc["heedful", "composite_f1"] > found.summary.loc["persistence", "composite_f1"]
    assert "where the best baseline" in str(found.findings[0])


def test_false_alarms_on_a_clean_table_are_within_chance_of_the_promise() -> None:
    rates, promised = [], 0.03
    for seed in range(4):
        clean = heedful.detect(
            table(3000, seed, planted=False).drop(columns="fault"), alarm_rate=promised, model="heedful", epochs=2
        )
        rates.append(clean.measured(clean.best)["alarm_share"])
    # Given the calibration rows the share is Beta: each has a variance of about p (1 - p) / calibration rows.
    spread = np.sqrt(promised * (1 - promised) * (1 / 450 + 1 / 1200) / 4)
    assert abs(np.mean(rates) - promised) < 3.5 * spread + 0.005  # neighbouring rows are not quite independent


def test_the_threshold_never_sees_the_rows_that_are_tested(found: Detection) -> None:
    frame, rng = table(), np.random.default_rng(1)
    columns = ["load", "heat"]
    frame.loc[900:, columns] = rng.permutation(frame.loc[900:, columns].to_numpy()) * 5
    other = heedful.detect(frame, label="fault", seeds=2, alarm_rate=0.02, **QUICK)
    assert [t.threshold for t in other.tracks] == [t.threshold for t in found.tracks]
    assert other.best.seed == found.best.seed
    assert not np.allclose(other.best.test, found.best.test, equal_nan=True)


def test_labels_of_a_table_change_no_score(found: Detection) -> None:
    frame = table()
    frame["fault"] = np.random.default_rng(2).permutation(frame["fault"])
    other = heedful.detect(frame, label="fault", seeds=2, alarm_rate=0.02, **QUICK)
    bare = heedful.detect(frame.drop(columns="fault"), seeds=2, alarm_rate=0.02, **QUICK)
    for one in (other, bare):
        for mine, theirs in zip(one.tracks, found.tracks, strict=True):
            np.testing.assert_array_equal(mine.test, theirs.test)
            np.testing.assert_array_equal(mine.calibration, theirs.calibration)
    assert bare.points.truth is None
    assert "No label says whether they are real" in str(bare.findings[0])


def test_labels_follow_their_rows_when_a_table_is_out_of_order_and_has_gaps(found: Detection) -> None:
    frame = table().drop(index=range(1050, 1060)).sample(frac=1, random_state=0)
    other = heedful.detect(frame, label="fault", alarm_rate=0.02, **QUICK)
    marked = other.timeline.loc[other.timeline["truth"] == 1, "time"]
    expected = table().loc[lambda f: f["fault"] == 1, "time"].astype(str)
    assert sorted(marked) == sorted(expected)
    gap = other.timeline["time"].between("2024-02-13 18:00:00", "2024-02-14 03:00:00")
    assert gap.sum() == 10
    assert other.timeline.loc[gap, "heedful seed 0"].isna().all()
    assert (other.timeline.loc[gap, "alarm"] == 0).all()


def test_an_anomaly_does_not_echo_while_it_lies_in_the_look_back() -> None:
    frame = table(planted=False)
    frame.loc[1000:1011, "load"] += 12
    frame.loc[1000:1011, "fault"] = 1
    result = heedful.detect(frame, label="fault", target="load", window=48, epochs=2, alarm_rate=0.02)
    own = result.measured(result.best)
    assert own["event_recall"] == 1.0
    assert result.best.alarms[112:160].mean() < 0.15  # with the anomaly in the look-back nearly all of them would be


def test_a_level_that_stays_changed_is_taken_for_usual_in_the_end() -> None:
    frame = table(planted=False)
    frame.loc[1000:, "load"] += 12
    result = heedful.detect(frame, target="load", features="load", window=24, epochs=2, alarm_rate=0.02)
    assert result.best.alarms[100:120].mean() > 0.9
    assert result.best.alarms[300:].mean() < 0.5


def test_a_horizon_above_one_averages_the_forecasts_of_a_row() -> None:
    far = heedful.detect(table(), label="fault", horizon=3, alarm_rate=0.02, **QUICK)
    assert np.isfinite(far.best.test).all()
    assert far.measured(far.best)["event_recall"] == 1.0


def test_a_known_column_takes_away_what_it_explains() -> None:
    frame = table(planted=False).drop(columns=["fault", "heat"])
    frame["opened"] = (np.random.default_rng(3).random(len(frame)) < 0.05).astype(float)
    frame["load"] += 5 * frame["opened"]
    told = {"alarm_rate": 0.05, "target": "load", "window": 24, "epochs": 5}
    blind = heedful.detect(frame, features="load", **told)
    seeing = heedful.detect(frame, known="opened", **told)
    assert seeing.best.watched < 0.5 * blind.best.watched


def test_windows_of_a_table_can_be_rebuilt() -> None:
    longer = replace(FEW, epochs=20)
    windows = heedful.detect(table(), label="fault", method="reconstruction", window=24, step=6, recipe=longer)
    assert windows.best.model == "conv-autoencoder"
    assert windows.kind == "recordings"
    assert windows.points.unit == "time"
    assert windows.points.truth is not None
    assert 3 <= windows.points.truth.sum() <= 20
    assert windows.points.truth[np.argsort(windows.best.test)[-2:]].all()


# --- recordings ---------------------------------------------------------------------------------------------------


def test_recordings_that_are_not_usual_are_found(heard: Detection) -> None:
    own = heard.measured(heard.best)
    assert own["auroc"] > 0.95
    assert own["event_recall"] == 1.0
    assert set(heard.summary.index) == {"conv-autoencoder+eca", "rms", "spectrum"}
    assert heard.points.a_day == pytest.approx(86_400 * 50 / 60)


def test_nothing_is_learned_from_recordings_that_are_not_usual(heard: Detection) -> None:
    read = machines()
    renamed = tuple(
        one if one.label == "fine" else replace(one, label="worn", values=one.values * 3, group="x")
        for one in read.items
    )
    other = heedful.detect(
        replace(read, items=renamed), normal="fine", window=60, model="conv-autoencoder+eca", recipe=FEW,
        alarm_rate=0.05,
    )  # fmt: skip
    assert [t.threshold for t in other.tracks] == [t.threshold for t in heard.tracks]
    usual = ~heard.points.truth
    np.testing.assert_allclose(other.best.test[~other.points.truth], heard.best.test[usual])


def test_no_group_is_learned_from_and_calibrated_or_tested(heard: Detection) -> None:
    from heedful.signals.detection.windows import lay

    laid = lay(machines(), "fine", window=60)
    parts = {cuts.part.name: set(cuts.groups) for cuts in (laid.train, laid.calibration, laid.test)}
    assert not parts["train"] & parts["calibration"]
    assert not parts["train"] & parts["test"]
    assert not parts["calibration"] & parts["test"]
    assert {"loose-0", "loose-1"} <= parts["test"]
    assert laid.validation.part.name == "validation"
    assert all(one.label is None for one in laid.train.recordings.items)
    assert heard.groups == len(parts["calibration"])


def test_without_labels_the_first_part_in_time_is_learned_from() -> None:
    values = np.sin(np.arange(6000) * 0.2) + np.random.default_rng(0).normal(0, 0.1, 6000)
    values[5200:5300] += 3
    one = Recording(name="one", values=values[None])
    result = heedful.detect(Recordings(items=(one,)), window=50, recipe=FEW, alarm_rate=0.1)
    assert result.points.truth is None
    assert result.points.start.min() >= 3600
    peaks = result.alarms.nlargest(1, "peak")
    assert peaks["peak_at"].between(5150, 5300).all()


def test_a_threshold_on_few_groups_is_said_to_promise_little(heard: Detection) -> None:
    assert any("Thresholds rest on" in str(one) for one in heard.findings)
    loud = machines()
    last = max(one.name for one in loud.items if one.label == "fine")
    items = tuple(replace(o, values=o.values * 4) if o.name in (last, "fine-0", "fine-3") else o for o in loud.items)
    result = heedful.detect(
        replace(loud, items=items), normal="fine", window=60, model="conv-autoencoder", recipe=FEW, alarm_rate=0.05
    )
    assert np.isfinite(result.best.threshold.value)


# --- what is left behind ------------------------------------------------------------------------------------------


def test_a_folder_holds_scores_alarms_and_a_page(found: Detection) -> None:
    folder = found.folder
    assert folder is not None
    assert {p.name for p in folder.iterdir()} - {".lock"} == {
        "alarms.csv", "models", "report.html", "run.json", "scores.csv", "timeline.csv"
    }  # fmt: skip
    events = pd.read_csv(folder / "alarms.csv")
    assert list(events.columns[:7]) == ["source", "start", "end", "points", "peak", "peak_at", "threshold"]
    assert len(events) == len(found.events)
    timeline = pd.read_csv(folder / "timeline.csv")
    assert len(timeline) == len(found.points) == 600
    assert int(timeline["alarm"].sum()) == int(found.best.alarms.sum()) == int(events["points"].sum())
    run = json.loads((folder / "run.json").read_text())
    assert run["finished"] is True
    assert run["options"]["alarm_rate"] == 0.02
    with pytest.raises(DataError, match="holds another run"):
        heedful.detect(table(), label="fault", out=folder, alarm_rate=0.03, **QUICK)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_whole_and_loads_nothing(found: Detection, heard: Detection, language: str) -> None:
    for result in (found, heard):
        page = render(result, language)
        assert "http://" not in page.split("<script>")[0]
        assert result.best.model in page
        assert "Traceback" not in page
    if language == "zh":
        page = render(heard, "zh").split('<script type="application/json"')[0]
        assert "阈值依据" in page
        assert "windows are false alarms" not in page


def test_a_bundle_scores_new_rows_as_they_were_scored_before(found: Detection) -> None:
    assert found.folder is not None
    again = heedful.detect(table(), label="fault", bundle=found.folder / "models" / "heedful")
    same = again.timeline.set_index("start")
    assert again.best.threshold == found.best.threshold
    mine = same.loc[found.timeline["start"], f"heedful seed {again.best.seed}"]
    np.testing.assert_allclose(mine, np.round(found.best.test, 6), rtol=1e-4, atol=1e-4)
    assert len(again.tracks) == 1
    with pytest.raises(OptionError, match="used as it is, got alarm_rate"):
        heedful.detect(table(), bundle=found.bundle, alarm_rate=0.5)
    with pytest.raises(OptionError, match="watches a table, got recordings"):
        heedful.detect(machines(), normal="fine", bundle=found.bundle)


def test_a_bundle_scores_new_recordings_as_they_were_scored_before(heard: Detection) -> None:
    assert heard.folder is not None
    [folder] = (heard.folder / "models").iterdir()
    made = DetectorBundle.load(folder)
    again = heedful.detect(machines(), normal="fine", bundle=folder)
    where = {
        (s, a): score for s, a, score in zip(again.points.source, again.points.start, again.best.test, strict=True)
    }
    for s, a, score in zip(heard.points.source, heard.points.start, heard.best.test, strict=True):
        assert where[s, a] == pytest.approx(score, rel=1e-4)
    assert made.alarm.threshold == heard.best.threshold
    with pytest.raises(OptionError, match="heedful detect takes it"):
        heedful.predict(folder, machines())
    text = (folder / "bundle.json").read_text()
    (folder / "bundle.json").write_text(text.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DataError, match="not as it was written"):
        DetectorBundle.load(folder)
    (folder / "bundle.json").write_text(text)


def test_forecasting_bundles_have_no_threshold(tmp_path: Path) -> None:
    bundle = heedful.fit(table(400).drop(columns="fault"), "load", recipe=Recipe(epochs=1), model="cnn-lstm", window=8)
    with pytest.raises(OptionError, match="forecasts and has no threshold"):
        heedful.detect(table(400), bundle=bundle)


# --- what cannot be used ------------------------------------------------------------------------------------------


def test_what_cannot_be_used_says_so_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="fault"):
        heedful.detect(table(), label="faults", **QUICK)
    with pytest.raises(UnknownName, match="method"):
        heedful.detect(table(), method="magic")
    with pytest.raises(DataError, match="needs at least 999 calibration windows, got 225"):
        heedful.detect(table(), label="fault", alarm_rate=0.001, out=tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="which of the labels fine, loose says that all is usual"):
        heedful.detect(machines())
    with pytest.raises(DataError, match="No recording has the label 'good'"):
        heedful.detect(machines(), normal="good")
    with pytest.raises(OptionError, match="target is about a table"):
        heedful.detect(machines(), normal="fine", target="load")
    with pytest.raises(OptionError, match="train share between 0 and 1"):
        heedful.detect(table(), train=1.5, **QUICK)
    with pytest.raises(OptionError, match="knows the splits"):
        heedful.detect(machines(), normal="fine", split="random-windows")
    with pytest.raises(OptionError, match="merge"):
        heedful.detect(table(), merge=-1)


def test_the_same_call_gives_the_same_numbers(heard: Detection) -> None:
    again = heedful.detect(
        machines(), normal="fine", window=60, model="conv-autoencoder+eca", recipe=FEW, alarm_rate=0.05
    )
    np.testing.assert_array_equal(again.best.test, heard.best.test)


def test_the_command_says_where_the_alarms_are(tmp_path: Path) -> None:
    table(1200).to_csv(tmp_path / "t.csv", index=False)
    words = ["detect", str(tmp_path / "t.csv"), "--label", "fault", "--model", "cnn-lstm", "--window", "24"]
    out = CliRunner().invoke(app, [*words, "--epochs", "1", "--out", str(tmp_path / "out")])
    assert out.exit_code == 0, out.output
    assert "Events of cnn-lstm" in out.output
    assert "calibration" in out.output
    assert (tmp_path / "out" / "report.html").exists()
    new = CliRunner().invoke(
        app,
        ["detect", str(tmp_path / "t.csv"), "--bundle", str(tmp_path / "out/models/cnn-lstm"), "--out",
         str(tmp_path / "new"), "-q"],
    )  # fmt: skip
    assert new.exit_code == 0, new.output
    wrong = CliRunner().invoke(app, [*words, "--alarm-rate", "2", "--out", str(tmp_path / "other")])
    assert wrong.exit_code == 1
    assert "between 0 and 1" in wrong.output
    assert not (tmp_path / "other").exists()
