from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat, wavfile

from heedful.data.recordings import read_recordings, split_recordings
from heedful.errors import DataError, OptionError, ShapeError, UnknownName

RNG = np.random.default_rng(5)


def save(path: Path, n: int = 100, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, RNG.normal(size=(n, channels)) if channels > 1 else RNG.normal(size=n))


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for label in ("inner", "outer"):
        for i in range(3):
            save(tmp_path / "data" / label / f"{i}.npy", 50 + i)
    return tmp_path / "data"


def test_sub_folders_are_the_labels(classes: Path) -> None:
    found = read_recordings(classes)
    assert [(one.name, one.label) for one in found.items][:4] == [
        ("inner/0", "inner"), ("inner/1", "inner"), ("inner/2", "inner"), ("outer/0", "outer")]  # fmt: skip
    assert len(found.groups) == 6
    assert found.name == "data"
    assert any("Labels are the names" in n for n in found.notes)
    assert read_recordings(str(classes), label="folder").fingerprint == found.fingerprint


def test_folders_below_the_label_are_the_groups(tmp_path: Path) -> None:
    for place in ("inner/b1/0", "inner/b1/1", "inner/b2/day1/0", "outer/b1/0"):
        save(tmp_path / f"{place}.npy")
    found = read_recordings(tmp_path)
    assert found.groups == ("inner/b1", "inner/b2", "outer/b1")
    assert found.classes == ("inner", "outer")
    save(tmp_path / "outer" / "1.npy")
    with pytest.raises(DataError, match="2 folders below"):
        read_recordings(tmp_path, group="folder")
    assert len(read_recordings(tmp_path).groups) == 5


def test_a_folder_without_sub_folders_has_no_labels(tmp_path: Path) -> None:
    save(tmp_path / "a.npy")
    save(tmp_path / "b.npy")
    found = read_recordings(tmp_path)
    assert found.classes == ()
    assert len(found) == 2
    with pytest.raises(DataError, match="no label"):
        read_recordings(tmp_path, label="folder")


def test_folders_called_train_and_test_are_parts_and_no_labels(tmp_path: Path) -> None:
    for place in ("train/inner/0", "train/outer/0", "test/inner/0", "test/outer/0"):
        save(tmp_path / f"{place}.npy")
    found = read_recordings(tmp_path)
    assert found.classes == ("inner", "outer")
    assert [one.part for one in found.items] == ["test"] * 2 + ["train"] * 2


@pytest.mark.parametrize("held", ["val", "Valid", "validation", "dev"])
def test_folders_of_a_validation_are_parts_and_no_labels(tmp_path: Path, held: str) -> None:
    for part in ("train", held, "test"):
        for label in "ab":
            save(tmp_path / part / label / "0.npy")
    found = read_recordings(tmp_path)
    assert found.classes == ("a", "b")
    parts = {one.name.split("/")[0]: one.part for one in found.items}
    assert parts == {"train": "train", held: "validation", "test": "test"}
    split = split_recordings(found)
    assert (split.kind, *map(len, (part.pieces for part in split))) == ("given", 2, 2, 2)


def test_names_that_end_in_val_are_parts_beside_those_that_end_in_train(tmp_path: Path) -> None:
    for end in ("dev", "TEST"):
        save(tmp_path / f"run_{end}.npy")
    assert {one.name: one.part for one in read_recordings(tmp_path).items} == {"run_dev": None, "run_TEST": "test"}
    save(tmp_path / "run_TRAIN.npy")
    assert [one.part for one in read_recordings(tmp_path).items] == ["test", "train", "validation"]


