"""What the networks of signals share: their input, their places of attention, and their output."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from heedful.attention.base import SequenceAttention, StateAttention, check_floating, mask_from_lengths
from heedful.attention.states._queried import last_real
from heedful.errors import ShapeError
from heedful.models import recurrent
from heedful.models.plan import Recurrence
from heedful.models.signals import heads, places
from heedful.models.signals.design import Design
from heedful.models.signals.layers import hide, mean_state
from heedful.models.signals.shape import SignalShape


class SignalNetwork(nn.Module, ABC):
    """Reads windows and gives the scores of classes, or one number; a subclass writes `encode`.

    Its mechanisms stand in `attention` under the names of their places, so that a network without them has the same
    other parts under the same names.

    Args:
        shape: what it reads and gives.
        design: what it holds at its places, and how wide it is.
        seed: draws the weights of each mechanism, by its place.

    Shape:   x (B, T, C) and lengths (B,), the real samples at the start of each window -> (B, K), or (B, 1).
    Raises:  ShapeError for windows or lengths of another shape.
    """

    takes: ClassVar[Mapping[str, tuple[places.Kind, ...]]]
    """What each place takes, in the order in which a window passes them."""

    head: heads.SignalHead
    output: nn.Module

    def __init__(self, shape: SignalShape, design: Design, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.design = design
        self.seed = seed
        self.head = heads.build(shape)
        self.attention = nn.ModuleDict()

    @abstractmethod
    def encode(self, z: Tensor, mask: Tensor | None) -> Tensor:
        """Gives what the last layer reads (B, D), from a map (B, C, T) and the mask of its real steps (B, T)."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = check_windows(self, x, lengths, self.shape.channels)
        raw: Tensor = self.output(self.encode(hide(x.transpose(1, 2), mask), mask))
        return raw

    # --- building -----------------------------------------------------------------------------------------

    def hold(self, place: str, width: int, steps: int | tuple[int, int]) -> int:
        """Builds the mechanism of a place, if there is one, and gives the width behind it."""
        part = self.design.attention.get(place)
        if part is None:
            return width
        with drawn(self.seed, place):
            if isinstance(steps, tuple):
                self.attention[place] = places.on_image(part, width, steps)
            elif "pooling" in places.kinds_of(part.name):
                self.attention[place] = places.on_states(part, width, steps)
            else:
                self.attention[place] = places.on_map(part, width, steps)
        held = self.attention[place]
        return held.output_width if isinstance(held, StateAttention) else width

    def recur(self, place: str, inputs: int, width: int, steps: int, *, kind: str = "lstm") -> int:
        """Builds a recurrence, or the cell that stands in its place, and gives the width of its states."""
        part = self.design.attention.get(place)
        if part is not None and "cell" in places.kinds_of(part.name):
            with drawn(self.seed, place):
                self.attention[place] = places.as_recurrence(part, inputs, width, steps)
            return cast("int", self.attention[place].width)
        self.recurrence = cast("nn.Module", recurrent.build(Recurrence(kind=kind, width=width), inputs, steps))
        return self.hold(place, cast("int", self.recurrence.width), steps)

    # --- running ------------------------------------------------------------------------------------------

    def look(self, place: str, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """Gives a map as the mechanism of a place leaves it, as it is where there is none."""
        return places.look(self.attention[place], z, mask) if place in self.attention else z

    def _held(self, place: str) -> nn.Module | None:
        return self.attention[place] if place in self.attention else None  # noqa: SIM401 (no `get` in torch 2.7)

    def states(self, place: str, x: Tensor, mask: Tensor | None) -> Tensor:
        """Reads steps (B, T, F) by the recurrence of a place, or the cell there, and gives its states."""
        held = self._held(place)
        if not hasattr(self, "recurrence"):
            return places.read(cast("nn.Module", held), x, mask)
        read = places.read(self.recurrence, x, mask)
        return places.mix(held, read, mask) if isinstance(held, SequenceAttention) else read

    def pooled(self, place: str, states: Tensor, mask: Tensor | None, *, bare: str = "mean") -> Tensor:
        """Makes one vector of states (B, T, D) by the pooling of a place; without one by their mean or last."""
        held = self._held(place)
        if isinstance(held, StateAttention):
            vector: Tensor = held(states, mask=mask)
            return vector
        if bare == "mean":
            return mean_state(states, mask)
        if bare == "last":
            return last_real(states, mask)
        # The last step of each direction: that of the way back is the first.
        ahead, back = states.chunk(2, -1)
        return torch.cat((last_real(ahead, mask), back[:, 0]), -1)


def check_windows(owner: nn.Module, x: Tensor, lengths: Tensor | None, channels: int) -> Tensor | None:
    """Checks windows (B, T, C) and lengths (B,), and gives the mask of the real samples, None where all are."""
    name = type(owner).__name__
    if x.ndim != 3 or x.shape[-1] != channels:
        raise ShapeError(
            f"{name} was built for windows (B, T, {channels}), got {tuple(x.shape)}. Give batch first and channels "
            "last, or build it for the channels as they come."
        )
    check_floating(owner, x, "window")
    if lengths is None:
        return None
    if lengths.shape != x.shape[:1] or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ShapeError(
            f"{name} needs whole-number lengths ({x.shape[0]},), got {lengths.dtype} of shape {tuple(lengths.shape)}. "
            "Give the number of real samples of each window, or None where all are real."
        )
    return mask_from_lengths(lengths, x.shape[1])


@contextmanager
def drawn(seed: int, name: str = "") -> Iterator[None]:
    """Draws what is built inside from a seed and a name, and leaves the generator outside as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(zlib.crc32(f"{seed} {name}".encode()) if name else seed)
        yield
