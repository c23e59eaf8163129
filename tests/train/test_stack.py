"""Stacked training against ordinary training: the same batches give the same models."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from heedful.errors import OptionError, ShapeError
from heedful.models import Shape, get
from heedful.train.stack import LONGEST_RECURRENCE, stack, stackable, unstack

SEEDS, BATCH, WINDOW, FEATURES, HORIZON = 3, 7, 5, 4, 2
CATALOGUED = ("cnn_lstm", "cnn_lstm_se", "cnn_lstm_eca", "cnn_lstm_cbam", "cnn_lstm_hw", "cnn-lstm")


class Recurrent(nn.Module):
    """A recurrence and a linear layer on its last step, and on its last states."""

    def __init__(self, kind: type[nn.RNNBase], **options: object) -> None:
        super().__init__()
        self.rnn = kind(FEATURES, 6, batch_first=True, **options)
        width = 12 if self.rnn.bidirectional else 6
        self.head, self.last = nn.Linear(width, HORIZON), nn.Linear(6, HORIZON)

    def forward(self, x: Tensor) -> Tensor:
        states, ends = self.rnn(x)
        if isinstance(ends, tuple):
            ends = ends[0] + ends[1]
        # (layers directions, B, H), and with a leading seed axis once stacked
        return self.head(states[..., -1, :]) + self.last(ends[..., -1, :, :])


class Convolved(nn.Module):
    """A chain of layers on a map (B, C, T), and a mean over time."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers, self.head = nn.Sequential(*layers), nn.LazyLinear(HORIZON)
        self(torch.zeros(BATCH, WINDOW, FEATURES))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x.transpose(-1, -2)).mean(-1))


LAYERS = {
    "first convolution, even kernel": lambda: [nn.Conv1d(FEATURES, 6, 4, padding="same")],
    "first convolution, padded": lambda: [nn.Conv1d(FEATURES, 6, 3, padding=1, bias=False)],
    "first convolution, strided": lambda: [nn.Conv1d(FEATURES, 6, 2, stride=2)],
    "first convolution, dilated": lambda: [nn.Conv1d(FEATURES, 6, 2, dilation=3, padding="same")],
    "first convolution, grouped": lambda: [nn.Conv1d(FEATURES, 6, 3, groups=2)],
    "point convolution of stride 2": lambda: [nn.Conv1d(FEATURES, 6, 1, stride=2)],
    "two convolutions": lambda: [nn.Conv1d(FEATURES, 8, 1), nn.Tanh(), nn.Conv1d(8, 6, 3, padding="valid")],
    "second convolution, all options": lambda: [
        nn.Conv1d(FEATURES, 8, 1),
        nn.Conv1d(8, 6, 2, stride=2, dilation=2, padding=1, groups=2, bias=False),
    ],
    "second convolution, even kernel": lambda: [
        nn.Conv1d(FEATURES, 8, 1),
        nn.Conv1d(8, 6, 4, padding="same"),
    ],
    "batch norm": lambda: [nn.Conv1d(FEATURES, 6, 1), nn.BatchNorm1d(6), nn.ReLU()],
    "batch norm without memory": lambda: [nn.BatchNorm1d(FEATURES, affine=False, track_running_stats=False)],
    "layer norm": lambda: [nn.LayerNorm(WINDOW), nn.LayerNorm((FEATURES, WINDOW), bias=False)],
    "pools": lambda: [nn.MaxPool1d(2, stride=1), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(3)],
}


