from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heedful import attention
from heedful.errors import OptionError, ShapeError
from heedful.explanation.sanity import (
    Sanity,
    across_seeds,
    against_random_labels,
    against_untrained,
    compared,
    redrawn,
)
from heedful.explanation.subject import Subject

N, T = 40, 24
REAL = np.ones((N, T), dtype=bool)
GROUPS = np.arange(N) // 5


def maps(count: int, common: float, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """What all have in common, and maps that hold it with their own noise."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(N, T))
    own = rng.normal(size=(count, N, T))
    return shared, list(np.sqrt(common) * shared + np.sqrt(1 - common) * own)


class Reader(nn.Module):
    """Two classes by the sum that an additive attention pools."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm1d(8)
        self.pool = attention.create("additive", 8)
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 8))
        self.output = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states = torch.relu(self.norm(self.conv(x.transpose(1, 2)))).transpose(1, 2)
        return self.output(self.pool(states) * self.scale)


def subject(net: nn.Module, windows: int = 20) -> Subject:
    x = torch.randn(windows, T, 1, generator=torch.Generator().manual_seed(0))
    return Subject(
        net=net.eval(),
        x=x,
        beside=(),
        truth=torch.zeros(windows, dtype=torch.long),
        classes=("a", "b"),
        outputs=("a", "b"),
        columns=("x",),
        groups=np.arange(windows) // 2,
    )


def gradient(of: Subject) -> np.ndarray:
    x = of.x.clone().requires_grad_()
    of.score(x, torch.arange(len(of))).sum().backward()
    return x.grad.abs().sum(2).numpy()


# --- the comparison --------------------------------------------------------------------------------------------


def test_a_map_that_untrained_networks_show_as_well_is_no_sign_of_learning() -> None:
    _, [own, *others] = maps(6, 0.8)
    found = compared("untrained", own, others, REAL, GROUPS)
    assert found.own == pytest.approx(found.spread, abs=found.margin)
    assert found.spread > 0.7
    assert found.passed is False
    assert "nothing need be learned" in found.line


def test_a_map_that_untrained_networks_do_not_show_is_not_said_to_be_learned() -> None:
    _, others = maps(5, 0.8)
    own = np.random.default_rng(9).normal(size=(N, T))
    found = compared("untrained", own, others, REAL, GROUPS)
    assert abs(found.own) < 0.1
    assert found.passed is True
    assert found.line.endswith(": these do not show it by themselves")
    assert "learned" not in found.line


def test_maps_that_are_all_unlike_each_other_are_no_sign_against_learning() -> None:
    _, [own, *others] = maps(6, 0.0)
    assert compared("untrained", own, others, REAL, GROUPS).passed is True


def test_a_map_of_what_untrained_networks_have_in_common_is_no_sign_of_learning() -> None:
    shared, others = maps(5, 0.35)
    found = compared("untrained", shared, others, REAL, GROUPS)
    assert found.spread < 0.5 < found.own
    assert found.passed is False


def test_a_single_untrained_network_that_is_alike_by_chance_condemns_no_map() -> None:
    _, others = maps(5, 0.0)
    own = np.random.default_rng(9).normal(size=(N, T))
    others[0] = own + np.random.default_rng(1).normal(size=(N, T))
    found = compared("untrained", own, others, REAL, GROUPS)
    assert found.each[0] > 0.5
    assert found.passed is True


def test_one_of_many_alike_networks_is_rarely_told_from_the_others() -> None:
    verdicts = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shared, ramp = rng.normal(size=(N, T)), np.linspace(-1, 1, T)
        made = [
            np.sqrt(0.8) * shared + 0.5 * rng.normal() * ramp + np.sqrt(0.2) * rng.normal(size=(N, T)) for _ in range(6)
        ]
        verdicts.append(compared("untrained", made[0], made[1:], REAL, GROUPS).passed)
    assert np.mean(verdicts) <= 0.1  # 5 % by design: "learned" where nothing was


def test_labels_in_random_order_are_judged_as_untrained_networks_are() -> None:
    _, [own, *others] = maps(4, 0.8)
    assert against_random_labels(own, others, REAL, GROUPS).passed is False
    other = np.random.default_rng(9).normal(size=(N, T))
    found = against_random_labels(other, others, REAL, GROUPS, name="attention")
    assert found.passed is True
    assert found.line.startswith("attention: rank correlation")
    assert "shuffled labels" in found.line


