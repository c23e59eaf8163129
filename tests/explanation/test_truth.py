from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from heedful.errors import OptionError
from heedful.explanation.controls import MEAN, OTHER, PERMUTED, SMOOTH, controls
from heedful.explanation.faithfulness import METRICS, Gain, gains, measured
from heedful.explanation.planted import planted
from heedful.explanation.subject import Subject
from heedful.explanation.truth import Rank, Truth, judge, ranked, tried
from heedful.explanation.units import SampleUnits

WINDOWS, WINDOW, GROUPS = 60, 96, 10


def rows(*, low: float = 0.1, groups: int = 8, control: str = SMOOTH) -> list[Gain]:
    return [
        Gain(metric=m, filling=f, control=control, of=of, mean=0.2, low=low, high=0.3, groups=groups, windows=80)
        for m in METRICS
        for f in ("line", "zero")
        for of in ("all", "a class")
    ]


def test_a_map_is_true_where_all_four_lower_bounds_are_above_0() -> None:
    assert judge(rows()).true is True
    for which in range(4):
        said = rows()
        decisive = [i for i, one in enumerate(said) if one.of == "all" and one.metric in ("deletion", "insertion")]
        at = decisive[which]
        said[at] = replace(said[at], low=-0.01)
        found = judge(said)
        assert found.true is False
        assert f"{said[at].metric} by {said[at].filling} +0.20 (-0.01 to +0.30)" in found.why


def test_other_metrics_and_single_classes_do_not_decide() -> None:
    said = [
        one if one.of == "all" and one.metric in ("deletion", "insertion") else replace(one, low=-1.0) for one in rows()
    ]
    found = judge(said)
    assert found.true is True
    assert len(found.decisive) == 4
    assert found.rows == tuple(said)


def test_a_bound_of_0_is_not_above_it() -> None:
    assert judge(rows(low=0.0)).true is False


def test_few_groups_give_no_verdict() -> None:
    found = judge(rows(low=float("nan"), groups=4))
    assert found.true is None
    assert found.beats == {SMOOTH: None}
    assert "4 groups are too few for an interval, 5 are needed" in repr(found)


def test_permuted_maps_decide_where_units_have_no_order() -> None:
    found = judge(rows(control=PERMUTED))
    assert (found.true, found.control) == (True, PERMUTED)
    assert "better than permuted maps" in repr(found)


def test_what_is_beaten_is_told_beside_the_verdict() -> None:
    found = judge([*rows(), *rows(control=OTHER, low=-0.1)])
    assert found.true is True
    assert found.beats == {SMOOTH: True, OTHER: False}
    assert found.matched == {SMOOTH: False, OTHER: False}
    assert "not shown to be better than those of other windows: it may say where in general" in found.why
    assert "in general" not in judge([*rows(), *rows(control=OTHER)]).why


def test_a_control_is_matched_only_where_no_gain_over_it_can_be_large() -> None:
    narrow = [replace(one, mean=0.0, high=0.01) for one in rows(control=OTHER, low=-0.01)]
    found = judge([*rows(), *narrow])
    assert found.matched == {SMOOTH: False, OTHER: True}
    assert "; no better than those of other windows: it says where in general, not why here" in found.why
    for which, one in enumerate(narrow):
        decides = one.of == "all" and one.metric in ("deletion", "insertion")
        wide = [*narrow[:which], replace(one, high=0.02), *narrow[which + 1 :]]
        assert judge([*rows(), *wide]).matched[OTHER] is not decides
    few = rows(control=OTHER, low=float("nan"), groups=4)
    assert judge([replace(one, high=float("nan")) for one in few] + rows()).matched[OTHER] is False


# --- one map for all windows ---------------------------------------------------------------------------------------


def rank(as_good: int) -> Rank:
    return Rank(likeness=0.93, as_good=as_good, draws=39, windows=20)


def test_a_map_that_looks_at_windows_alike_must_be_among_the_best_of_those_that_do() -> None:
    found = judge(rows(), rank=rank(0))
    assert found.true is True
    assert "it looks at windows alike (0.93), and judged as one map 0 of 39 random ones are as good" in found.why
    unsure = judge([*rows(), *rows(control=OTHER, low=-0.1)], rank=rank(2))
    assert unsure.true is None
    assert unsure.why == "it looks at windows alike (0.93), and judged as one map 2 of 39 random ones are as good"
    assert judge(rows(low=-0.1), rank=rank(0)).true is False


class Fixed:
    """Units that are worth the same in all windows, and hardly anything else."""

    fillings = ("line", "zero")
    axis = "time"

    def __init__(self, worth: np.ndarray, windows: int, axis: str = "time") -> None:
        noise = 0.01 * np.random.default_rng(0).random((windows, len(worth)))
        self.worth, self.axis = torch.from_numpy(worth / worth.sum() + noise / len(worth)), axis
        self.real = torch.ones(self.worth.shape, dtype=torch.bool)
        self.passed = 0

    def left(self, keep: torch.Tensor, rows: torch.Tensor, filling: str) -> torch.Tensor:
        self.passed += len(rows)
        return (self.worth[rows] * keep).sum(1)


def found_of(units: Fixed, maps: np.ndarray, seed: int = 0) -> Truth:
    groups, real = np.arange(len(maps)) // 2, units.real.numpy()
    beside = controls(maps, real, groups, axis=units.axis, seed=seed)
    said = gains(measured(units, maps, {name: beside[name] for name in list(beside)[:1]}, seed=seed), groups)
    return tried(units, maps, said, groups, seed=seed)


def fixed(seed: int, units: int = 60) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=units + 12)
    return np.convolve(noise, np.hanning(13), "valid")


