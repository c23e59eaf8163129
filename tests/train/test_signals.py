"""Windows of recordings in the one training loop: fed whole and once, learned, augmented, stopped, taken up again."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from heedful.data import Scaler
from heedful.data.recordings import Augment, SignalScaler
from heedful.errors import DataError, OptionError, ShapeError
from heedful.train import Recipe, TimeUp, fit, logits
from heedful.train.feed import shuffled
from heedful.train.signals import SignalFeed, Signals, augmented, feed_of

place = Path(__file__).with_name("conftest.py")
spec = importlib.util.spec_from_file_location("made_signals", place)
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
Levels, cuts_of, make_recordings = made.Levels, made.cuts_of, made.make_recordings

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=8, batch=8, learning_rate=3e-2)


def learn(signals, *models, recipe=RECIPE, seeds=(0,), validation=True, **options):
    train, judged, scaler = signals
    return fit(
        models or [Levels(seed) for seed in seeds],
        train,
        judged if validation else None,
        scaler=scaler,
        recipe=recipe,
        seeds=seeds,
        device="cpu",
        **options,
    )


def same(a, b) -> bool:
    return (a.train_loss, a.validation_loss) == (b.train_loss, b.validation_loss) and all(
        torch.equal(a.state[k], b.state[k]) for k in a.state
    )


# --- the feed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [2, 7, 9, 27, 1000])
@pytest.mark.parametrize("resident", [False, True])
def test_every_window_is_used_once_with_its_length_and_class(signals, batch, resident):
    train, _, scaler = signals
    feed = SignalFeed(train, scaler, CPU, classes=True, resident=resident)
    order = np.random.default_rng(0).permutation(len(train)).astype(np.int32)
    got = list(feed.batches(order, batch))
    x, lengths = train.read(order)
    assert np.array_equal(torch.cat([b.x for b in got]), scaler.apply(x, lengths))
    assert np.array_equal(torch.cat([b.lengths for b in got]), lengths)
    assert np.array_equal(torch.cat([b.y for b in got]), train.labels[order])
    assert all(len(b.x) == batch for b in got[:-1])


def test_a_last_window_alone_joins_the_batch_before_it(signals):
    train, _, scaler = signals
    feed = SignalFeed(train, scaler, CPU, classes=True)
    assert [len(b.x) for b in feed.batches(np.arange(17), 8)] == [8, 9]
    assert [len(b.x) for b in feed.batches(np.arange(1), 8)] == [1]


def test_windows_on_the_device_and_windows_read_each_time_are_the_same_bits(signals):
    train, _, scaler = signals
    near, far = (SignalFeed(train, scaler, CPU, classes=True, resident=r) for r in (False, True))
    assert far._all is not None
    assert near._all is None
    index = np.array([4, -1, 11, 4])
    for a, b in zip(near.gather(index)[:3], far.gather(index)[:3], strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)
    assert near.gather(index).y[1] == -1
    assert torch.equal(far.gather(np.array([0])).y, torch.from_numpy(train.labels[:1]))


def test_whole_windows_have_no_lengths():
    train, _ = cuts_of(make_recordings(equal=True))
    feed = SignalFeed(train, SignalScaler.fit(train), CPU, classes=True)
    assert feed.gather(np.arange(3)).lengths is None


def test_numbers_are_handed_out_where_the_head_has_no_classes():
    train, _ = cuts_of(make_recordings(number=True))
    feed = feed_of(train, SignalScaler.fit(train), CPU, Levels(classes=0))
    got = feed.gather(np.array([2, -1]))
    assert got.y.dtype == torch.float32
    assert got.y[0] == train.targets[2]
    assert torch.isnan(got.y[1])


def test_many_windows_stay_where_they_are(signals, monkeypatch):
    train, _, scaler = signals
    numbers = len(train) * train.window * train.channels
    for most, stays in ((numbers, False), (numbers - 1, True)):
        monkeypatch.setattr("heedful.train.signals._ROOM", most)
        assert (SignalFeed(train, scaler, CPU, classes=True)._all is None) == stays


def test_a_scaler_of_the_other_kind_is_refused(signals, everything):
    train, _, scaler = signals
    (table, _, _), columns = everything
    for data, wrong in ((train, columns), (table, scaler)):
        with pytest.raises(OptionError, match="those of recordings a SignalScaler, got .*Fit a scaler to the train"):
            feed_of(data, wrong, CPU, Levels())


# --- learning ----------------------------------------------------------------------------------------------------


def accuracy(model, one, cuts, scaler) -> float:
    model.load_state_dict(one.state)
    return float(np.mean(logits(model, cuts, scaler, device="cpu").argmax(1) == cuts.labels))


def test_classes_are_learned(signals):
    one = learn(signals, recipe=replace(RECIPE, epochs=20))[0]
    assert one.train_loss[-1] < 0.5 * one.train_loss[0]
    assert accuracy(Levels(), one, *signals[1:]) == 1.0


def test_numbers_are_learned():
    train, judged = cuts_of(make_recordings(number=True))
    scaler = SignalScaler.fit(train)
    one = learn((train, judged, scaler), Levels(classes=0), recipe=replace(RECIPE, epochs=30))[0]
    assert one.best < 0.3 * np.var(judged.targets)
    model = Levels(classes=0)
    model.load_state_dict(one.state)
    said = logits(model, judged, scaler, device="cpu")
    assert said.shape == (len(judged), 1)
    assert np.mean((said[:, 0] - judged.targets) ** 2) == pytest.approx(one.best, rel=1e-5)  # float32


def test_the_validation_loss_is_the_mean_over_its_windows(signals):
    _, judged, scaler = signals
    one, model = learn(signals)[0], Levels()
    model.load_state_dict(one.state)
    raw = torch.from_numpy(logits(model, judged, scaler, device="cpu"))
    loss = nn.functional.cross_entropy(raw, torch.from_numpy(judged.labels))
    assert loss.item() == pytest.approx(one.best, rel=1e-5)  # float32


def test_the_model_is_told_the_lengths_of_what_it_learns(signals):
    model = Levels()
    SEEN.clear()
    learn(signals, Watched(), recipe=replace(RECIPE, epochs=1))
    lengths = torch.cat([one for _, one in SEEN])
    assert sorted(lengths.tolist()) == sorted(signals[0].lengths.tolist())
    assert model.seen == []


SEEN: list[tuple[torch.Tensor, torch.Tensor | None]] = []


class Watched(Levels):
    """Keeps what it saw in training."""

    def forward(self, x, lengths=None):
        if self.training:
            SEEN.append((x.clone(), lengths))
        return super().forward(x, lengths)


def test_two_runs_are_the_same_bit_for_bit_and_other_seeds_are_not(signals):
    options = {"augment": Augment(jitter=0.1, cutmix=0.5)}
    a, b = (learn(signals, Levels(dropout=0.3), seeds=(3,), **options)[0] for _ in range(2))
    assert same(a, b)
    assert not same(a, learn(signals, Levels(dropout=0.3), seeds=(4,), **options)[0])


def test_seeds_are_trained_apart(signals):
    together = learn(signals, seeds=(0, 5))
    assert same(together[1], learn(signals, seeds=(5,))[0])
    assert not same(*together)


def test_windows_without_a_label_teach_nothing(signals):
    some, judged = cuts_of(make_recordings(unknown=9))
    known = some.take(np.flatnonzero(some.labels >= 0))
    assert 0 < len(known) < len(some)
    recipe = replace(RECIPE, batch=100, epochs=3, optimiser="adam", clip=None)
    scaler = SignalScaler.fit(some)
    with_them, without = (learn((cuts, judged, scaler), recipe=recipe)[0] for cuts in (some, known))
    assert with_them.train_loss == pytest.approx(without.train_loss, rel=1e-5)  # float32 sums in another order


def test_recordings_without_any_label_are_refused():
    train, judged = cuts_of(make_recordings(number=True))
    with pytest.raises(DataError, match="needs recordings with a label, got none in 28 windows. Name the column"):
        learn((train, judged, SignalScaler.fit(train)))
    train, judged = cuts_of(make_recordings())
    with pytest.raises(DataError, match="needs recordings with a target, got none"):
        learn((train, judged, SignalScaler.fit(train)), Levels(classes=0))


def test_a_head_that_broadcasts_is_refused(signals):
    class Wrong(Levels):
        def forward(self, x, lengths=None):
            return super().forward(x, lengths)[..., None]

    with pytest.raises(ShapeError):
        learn(signals, Wrong())


class Fined(Levels):
    """Its penalty pulls the first layer to nothing."""

    def penalty(self) -> torch.Tensor:
        return 10.0 * self.first.weight.square().sum()


def test_a_penalty_of_the_model_is_added_to_the_loss(signals):
    recipe = replace(RECIPE, epochs=1, batch=2, schedule="constant", learning_rate=0.05)
    fined, free = (learn(signals, net, recipe=recipe)[0] for net in (Fined(), Levels()))
    assert fined.state["first.weight"].norm() < 0.3 * free.state["first.weight"].norm()
    assert fined.train_loss[0] < 1.5  # what is told is the loss without it


def test_a_deadline_stops_it(signals):
    with pytest.raises(TimeUp):
        learn(signals, deadline=time.monotonic())


# --- which loss is watched ---------------------------------------------------------------------------------------


def test_without_validation_windows_the_train_loss_chooses(signals):
    recipe = replace(RECIPE, watch="train", epochs=40, learning_rate=1.0, patience=5)
    one = learn(signals, recipe=recipe, validation=False)[0]
    assert one.validation_loss == ()
    assert one.best_epoch == 1 + int(np.argmin(one.train_loss))
    assert len(one.train_loss) == min(40, one.best_epoch + 5)
    assert one.best == min(one.train_loss)
    assert not one.diverged


def test_a_watched_train_loss_leaves_validation_to_be_told(signals):
    train, judged, scaler = signals
    judged.__dict__["labels"] = (judged.labels + 1) % 3  # the better it is learned, the worse it is judged
    recipe = replace(RECIPE, watch="train")
    one, alone = (learn((train, judged, scaler), recipe=recipe, validation=v)[0] for v in (True, False))
    assert np.argmin(one.validation_loss) < np.argmin(one.train_loss)
    assert one.best_epoch == 1 + np.argmin(one.train_loss)
    assert all(torch.equal(one.state[k], alone.state[k]) for k in alone.state)


def test_a_plateau_is_that_of_the_watched_loss(signals):
    recipe = replace(RECIPE, schedule="plateau", warmup=0.0, learning_rate=0.5, epochs=15, patience=15)
    one = learn(signals, recipe=replace(recipe, watch="train"), validation=False)[0]
    best = [min(one.train_loss[: i + 1]) for i in range(15)]
    first = next(i for i in range(2, 15) if best[i] == best[i - 2])
    assert one.rates[: first + 1] == (0.5,) * (first + 1)
    assert one.rates[first + 1] == 0.25


def test_validation_windows_are_asked_for(signals):
    with pytest.raises(OptionError, match="needs validation windows .* got none. Give them, or .*watch='train'"):
        learn(signals, validation=False)


# --- augmentation ------------------------------------------------------------------------------------------------


def test_only_what_is_learned_is_augmented(signals):
    SEEN.clear()
    recipe = replace(RECIPE, epochs=2, learning_rate=1e-30, batch=100, watch="train")
    one = learn(signals, Watched(), recipe=recipe, augment=Augment(jitter=0.5))[0]
    plain = learn(signals, recipe=recipe)[0]
    assert one.validation_loss == plain.validation_loss
    train, _, scaler = signals
    orders = [shuffled(len(train), 0, epoch) for epoch in (1, 2)]
    noise = [
        seen - torch.from_numpy(scaler.apply(*train.read(order))) for (seen, _), order in zip(SEEN, orders, strict=True)
    ]
    real = torch.arange(train.window) < torch.from_numpy(train.lengths[orders[0]])[:, None]
    assert noise[0][real].std().item() == pytest.approx(0.5, rel=0.1)  # of 730 numbers
    assert not torch.allclose(noise[0][:, :7], noise[1][:, :7], atol=1e-3)  # drawn anew in every epoch
    assert all((seen[i, length:] == 0).all() for seen, lengths in SEEN for i, length in enumerate(lengths))


def test_what_is_drawn_does_not_depend_on_where_the_windows_lie(signals, monkeypatch):
    augment = Augment(jitter=0.2, shift=3, cutmix=0.5)
    laid = learn(signals, augment=augment)[0]
    monkeypatch.setattr("heedful.train.signals._ROOM", 0)
    assert same(laid, learn(signals, augment=augment)[0])


def test_mixed_windows_have_shares_of_classes_and_are_learned(signals):
    train, _, scaler = signals
    batch = SignalFeed(train, scaler, CPU, classes=True).gather(np.array([0, 1, 2, -1, 3]))
    mixed = augmented(Augment(cutmix=1.0), batch, np.random.default_rng(0), classes=3)
    assert mixed.y.shape == (4, 3)  # the one without a label is left out
    assert mixed.y.dtype == torch.float32
    assert torch.allclose(mixed.y.sum(1), torch.ones(4))
    assert torch.equal(mixed.lengths, batch.lengths[[0, 1, 2, 4]])
    one = learn(signals, augment=Augment(cutmix=0.5))[0]
    assert accuracy(Levels(), one, *signals[1:]) > 0.8


def test_a_batch_without_any_label_is_left_as_it_is():
    batch = Signals(torch.ones(2, 4, 1), None, torch.tensor([-1, -1]))
    assert augmented(Augment(jitter=1.0), batch, np.random.default_rng(0), classes=3) is batch


def test_an_augmentation_of_nothing_changes_nothing(signals):
    assert same(learn(signals, augment=Augment())[0], learn(signals)[0])


def test_windows_of_a_table_are_not_augmented(everything):
    (train, judged, _), scaler = everything
    assert isinstance(scaler, Scaler)
    with pytest.raises(OptionError, match="augments windows of recordings only.*Leave augment out"):
        fit([Levels()], train, judged, scaler=scaler, recipe=RECIPE, seeds=(0,), augment=Augment(jitter=0.1))


# --- checkpoints -------------------------------------------------------------------------------------------------


def cut_off(signals, path, epoch, **options):
    def stop(number: int) -> None:
        if number == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(signals, Levels(dropout=0.2), checkpoint=path, tick=stop, **options)


def test_a_training_that_was_cut_off_ends_at_the_same_numbers(signals, tmp_path):
    options = {"augment": Augment(jitter=0.1), "recipe": replace(RECIPE, average=0.9)}
    cut_off(signals, tmp_path / "kept.safetensors", 3, **options)
    resumed = learn(signals, Levels(dropout=0.2), checkpoint=tmp_path / "kept.safetensors", **options)[0]
    assert same(resumed, learn(signals, Levels(dropout=0.2), **options)[0])
    assert len(resumed.clock) == len(resumed.rates) == len(resumed.train_loss)
    assert list(resumed.clock) == sorted(resumed.clock)


@pytest.mark.parametrize("change", ["augment", "scaler", "windows", "validation", "labels"])
def test_a_checkpoint_belongs_to_its_windows_scaler_and_augmentation(signals, tmp_path, change):
    train, judged, scaler = signals
    path, recipe, augment = tmp_path / "kept.safetensors", replace(RECIPE, watch="train"), None
    cut_off(signals, path, 2, recipe=recipe)
    if change == "augment":
        augment = Augment(jitter=0.1)
    elif change == "scaler":
        scaler = SignalScaler.fit(train, "window")
    elif change == "windows":
        train = train.take(np.arange(1, len(train)))
    elif change == "validation":
        judged = judged.take(np.arange(1, len(judged)))
    else:
        train, judged = cuts_of(make_recordings(unknown=1))
    with pytest.raises(OptionError, match="belongs to a training with other data"):
        learn((train, judged, scaler), Levels(dropout=0.2), recipe=recipe, augment=augment, checkpoint=path)


# --- what a model says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 5, None, 1000])
def test_every_window_is_told_once_in_order_whatever_the_batch(signals, batch):
    train, _, scaler = signals
    model = Levels(7)
    said = logits(model, train, scaler, batch=batch, device="cpu")
    x, lengths = train.read(np.arange(len(train)))
    with torch.no_grad():
        one_by_one = [
            model.eval()(torch.from_numpy(scaler.apply(x[i : i + 1, :n], lengths[i : i + 1])))[0]
            for i, n in enumerate(lengths)
        ]
    assert said.dtype == np.float32
    assert said.shape == (len(train), 3)
    assert np.allclose(said, torch.stack(one_by_one), atol=1e-6)  # float32


def test_windows_without_labels_can_be_told(signals):
    unlabelled, _ = cuts_of(make_recordings(number=True))
    said = logits(Levels(7), unlabelled, signals[2], device="cpu")
    assert np.isfinite(said).all()
    assert np.array_equal(said, logits(Levels(7), signals[0], signals[2], device="cpu"))
