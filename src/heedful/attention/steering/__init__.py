"""Steering: a mechanism forms its weights as always, and others, made of them, meet its values.

So a trained net can be asked what its weights are worth: whether anything changes when they become uniform, those of
another window, or their mean. A net can also be trained under it. How weights meet values stands in
`heedful.attention.meeting`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from torch import nn

from heedful.attention.base import CONTRACTS, Gate, MapAttention, StateAttention
from heedful.attention.catalogue import describe
from heedful.attention.cells.decoder import Decoder
from heedful.attention.cells.gate_channel import GateChannelGRU, GateChannelLSTM
from heedful.attention.cells.gru_attention import GRUAttention
from heedful.attention.cells.scored import _Scored
from heedful.attention.meeting.cells import READINGS
from heedful.attention.meeting.maps import GUIDED, meeting_of
from heedful.attention.meeting.sequences import MIXINGS
from heedful.attention.sequences.frequency import FrequencyAttention, FrequencyEnhanced
from heedful.attention.sequences.linear import LinearAttention
from heedful.attention.sequences.performer import Performer
from heedful.attention.states.controls import Last, Max, Mean
from heedful.attention.states.pma import PMA
from heedful.attention.states.tpa import TPA
from heedful.attention.steering import cells, maps, sequences, states
from heedful.attention.steering.steered import Change as Change
from heedful.attention.steering.steered import Steered, turned
from heedful.errors import OptionError

_MIXINS: dict[type[nn.Module], type[Steered]] = {
    **dict.fromkeys(GUIDED, maps.SteeredGuided),
    Gate: maps.SteeredGate,
    PMA: states.SteeredPMA,
    TPA: states.SteeredTPA,
    Last: states.SteeredControl,
    Mean: states.SteeredControl,
    StateAttention: states.SteeredState,
    **dict.fromkeys(MIXINGS, sequences.SteeredSequence),
    **dict.fromkeys(READINGS, cells.SteeredReading),
    **dict.fromkeys((GateChannelGRU, GateChannelLSTM, GRUAttention), cells.SteeredWeighing),
    _Scored: cells.SteeredScored,
    Decoder: cells.SteeredDecoder,
}
"""What steers the mechanisms of a class; the first match holds. Other maps are settled by `MEETINGS`."""

WITHOUT: dict[type[nn.Module], str] = {
    FrequencyAttention: "its weights stand between complex frequencies and are not formed as weights of steps",
    FrequencyEnhanced: "it is a learned filter, the same for every input, and forms no weights",
    LinearAttention: "it sums keys and values before any query comes, and forms no weights",
    Max: "it forms no weights",
    Performer: "it sums keys and values before any query comes, and forms no weights",
}
"""Mechanisms that cannot be steered, and why."""


def can_steer(name: str | type[nn.Module]) -> bool:
    """Says whether the weights of a mechanism of the catalogue, or of a class like them, can be changed.

    Raises: UnknownName for an unknown name, with the nearest.

    >>> can_steer("eca"), can_steer("max")
    (True, False)
    """
    return _mixin(describe(name).kind) is not None


def cannot_steer(name: str | type[nn.Module]) -> str:
    """Says why the weights of a mechanism cannot be changed; nothing where they can.

    Raises: UnknownName for an unknown name, with the nearest.

    >>> cannot_steer("max"), cannot_steer("eca")
    ('it forms no weights', '')
    """
    kind = describe(name).kind
    return "" if _mixin(kind) else _reason(kind)


def steerable(net: nn.Module) -> dict[str, nn.Module]:
    """Finds the mechanisms in a net whose weights can be changed, by name; "model" is the net itself.

    A mechanism inside another one belongs to that and is not listed.

    >>> import heedful
    >>> list(steerable(nn.Sequential(heedful.attention.create("eca", 8), heedful.attention.create("simam", 8))))
    ['0', '1']
    """
    return {name: module for name, module in _outermost(net).items() if _mixin(type(module)) is not None}


@contextmanager
def steered(net: nn.Module, change: Change, modules: Sequence[str] | None = None) -> Iterator[dict[str, nn.Module]]:
    """Changes the weights of mechanisms in a net while the block runs, and gives the mechanisms by name.

    `change(name, part, weights, axes, places)` is called in every pass for each of a mechanism's weights, as
    `heedful.record` names and shows them, and gives what takes their stead, of the same shape. `places` is True where
    weights may stand, in a shape that broadcasts to theirs, or None where they may stand anywhere; what is changed
    elsewhere counts as nothing. All weights of a mechanism are formed before any is changed, but for a decoder, which
    goes step by step (B, 1, K). Gradients flow through what was changed. One thread at a time may use the net.

    Args:
        net: any module tree that holds our mechanisms.
        change: what makes the other weights.
        modules: names of the mechanisms, as `steerable` lists them; by default all.

    Raises: OptionError for a net without a mechanism that can be steered, for names of none, or for a net that is
            steered already; ShapeError for changed weights of another shape.

    >>> import torch, heedful
    >>> pool, x = heedful.attention.create("additive", 4), torch.randn(2, 5, 4)
    >>> with steered(pool, lambda name, part, w, axes, places: torch.full_like(w, 0.2)):
    ...     y = pool(x)
    >>> torch.allclose(y, x.mean(1), atol=1e-6)
    True
    """
    found = steerable(net)
    if any(isinstance(module, Steered) for module in found.values()):
        raise OptionError("steered needs a net that nobody steers yet, got one that is. Leave the other block first.")
    chosen = _chosen(net, found, modules)
    with ExitStack() as stack:
        for name, module in chosen.items():
            stack.enter_context(turned(module, _mixin(type(module)) or Steered, name, change))
        yield chosen


def _chosen(net: nn.Module, found: dict[str, nn.Module], modules: Sequence[str] | None) -> dict[str, nn.Module]:
    names = list(found) if modules is None else list(modules)
    missing = [name for name in names if name not in found]
    if not missing and names:
        return {name: found[name] for name in names}
    left = {name: module for name, module in _outermost(net).items() if name not in found}
    why = "; ".join(f"{name}: {_reason(type(module))}" for name, module in left.items())
    raise OptionError(
        f"steered needs mechanisms of heedful.attention whose weights can be changed, got "
        f"{', '.join(missing) or 'none'}. Take some of: {', '.join(found) or 'none'}{f' ({why})' if why else ''}."
    )


def _outermost(net: nn.Module) -> dict[str, nn.Module]:
    held = {name: one for name, one in net.named_modules() if isinstance(one, CONTRACTS)}
    inside = {id(one) for module in held.values() for one in module.modules() if one is not module}
    return {name or "model": module for name, module in held.items() if id(module) not in inside}


def _mixin(real: type[nn.Module]) -> type[Steered] | None:
    if any(issubclass(real, kind) for kind in WITHOUT):
        return None
    for kind, mixin in _MIXINS.items():
        if issubclass(real, kind):
            return mixin
    return maps.SteeredMap if issubclass(real, MapAttention) and meeting_of(real) else None


def _reason(real: type[nn.Module]) -> str:
    known = (why for kind, why in WITHOUT.items() if issubclass(real, kind))
    return next(known, "nothing says how its weights meet its values")