def test_one_random_map_for_all_windows_is_rarely_true_and_the_right_one_is() -> None:
    worth = np.exp(fixed(1000))
    units, windows = Fixed(worth, 24), 24
    judged = [found_of(units, np.tile(fixed(seed), (windows, 1)), seed) for seed in range(40)]
    alone = [judge(one.rows).true for one in judged]
    assert np.mean(alone) > 0.2
    # 5 % of 40 are 2, and their standard error 1.4.
    assert sum(one.true is True for one in judged) <= 4
    assert all((one.rank is not None) is said for one, said in zip(judged, alone, strict=True))
    assert np.mean([found_of(units, np.tile(worth, (windows, 1)), seed).true for seed in range(5)]) == 1


def test_columns_are_ranked_by_one_order_for_all_windows_and_few_of_them_tell_nothing() -> None:
    many, few = np.arange(1.0, 9.0), np.arange(1.0, 4.0)
    assert found_of(Fixed(many, 24, "column"), np.tile(many, (24, 1))).true is True
    found = found_of(Fixed(few, 24, "column"), np.tile(few, (24, 1)))
    assert found.true is None
    assert found.rank is not None
    assert found.rank.as_good > 1


def test_a_rank_costs_640_passes_of_20_windows_spread_over_the_groups() -> None:
    units = Fixed(np.exp(fixed(1000)), 64)
    groups = np.repeat(np.arange(4), [55, 3, 3, 3])
    found = ranked(units, np.tile(fixed(1), (64, 1)), groups)
    assert (found.draws, found.windows) == (39, 20)
    assert found.likeness == pytest.approx(1)
    assert units.passed == 20 * (3 + 40 * 16)
    assert found == ranked(units, np.tile(fixed(1), (64, 1)), groups)


def test_maps_that_differ_from_window_to_window_are_not_ranked(asked: tuple[Subject, np.ndarray]) -> None:
    subject, places = asked
    units, maps = SampleUnits(subject), places + 0.2 * np.random.default_rng(0).normal(size=places.shape)
    beside = controls(maps, subject.real.numpy(), subject.groups)
    found = tried(units, maps, gains(measured(units, maps, {SMOOTH: beside[SMOOTH]}), subject.groups), subject.groups)
    assert found.true is True
    assert found.rank is None
    assert ranked(units, maps, subject.groups).passed is True


def test_gains_without_a_deciding_control_are_refused_with_advice() -> None:
    for said in ([], rows(control=OTHER)):
        with pytest.raises(OptionError, match=r"needs gains over smooth random or permuted .*controls.controls"):
            judge(said)


# --- a right network -----------------------------------------------------------------------------------------------


class Listener(nn.Module):
    """Two convolutions and the mean power of what they give."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv1d(1, 8, 9, padding=4), nn.ReLU(), nn.Conv1d(8, 8, 5, stride=2, padding=2), nn.ReLU()
        )
        self.output = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.convs(x.transpose(1, 2)).square().mean(2))


@pytest.fixture(scope="module")
def listener() -> nn.Module:
    torch.manual_seed(0)
    net = Listener()
    x, y, _ = planted("classes", windows=2000, window=WINDOW, ratio=9.0, seed=0)
    inputs, truth = torch.from_numpy(x), torch.from_numpy(y)
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(6):
        for batch in torch.randperm(len(inputs)).split(50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), truth[batch]).backward()
            optimiser.step()
    return net.eval()


@pytest.fixture(scope="module")
def asked(listener: nn.Module) -> tuple[Subject, np.ndarray]:
    x, y, places = planted("classes", windows=WINDOWS, window=WINDOW, ratio=9.0, seed=1)
    subject = Subject(
        net=listener,
        x=torch.from_numpy(x),
        beside=(),
        truth=torch.from_numpy(y),
        classes=("low", "high"),
        outputs=("low", "high"),
        columns=("signal",),
        groups=np.arange(WINDOWS) % GROUPS,
    ).settled()
    assert (subject.picked == subject.truth).float().mean() >= 0.98
    return subject, places


def judged(subject: Subject, maps: np.ndarray) -> Truth:
    units = SampleUnits(subject)
    beside = controls(maps, subject.real.numpy(), subject.groups, magnitude=units.magnitude().numpy())
    return judge(gains(measured(units, maps, beside), subject.groups))


def test_the_planted_place_is_true_of_a_right_network(asked: tuple[Subject, np.ndarray]) -> None:
    subject, places = asked
    noise = np.random.default_rng(0).normal(size=places.shape)
    found = judged(subject, places + 0.2 * noise)
    assert found.true is True
    assert found.beats[OTHER] is True


def test_the_good_map_shuffled_in_time_is_untrue(asked: tuple[Subject, np.ndarray]) -> None:
    subject, places = asked
    noise = np.random.default_rng(0).normal(size=places.shape)
    shuffled = np.random.default_rng(1).permuted(places + 0.2 * noise, axis=1)
    found = judged(subject, shuffled)
    assert found.true is False
    assert "no better than smooth random maps in" in found.why


def test_the_place_of_another_window_is_untrue(asked: tuple[Subject, np.ndarray]) -> None:
    subject, places = asked
    assert judged(subject, np.roll(places, 1, axis=0).astype(float)).true is False


def test_one_map_for_all_windows_does_not_say_why_in_this_one(asked: tuple[Subject, np.ndarray]) -> None:
    subject, places = asked
    found = judged(subject, np.tile(places.mean(0), (WINDOWS, 1)))
    assert found.beats[OTHER] is False
    assert found.beats[MEAN] is False
