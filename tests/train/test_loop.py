from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from heedful.data import Scaler, split, windows
from heedful.errors import OptionError
from heedful.train import Recipe, TimeUp, fit, forecast, score_scaled
from heedful.train.loop import _stream


class Flat(nn.Module):
    """The smallest network: all of the window to all of the horizon."""

    def __init__(self, window: int, features: int, horizon: int, seed: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(window * features, horizon)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) * 0.05)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(-2))


@pytest.fixture
def laid(wave):
    parts = split(wave)
    return [windows(span, 10, 3) for span in parts], Scaler.fit(parts.train)


def run(laid, seeds=(0,), **options):
    (train, validation, _), scaler = laid
    models = [Flat(10, 2, 3, seed) for seed in seeds]
    recipe = replace(Recipe.article(), **{"epochs": 6, "patience": 3, "batch": 32, "learning_rate": 1e-2} | options)
    return fit(models, train, validation, scaler=scaler, recipe=recipe, seeds=seeds)


def test_training_lowers_both_losses(laid):
    one = run(laid, epochs=15)[0]
    assert one.train_loss[-1] < 0.5 * one.train_loss[0]
    assert min(one.validation_loss) < one.validation_loss[0]


def test_the_best_weights_are_kept_and_patience_stops(laid):
    one = run(laid, epochs=60, learning_rate=0.5, patience=4)[0]
    assert one.best_epoch == 1 + int(np.argmin(one.validation_loss))
    assert len(one.validation_loss) == min(60, one.best_epoch + 4)
    (_, validation, _), scaler = laid
    model = Flat(10, 2, 3)
    model.load_state_dict(one.state)
    truth = scaler.targets(validation.targets(np.arange(len(validation))))
    scaled = scaler.targets(forecast(model, validation, scaler))
    assert np.mean((truth - scaled) ** 2) == pytest.approx(min(one.validation_loss), rel=1e-4)  # float32


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(laid):
    a, b, c = run(laid, (3,))[0], run(laid, (3,))[0], run(laid, (4,))[0]
    assert a.train_loss == b.train_loss
    assert all(torch.equal(a.state[k], b.state[k]) for k in a.state)
    assert a.train_loss != c.train_loss


def test_training_leaves_the_callers_random_stream_alone(laid):
    (train, validation, _), scaler = laid
    models = [Flat(10, 2, 3)]
    before = torch.get_rng_state()
    fit(models, train, validation, scaler=scaler, recipe=Recipe(epochs=2), seeds=(0,))
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_trained_together_equal_seeds_trained_apart(laid):
    together = run(laid, (0, 5, 9))
    for one, seed in zip(together, (0, 5, 9), strict=True):
        apart = run(laid, (seed,))[0]
        assert one.seed == seed
        assert one.train_loss == pytest.approx(apart.train_loss, rel=1e-4)  # float32 sums in another order
        assert one.best_epoch == apart.best_epoch
        for name, value in apart.state.items():
            assert torch.allclose(one.state[name], value, atol=1e-5)


def test_gradient_clipping_is_per_seed(laid):
    together, apart = run(laid, (0, 5), clip=0.05), run(laid, (5,), clip=0.05)[0]
    assert together[1].train_loss == pytest.approx(apart.train_loss, rel=1e-4)
    assert apart.train_loss != run(laid, (5,))[0].train_loss


def test_no_argument_takes_test_data_and_test_rows_change_nothing(laid, wave):
    before = run(laid)[0]
    wave.values[320:] = -1e6
    assert run(laid)[0].train_loss == before.train_loss


def test_a_passed_deadline_raises_time_up(laid):
    (train, validation, _), scaler = laid
    with pytest.raises(TimeUp):
        fit(
            [Flat(10, 2, 3)],
            train,
            validation,
            scaler=scaler,
            recipe=Recipe(),
            seeds=(0,),
            deadline=time.monotonic(),
        )