def test_a_column_of_parts_may_say_val(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.npy")
    (tmp_path / "index.csv").write_text("file,split\na.npy,train\nb.npy,val\nc.npy,Test\n")
    assert [one.part for one in read_recordings(tmp_path).items] == ["train", "validation", "test"]
    x = [np.zeros((2, 50)), np.ones((2, 60)), np.ones((2, 70))]
    assert [one.part for one in read_recordings(x, part=["train", "dev", "TEST"]).items] == [
        "train", "validation", "test"]  # fmt: skip


def test_an_index_in_the_folder_says_what_is_known_of_each_file(tmp_path: Path) -> None:
    for name in "abcd":
        save(tmp_path / "files" / f"{name}.npy")
    frame = pd.DataFrame(
        {"file": [f"files/{n}.npy" for n in "abc"] + ["files/lost.npy"], "fault": ["B", "IR", "B", "B"]}
    )
    frame = frame.assign(
        bearing=[1, 2, 3, 4], load_hp=[0, 1, None, 0], fs_hz=[10, 20, 20, 20], scale=0.5, split="TRAIN"
    )
    frame.to_csv(tmp_path / "records.csv", index=False)
    found = read_recordings(tmp_path, label="fault")
    assert [(one.name, one.label, one.group, one.rate) for one in found.items] == [
        ("files/a", "B", "1", 10), ("files/b", "IR", "2", 20), ("files/c", "B", "3", 20)]  # fmt: skip
    assert found[0].facts == {"load_hp": 0.0}
    assert found[2].facts == {}
    assert found[0].part == "train"
    np.testing.assert_allclose(found[0].read(0, 9)[:, 0], 0.5 * found[0].values[0, :9], rtol=1e-6)
    assert "files/lost.npy: It is listed in records.csv" in str(found.problems[0])
    assert any("1 files that it does not list" in note for note in found.notes)
    assert any("Mixed rates: 1 of 10 Hz, 2 of 20 Hz" in note and "rate=10" in note for note in found.notes)
    assert len(read_recordings(tmp_path, index=False).items) == 4
    for role in ("label", "group", "target", "rate", "scale", "part"):
        with pytest.raises(UnknownName, match=f"column for the {role} 'bearng'. Did you mean 'bearing'?"):
            read_recordings(tmp_path, **{role: "bearng"})
    with pytest.raises(DataError, match="has to say train, validation or test, got '0'"):
        read_recordings(tmp_path, part="load_hp")
    assert "Taken by their names from records.csv: group 'bearing', rate 'fs_hz'" in " ".join(found.notes)


def test_an_index_may_leave_out_the_endings(tmp_path: Path) -> None:
    save(tmp_path / "a.b.npy")
    (tmp_path / "index.csv").write_text("file,label\na.b,x\n")
    found = read_recordings(tmp_path)
    assert [(one.name, one.label) for one in found.items] == [("a.b", "x")]


def test_a_given_index_is_used_and_a_wrong_one_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.npy")
    (tmp_path / "one.csv").write_text("path,kind\na.npy,x\n")
    (tmp_path / "two.csv").write_text("path,kind\na.npy,y\n")
    (tmp_path / "three.csv").write_text("where,kind\na.npy,z\n")
    with pytest.raises(DataError, match=r"more than one index table: one.csv, two.csv"):
        read_recordings(tmp_path)
    assert read_recordings(tmp_path, index="two.csv", label="kind").classes == ("y",)
    with pytest.raises(DataError, match="needs a column of file names"):
        read_recordings(tmp_path, index="three.csv")
    with pytest.raises(DataError, match="no index table 'four.csv'"):
        read_recordings(tmp_path, index="four.csv")


def test_a_pattern_takes_label_and_group_from_file_names(tmp_path: Path) -> None:
    for name in ("IR_s1_1", "IR_s2_1", "B_s1_1", "odd"):
        save(tmp_path / f"{name}.npy")
    found = read_recordings(tmp_path, pattern=r"^(?P<label>[A-Z]+)_(?P<group>s\d)_(?P<run>\d)")
    assert [(one.label, one.group, one.facts) for one in found.items] == [
        ("B", "s1", {"run": "1"}), ("IR", "s1", {"run": "1"}), ("IR", "s2", {"run": "1"})]  # fmt: skip
    assert [str(one) for one in found.problems] == ["odd.npy: The pattern does not match its name. Widen the pattern."]
    assert read_recordings(tmp_path, pattern=r"(?P<kind>[A-Z]+)_", label="kind").classes == ("B", "IR")
    with pytest.raises(OptionError, match="named groups"):
        read_recordings(tmp_path, pattern=r"[A-Z]+")
    with pytest.raises(OptionError, match="no regular expression"):
        read_recordings(tmp_path, pattern=r"(?P<label>")
    with pytest.raises(DataError, match="matches no file"):
        read_recordings(tmp_path, pattern=r"(?P<label>QQ)")


def test_train_and_test_files_are_read_together_and_one_alone_says_so(tmp_path: Path) -> None:
    for part, label in (("TRAIN", 1), ("TEST", 2)):
        (tmp_path / f"Made_{part}.tsv").write_text(f"{label}\t0.5\t1.5\n")
    found = read_recordings(tmp_path)
    assert [(one.part, one.label) for one in found.items] == [("test", "2"), ("train", "1")]
    alone = read_recordings(tmp_path / "Made_TRAIN.tsv")
    assert [one.part for one in alone.items] == ["train"]
    assert any("Made_TEST.tsv lies beside" in n for n in alone.notes)


def test_the_same_recording_in_several_formats_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "Made_TEST.ts").write_text("@classLabel true a\n@data\n1,2:a\n")
    (tmp_path / "Made_TEST.txt").write_text("1 1 2\n")
    (tmp_path / "README.txt").write_text("words")
    found = read_recordings(tmp_path)
    assert found.classes == ("a",)
    assert any("another format" in note for note in found.notes)
    assert not found.problems


