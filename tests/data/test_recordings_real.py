"""Recordings that others made, where they are kept beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heedful.data.recordings import read_recordings

SETS = ["ACSF1", "ArrowHead", "BasicMotions", "CBF", "ECG200", "GunPoint", "ItalyPowerDemand", "JapaneseVowels",
        "OSULeaf", "PLAID", "UnitTest"]  # fmt: skip


@pytest.fixture(scope="module")
def signals(shared_data: Path) -> Path:
    return shared_data / "signals"


def test_the_bearings_are_read_by_their_index(signals: Path) -> None:
    found = read_recordings(signals / "cwru", label="fault", group="bearing")
    assert len(found) == 62
    assert not found.problems
    assert found.classes == ("B", "IR", "N", "OR")
    assert len(found.groups) == 16
    assert found.rate is None
    assert any("60 of 12000 Hz, 2 of 48000 Hz" in note for note in found.notes)
    index = pd.read_csv(signals / "cwru" / "records.csv").set_index("file")
    for one in found.items:
        row = index.loc[f"{one.name}.npy"]
        assert (one.label, one.group, one.rate, len(one)) == (row.fault, row.bearing, row.fs_hz, row.n)
        assert one.scale == row.scale
        assert one.facts["load_hp"] == row.load_hp


def test_the_healthy_records_are_decimated_by_four(signals: Path) -> None:
    raw = read_recordings(signals / "cwru", label="fault", group="bearing")
    found = read_recordings(signals / "cwru", label="fault", group="bearing", rate=12000)
    assert found.rate == 12000
    for before, after in zip(raw.items, found.items, strict=True):
        assert len(after) == (-(-len(before) // 4) if before.label == "N" else len(before))
    one = next(one for one in found.items if one.label == "N")
    old = next(other for other in raw.items if other.name == one.name)
    power = [
        np.abs(np.fft.rfft(x.read(0, n)[:, 0] * np.hanning(n))) ** 2 / n / x.rate
        for x, n in ((old, 1 << 17), (one, 1 << 15))
    ]
    low = slice(100, int(5000 / 12000 * (1 << 15)))  # both have bins of 0.366 Hz
    np.testing.assert_allclose(power[1][low].sum(), power[0][low].sum(), rtol=0.01)


def test_the_mat_file_holds_the_samples_of_the_npy_times_its_scale(signals: Path) -> None:
    mat = read_recordings(signals / "12k_Drive_End_IR007_0_105.mat")
    assert mat.channels == ("DE_time",)
    assert mat[0].facts["rpm"] == 1797
    npy = read_recordings(signals / "cwru", label="fault", channels="DE_time")
    one = next(one for one in npy.items if one.name == "IR007_0hp_105_DE")
    np.testing.assert_allclose(one.values.astype(float) * one.scale, mat[0].values, atol=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_the_archives_sets_have_the_shapes_that_their_index_says(signals: Path, name: str) -> None:
    found = read_recordings(signals / "ucr" / name)
    index = pd.read_csv(signals / "ucr" / "index.csv").query("dataset == @name")
    assert not found.problems
    assert len(index) == 2
    for row in index.itertuples():
        items = [one for one in found.items if one.part == row.split.lower()]
        lengths = [len(one) for one in items]
        assert (len(items), len(found.channels)) == (row.n_cases, row.n_channels)
        assert (min(lengths), max(lengths)) == (row.len_min, row.len_max)
        labels = pd.Series([one.label for one in items]).value_counts()
        assert labels.to_dict() == json.loads(row.class_counts)
        assert len(labels) == row.n_classes
    assert not any("misses samples" in note for note in found.notes)


def test_mapped_reading_gives_the_same_samples(signals: Path, tmp_path: Path) -> None:
    for source, options in ((signals / "cwru", {"label": "fault"}), (signals / "ucr" / "PLAID", {})):
        held = read_recordings(source, **options)
        far = read_recordings(source, memory=0, cache=tmp_path / "cache", **options)
        assert far.fingerprint == held.fingerprint
