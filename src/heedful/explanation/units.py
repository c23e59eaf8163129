"""What can be taken away from a window to see whether it mattered: samples, columns, hidden channels, bands."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Units(Protocol):
    """The U units that a map has one number for, and what is left of an answer when some of them are filled.

    `fillings` names two ways to fill what is taken away, for the filling alone can decide who wins. `real` (n, U) says
    which units each window has.
    """

    fillings: tuple[str, str]
    real: Tensor

    def left(self, keep: Tensor, rows: Tensor, filling: str) -> Tensor:
        """Says how much of the answers is left, as `Subject.left` does.

        Args:
            keep: which units stay (B, U).
            rows: numbers of the windows (B,).
            filling: one of `fillings`.

        Shape: (B,).
        """
        ...
