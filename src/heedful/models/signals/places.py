"""Which mechanism of the catalogue can stand at which kind of place in a network of signals, and how it is built there.

map        behind a block of convolutions over time, (B, C, T): map attention, and sequence attention over its steps
image      behind a block of convolutions over time and frequency, (B, C, H, W): map attention
recurrence in place of a recurrence (B, T, F) -> (B, T, D): cells; behind it: sequence attention
pooling    what makes one vector of states (B, T, D): state attention
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, cast

from torch import Tensor, nn

from heedful import attention as mechanisms
from heedful.attention.base import Cell, GuidedAttention, MapAttention, SequenceAttention, StateAttention, Weights
from heedful.attention.cells.decoder import Decoder
from heedful.attention.placebo import no_placebo, placebo
from heedful.errors import OptionError, UnknownName
from heedful.models import recurrent
from heedful.models.places import fitted
from heedful.models.plan import Attention, Recurrence
from heedful.models.published import PUBLISHED

Kind = Literal["map", "image", "cell", "sequence", "pooling"]
"""What a place takes."""

PUBLISHED_GATES = {f"published:{name}": PUBLISHED[name] for name in ("spatial_attention_2d", "channel_attention_2d")}
"""Gates of articles, exactly as printed, that stand where images are."""


class PublishedGate(MapAttention):
    """Holds a gate of an article where a mechanism of the catalogue may stand; its weights can be recorded.

    Args:
        channels: C, number of channels.
        name: a name of `PUBLISHED_GATES`.

    Shape:   (B, C, H, W) -> (B, C, H, W).
    """

    ranks: ClassVar[tuple[int, ...]] = (4,)

    def __init__(self, channels: int, name: str) -> None:
        super().__init__(channels)
        self.name = name
        self.gate = PUBLISHED_GATES[name].from_article(channels=channels)

    def attend(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Weights | None]:  # noqa: ARG002
        """Gives the article's output and weights."""
        y, weights = self.gate(x)
        return y, weights


def kinds_of(name: str) -> tuple[Kind, ...]:
    """Says what a mechanism can be in a network of signals; nothing for one that needs a second input.

    Raises: UnknownName for an unknown name, with the nearest.

    >>> kinds_of("eca"), kinds_of("multi_head"), kinds_of("additive"), kinds_of("lstmn"), kinds_of("aff")
    (('map', 'image'), ('sequence',), ('pooling',), ('cell',), ())
    """
    if name in PUBLISHED_GATES:
        return ("image",)
    if name.startswith("published:"):
        raise UnknownName(f"Unknown gate '{name}'. Known: {', '.join(PUBLISHED_GATES)}.")
    kind = mechanisms.MECHANISMS[name] if name in mechanisms.MECHANISMS else mechanisms.describe(name).kind
    if issubclass(kind, MapAttention):
        ranks: tuple[tuple[int, Kind], ...] = ((3, "map"), (4, "image"))
        return () if issubclass(kind, GuidedAttention) else tuple(what for rank, what in ranks if rank in kind.ranks)
    if issubclass(kind, Cell):
        return () if issubclass(kind, Decoder) else ("cell",)
    return ("pooling",) if issubclass(kind, StateAttention) else ("sequence",)


def why_no_placebo(name: str) -> str:
    """Says why a mechanism has no placebo; nothing where it has one.

    >>> why_no_placebo("published:spatial_attention_2d")
    'it is kept exactly as an article prints it'
    """
    return "it is kept exactly as an article prints it" if name in PUBLISHED_GATES else no_placebo(name)


def on_image(part: Attention, channels: int, sizes: tuple[int, int]) -> MapAttention:
    """Builds a mechanism for images (B, C, H, W) of these sizes."""
    if part.name in PUBLISHED_GATES:
        return PublishedGate(channels, part.name)
    known = mechanisms.catalogue.options(part.name)
    given: dict[str, Any] = ({"rank": 2} if "rank" in known else {}) | dict(part.options)
    built = mechanisms.create(part.name, channels, **given)
    return _same_width(
        part, built if part.placebo is None else placebo(built, steps=sizes, seed=part.placebo), channels
    )


def on_map(part: Attention, channels: int, steps: int) -> MapAttention:
    """Builds a mechanism for maps (B, C, T), or for states (B, T, C) that stand in one."""
    return _same_width(part, _fitted(part, channels, steps), channels)


def on_states(part: Attention, width: int, steps: int) -> nn.Module:
    """Builds a pooling or a sequence attention for states (B, T, D)."""
    return _fitted(part, width, steps)


def as_recurrence(part: Attention, inputs: int, width: int, steps: int) -> nn.Module:
    """Builds a cell in place of a recurrence (B, T, F) -> (B, T, D)."""
    kind = Recurrence(kind=part.name, width=width, options=part.options, placebo=part.placebo)
    return cast("nn.Module", recurrent.build(kind, inputs, steps))


def _fitted(part: Attention, width: int, steps: int) -> nn.Module:
    built = fitted(part.name, width, steps, part.options)
    return built if part.placebo is None else placebo(built, steps=steps, seed=part.placebo)


def _same_width(part: Attention, built: nn.Module, width: int) -> MapAttention:
    given = built.output_channels if isinstance(built, MapAttention) else cast("SequenceAttention", built).output_width
    if given != width:
        raise OptionError(
            f"A map of {width} channels needs attention that gives as many, got '{part.name}' with {given}. Take other "
            "options."
        )
    return cast("MapAttention", built)


# --- how they run -------------------------------------------------------------------------------------------


def look(mechanism: nn.Module, z: Tensor, mask: Tensor | None) -> Tensor:
    """Lets a mechanism look at a map (B, C, T) or an image; sequence attention adds to what it read."""
    if isinstance(mechanism, SequenceAttention):
        return mix(mechanism, z.transpose(1, 2), mask).transpose(1, 2)
    looked: Tensor = mechanism(z, mask=mask)
    return looked


def mix(mechanism: SequenceAttention, states: Tensor, mask: Tensor | None) -> Tensor:
    """Adds what a sequence attention gives to the states (B, T, D) it read, so that each keeps what it saw itself."""
    mixed: Tensor = mechanism(states, mask=mask)
    return states + mixed if mixed.shape[-1] == states.shape[-1] else mixed


def read(recurrence: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    """Reads steps (B, T, F) by a recurrence and gives its states (B, T, D), zero where no step is real."""
    if isinstance(recurrence, recurrent.Recurrent):
        return read_layer(recurrence.layer, x, mask)
    if isinstance(recurrence, recurrent.ScoredRecurrent):
        states = read_layer(recurrence.first.layer, x, mask)
        weights = recurrence.score.weigh(states, mask)
        scored: Tensor = recurrence.cell(states, weights, mask=mask)
        return scored
    cell = cast("recurrent.CellRecurrent", recurrence).cell
    given: Tensor = cell(x, mask=mask)
    return given


def read_layer(layer: nn.RNNBase, x: Tensor, mask: Tensor | None) -> Tensor:
    """Reads steps (B, T, F) by a layer of PyTorch's recurrences; its way back begins at the last real step."""
    if mask is None:
        states: Tensor = layer(x)[0]
        return states
    if not layer.bidirectional:
        # A step sees earlier ones only, and what is not real comes last.
        return cast("Tensor", layer(x)[0]).masked_fill(~mask.unsqueeze(-1), 0.0)
    lengths = mask.sum(1).clamp_min(1).cpu()
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    padded, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=x.shape[1])
    return padded.masked_fill(~mask.unsqueeze(-1), 0.0)