def test_other_seeds_should_show_the_same_map() -> None:
    shared, others = maps(3, 0.7)
    assert across_seeds(shared, others, REAL, GROUPS).passed is True
    found = across_seeds(np.random.default_rng(9).normal(size=(N, T)), others[:1], REAL, GROUPS)
    assert found.passed is False
    assert np.isnan(found.spread)
    assert "another seed shows another map" in found.line
    assert "nan" not in found.line


def test_likeness_is_the_mean_over_groups_and_symmetric() -> None:
    own = np.tile(np.arange(float(T)), (N, 1))
    other = own.copy()
    other[-5:] *= -1
    found = compared("seeds", own, [other, own, other], REAL, np.array([0] * (N - 5) + [1] * 5))
    np.testing.assert_allclose(found.each, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(found.among, found.among.T)
    assert np.isnan(np.diag(found.among)).all()
    assert found.among[0, 2] == pytest.approx(1)


def test_networks_whose_maps_never_vary_do_not_count() -> None:
    _, [own, *others] = maps(6, 0.8)
    flat = np.ones((N, T))
    found = compared("untrained", own, [*others, flat], REAL, GROUPS)
    assert np.isnan(found.each[5])
    assert found.passed is False
    nothing = compared("untrained", own, [*others[:4], flat], REAL, GROUPS)
    assert nothing.passed is None
    assert "nothing can be told" in nothing.line


def test_too_few_networks_and_other_shapes_are_refused() -> None:
    _, [own, *others] = maps(6, 0.5)
    with pytest.raises(OptionError, match="at least 5 other networks, got 4"):
        compared("untrained", own, others[:4], REAL, GROUPS)
    with pytest.raises(OptionError, match="at least 3 other networks, got 2"):
        against_random_labels(own, others[:2], REAL, GROUPS)
    with pytest.raises(OptionError, match="at least 1"):
        across_seeds(own, [], REAL, GROUPS)
    with pytest.raises(ShapeError, match="group for each window"):
        across_seeds(own, others, REAL, GROUPS[:3])
    with pytest.raises(ShapeError, match="one number for each sample"):
        across_seeds(own, [others[0][:, :3]], REAL, GROUPS)


# --- networks drawn anew -----------------------------------------------------------------------------------------


def test_every_parameter_is_drawn_anew_and_statistics_are_forgotten() -> None:
    net = Reader()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape))
    net(torch.randn(8, T, 1))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    other = redrawn(net, 3)
    for name, value in other.named_parameters():
        assert not torch.equal(value, before[name]), name
    assert not other.norm.running_mean.any()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_the_same_seed_draws_the_same_network_and_the_generator_stays() -> None:
    net = Reader()
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (dict(redrawn(net, seed).named_parameters()) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), first)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["output.weight"], other["output.weight"])
    assert not torch.equal(one["scale"], other["scale"])


def test_a_map_that_does_not_depend_on_the_network_is_no_sign_of_learning() -> None:
    found = against_untrained(subject(Reader()), lambda of: of.x.abs().sum(2))
    assert found.each.tolist() == pytest.approx([1] * 5)
    assert found.passed is False


def test_each_untrained_network_is_asked_about_the_classes_that_the_trained_one_says() -> None:
    seen: list[Subject] = []

    def mapper(of: Subject) -> np.ndarray:
        seen.append(of)
        return gradient(of)

    trained = subject(Reader())
    found = against_untrained(trained, mapper, nets=6)
    assert found.each.shape == (6,)
    assert len({id(of.net) for of in seen}) == 7
    assert all(torch.equal(of.picked, trained.settled().picked) for of in seen)
    assert not any(of.net.training for of in seen)
    assert seen[0].net is trained.net


def test_the_networks_may_be_built_by_the_caller_from_seeds_of_their_own() -> None:
    asked: list[int] = []

    def rebuild(seed: int) -> nn.Module:
        asked.append(seed)
        torch.manual_seed(seed)
        return Reader()

    own = gradient(subject(Reader()).settled())
    first = against_untrained(subject(Reader()), gradient, rebuild=rebuild, own=own)
    second = against_untrained(subject(Reader()), gradient, rebuild=rebuild, own=own, seed=1)
    assert len(set(asked)) == 10
    assert isinstance(first, Sanity)
    assert not np.array_equal(first.each, second.each)


def test_four_untrained_networks_are_refused_before_any_is_asked() -> None:
    def mapper(of: Subject) -> np.ndarray:
        raise RuntimeError("asked")

    with pytest.raises(OptionError, match="one alone can be alike by chance"):
        against_untrained(subject(Reader()), mapper, nets=4)
