"""Presets: plans with a name, each fitted to the window and horizon that it is asked for.

The numbers stand at the top of each function; the sizes are those of small tables on a processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from heedful import attention as mechanisms
from heedful.attention.base import StateAttention
from heedful.attention.cells.decoder import Decoder
from heedful.models import places
from heedful.models.decoders.asking import takes_context, takes_queries
from heedful.models.plan import (
    Attention,
    Blend,
    Convolution,
    EncoderDecoder,
    Last,
    LinearSkip,
    Parallel,
    Plan,
    Pooled,
    Recurrence,
    Segments,
)
from heedful.models.shape import Shape

SEGMENTS = (96, 24, 12)
"""Lengths of a segment where no season is known; the first is taken of which the window holds LEAST."""
LEAST = 7
SEASONS, SHORTEST = 4, 12
"""A season is a segment if the window holds so many, and it has so many rows."""
LONG = 600
"""Rows of a window from which on the network is wide."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A plan by name: what it is in one sentence, how it is made for a shape, and by which recipe it is trained."""

    summary: str
    plan: Callable[[Shape], Plan]
    recipe: Literal["modern", "long"] = "modern"


def cnn_lstm(shape: Shape) -> Plan:  # noqa: ARG001
    """Gives a convolution that sees neighbours, an LSTM over every step, and its last state.

    >>> cnn_lstm(Shape(5, 4)).recurrence.kind
    'lstm'
    """
    return Plan(stem=Convolution(filters=16), recurrence=Recurrence(kind="lstm", width=16))


def cnn_bilstm(shape: Shape) -> Plan:
    """Gives `cnn_lstm` with an LSTM in both directions."""
    # The last state of the way back has read one step only, so the states are pooled beside it.
    return replace(cnn_lstm(shape), recurrence=Recurrence(kind="bilstm", width=16), decoder=Pooled())


def attention_lstm(shape: Shape) -> Plan:  # noqa: ARG001
    """Gives an LSTM whose states are pooled by additive attention beside the last one."""
    return Plan(recurrence=Recurrence(kind="lstm", width=32), decoder=Pooled())


def attention_gru(shape: Shape) -> Plan:  # noqa: ARG001
    """Gives a GRU whose states are pooled by additive attention beside the last one."""
    return Plan(recurrence=Recurrence(kind="gru", width=32), decoder=Pooled())


def lstm_fcn(shape: Shape) -> Plan:  # noqa: ARG001
    """Gives an LSTM beside three convolutions."""
    return Plan(
        stem=Convolution(filters=32, kernel=5, layers=3), recurrence=Recurrence(kind="lstm", width=16, beside=True)
    )


def da_rnn(shape: Shape) -> Plan:  # noqa: ARG001
    """Gives attention over the inputs at every step, and a decoder of the target's past that weighs the states."""
    return Plan(recurrence=Recurrence(kind="da_rnn_input", width=32), attention=Attention(name="da_rnn_temporal"))


def tpa_lstm(shape: Shape) -> Plan:
    """Gives an LSTM whose units are weighed by what filters over time see of them."""
    seen = max(min(24, shape.window), 1)
    attention = Attention(name="tpa", options={"window": seen})
    return Plan(recurrence=Recurrence(kind="lstm", width=32), attention=attention)


def seq2seq_attention(shape: Shape) -> Plan:  # noqa: ARG001
    """Gives a GRU read by a second one, which looks back at every step of the horizon."""
    return Plan(recurrence=Recurrence(kind="gru", width=32), decoder=EncoderDecoder(attention="bahdanau"))


def lstnet(shape: Shape) -> Plan:
    """Gives a convolution of the past, a GRU, attention over its states, and a linear skip."""
    return Plan(
        stem=Convolution(filters=32, kernel=min(6, shape.window), causal=True),
        recurrence=Recurrence(kind="gru", width=32),
        decoder=Pooled(mechanism="scaled_dot"),
        skip=LinearSkip(),
        dropout=0.2,
    )


def heedful(shape: Shape) -> Plan:
    """Gives segments of the window or, in short windows, a small convolution; a GRU; one step of a second GRU for
    each segment of the horizon, beside what a learned query finds in the states; mixed with a linear map.

    >>> heedful(Shape(336, 7, 96)).stem, heedful(Shape(10, 7)).stem
    (Segments(length=24, width=64), Convolution(filters=64, kernel=3, layers=1, causal=False, pool=1))
    """
    embedding, dropout = 16, 0.3
    segment = _segment(shape)
    width = 128 if segment and shape.window >= LONG else 64
    return Plan(
        centre="last",
        stem=Segments(length=segment, width=width) if segment else Convolution(filters=width),
        recurrence=Recurrence(kind="gru", width=width),
        decoder=Parallel(segment=min(segment or SEGMENTS[-1], shape.horizon), attention="general", query="learned"),
        skip=Blend(),
        channels="independent",
        embedding=embedding if shape.multiple else 0,
        dropout=dropout,
    )


