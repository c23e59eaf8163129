from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.data.recordings import Part, Piece, Recording, Recordings, cut, split_recordings
from heedful.errors import DataError, OptionError


def made(*sizes: int, channels: int = 1, dtype: type = np.float64, scale: float = 1.0) -> Recordings:
    """Recordings whose samples tell recording, channel and place: 1000 r + 0.25 c + t."""
    items = []
    for r, size in enumerate(sizes):
        values = np.arange(size) + 1000 * r + 0.25 * np.arange(channels)[:, None]
        items.append(
            Recording(
                name=f"r{r}",
                values=values.astype(dtype),
                scale=scale,
                label="ab"[r % 2],
                group=f"g{r}",
                target=r / 2,
                channels=tuple(f"c{i}" for i in range(channels)),
            )
        )
    return Recordings(items=tuple(items))


def whole(recordings: Recordings, name: str = "train") -> Part:
    pieces = tuple(Piece(i, 0, len(one)) for i, one in enumerate(recordings.items))
    return Part(recordings=recordings, pieces=pieces, name=name)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 99),
    sizes=st.lists(st.integers(20, 90), min_size=1, max_size=4),
    window=st.integers(1, 19),
    step=st.integers(1, 25),
    channels=st.integers(1, 3),
)
def test_a_window_holds_the_samples_of_its_recording(seed, sizes, window, step, channels):
    recordings = made(*sizes, channels=channels)
    cuts = cut(whole(recordings), window, step)
    assert len(cuts) == sum((size - window) // step + 1 for size in sizes)
    index = np.random.default_rng(seed).integers(0, len(cuts), 7)
    x, lengths = cuts.read(index)
    assert x.shape == (7, window, channels)
    assert x.dtype == np.float32
    assert lengths.tolist() == [window] * 7
    for i, number in enumerate(index):
        r, start = cuts.starts[number]
        assert np.array_equal(x[i], recordings[r].read(start, start + window))


def test_no_window_crosses_the_border_of_a_piece():
    recordings = made(100)
    part = Part(recordings=recordings, pieces=(Piece(0, 3, 20), Piece(0, 20, 41)), name="train")
    assert cut(part, 8, 4).starts[:, 1].tolist() == [3, 7, 11, 20, 24, 28, 32]


def test_train_windows_overlap_by_half_and_others_not():
    recordings = made(40)
    assert cut(whole(recordings), 10).starts[:, 1].tolist() == [0, 5, 10, 15, 20, 25, 30]
    assert cut(whole(recordings, "test"), 10).starts[:, 1].tolist() == [0, 10, 20, 30]


def test_whole_recordings_are_padded_to_the_longest():
    recordings = made(3, 7, 5, channels=2)
    cuts = cut(whole(recordings, "test"))
    x, lengths = cuts.read(np.array([2, 0, 1]))
    assert x.shape == (3, 7, 2)
    assert lengths.tolist() == [5, 3, 7]
    assert not cuts.complete
    assert np.array_equal(x[0, :5], recordings[2].read(0, 5))
    assert not x[0, 5:].any()
    assert not x[1, 3:].any()


def test_all_parts_of_whole_recordings_have_one_length():
    parts = split_recordings(made(*range(3, 33)), sizes=(0.6, 0.2, 0.2))
    assert {cut(part).window for part in parts} == {32}


def test_short_recordings_are_padded_and_short_fragments_left_out():
    recordings = made(40, 6)
    part = Part(recordings=recordings, pieces=(Piece(0, 0, 20), Piece(0, 30, 37), Piece(1, 0, 6)), name="test")
    cuts = cut(part, 10)
    assert cuts.starts.tolist() == [[0, 0], [0, 10], [1, 0]]
    assert cuts.lengths.tolist() == [10, 10, 6]
    assert "1 pieces of test are shorter than a window: left out" in cuts.notes
    assert "1 recordings of test are shorter than a window: padded at the end" in cuts.notes


def test_labels_targets_and_groups_are_those_of_the_recording():
    cuts = cut(whole(made(20, 30, 10)), 10, 10)
    assert cuts.classes == ("a", "b")
    assert cuts.labels.tolist() == [0, 0, 1, 1, 1, 0]
    assert cuts.labels.dtype == np.int64
    assert cuts.targets.tolist() == [0, 0, 0.5, 0.5, 0.5, 1]
    assert cuts.groups.tolist() == ["g0", "g0", "g1", "g1", "g1", "g2"]


def test_recordings_without_label_and_target_say_so():
    cuts = cut(whole(Recordings(items=(Recording(name="a", values=np.zeros((1, 9))),))), 3, 3)
    assert cuts.labels.tolist() == [-1, -1, -1]
    assert np.isnan(cuts.targets).all()
    assert cuts.groups.tolist() == ["a", "a", "a"]


def test_stored_whole_numbers_are_scaled():
    for dtype in (np.int16, np.int32, np.int64, np.uint8):
        x, _ = cut(whole(made(12, dtype=dtype, scale=0.5)), 4, 4).read(np.arange(3))
        assert np.array_equal(x.ravel(), np.arange(12) * 0.5)


def test_short_gaps_are_filled_by_straight_lines_and_told():
    recordings = made(40, channels=2)
    recordings[0].values[1, 12:14] = np.nan
    recordings[0].values[0, 20] = np.inf
    cuts = cut(whole(recordings), 20, 20, missing=0.2)
    x, _ = cuts.read(np.arange(2))
    assert cuts.holes.tolist() == [True, True]
    assert np.allclose(x[0, :, 1], np.arange(20) + 0.25)
    assert x[1, 0, 0] == 21
    assert "2 windows have gaps, filled by straight lines" in cuts.notes


def test_windows_with_too_many_missing_samples_are_left_out_and_counted():
    recordings = made(60, channels=2)
    recordings[0].values[1, 23:26] = np.nan
    cuts = cut(whole(recordings), 20, 20)
    assert cuts.starts[:, 1].tolist() == [0, 40]
    assert "1 of 3 windows left out: more than 10 % of a channel is missing" in cuts.notes
    recordings[0].values[1] = np.nan
    with pytest.raises(DataError, match="3 windows have too many missing samples"):
        cut(whole(recordings), 20, 20, missing=1.0)


def test_nothing_is_copied_until_it_is_read():
    recordings = made(100)
    cuts = cut(whole(recordings), 10)
    recordings[0].values[0, 4] = -7
    assert cuts.read(np.array([0]))[0][0, 4, 0] == -7


def test_memory_maps_are_read_where_they_lie(tmp_path):
    stored = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.int16, (2, 5000))
    stored[:] = np.arange(10000).reshape(2, 5000) % 997
    one = Recording(name="a", values=np.load(tmp_path / "a.npy", mmap_mode="r"), channels=("x", "y"), scale=2.0)
    cuts = cut(whole(Recordings(items=(one,))), 100, 50)
    x, _ = cuts.read(np.arange(len(cuts))[::-1])
    assert np.array_equal(x[-1], stored[:, :100].T.astype(np.float32) * 2)
    assert np.array_equal(x[0], stored[:, 4900:].T.astype(np.float32) * 2)


