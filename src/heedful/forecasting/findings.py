"""What scores say in words: better than the last value or not, and where the intervals fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heedful.data.series import Series
from heedful.forecasting.scores import Tally, named

_MOST = 5
_SHOWN = 0.0005


def few(names: Sequence[str]) -> str:
    """Lists at most five names and counts the others.

    >>> few(["a", "b"]), few("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST:,} more" if len(names) > _MOST else "")


def worth(rows: Sequence[tuple[str, str, str, float]], model: str, where: str) -> str:
    """Says for which targets a model beats repeating the last value, by a skill that three decimals show.

    Args:
        rows: rows of model, target, metric and value.
        where: what was scored, such as "on the test part".

    >>> worth([("gru", "load", "skill", 0.12), ("gru", "heat", "skill", -0.03)], "gru", "on the test part")
    'gru beats repeating the last value on the test part for load (skill +0.120), and does not for heat (skill -0.030).'
    """
    skills = {target: value for one, target, metric, value in rows if one == model and metric == "skill"}
    better = [f"{target} (skill {value:+.3f})" for target, value in skills.items() if value >= _SHOWN]
    worse = [f"{target} (skill {value:+.3f})" for target, value in skills.items() if not value >= _SHOWN]
    if better and worse:
        return f"{model} beats repeating the last value {where} for {few(better)}, and does not for {few(worse)}."
    if better:
        return f"{model} beats repeating the last value {where}: {few(better)}."
    return f"{model} is no better than repeating the last value {where}: {few(worse)}."


def uneven(sums: Tally, series: Series) -> list[str]:
    """Says for which members of a panel the intervals held least and most; nothing for a single series."""
    notes = []
    for level, (given, held, _) in sums.bands.items():
        seen = given > 0
        if seen.any(1).sum() < 2:
            continue
        shares = np.divide(held, given, out=np.full(given.shape, np.nan), where=seen)
        ends = (divmod(int(at), shares.shape[1]) for at in (np.nanargmin(shares), np.nanargmax(shares)))
        least, most = (f"{shares[at]:.1%} of {_cell(series, *at)}" for at in ends)
        notes.append(f"Series differ: the {named(level)} % intervals held from {least} to {most}.")
    return notes


def refusals(given: Sequence[Sequence[float]], asked: Sequence[float]) -> list[str]:
    """Says which levels were given in some folds and not in others.

    >>> refusals([(0.8,), (0.8, 0.95), (0.8, 0.95)], (0.8, 0.95))
    ['Intervals at 95 % were refused in 1 of 3 folds: their coverage and width are those of the other folds.']
    """
    missed = {level: sum(level not in levels for levels in given) for level in asked}
    return [
        f"Intervals at {named(level)} % were refused in {count} of {len(given)} folds: their coverage and width are "
        "those of the other folds."
        for level, count in missed.items()
        if 0 < count < len(given)
    ]


def _cell(series: Series, member: int, target: int) -> str:
    name = series.members[member].name
    return f"{series.targets[target]} of {name}" if len(series.targets) > 1 else name
