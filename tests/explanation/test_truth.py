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
from heedful.explanation.truth import Truth, judge
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
    assert "it says where in general, not why here" in found.why
    assert "in general" not in judge([*rows(), *rows(control=OTHER)]).why


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
