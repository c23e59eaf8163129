"""Whether a net uses its weights."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import heedful
from heedful import attention
from heedful.attention.steering import steered
from heedful.errors import OptionError
from heedful.explanation.faithfulness import interval
from heedful.explanation.subject import Subject
from heedful.explanation.usage import PASSES, WAYS, Usage, Worth, usage
from heedful.models import signals
from heedful.models.signals import SignalShape

WINDOWS, STEPS = 60, 24


class Pooled(nn.Module):
    """Tells the class at the marked step, which only weights over time can find."""

    def __init__(self, *, ignored: bool = False) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Linear(2, 12), nn.ReLU())
        self.pool = attention.create("additive", 12)
        self.head = nn.Linear(12, 2)
        self.ignored = ignored

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        states = self.read(x)
        pooled = self.pool(states, lengths=lengths)
        told: Tensor = self.head(states.amax(1) + 0 * pooled if self.ignored else pooled)
        return told


class Gated(nn.Module):
    def __init__(self, gates: int) -> None:
        super().__init__()
        self.gates = nn.Sequential(*(attention.create("sse", 2) for _ in range(gates)))

    def forward(self, x: Tensor) -> Tensor:
        read: Tensor = self.gates(x.transpose(1, 2)).mean(-1)
        return read


def marked(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draws windows of noise in which a second channel marks the step whose sign is the class."""
    rng = np.random.default_rng(seed)
    x, at = rng.normal(size=(count, STEPS, 2)), rng.integers(0, STEPS, count)
    x[..., 1] = 0
    x[np.arange(count), at, 1] = 2
    return torch.tensor(x, dtype=torch.float32), torch.tensor(x[np.arange(count), at, 0] > 0).long()


