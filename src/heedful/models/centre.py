"""What a window is measured from, so that a level never seen in training is no new world."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from heedful.errors import unknown

KINDS = ("none", "last", "mean", "revin")

_LEAST_VARIANCE = 1e-5


class Centre(nn.Module):
    r"""Measures each column of a window from its newest value, its mean, or its mean in units of its deviation.

        last:   x - x_T          mean:   x - mean_t(x)          revin:   (x - mean_t(x)) / sqrt(var_t(x) + 0.00001)

    Columns in `kept` are left as they are: what is known in advance comes for the horizon on the same scale, and a
    mask or a category has no level of its own.

    Paper:   "revin" is Kim et al., "Reversible Instance Normalization", ICLR 2022, section 3.
    Differs: without the learned scale and shift of each column, and gradients pass through mean and deviation.

    Args:
        kind: "none", "last", "mean" or "revin".
        features: F, number of columns.
        kept: places of the columns that are left as they are.

    Shape:   (B, T, F) -> (B, T, F), offset (B, 1, F) or None, factor (B, 1, F) or None, so that
             x = centred * factor + offset.
    Raises:  UnknownName for another kind.

    >>> centred, offset, factor = Centre("last", 1)(torch.tensor([[[1.0], [2.0], [4.0]]]))
    >>> centred.flatten().tolist(), offset.flatten().tolist(), factor
    ([-3.0, -2.0, 0.0], [4.0], None)
    """

    moves: Tensor | None

    def __init__(self, kind: str, features: int, kept: tuple[int, ...] = ()) -> None:
        super().__init__()
        if kind not in KINDS:
            raise unknown("centre", kind, KINDS)
        self.kind = kind
        moves = torch.tensor([column not in kept for column in range(features)])
        # A layer without numbers of its own can be trained for many seeds at once.
        self.register_buffer("moves", moves if kept else None, persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if self.kind == "none":
            return x, None, None
        offset = x[..., -1:, :] if self.kind == "last" else x.mean(-2, keepdim=True)
        if self.moves is not None:
            offset = torch.where(self.moves, offset, 0.0)
        centred = x - offset
        if self.kind != "revin":
            return centred, offset, None
        factor = (x.var(-2, correction=0, keepdim=True) + _LEAST_VARIANCE).sqrt()
        if self.moves is not None:
            factor = torch.where(self.moves, factor, 1.0)
        return centred / factor, offset, factor

    def extra_repr(self) -> str:
        """Says what windows are measured from."""
        return self.kind
