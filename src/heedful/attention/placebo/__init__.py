"""Placebos: the same module with the same parameters, whose weights look away from the input.

Whether attention helps is not settled by a model without it, which has fewer parameters and another shape. A placebo
has everything but the looking: its weights are formed by the mechanism's own layers, which learn, out of a frozen
reference that a seed draws; its values come from the input. docs/attention/placebo.md says what each mechanism gets.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from heedful.attention.base import MapAttention, SequenceAttention, StateAttention
from heedful.attention.catalogue import describe
from heedful.attention.cells.da_rnn import DARNNInput
from heedful.attention.cells.decoder import Decoder
from heedful.attention.cells.ele_att import EleAttGRU, EleAttLSTM
from heedful.attention.cells.gate_channel import GateChannelGRU, GateChannelLSTM
from heedful.attention.cells.gru_attention import GRUAttention
from heedful.attention.cells.lstmn import LSTMN
from heedful.attention.cells.scored import _Scored
from heedful.attention.cells.tpa_lstm import TPALSTM
from heedful.attention.maps.aff import AFF
from heedful.attention.maps.attention_gate import AttentionGate
from heedful.attention.meeting.maps import form, meeting_of
from heedful.attention.placebo import cells, maps, sequences, states
from heedful.attention.placebo.reference import Reference, Rows, acquaint, draw
from heedful.attention.placebo.states import learns
from heedful.attention.sequences.auto_correlation import AutoCorrelation
from heedful.attention.sequences.frequency import FrequencyAttention, FrequencyEnhanced
from heedful.attention.sequences.heads import HeadedAttention
from heedful.attention.sequences.interpretable import Interpretable
from heedful.attention.sequences.projected import ProjectedAttention
from heedful.attention.sequences.set_blocks import ISAB, SAB
from heedful.attention.sequences.transformer_xl import TransformerXL
from heedful.attention.states._queried import Queried
from heedful.attention.states.controls import Last, Max, Mean
from heedful.attention.states.pma import PMA
from heedful.attention.states.tpa import TPA
from heedful.errors import OptionError

_MIXINS: dict[type[nn.Module], type[nn.Module]] = {
    PMA: states.PMAPlacebo,
    TPA: states.TPAPlacebo,
    StateAttention: states.StatePlacebo,
    AutoCorrelation: sequences.AutoCorrelationPlacebo,
    Interpretable: sequences.InterpretablePlacebo,
    ISAB: sequences.ISABPlacebo,
    SAB: sequences.SABPlacebo,
    TransformerXL: sequences.TransformerXLPlacebo,
    HeadedAttention: sequences.HeadedPlacebo,
    ProjectedAttention: sequences.ProjectedPlacebo,
    DARNNInput: cells.ReadingPlacebo,
    EleAttGRU: cells.ReadingPlacebo,
    EleAttLSTM: cells.ReadingPlacebo,
    GateChannelGRU: cells.WeighingPlacebo,
    GateChannelLSTM: cells.WeighingPlacebo,
    GRUAttention: cells.WeighingPlacebo,
    LSTMN: cells.ReadingPlacebo,
    TPALSTM: cells.ReadingPlacebo,
    _Scored: cells.ScoredPlacebo,
    Decoder: cells.DecoderPlacebo,
}
"""What makes a placebo of the mechanisms of a class; the first match holds. Maps are settled by `MEETINGS`."""

WITHOUT: dict[type[nn.Module], str] = {
    AFF: "it fuses two maps, for which no plan has a place",
    AttentionGate: "it needs a second map beside the first, for which no plan has a place",
    FrequencyAttention: "its weights stand between complex frequencies and are not formed as weights of steps",
    FrequencyEnhanced: "it is a learned filter, the same for every input, and forms no weights that could look away",
    Last: "its weights look at no input, so it is a control itself",
    Max: "it forms no weights",
    Mean: "its weights look at no input, so it is a control itself",
}
"""Mechanisms without a placebo, and why."""

_ACQUAINTANCES = 16
"""Maps that the batch norms of a new placebo see once; one alone has no spread."""


def has_placebo(name: str | type[nn.Module]) -> bool:
    """Says whether a mechanism of the catalogue, or a class like them, has a placebo.

    Raises: UnknownName for an unknown name, with the nearest.

    >>> has_placebo("eca"), has_placebo("mean")
    (True, False)
    """
    return _mixin(describe(name).kind) is not None


def no_placebo(name: str | type[nn.Module]) -> str:
    """Says why a mechanism has no placebo; nothing where it has one.

    Raises: UnknownName for an unknown name, with the nearest.

    >>> no_placebo("max"), no_placebo("eca")
    ('it forms no weights', '')
    """
    kind = describe(name).kind
    return "" if _mixin(kind) else _reason(kind)


def placebo(
    mechanism: nn.Module,
    *,
    steps: int | Sequence[int],
    seed: int,
    queries: int = 1,
    learned_queries: bool = False,
) -> nn.Module:
    """Copies a mechanism into its placebo: the same layers and weights, looking at a frozen reference.

    The placebo keeps the contract of the mechanism and its parameters by name; the reference is a buffer beside them.
    Mechanisms whose weights no parameter forms follow the mean of their inputs over the batches of training instead
    of what was drawn.

    Args:
        mechanism: a mechanism of the catalogue, as built.
        steps: the longest input, in steps; for maps of several axes their sizes. For a decoder those of its memory.
        seed: draws the reference, of variance one.
        queries: how many queries at a time will come from outside, if any; for a decoder its longest inputs.
        learned_queries: whether these are parameters, which depend on no input and stay; else frozen ones are drawn.

    Raises: OptionError for a mechanism without a placebo, with the reason, or for steps or queries below 1.

    >>> import heedful
    >>> gate = placebo(heedful.attention.create("eca", 8), steps=12, seed=0)
    >>> torch.equal(gate.weigh(torch.zeros(2, 8, 12)), gate.weigh(torch.ones(2, 8, 12)))
    True
    """
    sizes = (steps,) if isinstance(steps, int) else tuple(steps)
    if min(*sizes, queries, 1) < 1:
        raise OptionError(f"A placebo needs steps and queries of at least 1, got {steps} and {queries}. Give sizes.")
    mixin = _mixin(type(mechanism))
    if mixin is None:
        raise OptionError(
            f"{type(mechanism).__name__} has no placebo: {_reason(type(mechanism))}. Compare it with the model "
            "without attention only, or take a mechanism that has one."
        )
    found, generator = copy.deepcopy(mechanism), torch.Generator().manual_seed(seed)
    like = next(found.parameters(), torch.empty(0))

    def drawn(*shape: int) -> Tensor:
        return draw(generator, *shape, like=like)

    if isinstance(found, MapAttention):
        held = _for_map(found, sizes, drawn)
    elif isinstance(found, StateAttention):
        held = _for_states(found, sizes[0], queries, learned_queries, drawn)
    else:
        held = _for_steps(found, sizes[0], queries, drawn)
    found.__class__ = _kind(type(mechanism), mixin)
    if isinstance(found, states.StatePlacebo | sequences.SequencePlacebo):
        found.learned = learned_queries
    for name, part in held.items():
        found.add_module(name, part.train(found.training))
    return found


# --- references ---------------------------------------------------------------------------------------------

_Draw = Callable[..., Tensor]


def _for_map(found: MapAttention, sizes: tuple[int, ...], drawn: _Draw) -> dict[str, Reference]:
    first = drawn(1, found.channels, *sizes)
    acquaint(found, drawn(_ACQUAINTANCES, found.channels, *sizes))
    with _evaluated(found):
        weights = form(found, type(found), first, None)
    others = len(weights) - 1 if isinstance(weights, dict) else 0
    rows = torch.cat([first, drawn(max(others, 0), found.channels, *sizes)])
    return {"reference": Reference(rows, places=tuple(range(2, rows.ndim)), moves=not learns(weights))}


def _for_states(found: StateAttention, steps: int, queries: int, learned: bool, drawn: _Draw) -> dict[str, Reference]:
    asked = int(getattr(found, "asked", getattr(found, "query_width", None) or found.width))
    value, rows = drawn(1, steps, found.width), drawn(1, queries, asked)
    acquaint(found, drawn(_ACQUAINTANCES, steps, found.width))
    with _evaluated(found):
        weights = found.weigh(value, None, rows[:, 0] if isinstance(found, Queried | TPA) else None)
    moves = not (learned or learns(weights))
    return {"reference": Reference(value, moves=moves), "queries": Rows(rows, moves=moves)}


def _for_steps(found: nn.Module, steps: int, queries: int, drawn: _Draw) -> dict[str, Reference]:
    if isinstance(found, _Scored):
        return {"reference": Reference(drawn(1, steps).softmax(-1), moves=True)}
    if isinstance(found, Decoder):
        kept, asked = found.memory_units, found.width
    else:
        asked = int(getattr(found, "width", 1))
        kept = int(getattr(found, "context_width", asked))
    reference = {"reference": Reference(drawn(1, steps, kept))}
    if isinstance(found, Decoder | SequenceAttention):
        reference["queries"] = Rows(drawn(1, queries, asked))
    return reference


@contextmanager
def _evaluated(module: nn.Module) -> Iterator[None]:
    training = module.training
    module.eval()
    try:
        with torch.enable_grad():
            yield
    finally:
        module.train(training)


# --- kinds --------------------------------------------------------------------------------------------------


def _mixin(real: type[nn.Module]) -> type[nn.Module] | None:
    if any(issubclass(real, kind) for kind in WITHOUT):
        return None
    if issubclass(real, MapAttention):
        return maps.MapPlacebo if meeting_of(real) else None
    return next((mixin for kind, mixin in _MIXINS.items() if issubclass(real, kind)), None)


def _reason(real: type[nn.Module]) -> str:
    known = (why for kind, why in WITHOUT.items() if issubclass(real, kind))
    return next(known, "nothing says how its weights meet its values")


_KINDS: dict[type[nn.Module], type[nn.Module]] = {}


def _kind(real: type[nn.Module], mixin: type[nn.Module]) -> type[nn.Module]:
    """Makes the class of a placebo once, so that two placebos of one mechanism are of one class."""
    if real not in _KINDS:
        _KINDS[real] = type(f"Placebo{real.__name__}", (mixin, real), {"real": real, "__doc__": mixin.__doc__})
    return _KINDS[real]
