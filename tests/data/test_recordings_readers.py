from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
from scipy.io import wavfile

from heedful.data.recordings import Recordings, read_recordings
from heedful.errors import DataError

RNG = np.random.default_rng(3)


def one(path: Path, **options: object) -> Recordings:
    return read_recordings(path, **options)


def fails(path: Path, match: str, **options: object) -> None:
    with pytest.raises(DataError, match=match) as caught:
        read_recordings(path, **options)
    assert path.name in str(caught.value)


# --- NumPy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("laid", [lambda x: x, lambda x: x.T, lambda x: np.asfortranarray(x)])
def test_an_npy_of_either_orientation_is_read_with_the_longer_axis_as_time(tmp_path: Path, laid) -> None:
    x = RNG.normal(size=(3, 50))
    np.save(tmp_path / "a.npy", laid(x))
    found = one(tmp_path / "a.npy")
    assert found.channels == ("channel 1", "channel 2", "channel 3")
    np.testing.assert_array_equal(found[0].values, x)
    assert found[0].source == str(tmp_path / "a.npy")


def test_names_of_channels_settle_which_axis_is_time(tmp_path: Path) -> None:
    x = RNG.normal(size=(9, 4))
    np.save(tmp_path / "a.npy", x)
    found = one(tmp_path / "a.npy", channels=list("abcdefghi"))
    assert found.channels == tuple("abcdefghi")
    np.testing.assert_array_equal(found[0].values, x)


def test_channels_can_be_taken_by_position(tmp_path: Path) -> None:
    x = RNG.normal(size=(50, 3))
    np.save(tmp_path / "a.npy", x)
    found = one(tmp_path / "a.npy", channels=[2, 0])
    assert found.channels == ("channel 3", "channel 1")
    np.testing.assert_array_equal(found[0].values, x.T[[2, 0]])


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    fails(tmp_path / "a.npy", "pickled objects")
    np.savez(tmp_path / "b.npz", x=np.array([{"a": 1}, None], dtype=object))
    fails(tmp_path / "b.npz", "pickled objects")


def test_a_truncated_npy_is_refused_in_memory_and_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(1000))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:-100])
    fails(tmp_path / "a.npy", "truncated")
    fails(tmp_path / "a.npy", "truncated", memory=0, cache=tmp_path / "cache")


def test_arrays_that_are_no_recording_say_what_to_do(tmp_path: Path) -> None:
    for array, match in (
        (np.zeros((4, 4)), "time cannot be told"),
        (np.zeros((100, 2048)), "many recordings"),
        (np.zeros((3, 4, 5)), "npz"),
        (np.array(["a", "b"]), "real numbers"),
        (np.zeros(3, dtype=complex), "real numbers"),
        (np.zeros(0), "needs samples"),
    ):
        np.save(tmp_path / "a.npy", array)
        fails(tmp_path / "a.npy", match)


