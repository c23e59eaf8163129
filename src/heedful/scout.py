"""Looks ahead before a network is trained: the closed-form linear map says how far back to look and what to centre on.

A linear map is solved in seconds where a network trains for minutes, and what it needs, look-back and centring, is
a property of the data. The map itself is where the network's linear skip starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from torch import nn

from heedful.baselines import Linear, closed_form
from heedful.data.scale import Scaler
from heedful.data.split import Span, Split
from heedful.data.windows import Windows
from heedful.data.windows import windows as lay
from heedful.errors import DataError, OptionError
from heedful.models.compose import Composed

WINDOWS = (36, 104, 336, 720)
_ROWS_PER_WINDOW = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Scout:
    """What the closed-form maps say.

    `linear` is the map with the smallest squared error on validation, for windows of `window` rows; `errors` gives
    the smallest of every look-back, all on the same targets; `tried` counts all settings.
    """

    window: int
    linear: Linear
    errors: dict[int, float]
    tried: int

    @property
    def centre(self) -> str:
        """What the map measures a window from: "last" or "mean"."""
        return self.linear.centre

    def __repr__(self) -> str:
        return f"Scout(window {self.window}, centre {self.centre}, {self.tried} settings tried on validation)"


def scout(parts: Split, scaler: Scaler, horizon: int, *, windows: Sequence[int] = WINDOWS) -> Scout:
    """Solves the linear map for several look-backs and keeps the best on the validation windows.

    Args:
        parts: a split whose train part is solved on and whose validation part decides; no test row is read.
        windows: look-backs to try. Those over a fifth of the train rows, of the typical member of a panel, are left
            out, and those with which no window fits a part.

    Raises: OptionError without a look-back to try; DataError if none is left.
    """
    if not windows or min(windows) < 1:
        raise OptionError(f"scout needs look-backs of at least one row, got {tuple(windows)}.")
    rows = typical_rows(parts.train)
    fitting = [w for w in windows if w * _ROWS_PER_WINDOW <= rows and w + horizon <= rows]
    laid = {w: pair for w in fitting if (pair := _laid(parts, w, horizon)) is not None}
    if not laid:
        raise DataError(
            f"scout needs {_ROWS_PER_WINDOW} times as many train rows as a look-back has, got {rows} rows for "
            f"look-backs of {', '.join(map(str, windows))}. Give shorter look-backs or more rows."
        )
    _, longest = laid[max(laid)]
    found = {w: closed_form(learned, _looking(longest, w), scaler) for w, (learned, _) in laid.items()}
    best = min(found, key=lambda w: found[w].error)
    return Scout(
        window=best,
        linear=found[best],
        errors={w: one.error for w, one in found.items()},
        tried=sum(one.tried for one in found.values()),
    )


def typical_rows(span: Span) -> int:
    """Gives the rows that the middle one of a panel's members has in a part; those of the part for a single series."""
    return int(median(stop - start for start, stop in span.pieces))


def _laid(parts: Split, window: int, horizon: int) -> tuple[Windows, Windows] | None:
    """Lays a look-back over train and validation; None where not one window of it fits."""
    try:
        return lay(parts.train, window, horizon), lay(parts.validation, window, horizon)
    except DataError:
        return None


def _looking(longest: Windows, window: int) -> Windows:
    """Gives windows with a shorter look-back on the same targets, so that look-backs are judged on the same cases."""
    later = longest.window - window
    return replace(longest, window=window, runs=tuple((first + later, count) for first, count in longest.runs))


def start_line(net: nn.Module, train: Windows, validation: Windows, scaler: Scaler, line: Linear | None = None) -> None:
    """Starts the linear map beside a composed network from its closed form; leaves other networks as they are.

    A map that is measured from nothing, `centre = "none"`, has no closed form here and starts at zero.

    Args:
        train, validation: windows that the map is solved on, and on which its strength is chosen.
        line: the map, where it was solved on these very windows before; one of another centre is solved anew.
    """
    if isinstance(net, Composed) and net.skip is not None and net.plan.centre != "none":
        centre = "last" if net.plan.centre == "last" else "mean"
        if line is None or line.centre != centre:
            line = closed_form(train, validation, scaler, centre=centre)
        net.start_skip(line.weight, line.bias)
