from __future__ import annotations

import numpy as np
import pytest

from heedful.data.recordings import Recording, Recordings, cut, folds
from heedful.errors import DataError, OptionError, UnknownName

SIZES = (7.0, 14.0, 21.0)


def rig(samples: int = 400, *, healthy: bool = True, reverse: bool = False) -> Recordings:
    """Two faults of three sizes at two loads, and one healthy bearing."""
    items = [
        Recording(
            name=f"{label}{size:g}-{load}",
            values=np.arange(float(samples))[None],
            label=label,
            group=f"{label}{size:g}",
            facts={"size": size, "load": load, "side": "drive"},
        )
        for label in ("ball", "inner")
        for size in SIZES
        for load in (0.0, 1.0)
    ]
    if healthy:
        items += [
            Recording(
                name=f"healthy-{load}",
                values=np.arange(float(samples))[None],
                label="healthy",
                group="healthy",
                facts={"size": 0.0, "load": load},
            )
            for load in (0.0, 1.0)
        ]
    return Recordings(items=tuple(reversed(items)) if reverse else tuple(items))


def faulty(part):
    return [piece for piece in part.pieces if part.recordings[piece.recording].label != "healthy"]


def names(part):
    return {part.recordings[piece.recording].name for piece in part.pieces}


def test_each_size_is_held_out_once_and_the_healthy_bearing_in_time():
    found = folds(rig(), by="size", window=20)
    assert [one.fold for one in found] == ["size = 7", "size = 14", "size = 21"]
    for one, size in zip(found, SIZES, strict=True):
        sizes = {one.test.recordings[piece.recording].facts["size"] for piece in faulty(one.test)}
        assert sizes == {size}
        assert size not in {p.recordings[i].facts["size"] for p in (one.train, one.validation) for i, *_ in faulty(p)}
        assert one.in_time == ("healthy",)
        assert one.train.labels == one.test.labels == ("ball", "healthy", "inner")
        assert "class healthy has one group only: split in time, its scores measure recordings" in one.notes
    healthy = [sorted((p.start, p.stop) for p in one.test.pieces if p not in faulty(one.test))[0] for one in found]
    assert healthy == [(0, 133), (133, 267), (267, 400)]


def test_held_out_stretches_are_a_window_away_from_the_others():
    for one in folds(rig(), by="size", window=20):
        for part in (one.train, one.validation):
            for piece in part.pieces:
                for held in one.test.pieces:
                    if piece.recording == held.recording:
                        assert piece.stop + 20 <= held.start or piece.start >= held.stop + 20


def test_only_the_values_asked_for_are_held_out():
    found = folds(rig(), by="size", values=(21, "7"), window=20)
    assert [one.fold for one in found] == ["size = 21", "size = 7"]
    with pytest.raises(UnknownName, match="value of 'size' '28'"):
        folds(rig(), by="size", values=(7, 28))


def test_validation_is_by_group_only_where_two_groups_stay_for_train():
    auto = folds(rig(), by="size", window=20)[0]
    assert {g for g in auto.validation.groups if g != "healthy"} == {"ball14", "ball21", "inner14", "inner21"}
    assert any("validation of ball, inner is taken in time" in note for note in auto.notes)
    strict = folds(rig(), by="size", window=20, inner="group")[0]
    assert not (set(strict.validation.groups) & set(strict.train.groups)) - {"healthy"}
    assert folds(rig(), by="size", window=20, validation=0)[0].validation is None


def test_inner_folds_never_see_what_the_outer_fold_holds_out():
    outer = folds(rig(), by="size", window=20, validation=0)[1]
    inner = folds(outer.train, by="size", window=20, validation=0)
    assert [one.fold for one in inner] == ["size = 7", "size = 21"]
    for one in inner:
        assert not (names(one.test) | names(one.train)) & (names(outer.test) - {"healthy-0.0", "healthy-1.0"})
        held = {(p.recording, i) for p in outer.test.pieces for i in range(p.start, p.stop)}
        assert not held & {(p.recording, i) for part in one for p in part.pieces for i in range(p.start, p.stop)}