def test_an_npz_holds_many_recordings_as_x_and_y(tmp_path: Path) -> None:
    x = RNG.normal(size=(12, 40, 3))
    np.savez(tmp_path / "a.npz", X=x, y=np.arange(12) % 2, group=np.arange(12) // 4)
    found = one(tmp_path / "a.npz")
    assert len(found) == 12
    assert found.classes == ("0", "1")
    assert found.groups == ("0", "1", "2")
    np.testing.assert_array_equal(found[3].values, x[3].T)
    np.savez(tmp_path / "b.npz", data=x[..., 0], labels=np.arange(12) % 3)
    assert one(tmp_path / "b.npz").classes == ("0", "1", "2")


def test_an_npz_holds_one_recording_as_an_array_a_channel(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", ax=np.arange(50.0), ay=-np.arange(50.0), fs=100, label="run", load=2.5)
    fails(tmp_path / "a.npz", r"more than one signal: .*ax \(50,\).*channels=\"ax\"")
    found = one(tmp_path / "a.npz", channels="ax,ay")
    assert found.channels == ("ax", "ay")
    assert found.rate == 100
    assert found.classes == ("run",)
    assert found[0].facts == {"load": 2.5}
    assert found[0].values[1, 3] == -3


# --- MATLAB -----------------------------------------------------------------------------------------


def cwru(record: int, n: int = 500) -> dict[str, object]:
    x = np.random.default_rng(record).normal(size=(n, 1))
    return {f"X{record:03d}_DE_time": x, f"X{record:03d}_FE_time": -x, f"X{record:03d}RPM": np.array([[1797.0]])}


def test_the_drive_end_of_a_bearing_record_is_read_and_its_speed_is_a_fact(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "97.mat", cwru(97))
    found = one(tmp_path / "97.mat")
    assert found.channels == ("DE_time",)
    assert found[0].facts == {"rpm": 1797.0}
    np.testing.assert_array_equal(found[0].values[0], cwru(97)["X097_DE_time"][:, 0])
    assert one(tmp_path / "97.mat", channels="FE_time,DE_time")[0].values.shape == (2, 500)


def test_a_file_with_two_records_gives_the_one_of_its_own_number(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "99.mat", {**cwru(98), **cwru(99)})
    np.testing.assert_array_equal(one(tmp_path / "99.mat")[0].values[0], cwru(99)["X099_DE_time"][:, 0])
    scipy.io.savemat(tmp_path / "normal.mat", {**cwru(98), **cwru(99)})
    fails(tmp_path / "normal.mat", "records 98, 99.*X098_DE_time")


def test_a_mat_with_several_signals_lists_them_and_one_without_numbers_too(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"left": np.zeros(9), "right": np.ones(9), "name": "motor"})
    fails(tmp_path / "a.mat", r"left \(9,\), right \(9,\)")
    assert one(tmp_path / "a.mat", channels="right")[0].facts == {"name": "motor"}
    fails(tmp_path / "a.mat", "There is no variable middle", channels="middle")
    scipy.io.savemat(tmp_path / "b.mat", {"name": "motor"})
    fails(tmp_path / "b.mat", "no array of numbers: name")


def test_structures_are_read_by_dotted_names(tmp_path: Path) -> None:
    x = np.arange(40.0)
    scipy.io.savemat(tmp_path / "a.mat", {"N15": {"Y": {"force": x, "speed": -x}, "info": "new"}})
    assert one(tmp_path / "a.mat", channels="Y.speed")[0].values[0, 3] == -3


def test_a_truncated_mat_is_refused(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "97.mat", cwru(97))
    (tmp_path / "97.mat").write_bytes((tmp_path / "97.mat").read_bytes()[:1000])
    fails(tmp_path / "97.mat", "truncated")


def test_a_mat_of_version_7_3_is_read_through_h5py(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    x = RNG.normal(size=(2, 60))
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["signal"] = x  # MATLAB stores (60, 2) with its axes turned
        file["signal"].attrs["MATLAB_class"] = np.bytes_("double")
        file["fs"] = np.array([[50.0]])
        file["label"] = np.array([[ord(c)] for c in "inner"], dtype=np.uint16)
        file["label"].attrs["MATLAB_class"] = np.bytes_("char")
    found = one(tmp_path / "a.mat")
    assert found.rate == 50
    assert found.classes == ("inner",)
    np.testing.assert_array_equal(found[0].values, x)


def test_without_h5py_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mat").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 600)
    monkeypatch.setitem(sys.modules, "h5py", None)
    fails(tmp_path / "a.mat", r"pip install heedful\[hdf5\]")


# --- sound ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "float32"])
@pytest.mark.parametrize("memory", [1 << 20, 0])
def test_a_wav_is_read_at_full_scale_one(tmp_path: Path, kind: str, memory: int) -> None:
    x = np.stack([np.linspace(-0.9, 0.9, 300), np.linspace(0.5, -0.5, 300)], axis=1)
    stored = {
        "uint8": lambda: np.round(x * 128 + 128).astype(np.uint8),
        "int16": lambda: np.round(x * 2**15).astype(np.int16),
        "int32": lambda: np.round(x * 2**31).astype(np.int32),
        "float32": lambda: x.astype(np.float32),
    }[kind]()
    wavfile.write(tmp_path / "a.wav", 8000, stored)
    found = one(tmp_path / "a.wav", memory=memory, cache=tmp_path / "cache")
    assert found.rate == 8000
    assert found.channels == ("channel 1", "channel 2")
    np.testing.assert_allclose(found[0].read(0, 300), x, atol=1 / 128 if kind == "uint8" else 1e-4)


def test_24_bits_are_read_too(tmp_path: Path) -> None:
    values = (np.linspace(-0.5, 0.5, 100) * 2**23).astype(int)
    data = b"".join(int(v).to_bytes(3, "little", signed=True) for v in values)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 100, 300, 3, 24, b"data", len(data)
    )
    (tmp_path / "a.wav").write_bytes(head + data)
    for memory in (1 << 20, 0):
        found = one(tmp_path / "a.wav", memory=memory, cache=tmp_path / "cache")
        np.testing.assert_allclose(found[0].read(0, 100)[:, 0], values / 2**23, atol=1e-6)


def test_a_truncated_or_damaged_wav_is_refused(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros(5000, dtype=np.int16))
    whole = (tmp_path / "a.wav").read_bytes()
    for content in (whole[:5000], b"RIFFnothing", b"no sound"):
        (tmp_path / "a.wav").write_bytes(content)
        for memory in (1 << 20, 0):
            fails(tmp_path / "a.wav", "truncated", memory=memory, cache=tmp_path / "cache")


# --- archives ---------------------------------------------------------------------------------------

TS = """% a comment
#another
@problemName Made
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true left right
@data
# a comment inside

1,2,?:4,5,6:left
7,8:9,1e1:right
"""


def test_a_ts_file_has_dimensions_missing_values_and_unequal_lengths(tmp_path: Path) -> None:
    (tmp_path / "Made_TRAIN.ts").write_text(TS)
    found = one(tmp_path / "Made_TRAIN.ts")
    assert [item.name for item in found.items] == ["Made_TRAIN#0", "Made_TRAIN#1"]
    assert [item.label for item in found.items] == ["left", "right"]
    assert found[0].part == "train"
    np.testing.assert_array_equal(found[0].values, [[1, 2, np.nan], [4, 5, 6]])
    np.testing.assert_array_equal(found[1].values, [[7, 8], [9, 10]])
    assert any("1 recording misses samples" in note for note in found.notes)


def test_a_ts_file_of_a_regression_has_targets(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("@timeStamps false\n@targetLabel true\n@data\n1,2,3:0.5\n4,5,6:-2\n")
    found = one(tmp_path / "a.ts")
    assert [item.target for item in found.items] == [0.5, -2.0]
    assert found.classes == ()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("@timeStamps false", "@timeStamps true"), "time stamps"),
        ((":left", ":middle"), "Line 13 ends in no label"),
        (("7,8:9,1e1:right", "7,8:9,1"), "Line 14 ends in no label"),
        (("7,8:9", "7,8:9,9"), "Line 14 has dimensions of unequal length"),
        (("4,5,6", "4,x,6"), "Line 13 holds a value that is no number"),
        (("@equalLength false", "@equalLength true"), "@equalLength says 3"),
        (("7,8:", ""), "Line 14 has 1 dimensions, not 2"),
        (("@data", "data"), "Line 10 holds no @ tag"),
        (("1,2,?:4,5,6:left\n7,8:9,1e1:right", ""), "no case"),
    ],
)
def test_a_damaged_ts_file_is_refused_with_its_line(tmp_path: Path, change: tuple[str, str], match: str) -> None:
    (tmp_path / "a.ts").write_text(TS.replace(*change))
    fails(tmp_path / "a.ts", match)


