"""What a training leaves: which epoch was best, and its way there."""

from __future__ import annotations

from math import inf, isnan, nan

from heedful.train import Epoch, Fit


def left(**options) -> Fit:
    usual = {"seed": 4, "state": {}, "train_loss": (3.0, 2.0), "validation_loss": (5.0, nan), "best_epoch": 1}
    return Fit(**{**usual, "seconds": 1.0, **options})


def test_the_watched_loss_decides_what_is_best_and_whether_it_diverged():
    assert left().best == 5.0
    assert left(watch="train").best == 2.0
    assert left(validation_loss=(nan, nan)).diverged
    assert left(validation_loss=(nan, nan)).best == inf
    assert not left(validation_loss=(nan, nan), watch="train").diverged


def test_the_history_has_an_epoch_for_each_pass():
    one = left(rates=(0.1, 0.05), clock=(7.0, 9.0)).history
    assert one[0] == Epoch(train=3.0, validation=5.0, rate=0.1, seconds=7.0)
    assert (one[1].train, one[1].rate, one[1].seconds) == (2.0, 0.05, 9.0)


def test_what_was_not_measured_is_not_a_number():
    one = left(validation_loss=()).history
    assert [epoch.train for epoch in one] == [3.0, 2.0]
    assert all(isnan(v) for epoch in one for v in (epoch.validation, epoch.rate, epoch.seconds))
