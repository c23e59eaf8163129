"""The speed of the shaft that recordings were made at, found among what is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from heedful.data.recordings.noun import Recording, Recordings
from heedful.errors import unknown

OBVIOUS = ("rpm", "speed_rpm", "rpm_in_file", "rpm_nominal")
"""Names of facts that are taken for the speed without being asked for, the first that a recording has."""


def with_speed(recordings: Recordings, names: str | Sequence[str] | None = None) -> Recordings:
    """Gives recordings their speeds in turns a minute; all of them, or none where one is unknown, and a note says so.

    Args:
        names: the fact that holds the speed, or several, of which the first is taken that a recording has; found by
            obvious names if not given. A speed that a recording has already stays.

    Raises: UnknownName for a fact that no recording has.

    >>> import numpy as np
    >>> made = [Recording(name=n, values=np.zeros((1, 9)), facts={"rpm": r}) for n, r in (("a", 1750), ("b", 1797))]
    >>> [one.speed for one in with_speed(Recordings(items=tuple(made))).items]
    [1750.0, 1797.0]
    """
    asked = (names,) if isinstance(names, str) else tuple(names or ())
    known = {name: None for one in recordings.items for name in one.facts}
    strange = [name for name in asked if name not in known]
    if strange:
        raise unknown("fact of these recordings", strange[0], known)
    lower = {name.lower(): name for name in reversed(known)}
    order = asked or tuple(lower[name] for name in OBVIOUS if name in lower)
    found = [_speed(one, order) for one in recordings.items]
    taken = Counter(name for _, name in found if name)
    lacking = sum(speed is None for speed, _ in found)
    if lacking:
        text = (
            f"The speed of {lacking} of {len(found)} recordings is unknown: none is used, frequency stands for order."
        )
        return replace(
            recordings,
            items=tuple(replace(one, speed=None) for one in recordings.items),
            notes=(*recordings.notes, text),
        )
    told = ", ".join(f"'{name}'" + (f" ({count})" if len(taken) > 1 else "") for name, count in taken.items())
    notes = (f"Speeds in turns a minute taken from {told}.",) if told else ()
    items = tuple(replace(one, speed=speed) for one, (speed, _) in zip(recordings.items, found, strict=True))
    return replace(recordings, items=items, notes=(*recordings.notes, *notes))


def _speed(one: Recording, names: Sequence[str]) -> tuple[float | None, str]:
    """Gives the speed and the fact it stands in; only one above 0 gives frequencies."""
    for name in names:
        try:
            value = float(one.facts.get(name, "nan"))
        except ValueError:
            continue
        if isfinite(value) and value > 0:
            return value, name
    return one.speed, ""
