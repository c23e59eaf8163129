"""The waist of the house: a contiguous table and the starts of its windows, never a materialised copy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from heedful.data.split import Span
from heedful.errors import DataError, OptionError


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Every stride-1 window of a span.

    The window that starts in row r looks back on rows [r, r + window) and its targets are the next `horizon` rows.
    No window crosses the border between two members of a panel.

    Args:
        runs: first start and number of windows, one pair for each stretch of rows without a border.

    Shape: inputs (n, window, features), targets (n, horizon), or (n, horizon, M) for several targets; a target that
           was never observed is NaN, so that it is neither learned nor scored.
    Unit:  the table's own units.
    """

    span: Span
    window: int
    horizon: int
    runs: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return sum(count for _, count in self.runs)

    @property
    def features(self) -> int:
        """Number of input columns."""
        return int(self.span.series.values.shape[1])

    @property
    def first(self) -> int:
        """First row of the first window."""
        return self.runs[0][0]

    @cached_property
    def starts(self) -> range | np.ndarray:
        """First row of every window (n,): a range unless there are several runs."""
        if len(self.runs) == 1:
            first, count = self.runs[0]
            return range(first, first + count)
        return np.concatenate([np.arange(first, first + count) for first, count in self.runs])

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names the members of a panel that give no window: they have too few rows in the span, or none."""
        series = self.span.series
        given = set(series.members_of(np.array([first for first, _ in self.runs])).tolist())
        return tuple(member.name for number, member in enumerate(series.members) if number not in given)

    @property
    def complete(self) -> bool:
        """True when every target was observed, so that no loss needs a mask."""
        series = self.span.series
        seen = series.observed
        return all(
            bool(seen[first + self.window : first + self.window + count + self.horizon - 1, j].all())
            for first, count in self.runs
            for j in series.target_indices
        )

    @property
    def origins(self) -> np.ndarray:
        """Row of the newest look-back value of every window (n,)."""
        return np.asarray(self.starts) + (self.window - 1)

    def inputs(self, index: np.ndarray) -> np.ndarray:
        """Gives the look-backs (n, window, features) of the windows `index`."""
        values = self.span.series.values
        view = np.lib.stride_tricks.sliding_window_view(values, self.window, axis=0).transpose(0, 2, 1)
        inputs: np.ndarray = view[self._rows(index)]
        return inputs

    def targets(self, index: np.ndarray) -> np.ndarray:
        """Gives the targets of the windows `index`, (n, horizon) or (n, horizon, M), NaN where not observed."""
        series = self.span.series
        y, seen = self._ahead(index, series.values), self._ahead(index, series.observed)
        return y if seen.all() else np.where(seen, y, np.nan)

    def future(self, index: np.ndarray) -> np.ndarray | None:
        """Gives the known columns over the horizon (n, horizon, K) of the windows `index`; None if there are none."""
        known = self.span.series.known_indices
        if not known:
            return None
        values: np.ndarray = self.span.series.values[self._horizon(index)[:, :, None], known]
        return values

    def members(self, index: np.ndarray) -> np.ndarray:
        """Gives the number of the member (n,) that each of the windows `index` belongs to."""
        return self.span.series.members_of(self._rows(index))

    def batch(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives inputs and targets of the windows `index`."""
        return self.inputs(index), self.targets(index)

    def _rows(self, index: np.ndarray) -> np.ndarray:
        starts = self.starts
        return starts.start + np.asarray(index) if isinstance(starts, range) else starts[index]

    def _horizon(self, index: np.ndarray) -> np.ndarray:
        return np.asarray((self._rows(index) + self.window)[:, None] + np.arange(self.horizon))

    def _ahead(self, index: np.ndarray, table: np.ndarray) -> np.ndarray:
        columns, rows = self.span.series.target_indices, self._horizon(index)
        return np.asarray(table[rows, columns[0]] if len(columns) == 1 else table[rows[:, :, None], columns])

    def __repr__(self) -> str:
        return f"Windows({self.span.part}: {len(self):,} windows of {self.window} + {self.horizon})"


def windows(span: Span, window: int, horizon: int = 1) -> Windows:
    """Lays windows over a span: targets inside it, look-back in it or before it, both in one member.

    Members of a panel that are too short give no window; `Windows.left_out` names them.

    Raises: DataError if not one window fits.
    """
    if window < 1 or horizon < 1:
        raise OptionError(f"windows needs a window and a horizon of at least 1, got {window} and {horizon}.")
    members, runs, longest = span.series.members, [], 0
    numbers = span.series.members_of(np.array([start for start, _ in span.pieces]))
    for number, (start, stop) in zip(numbers, span.pieces, strict=True):
        first = max(members[number].start, start - window)
        longest = max(longest, stop - first)
        count = stop - first - window - horizon + 1
        if count >= 1:
            runs.append((first, count))
    if not runs:
        which = f" in the longest of its {len(span.pieces)} series" if len(span.pieces) > 1 else ""
        raise DataError(
            f"windows needs window + horizon <= {longest} rows for the {span.part} part{which}, got {window} + "
            f"{horizon}. Shorten the window or the horizon, or give this part of the split more rows."
        )
    return Windows(span=span, window=window, horizon=horizon, runs=tuple(runs))
