"""Plans widened to a number of parameters, so that size alone is no advantage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import log

import torch

from heedful.errors import OptionError
from heedful.models.compose import Composed, compose
from heedful.models.plan import Identity, Plan, Segments
from heedful.models.shape import Shape

TOLERANCE = 0.02
"""Share by which a wide plan may miss the number of parameters that it was to have."""


@dataclass(frozen=True, kw_only=True)
class Wide:
    """A plan widened to a number of parameters.

    `note` says by how much it misses them where that is more than 2 %, as in a small net in which one unit more is
    more than that; it is empty otherwise.
    """

    plan: Plan
    parameters: int
    wanted: int
    note: str = ""


def parameters(plan: Plan, shape: Shape) -> int:
    """Counts the trainable parameters of the model that a plan describes.

    >>> parameters(Plan(), Shape(8, 2))
    1297
    """
    with torch.random.fork_rng(devices=[]):
        return _count(compose(plan, shape))


def wide(plan: Plan, shape: Shape, wanted: int) -> Wide:
    """Widens stem and recurrence together until a plan has as many parameters as another.

    Of all widths within 2 % of them those are taken that keep the proportion of stem and recurrence best; where none
    is, the nearest.

    Args:
        plan: the plan, as a rule one without attention.
        shape: what the model reads and gives.
        wanted: number of trainable parameters, as a rule those of the plan with attention.

    Raises: OptionError for a plan that has neither stem nor recurrence to widen.

    >>> found = wide(Plan(), Shape(8, 2), 5000)
    >>> found.plan.recurrence.width, found.parameters, found.note
    (33, 4918, '')
    """
    if isinstance(plan.stem, Identity) and plan.recurrence.kind == "none":
        raise OptionError("A wide plan needs a stem or a recurrence to widen, got neither. Give it one of them.")
    filters, units = _sizes(plan)
    tried = _try(plan, shape, wanted)

    def off(at: tuple[int, int]) -> float:
        return abs(tried[at] - wanted) / wanted

    near = [at for at in tried if off(at) <= TOLERANCE]
    best = min(near, key=lambda at: (abs(log(at[0] / filters) - log(at[1] / units)), off(at))) if near else None
    best = best or min(tried, key=off)
    note = "" if near else f"{tried[best]} parameters where {wanted} were wanted, the nearest that whole units give"
    return Wide(plan=_resized(plan, *best), parameters=tried[best], wanted=wanted, note=note)


def _try(plan: Plan, shape: Shape, wanted: int) -> dict[tuple[int, int], int]:
    """Counts parameters by the widths of stem and recurrence, around the number wanted."""
    tried: dict[tuple[int, int], int] = {}

    def count(filters: int, units: int) -> int:
        if (filters, units) not in tried:
            # Nothing is allocated on this device, only counted.
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                tried[filters, units] = _count(compose(_resized(plan, filters, units), shape))
        return tried[filters, units]

    def fits(units: int, filters: int) -> bool:
        return count(filters, units) <= wanted

    filters, units = _sizes(plan)
    candidates = range(units, units + 1)
    if plan.recurrence.kind != "none":
        # Both grow in proportion up to the last width that is not too large, then the stem makes up the rest.
        crossing = _last(lambda n: fits(n, max(1, round(filters * n / units))))
        candidates = range(max(1, crossing - 2), crossing + 3)
    for n in candidates:
        low = filters if isinstance(plan.stem, Identity) else _last(partial(fits, n))
        count(low, n)
        if not isinstance(plan.stem, Identity):
            count(low + 1, n)
    count(filters, units)
    return tried


def _last(fits: Callable[[int], bool]) -> int:
    """Finds the largest size that fits, and 1 where none does; what fits must fit for all smaller sizes."""
    low, high = 1, 2
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _sizes(plan: Plan) -> tuple[int, int]:
    """Gives the width of the stem, 1 where it has none, and that of the recurrence."""
    stem = plan.stem
    size = stem.width if isinstance(stem, Segments) else 1 if isinstance(stem, Identity) else stem.filters
    return size, plan.recurrence.width


def _resized(plan: Plan, filters: int, units: int) -> Plan:
    stem = plan.stem
    if isinstance(stem, Segments):
        stem = replace(stem, width=filters)
    elif not isinstance(stem, Identity):
        stem = replace(stem, filters=filters)
    return replace(plan, stem=stem, recurrence=replace(plan.recurrence, width=units))


def _count(model: Composed) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
