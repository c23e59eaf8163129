"""The work of an explanation: maps, whether they are used, whether they are true, and what that amounts to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from heedful.errors import OptionError
from heedful.explaining.case import Case
from heedful.explaining.verdict import verdict
from heedful.explanation import attribution
from heedful.explanation.agreement import agreement
from heedful.explanation.controls import controls
from heedful.explanation.faithfulness import Curves, gains, measured
from heedful.explanation.looks import Look, looks
from heedful.explanation.result import Explanation, Shown
from heedful.explanation.sanity import Sanity, across_seeds, against_random_labels, against_untrained
from heedful.explanation.spectrum import Bands, band_occlusion, line_occlusion
from heedful.explanation.states import pushed
from heedful.explanation.subject import Subject
from heedful.explanation.truth import Truth, judge
from heedful.explanation.units import ChannelUnits, ColumnUnits, SampleUnits, Units
from heedful.explanation.usage import Usage, usage

OCCLUSION, GRADIENTS, INPUT = "occlusion", "integrated gradients", "gradient x input"
EXAMPLES = 6
"""Windows that are shown, beside the one that was asked for."""
JUDGED = 4
"""Maps of attention, and channel gates, that are tested, at most; the first that a window passes."""
SPECTRUM = 256
"""Samples from which on a spectrum has bands worth taking away."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is wanted of an explanation; the words of `explain`.

    Args:
        shown: numbers of the windows that were asked for.
    """

    shown: tuple[int, ...] = ()
    of_class: str | None = None
    step: int | None = None
    retrain: int = 0
    self_test: bool = False
    seed: int = 0
    say: Callable[[str], object] = lambda _: None


@dataclass
class _Bill:
    """Counts what each part of the work costs."""

    subject: Subject
    rows: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        before = self.subject.meter.passed
        yield
        self.rows[name] = self.rows.get(name, 0) + self.subject.meter.passed - before


def explained(case: Case, asked: Asked) -> Explanation:
    """Does all the work on one case.

    Raises: OptionError for a model without attention, or a class or step that is not there.
    """
    subject = _meant(case, asked)
    bill = _Bill(subject)
    asked.say(f"{len(subject)} windows of {subject.window} samples: what it looks at")
    with bill.part("weights"):
        found = looks(subject)
    speaking = [look for look in found if look.time is not None and look.reach is not None and look.reach.local]
    maps = _maps(subject, speaking, bill)
    asked.say("whether the weights are used")
    with bill.part("usage"):
        used = _usage(subject, asked.seed)
    asked.say("whether the maps are true")
    truths, curves = _truths(subject, maps, _tested(speaking), bill, asked.seed)
    truths, curves = _others(subject, found, truths, curves, bill, asked.seed)
    with bill.part("agreement"):
        alike = agreement(maps, subject.real.numpy(), subject.groups)
    asked.say("whether maps depend on what was learned")
    sane, needed = _sanity(case, subject, speaking, maps, bill, asked)
    bands = _bands(case, subject, bill)
    chosen = _chosen(maps, truths, _tested(speaking), used)
    made = Explanation(
        model=case.model,
        kind=case.kind,
        data=case.data,
        columns=subject.columns,
        outputs=subject.outputs,
        classes=subject.classes,
        worth=case.worth,
        shown=_shown(case, asked),
        windows=case.windows,
        times=case.times,
        real=subject.real.numpy(),
        looks=found,
        reaches={look.name: look.reach for look in found if look.reach is not None},
        maps=maps,
        chosen=chosen,
        column_maps=_columns(subject, found, bill),
        usage=used,
        truths=truths,
        curves=curves,
        agreements=alike,
        sanity=sane,
        bands=bands,
        defects=case.defects,
        needed=needed,
        found=_planted(case, asked),
        passes=bill.rows,
        notes=case.notes,
    )
    return replace(made, verdict=verdict(made, predicts=case.predicts, held_out=case.held_out))


def _meant(case: Case, asked: Asked) -> Subject:
    """Settles what is explained: a class, a step of the forecast, or all of it."""
    subject = case.subject
    if asked.of_class is not None:
        code = subject.classes.index(asked.of_class)
        return replace(subject, picked=torch.full((len(subject),), code, dtype=torch.long))
    if asked.step is not None:
        names = [number for number, name in enumerate(subject.outputs) if name.endswith(f" +{asked.step}")]
        if not names:
            raise OptionError(f"There is no step {asked.step} among {', '.join(subject.outputs)}. Take one of these.")
        return replace(subject, of=tuple(names))
    return subject.settled()


def _shown(case: Case, asked: Asked) -> tuple[Shown, ...]:
    """Shows the windows that were asked for, then some that are spread evenly."""
    spread = np.linspace(0, len(case.windows) - 1, min(EXAMPLES, len(case.windows))).round().astype(int).tolist()
    return tuple(case.show(number) for number in dict.fromkeys([*asked.shown, *spread]))


# --- maps ---------------------------------------------------------------------------------------------------------


def _maps(subject: Subject, speaking: list[Look], bill: _Bill) -> dict[str, np.ndarray]:
    """Gives all maps over samples: attention, attention pushed through what stands before it, and those without."""
    found = {look.name: look.over_samples() for look in speaking}
    for look in _tested(speaking):
        if look.reach is not None and (look.reach.whole_past or look.reach.whole_window):
            with bill.part("pushed to the input"):
                found[f"{look.name}, pushed to the input"] = _array(pushed(subject, look))
    with bill.part(OCCLUSION):
        found[OCCLUSION] = _array(attribution.occlusion(subject).over_time())
    with bill.part(GRADIENTS):
        found[GRADIENTS] = _array(attribution.integrated_gradients(subject).over_time())
    with bill.part(INPUT):
        found[INPUT] = _array(attribution.gradient_input(subject).over_time())
    return found


def _tested(speaking: list[Look]) -> list[Look]:
    return speaking[:JUDGED]


def _columns(subject: Subject, found: tuple[Look, ...], bill: _Bill) -> dict[str, np.ndarray]:
    """Gives maps over columns: weights that stand on them, and integrated gradients."""
    if len(subject.columns) < 2:
        return {}
    own = {look.name: look.channels for look in found if look.on_columns and look.channels is not None}
    with bill.part("columns"):
        each = attribution.integrated_gradients(subject, steps=16)
    return {**own, GRADIENTS: _array(each.over_columns())}


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


# --- is it used, is it true? --------------------------------------------------------------------------------------


def _usage(subject: Subject, seed: int) -> Usage | None:
    """Asks whether weights are used; nothing for mechanisms whose weights cannot be changed."""
    try:
        return usage(subject, seed=seed)
    except OptionError:
        return None


def _truths(
    subject: Subject, maps: Mapping[str, np.ndarray], tested: list[Look], bill: _Bill, seed: int
) -> tuple[dict[str, Truth], dict[str, Curves]]:
    """Tests attention maps and what would be shown in their place."""
    units, truths, curves = SampleUnits(subject), {}, {}
    names = [look.name for look in tested]
    names += [f"{name}, pushed to the input" for name in names if f"{name}, pushed to the input" in maps]
    for name in (*names, OCCLUSION, GRADIENTS):
        with bill.part("truth"):
            truths[name], curves[name] = _tried(subject, units, maps[name], seed)
    return truths, curves


def _others(
    subject: Subject,
    found: tuple[Look, ...],
    truths: dict[str, Truth],
    curves: dict[str, Curves],
    bill: _Bill,
    seed: int,
) -> tuple[dict[str, Truth], dict[str, Curves]]:
    """Tests weights of columns and of channels deep in the network, by taking these away."""
    speaking = [look for look in found if look.channels is not None and look.channels.shape[1] > 1]
    for look in speaking[:JUDGED]:
        if look.channels is None:
            continue
        units: Units = ColumnUnits(subject) if look.on_columns else ChannelUnits(subject, _module(subject, look))
        if units.real.shape != look.channels.shape:
            continue  # groups of channels
        with bill.part("truth of channels"):
            name = f"{look.name}, channels"
            truths[name], curves[name] = _tried(subject, units, look.channels, seed)
    return truths, curves


def _module(subject: Subject, look: Look) -> torch.nn.Module:
    return subject.net.get_submodule(look.module)


def _tried(subject: Subject, units: Units, maps: np.ndarray, seed: int) -> tuple[Truth, Curves]:
    real = _array(units.real)
    magnitude = getattr(units, "magnitude", None)
    beside = controls(
        maps,
        real,
        subject.groups,
        axis=getattr(units, "axis", "time"),
        magnitude=None if magnitude is None else _array(magnitude()),
        seed=seed,
    )
    found = measured(units, maps, beside, seed=seed)
    return judge(gains(found, subject.groups, parts=_parts(subject))), found


def _parts(subject: Subject) -> dict[str, np.ndarray]:
    """Names the windows of each class that is said of enough of them."""
    if not subject.classes or not len(subject.picked):
        return {}
    picked = subject.picked.numpy()
    return {name: picked == code for code, name in enumerate(subject.classes) if (picked == code).sum() >= 5}


def _chosen(maps: Mapping[str, np.ndarray], truths: Mapping[str, Truth], tested: list[Look], used: Usage | None) -> str:
    """Chooses the map to show: the last attention map that is true and of weights that are used, else occlusion."""

    def idle(look: Look) -> bool:
        return used is not None and (used.uses(look.module) is False or used.used is False)

    true = [look.name for look in tested if truths[look.name].true and not idle(look)]
    return true[-1] if true else OCCLUSION if OCCLUSION in maps else next(iter(maps))


# --- does it depend on what was learned, and is it needed? --------------------------------------------------------


def _sanity(
    case: Case,
    subject: Subject,
    speaking: list[Look],
    maps: Mapping[str, np.ndarray],
    bill: _Bill,
    asked: Asked,
) -> tuple[tuple[Sanity, ...], dict[str, tuple[float, ...]]]:
    """Compares the attention map with those of untrained networks, and if asked of ones that are trained anew."""
    if not speaking:
        return (), {}
    last = speaking[-1]

    def mapper(other: Subject) -> np.ndarray:
        return next(look for look in looks(other) if look.name == last.name).over_samples(last.reach)

    with bill.part("untrained networks"):
        found = [
            against_untrained(subject, mapper, rebuild=case.fresh, own=maps[last.name], name=last.name, seed=asked.seed)
        ]
    if not asked.retrain:
        return tuple(found), {}
    if case.learn is None:
        raise OptionError(
            "--retrain needs the data that the model was trained on, with its train part, and got others. Give the "
            "same table or folder, or leave --retrain out."
        )
    from heedful.explaining.again import trained_again

    again = trained_again(case, subject, asked.retrain, asked.say)
    own, real = maps[last.name], subject.real
    if len(again.seeds) > 0:
        found.append(across_seeds(own, [mapper(one) for one in again.seeds], real, subject.groups, name=last.name))
    if len(again.shuffled) > 1:
        others = [mapper(one) for one in again.shuffled]
        found.append(against_random_labels(own, others, real, subject.groups, name=last.name))
    return tuple(found), again.losses


def _bands(case: Case, subject: Subject, bill: _Bill) -> tuple[Bands, ...]:
    """Takes frequencies away, of recordings with a rate."""
    if case.rate is None or subject.window < SPECTRUM:
        return ()
    with bill.part("spectrum"):
        found = [band_occlusion(subject, case.rate)]
        if case.defects:
            found.append(band_occlusion(subject, case.rate, envelope=True))
            lines = {name: at for name, at in case.defects if case.rate / subject.window < at < case.rate / 2}
            if lines:
                # The third harmonic of one race often lies upon the second of the other.
                found.append(line_occlusion(subject, case.rate, lines, harmonics=2))
    return tuple(found)


def _planted(case: Case, asked: Asked) -> dict[str, float]:
    if not asked.self_test:
        return {}
    from heedful.explaining.planted import self_test

    return self_test(case, asked.say)
