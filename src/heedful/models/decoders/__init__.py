"""Decoders: how the horizon is read off the states (B, T, D) of a recurrence."""

from __future__ import annotations

from torch import nn

from heedful.errors import OptionError
from heedful.models import plan
from heedful.models.decoders.asking import takes_context
from heedful.models.decoders.direct import FlattenDecoder as FlattenDecoder
from heedful.models.decoders.direct import LastDecoder as LastDecoder
from heedful.models.decoders.parallel import ParallelDecoder as ParallelDecoder
from heedful.models.decoders.pooled import PooledDecoder as PooledDecoder
from heedful.models.decoders.recursive import RecursiveDecoder as RecursiveDecoder

Decoder = LastDecoder | FlattenDecoder | PooledDecoder | ParallelDecoder | RecursiveDecoder


def build(
    part: plan.Decoder,
    *,
    states: int,
    steps: int,
    horizon: int,
    outputs: int = 1,
    pooled: int | None = None,
    embedding: int = 0,
    known: int = 0,
    dropout: float = 0.0,
) -> nn.Module:
    """Builds the decoder that a part of a plan describes.

    What is built is called `decoder(states, pooled, future, channel)` with all but the states optional, and holds its
    last layer as `output`.

    Args:
        part: the part.
        states: D, width of the states.
        steps: T, how many there are.
        horizon: P, steps of the forecast.
        outputs: numbers for each step.
        pooled: width of the vector that a pooling made of the states, if there is one.
        embedding: E, width of the channel embedding; 0 for none.
        known: K, columns known over the horizon; 0 for none.
        dropout: share dropped before the last layer.

    Shape:  states (B, T, D), pooled (B, pooled), future (B, P, K), channel (B, E) -> (B, P, outputs).
    Raises: OptionError for a decoder that does not read what it is given, or for an attention that does not fit it.

    >>> import torch
    >>> decoder = build(plan.Parallel(segment=4), states=8, steps=5, horizon=6)
    >>> decoder(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 6, 1])
    """
    _check(part, pooled, embedding)
    match part:
        case plan.Parallel():
            return ParallelDecoder(
                states,
                horizon=horizon,
                outputs=outputs,
                segment=part.segment,
                attention=part.attention,
                query=part.query,
                options=part.options,
                placebo=part.placebo,
                steps=steps,
                embedding=embedding,
                known=known,
                dropout=dropout,
            )
        case plan.Pooled():
            return PooledDecoder(
                states,
                horizon=horizon,
                outputs=outputs,
                segment=part.segment,
                mechanism=part.mechanism,
                options=_heads(part) | dict(part.options),
                placebo=part.placebo,
                steps=steps,
                dropout=dropout,
            )
        case plan.EncoderDecoder():
            return RecursiveDecoder(
                states,
                horizon=horizon,
                outputs=outputs,
                attention=part.attention,
                options=part.options,
                placebo=part.placebo,
                steps=steps,
                known=known,
                dropout=dropout,
            )
        case plan.Flatten() if pooled is None:
            return FlattenDecoder(states, steps=steps, horizon=horizon, outputs=outputs, dropout=dropout)
        case _:
            return LastDecoder(pooled or states, horizon=horizon, outputs=outputs, dropout=dropout)


def _heads(part: plan.Pooled) -> dict[str, int]:
    """Gives a sequence attention its heads; a pooling has none unless it is asked for some."""
    return {"heads": part.heads} if takes_context(part.mechanism) or part.heads != 1 else {}


def _check(part: plan.Decoder, pooled: int | None, embedding: int) -> None:
    owner = type(part).__name__
    if pooled is not None and not isinstance(part, plan.Last | plan.Flatten):
        raise OptionError(
            f"The decoder {owner} reads states, got the one vector that a pooling makes of them. Take the decoder Last "
            "or Flatten behind a pooling, or leave the pooling out."
        )
    if embedding and not isinstance(part, plan.Parallel):
        raise OptionError(
            f"The decoder {owner} reads no channel embedding, got one of width {embedding}. Take the decoder Parallel, "
            "or embedding=0."
        )
