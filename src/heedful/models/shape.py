"""What a forecasting model reads and gives."""

from __future__ import annotations

from dataclasses import dataclass

from heedful.errors import OptionError


@dataclass(frozen=True)
class Shape:
    """What a forecasting model reads and gives: windows (B, window, features) -> (B, horizon[, targets]).

    Args:
        window: T, rows of a window.
        features: F, number of input columns.
        horizon: P, number of values forecast.
        targets: places of the columns that are forecast among the inputs.
        known: places of the columns that are known in advance; if there are any, the model reads their future
            (B, P, K) beside the window.
        flags: places of columns that only mark something (masks, one column for each category), which no model
            should measure from their own level.
        season: rows of a season of the series, where one was found.

    Raises: OptionError for places outside the inputs, twice the same, or a target that is known.

    >>> Shape(96, 7, 24, targets=(0, 6)).multiple
    True
    """

    window: int
    features: int
    horizon: int = 1
    targets: tuple[int, ...] = (0,)
    known: tuple[int, ...] = ()
    flags: tuple[int, ...] = ()
    season: int | None = None

    def __post_init__(self) -> None:
        if min(self.window, self.features, self.horizon) < 1 or not self.targets:
            raise OptionError(
                f"Shape needs a window, features, a horizon and targets of at least 1, got {self}. Give larger numbers."
            )
        for name in ("targets", "known", "flags"):
            places = getattr(self, name)
            if len(set(places)) < len(places) or any(not 0 <= place < self.features for place in places):
                raise OptionError(
                    f"Shape needs each of its {name} once and among its {self.features} features, 0 to "
                    f"{self.features - 1}, got {places}. Count the columns from 0."
                )
        if set(self.targets) & set(self.known):
            raise OptionError(
                f"Shape needs targets that are not known in advance, got {sorted(set(self.targets) & set(self.known))} "
                "in both. Take them out of the known ones."
            )

    @property
    def target(self) -> int:
        """Place of the first target."""
        return self.targets[0]

    @property
    def multiple(self) -> bool:
        """Whether several targets are forecast."""
        return len(self.targets) > 1
