from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace

import numpy as np

from heedful.data.recordings import Check, Part, Parts, Piece, Recording, Recordings, check_parts, cut, split_recordings
from heedful.data.recordings.copies import copies


def one(name: str, label: str | None = None, seed: int | None = None, **more: object) -> Recording:
    rng = np.random.default_rng(zlib.crc32(name.encode()) if seed is None else seed)
    return Recording(name=name, values=rng.normal(size=(1, 200)), label=label, **more)


def rig(per_class: int = 4, **more: object) -> Recordings:
    pairs = [(label, i) for label in ("ball", "inner") for i in range(per_class)]
    return Recordings(items=tuple(one(f"{a}{i}", a, seed=17 * i + len(a), **more) for a, i in pairs))


def found(parts: Parts, *, window: int | None = 20) -> dict[str, Check]:
    return {check.kind: check for check in check_parts(parts, [cut(p, window) for p in parts] if window else ())}


def test_the_three_counts_are_always_told():
    for window in (20, None):
        checks = found(split_recordings(rig()), window=window)
        assert list(checks) == ["groups", "intervals", "duplicates"]
        assert all(check.severity == "note" and check.count == 0 for check in checks.values())
    assert "none of 4 pieces of validation and test" in checks["intervals"].text


def test_shared_groups_are_an_error_that_names_them():
    items = [one(f"{g}{part}", "x", group=g, part=part) for g, part in (("a", "train"), ("a", "test"), ("b", "train"))]
    checks = found(split_recordings(Recordings(items=tuple(items)), sizes=(0.8, 0.0, 0.2)))
    assert (checks["groups"].severity, checks["groups"].count) == ("error", 1)
    assert "1 of 2 groups lie in test and in another part (a)" in checks["groups"].text


def test_groups_shared_by_intent_are_a_warning():
    checks = found(split_recordings(rig(), "time", window=20))
    assert (checks["groups"].severity, checks["groups"].count) == ("warning", 8)
    healthy = [one("h1", "healthy", group="h"), one("h2", "healthy", group="h")]
    checks = found(split_recordings(Recordings(items=(*rig().items, *healthy)), window=10), window=10)
    assert (checks["groups"].severity, checks["groups"].count) == ("warning", 1)
    assert "Scores of healthy measure recordings" in checks["groups"].advice


def test_windows_dealt_out_at_random_are_found_to_overlap():
    parts = split_recordings(rig(), "random-windows")
    laid = [cut(part, 20, 10) for part in parts]
    checks = {check.kind: check for check in check_parts(parts, laid)}
    assert checks["groups"].severity == checks["intervals"].severity == "error"
    taken = {(r, s): part for part, one in enumerate(laid) for r, s in one.starts.tolist()}
    shared = sum(any(taken.get((r, s + by), part) < part for by in (-10, 10)) for (r, s), part in taken.items())
    assert checks["intervals"].count == shared > 0
    assert checks["duplicates"].count == 0


def test_one_shared_sample_is_an_overlap_and_none_is_not():
    recordings = Recordings(items=(one("a"),))
    for first, count in ((59, 1), (60, 0)):
        train = Part(recordings=recordings, pieces=(Piece(0, 20, 60), Piece(0, 0, 10)), name="train")
        test = Part(recordings=recordings, pieces=(Piece(0, first, 100),), name="test")
        checks = found(Parts(train=train, validation=None, test=test, kind="time"), window=None)
        assert checks["intervals"].count == count


def test_exact_copies_are_counted_and_named():
    ball, *others = rig(6).items
    ball = replace(ball, values=ball.values.astype(np.float32))
    items = (ball, *others, Recording(name="twin", values=ball.values.astype(np.float64), label="inner"))
    splits = (split_recordings(Recordings(items=items), seed=seed) for seed in range(50))
    parts = next(one for one in splits if "twin" in one.test.groups and "ball0" in one.train.groups)
    whole = found(parts, window=None)["duplicates"]
    assert (whole.count, whole.severity) == (1, "error")
    assert "twin = ball0" in whole.text
    assert found(parts, window=20)["duplicates"].count == 10


def test_stretches_that_only_begin_alike_are_no_copies():
    first = one("a", "x", seed=1)
    other = Recording(name="b", values=np.r_[first.values[0, :199], 7.0][None], label="x")
    items = (first, other, one("c", "x"))
    for seed in range(3):
        assert found(split_recordings(Recordings(items=items), seed=seed), window=None)["duplicates"].count == 0


