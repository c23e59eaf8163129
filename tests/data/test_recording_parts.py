from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.data.recordings import Part, Parts, Piece, Recording, Recordings, read_recordings, split_recordings
from heedful.data.recordings.dividing import allotted, stratified
from heedful.errors import DataError, OptionError, UnknownName


def made(known: Iterable[tuple[str, str | None, str | None]], samples: int = 100, **more: object) -> Recordings:
    items = [
        Recording(name=name, values=np.full((1, samples), float(i)), label=label, group=group, **more)
        for i, (name, label, group) in enumerate(known)
    ]
    return Recordings(items=tuple(items))


def bearings_of(**groups: int) -> Recordings:
    return made((f"{lab}{g}{load}", lab, f"{lab}{g}") for lab, n in groups.items() for g in range(n) for load in "xy")


def names(part: Part | None) -> set[str]:
    return {part.recordings[piece.recording].name for piece in part.pieces} if part else set()


def told(parts: Parts) -> dict[str, list[tuple[str, int, int]]]:
    return {p.name: sorted((p.recordings[a].name, b, c) for a, b, c in p.pieces) for p in parts}


def test_no_group_lies_in_two_parts_and_every_class_in_each():
    parts = split_recordings(bearings_of(ball=3, inner=5, outer=10), seed=3)
    groups = [set(part.groups) for part in parts]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 18
    assert all(part.labels == ("ball", "inner", "outer") for part in parts)
    counts = [[sum(g.startswith(label) for g in own) for label in ("ball", "inner", "outer")] for own in groups]
    assert counts == [[1, 3, 6], [1, 1, 2], [1, 1, 2]]
    assert parts.kind == "group"
    assert not parts.leaky


def test_all_recordings_of_a_group_go_together():
    parts = split_recordings(bearings_of(ball=4, inner=4))
    assert sum(len(names(part)) for part in parts) == 16
    for part in parts:
        assert {name[:-1] + load for name in names(part) for load in "xy"} == names(part)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 5), order=st.permutations(range(14)), kind=st.sampled_from(["group", "time"]))
def test_the_order_of_the_files_changes_nothing(seed, order, kind):
    first = bearings_of(ball=3, inner=4)
    second = Recordings(items=tuple(first[i] for i in order))
    assert told(split_recordings(first, kind, seed=seed)) == told(split_recordings(second, kind, seed=seed))


def test_the_order_of_the_files_changes_nothing_for_recordings_dealt_out_whole():
    first = made((f"r{i}", "ab"[i % 2], "ab"[i % 2]) for i in range(20))
    second = Recordings(items=tuple(reversed(first.items)))
    assert told(split_recordings(first, window=60)) == told(split_recordings(second, window=60))


def test_another_seed_gives_other_parts():
    found = {tuple(split_recordings(bearings_of(ball=6, inner=6), seed=seed).test.groups) for seed in range(6)}
    assert len(found) > 1


def test_a_class_with_one_group_is_split_in_time_and_the_notes_say_so():
    parts = split_recordings(bearings_of(ball=3, healthy=1), window=5)
    assert parts.in_time == ("healthy",)
    assert "class healthy has one group only: split in time, its scores measure recordings" in parts.notes
    healthy = [piece for piece in parts.test.pieces if parts.test.recordings[piece.recording].label == "healthy"]
    assert [(piece.start, piece.stop) for piece in healthy] == [(80, 100), (80, 100)]
    assert all(part.labels == ("ball", "healthy") for part in parts)


def test_a_class_with_two_groups_takes_its_validation_from_the_end_of_its_train_recordings():
    parts = split_recordings(bearings_of(ball=2, inner=5), window=4)
    ball = [piece for piece in parts.validation.pieces if parts.train.recordings[piece.recording].label == "ball"]
    assert [(piece.start, piece.stop) for piece in ball] == [(75, 100), (75, 100)]
    assert not set(parts.test.groups) & (set(parts.train.groups) | set(parts.validation.groups))
    assert any("class ball has two groups" in note for note in parts.notes)


def test_people_who_do_everything_are_kept_apart_too():
    acts = ["sit", "run", "jump"]
    parts = split_recordings(made((f"p{p}-{act}", act, f"p{p}") for p in range(10) for act in acts))
    groups = [set(part.groups) for part in parts]
    assert [len(own) for own in groups] == [6, 2, 2]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_recordings_without_a_group_are_groups_of_their_own():
    parts = split_recordings(made((f"r{i}", "ab"[i % 2], None) for i in range(20)))
    assert [len(part.pieces) for part in parts] == [12, 4, 4]


def test_time_blocks_follow_each_other_with_a_gap_of_one_window():
    parts = split_recordings(made([("a", None, None)], samples=1000), window=50)
    assert parts.kind == "time"
    assert [(p.name, [tuple(piece) for piece in p.pieces]) for p in parts] == [
        ("train", [(0, 0, 550)]),
        ("validation", [(0, 600, 750)]),
        ("test", [(0, 800, 1000)]),
    ]


def test_short_recordings_of_one_group_are_dealt_out_whole():
    parts = split_recordings(made((f"r{i}", "ab"[i % 2], "ab"[i % 2]) for i in range(20)), window=60)
    assert all(piece.samples == 100 for part in parts for piece in part.pieces)
    assert [len(part.pieces) for part in parts] == [12, 4, 4]
    assert any("dealt out whole" in note for note in parts.notes)


