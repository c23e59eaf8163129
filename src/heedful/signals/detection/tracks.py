"""What one detector says of calibration and test, and its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from heedful.signals.detection.threshold import Threshold
from heedful.train.fitted import Epoch


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """The scores of one detector, trained once; a baseline has no seed.

    Args:
        calibration: scores of the calibration windows or rows (n,), which decided the threshold and nothing else.
        test: scores of those tested (n,), NaN where there is nothing to score.
        blame: of tables of several columns the number of the column with the largest score (n,); empty otherwise.
        scale: typical errors on validation, which scores are counted in: one number of recordings, (P, M) of a table.
        watched: the validation loss at the kept epoch; the smallest among seeds is the one that alarms are told of.
        expected: what was expected in place of the tested values (n, M), for the eye; empty where it is not kept.

    Unit: scores in usual errors: 1 is the typical error on validation.
    """

    model: str
    seed: int | None
    calibration: np.ndarray
    test: np.ndarray
    threshold: Threshold
    scale: np.ndarray = field(default_factory=lambda: np.ones((1, 1)))
    watched: float = float("nan")
    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    parameters: int = 0
    seconds: float = 0.0
    blame: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    expected: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    notes: tuple[str, ...] = ()

    @property
    def alarms(self) -> np.ndarray:
        """Which of the tested are alarms (n,)."""
        return self.threshold.alarms(self.test)

    def __repr__(self) -> str:
        seed = "baseline" if self.seed is None else f"seed {self.seed}"
        return f"Track({self.model}, {seed}: {int(self.alarms.sum()):,} alarms in {len(self.test):,})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """A track, and what its network needs to score again."""

    track: Track
    state: Mapping[str, Tensor] = field(default_factory=dict)
