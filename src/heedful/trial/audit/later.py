"""Forecasts that no later row may change by a bit: at which origins that is tried, and how it is told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heedful.data.windows import Windows
from heedful.trial.audit.findings import Finding, counted

CHECK = "later rows"
ORIGINS = 6


def tried_of(laid: Windows) -> np.ndarray:
    """Gives the numbers of the windows that are tried: some spread over a part, or all of a short one."""
    return np.unique(np.linspace(0, len(laid) - 1, min(len(laid), ORIGINS)).astype(int))


def check_later(laid: Windows, what: str, changed: Callable[[int, int], bool], advice: str) -> Finding:
    """Tries windows spread over a part: does something change when all rows after the origin do?

    Args:
        what: what must not change, in words.
        changed: says it of one window, given its number and how many were tried before it.
        advice: what to do if one changes.
    """
    tried = tried_of(laid)
    found = [int(laid.origins[number]) for place, number in enumerate(tried) if changed(int(number), place)]
    many, part = counted(len(tried), "origin"), laid.span.part
    if not found:
        text = f"At {many} of the {part} part no later row changed a bit of {what}."
        return Finding(check=CHECK, severity="fine", text=text)
    return Finding(
        check=CHECK,
        severity="leak",
        text=f"At {len(found)} of {many} rows after the origin changed {what}, first at "
        f"{laid.span.series.times[found[0]]} (row {found[0]}).",
        advice=advice,
    )
