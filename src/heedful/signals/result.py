"""What a classification of recordings leaves behind: one trial a model, seed and fold, and tables read off them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from heedful.data.recordings import Check, Cuts, Parts, Recordings
from heedful.signals import tables
from heedful.signals.scores import Metric, metrics_of, softmax
from heedful.train.fitted import Epoch
from heedful.trial.result import Finding, ModelNote, RecordedMap

if TYPE_CHECKING:
    from heedful.trial.effects import Answer
    from heedful.trial.family import Question

MARGIN = 0.02
"""Effects within two points of the error rate (or 2 % of the squared error) count as none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """One way to part the recordings, and the windows of each part.

    Args:
        name: what is held out, such as "diameter_mil 14"; empty for the only one.
        parts: which pieces of which recordings are in which part, and how that was decided.
        train, validation, test: the windows of each part; a fold may have no validation part.
    """

    name: str
    parts: Parts
    train: Cuts
    validation: Cuts | None
    test: Cuts


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalTrial:
    """One model, trained once on one fold (or a baseline, whose seed is None), and what it said.

    `temperature` was found on the validation part, 1 where there is none.

    Shape: validation and test are scores before the softmax (n, K), or numbers (n, 1) of a regression.
    Unit:  none, or the target's.
    """

    model: str
    seed: int | None
    fold: str
    validation: np.ndarray
    test: np.ndarray
    temperature: float = 1.0
    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    parameters: int = 0
    seconds: float = 0.0
    milliseconds: float = float("nan")
    maps: tuple[RecordedMap, ...] = ()
    notes: tuple[str, ...] = ()
    learning_rate: float = 0.0

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated probabilities of the test windows (n, K)."""
        return softmax(self.test, self.temperature)

    def __repr__(self) -> str:
        seed = "baseline" if self.seed is None else f"seed {self.seed}"
        fold = f", {self.fold}" if self.fold else ""
        return f"SignalTrial({self.model}, {seed}{fold}: {len(self.test):,} test windows)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Classification:
    """Everything that one classification (or regression) of recordings measured, and the tables read off it.

    `scores` is tidy (model, seed, fold, split, metric, value), `summary` has one row a model with mean and spread on
    the test parts, `predictions` one row a test window, `votes` one row a test recording, `answers` say of every
    attention that was asked about whether it helps, `checks` what was looked for in the parts.
    """

    recordings: Recordings
    folds: tuple[Fold, ...]
    trials: tuple[SignalTrial, ...]
    models: Mapping[str, ModelNote]
    checks: tuple[Check, ...] = ()
    asked: tuple[Question, ...] = ()
    earlier: tuple[str, ...] = ()
    margin: float = MARGIN
    notes: tuple[str, ...] = ()
    finished: bool = True
    run: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def __repr__(self) -> str:
        best = f"best {self.summary.index[0]}" if self.trials else "nothing finished"
        leaky = ", LEAKY" if self.leaky else ""
        kinds = f"{len(self.classes)} classes" if self.classes else "a number"
        return (
            f"Classification({kinds} of {len(self.recordings)} recordings of {self.recordings.name}: "
            f"{len(self.summary)} models, {len(self.folds)} folds, {best}{leaky})"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels; empty for a regression."""
        return self.folds[0].train.classes

    @property
    def leaky(self) -> bool:
        """Whether the parts share what a new recording would not."""
        return any(fold.parts.leaky for fold in self.folds)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by name, the first of them ranks the models."""
        return metrics_of(len(self.classes))

    @property
    def ranked_by(self) -> str:
        """The metric that ranks the models."""
        return "macro_f1" if self.classes else "rmse"

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per model, seed, fold, split and metric."""
        return tables.scores(self)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per model, best first: mean over seeds and folds on the test parts, `<metric>_std` beside it."""
        return tables.summary(self)

    @cached_property
    def by_fold(self) -> pd.DataFrame:
        """The ranking metric of each model (rows) on each fold (columns), mean over seeds."""
        return tables.by_fold(self)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per test window, model and seed: what it is, what was said, and how surely."""
        return tables.predictions(self)

    @cached_property
    def votes(self) -> pd.DataFrame:
        """One row per test recording, model and seed: what its windows said together."""
        return tables.votes(self)

    def per_class(self, model: str) -> pd.DataFrame:
        """Precision, recall and F1 of each class, over all folds and seeds of one model.

        Raises: UnknownName for a model without a finished trial.
        """
        return tables.per_class(self, model)

    def confusion(self, model: str) -> pd.DataFrame:
        """What was said (columns) of each true class (rows), counted over all folds and seeds of one model.

        Raises: UnknownName for a model without a finished trial.
        """
        return tables.confusion(self, model)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Whether each attention helps, judged as one family."""
        from heedful.signals.effects import answers

        return answers(self.asked, self.trials, self.folds, margin=self.margin, earlier=self.earlier)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the numbers say in words: what the split allows to say, and who beats the baselines."""
        return tables.findings(self)