def test_a_ucr_row_is_a_case_and_missing_values_at_its_end_make_it_shorter(tmp_path: Path) -> None:
    (tmp_path / "Made_TEST.tsv").write_text("1\t0.5\t1.5\t2.5\n-1\t0.5\tNaN\tNaN\n2\tNaN\t3\tNaN\n")
    found = one(tmp_path / "Made_TEST.tsv")
    assert [item.label for item in found.items] == ["1", "-1", "2"]
    assert {item.part for item in found.items} == {"test"}
    assert [len(item) for item in found.items] == [3, 1, 2]
    (tmp_path / "Old_TEST.txt").write_text("  1.0000e+00  2.0  3.0\n  2.0  3.0  4.0\n")
    assert [item.label for item in one(tmp_path / "Old_TEST.txt").items] == ["1", "2"]


def test_a_truncated_ucr_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "Made_TEST.tsv").write_text("1\t0.5\t1.5\n2\t0.5")
    fails(tmp_path / "Made_TEST.tsv", "Line 2 has 2 cells, not 3")


# --- tables -----------------------------------------------------------------------------------------


def table(rows: int = 60) -> pd.DataFrame:
    t = np.arange(rows)
    return pd.DataFrame({"time": t / 50, "x": np.sin(t), "y": np.cos(t), "label": "walk", "who": "anna"})


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "xlsx"])
def test_a_table_of_samples_is_one_recording(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        table().to_csv(path, index=False)
    elif ending == "tsv":
        table().to_csv(path, index=False, sep="\t")
    elif ending == "parquet":
        table().to_parquet(path)
    else:
        pytest.importorskip("openpyxl")
        table().to_excel(path, index=False)
    found = one(path)
    assert found.channels == ("x", "y")
    assert found.rate == 50
    assert found.classes == ("walk",)
    assert found[0].facts == {"who": "anna"}
    assert found[0].name == "a"
    assert found[0].group is None
    np.testing.assert_allclose(found[0].values[1], np.cos(np.arange(60)), atol=1e-6)


def test_a_label_that_changes_cuts_the_recording_and_the_pieces_keep_one_group(tmp_path: Path) -> None:
    frame = table()
    frame["label"] = np.repeat(["walk", "run", "walk"], 20)
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = one(tmp_path / "a.csv")
    assert [(item.name, item.label, len(item)) for item in found.items] == [
        ("a.0", "walk", 20), ("a.1", "run", 20), ("a.2", "walk", 20)]  # fmt: skip
    assert found.groups == ("a",)
    np.testing.assert_allclose(found[1].values[0], np.sin(np.arange(20, 40)), atol=1e-6)


def test_one_long_table_has_recordings_groups_and_targets(tmp_path: Path) -> None:
    frame = pd.DataFrame({"machine": np.repeat([1, 1, 2, 2], 10), "record": np.repeat([1, 2, 3, 4], 10)})
    frame["rul"], frame["v"] = 100.0 - frame.record, np.arange(40)
    mixed = frame.sort_values("v", key=lambda v: v % 10, kind="stable")
    mixed.to_csv(tmp_path / "long.csv", index=False)
    found = one(tmp_path / "long.csv", target="rul")
    assert [item.name for item in found.items] == ["long#1", "long#2", "long#3", "long#4"]
    assert [item.target for item in found.items] == [99, 98, 97, 96]
    assert found.groups == ("1", "2")
    assert found[2].values.tolist() == [list(range(20, 30))]
    assert any("put together" in n for n in found.notes)


def test_a_number_of_the_machine_among_the_channels_is_told(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"record": np.repeat([1, 2, 3], 20), "unit": np.repeat([7, 8, 8], 20), "v": RNG.normal(size=60)}
    )
    frame.assign(still=0).to_csv(tmp_path / "a.csv", index=False)
    found = one(tmp_path / "a.csv")
    warned = [note for note in found.notes if "tells recordings apart" in note]
    assert found.channels == ("unit", "v", "still")
    assert len(warned) == 1
    assert "group='unit'" in warned[0]
    assert one(tmp_path / "a.csv", group="unit").groups == ("7", "8")