def test_classes_are_balanced_on_train_only_and_counted():
    recordings = made(100, 40)
    under = cut(whole(recordings), 10, 10, balance="undersample")
    assert np.bincount(under.labels).tolist() == [4, 4]
    over = cut(whole(recordings), 10, 10, balance="oversample")
    assert np.bincount(over.labels).tolist() == [10, 10]
    assert len(np.unique(over.starts, axis=0)) == 14
    assert "oversample: 10 windows given to each of 2 classes, 14 before, 20 now" in over.notes
    again = cut(whole(recordings), 10, 10, balance="undersample")
    assert np.array_equal(under.starts, again.starts)
    for name, kind in (("test", "undersample"), ("train", "smote")):
        with pytest.raises(OptionError, match="balances the classes of the train part"):
            cut(whole(recordings, name), 10, balance=kind)


def test_windows_dealt_out_at_random_share_none_and_keep_the_classes():
    recordings = made(500, 250)
    parts = split_recordings(recordings, "random-windows")
    laid = [cut(part, 10, 5) for part in parts]
    together = np.concatenate([one.starts for one in laid])
    assert len(np.unique(together, axis=0)) == len(together) == 99 + 49
    assert [np.bincount(one.labels).tolist() for one in laid] == [[59, 29], [20, 10], [20, 10]]
    turned = Recordings(items=tuple(reversed(recordings.items)))
    other = cut(split_recordings(turned, "random-windows").train, 10, 5)
    assert sorted(map(tuple, other.starts)) == sorted((1 - r, s) for r, s in laid[0].starts.tolist())


def test_covered_stretches_are_counted_once():
    part = Part(recordings=made(100, 50), pieces=(Piece(0, 0, 35), Piece(0, 60, 80), Piece(1, 5, 15)), name="train")
    for step in (3, 5, 10):
        reach = [(size - 10) // step * step + 10 for size in (35, 20, 10)]
        covered = [Piece(0, 0, reach[0]), Piece(0, 60, 60 + reach[1]), Piece(1, 5, 5 + reach[2])]
        assert list(cut(part, 10, step).intervals()) == covered


def test_some_windows_can_be_taken_alone():
    cuts = cut(whole(made(100, 50)), 10, 10)
    some = cuts.take(np.array([12, 3]))
    assert len(some) == 2
    assert some.labels.tolist() == [1, 0]
    assert np.array_equal(some.read(np.array([0]))[0], cuts.read(np.array([12]))[0])


def test_no_window_at_all_is_an_error_that_says_why():
    recordings = made(30)
    part = Part(recordings=recordings, pieces=(Piece(0, 0, 9),), name="test")
    with pytest.raises(DataError, match="test part has no window of 10 samples: its longest piece has 9"):
        cut(part, 10)
    for wrong in ({"window": 0}, {"window": 4, "step": 0}, {"window": 4, "missing": 1.5}):
        with pytest.raises(OptionError, match="at least 1"):
            cut(whole(recordings), **wrong)
