from __future__ import annotations

import json

import numpy as np
import pytest

from heedful.data.recordings import Part, Piece, Recording, Recordings, SignalScaler, cut, split_recordings
from heedful.errors import DataError, ShapeError, UnknownName


def made(seed: int = 0) -> Recordings:
    rng = np.random.default_rng(seed)
    items = [
        Recording(
            name=f"r{i}",
            values=rng.normal([[5.0 * i], [100.0]], [[2.0], [0.5]], (2, size)),
            scale=0.5 + i,
            channels=("x", "y"),
        )
        for i, size in enumerate((90, 300, 41))
    ]
    return Recordings(items=tuple(items))


def whole(recordings: Recordings, name: str = "train") -> Part:
    pieces = tuple(Piece(i, 0, len(one)) for i, one in enumerate(recordings.items))
    return Part(recordings=recordings, pieces=pieces, name=name)


def test_moments_are_those_of_all_samples_counted_once():
    recordings = made()
    scaler = SignalScaler.fit(cut(whole(recordings), 10, 1))
    every = np.concatenate([one.values * one.scale for one in recordings.items], axis=1)
    assert np.allclose(scaler.centre, every.mean(axis=1), rtol=1e-12)
    assert np.allclose(scaler.spread, every.std(axis=1), rtol=1e-12)
    assert scaler.recordings == ("r0", "r1", "r2")


def test_moments_do_not_depend_on_the_step_or_on_balance():
    recordings = made()
    first = SignalScaler.fit(cut(whole(recordings), 10, 10))
    assert not np.allclose(first.centre, SignalScaler.fit(cut(whole(recordings), 10, 50)).centre)
    second = SignalScaler.fit(cut(Part(recordings=recordings, pieces=(Piece(1, 0, 300),), name="train"), 10, 10))
    third = SignalScaler.fit(cut(Part(recordings=recordings, pieces=(Piece(1, 0, 300),), name="train"), 10, 2))
    assert np.array_equal(second.centre, third.centre)
    assert second.recordings == ("r1",)


def test_missing_samples_are_left_out():
    recordings = made()
    recordings[1].values[0, 50:60] = np.nan
    scaler = SignalScaler.fit(cut(Part(recordings=recordings, pieces=(Piece(1, 0, 300),), name="train"), 100, 50))
    x = recordings[1].values[0] * 1.5
    assert np.allclose(scaler.centre[0], np.nanmean(x), rtol=1e-12)
    assert np.allclose(scaler.spread[0], np.nanstd(x), rtol=1e-12)


def test_a_long_recording_is_joined_block_by_block(monkeypatch):
    monkeypatch.setattr("heedful.data.recordings.scale._BLOCK", 7)
    recordings = made()
    scaler = SignalScaler.fit(cut(whole(recordings), 10, 1))
    every = np.concatenate([one.values * one.scale for one in recordings.items], axis=1)
    assert np.allclose(scaler.spread, every.std(axis=1), rtol=1e-12)


def test_standard_scaling_is_by_train_and_leaves_padding_zero():
    recordings = made()
    train = cut(whole(recordings))
    scaler = SignalScaler.fit(train)
    x, lengths = train.read(np.arange(3))
    kept = x.copy()
    z = scaler.apply(x, lengths)
    assert np.array_equal(x, kept)
    assert z.dtype == np.float32
    assert not z[0, 90:].any()
    assert np.allclose(z[0, :90], (x[0, :90] - scaler.centre) / scaler.spread, rtol=1e-4, atol=1e-4)


def test_each_window_gets_mean_0_and_deviation_1_whatever_its_gain_and_padding():
    recordings = made()
    cuts = cut(whole(recordings, "train"))
    scaler = SignalScaler.fit(cuts, "window")
    x, lengths = cuts.read(np.arange(3))
    z = scaler.apply(x, lengths)
    for i, length in enumerate(lengths):
        assert np.allclose(z[i, :length].mean(axis=0), 0, atol=1e-4)
        assert np.allclose(z[i, :length].std(axis=0), 1, atol=1e-4)
        assert not z[i, length:].any()
    assert np.allclose(scaler.apply(8 * x, lengths), z, atol=1e-4)


def test_a_constant_channel_becomes_zero_and_never_noise():
    values = np.stack([np.full(1003, 0.1), np.arange(1003.0)])
    one = Recording(name="a", values=values, channels=("x", "y"))
    cuts = cut(Part(recordings=Recordings(items=(one,)), pieces=(Piece(0, 0, 1003),), name="train"), 17)
    assert SignalScaler.fit(cuts).spread[0] == 1
    x, lengths = cuts.read(np.arange(len(cuts)))
    for kind in ("standard", "window"):
        assert np.allclose(SignalScaler.fit(cuts, kind).apply(x, lengths)[:, :, 0], 0, atol=1e-6), kind


def test_signals_of_any_size_are_scaled():
    for size in (1e-15, 1e12):
        one = Recording(name="a", values=np.random.default_rng(0).normal(0, size, (1, 500)))
        cuts = cut(Part(recordings=Recordings(items=(one,)), pieces=(Piece(0, 0, 500),), name="train"), 100)
        x, lengths = cuts.read(np.arange(len(cuts)))
        for kind in ("standard", "window"):
            assert 0.9 < SignalScaler.fit(cuts, kind).apply(x, lengths).std() < 1.1


def test_no_scaling_changes_nothing():
    cuts = cut(whole(made()), 10)
    x, lengths = cuts.read(np.arange(4))
    z = SignalScaler.fit(cuts, "none").apply(x, lengths)
    assert np.array_equal(z, x)
    assert z is not x


def test_only_train_windows_are_learned_from():
    with pytest.raises(DataError, match="takes windows of the train part, got those of test"):
        SignalScaler.fit(cut(whole(made(), "test"), 10))
    with pytest.raises(UnknownName, match="Did you mean 'standard'"):
        SignalScaler.fit(cut(whole(made()), 10), "standart")


def test_windows_of_other_parts_do_not_move_the_moments():
    parts = split_recordings(made(), "random-windows")
    cuts = cut(parts.train, 10, 10)
    x, _ = cuts.read(np.arange(len(cuts)))
    assert np.allclose(SignalScaler.fit(cuts).centre, x.reshape(-1, 2).mean(axis=0), rtol=1e-5)


def test_other_channels_are_refused():
    scaler = SignalScaler.fit(cut(whole(made()), 10))
    with pytest.raises(ShapeError, match=r"\(B, T, 2\) of the channels x, y, got \(4, 10, 3\)"):
        scaler.apply(np.zeros((4, 10, 3)))


def test_it_is_stored_as_json_and_read_again():
    scaler = SignalScaler.fit(cut(whole(made()), 10))
    again = SignalScaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    assert again.to_dict() == scaler.to_dict()
    assert np.array_equal(again.centre, scaler.centre)
    for broken in ({}, {**scaler.to_dict(), "centre": [1.0]}, {**scaler.to_dict(), "channels": "xy"}):
        with pytest.raises(DataError, match="Fit it again"):
            SignalScaler.from_dict(broken)