def _segment(shape: Shape) -> int | None:
    """Gives the rows of a segment; None for a window too short to be cut."""
    if shape.season and shape.season >= SHORTEST and shape.window >= SEASONS * shape.season:
        return shape.season
    return next((length for length in SEGMENTS if shape.window >= LEAST * length), None)


PRESETS: dict[str, Preset] = {
    "heedful": Preset(
        plan=heedful,
        summary="Heedful's own: segments of the window (a convolution of 3 in short ones), a GRU, parallel steps of a "
        "second GRU beside what learned queries find, mixed with a linear map on validation, each target on its own; "
        "made of ideas from SegRNN and DLinear, it is neither.",
        recipe="long",
    ),
    "cnn-lstm": Preset(
        plan=cnn_lstm,
        summary="CNN-LSTM as it was meant: a convolution that sees neighbours, an LSTM over every step, a linear "
        "output that adds the forecast change to the newest value; no attention, the control for those that have one.",
    ),
    "cnn-bilstm": Preset(
        plan=cnn_bilstm,
        summary="`cnn-lstm` with an LSTM in both directions, its states pooled by additive attention beside the last, "
        "since the way back has read only one step there.",
    ),
    "attention-lstm": Preset(
        plan=attention_lstm,
        summary="LSTM whose states are pooled by additive attention over time, read beside the last state, so that "
        "the newest value is seen however the weights fall.",
    ),
    "attention-gru": Preset(
        plan=attention_gru,
        summary="GRU whose states are pooled by additive attention over time, read beside the last state.",
    ),
    "lstm-fcn": Preset(
        plan=lstm_fcn,
        summary="LSTM beside three convolutions, after LSTM-FCN for classification (Karim et al. 2017), but read at "
        "the newest step in place of the mean over time, with equal filters, and without batch normalisation.",
    ),
    "da-rnn": Preset(
        plan=da_rnn,
        summary="DA-RNN (Qin et al. 2017): attention over the inputs at every step, then over time while the target's "
        "past is decoded; the paper's driving series leave the target out, here it is among the inputs.",
    ),
    "tpa-lstm": Preset(
        plan=tpa_lstm,
        summary="TPA-LSTM (Shih et al. 2019): units of the LSTM weighed by what filters over time see of them; "
        "without the paper's autoregressive part, the newest value being added in its place.",
    ),
    "seq2seq-attention": Preset(
        plan=seq2seq_attention,
        summary="GRU encoder and decoder with the attention of Bahdanau et al. 2015 at every step of the horizon; it "
        "is trained on its own forecasts, never on true ones, as it will be used.",
    ),
    "lstnet": Preset(
        plan=lstnet,
        summary="LSTNet (Lai et al. 2018) in its attention form: causal convolution, GRU, attention over its states "
        "beside the last, linear skip over the whole window; the paper's recurrent skip over a season is not there.",
    ),
}


def with_mechanism(plan: Plan, name: str) -> Plan:
    """Puts a mechanism of the catalogue in the place of a plan that its contract allows.

    Maps take it behind the stem, cells as the recurrence. A pooling or sequence attention takes the place of the
    decoder's attention where the decoder has one and can ask it, else it stands behind the recurrence.

    Raises: UnknownName for an unknown name; OptionError for a mechanism that no plan has a place for.

    >>> with_mechanism(cnn_lstm(Shape(5, 4)), "eca").map_attention
    Attention(name='eca', options={}, placebo=None)
    """
    place = places.place_of(name)
    if not place:
        raise places.misplaced("attention", name, [n for n in mechanisms.names() if places.place_of(n)])
    if place == "map_attention":
        return replace(plan, map_attention=Attention(name=name))
    if place == "recurrence":
        recurrence = Recurrence(kind=name, width=plan.recurrence.width, beside=plan.recurrence.beside)
        return replace(plan, recurrence=recurrence)
    return _with_attention(plan, name, mechanisms.MECHANISMS[name])


def _with_attention(plan: Plan, name: str, kind: type) -> Plan:
    decoder, pools = plan.decoder, issubclass(kind, StateAttention)
    match decoder:
        case Pooled() if pools or takes_context(name):
            return replace(plan, decoder=Pooled(segment=decoder.segment, mechanism=name))
        case Parallel() if takes_queries(name) or takes_context(name):
            return replace(plan, decoder=Parallel(segment=decoder.segment, attention=name))
        case Parallel() if pools:
            return replace(plan, decoder=Pooled(segment=decoder.segment, mechanism=name), embedding=0)
        case EncoderDecoder() if issubclass(kind, Decoder) or takes_queries(name):
            return replace(plan, decoder=EncoderDecoder(attention=name))
        case EncoderDecoder() if pools:
            return replace(plan, attention=Attention(name=name), decoder=Last())
        case _:
            return replace(plan, attention=Attention(name=name))