def test_a_single_whole_recording_of_a_class_stays_in_train():
    parts = split_recordings(made([("a", "x", None), *((f"b{i}", "y", None) for i in range(5))]))
    assert "a" in names(parts.train)
    assert parts.test.labels == ("y",)
    assert any("none to validation and test" in note for note in parts.notes)


def test_given_parts_stay_and_validation_comes_from_train():
    items = [*made(((f"a{i}", "xy"[i % 2], None) for i in range(8)), part="train").items]
    items += made(((f"t{i}", "xy"[i % 2], None) for i in range(6)), part="test").items
    parts = split_recordings(Recordings(items=tuple(items)))
    assert parts.kind == "given"
    assert names(parts.test) == {f"t{i}" for i in range(6)}
    assert len(names(parts.validation)) == 2
    assert len(names(parts.train)) == 6
    alone = split_recordings(Recordings(items=tuple(items)), sizes=(0.8, 0.0, 0.2))
    assert alone.validation is None
    assert len(names(alone.train)) == 8


def test_given_needs_a_part_of_each_recording():
    with pytest.raises(DataError, match=r"got None for 'a'. Split by group or in time"):
        split_recordings(made([("a", "x", None), ("b", "y", None)]), "given")


def test_recordings_of_which_only_some_have_a_part_are_refused():
    some = Recordings(items=(*made([("a", "x", None)], part="test").items, *bearings_of(ball=4).items))
    with pytest.raises(
        DataError, match=r"1 of \d recordings have a part .*, \d have none, such as 'ball.*split='group'"
    ):
        split_recordings(some)
    assert split_recordings(some, "group").kind == "group"


def test_given_without_a_test_is_refused_and_the_file_beside_it_named(tmp_path):
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Made_{part}.tsv").write_text("".join(f"{i % 2}\t0.5\t{i}\t1.5\n" for i in range(8)))
    found = read_recordings(tmp_path / "Made_TRAIN.tsv")
    with pytest.raises(DataError, match=r"for test, got none among 8. Made_TEST.tsv lies beside .*test=.*'group'"):
        split_recordings(found)
    with pytest.raises(DataError, match=r"for train, got none among 8. Made_TRAIN.tsv lies beside"):
        split_recordings(read_recordings(tmp_path / "Made_TEST.tsv"))
    assert not split_recordings(found, sizes=(0.8, 0.2, 0)).test.pieces
    whole = split_recordings(read_recordings(tmp_path))
    assert len(whole.test.pieces) == 8
    assert split_recordings(whole.train).kind == "group"


def test_random_windows_are_marked_leaky():
    parts = split_recordings(bearings_of(ball=2), "random-windows")
    assert parts.leaky
    assert "leaky" in parts.notes[0]
    assert "leaky" in repr(parts)
    assert parts.train.pieces == parts.test.pieces


def test_a_part_can_be_split_again():
    outer = split_recordings(bearings_of(ball=8, inner=8))
    inner = split_recordings(outer.train)
    assert {n for part in inner for n in names(part)} == names(outer.train)
    with pytest.raises(OptionError, match="dealt out at random cannot be split again"):
        split_recordings(split_recordings(bearings_of(ball=8), "random-windows").train)


def test_a_time_split_of_a_part_stays_inside_its_pieces():
    recordings = made([("a", None, None)], samples=1000)
    part = Part(recordings=recordings, pieces=(Piece(0, 200, 400),), name="train")
    inner = split_recordings(part, "time", sizes=(0.5, 0.0, 0.5))
    assert (inner.train.pieces, inner.test.pieces) == ((Piece(0, 200, 300),), (Piece(0, 300, 400),))


def test_a_split_by_group_needs_groups():
    with pytest.raises(DataError, match="at least two groups"):
        split_recordings(bearings_of(ball=1, inner=1), "group")
    assert split_recordings(bearings_of(ball=1, inner=1)).kind == "time"


def test_sizes_must_be_shares():
    for sizes in ((0.5, 0.2, 0.2), (0.0, 0.5, 0.5), (0.5, 0.5), (1.2, -0.1, -0.1)):
        with pytest.raises(OptionError, match="sum to 1"):
            split_recordings(bearings_of(ball=3), sizes=sizes)


def test_an_unknown_kind_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'group'"):
        split_recordings(bearings_of(ball=3), "groups")


def test_a_gap_that_eats_all_samples_is_told():
    with pytest.raises(DataError, match="no samples for train"):
        split_recordings(made([("a", None, None)]), "time", window=90)


@given(count=st.integers(0, 50), share=st.floats(0.05, 0.9))
def test_everything_is_dealt_out(count, share):
    shares = (1 - share, share / 2, share / 2)
    given_out = allotted(count, shares)
    assert sum(given_out) == count
    assert count < 3 or min(given_out) >= 1


def test_groups_of_many_classes_come_as_near_to_what_is_wanted_as_they_can():
    labels = {f"g{i}": {"a", "b"} if i < 6 else {"b"} for i in range(12)}
    place = stratified(labels, {"a": [2, 2, 2], "b": [4, 4, 4]}, np.random.default_rng(0))
    for label in "ab":
        counts = np.bincount([place[group] for group, own in labels.items() if label in own], minlength=3)
        assert counts.tolist() == ([2, 2, 2] if label == "a" else [4, 4, 4])