def test_a_fact_of_which_each_class_has_one_value_cannot_be_held_out():
    with pytest.raises(DataError, match="at least two of its values"):
        folds(rig(), by="side")
    with pytest.raises(UnknownName, match=r"Did you mean 'size'.*group, load, side, size"):
        folds(rig(), by="sizes")


def test_every_group_is_held_out_once():
    found = folds(rig(healthy=False), "group", 3, validation=0)
    held = [group for one in found for group in one.test.groups]
    assert sorted(held) == sorted(rig(healthy=False).groups)
    assert all(one.test.labels == ("ball", "inner") for one in found)
    assert all(not set(one.test.groups) & set(one.train.groups) for one in found)


def test_folds_have_the_same_number_of_groups_of_each_class():
    items = [Recording(name=f"g{i}", values=np.zeros((1, 9)), label="ab"[i % 2]) for i in range(12)]
    for seed in range(3):
        for one in folds(Recordings(items=tuple(items)), "group", 2, validation=0, seed=seed):
            assert [sum(int(g[1:]) % 2 == odd for g in one.test.groups) for odd in (0, 1)] == [3, 3]


def test_group_by_group_is_held_out():
    found = folds(rig(healthy=False), by="group", validation=0)
    assert [one.test.groups for one in found] == [(g,) for g in rig(healthy=False).groups]


def test_folds_by_group_are_the_same_in_any_order_of_files():
    first, second = folds(rig(), "group", 3, window=20, seed=4), folds(rig(reverse=True), "group", 3, window=20, seed=4)
    for a, b in zip(first, second, strict=True):
        assert [names(part) for part in a] == [names(part) for part in b]


def test_every_stretch_of_time_is_held_out_once():
    found = folds(rig(), "time", 4, window=20)
    for number in range(len(rig())):
        held = sorted((p.start, p.stop) for one in found for p in one.test.pieces if p.recording == number)
        assert held == [(0, 100), (100, 200), (200, 300), (300, 400)]
    assert all(one.validation is not None and one.kind == "time" for one in found)


def test_windows_dealt_out_at_random_are_each_held_out_once():
    found = folds(rig(), "random-windows", 3)
    assert all(one.leaky for one in found)
    held = np.concatenate([cut(one.test, 20, 20).starts for one in found])
    assert len(held) == len(np.unique(held, axis=0)) == 14 * 20
    for one in found:
        taken = np.concatenate([cut(part, 20, 20).starts for part in one])
        assert len(taken) == len(np.unique(taken, axis=0)) == 14 * 20


def test_more_folds_than_groups_are_refused():
    with pytest.raises(DataError, match="need a class with 5 groups, got at most 3"):
        folds(rig(), "group", 5)


def test_numbers_that_make_no_folds_are_refused():
    for wrong in ({"k": 1}, {"validation": 1.0}, {"values": (7,)}):
        with pytest.raises(OptionError, match="folds needs k of at least 2"):
            folds(rig(), **wrong)
    with pytest.raises(UnknownName, match="kind of fold 'given'"):
        folds(rig(), "given")
    with pytest.raises(UnknownName, match="way to take validation 'tme'. Did you mean 'time'"):
        folds(rig(), inner="tme")


def test_missing_values_of_a_fact_stay_in_train():
    items = [*rig(healthy=False).items]
    items.append(Recording(name="odd", values=np.zeros((1, 400)), label="ball", group="odd", facts={"size": np.nan}))
    found = folds(Recordings(items=tuple(items)), by="size", validation=0)
    assert len(found) == 3
    assert all("odd" in names(one.train) for one in found)


def test_recordings_without_the_fact_are_told_to_be_in_every_train():
    items = (*rig().items, Recording(name="odd", values=np.zeros((1, 400)), label="ball", group="odd"))
    found = folds(Recordings(items=items), by="size", window=20)
    note = "1 recording without 'size' never tested and in the train of every fold, such as 'odd'"
    assert all(note in one.notes and "odd" not in names(one.test) for one in found)
    assert not any("without 'size'" in note for one in folds(rig(), by="size", window=20) for note in one.notes)
