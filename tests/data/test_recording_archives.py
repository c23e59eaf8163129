"""Splits, windows and checks on recordings that were really made; skipped where they are not kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heedful.data.recordings import Recording, Recordings, SignalScaler, check_parts, cut, folds, split_recordings

WINDOW = 2048


@pytest.fixture(scope="module")
def cwru(shared_data) -> Recordings:
    """Four fault types of three sizes at all loads; the two healthy records as they are, at 48 kHz."""
    folder = shared_data / "signals" / "cwru"
    items = []
    for row in pd.read_csv(folder / "records.csv").itertuples():
        values = np.load(folder / row.file, mmap_mode="r")
        facts = {"load": float(row.load_hp)} | ({"diameter_mil": float(row.diameter_mil)} if row.fault != "N" else {})
        items.append(
            Recording(
                name=row.file,
                values=values.reshape(1, -1),
                scale=row.scale,
                rate=float(row.fs_hz),
                label=row.fault,
                group=row.bearing,
                facts=facts,
            )
        )
    return Recordings(items=tuple(items), name="cwru")


def archive(folder: Path) -> Recordings:
    items = []
    for part in ("TRAIN", "TEST"):
        text = (folder / f"{folder.name}_{part}.ts").read_text(encoding="utf-8-sig")
        cases = text[text.lower().index("@data") + 5 :].strip().splitlines()
        for number, case in enumerate(cases):
            *dimensions, label = case.split(":")
            values = np.array([np.array(one.split(","), dtype=float) for one in dimensions])
            names = tuple(f"c{i}" for i in range(len(values)))
            name = f"{part}-{number:04d}"
            items.append(Recording(name=name, values=values, label=label, channels=names, part=part.lower()))
    return Recordings(items=tuple(items), name=folder.name)


def test_cwru_holds_out_each_size_and_splits_the_healthy_bearing_in_time(cwru):
    found = folds(cwru, by="diameter_mil", values=(7, 14, 21), window=WINDOW, validation=0)
    assert [one.fold for one in found] == ["diameter_mil = 7", "diameter_mil = 14", "diameter_mil = 21"]
    for one, size in zip(found, (7.0, 14.0, 21.0), strict=True):
        assert one.in_time == ("N",)
        assert one.train.labels == one.test.labels == ("B", "IR", "N", "OR")
        assert {cwru[p.recording].facts.get("diameter_mil", size) for p in one.test.pieces} == {size}
        assert size not in {cwru[p.recording].facts.get("diameter_mil") for p in one.train.pieces}
        assert set(one.test.groups) & set(one.train.groups) == {"normal"}
        laid = [cut(part, WINDOW) for part in one]
        checks = {check.kind: check for check in check_parts(one, laid)}
        assert (checks["groups"].count, checks["groups"].severity) == (1, "warning")
        assert checks["intervals"].count == checks["duplicates"].count == 0
        assert "N (1)" in checks["few"].text
        assert "2 rates: 12000, 48000" in checks["rates"].text
        assert "the amplifier's gain differs by class" in checks["gain"].text
    assert any("class N has one group only: split in time" in note for note in found[0].notes)


def test_ten_classes_of_cwru_are_ten_bearings(cwru):
    ten = {"B007", "B014", "B021", "IR007", "IR014", "IR021", "OR007@6", "OR014@6", "OR021@6", "normal"}
    items = tuple(
        Recording(name=one.name, values=one.values, scale=one.scale, rate=one.rate, label=one.group, group=one.group)
        for one in cwru.items
        if one.group in ten
    )
    parts = split_recordings(Recordings(items=items), window=WINDOW)
    assert parts.kind == "time"
    told = {check.kind: check for check in check_parts(parts)}
    assert "every class comes from one group" in told["coincide"].text


def test_windows_of_cwru_are_the_stored_samples_in_their_unit(cwru):
    cuts = cut(split_recordings(cwru, window=WINDOW).train, WINDOW)
    index = np.random.default_rng(0).permutation(len(cuts))[:50]
    x, lengths = cuts.read(index)
    assert cuts.complete
    assert lengths.tolist() == [WINDOW] * 50
    for window, (r, start) in zip(x, cuts.starts[index], strict=True):
        assert np.array_equal(window, cwru[r].read(start, start + WINDOW))
    z = SignalScaler.fit(cuts, "window").apply(x, lengths)
    assert np.allclose(z.std(axis=1), 1, atol=1e-3)


def test_plaid_has_five_series_in_train_and_test(shared_data):
    recordings = archive(shared_data / "signals" / "ucr" / "PLAID")
    parts = split_recordings(recordings, sizes=(0.8, 0.0, 0.2))
    assert parts.kind == "given"
    assert parts.validation is None
    checks = {check.kind: check for check in check_parts(parts, [cut(part) for part in parts])}
    assert checks["duplicates"].count == 5
    assert checks["groups"].count == checks["intervals"].count == 0


def test_japanese_vowels_keep_their_lengths_and_every_test_case(shared_data):
    recordings = archive(shared_data / "signals" / "ucr" / "JapaneseVowels")
    parts = split_recordings(recordings, sizes=(0.8, 0.0, 0.2))
    train, test = cut(parts.train), cut(parts.test)
    assert (len(train), len(test), train.channels, train.window, test.window) == (270, 370, 12, 29, 29)
    assert (train.lengths.min(), train.lengths.max(), test.lengths.max()) == (7, 26, 29)
    x, lengths = test.read(np.arange(len(test)))
    assert x.shape == (370, 29, 12)
    for window, length, (r, _) in zip(x, lengths, test.starts, strict=True):
        assert np.array_equal(window[:length], recordings[r].read(0, length))
        assert not window[length:].any()
    assert np.bincount(test.labels).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