def test_what_cannot_be_used_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / f"good{i}.npy")
    save(tmp_path / "wide.npy", channels=2)
    np.save(tmp_path / "pickled.npy", np.array([None]), allow_pickle=True)
    np.save(tmp_path / "empty.npy", np.zeros(0))
    np.save(tmp_path / "nothing.npy", np.full(9, np.nan))
    np.save(tmp_path / "infinite.npy", np.array([1, np.inf, 2]))
    np.save(tmp_path / "gappy.npy", np.r_[np.zeros(20), np.full(5, np.nan), np.zeros(20), np.nan])
    (tmp_path / "cut.wav").write_bytes(b"RIFF")
    savemat(tmp_path / "text.mat", {"a": "words"})
    found = read_recordings(tmp_path)
    assert [one.name for one in found.items] == ["gappy", "good0", "good1", "good2"]
    assert {one.file.split(".")[0] for one in found.problems} == {
        "wide", "pickled", "empty", "nothing", "infinite", "cut", "text"}  # fmt: skip
    assert np.isnan(found[0].values).sum() == 6
    assert any("13 % in gappy; the longest stretch is 5 samples" in note for note in found.notes)


def test_if_nothing_can_be_used_every_reason_is_given(tmp_path: Path) -> None:
    (tmp_path / "cut.wav").write_bytes(b"RIFF")
    np.save(tmp_path / "empty.npy", np.zeros(0))
    with pytest.raises(DataError, match=r"(?s)cut.wav: .*truncated.*empty.npy: ") as caught:
        read_recordings(tmp_path)
    assert "<file>" not in str(caught.value)


def test_a_source_that_is_not_there_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        read_recordings(tmp_path / "gone")
    (tmp_path / "a.pdf").write_text("x")
    with pytest.raises(DataError, match="holds no file of recordings"):
        read_recordings(tmp_path)
    with pytest.raises(DataError, match="of no kind that is read"):
        read_recordings(tmp_path / "a.pdf")


def test_a_recording_without_the_label_that_others_have_is_told(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / f"{name}.npy")
    (tmp_path / "index.csv").write_text("file,label\na.npy,x\nb.npy,\n")
    found = read_recordings(tmp_path)
    assert len(found) == 1
    assert str(found.problems[0]) == "b: It has no label. Say it, or leave it out."
    kept = read_recordings(tmp_path, unlabelled="keep")
    assert [one.label for one in kept.items] == ["x", None]
    assert not kept.problems
    with pytest.raises(UnknownName, match="'kep'. Did you mean 'keep'"):
        read_recordings(tmp_path, unlabelled="kep")


