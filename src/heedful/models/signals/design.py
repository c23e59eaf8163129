"""Designs: which attention a network of signals holds at which of its places, and how wide it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heedful.models.plan import Attention


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is exchanged in a network while the rest of it stays.

    Args:
        attention: mechanism by the name of its place.
        width: factor on every number of filters and units.

    >>> Design(attention={"block2": Attention(name="eca")}).sized(64), Design(width=1.1).sized(64)
    (64, 70)
    """

    attention: Mapping[str, Attention] = field(default_factory=dict)
    width: float = 1.0

    def sized(self, size: int, offset: float = 0.0) -> int:
        """Gives a number of filters or units.

        Layers of one size are given offsets from 0 to below 1, so that they do not all grow at one width, and a
        number of parameters can be met closely; at width 1 the offset changes nothing.
        """
        return max(1, int(size * self.width + offset))
