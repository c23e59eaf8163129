"""A target of each sample: what a window takes from it, and that it goes where the samples go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heedful.data.recordings import Part, Piece, Recording, Recordings, cut, read_recordings
from heedful.data.recordings.resample import resample
from heedful.errors import DataError

RNG = np.random.default_rng(5)


def recordings() -> Recordings:
    left = np.arange(19.0, -1.0, -1.0)
    left[7] = np.nan
    items = (
        Recording(name="a", values=RNG.normal(size=(2, 20)), channels=("x", "y"), targets=left),
        Recording(name="b", values=RNG.normal(size=(2, 9)), channels=("x", "y"), target=3.5),
        Recording(name="c", values=RNG.normal(size=(2, 9)), channels=("x", "y")),
    )
    return Recordings(items=items)


def whole(found: Recordings) -> Part:
    pieces = tuple(Piece(i, 0, len(one)) for i, one in enumerate(found.items))
    return Part(recordings=found, pieces=pieces, name="train")


def test_a_window_has_the_target_of_its_last_sample():
    cuts = cut(whole(recordings()), 4, 4)
    np.testing.assert_array_equal(cuts.targets, [16, np.nan, 8, 4, 0, 3.5, 3.5, np.nan, np.nan])
    np.testing.assert_array_equal(cuts.take(np.array([3, 5, 0])).targets, [4, 3.5, 16])


def test_a_padded_window_has_the_target_of_its_last_real_sample():
    cuts = cut(whole(recordings()), 30, 30)
    assert cuts.lengths.tolist() == [20, 9, 9]
    np.testing.assert_array_equal(cuts.targets, [0, 3.5, np.nan])


def test_a_recording_knows_whether_a_number_is_known_of_it():
    a, b, c = recordings().items
    assert (a.has_target, b.has_target, c.has_target) == (True, True, False)
    assert not replace(a, targets=np.full(20, np.nan)).has_target
    assert not replace(b, target=float("nan")).has_target


def test_targets_need_one_number_a_sample_and_no_other_target():
    with pytest.raises(DataError, match=r"one for each of its 20 samples, got targets \(19,\)"):
        replace(recordings()[0], targets=np.zeros(19))
    with pytest.raises(DataError, match="beside the target 2. Give one of them"):
        replace(recordings()[0], target=2.0)


def test_the_fingerprint_knows_the_targets():
    found = recordings()
    changed = found[0].targets.copy()
    changed[3] += 1
    other = replace(found, items=(replace(found[0], targets=changed), *found.items[1:]))
    assert other.fingerprint != found.fingerprint
    same = replace(found, items=(replace(found[0], targets=found[0].targets.copy()), *found.items[1:]))
    assert same.fingerprint == found.fingerprint


@pytest.mark.parametrize("rate", [2.0, 5.0, 30.0])
def test_targets_follow_the_samples_to_another_rate_and_never_come_early(rate):
    one = Recording(name="a", values=RNG.normal(size=(1, 100)), rate=10.0, targets=np.arange(100.0))
    made = resample(Recordings(items=(one,)), rate)[0]
    assert made.targets.shape == (len(made),)
    seconds = np.arange(len(made)) / rate
    np.testing.assert_array_equal(made.targets, np.floor(seconds * 10 + 1e-9))


def test_targets_survive_the_cache(tmp_path: Path):
    frame = pd.DataFrame({"v": RNG.normal(size=300), "rul": np.arange(300.0)[::-1]})
    frame.loc[5, "rul"] = np.nan
    frame.to_csv(tmp_path / "x.csv", index=False)
    for _ in range(2):
        kept = read_recordings(tmp_path / "x.csv", target="rul", memory=0, cache=tmp_path / "cache")
        np.testing.assert_array_equal(kept[0].targets, frame.rul)
    assert kept.fingerprint == read_recordings(tmp_path / "x.csv", target="rul").fingerprint


def test_arrays_take_targets_of_their_samples():
    x = [RNG.normal(size=30), RNG.normal(size=40)]
    found = read_recordings(x, target=[np.arange(30), np.arange(40) / 2])
    assert [one.targets.tolist()[-1] for one in found.items] == [29, 19.5]
    assert [one.target for one in found.items] == [None, None]


def test_a_target_of_the_index_goes_before_those_of_the_samples(tmp_path: Path):
    pd.DataFrame({"v": RNG.normal(size=50), "rul": np.arange(50.0)}).to_csv(tmp_path / "x.csv", index=False)
    pd.DataFrame({"file": ["x.csv"], "rul": [7.0]}).to_csv(tmp_path / "index.csv", index=False)
    found = read_recordings(tmp_path, target="rul", index=tmp_path / "index.csv")
    assert found[0].target == 7.0
    assert found[0].targets is None
