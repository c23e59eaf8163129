"""What a search leaves behind: the settings tried, the best of them, and what it is worth on test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from heedful.bundle import Bundle
from heedful.models.plan import Plan
from heedful.train import Recipe

Score = tuple[str, str, str, float]


@dataclass(frozen=True, kw_only=True)
class Best:
    """The setting with the smallest error on validation.

    Args:
        number: of its trial.
        error: its RMSE on validation in deviations of the target on train rows, the mean over seeds and targets.
        values: what was tried, by path.
        window: rows of the look-back.
        plan: None for a published model, whose own arguments stand among the values.
    """

    number: int
    error: float
    values: Mapping[str, Any]
    window: int
    recipe: Recipe
    plan: Plan | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """Everything that a search found.

    Args:
        model: name of the model whose settings were tried; "plan" for a plan of the caller.
        trials: one row for each setting tried: number, outcome, error, epochs, seconds, parameters, reason, and one
            column for each path of the space.
        best: None while no setting was trained to its end.
        importance: share of the error's variance that each path explains by itself (fANOVA of Hutter et al.,
            ICML 2014); empty where fewer than four settings were trained to their end.
        bundle: the best setting with what it is worth on the test part; None before the search is finished.
        scores: rows of model, target, metric and value on the test part, each measured once.
        finished: whether all settings were tried.
        run: what is needed to repeat the search.
        folder: where it was saved; None if it was not.
    """

    model: str
    trials: pd.DataFrame
    best: Best | None
    importance: Mapping[str, float] = field(default_factory=dict)
    bundle: Bundle | None = None
    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()
    finished: bool = True
    run: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def tried(self) -> int:
        """How many different settings were tried, whether to their end or not."""
        return int((self.trials["outcome"] != "again").sum())

    @property
    def counted(self) -> str:
        """Says how many settings were tried, and what became of them.

        >>> table = pd.DataFrame({"outcome": ["finished", "stopped early", "again"]})
        >>> Study(model="cnn-lstm", trials=table, best=None).counted
        '2 settings tried: 1 finished, 1 stopped early'
        """
        counts = self.trials["outcome"].value_counts()
        told = ", ".join(f"{counts[name]:,} {name}" for name in counts.index if name != "again")
        return f"{self.tried:,} setting{'' if self.tried == 1 else 's'} tried{f': {told}' if told else ''}"

    def __repr__(self) -> str:
        best = f"best {self.best.error:.4g} on validation" if self.best else "none finished"
        where = f", in {self.folder}" if self.folder else ""
        return f"Study({self.model}: {self.counted}; {best}{where})"
