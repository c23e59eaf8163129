from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum import attr
from torch import Tensor, nn

from heedful import attention
from heedful.errors import OptionError, UnknownName
from heedful.explanation.attribution import Attribution, gradient_input, integrated_gradients, occlusion
from heedful.explanation.subject import Subject
from heedful.models.signals import SignalShape, get

GPU = torch.cuda.is_available()


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(3, 8, 5, padding=2), nn.GELU(), nn.Conv1d(8, 6, 3, padding=1), nn.GELU())
        self.output = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.layers(x.transpose(1, 2)).mean(2))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], *, both: bool = False, attended: bool = False) -> None:
        super().__init__()
        self.states = kind(3, 5, batch_first=True, bidirectional=both)
        width = 10 if both else 5
        self.pool = attention.create("additive", width) if attended else None
        self.output = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        states = self.states(x)[0]
        return self.output(states[:, -1] if self.pool is None else self.pool(states))


NETS: dict[str, Callable[[], nn.Module]] = {
    "a CNN": Convolution,
    "an LSTM": lambda: Recurrent(nn.LSTM),
    "a bidirectional GRU": lambda: Recurrent(nn.GRU, both=True),
    "a GRU with attention": lambda: Recurrent(nn.GRU, attended=True),
}


def subject_of(
    net: nn.Module, x: Tensor, *, classes: int = 0, lengths: list[int] | None = None, **more: object
) -> Subject:
    """A subject of so many classes, or of values; the truth is not known."""
    count = len(x)
    return Subject(
        net=net.eval(),
        x=x,
        beside=() if lengths is None else (torch.tensor(lengths),),
        truth=torch.full((count,), -1) if classes else torch.full((count, 1), torch.nan),
        classes=tuple(f"class {k}" for k in range(classes)),
        outputs=tuple(f"class {k}" for k in range(classes)) or ("value",),
        columns=tuple(f"x{k}" for k in range(x.shape[2])),
        groups=np.arange(count),
        **more,  # type: ignore[arg-type]
    )


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=list(NETS))
def subject(request: pytest.FixtureRequest) -> Subject:
    """Windows of 20 samples in three columns, told into four classes by a net in float64; x is far from 0."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = NETS[request.param]().double()
    return subject_of(net, 3 * drawn(7, 20, 3), classes=4).settled()


def close(found: Attribution, expected: Tensor) -> None:
    """Tolerance: values are kept as float32, of which 1e-5 is a hundred steps."""
    scale = float(expected.abs().max())
    assert scale > 1e-3
    torch.testing.assert_close(found.values, expected.float(), rtol=1e-5, atol=1e-6 * scale)


# --- against captum -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_integrated_gradients_are_those_of_captum(subject: Subject, baseline: str) -> None:
    found = integrated_gradients(subject, steps=9, baseline=baseline)  # type: ignore[arg-type]
    start = torch.zeros_like(subject.x) if baseline == "zero" else subject.x.mean(1, keepdim=True).expand_as(subject.x)
    method = attr.IntegratedGradients(subject.score)
    rows = torch.arange(len(subject))
    told = method.attribute(subject.x, start, additional_forward_args=rows, n_steps=9, method="gausslegendre")
    close(found, told)


def test_gradient_x_input_is_that_of_captum(subject: Subject) -> None:
    rows = torch.arange(len(subject))
    told = attr.InputXGradient(subject.score).attribute(
        subject.x.clone().requires_grad_(), additional_forward_args=rows
    )
    close(gradient_input(subject), told.detach())


@pytest.mark.parametrize("width", [1, 5])
def test_occlusion_is_that_of_captum(subject: Subject, width: int) -> None:
    rows = torch.arange(len(subject))
    method = attr.Occlusion(subject.score)
    together = method.attribute(subject.x, (width, 3), strides=(1, 3), additional_forward_args=rows)
    close(occlusion(subject, width=width, stride=1, filling="zero"), together[..., :1])
    each = method.attribute(subject.x, (width, 1), strides=(1, 1), additional_forward_args=rows)
    close(occlusion(subject, width=width, stride=1, filling="zero", columns="each"), each)


# --- integrated gradients -------------------------------------------------------------------------------------


def test_values_add_up_to_the_score_above_the_baseline_and_the_gap_says_how_nearly(subject: Subject) -> None:
    fine, coarse = integrated_gradients(subject), integrated_gradients(subject, steps=1)
    rows = torch.arange(len(subject))
    risen = subject.score(subject.x, rows) - subject.score(torch.zeros_like(subject.x), rows)
    torch.testing.assert_close(fine.values.sum((1, 2)), risen.detach().float(), rtol=1e-3, atol=1e-3)
    assert fine.gap is not None
    assert coarse.gap is not None
    assert fine.gap.max() < 1e-3
    apart = (coarse.values.double().sum((1, 2)) - risen).abs().detach().float()
    torch.testing.assert_close(coarse.gap, apart, rtol=1e-4, atol=1e-5)
    assert coarse.gap.max() > 1e-2


class Targets(nn.Module):
    """Forecasts y and -y, each so many times, of which y is 5 tanh of what stands at sample 3."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        y = 5 * torch.tanh(x[:, 3, :1])
        return torch.cat((y, -y), 1).repeat(1, self.times)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("method", [integrated_gradients, gradient_input])
