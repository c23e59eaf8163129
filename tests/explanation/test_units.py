from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heedful import attention
from heedful.errors import OptionError, ShapeError, UnknownName
from heedful.explanation.subject import Subject
from heedful.explanation.units import ChannelUnits, ColumnUnits, SampleUnits


class Sums(nn.Module):
    """Two classes, weighed sums of each window; reads lengths so as to leave padding out."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.output = nn.Linear(columns, 2)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        if lengths is not None:
            x = x * (torch.arange(x.shape[1]) < lengths[:, None]).unsqueeze(-1)
        return self.output(x.sum(1))


class Gated(nn.Module):
    """A gate over channels behind a convolution, and a pooling over states."""

    def __init__(self, columns: int, channels: int = 6) -> None:
        super().__init__()
        self.conv = nn.Conv1d(columns, channels, 3, padding=1)
        self.gate = attention.create("se", channels)
        self.pool = attention.create("additive", channels)
        self.output = nn.Linear(channels, 2)
        self.idle = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.pool(self.gate(self.conv(x.transpose(1, 2)).relu()).transpose(1, 2)))


def subject_of(
    net: nn.Module, n: int = 7, time: int = 11, columns: int = 3, lengths: list[int] | None = None
) -> Subject:
    x = torch.randn(n, time, columns, generator=torch.Generator().manual_seed(0))
    beside: tuple[torch.Tensor | None, ...] = ()
    if lengths is not None:
        beside = (torch.tensor(lengths),)
        x = x * (torch.arange(time) < beside[0][:, None]).unsqueeze(-1)
    names = tuple(f"c{i}" for i in range(columns))
    return Subject(
        net=net.eval(),
        x=x,
        beside=beside,
        truth=torch.zeros(n, dtype=torch.long),
        classes=("a", "b"),
        outputs=("a", "b"),
        columns=names,
        groups=np.arange(n) // 2,
    )


def sums(columns: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return Sums(columns)


def gated() -> Gated:
    torch.manual_seed(0)
    return Gated(3)


def line_in_loops(x: np.ndarray, keep: np.ndarray) -> np.ndarray:
    filled = x.copy()
    for b in range(len(x)):
        kept = np.flatnonzero(keep[b])
        for column in range(x.shape[2]):
            for t in range(x.shape[1]):
                filled[b, t, column] = np.interp(t, kept, x[b, kept, column]) if len(kept) else 0.0
    return filled


def test_a_line_joins_the_nearest_samples_that_stay() -> None:
    units = SampleUnits(subject_of(sums()))
    rng = np.random.default_rng(0)
    keep = rng.random((40, 11)) < rng.random((40, 1))
    keep[0] = False
    rows = torch.from_numpy(rng.integers(7, size=40))
    filled = units.filled(torch.from_numpy(keep), rows, "line")
    np.testing.assert_allclose(filled, line_in_loops(units.subject.x[rows].numpy(), keep), atol=1e-6)


def test_zero_puts_the_mean_of_the_train_rows() -> None:
    units = SampleUnits(subject_of(sums()))
    keep = torch.rand(5, 11, generator=torch.Generator().manual_seed(1)) < 0.5
    filled = units.filled(keep, torch.arange(5), "zero")
    assert torch.equal(filled, units.subject.x[:5] * keep.unsqueeze(-1))


def test_padding_is_neither_filled_nor_read() -> None:
    subject = subject_of(sums(), lengths=[11, 4, 7, 1, 9, 2, 3])
    subject.x[1, 4:] = 9.0
    units = SampleUnits(subject)
    keep = torch.zeros(7, 11, dtype=torch.bool)
    keep[:, 2] = True
    keep[:, 8] = True
    for filling in units.fillings:
        filled = units.filled(keep, torch.arange(7), filling)
        assert torch.equal(filled[1, 4:], subject.x[1, 4:])
    inside = units.filled(keep, torch.arange(7), "line")[1, :4]
    assert torch.equal(inside, subject.x[1, 2].expand(4, -1))
    assert units.real.sum(1).tolist() == [11, 4, 7, 1, 9, 2, 3]


def test_what_is_left_of_a_whole_window_is_all_there_was() -> None:
    subject = subject_of(gated()).settled()
    before = subject.undisturbed().softmax(1).amax(1)
    several = (SampleUnits(subject), ColumnUnits(subject), ChannelUnits(subject, subject.net.gate))
    rows = torch.tensor([3, 0, 6, 0])
    for units in several:
        for filling in units.fillings:
            keep = torch.ones(4, units.real.shape[1], dtype=torch.bool)
            torch.testing.assert_close(units.left(keep, rows, filling), before[rows])
            assert not torch.allclose(units.left(~keep, rows, filling), before[rows], atol=1e-3)


def test_large_requests_are_cut_into_batches_without_changing_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(gated()).settled()
    units = (SampleUnits(subject), ColumnUnits(subject), ChannelUnits(subject, subject.net.pool))
    rows = torch.arange(7).repeat(3)
    draw = torch.Generator().manual_seed(2)
    keeps = [torch.rand(21, one.real.shape[1], generator=draw) < 0.5 for one in units]
    whole = [one.left(keep, rows, one.fillings[1]) for one, keep in zip(units, keeps, strict=True)]
    monkeypatch.setattr("heedful.explanation.subject.NUMBERS", 4 * 33)
    assert subject.batch == 4
    cut = [one.left(keep, rows, one.fillings[1]) for one, keep in zip(units, keeps, strict=True)]
    torch.testing.assert_close(cut, whole)


def test_a_column_is_filled_from_another_group_over_the_real_samples() -> None:
    subject = subject_of(sums(), lengths=[11, 4, 7, 3, 9, 5, 6])
    units = ColumnUnits(subject, seed=3)
    assert (subject.groups[units.partners.numpy()] != subject.groups).all()
    keep = torch.tensor([[True, False, True]]).expand(7, -1)
    filled = units.filled(keep, torch.arange(7), "other")
    for i, other in enumerate(units.partners.tolist()):
        length, reach = int(subject.lengths[i]), int(subject.lengths[other])
        expected = subject.x[other, np.arange(length) % reach, 1]
        assert torch.equal(filled[i, :length, 1], expected)
        assert torch.equal(filled[i, length:], subject.x[i, length:])
        assert torch.equal(filled[i, :, [0, 2]], subject.x[i, :, [0, 2]])
    assert torch.equal(units.filled(keep, torch.arange(7), "zero")[..., 1], torch.zeros(7, 11))


def test_the_same_seed_fills_from_the_same_windows() -> None:
    subject = subject_of(sums())
    assert torch.equal(ColumnUnits(subject, seed=1).partners, ColumnUnits(subject, seed=1).partners)
    assert not torch.equal(ColumnUnits(subject, seed=1).partners, ColumnUnits(subject, seed=2).partners)


@pytest.mark.parametrize(("name", "axis"), [("gate", 1), ("pool", 2)])
def test_hidden_channels_are_replaced_where_the_mechanism_reads_them(name: str, axis: int) -> None:
    subject = subject_of(gated()).settled()
    module = getattr(subject.net, name)
    units = ChannelUnits(subject, module)
    read: list[torch.Tensor] = []
    keep = torch.tensor([[True, False, True, True, False, True]]).expand(7, -1)
    module.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    with torch.no_grad():
        subject.net(subject.x)
    for filling, value in (("zero", torch.zeros(6)), ("mean", read[0].mean((0, 3 - axis)))):
        units.left(keep, torch.arange(7), filling)
        # The test's own hook stands first, so what the mechanism reads is seen once more below it.
        net = subject.net
        with torch.no_grad():
            z = net.conv(subject.x.transpose(1, 2)).relu()
            z = z if name == "gate" else net.gate(z).transpose(1, 2)
            shape = (1, 6, 1) if name == "gate" else (1, 1, 6)
            z = torch.where(keep[:1].view(shape), z, value.view(shape))
            out = net.pool(net.gate(z).transpose(1, 2)) if name == "gate" else net.pool(z)
            expected = subject.left(net.output(out), torch.arange(7), units.before)
        torch.testing.assert_close(units.left(keep, torch.arange(7), filling), expected)
    torch.testing.assert_close(units.magnitude(), read[0].abs().mean(3 - axis))


def test_no_hook_stays_behind() -> None:
    subject = subject_of(gated()).settled()
    units = ChannelUnits(subject, subject.net.gate)
    units.left(units.real, torch.arange(7), "mean")
    assert not subject.net.gate._forward_pre_hooks
    with pytest.raises(RuntimeError):
        units.left(units.real[:, :5], torch.arange(7), "mean")
    assert not subject.net.gate._forward_pre_hooks


class Apart(nn.Module):
    """Asks one gate about every column on its own, as a channel-independent forecast does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1)
        self.gate = attention.create("se", 4)
        self.output = nn.Linear(12, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.transpose(1, 2).flatten(0, 1).unsqueeze(1)
        pooled = self.gate(self.conv(rows).relu()).mean(2)
        return self.output(pooled.view(len(x), 12))


def test_a_mechanism_that_sees_a_window_once_a_column_loses_the_channel_in_each() -> None:
    torch.manual_seed(0)
    subject = subject_of(Apart()).settled()
    units = ChannelUnits(subject, subject.net.gate)
    assert units.real.shape == (7, 4)
    keep = torch.ones(7, 4, dtype=torch.bool)
    keep[2] = False
    left = units.left(keep, torch.arange(7), "zero")
    whole = subject.undisturbed().softmax(1).amax(1)
    torch.testing.assert_close(left[[0, 1, 3, 4, 5, 6]], whole[[0, 1, 3, 4, 5, 6]])
    nothing = subject.net.output(subject.net.gate(torch.zeros(3, 4, 11)).mean(2).view(1, 12))
    torch.testing.assert_close(left[2], nothing.softmax(1)[0, subject.picked[2]])


def test_what_is_left_of_values_falls_with_their_change() -> None:
    subject = subject_of(sums())
    values = Subject(**{**vars(subject), "classes": (), "outputs": ("1", "2"), "of": (1,)})
    units = SampleUnits(values)
    keep = torch.ones(7, 11, dtype=torch.bool)
    keep[:, 3:6] = False
    change = (values.x * ~keep.unsqueeze(-1)).sum(1) @ values.net.output.weight[1]
    expected = 1 - change.abs() / units.before[:, 1].std(correction=0)
    torch.testing.assert_close(units.left(keep, torch.arange(7), "zero"), expected)


def test_every_pass_is_counted() -> None:
    subject = subject_of(gated()).settled()
    for make in (SampleUnits, ColumnUnits, lambda one: ChannelUnits(one, one.net.gate)):
        units = make(subject)
        start = subject.meter.passed
        units.left(units.real[[0, 1, 1]], torch.tensor([0, 1, 1]), units.fillings[0])
        assert subject.meter.passed == start + 3


def test_magnitude_is_the_mean_size_of_what_is_real() -> None:
    subject = subject_of(sums(), lengths=[11, 4, 7, 1, 9, 2, 3])
    columns = ColumnUnits(subject).magnitude()
    torch.testing.assert_close(columns[1], subject.x[1, :4].abs().mean(0))
    torch.testing.assert_close(SampleUnits(subject).magnitude()[0], subject.x[0].abs().mean(1))


def test_wrong_requests_are_refused_with_advice() -> None:
    subject = subject_of(gated()).settled()
    for units in (SampleUnits(subject), ColumnUnits(subject), ChannelUnits(subject, subject.net.gate)):
        with pytest.raises(UnknownName, match=f"Unknown filling 'lines'.*{units.fillings[0]}"):
            units.left(units.real, torch.arange(7), "lines")
    with pytest.raises(OptionError, match=r"got Linear from elsewhere. Take it from subject.net.modules"):
        ChannelUnits(subject, nn.Linear(2, 2))
    with pytest.raises(OptionError, match=r"got Linear without a call. Choose one"):
        ChannelUnits(subject, subject.net.idle)
    with pytest.raises(OptionError, match=r"needs two windows at least, got one"):
        ColumnUnits(subject.only([0]))


class Folded(nn.Module):
    """Hands all windows to a module as one row."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x.mean((0, 1)).unsqueeze(0)).expand(len(x), -1)


def test_a_module_that_does_not_read_windows_is_refused_with_advice() -> None:
    subject = subject_of(Folded()).settled()
    with pytest.raises(ShapeError, match=r"got Linear with \(1, 3\). Choose the mechanism itself"):
        ChannelUnits(subject, subject.net.inner)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_units_work_on_a_gpu() -> None:
    subject = subject_of(gated().cuda())
    moved = Subject(**{**vars(subject), "x": subject.x.cuda()})
    for units in (SampleUnits(moved), ColumnUnits(moved), ChannelUnits(moved, moved.net.gate)):
        assert units.left(units.real, torch.arange(7), units.fillings[1]).is_cuda
