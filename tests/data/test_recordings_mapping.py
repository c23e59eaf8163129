"""Memory-mapped samples go to another process as a path."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np

from heedful.data.recordings import cut, read_recordings, split_recordings


def test_mapped_samples_are_pickled_as_their_file(tmp_path: Path) -> None:
    for number in range(3):
        np.save(tmp_path / f"a{number}.npy", np.random.default_rng(number).integers(-99, 99, (2, 200_000), np.int16))
    found = read_recordings(tmp_path, memory=1, cache=tmp_path / "cache")
    sent = pickle.dumps(found)
    assert len(sent) < 20_000 < found[0].values.nbytes
    again = pickle.loads(sent)
    for one, other in zip(found.items, again.items, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        assert one.values.dtype == other.values.dtype


def test_a_part_of_mapped_samples_is_the_same_part_again(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(1_000_000, dtype=np.float32).reshape(2, -1))
    found = read_recordings(tmp_path, memory=1, cache=tmp_path / "cache")
    part = found[0].values[1:, 7:500:3]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)), part)


def test_what_is_computed_of_mapped_samples_is_pickled_as_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(1000, dtype=np.float32).reshape(2, -1))
    found = read_recordings(tmp_path, memory=1, cache=tmp_path / "cache")
    twice = 2 * found[0].values
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(twice)), twice)


def test_windows_that_were_read_are_sent_without_their_samples(tmp_path: Path) -> None:
    for number in range(4):
        np.save(tmp_path / f"a{number}.npy", np.full((1, 300_000), number, np.float32))
    found = read_recordings(tmp_path, memory=1, cache=tmp_path / "cache")
    found = replace(found, items=tuple(replace(one, label=one.name[:1]) for one in found.items))
    cuts = cut(split_recordings(found, "time", window=100).train, 100)
    cuts.read(np.arange(5))
    sent = pickle.dumps(cuts)
    assert len(sent) < 2 * cuts.starts.nbytes + 20_000 + cuts.lengths.nbytes
    np.testing.assert_array_equal(pickle.loads(sent).read(np.arange(5))[0], cuts.read(np.arange(5))[0])