def test_targets_that_cancel_each_other_are_explained(method: Callable[[Subject], Attribution], times: int) -> None:
    x = drawn(100, 8, 2)
    one = subject_of(Targets(times), x)
    found = method(one)
    sizes = found.over_time()
    assert (sizes[:, [0, 1, 2, 4, 5, 6, 7]] == 0).all()
    y = 5 * torch.tanh(x[:, 3, 0])
    slope = y if method is integrated_gradients else x[:, 3, 0] * (5 - y.square() / 5)
    whole = slope.abs() / y.std(correction=0) * (2 * times) ** 0.5
    if times == 1:
        torch.testing.assert_close(sizes[:, 3], whole.float(), rtol=1e-4, atol=1e-6)
    else:  # four draws of signs a window: the mean over windows is within 15 %
        assert float((sizes[:, 3].square() / whole.square()).mean()) == pytest.approx(1, abs=0.15)
    assert found.passes_per_window <= 100
    if method is integrated_gradients:
        assert found.gap.max() < 1e-2


def test_each_value_counts_in_its_own_deviations() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack((x[:, 1, 0], 1000 * x[:, 2, 0]), 1)

    x = drawn(50, 4, 1)
    for method in (integrated_gradients, gradient_input):
        sizes = method(subject_of(Two(), x)).over_time()
        expected = x[..., 0].abs() / x[..., 0].std(0, correction=0)
        torch.testing.assert_close(sizes[:, 1:3], expected[:, 1:3].float())
        assert (sizes[:, [0, 3]] == 0).all()


def test_one_value_of_several_keeps_its_sign_and_adds_up() -> None:
    x = drawn(30, 8, 2)
    one = subject_of(Targets(), x, of=(1,))
    found = integrated_gradients(one)
    y = -5 * torch.tanh(x[:, 3, 0])
    torch.testing.assert_close(found.values.sum((1, 2)), (y / y.std(correction=0)).float(), rtol=1e-4, atol=1e-5)
    assert found.gap.max() < 1e-4
    settled = one.settled()
    told = attr.IntegratedGradients(settled.score).attribute(
        x, torch.zeros_like(x), additional_forward_args=torch.arange(30), n_steps=32, method="gausslegendre"
    )
    close(found, told)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 30])