def subject(net: nn.Module, *, groups: int = 6, **given: object) -> Subject:
    x, y = marked(WINDOWS, 1)
    about = {"beside": (), "truth": y, "groups": np.arange(WINDOWS) * groups // WINDOWS} | given
    names = ("a", "b")
    return Subject(net=net.eval(), x=x, classes=names, outputs=names, columns=("signal", "mark"), **about)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained() -> Pooled:
    torch.manual_seed(0)
    net, (x, y) = Pooled(), marked(512, 0)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(250):
        loss = nn.functional.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net


def test_weights_that_a_net_learned_to_look_by_are_used(trained: Pooled) -> None:
    asked = subject(trained)
    assert (asked.undisturbed().argmax(1) == asked.truth).float().mean() > 0.9
    found = usage(asked)
    assert found.used
    assert not found.fixed
    assert "used" in repr(found)
    uniform, mean = found.row("uniform"), found.row("mean", "pool")
    assert uniform is not None
    assert mean is not None
    assert uniform.moved_low > 0.1
    assert uniform.loss_low > 0
    assert {(one.mechanism, one.way) for one in found.rows} == {(m, w) for m in ("all", "pool") for w in WAYS}
    assert "not whether a network needs them" in found.note


def test_weights_whose_output_is_ignored_are_not_used() -> None:
    found = usage(subject(Pooled(ignored=True)))
    assert found.used is False
    assert found.fixed is None
    assert "not used" in repr(found)
    assert all(one.moved == 0 and one.loss == 0 for one in found.rows)


def test_weights_that_are_uniform_already_are_not_used() -> None:
    net = Pooled()
    nn.init.zeros_(net.pool.context.weight)
    assert usage(subject(net)).used is False


def test_weights_that_are_the_same_in_every_window_are_used_but_fixed() -> None:
    torch.manual_seed(0)
    net = Pooled()
    net.pool = attention.create("last", 12)
    with torch.no_grad():
        net.head.weight *= 12
    found = usage(subject(net, groups=20))
    assert found.used
    assert found.fixed


def test_what_is_measured_is_what_a_loop_over_windows_gives(trained: Pooled) -> None:
    asked = subject(trained)
    found = usage(asked)
    with heedful.record(trained) as maps, torch.no_grad():
        before = trained(asked.x).softmax(1)
    mean = maps["pool"].weights.mean(0)
    for way, weights in (("uniform", torch.full((STEPS,), 1 / STEPS)), ("mean", mean)):
        moved, rise = [], []
        for i in range(WINDOWS):
            with torch.no_grad(), steered(trained, lambda n, p, w, a, r, by=weights: by.expand_as(w)):
                raw = trained(asked.x[i : i + 1])
            moved.append(float((raw.softmax(1)[0] - before[i]).abs().sum() / 2))
            rise.append(float(before[i, asked.truth[i]].log() - raw.log_softmax(1)[0, asked.truth[i]]))
        row = found.row(way)
        assert row is not None
        assert row.moved == pytest.approx(np.mean(moved), abs=1e-5)
        assert row.loss == pytest.approx(np.mean(rise), abs=1e-4)


def test_padded_windows_get_no_weight_where_nothing_is(trained: Pooled) -> None:
    lengths = torch.arange(WINDOWS) % (STEPS - 4) + 4
    asked = subject(trained, beside=(lengths,))
    found = usage(asked)
    dirty = subject(trained, beside=(lengths,))
    dirty.x[~dirty.real] = 1e3
    again = usage(dirty)
    assert [one.moved for one in found.rows] == [one.moved for one in again.rows]
    assert all(math.isfinite(one.moved) for one in found.rows)


@pytest.mark.parametrize(("gates", "groups"), [(1, 6), (2, 6), (3, 6), (5, 6), (8, 6), (8, WINDOWS)])
def test_ten_passes_of_a_window_are_enough(gates: int, groups: int) -> None:
    torch.manual_seed(0)
    asked = subject(Gated(gates), groups=groups)
    found = usage(asked)
    assert asked.meter.passed / WINDOWS <= PASSES
    assert found.passes == pytest.approx(asked.meter.passed / WINDOWS)
    names = {one.mechanism for one in found.rows} - {"all"}
    assert names == {f"gates.{i}" for i in range(gates)}
    assert all(one.groups == min(groups, one.windows) for one in found.rows)
    assert all(one.moved > 0 for one in found.rows if one.way == "uniform")


def test_the_same_seed_gives_the_same_numbers() -> None:
    torch.manual_seed(0)
    asked = subject(Gated(3))
    one, again, other = usage(asked, seed=1), usage(asked, seed=1), usage(asked, seed=2)
    assert one.rows == again.rows
    assert one.rows != other.rows


def test_values_move_in_deviations_of_the_answers(trained: Pooled) -> None:
    x, _ = marked(WINDOWS, 1)
    truth = torch.randn(WINDOWS, 2, generator=torch.Generator().manual_seed(0))
    truth[0] = torch.nan
    about = {"beside": (), "classes": (), "outputs": ("a", "b"), "columns": ("signal", "mark")}
    asked = Subject(net=trained, x=x, truth=truth, groups=np.arange(WINDOWS) // 10, **about)  # type: ignore[arg-type]
    found = usage(asked)
    with torch.no_grad(), steered(trained, lambda n, p, w, a, r: torch.full_like(w, 1 / STEPS)):
        after = trained(x)
    before = asked.undisturbed()
    expected = ((after - before).abs() / before.std(0, correction=0)).mean()
    row = found.row()
    assert row is not None
    assert row.moved == pytest.approx(float(expected), rel=1e-4)
    assert math.isfinite(row.loss)


def test_values_in_other_units_are_told_the_same(trained: Pooled) -> None:
    x, _ = marked(WINDOWS, 1)
    about = {"beside": (), "classes": (), "outputs": ("a", "b"), "columns": ("signal", "mark")}
    about |= {"x": x, "net": trained, "groups": np.arange(WINDOWS) // 10}
    with torch.no_grad():
        truth = trained(x) + 0.1
    truth[3, 0] = torch.nan
    for scale in (1.0, 1e-3, 1e3):
        asked = Subject(truth=scale * truth, point=lambda raw, by=scale: by * raw, **about)  # type: ignore[misc, arg-type]
        found = usage(asked)
        assert found.unit == pytest.approx(scale * float(np.nanstd(truth.numpy(), axis=0).mean()), rel=1e-4)
        assert found.used
    mean = found.row()
    assert mean is not None
    small = replace(mean, moved_low=0.0, loss=0.01 * found.unit, loss_low=0.005 * found.unit)
    assert small.uses(0.0, found.unit) is None
    assert replace(small, loss=0.03 * found.unit).uses(0.0, found.unit)
    part = usage(Subject(truth=truth, of=(1,), **about))  # type: ignore[arg-type]
    assert part.unit == pytest.approx(float(truth[:, 1].std(correction=0)), rel=1e-4)


def test_few_groups_give_numbers_but_no_verdict(trained: Pooled) -> None:
    found = usage(subject(trained, groups=4))
    assert found.used is None
    assert found.rows[0].moved > 0.1
    assert math.isnan(found.rows[0].moved_low)
    assert "cannot be told" in repr(found)


def test_unknown_truths_leave_the_loss_open(trained: Pooled) -> None:
    found = usage(subject(trained, truth=torch.full((WINDOWS,), -1)))
    assert math.isnan(found.loss)
    assert math.isnan(found.rows[0].loss)
    assert found.used


def worth(way: str, moved: float, half: float, **loss: float) -> Worth:
    about = {"loss": 0.0, "loss_low": -0.001, "loss_high": 0.001} | loss
    bounds = {"moved": moved, "moved_low": moved - half, "moved_high": moved + half}
    return Worth(mechanism="all", way=way, windows=60, groups=6, **bounds, **about)  # type: ignore[arg-type]


def told(**moved: tuple[float, float]) -> Usage:
    ways = {"uniform": (0.005, 0.003), "permuted": (0.005, 0.003), "other": (0.005, 0.003), "mean": (0.0, 0.0)} | moved
    return Usage(rows=tuple(worth(way, *ways[way.split()[0]]) for way in WAYS), loss=1.0)


def test_wide_intervals_are_not_said_to_speak_against_use() -> None:
    assert told().used is False
    assert told(uniform=(0.113, 0.109)).used is None
    assert told(permuted=(0.113, 0.109)).used is None
    assert told(other=(0.113, 0.109)).used is False
    for way in ("uniform", "permuted", "other", "mean"):
        assert told(**{way: (0.074, 0.035)}).used is True
    rows = [one for one in told().rows if one.way != "permuted"]
    assert Usage(rows=tuple(rows), loss=1.0).used is None
    costly = worth("uniform", 0.005, 0.003, loss_high=0.2)
    assert Usage(rows=(costly, worth("permuted", 0.005, 0.003)), loss=1.0).used is None


def test_weights_are_fixed_only_where_the_mean_ones_surely_do_as_well() -> None:
    used = (0.3, 0.1)
    assert told(uniform=used, mean=(0.01, 0.005)).fixed is True
    assert told(uniform=used, mean=(0.06, 0.05)).fixed is None
    assert told(uniform=used, mean=(0.2, 0.1)).fixed is False
    assert told(mean=(0.01, 0.005)).fixed is None


def test_intervals_hold_for_all_four_ways_at_once(trained: Pooled) -> None:
    asked = subject(trained)
    row = usage(asked).row()
    assert row is not None
    before = asked.undisturbed().softmax(1)
    with torch.no_grad(), steered(trained, lambda n, p, w, a, r: torch.full_like(w, 1 / STEPS)):
        moved = (trained(asked.x).softmax(1) - before).abs().sum(1).numpy() / 2
    low, high = interval(moved, asked.groups, 0.975)[1:3]
    assert (row.moved_low, row.moved_high) == pytest.approx((low, high), abs=1e-5)


def test_a_small_change_counts_only_where_the_loss_pays_for_it() -> None:
    about = {"mechanism": "all", "way": "uniform", "moved": 0.01, "moved_low": 0.005, "moved_high": 0.02}
    about |= {"windows": 60, "groups": 6, "loss_high": 1.0}
    assert Worth(**about, loss=0.1, loss_low=0.05).uses(1.0)  # type: ignore[arg-type]
    assert not Worth(**about, loss=0.04, loss_low=0.03).uses(1.0)  # type: ignore[arg-type]
    assert not Worth(**about, loss=0.1, loss_low=-0.01).uses(1.0)  # type: ignore[arg-type]
    unsure = about | {"moved": 0.1, "moved_low": 0.01}
    assert not Worth(**unsure, loss=0.0, loss_low=0.0).uses(1.0)  # type: ignore[arg-type]
    assert Worth(**unsure | {"moved_low": 0.03}, loss=0.0, loss_low=0.0).uses(1.0)  # type: ignore[arg-type]
    assert Usage(rows=(), loss=1.0).used is None


def test_a_signal_net_is_asked_with_its_lengths() -> None:
    net = signals.get("cnn-lstm+cbam").build(SignalShape(2, 2, STEPS), 0)
    lengths = torch.full((WINDOWS,), STEPS)
    lengths[::3] = STEPS - 7
    found = usage(subject(net, beside=(lengths,)))
    assert found.left_out == ()
    assert all(math.isfinite(one.moved) for one in found.rows)


def test_nets_without_weights_and_single_windows_are_refused(trained: Pooled) -> None:
    with pytest.raises(OptionError, match="without any"):
        usage(subject(nn.Sequential(nn.Flatten(), nn.Linear(2 * STEPS, 2))))
    net = Pooled()
    net.pool = attention.create("max", 12)
    with pytest.raises(OptionError, match=r"got only pool\. Take a mechanism"):
        usage(subject(net))
    with pytest.raises(OptionError, match="two windows or more, got 1"):
        usage(subject(trained).only(np.array([0])))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_usage_runs_on_a_gpu(trained: Pooled) -> None:
    x, y = marked(WINDOWS, 1)
    names = ("a", "b")
    about = {"classes": names, "outputs": names, "columns": ("signal", "mark"), "groups": np.arange(WINDOWS) // 10}
    asked = Subject(net=trained.cuda(), x=x.cuda(), beside=(), truth=y.cuda(), **about)  # type: ignore[arg-type]
    found = usage(asked)
    trained.cpu()
    for one, plain in zip(found.rows, usage(subject(trained)).rows, strict=True):
        assert one.moved == pytest.approx(plain.moved, abs=1e-3)
