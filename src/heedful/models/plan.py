"""Plans: frozen data that say which parts a model is composed of, without building it.

    centre -> stem -> map attention -> recurrence -> attention -> decoder -> head (+ linear skip, un-centred)

Each part is a dataclass of plain values, so a plan can be printed, compared and saved as TOML or JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, Self

from heedful.errors import OptionError
from heedful.models import _plain
from heedful.models._plain import from_toml as from_toml
from heedful.models._plain import to_toml as to_toml

Centre = Literal["none", "last", "mean", "revin"]
Channels = Literal["mixed", "independent"]
Options = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is common to all parts: their values are checked when they are built."""

    def __post_init__(self) -> None:
        _plain.check(self)


# --- stems --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Identity(Part):
    """Hands the window on as it is."""


@dataclass(frozen=True, kw_only=True)
class Convolution(Part):
    """Convolutions over time with ReLU, each giving as many steps as it reads.

    Args:
        filters: C, number of filters of each layer.
        kernel: steps that a filter spans.
        layers: number of convolutions on top of each other.
        causal: a step sees no later step; otherwise it sees as many on either side.
        pool: steps of which the greatest value of each filter is kept, behind all layers; 1 keeps every step.
    """

    filters: int = 16
    kernel: int = 3
    layers: int = 1
    causal: bool = False
    pool: int = 1


@dataclass(frozen=True, kw_only=True)
class MultiScale(Part):
    """Convolutions of several kernels beside each other with ReLU, their filters joined.

    Args:
        filters: number of filters of each kernel; C is this times the number of kernels.
        kernels: steps that the filters span.
    """

    filters: int = 8
    kernels: tuple[int, ...] = (3, 5, 7)


@dataclass(frozen=True, kw_only=True)
class Segments(Part):
    """Cuts the window into segments and gives each one vector: a linear map of its rows, then ReLU.

    A window that no whole number of segments fills is lengthened to the left by its first row.

    Args:
        length: rows of a segment.
        width: C, size of the vector.
    """

    length: int = 24
    width: int = 128


Stem = Identity | Convolution | MultiScale | Segments


# --- attention and recurrence -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Attention(Part):
    """A mechanism of the catalogue by name, with its own options.

    Args:
        name: a name of `heedful.attention.names()`.
        options: the mechanism's options that differ from their defaults.
        placebo: the seed of a placebo that stands for the mechanism in a trial; None for the mechanism itself.
    """

    name: str
    options: Options = field(default_factory=dict)
    placebo: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recurrence(Part):
    """A recurrence over the steps of the stem.

    Args:
        kind: "none", "rnn", "lstm", "gru", "bilstm", "bigru", or the name of a cell of the catalogue.
        width: D, width of the state; of each direction where there are two.
        layers: number of recurrences on top of each other; a cell of the catalogue has one.
        dropout: share of the states dropped between the layers.
        beside: read the window beside the stem, and join the states of both, in place of reading the stem.
        options: the options of a cell of the catalogue.
        placebo: the seed of a placebo that stands for the cell in a trial; None for the cell itself.
    """

    kind: str = "lstm"
    width: int = 16
    layers: int = 1
    dropout: float = 0.0
    beside: bool = False
    options: Options = field(default_factory=dict)
    placebo: int | None = None


# --- decoders -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Last(Part):
    """Reads the whole horizon off the last state, or off the vector of a pooling."""


@dataclass(frozen=True, kw_only=True)
class Pooled(Part):
    """Pools the states by attention, one learned query for each segment of the horizon, beside the last state.

    Args:
        segment: steps of the horizon that share a query; None shares one among all.
        mechanism: a pooling that takes a query, or a sequence attention that takes a context.
        heads: heads of a sequence attention.
        options: the mechanism's other options.
        placebo: the seed of a placebo that stands for the mechanism in a trial; None for the mechanism itself.
    """

    segment: int | None = None
    mechanism: str = "additive"
    heads: int = 1
    options: Options = field(default_factory=dict)
    placebo: int | None = None


@dataclass(frozen=True, kw_only=True)
class Parallel(Part):
    """One step of a GRU for each segment of the horizon, all from the last state of the recurrence.

    Args:
        segment: steps of the horizon that one step of the GRU gives.
        attention: a mechanism by which each step looks back at all states, or None.
        query: what each step asks it with: its own "state", or a vector "learned" for its segment.
        options: the mechanism's options.
        placebo: the seed of a placebo that stands for the mechanism in a trial; None for the mechanism itself.
    """

    segment: int = 24
    attention: str | None = None
    query: Literal["state", "learned"] = "state"
    options: Options = field(default_factory=dict)
    placebo: int | None = None