def test_no_number_of_values_costs_more_than_a_hundred_passes(count: int) -> None:
    class Many(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum((1, 2))[:, None] * torch.arange(1, count + 1)

    one = subject_of(Many(), torch.randn(6, 96, 2))
    for method, most in ((integrated_gradients, 100), (gradient_input, 10), (occlusion, 100)):
        assert method(one).passes_per_window <= most


def test_a_score_of_several_values_is_refused_with_advice() -> None:
    one = subject_of(Targets(), drawn(5, 8, 2))
    rows = torch.arange(5)
    with pytest.raises(OptionError, match="needs the deviation of its values, got none. Take subject.settled"):
        one.scores(one.x, rows)
    with pytest.raises(OptionError, match="one value that is meant, got 2. Take subject.scores"):
        one.settled().score(one.x, rows)
    assert one.settled().scores(one.x, rows).shape == (5, 2)


def test_values_that_never_change_do_not_drown_the_others() -> None:
    class Flat(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack((x[:, 1, 0], 0 * x[:, 2, 0] + 1e-3), 1)

    x = drawn(6, 4, 1)
    one = subject_of(Flat(), x).settled()
    assert one.deviation[1] == 1
    alone = subject_of(Flat(), x[:1]).settled()
    assert alone.deviation.tolist() == [1, 1]


def test_batches_change_nothing(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [method(subject).values for method in (integrated_gradients, gradient_input, occlusion)]
    monkeypatch.setattr("heedful.explanation.subject.NUMBERS", 60 * 24)  # 24 windows at once, 3 where they go back
    parts = [method(subject).values for method in (integrated_gradients, gradient_input, occlusion)]
    assert subject.batch == 24
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_weights_ask_for_gradients_as_before(subject: Subject) -> None:
    kept = [one.requires_grad for one in subject.net.parameters()]
    integrated_gradients(subject, steps=2)
    gradient_input(subject)
    assert [one.requires_grad for one in subject.net.parameters()] == kept
    assert all(one.grad is None for one in subject.net.parameters())


def test_no_steps_and_unknown_baselines_are_refused() -> None:
    one = subject_of(Convolution(), torch.randn(2, 20, 3), classes=4)
    with pytest.raises(OptionError, match="a step at least, got 0. Take 32"):
        integrated_gradients(one, steps=0)
    with pytest.raises(UnknownName, match="Unknown baseline 'means'. Did you mean 'mean'"):
        integrated_gradients(one, baseline="means")  # type: ignore[arg-type]


# --- occlusion ------------------------------------------------------------------------------------------------


class Keeper(nn.Module):
    """Gives windows as its values, and keeps what it read."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.seen.append(x.clone())
        return x.flatten(1).nan_to_num()


def read(x: Tensor, *, lengths: list[int] | None = None, **how: object) -> Tensor:
    """What the network reads of windows whose stretches are taken away (m, T, F)."""
    net = Keeper()
    occlusion(subject_of(net, x, lengths=lengths), **how)  # type: ignore[arg-type]
    return torch.cat(net.seen[1:])


def test_a_line_joins_the_samples_on_either_side_and_goes_on_at_the_ends() -> None:
    x = torch.tensor([1.0, 9.0, 3.0, 9.0, 9.0, 0.0]).view(1, 6, 1)
    seen = read(x, width=2, stride=1)[..., 0]
    torch.testing.assert_close(
        seen,
        torch.tensor(
            [
                [3.0, 3.0, 3.0, 9.0, 9.0, 0.0],
                [1.0, 1 + 8 / 3, 1 + 16 / 3, 9.0, 9.0, 0.0],
                [1.0, 9.0, 9.0, 9.0, 9.0, 0.0],
                [1.0, 9.0, 3.0, 2.0, 1.0, 0.0],
                [1.0, 9.0, 3.0, 9.0, 9.0, 9.0],
            ]
        ),
    )


def test_a_stretch_as_long_as_the_window_leaves_the_mean() -> None:
    assert torch.equal(read(torch.ones(1, 6, 2), width=6, stride=1), torch.zeros(1, 6, 2))


def test_every_real_sample_is_taken_away_and_padding_never() -> None:
    x = 1 + torch.rand(4, 23, 2)
    lengths = [23, 17, 6, 2]
    for row, length in enumerate(lengths):
        x[row, length:] = torch.nan
    seen = read(x, lengths=lengths, filling="zero", width=6, stride=4)
    assert len(seen) == 6 + 4 + 1 + 1  # stretches of each window; none is passed for nothing
    gone = seen[..., 0] == 0
    real = torch.arange(23) < torch.tensor(lengths)[:, None]
    own = torch.tensor([0] * 6 + [1] * 4 + [2, 3])
    assert torch.equal(gone & ~real[own], torch.zeros_like(gone))
    for row in range(4):
        assert torch.equal(gone[own == row].any(0), real[row])
        assert gone[own == row].sum(1).eq(min(6, lengths[row])).all()


@pytest.mark.parametrize("filling", ["line", "zero"])
def test_a_padded_window_is_explained_as_the_same_window_alone(filling: str) -> None:
    net = get("resnet1d+additive").build(SignalShape(2, 3, 24), seed=1).double()
    x = drawn(3, 24, 2)
    alone = subject_of(net, x[:, :17].contiguous(), classes=3, lengths=[17] * 3)
    x[:, 17:] = torch.nan
    padded = subject_of(net, x, classes=3, lengths=[17] * 3)
    for method in (
        integrated_gradients,
        lambda one: integrated_gradients(one, baseline="mean"),
        gradient_input,
        lambda one: occlusion(one, filling=filling),  # type: ignore[arg-type]
    ):
        whole, short = method(padded), method(alone)
        torch.testing.assert_close(whole.values[:, :17], short.values, rtol=1e-5, atol=1e-6)
        assert torch.equal(whole.values[:, 17:], torch.zeros_like(whole.values[:, 17:]))
        assert short.values.abs().max() > 1e-4


def test_only_the_samples_that_are_read_matter() -> None:
    class Place(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            level = x[:, 30:40, 1].square().mean(1)
            return torch.stack((level, 1 - level), 1)

    one = subject_of(Place(), 2 + torch.rand(5, 96, 3), classes=2)
    for found in (
        integrated_gradients(one),
        gradient_input(one),
        occlusion(one, columns="each", width=1, filling="zero"),
    ):
        time, column = found.over_time(), found.over_columns()
        assert (time[:, 30:40] > 0).all()
        assert (time[:, :30] == 0).all()
        assert (time[:, 40:] == 0).all()
        assert (column[:, 1] > 0).all()
        assert (column[:, [0, 2]] == 0).all()


def test_of_values_occlusion_is_the_mean_change_in_deviations() -> None:
    class Levels(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack((x[:, 2, 0], 4 * x[:, 5, 0], 0 * x[:, 1, 0]), 1)

    x = drawn(6, 8, 1)
    found = occlusion(subject_of(Levels(), x, of=(0, 1)), width=1, stride=1, filling="zero")
    expected = torch.zeros(6, 8, dtype=torch.float64)
    for sample in (2, 5):
        column = x[:, sample, 0]
        expected[:, sample] = column.abs() / column.std(correction=0) / 2
    torch.testing.assert_close(found.over_time(), expected.float())
    assert not found.signed


def test_of_values_only_sizes_count_and_of_a_class_signs_do() -> None:
    values = torch.tensor([[[1.0, -2.0], [-3.0, 0.5]]])
    told = {"name": "made", "values": values, "passes_per_window": 1.0}
    signed, sizes = Attribution(signed=True, **told), Attribution(signed=False, **told)
    assert signed.over_time().tolist() == [[-1.0, -2.5]]
    assert signed.over_columns().tolist() == [[-2.0, -1.5]]
    assert sizes.over_time().tolist() == [[3.0, 3.5]]
    assert sizes.over_columns().tolist() == [[4.0, 2.5]]


def test_columns_taken_away_together_have_no_map_of_their_own() -> None:
    x = torch.randn(2, 20, 3)
    found = occlusion(subject_of(Convolution(), x, classes=4))
    assert found.values.shape == (2, 20, 1)
    with pytest.raises(OptionError, match="columns='each'"):
        found.over_columns()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"width": 21}, "width <= 20, got stride 1 and width 21"),
        ({"width": 0}, "got stride 1 and width 0"),
        ({"width": 3, "stride": 4}, "got stride 4 and width 3"),
        ({"stride": 0}, "got stride 0 and width 5"),
    ],
)
def test_stretches_that_leave_samples_out_are_refused(how: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        occlusion(subject_of(Convolution(), torch.randn(2, 20, 3), classes=4), **how)


def test_unknown_fillings_and_columns_are_answered_with_the_nearest() -> None:
    one = subject_of(Convolution(), torch.randn(2, 20, 3), classes=4)
    with pytest.raises(UnknownName, match="Unknown filling 'lines'. Did you mean 'line'"):
        occlusion(one, filling="lines")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="Unknown choice of columns 'eahc'. Did you mean 'each'"):
        occlusion(one, columns="eahc")  # type: ignore[arg-type]


# --- cost -----------------------------------------------------------------------------------------------------


class Means(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


@pytest.mark.parametrize(("window", "columns"), [(5, 2), (30, 3), (96, 2), (97, 2), (500, 4), (2048, 2)])
def test_no_method_costs_more_than_a_hundred_passes_of_a_window(window: int, columns: int) -> None:
    one = subject_of(Means(), torch.randn(2, window, columns), classes=columns)
    ways = [integrated_gradients, gradient_input, occlusion, lambda s: occlusion(s, columns="each")]
    for method in ways:
        before = one.meter.passed
        found = method(one)
        assert found.passes_per_window == (one.meter.passed - before) / 2
        assert found.passes_per_window <= 100
    if window == 96:
        assert [method(one).passes_per_window for method in ways[:3]] == [99, 4, 94]
    assert occlusion(one.settled(), stride=1, width=1).passes_per_window == window + 1


@pytest.mark.skipif(not GPU, reason="needs a GPU")
@pytest.mark.parametrize("name", list(NETS))
def test_a_gpu_says_the_same(name: str) -> None:
    torch.manual_seed(3)
    here = subject_of(NETS[name]().double(), 3 * drawn(7, 20, 3), classes=4)
    methods = (integrated_gradients, gradient_input, occlusion)
    told = [method(here).values for method in methods]
    there = subject_of(here.net.cuda(), here.x.cuda(), classes=4)
    for method, expected in zip(methods, told, strict=True):
        torch.testing.assert_close(method(there).values.cpu(), expected, rtol=1e-5, atol=1e-6)