def test_one_model_per_seed_is_asked_for(laid):
    (train, validation, _), scaler = laid
    with pytest.raises(OptionError, match="one model per seed, got 1 models and seeds"):
        fit([Flat(10, 2, 3)], train, validation, scaler=scaler, recipe=Recipe(), seeds=(0, 1))


class Everything(nn.Module):
    """Reads the past and the known columns ahead; forecasts two targets, with dropout."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.past, self.ahead = nn.Linear(6 * 3, 4 * 2), nn.Linear(1, 2)
            self.drop = nn.Dropout(0.2)

    def forward(self, x: torch.Tensor, future: torch.Tensor) -> torch.Tensor:
        return self.drop(self.past(x.flatten(-2))).unflatten(-1, (4, 2)) + self.ahead(future)


class Width(nn.Module):
    """A head of place and log width; its loss is a Laplace log-likelihood."""

    outputs = 2

    def loss(self, raw: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (raw[..., 0] - y).abs() * torch.exp(-raw[..., 1]) + raw[..., 1]

    def point(self, raw: torch.Tensor) -> torch.Tensor:
        return raw[..., 0]


class Spread(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.head = Flat(6, 3, 4 * 2 * 2), Width()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).unflatten(-1, (4, 2, 2))


def learn(everything, *models, seeds=(0,), device=None, **options):
    (train, validation, _), scaler = everything
    recipe = Recipe(**{"epochs": 8, "batch": 16, "learning_rate": 2e-2} | options)
    return fit(models or [Everything()], train, validation, scaler=scaler, recipe=recipe, seeds=seeds, device=device)


def same(a, b) -> bool:
    return (a.train_loss, a.validation_loss) == (b.train_loss, b.validation_loss) and all(
        torch.equal(a.state[k], b.state[k]) for k in a.state
    )


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_several_targets_known_columns_and_missing_values_are_learned(everything, loss):
    one = learn(everything, loss=loss)[0]
    assert one.validation_loss[-1] < 0.5 * one.validation_loss[0]
    assert all(torch.isfinite(value).all() for value in one.state.values())
    assert one.state["ahead.weight"].shape == (2, 1)
    assert not torch.equal(one.state["ahead.weight"], Everything().state_dict()["ahead.weight"])


def test_the_validation_loss_is_the_score_of_the_kept_weights(everything):
    (_, validation, _), scaler = everything
    for loss, mean in (("mse", "mse"), ("mae", "mae")):
        one, model = learn(everything, loss=loss, average=0.9)[0], Everything()
        model.load_state_dict(one.state)
        assert getattr(score_scaled(model, validation, scaler), mean) == pytest.approx(one.best, rel=1e-6)


def test_the_train_loss_counts_observed_values_not_batches(everything):
    (train, _, _), scaler = everything
    model = Everything()
    model.drop.p = 0.0
    one = learn(everything, model, epochs=1, learning_rate=1e-30, batch=7)[0]
    assert one.train_loss[0] == pytest.approx(score_scaled(model, train, scaler).mse, rel=1e-6)


def test_a_distribution_head_is_trained_by_its_own_loss(everything):
    (_, validation, _), scaler = everything
    one = learn(everything, Spread(), epochs=12)[0]
    model = Spread()
    model.load_state_dict(one.state)
    y = torch.from_numpy(scaler.batch(validation, np.arange(len(validation))).y)
    x = torch.from_numpy(scaler.batch(validation, np.arange(len(validation))).x)
    with torch.no_grad():
        loss = model.head.loss(model(x), y).nanmean()
    assert one.validation_loss[-1] < one.validation_loss[0] - 0.2
    assert loss.item() == pytest.approx(one.best, rel=1e-5)  # float32 sums in another order


def test_two_runs_are_the_same_bit_for_bit_with_dropout_and_average(everything):
    a, b = (learn(everything, seeds=(3,), average=0.9, clip=0.1)[0] for _ in range(2))
    assert same(a, b)
    assert not same(a, learn(everything, seeds=(4,), average=0.9, clip=0.1)[0])


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser": "adam"},
        {"weight_decay": 0.5},
        {"clip": 0.01},
        {"warmup": 0.5},
        {"schedule": "constant"},
        {"loss": "huber"},
        {"average": 0.9},
        {"windows_per_epoch": 40},
        {"precision": "bfloat16"},
    ],
)
def test_every_option_of_the_recipe_changes_the_training(everything, change):
    assert not same(learn(everything)[0], learn(everything, **change)[0])


def test_the_models_given_stay_as_they_are(everything):
    model = Everything()
    learn(everything, model)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), Everything().parameters(), strict=True))


def test_seeds_with_an_average_and_a_cap_equal_seeds_trained_apart(laid):
    options = {"average": 0.9, "windows_per_epoch": 50, "schedule": "cosine", "optimiser": "adamw", "weight_decay": 0.1}
    together = run(laid, (0, 5), **options)
    for one, seed in zip(together, (0, 5), strict=True):
        apart = run(laid, (seed,), **options)[0]
        assert one.validation_loss == pytest.approx(apart.validation_loss, rel=1e-4)  # float32 sums in another order
        assert all(torch.allclose(one.state[name], value, atol=1e-5) for name, value in apart.state.items())


def test_seeds_whose_rate_follows_their_own_losses_are_trained_apart(laid):
    together, apart = run(laid, (0, 5), schedule="plateau"), run(laid, (5,), schedule="plateau")
    assert same(together[1], apart[0])


def test_plateau_slows_down_where_it_gets_no_better(laid):
    options = {"learning_rate": 0.3, "epochs": 12, "patience": 12}
    slowed, held = run(laid, schedule="plateau", **options)[0], run(laid, schedule="constant", **options)[0]
    first = next(i for i in range(2, 12) if slowed.train_loss[i] != held.train_loss[i])
    best = int(np.argmin(held.validation_loss[:first]))
    assert first == best + 3  # two epochs without a better loss, then half the rate


class Watched(Everything):
    """Keeps what it saw, and drew at random, in training."""

    def forward(self, x: torch.Tensor, future: torch.Tensor) -> torch.Tensor:
        if self.training:
            SEEN.append(x.detach().clone())
            DRAWN.append(torch.rand(1).item())
        return super().forward(x, future)


SEEN: list[torch.Tensor] = []
DRAWN: list[float] = []


def test_a_capped_epoch_draws_its_windows_anew(everything):
    SEEN.clear()
    learn(everything, Watched(), windows_per_epoch=24, epochs=3, patience=9)
    assert [len(x) for x in SEEN] == [16, 8] * 3
    epochs = [{x.numpy().tobytes() for pair in SEEN[i : i + 2] for x in pair} for i in (0, 2, 4)]
    assert [len(windows) for windows in epochs] == [24] * 3
    assert len(set.union(*epochs)) > 24


def test_every_seed_epoch_and_process_has_its_own_dropout():
    given = [(seed, epoch, rank) for seed in (0, 1) for epoch in (1, 2) for rank in (0, 1)]
    assert len({_stream(*one) for one in given}) == 8


def test_no_two_epochs_draw_the_same_dropout_and_two_runs_do(everything):
    DRAWN.clear()
    for _ in range(2):
        learn(everything, Watched(), windows_per_epoch=16, epochs=4, patience=9)
    assert len(set(DRAWN[:4])) == 4
    assert DRAWN[4:] == DRAWN[:4]


def test_bfloat16_comes_near_float32(everything):
    near, exact = learn(everything, precision="bfloat16")[0], learn(everything)[0]
    assert near.state["past.weight"].dtype == torch.float32
    assert near.best == pytest.approx(exact.best, rel=0.1)  # 8 bits of mantissa


def test_an_automatic_precision_trains_on_any_processor(everything):
    one = learn(everything, precision="auto")[0]
    assert not one.diverged