def seeded(build, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().double()


def without_dropout(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def batches(steps: int, *shape: int) -> Tensor:
    return torch.randn(steps, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


def train_alone(model: nn.Module, xs: Tensor, ys: Tensor, optimiser: type) -> None:
    step = optimiser(model.parameters(), lr=0.01, weight_decay=0.05, fused=True)
    for x, y in zip(xs, ys, strict=True):
        step.zero_grad(set_to_none=True)
        (model(x) - y).square().mean().backward()
        step.step()


def train_stacked(model: nn.Module, xs: Tensor, ys: Tensor, optimiser: type) -> None:
    step = optimiser(model.parameters(), lr=0.01, weight_decay=0.05, fused=True)
    for x, y in zip(xs, ys, strict=True):
        step.zero_grad(set_to_none=True)
        (model(x) - y).square().flatten(1).mean(1).sum().backward()
        step.step()


def assert_trains_alike(build, *, optimiser: type = torch.optim.AdamW, same_batches: bool = False) -> None:
    models = [without_dropout(seeded(build, seed)) for seed in range(SEEDS)]
    stacked = stack(models)
    xs, ys = batches(35, SEEDS, BATCH, WINDOW, FEATURES), batches(35, SEEDS, BATCH, HORIZON)
    if same_batches:
        xs, ys = xs[:, :1].expand_as(xs), ys[:, :1].expand_as(ys)
    before = [copy.deepcopy(m.state_dict()) for m in models]
    train_stacked(stacked, xs, ys, optimiser)
    for model, state in zip(models, before, strict=True):
        torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)  # the originals are left alone
    for i, model in enumerate(models):
        train_alone(model, xs[:, i], ys[:, i], optimiser)
        # the issue asks for 1e-6; sums in another order, amplified by Adam's division, stay far below
        torch.testing.assert_close(unstack(stacked, i), model.state_dict(), rtol=0, atol=1e-8)
        moved = [not model.state_dict()[name].equal(value) for name, value in before[i].items()]
        assert all(moved), "weight decay moves every weight, so nothing here is equal by standing still"


@pytest.mark.parametrize("optimiser", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("name", CATALOGUED)
def test_catalogued_models_train_as_they_do_alone(name, optimiser):
    shape = Shape(window=WINDOW, features=FEATURES, horizon=HORIZON)
    assert_trains_alike(lambda: get(name).build(shape), optimiser=optimiser)


def test_seeds_that_share_their_batches_train_as_they_do_alone():
    shape = Shape(window=WINDOW, features=FEATURES, horizon=HORIZON)
    assert_trains_alike(lambda: get("cnn_lstm").build(shape), same_batches=True)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": True}, {"num_layers": 3, "bidirectional": True}, {"num_layers": 2, "bias": False}],
    ids=str,
)
def test_recurrences_train_as_they_do_alone(kind, options):
    assert_trains_alike(lambda: Recurrent(kind, **options))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("name", LAYERS)
def test_layers_train_as_they_do_alone(name):
    def build() -> nn.Module:
        return Convolved(*LAYERS[name]())

    if "norm" not in name:
        assert_trains_alike(build)
        return
    # weights of a norm start at one and zero: they must differ between seeds to tell seeds apart
    models = [seeded(build, seed) for seed in range(SEEDS)]
    for i, model in enumerate(models):
        for value in model.parameters():
            value.data += 0.1 * i
    stacked, x = stack(models), batches(SEEDS, BATCH, WINDOW, FEATURES)
    for mode in (True, False):
        stacked.train(mode)
        y = stacked(x)
        y.square().sum().backward()
        for i, model in enumerate(models):
            alone = model.train(mode)(x[i])
            alone.square().sum().backward()
            torch.testing.assert_close(y[i], alone, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(unstack(stacked, i), model.state_dict(), rtol=1e-10, atol=1e-12)
    for name_, parameter in stacked.named_parameters():
        for i, model in enumerate(models):
            expected = model.get_parameter(name_).grad
            torch.testing.assert_close(parameter.grad[i], expected, rtol=1e-9, atol=1e-11)


def test_unstack_gives_back_names_shapes_and_numbers_in_order():
    models = [seeded(lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), seed) for seed in range(SEEDS)]
    stacked = stack(models)
    for i, model in enumerate(models):
        state = unstack(stacked, i)
        assert list(state) == list(model.state_dict())
        torch.testing.assert_close(state, dict(model.state_dict()), rtol=0, atol=0)
        assert all(value.is_contiguous() and not value.requires_grad for value in state.values())
        model.load_state_dict(state)


def test_every_parameter_starts_with_the_seed_axis():
    models = [seeded(lambda: Recurrent(nn.GRU, bidirectional=True), seed) for seed in range(SEEDS)]
    assert {p.shape[0] for p in stack(models).parameters()} == {SEEDS}


def test_recurrent_weights_that_no_step_uses_get_a_gradient_of_zero():
    models = [seeded(lambda: Recurrent(nn.LSTM), seed) for seed in range(SEEDS)]
    stacked = stack(models)
    stacked(batches(SEEDS, BATCH, 1, FEATURES)).sum().backward()
    gradient = stacked.rnn.weights[0].grad[:, 0]
    assert gradient[..., FEATURES : FEATURES + 6].eq(0).all()
    assert gradient[..., :FEATURES].ne(0).any()


def test_dropout_drops_each_seed_on_its_own_at_the_models_rate():
    stacked = stack([nn.Sequential(nn.Dropout(0.25), nn.Identity()) for _ in range(SEEDS)])
    with torch.random.fork_rng():
        torch.manual_seed(3)
        kept = stacked(torch.ones(SEEDS, 100, 50)).ne(0)
    assert not kept[0].equal(kept[1])
    assert not kept[1].equal(kept[2])
    rates = kept.double().mean((1, 2))
    # 5,000 draws a seed: three standard deviations are 0.018
    torch.testing.assert_close(rates, torch.full((SEEDS,), 0.75, dtype=torch.float64), rtol=0, atol=0.018)
    assert stacked.eval()(torch.ones(SEEDS, 7, 5)).eq(1).all()


def test_dropout_between_recurrent_layers_acts_in_training_only():
    models = [seeded(lambda: Recurrent(nn.LSTM, num_layers=2, dropout=0.5), seed) for seed in range(SEEDS)]
    stacked, x = stack(models), batches(SEEDS, BATCH, WINDOW, FEATURES)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        assert not stacked(x).equal(stacked(x))
    y = stacked.eval()(x)
    for i, model in enumerate(models):
        torch.testing.assert_close(y[i], model.eval()(x[i]), rtol=1e-10, atol=1e-12)


def test_a_layer_used_twice_stays_one_layer():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(FEATURES, FEATURES)
            self.second = self.first

        def forward(self, x: Tensor) -> Tensor:
            return self.second(torch.tanh(self.first(x))).sum(-2)

    models = [seeded(Twice, seed) for seed in range(SEEDS)]
    stacked, x = stack(models), batches(SEEDS, BATCH, WINDOW, FEATURES)
    assert stacked.first is stacked.second
    assert list(unstack(stacked, 0)) == list(models[0].state_dict())
    torch.testing.assert_close(stacked(x)[2], models[2](x[2]), rtol=1e-12, atol=1e-14)
    assert stackable(models[0], window=WINDOW, features=FEATURES)


def test_a_stack_can_be_read_in_inference_mode_and_trained_after():
    stacked = stack([seeded(lambda: Recurrent(nn.LSTM), seed) for seed in range(SEEDS)])
    x = batches(SEEDS, BATCH, WINDOW, FEATURES)
    with torch.inference_mode():
        first = stacked(x)
    second = stacked(x)
    torch.testing.assert_close(first, second.detach(), rtol=0, atol=0)
    second.sum().backward()


def test_frozen_layers_stay_frozen():
    models = [seeded(lambda: Recurrent(nn.LSTM), seed) for seed in range(SEEDS)]
    for model in models:
        model.rnn.requires_grad_(False)
    stacked = stack(models)
    assert [name for name, p in stacked.named_parameters() if p.requires_grad] == [
        "head.weight",
        "head.bias",
        "last.weight",
        "last.bias",
    ]


@pytest.mark.parametrize("name", CATALOGUED)
def test_catalogued_models_of_short_windows_are_stackable(name):
    model = get(name).build(Shape(window=WINDOW, features=FEATURES))
    state = copy.deepcopy(model.state_dict())
    assert stackable(model, window=WINDOW, features=FEATURES)
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)
    assert model.training


def test_a_recurrence_is_stackable_up_to_twelve_steps():
    assert LONGEST_RECURRENCE == 12
    assert stackable(Recurrent(nn.LSTM), window=12, features=FEATURES)
    assert not stackable(Recurrent(nn.LSTM), window=13, features=FEATURES)


def test_steps_are_counted_after_pooling():
    assert stackable(get("cnn_lstm").build(Shape(window=96, features=FEATURES)), window=96, features=FEATURES)


class OwnWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(FEATURES))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(-1)


