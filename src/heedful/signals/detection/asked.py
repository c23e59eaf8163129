"""What was asked of a detection, beside the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from heedful.forecasting.inputs import Progress
from heedful.signals.detection.ranges import RangeRule
from heedful.train import Recipe


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The words of `heedful.detect` that do not say what is read."""

    method: str = "auto"
    models: tuple[str, ...] | None = None
    alarm_rate: float | None = None
    per_day: float | None = None
    train: float = 0.6
    merge: int = 0
    rule: RangeRule = field(default_factory=RangeRule)
    window: int | None = None
    step: int | None = None
    horizon: int = 1
    season: int | None = None
    split: str = "auto"
    scaling: str = "standard"
    seeds: tuple[int, ...] = (0,)
    recipe: Recipe | None = None
    epochs: int | None = None
    progress: Callable[[Progress], None] | None = None

    def ticker(self, done: int, total: int, model: str) -> Callable[[int], None]:
        """Gives what is called after every epoch of the network number `done`."""

        def tick(epoch: int) -> None:
            if self.progress is not None:
                self.progress(Progress(done=done, total=total, label=model, epoch=epoch))

        return tick
