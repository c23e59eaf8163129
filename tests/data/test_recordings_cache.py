from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat, wavfile

from heedful.data.recordings import Recordings, detrend, read_recordings, resample
from heedful.data.recordings.cache import cache_folder
from heedful.errors import DataError

RNG = np.random.default_rng(11)


def peak(work) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve recordings in four formats, 14 MB in memory."""
    place = tmp_path / "data"
    place.mkdir()
    for i in range(3):
        x = RNG.normal(size=(100_000, 2))
        np.save(place / f"a{i}.npy", x)
        wavfile.write(place / f"b{i}.wav", 1000, x.astype(np.float32))
        np.savez(place / f"c{i}.npz", x=x)
        pd.DataFrame(x, columns=["channel 1", "channel 2"]).to_csv(
            place / f"d{i}.csv", index=False, float_format="%.5f"
        )
    return place


def test_large_folders_are_mapped_or_converted_and_hold_the_same_samples(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    held = read_recordings(folder, index=False)
    large = read_recordings(folder, index=False, memory=1 << 20, cache=tmp_path / "cache", say=said.append)
    assert large.fingerprint == held.fingerprint
    assert [one.source for one in large.items] == [o.source for o in held.items]
    assert not any(one.values.flags.owndata or one.values.flags.writeable for one in large.items)
    assert len(said) == 1
    assert "Converting 6 files" in said[0]
    assert "MB" in said[0]
    assert any("6 files were converted" in note for note in large.notes)
    assert any("6 files are memory-mapped" in note for note in large.notes)
    assert not any(p.name.startswith(".") for p in (tmp_path / "cache").iterdir())


def test_memory_stays_bounded_however_large_the_folder_is(folder: Path, tmp_path: Path) -> None:
    options = {"index": False, "memory": 1 << 20, "cache": tmp_path / "cache"}
    size = sum(one.values.nbytes for one in read_recordings(folder, index=False).items)
    largest = 100_000 * 2 * 8
    whole = peak(lambda: read_recordings(folder, index=False))
    first = peak(lambda: read_recordings(folder, **options))
    again = peak(lambda: read_recordings(folder, **options))
    assert whole > 0.8 * size  # the measure itself sees samples that are held
    assert first < 2.5 * largest < 0.4 * size  # one npz is read whole before it is converted
    assert again < 0.8 * largest


def test_a_table_four_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    used, options = [], {"memory": 1 << 20, "cache": tmp_path / "cache"}
    for rows in (20_000, 80_000):
        frame = pd.DataFrame(RNG.normal(size=(rows, 4)), columns=list("abcd"))
        frame.to_csv(tmp_path / f"{rows}.csv", index=False, float_format="%.4f")
        used.append(peak(lambda path=tmp_path / f"{rows}.csv": read_recordings(path, **options)))
        found = read_recordings(tmp_path / f"{rows}.csv", **options)[0].values
        assert found.shape == (4, rows)
        np.testing.assert_allclose(found[:, ::500], frame.to_numpy().T[:, ::500], atol=1e-4)
    assert used[1] < 1.2 * used[0]


def test_a_result_that_is_large_is_made_in_bounded_memory(tmp_path: Path) -> None:
    for i in range(4):
        np.save(tmp_path / f"{i}.npy", RNG.normal(size=1_000_000).astype(np.float32))
    options = {"memory": 1 << 20, "cache": tmp_path / "cache"}
    found = read_recordings(tmp_path, rate=None, index=False, **options)
    found = read_recordings(found, rate=8)
    made: list[Recordings] = []
    resample(read_recordings(np.zeros((1, 100)), rate=8), 4)  # loads what it needs
    used = peak(lambda: made.append(resample(found, 4, **options)))
    trend = peak(lambda: made.append(detrend(found, "linear", **options)))
    for one, many in zip(made, (4 * 500_000, 4 * 1_000_000), strict=True):
        assert sum(item.values.size for item in one.items) == many
        assert not any(item.values.flags.owndata for item in one.items)
        assert any("lies in" in n for n in one.notes)
    assert used < 1.2e7
    assert trend < 1.2e7
    np.testing.assert_array_equal(made[0][2].values, resample(found, 4)[2].values)
    np.testing.assert_array_equal(made[1][2].values, detrend(found, "linear")[2].values)


def test_the_second_reading_takes_the_cache_and_a_changed_file_is_converted_anew(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.csv", tmp_path / "cache"
    pd.DataFrame({"x": np.arange(500), "y": 0}).to_csv(path, index=False)
    options = {"memory": 0, "cache": cache}
    assert read_recordings(path, **options)[0].values[0, 3] == 3
    entry = next(cache.iterdir())
    stamp = entry.stat().st_mtime_ns
    assert read_recordings(path, **options)[0].values[0, 3] == 3
    assert list(cache.iterdir()) == [entry]
    assert entry.stat().st_mtime_ns == stamp
    before = path.stat()
    path.write_text(path.read_text().replace("\n3,0\n", "\n9,0\n"))  # of the same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    assert read_recordings(path, **options)[0].values[0, 3] == 9
    assert len(list(cache.iterdir())) == 1
    assert entry not in cache.iterdir()
    assert read_recordings(path, channels="y", **options).channels == ("y",)
    assert len(list(cache.iterdir())) == 2


def test_a_file_that_cannot_be_read_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "1,2\n" * 50_000 + "1,2,3\n")
    with pytest.raises(DataError, match="3 cells"):
        read_recordings(tmp_path / "a.csv", memory=0, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_entry_is_told_and_a_cache_that_cannot_be_written_too(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"x": np.arange(100.0)})
    options = {"memory": 0, "cache": tmp_path / "cache"}
    read_recordings(tmp_path / "a.mat", **options)
    samples = next((tmp_path / "cache").rglob("samples.bin"))
    samples.write_bytes(samples.read_bytes()[:-8])
    with pytest.raises(DataError, match="damaged .*Delete it"):
        read_recordings(tmp_path / "a.mat", **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        read_recordings(tmp_path / "a.mat", memory=0, cache=tmp_path / "file")


def test_many_mapped_files_keep_none_open(tmp_path: Path) -> None:
    for i in range(60):
        np.save(tmp_path / f"{i:02d}.npy", np.full(300, i))
    opened = Path("/proc/self/fd")
    if not opened.is_dir():
        pytest.skip("open files cannot be counted on this system")
    before = len(list(opened.iterdir()))
    found = read_recordings(tmp_path, memory=0, cache=tmp_path / "cache")
    assert len(list(opened.iterdir())) <= before + 1
    assert [int(one.values[0, 5]) for one in found.items] == list(range(60))


def test_what_is_known_of_a_recording_survives_the_cache(tmp_path: Path) -> None:
    frame = pd.DataFrame({"record": np.repeat(["a", "b"], 50), "v": RNG.normal(size=100), "site": "north"})
    frame = frame.assign(label=np.repeat([1, 2], 50), group="g", target=np.repeat([0.5, 1.5], 50), part="train", fs=25)
    frame.to_csv(tmp_path / "x.csv", index=False)
    held = read_recordings(tmp_path / "x.csv")
    kept = read_recordings(tmp_path / "x.csv", memory=0, cache=tmp_path / "cache")
    fields = ("name", "scale", "rate", "label", "target", "group", "channels", "part", "facts", "source")
    assert [[getattr(o, f) for f in fields] for o in kept.items] == [
        [getattr(o, f) for f in fields] for o in held.items
    ]
    assert held[0].rate == 25
    assert held[1].target == 1.5
    assert held[0].facts == {"site": "north"}


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEEDFUL_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert cache_folder("there") == Path("there")
    monkeypatch.delenv("HEEDFUL_CACHE")
    assert cache_folder().name in ("heedful", "cache")
