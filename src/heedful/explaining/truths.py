"""Which maps are tested, against what, and which of them is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from heedful.errors import OptionError
from heedful.explanation.controls import controls
from heedful.explanation.faithfulness import Curves, Gain, gains, measured
from heedful.explanation.looks import Look
from heedful.explanation.subject import Subject
from heedful.explanation.truth import Truth, judge, tried
from heedful.explanation.units import ChannelUnits, ColumnUnits, SampleUnits, Units
from heedful.explanation.usage import Usage, usage

OCCLUSION, GRADIENTS, INPUT = "occlusion", "integrated gradients", "gradient x input"
PLAIN = (OCCLUSION, GRADIENTS, INPUT)
"""Maps that need no attention."""
PUSHED, VALUES = ", pushed to the input", ", by values"
"""What an attention map's name ends with that was made of it."""
JUDGED = 4
"""Maps of attention, and gates of channels, that are tested, at most: the last that a window passes."""

Tried = tuple[dict[str, Truth], dict[str, Curves], list[str]]


def used_by(subject: Subject, seed: int) -> Usage | None:
    """Asks whether weights are used; nothing for mechanisms whose weights cannot be changed."""
    try:
        return usage(subject, seed=seed)
    except OptionError:
        return None


def tried_all(
    subject: Subject,
    maps: Mapping[str, np.ndarray],
    tested: Sequence[Look],
    found: Sequence[Look],
    seed: int,
    say: Callable[[str], object],
) -> Tried:
    """Tests attention maps, what would be shown in their place, and weights of columns and channels.

    Args:
        say: called with the name of each map before it is tested.

    Returns: verdicts and curves by the name of the map, and what was not tested.
    """
    units = SampleUnits(subject)
    names = [look.name for look in tested]
    names += [name + PUSHED for name in names if name + PUSHED in maps]
    truths: dict[str, Truth] = {}
    curves: dict[str, Curves] = {}
    for name in (*names, OCCLUSION, GRADIENTS):
        say(name)
        truths[name], curves[name] = _tried(subject, units, maps[name], seed)
    if tested:
        name = tested[-1].name
        truths[name] = replace(truths[name], rows=(*truths[name].rows, *_by_step(subject, maps[name], seed)))
    left = []
    speaking = [look for look in found if look.channels is not None and look.channels.shape[1] > 1]
    for look in speaking[-JUDGED:]:
        those = _units_of(subject, look)
        if isinstance(those, str):
            left.append(f"Weights of {look.name} over channels are not tested: {those}.")
        elif look.channels is not None:
            name = f"{look.name}, channels"
            say(name)
            truths[name], curves[name] = _tried(subject, those, look.channels, seed)
    return truths, curves, left


def shown_map(tested: Sequence[Look], truths: Mapping[str, Truth], used: Usage | None, *, predicts: bool | None) -> str:
    """Chooses the map to show: the last attention map that is true and of weights that are used, else occlusion."""

    def in_use(look: Look) -> bool:
        # A mechanism in several pieces is asked about under the names of these.
        return used is not None and used.used is True and used.uses(look.module) is not False

    true = [look.name for look in tested if truths[look.name].true and in_use(look)]
    return true[-1] if true and predicts is not False else OCCLUSION


def _units_of(subject: Subject, look: Look) -> Units | str:
    """Gives what a look's channels are channels of, to be taken away; why not, where that cannot be."""
    if look.channels_of == "units":
        return "they are units inside a recurrence, which cannot be taken away one by one"
    if look.channels_of == "groups":
        return "one weight stands for several channels"
    if look.channels_of == "columns":
        return ColumnUnits(subject)
    return ChannelUnits(subject, subject.net.get_submodule(look.module))


def _tried(
    subject: Subject, units: Units, maps: np.ndarray, seed: int, only: Sequence[str] = ()
) -> tuple[Truth, Curves]:
    magnitude = getattr(units, "magnitude", None)
    beside = controls(
        maps,
        _array(units.real),
        subject.groups,
        axis=units.axis,
        magnitude=None if magnitude is None else _array(magnitude()),
        seed=seed,
    )
    beside = {name: several for name, several in beside.items() if not only or name in only}
    found = measured(units, maps, beside, seed=seed)
    rows = gains(found, subject.groups, parts=_parts(subject))
    truth = judge(rows) if only else tried(units, maps, rows, subject.groups, seed=seed)
    return truth, found


def _by_step(subject: Subject, maps: np.ndarray, seed: int) -> list[Gain]:
    """Tells the gains of the first and the last step of a forecast of several, over smooth random maps alone."""
    if subject.classes or subject.of or len(subject.outputs) < 2:
        return []
    rows: list[Gain] = []
    for place in (0, len(subject.outputs) - 1):
        one = replace(subject, of=(place,))
        truth, _ = _tried(one, SampleUnits(one), maps, seed, only=("smooth random",))
        rows += [replace(row, of=subject.outputs[place]) for row in truth.rows]
    return rows


def _parts(subject: Subject) -> dict[str, np.ndarray]:
    """Names the windows of each class that is said of enough of them."""
    if not subject.classes or not len(subject.picked):
        return {}
    picked = _array(subject.picked)
    return {name: picked == code for code, name in enumerate(subject.classes) if (picked == code).sum() >= 5}


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
