"""Looks ahead before a network is trained: the closed-form linear map says how far back to look and what to centre on.

A linear map is solved in seconds where a network trains for minutes, and what it needs, look-back and centring, is
a property of the data. The map itself is where the network's linear skip starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from heedful.baselines import Linear, closed_form
from heedful.data.scale import Scaler
from heedful.data.split import Split
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
    the smallest of every look-back, `tried` counts all settings.
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
        windows: look-backs to try; those over a fifth of the train rows are left out.

    Raises: OptionError without a look-back to try; DataError if none fits the train part.
    """
    if not windows or min(windows) < 1:
        raise OptionError(f"scout needs look-backs of at least one row, got {tuple(windows)}.")
    rows = len(parts.train)
    fitting = [w for w in windows if w * _ROWS_PER_WINDOW <= rows and w + horizon <= rows]
    if not fitting:
        raise DataError(
            f"scout needs {_ROWS_PER_WINDOW} times as many train rows as a look-back has, got {rows} rows for "
            f"look-backs of {', '.join(map(str, windows))}. Give shorter look-backs or more rows."
        )
    found = {w: closed_form(lay(parts.train, w, horizon), lay(parts.validation, w, horizon), scaler) for w in fitting}
    best = min(found, key=lambda w: found[w].error)
    return Scout(
        window=best,
        linear=found[best],
        errors={w: one.error for w, one in found.items()},
        tried=sum(one.tried for one in found.values()),
    )


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
