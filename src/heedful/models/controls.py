"""The controls that a plan with attention has to beat: none, a placebo, and a wide model of equal size.

none      the plan without its attention; for state attention also the last state and the mean of all
placebo   the same plan, its weights formed of a frozen reference in place of the input
wide      none, with filters and units added until it has as many parameters as the plan with attention
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from heedful import attention as mechanisms
from heedful.attention.base import StateAttention
from heedful.attention.cells.decoder import Decoder
from heedful.attention.placebo import no_placebo as no_placebo
from heedful.errors import OptionError, unknown
from heedful.models.compose import Composed, compose
from heedful.models.decoders.asking import takes_context
from heedful.models.places import place_of
from heedful.models.plan import (
    Attention,
    EncoderDecoder,
    Flatten,
    Last,
    Parallel,
    Plan,
    Pooled,
    Recurrence,
)
from heedful.models.presets import with_mechanism
from heedful.models.shape import Shape
from heedful.models.wide import TOLERANCE as TOLERANCE
from heedful.models.wide import Wide as Wide
from heedful.models.wide import parameters as parameters
from heedful.models.wide import wide as wide

PLACES = ("map_attention", "recurrence", "attention", "decoder")
"""Where a plan can hold attention: behind the stem, inside the recurrence, behind it, in the decoder."""

UNLOOKING = ("last", "max", "mean")
"""Poolings that look at nothing, and so are controls themselves."""
_PLAIN: dict[str, tuple[str, int]] = {
    # AGRU and AUGRU read the states of a GRU, so without the scores they are its second layer.
    "agru": ("gru", 2),
    "augru": ("gru", 2),
    "da_rnn_input": ("lstm", 1),
    "ele_att_gru": ("gru", 1),
    "ele_att_lstm": ("lstm", 1),
    "gate_channel_gru": ("gru", 1),
    "gate_channel_lstm": ("lstm", 1),
    "gru_attention": ("gru", 1),
    "lstmn": ("lstm", 1),
    "tpa_lstm": ("lstm", 1),
}
"""The recurrence, and its layers, that is left of a cell of the catalogue without its attention."""


# --- which attention a plan holds ---------------------------------------------------------------------------


def placements(name: str) -> tuple[str, ...]:
    """Lists the places that a mechanism can take in a plan; none for one that needs a second map.

    Raises: UnknownName for an unknown name, with the nearest.

    >>> placements("eca"), placements("bahdanau"), placements("lstmn")
    (('map_attention',), ('attention', 'decoder'), ('recurrence',))
    """
    place = place_of(name)
    if place != "attention":
        return (place,) if place else ()
    kind = mechanisms.MECHANISMS[name]
    decodes = issubclass(kind, StateAttention | Decoder) or takes_context(name)
    return ("attention", "decoder") if decodes else ("attention",)


def placed(plan: Plan, name: str, place: str | None = None) -> Plan:
    """Puts a mechanism in a place of a plan; by default the one that `with_mechanism` takes.

    Raises: UnknownName for an unknown name or place; OptionError for a place that the mechanism cannot take.

    >>> placed(Plan(), "additive", "decoder").decoder.mechanism
    'additive'
    """
    if place is None:
        return with_mechanism(plan, name)
    if place not in PLACES:
        raise unknown("place", place, PLACES)
    if place not in placements(name):
        raise OptionError(
            f"A plan cannot hold '{name}' as its {place}. Take {' or '.join(placements(name)) or 'another mechanism'}."
        )
    if place == "attention":
        pools = issubclass(mechanisms.MECHANISMS[name], StateAttention)
        plan = replace(plan, decoder=Last(), embedding=0) if pools else plan
        return replace(plan, attention=Attention(name=name))
    if place == "decoder" and isinstance(plan.decoder, Last | Flatten):
        asks = issubclass(mechanisms.MECHANISMS[name], Decoder)
        return replace(plan, decoder=EncoderDecoder(attention=name) if asks else Pooled(mechanism=name), attention=None)
    return with_mechanism(plan, name)


def attentions(plan: Plan) -> dict[str, str]:
    """Gives the mechanisms of a plan that look at something, by their place.

    >>> attentions(Plan(map_attention=Attention(name="eca"), decoder=Pooled()))
    {'map_attention': 'eca', 'decoder': 'additive'}
    """
    return {place: name for place, name in _held(plan) if name not in UNLOOKING}


def _held(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.map_attention is not None:
        yield "map_attention", plan.map_attention.name
    if plan.recurrence.kind in mechanisms.MECHANISMS:
        yield "recurrence", plan.recurrence.kind
    if plan.attention is not None:
        yield "attention", plan.attention.name
    match plan.decoder:
        case Pooled(mechanism=str(name)) | Parallel(attention=str(name)) | EncoderDecoder(attention=name):
            yield "decoder", name


def _chosen(plan: Plan, place: str | None) -> dict[str, str]:
    if place is not None and place not in PLACES:
        raise unknown("place", place, PLACES)
    return {where: name for where, name in attentions(plan).items() if place in (None, where)}


# --- none ---------------------------------------------------------------------------------------------------


def none(plan: Plan, place: str | None = None) -> Plan:
    """Takes the attention out of a plan and leaves the rest.

    The last state is read where the states were pooled; a cell becomes the LSTM or GRU that it holds; a decoder that
    asked reads the last state at every step, as in Cho et al., arXiv:1406.1078v3.

    Args:
        plan: the plan.
        place: which attention, one of `PLACES`; by default all of it.

    Raises: UnknownName for an unknown place.

    >>> none(Plan(decoder=Pooled())) == Plan()
    True
    """
    for where in _chosen(plan, place):
        plan = _without(plan, where)
    return plan


def last_state(plan: Plan, place: str | None = None) -> Plan:
    """Reads the last state where a plan pools states by attention: a control of state attention.

    Raises: UnknownName for an unknown place; OptionError for a plan that pools no states by attention.

    >>> last_state(Plan(attention=Attention(name="additive"))) == Plan()
    True
    """
    for where in _poolings(plan, place):
        plan = _without(plan, where)
    return plan


def mean_pooling(plan: Plan, place: str | None = None) -> Plan:
    """Takes the mean of the states where a plan pools them by attention: a control of state attention.

    Raises: UnknownName for an unknown place; OptionError for a plan that pools no states by attention.

    >>> mean_pooling(Plan(decoder=Pooled())).decoder.mechanism
    'mean'
    """
    for where in _poolings(plan, place):
        if where == "attention":
            plan = replace(plan, attention=Attention(name="mean"))
        elif isinstance(plan.decoder, EncoderDecoder):
            plan = replace(plan, decoder=EncoderDecoder(attention="mean"))
        else:
            # One mean serves all segments of the horizon: each has rows of its own in the last layer.
            plan = replace(plan, decoder=Pooled(mechanism="mean"))
    return plan


def _without(plan: Plan, place: str) -> Plan:
    if place == "map_attention":
        return replace(plan, map_attention=None)
    if place == "recurrence":
        kind, layers = _PLAIN[plan.recurrence.kind]
        width, beside = plan.recurrence.width, plan.recurrence.beside
        return replace(plan, recurrence=Recurrence(kind=kind, width=width, layers=layers, beside=beside))
    if place == "attention":
        # Behind a pooling both decoders read one vector, so without it one reads the last state.
        pools = plan.attention is not None and _pools(plan.attention.name)
        decoder = Last() if pools and isinstance(plan.decoder, Flatten) else plan.decoder
        return replace(plan, attention=None, decoder=decoder)
    match plan.decoder:
        case Parallel():
            return replace(plan, decoder=Parallel(segment=plan.decoder.segment))
        case EncoderDecoder():
            return replace(plan, decoder=EncoderDecoder(attention="last"))
        case _:
            return replace(plan, decoder=Last())


def _pools(name: str) -> bool:
    return issubclass(mechanisms.MECHANISMS[name], StateAttention)


def _poolings(plan: Plan, place: str | None) -> list[str]:
    found = [
        where
        for where, name in _chosen(plan, place).items()
        if _pools(name) and not isinstance(plan.decoder if where == "decoder" else None, Parallel)
    ]
    if not found:
        raise OptionError(
            f"Last state and mean pooling are controls of state attention, got a plan with "
            f"{', '.join(attentions(plan).values()) or 'no attention'} and the decoder {type(plan.decoder).__name__}, "
            "which pools no states by attention alone. Compare it with none."
        )
    return found


# --- placebo ------------------------------------------------------------------------------------------------


def placebo(plan: Plan, seed: int, place: str | None = None) -> Plan:
    """Makes the attention of a plan look at a frozen reference in place of the input.

    Args:
        plan: the plan.
        seed: draws the reference; give each seed of a trial its own.
        place: which attention, one of `PLACES`; by default all of it.

    Raises: UnknownName for an unknown place; OptionError for a plan without attention there, a mechanism without a
            placebo, with the reason, or a seed below 0.

    >>> placebo(Plan(map_attention=Attention(name="eca")), seed=3).map_attention
    Attention(name='eca', options={}, placebo=3)
    """
    chosen = _chosen(plan, place)
    if not chosen:
        raise OptionError(
            f"A placebo needs a plan with attention{f' as its {place}' if place else ''}, got one that holds "
            f"{', '.join(attentions(plan)) or 'none'}. Put a mechanism there."
        )
    for where, name in chosen.items():
        if no_placebo(name):
            raise OptionError(f"'{name}' has no placebo: {no_placebo(name)}. Compare it with none and wide only.")
        plan = replace(plan, **{where: replace(getattr(plan, where), placebo=seed)})
    return plan


# --- the same start -----------------------------------------------------------------------------------------


def compose_alike(plan: Plan, shape: Shape, like: Plan) -> Composed:
    """Builds a model whose parts start from the same weights as those of another plan, wherever both have them.

    Built one after the other from one seed, two plans differ in every part behind the first that draws other numbers,
    and a difference of starts would count as one of attention. Here the other model is drawn first, exactly as it is
    when it is built alone, and every parameter that has its name and shape is copied from it; what is left, the
    attention above all, keeps what was drawn after it.

    Args:
        plan: the plan.
        shape: what the model reads and gives.
        like: the plan whose start is shared, as a rule the one without attention.

    Raises: OptionError as `compose`.

    >>> base, arm = Plan(), Plan(attention=Attention(name="additive"))
    >>> seed = torch.manual_seed(0)
    >>> one = compose(base, Shape(8, 2)).state_dict()
    >>> seed = torch.manual_seed(0)
    >>> other = compose_alike(arm, Shape(8, 2), base).state_dict()
    >>> all(torch.equal(other[name], value) for name, value in one.items())
    True
    """
    start = dict(compose(like, shape).named_parameters())
    model = compose(plan, shape)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name in start and start[name].shape == value.shape:
                value.copy_(start[name])
    return model
