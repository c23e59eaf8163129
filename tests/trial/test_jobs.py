"""What a job hands on: which of several trainings was the best is decided by one rule."""

from __future__ import annotations

import numpy as np

from heedful.train import Fit
from heedful.trial.jobs import judged
from heedful.trial.result import Trial


def fitted(*losses: float, best: int) -> Fit:
    train = (1.0,) * len(losses)
    return Fit(seed=0, state={}, train_loss=train, validation_loss=losses, best_epoch=best, seconds=0.0)


def test_a_training_and_its_trial_are_judged_by_the_same_loss() -> None:
    for fit, expected in ((fitted(0.5, 0.25, best=2), 0.25), (fitted(float("nan"), best=1), float("inf"))):
        nothing = np.empty((0, 1))
        trial = Trial(
            model="net", seed=0, validation=nothing, test=nothing, history=fit.history, best_epoch=fit.best_epoch
        )
        assert judged(fit) == judged(trial) == expected