class FrontAxis(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(FEATURES, HORIZON)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x).mean(1)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(FEATURES, FEATURES), nn.Linear(FEATURES, FEATURES)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))[..., -1, :]


class TimeFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(FEATURES, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0][..., -1, :]


UNFIT = {
    "a weight of its own": OwnWeight,
    "an axis counted from the front": FrontAxis,
    "a tied weight": Tied,
    "time first": TimeFirst,
    "a layer without a twin": lambda: nn.Sequential(nn.Linear(FEATURES, 6), nn.RMSNorm(6)),
    "a layer of the front axes": lambda: nn.Sequential(nn.Flatten(), nn.Linear(WINDOW * FEATURES, 2)),
    "circular padding": lambda: nn.Conv1d(WINDOW, 6, 3, padding=1, padding_mode="circular"),
    "a projected state": lambda: nn.LSTM(FEATURES, 6, batch_first=True, proj_size=3),
    "a softmax over the front axis": lambda: nn.Sequential(nn.Softmax(0), nn.Linear(FEATURES, HORIZON)),
    "a half frozen recurrence": lambda: half_frozen(nn.LSTM(FEATURES, 6, batch_first=True)),
}


def half_frozen(layer: nn.LSTM) -> nn.LSTM:
    layer.weight_hh_l0.requires_grad_(False)
    return layer