def test_who_asks_for_the_target_needs_no_label_and_the_other_way_round(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.npy")
    (tmp_path / "index.csv").write_text("file,label,target\na.npy,x,1\nb.npy,,2\nc.npy,y,\n")
    for asked, names in (({"target": "target"}, "ab"), ({"label": "label"}, "ac"), ({}, "ac")):
        assert [one.name for one in read_recordings(tmp_path, **asked).items] == list(names)


def test_a_rate_is_stated_where_it_is_unknown_and_resampled_to_where_it_differs(tmp_path: Path) -> None:
    save(tmp_path / "a.npy", 100)
    assert read_recordings(tmp_path / "a.npy", rate=50).rate == 50
    wavfile.write(tmp_path / "b.wav", 200, RNG.normal(size=400).astype(np.float32))
    found = read_recordings(tmp_path, rate=50)
    assert [(one.name, one.rate, len(one)) for one in found.items] == [("a", 50, 100), ("b", 50, 100)]
    (tmp_path / "index.csv").write_text("file,how_fast\na.npy,25\nb.wav,200\n")
    assert [one.rate for one in read_recordings(tmp_path, rate="how_fast").items] == [25, 200]


def test_a_scale_can_be_given(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(5, dtype=np.int16))
    assert read_recordings(tmp_path / "a.npy", scale=0.5)[0].read(0, 5)[:, 0].tolist() == [0, 0.5, 1, 1.5, 2]


# --- arrays -----------------------------------------------------------------------------------------


def test_arrays_in_python_are_recordings() -> None:
    x = RNG.normal(size=(6, 40, 3))
    found = read_recordings(x, label=[0, 0, 0, 1, 1, 1], group=list("aabbcc"), target=np.arange(6), rate=10)
    assert found.classes == ("0", "1")
    assert found.groups == ("a", "b", "c")
    assert found.rate == 10
    np.testing.assert_array_equal(found[4].values, x[4].T)
    assert read_recordings(x[:, :, 0])[5].values.shape == (1, 40)
    assert read_recordings({"first": x[0], "second": x[1]})[1].name == "second"
    assert read_recordings(found) is found


def test_the_axis_that_differs_between_arrays_is_time() -> None:
    found = read_recordings([RNG.normal(size=(n, 12)) for n in (7, 9, 29)])
    assert [one.values.shape for one in found.items] == [(12, 7), (12, 9), (12, 29)]
    found = read_recordings([RNG.normal(size=(12, n)) for n in (7, 9, 29)])
    assert [one.values.shape for one in found.items] == [(12, 7), (12, 9), (12, 29)]


def test_arrays_whose_axes_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ShapeError, match="time cannot be told"):
        read_recordings(np.zeros((3, 8, 8)))
    assert read_recordings(np.zeros((3, 8, 3)), channels=["x", "y", "z"])[0].values.shape == (3, 8)
    for source, error in (
        (np.zeros(3), ShapeError),
        (np.zeros((2, 2, 2, 2)), ShapeError),
        ([], DataError),
        (3, DataError),
    ):
        with pytest.raises(error):
            read_recordings(source)
    with pytest.raises(DataError, match="label needs one value for each of the 3 arrays, got 2"):
        read_recordings(np.zeros((3, 8)), label=["a", "b"])
    with pytest.raises(DataError, match="label needs .* got 'kind'"):
        read_recordings(np.zeros((3, 8)), label="kind")


def test_options_that_mean_nothing_for_a_source_are_refused() -> None:
    x = np.zeros((3, 8))
    for options in ({"pattern": "(?P<label>a)"}, {"scale": 2.0}, {"rate": "fs"}, {"index": "a.csv"}):
        with pytest.raises(OptionError, match="cannot be used with arrays"):
            read_recordings(x, **options)
    with pytest.raises(OptionError, match="label cannot be used with Recordings"):
        read_recordings(read_recordings(x), label=["a", "b", "c"])


def test_the_sample_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_recordings("bearings")
    assert len(found.classes) == 4
    assert len(found.groups) > len(found.classes)
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "bearings" / "a.npy")
    assert [one.name for one in read_recordings("bearings").items] == ["a"]
