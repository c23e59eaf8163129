"""A table put in time order: numbers, which of them are real, when they were, and what part each column plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from heedful.data.step import Step
from heedful.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Member:
    """Rows [start, stop) of a table of several series that belong to one of them."""

    name: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One multivariate series in time order, or several one after the other, ready to be split.

    Args:
        columns: the inputs, in order; the targets are among them.
        targets: the columns to forecast. Give these, or one `target`.
        known: columns whose values are known over the horizon too: declared ones, static ones, calendar ones.
        static: those of the known columns that never change within a member.
        plain: columns that are not scaled: one-hot levels, masks, ages (as log(1 + steps)), calendar waves.
        members: the rows of every single series; one member if not given.
        codes: column by column, the values that were taken as missing.
        levels: for each text column its one-hot levels, so that a later table is written alike.
        ahead: for each member the rows at its end that are still to be forecast, if they were kept.

    Shape: values and observed (rows, columns); times (rows,).
    Unit:  values in the table's own units; missing ones were filled from the past only and are False in `observed`.
    """

    name: str
    columns: tuple[str, ...]
    target: str = ""
    targets: tuple[str, ...] = ()
    values: np.ndarray
    observed: np.ndarray
    times: pd.Index
    step: Step
    fingerprint: str
    notes: tuple[str, ...] = ()
    codes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ahead: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        target, targets = agreed(self.target, self.targets, self.columns)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "targets", targets)
        if not self.members:
            object.__setattr__(self, "members", (Member(name=self.name, start=0, stop=len(self.values)),))

    @property
    def target_index(self) -> int:
        """Position of the first target among the columns."""
        return self.columns.index(self.target)

    @cached_property
    def target_indices(self) -> tuple[int, ...]:
        """Positions of the targets among the columns."""
        return tuple(self.columns.index(name) for name in self.targets)

    @cached_property
    def known_indices(self) -> tuple[int, ...]:
        """Positions of the columns known in advance."""
        return tuple(self.columns.index(name) for name in self.known)

    @property
    def truth(self) -> np.ndarray:
        """The first target as it was observed; NaN where it was not."""
        column = self.values[:, self.target_index]
        seen = self.observed[:, self.target_index]
        return column if seen.all() else np.where(seen, column, np.nan)

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.array([member.start for member in self.members])

    def members_of(self, rows: np.ndarray) -> np.ndarray:
        """Gives the member number of every row asked for."""
        return np.asarray(np.searchsorted(self._starts, rows, side="right") - 1)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        several = f", {len(self.members):,} series" if len(self.members) > 1 else ""
        return (
            f"Series({self.name}: {len(self):,} rows{several}, {self.step}, "
            f"target {', '.join(self.targets)}, columns {', '.join(self.columns)})"
        )


def agreed(target: str, targets: tuple[str, ...], columns: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Gives the first target and all of them, whichever of the two was given.

    >>> agreed("y", (), ("x", "y"))
    ('y', ('y',))

    Raises: OptionError if there is none, if one occurs twice or is not among the columns.
    """
    names = targets or ((target,) if target else ())
    if not names or len(set(names)) < len(names) or not set(names) <= set(columns):
        raise OptionError(
            f"A series needs one target or several different ones among its columns {', '.join(columns)}, "
            f"got {', '.join(names) or 'none'}."
        )
    return names[0], names