def test_each_copy_counts_once_and_the_same_stretch_in_two_parts_is_none():
    values = one("a", seed=1).values
    twice = Recording(name="b", values=np.tile(values, (1, 2)))
    recordings = Recordings(items=(one("a", seed=1), twice))
    units = {
        "train": np.array([[0, 0, 200], [0, 0, 40], [1, 0, 200]]),
        "test": np.array([[1, 200, 400], [1, 0, 40], [1, 0, 200], [1, 1, 201]]),
    }
    assert copies(recordings, units) == (3, ["b = a"])
    assert copies(recordings, {"train": units["train"]}) == (0, [])


def test_looking_for_copies_keeps_no_window():
    recordings = Recordings(items=(Recording(name="a", values=np.random.default_rng(0).normal(size=(1, 60_000))),))
    starts = np.arange(0, 20_000)
    rows = np.column_stack([np.zeros_like(starts), starts, starts + 2_000])
    tracemalloc.start()
    count, _ = copies(recordings, {"train": rows, "test": rows + np.array([0, 30_000, 30_000])})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 0
    assert peak < 40_000 * 150


def test_a_channel_that_gives_the_class_away_is_a_warning():
    items = [
        replace(known, values=np.vstack([known.values, np.full((1, 200), i // 4)]), channels=("x", "machine"))
        for i, known in enumerate(rig(4).items)
    ]
    told = found(split_recordings(Recordings(items=tuple(items))))["constant"]
    assert (told.severity, told.count) == ("warning", 2)
    assert "channel 'machine' stay the same" in told.text
    assert "alone give the class of 100% (the largest class: 50%)" in told.text


def test_a_class_that_is_a_recording_is_told():
    items = tuple(one(name, name) for name in ("ball", "inner", "outer"))
    checks = found(split_recordings(Recordings(items=items), window=10), window=10)
    assert (
        "every class comes from one recording: this number measures recordings, not faults" in checks["coincide"].text
    )
    assert checks["coincide"].severity == "warning"
    twice = tuple(one(f"{a}{i}", a, group=a) for a in ("ball", "inner") for i in range(3))
    text = found(split_recordings(Recordings(items=twice), window=10), window=10)["coincide"].text
    assert "every class comes from one group" in text
    assert "coincide" not in found(split_recordings(rig()))


def test_few_groups_of_a_class_are_told():
    items = (*rig(4).items, one("h", "healthy"), one("o1", "outer"), one("o2", "outer"))
    few = found(split_recordings(Recordings(items=items), window=10), window=10)["few"]
    assert few.count == 2
    assert "healthy (1), outer (2)" in few.text


def test_mixed_rates_are_told_and_what_they_give_away():
    items = [one(f"a{i}", "healthy", rate=48000.0) for i in range(3)]
    items += [one(f"b{i}", "ball", rate=12000.0) for i in range(5)]
    text = found(split_recordings(Recordings(items=tuple(items))))["rates"].text
    assert "2 rates: 12000, 48000" in text
    assert "alone give the class of 100% (the largest class: 62%)" in text
    assert "rates" not in found(split_recordings(rig(rate=5.0)))


def test_a_gain_that_goes_with_the_class_is_told():
    def of(scales: dict[str, list[float]]) -> dict[str, Check]:
        items = [one(f"{a}{i}", a, scale=s) for a, own in scales.items() for i, s in enumerate(own)]
        return found(split_recordings(Recordings(items=tuple(items))))

    told = of({"ball": [1.0] * 5, "inner": [2.0] * 4 + [1.0]})["gain"]
    assert told.count == 2
    assert "give the class of 90%" in told.text
    assert "gain" not in of({"ball": [1.0, 2.0] * 3, "inner": [1.0, 2.0] * 3})
    assert "gain" not in of({"ball": [1.0, 2.0, 3.0], "inner": [4.0, 5.0, 6.0]})


def test_a_class_that_train_lacks_is_an_error():
    items = [one("a", "x", part="train"), one("b", "y", part="test"), one("c", "x", part="test")]
    checks = found(split_recordings(Recordings(items=tuple(items)), sizes=(0.8, 0, 0.2)))
    assert checks["classes"].severity == "error"
    assert "y in test but not in train" in checks["classes"].text


def test_errors_come_first():
    checks = check_parts(split_recordings(rig(1), "random-windows"), ())
    order = [("error", "warning", "note").index(check.severity) for check in checks]
    assert order == sorted(order)
    assert len(set(order)) == 3