@pytest.mark.parametrize("name", UNFIT)
def test_models_that_cannot_carry_a_seed_axis_are_not_stackable(name):
    assert not stackable(UNFIT[name](), window=WINDOW, features=FEATURES)


@pytest.mark.parametrize(
    "name",
    ["a weight of its own", "a tied weight", "time first", "a layer without a twin", "circular padding"],
)
def test_stack_refuses_layers_without_a_twin_and_says_what_to_do(name):
    with pytest.raises(OptionError, match=r"no twin for .* one after the other"):
        stack([UNFIT[name]() for _ in range(SEEDS)])


def test_stack_refuses_no_model():
    with pytest.raises(OptionError, match="one freshly built model per seed"):
        stack([])


@pytest.mark.parametrize("other", [nn.Linear(4, 3), nn.Linear(4, 2, bias=False), nn.Conv1d(4, 2, 1)], ids=str)
def test_stack_refuses_models_of_different_builds(other):
    with pytest.raises(OptionError, match="same options"):
        stack([nn.Linear(4, 2), other])


def test_a_stacked_recurrence_refuses_a_first_state_and_inputs_without_seeds():
    stacked = stack([nn.LSTM(FEATURES, 6, batch_first=True) for _ in range(SEEDS)])
    x = torch.zeros(SEEDS, BATCH, WINDOW, FEATURES)
    with pytest.raises(ShapeError, match=r"a first state\. Train such models one after the other"):
        stacked(x, (x, x))
    with pytest.raises(ShapeError, match=r"needs inputs \(S, B, T, F\).*got \(7, 5, 4\)"):
        stacked(x[0])