@dataclass(frozen=True, kw_only=True)
class EncoderDecoder(Part):
    """A second recurrence that gives the horizon step by step and looks back at the states at every step.

    Args:
        attention: a pooling of the catalogue that takes a query, which a GRU asks; or one of the catalogue's own
            decoders, such as "luong_decoder". "last" and "mean" show every step the same of the states, as before
            there was attention.
        options: the mechanism's options.
        placebo: the seed of a placebo that stands for the mechanism in a trial; None for the mechanism itself.
    """

    attention: str = "bahdanau"
    options: Options = field(default_factory=dict)
    placebo: int | None = None


@dataclass(frozen=True, kw_only=True)
class Flatten(Part):
    """Reads the horizon off all states at once."""


Decoder = Last | Pooled | Parallel | EncoderDecoder | Flatten


# --- heads and skip -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Point(Part):
    """One number for each value forecast."""


@dataclass(frozen=True, kw_only=True)
class Quantiles(Part):
    """Several quantiles for each value forecast.

    Args:
        levels: probabilities between 0 and 1, rising.
    """

    levels: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)

    def __post_init__(self) -> None:
        super().__post_init__()
        inner = (0.0, *self.levels, 1.0)
        if not self.levels or any(low >= high for low, high in pairwise(inner)):
            raise OptionError(
                f"Quantiles needs rising levels between 0 and 1, got {self.levels}. Sort them, each once."
            )


@dataclass(frozen=True, kw_only=True)
class Gaussian(Part):
    """A normal distribution for each value forecast."""


@dataclass(frozen=True, kw_only=True)
class StudentT(Part):
    """A Student t distribution for each value forecast."""


Head = Point | Quantiles | Gaussian | StudentT


@dataclass(frozen=True, kw_only=True)
class LinearSkip(Part):
    """One linear map from the centred window of a target to its horizon, shared by all targets.

    Args:
        frozen: it keeps the weights it was started with.
    """

    frozen: bool = False


@dataclass(frozen=True, kw_only=True)
class Blend(Part):
    """A linear map beside the network, which learns without it; the two forecasts are mixed after training.

    f = line + share (network - line), the share between 0 and 1 and settled on validation, so that a network which
    is worth nothing leaves the line alone. Predictions of different kinds err differently, so a mixture often beats
    both (Wolpert, "Stacked generalization", Neural Networks 5, 1992).
    """


Skip = LinearSkip | Blend


# --- the plan -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Plan(Part):
    """What a model is composed of.

    Args:
        centre: what each window is measured from: nothing, its newest row, its mean, or its mean in units of
            its deviation ("revin", without the paper's learned scale). Known columns and flags are left as
            they are; the forecast is brought back.
        stem: what is done to the window before anything else.
        map_attention: a mechanism for maps behind the stem.
        recurrence: what reads the steps one after the other.
        attention: a pooling of the states, for the decoders `Last` and `Flatten`; or a sequence attention,
            whose output is added to the states.
        decoder: how the horizon is read off the states.
        head: what is given for each value.
        skip: a linear map beside all this: `LinearSkip` learns together with the rest, which starts at zero; `Blend`
            is solved alone and mixed in after training.
        channels: "mixed" reads all inputs at once; "independent" forecasts each target from its own past and
            the inputs that are no target, with the same weights.
        embedding: width of a learned vector for each target, for independent channels and the decoder
            `Parallel`; 0 has none.
        dropout: share dropped before the last layer.

    >>> plan = Plan(stem=Convolution(filters=16), map_attention=Attention(name="eca"))
    >>> Plan.from_toml(plan.to_toml()) == plan
    True
    """

    centre: Centre = "last"
    stem: Stem = field(default_factory=Identity)
    map_attention: Attention | None = None
    recurrence: Recurrence = field(default_factory=Recurrence)
    attention: Attention | None = None
    decoder: Decoder = field(default_factory=Last)
    head: Head = field(default_factory=Point)
    skip: Skip | None = None
    channels: Channels = "mixed"
    embedding: int = 0
    dropout: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Gives the plan as plain values that JSON can hold.

        >>> Plan(decoder=Parallel(segment=12)).to_dict()["decoder"]
        {'part': 'parallel', 'segment': 12, 'attention': None, 'query': 'state', 'options': {}, 'placebo': None}
        """
        return _plain.to_dict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Builds the plan that `to_dict` gave; what is left out has its default.

        Raises: UnknownName for an unknown part or value, with the nearest; OptionError for a value of another type.

        >>> Plan.from_dict({"stem": {"part": "segments", "length": 12}}).stem
        Segments(length=12, width=128)
        """
        return _plain.from_dict(cls, given)

    def to_toml(self) -> str:
        """Gives the plan as TOML; what is None is left out.

        >>> print(Plan().to_toml().splitlines()[0])
        centre = "last"
        """
        return _plain.to_toml(self.to_dict())

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Builds the plan that `to_toml` wrote; a [recipe] beside it, as `heedful tune` writes one, is left aside.

        Raises: OptionError for text that is no TOML; else as `from_dict`.
        """
        told = _plain.from_toml(text)
        return cls.from_dict({name: value for name, value in told.items() if name != "recipe"})
