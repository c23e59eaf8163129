"""Networks that vote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from heedful.errors import OptionError
from heedful.models.signals.heads import ClassHead, SignalHead


class Ensemble(nn.Module):
    r"""Gives the mean of what several networks hold for likely, as InceptionTime does with five.

        raw = ln(1 / M \sum_m softmax(raw_m)),  for a number its mean

    The members are trained each on its own, from its own start; this is for after training.

    Args:
        members: networks of one shape.

    Shape:   as its members; softmax(raw) is the mean of their probabilities.
    Raises:  OptionError for no members, or members of different shapes.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        shapes = {getattr(member, "shape", None) for member in members}
        if len(shapes) != 1:
            raise OptionError(
                f"An ensemble needs members of one shape, got {len(members)} of {len(shapes)} shapes. Build them for "
                "the same channels, classes and window."
            )
        self.members = nn.ModuleList(members)
        self.shape = shapes.pop()

    @property
    def head(self) -> SignalHead:
        """The head of its members."""
        return cast("SignalHead", self.members[0].head)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raws = torch.stack([member(x, lengths) for member in self.members])
        if not isinstance(self.head, ClassHead):
            return raws.mean(0)
        return raws.log_softmax(-1).logsumexp(0) - math.log(len(self.members))
