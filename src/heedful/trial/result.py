"""What a comparison leaves behind: one trial a model and seed, and tables read off them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from heedful.data.series import Series
from heedful.data.split import Split
from heedful.data.windows import Windows
from heedful.train.fitted import Epoch as Epoch
from heedful.trial import audit, tables
from heedful.trial.effects import MARGIN, Answer, answers
from heedful.trial.family import Question

if TYPE_CHECKING:
    from heedful.trial.second import Opinions


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedMap:
    """Attention weights on the newest test windows; `first` is the number of the first of them.

    Shape: weights has one axis per name in `axes`, the first is "batch": one test window after the other.
    """

    name: str
    axes: tuple[str, ...]
    weights: np.ndarray
    first: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One model, trained once (or a baseline, whose seed is None), and its forecasts.

    `learning_rate` is the one that validation chose, 0 for a baseline; `checks` what an audit of the trained network
    found. `milliseconds` is what one forecast takes by itself, `milliseconds_batched` what it takes among many, on one
    thread of a processor; NaN where that was not measured.

    Shape: validation and test are forecasts (windows, horizon).
    Unit:  the target's own.
    """

    model: str
    seed: int | None
    validation: np.ndarray
    test: np.ndarray
    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    parameters: int = 0
    seconds: float = 0.0
    maps: tuple[RecordedMap, ...] = ()
    notes: tuple[str, ...] = ()
    learning_rate: float = 0.0
    checks: tuple[audit.Finding, ...] = ()
    milliseconds: float = math.nan
    milliseconds_batched: float = math.nan

    def __repr__(self) -> str:
        seed = "baseline" if self.seed is None else f"seed {self.seed}"
        return f"Trial({self.model}, {seed}: {len(self.test):,} test windows, {len(self.history)} epochs)"


@dataclass(frozen=True, kw_only=True)
class ModelNote:
    """What a reader must know about one model of the table."""

    name: str
    kind: str  # "baseline", "published" or "preset"
    summary: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence a reader must not miss.

    `severity` is "warning", "good" or "plain". `models` names the models it is true of, each with a detail of its
    own or an empty one; it is empty for a sentence about the whole table.
    """

    text: str
    severity: str = "plain"
    models: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        named = ", ".join(f"{name} ({detail})" if detail else name for name, detail in self.models)
        return f"{self.text} {named}." if named else self.text


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Everything that one comparison measured, and the tables read off it.

    `scores` is tidy (model, seed, split, step, metric, value), `summary` has one row per model with mean and spread
    over seeds on the test part, `forecasts` has real time stamps and original units, `findings` are sentences,
    `answers` say of every attention that was asked about whether it helps, `effects` has their numbers, `opinions`
    are what other tests say, `audit` what was looked for in the data.
    """

    series: Series
    split: Split
    validation: Windows
    test: Windows
    season: int | None
    trials: tuple[Trial, ...]
    models: Mapping[str, ModelNote]
    audit: tuple[audit.Finding, ...] = ()
    asked: tuple[Question, ...] = ()
    earlier: tuple[str, ...] = ()
    margin: float = MARGIN
    notes: tuple[str, ...] = ()
    finished: bool = True
    run: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def __repr__(self) -> str:
        seeds = len({t.seed for t in self.trials if t.seed is not None})
        best = f"best {self.summary.index[0]}" if self.trials else "nothing finished"
        where = f", in {self.folder}" if self.folder else ""
        models = f"{len(self.summary)} models, {seeds} seeds"
        return f"Comparison({self.series.target} of {self.series.name}: {models}, {best}{where})"

    @property
    def window(self) -> int:
        """Rows of the look-back."""
        return self.test.window

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return self.test.horizon

    @property
    def trainings(self) -> int:
        """Training sets: more than one with rolling origins."""
        return int(self.run.get("options", {}).get("origins", 1))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per model, seed, split, step and metric; an empty step means all steps together."""
        return tables.scores(self)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per model: mean over seeds on the test part, `<metric>_std` beside it."""
        return tables.summary(self)

    @cached_property
    def forecasts(self) -> pd.DataFrame:
        """One row per test window, step, model and seed."""
        return tables.forecasts(self)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Whether each attention helps, judged as one family."""
        return answers(
            self.asked,
            self.trials,
            self.test,
            self.validation,
            season=self.season,
            margin=self.margin,
            trainings=self.trainings,
            earlier=self.earlier,
        )

    @cached_property
    def effects(self) -> pd.DataFrame:
        """One row per attention and control: the answer, and the change of the squared error with its interval."""
        return tables.effects(self)

    @cached_property
    def opinions(self) -> Opinions:
        """What other tests say of the same forecasts, computed when it is asked for; no answer rests on them."""
        from heedful.trial.second import opinions

        return opinions(self)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the numbers say in words: who beats persistence, and whose forecast is a lagged copy."""
        return tables.findings(self)
