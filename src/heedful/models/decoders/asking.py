"""Which mechanisms of the catalogue a decoder can ask, how each is built for that, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import Tensor

from heedful import attention
from heedful.attention import catalogue
from heedful.attention.base import SequenceAttention, StateAttention
from heedful.attention.placebo import placebo
from heedful.errors import OptionError

Asked = StateAttention | SequenceAttention

_ALONE = ("frequency_enhanced",)
"""Sequence attentions that filter one sequence and take no context."""


def pools(name: str) -> bool:
    """Says whether a mechanism pools states, by a query or by one that is a part of it.

    >>> pools("bahdanau"), pools("additive"), pools("multi_head")
    (True, True, False)
    """
    kind = attention.MECHANISMS.get(name)
    return kind is not None and issubclass(kind, StateAttention)


def takes_queries(name: str) -> bool:
    """Says whether a mechanism pools states by queries from outside.

    >>> takes_queries("bahdanau"), takes_queries("additive"), takes_queries("multi_head")
    (True, False, False)
    """
    return pools(name) and "*Q" in str(getattr(attention.MECHANISMS[name], "axes", "")).split()


def takes_context(name: str) -> bool:
    """Says whether a mechanism reads one sequence beside another.

    >>> takes_context("bahdanau"), takes_context("additive"), takes_context("multi_head")
    (False, False, True)
    """
    kind = attention.MECHANISMS.get(name)
    return kind is not None and issubclass(kind, SequenceAttention) and name not in _ALONE


def create(
    owner: str,
    name: str,
    width: int,
    *,
    steps: int,
    options: Mapping[str, Any],
    fits: Callable[[str], bool],
    seed: int | None = None,
    queries: int = 1,
    learned: bool = False,
) -> Asked:
    """Builds a mechanism for a decoder, which asks about states all of which lie behind it.

    So no query is kept from any state (causal=False), and what is built for a length is built for theirs.

    Args:
        owner: the decoder, for the error.
        name: the mechanism.
        width: D, width of the states.
        steps: T, how many there are.
        options: the mechanism's options.
        fits: says which mechanisms the decoder can ask.
        seed: of a placebo that stands for the mechanism; None for the mechanism itself.
        queries: how many queries at a time the decoder asks.
        learned: whether these are parameters, which a placebo keeps.

    Raises: UnknownName for an unknown name; OptionError for one that does not fit, an unknown option or causal=True.
    """
    if name in attention.MECHANISMS and not fits(name):
        raise misplaced(owner, name, [n for n in attention.names() if fits(n)])
    if options.get("causal"):
        raise OptionError(
            f"The decoder {owner} asks about states that all lie behind it, got causal=True for '{name}', which would "
            "hide the newest ones. Leave it out."
        )
    known = catalogue.options(name) if name in attention.MECHANISMS else {}
    fitting = {"causal": False, "steps": steps, "length": steps}
    chosen = {option: value for option, value in fitting.items() if option in known} | dict(options)
    built = attention.create(name, width, **chosen)
    if seed is not None:
        built = placebo(built, steps=steps, seed=seed, queries=queries, learned_queries=learned)
    return cast("Asked", built)


def ask(mechanism: Asked, states: Tensor, queries: Tensor) -> Tensor:
    """Asks for what each query looks for among the states.

    Shape: states (B, T, D), queries (B, S, D) -> (B, S, output_width).
    """
    first, second = (queries, states) if isinstance(mechanism, SequenceAttention) else (states, queries)
    found: Tensor = mechanism(first, second)
    return found


def misplaced(owner: str, name: str, fitting: list[str]) -> OptionError:
    """Builds the error for a mechanism that a decoder cannot ask."""
    place = " or ".join(attention.describe(name).placements)
    return OptionError(
        f"The decoder {owner} needs an attention that it can ask about the states, got '{name}', whose place is: "
        f"{place}. Put it there, or take one of {', '.join(fitting)}."
    )