def test_large_tables_are_read_in_blocks_with_the_same_samples(tmp_path: Path) -> None:
    frame = pd.concat([table(9000).assign(record=i, label=["walk", "run"][i % 2]) for i in range(5)])
    frame.loc[frame.index == 7, "x"] = np.nan
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    frame.to_parquet(tmp_path / "b.parquet", index=False)
    whole = one(tmp_path / "a.csv")
    for name in ("a.csv", "b.parquet"):
        blocks = one(tmp_path / name, memory=1 << 19, cache=tmp_path / "cache")
        assert [len(item) for item in blocks.items] == [9000] * 5
        assert blocks.rate == 50
        for left, right in zip(whole.items, blocks.items, strict=True):
            np.testing.assert_array_equal(left.values, right.values)
            assert (left.label, left.facts) == (right.label, right.facts)
    assert one(tmp_path / "a.csv", memory=1 << 19, cache=tmp_path / "cache").fingerprint == whole.fingerprint


def test_large_text_without_a_header_is_read_in_blocks_too(tmp_path: Path) -> None:
    x = RNG.normal(size=(60_000, 2))
    for name, parted in (("a.csv", ","), ("b.txt", " ")):
        np.savetxt(tmp_path / name, x, fmt="%.6f", delimiter=parted)
        found = one(tmp_path / name, memory=1 << 19, cache=tmp_path / "cache")
        assert found.channels == ("channel 1", "channel 2")
        np.testing.assert_allclose(found[0].values.T, x, atol=1e-6)


def test_mixed_rows_of_a_table_too_large_to_sort_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"record": np.tile(np.repeat([1, 2], 500), 60), "v": RNG.normal(size=60000)})
    frame.to_csv(tmp_path / "a.csv", index=False)
    fails(tmp_path / "a.csv", "Sort it by 'record'", memory=1 << 10, cache=tmp_path / "cache")


def test_rows_without_a_label_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    frame = table()
    frame.loc[20:39, "label"] = None
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = one(tmp_path / "a.csv")
    assert [len(item) for item in found.items] == [20, 20]
    assert "rows 21 to 40 have no label" in str(found.problems[0])
    assert found.problems[0].file == "a.csv"
    kept = one(tmp_path / "a.csv", unlabelled="keep")
    assert [item.label for item in kept.items].count(None) == 1
    assert sum(map(len, kept.items)) == 60


def test_rows_without_a_label_are_read_for_a_target(tmp_path: Path) -> None:
    frame = table().assign(life=1.0)
    frame.loc[20:39, "label"] = None
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert sum(map(len, one(tmp_path / "a.csv", target="life").items)) == 60


