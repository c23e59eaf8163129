"""Where in a plan a mechanism of the catalogue can stand, and how it is built there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor, nn

from heedful import attention as mechanisms
from heedful.attention.base import Cell, GuidedAttention, MapAttention, SequenceAttention, StateAttention
from heedful.attention.catalogue import options as options_of
from heedful.attention.cells.decoder import Decoder
from heedful.attention.placebo import placebo
from heedful.errors import OptionError
from heedful.models import plan

_LENGTHS = {
    "da_rnn_input": "window",
    "frequency_attention": "length",
    "frequency_enhanced": "length",
    "linformer": "length",
    "location": "steps",
}
"""Mechanisms built for a length, and the option that names it: that of the states, unless it is given."""


def place_of(name: str) -> str:
    """Says where in a plan a mechanism stands: "map_attention", "attention", "recurrence" or nowhere ("").

    Raises: UnknownName for an unknown name, with the nearest.

    >>> place_of("eca"), place_of("bahdanau"), place_of("multi_head"), place_of("lstmn"), place_of("aff")
    ('map_attention', 'attention', 'attention', 'recurrence', '')
    """
    # For an unknown name `describe` raises, with the nearest.
    kind = mechanisms.MECHANISMS[name] if name in mechanisms.MECHANISMS else mechanisms.describe(name).kind
    if issubclass(kind, MapAttention):
        return "map_attention" if 3 in kind.ranks and not issubclass(kind, GuidedAttention) else ""
    return "recurrence" if issubclass(kind, Cell) and not issubclass(kind, Decoder) else "attention"


def misplaced(where: str, name: str, fitting: list[str]) -> OptionError:
    """Builds the error for a mechanism that does not fit the place it was given."""
    place = place_of(name)
    advice = f"Its place in a plan is {place}" if place else "It needs a second map, which no plan has"
    return OptionError(
        f"A plan needs another mechanism as {where}, got '{name}', a {mechanisms.describe(name).contract}. {advice}; "
        f"here fit {', '.join(fitting)}."
    )


def fitted(name: str, width: int, steps: int, options: Mapping[str, Any]) -> nn.Module:
    """Builds a mechanism for sequences of that many steps; options that are given win.

    >>> fitted("linformer", 16, 30, {}).length
    30
    """
    known = options_of(name)
    sized = {"rank": 1} if "rank" in known else {}
    if name in _LENGTHS:
        sized[_LENGTHS[name]] = steps
    return mechanisms.create(name, width, **(sized | dict(options)))


def _fitting(place: str) -> list[str]:
    return [name for name in mechanisms.names() if place_of(name) == place]


def on_map(part: plan.Attention, channels: int, steps: int) -> MapAttention:
    """Builds a mechanism for maps (B, C, T).

    Raises: UnknownName for an unknown name; OptionError for a mechanism of another contract.
    """
    if place_of(part.name) != "map_attention":
        raise misplaced("map_attention", part.name, _fitting("map_attention"))
    built = fitted(part.name, channels, steps, part.options)
    return cast("MapAttention", built if part.placebo is None else placebo(built, steps=steps, seed=part.placebo))


class Residual(nn.Module):
    """Adds what a sequence attention gives to the states it read, so that each keeps what it saw itself.

    Where the attention gives another width, its output stands alone.

    Shape:   (B, T, D) -> (B, T, D_out).
    """

    def __init__(self, mechanism: SequenceAttention) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.width = mechanism.output_width

    def forward(self, states: Tensor, past: Tensor) -> Tensor:  # noqa: ARG002
        mixed: Tensor = self.mechanism(states)
        return states + mixed if self.width == self.mechanism.width else mixed


class Pooling(nn.Module):
    """Pools states into one vector.

    Shape:   (B, T, D) -> (B, D_out).
    """

    def __init__(self, mechanism: StateAttention) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.width = mechanism.output_width

    def forward(self, states: Tensor, past: Tensor) -> Tensor:  # noqa: ARG002
        pooled: Tensor = self.mechanism(states)
        return pooled


class Decoding(nn.Module):
    """Reads the past of the targets step by step, looking at all states at every step.

    Shape:   (B, T', D) and the past of the targets (B, T, M) -> (B, T, D_out).
    """

    def __init__(self, mechanism: Decoder) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.width = mechanism.output_width

    def forward(self, states: Tensor, past: Tensor) -> Tensor:
        decoded: Tensor = self.mechanism(past, states)
        return decoded


def on_states(
    part: plan.Attention, width: int, steps: int, targets: int, *, window: int | None = None
) -> Residual | Pooling | Decoding:
    """Builds a mechanism for states (B, T, D): a pooling, a sequence attention, or a decoder of the targets' past.

    Args:
        part: the part.
        width: D, width of the states.
        steps: T, how many there are.
        targets: number of targets whose past a decoder reads.
        window: steps of that past; by default as many as there are states.

    Raises: UnknownName for an unknown name; OptionError for a mechanism of another contract.
    """
    if place_of(part.name) != "attention":
        raise misplaced("attention", part.name, _fitting("attention"))
    kind = mechanisms.MECHANISMS[part.name]
    if issubclass(kind, Decoder):
        given = {"hidden": width, "memory_width": width} | dict(part.options)
        decoder = fitted(part.name, targets, steps, given)
        if part.placebo is not None:
            decoder = placebo(decoder, steps=steps, queries=window or steps, seed=part.placebo)
        return Decoding(cast("Decoder", decoder))
    built = fitted(part.name, width, steps, part.options)
    if part.placebo is not None:
        built = placebo(built, steps=steps, seed=part.placebo)
    return Pooling(built) if isinstance(built, StateAttention) else Residual(cast("SequenceAttention", built))