def test_a_target_that_changes_row_by_row_belongs_to_the_samples(tmp_path: Path) -> None:
    frame = pd.DataFrame({"machine": np.repeat([1, 2], [300, 200]), "v": RNG.normal(size=500)})
    frame["rul"] = np.r_[np.arange(300)[::-1] / 10, np.arange(200)[::-1] / 10]
    frame.loc[4:9, "rul"] = np.nan
    frame.to_csv(tmp_path / "a.csv", index=False)
    for memory in (1 << 28, 1 << 10):
        found = one(tmp_path / "a.csv", group="machine", target="rul", memory=memory, cache=tmp_path / "cache")
        assert [(len(item), item.group, item.target) for item in found.items] == [(300, "1", None), (200, "2", None)]
        for item, rows in zip(found.items, (slice(0, 300), slice(300, 500)), strict=True):
            np.testing.assert_array_equal(item.targets, frame.rul[rows])
        assert found.channels == ("v",)
        assert any("that of its last sample" in note for note in found.notes)


def test_a_target_of_few_values_still_cuts_a_table(tmp_path: Path) -> None:
    frame = table(400).assign(label="run", wear=np.repeat([0.5, np.nan, 1.5, 2.5], 100))
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = one(tmp_path / "a.csv", target="wear")
    assert [(item.target, len(item)) for item in found.items] == [(0.5, 100), (1.5, 100), (2.5, 100)]
    assert all(item.targets is None for item in found.items)
    assert "rows 101 to 200 have no target" in str(found.problems[0])


def test_a_label_that_changes_with_every_row_is_refused(tmp_path: Path) -> None:
    frame = table(400).assign(label=np.arange(400))
    frame.to_csv(tmp_path / "a.csv", index=False)
    fails(tmp_path / "a.csv", "label.* changes 400 times", label="label")


def test_a_channel_of_text_and_a_column_that_is_not_there_are_refused(tmp_path: Path) -> None:
    frame = table()
    frame["x"] = frame["x"].astype(object)
    frame.loc[5, "x"] = "broken"
    frame.to_csv(tmp_path / "a.csv", index=False)
    fails(tmp_path / "a.csv", "'x' holds text, 'broken' in row 6", channels="x,y")
    fails(tmp_path / "a.csv", "no column 'kind' for the label. Known: time, x", label="kind")
    fails(tmp_path / "a.csv", "no channel 'z'", channels="z")


def test_text_without_a_header_is_read_and_a_rising_first_column_is_the_time(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.txt", np.stack([np.arange(50) / 20, RNG.normal(size=50)], axis=1))
    found = one(tmp_path / "a.txt")
    assert found.rate == 20
    assert found.channels == ("signal",)
    assert any("first column" in note for note in found.notes)
    np.savetxt(tmp_path / "b.txt", RNG.normal(size=(50, 3)), delimiter="\t")
    assert one(tmp_path / "b.txt").channels == ("channel 1", "channel 2", "channel 3")
    (tmp_path / "c.csv").write_text("\n".join(f"{v:.4f}" for v in RNG.normal(size=30)))
    assert one(tmp_path / "c.csv")[0].values.shape == (1, 30)


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        (np.arange(60) * 4_000_000 + 1_700_000_000_000_000_000, 250.0),
        (np.arange(60) * 4 + 1_700_000_000_000, 250.0),
        (pd.date_range("2024-01-01", periods=60, freq="20ms"), 50.0),
        (np.cumsum(RNG.uniform(0.1, 2, 60)), None),
        (np.full(60, 3), None),
    ],
)
def test_the_rate_is_read_off_the_times(tmp_path: Path, times: object, rate: float | None) -> None:
    table().assign(time=times).to_csv(tmp_path / "a.csv", index=False)
    found = one(tmp_path / "a.csv")
    assert found.rate == rate
    assert found.channels == ("x", "y")
    assert rate is not None or any("rate is unknown" in note for note in found.notes)


def test_other_encodings_are_read_and_bytes_that_are_no_text_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("x;Gerät\n1,5;Säge\n2,5;Säge\n".encode("latin-1"))
    assert one(tmp_path / "a.csv")[0].facts == {"Gerät": "Säge"}
    (tmp_path / "b.csv").write_bytes(RNG.bytes(3000))
    fails(tmp_path / "b.csv", "binary|text|table")
    (tmp_path / "c.csv").write_bytes(b"")
    fails(tmp_path / "c.csv", "empty")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 not really")
    fails(tmp_path / "d.parquet", "damaged")
