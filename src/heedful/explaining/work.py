"""The work of an explanation: maps, whether they are used, whether they are true, and what that amounts to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from heedful.attention.base import CONTRACTS
from heedful.errors import OptionError
from heedful.explaining.again import trained_again
from heedful.explaining.case import Case
from heedful.explaining.planted import self_test
from heedful.explaining.truths import GRADIENTS, INPUT, JUDGED, OCCLUSION, PUSHED, VALUES, shown_map, tried_all, used_by
from heedful.explaining.verdict import verdict
from heedful.explanation import attribution
from heedful.explanation.agreement import agreement
from heedful.explanation.looks import Look, looks
from heedful.explanation.result import Explanation, Shown
from heedful.explanation.sanity import Sanity, across_seeds, against_random_labels, against_untrained
from heedful.explanation.spectrum import Bands, band_occlusion, line_occlusion
from heedful.explanation.states import pushed, value_norms
from heedful.explanation.subject import Subject

EXAMPLES = 6
"""Windows that are shown, beside the one that was asked for."""
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
        found = _looks(case, subject)
    speaking = [look for look in found if look.time is not None and look.reach is not None and look.reach.local]
    tested = speaking[-JUDGED:]
    maps = _maps(subject, speaking, tested, bill)
    asked.say("whether the weights are used")
    with bill.part("usage"):
        used = used_by(subject, asked.seed)
    with bill.part("truth"):
        truths, curves, untested = tried_all(
            subject, maps, tested, found, asked.seed, lambda name: asked.say(f"whether the map is true: {name}")
        )
    with bill.part("agreement"):
        alike = agreement(maps, subject.real.numpy(), subject.groups)
    asked.say("whether maps depend on what was learned")
    chosen = shown_map(tested, truths, used, predicts=case.predicts)
    told = next((look for look in tested if look.name == chosen), tested[-1] if tested else None)
    sane, needed = _sanity(case, subject, told, bill, asked)
    bands = _bands(case, subject, bill)
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
        found=self_test(case, asked.say) if asked.self_test else {},
        passes=bill.rows,
        notes=(*case.notes, *_left_alone(subject, speaking, tested), *untested),
    )
    return replace(made, verdict=verdict(made, predicts=case.predicts, held_out=case.held_out))


def _looks(case: Case, subject: Subject) -> tuple[Look, ...]:
    """Shows what mechanisms weigh.

    Raises: OptionError for a model without any.
    """
    if not any(isinstance(part, CONTRACTS) for part in subject.net.modules()):
        raise OptionError(
            f"{case.model} holds no attention of heedful.attention, so there are no weights to explain (gates of an "
            "article's own are not watched). Train one that does, such as cnn-lstm+additive; heedful list attention "
            "names them."
        )
    return looks(subject)


def _meant(case: Case, asked: Asked) -> Subject:
    """Settles what is explained: a class, a step of the forecast, or all of it."""
    subject = case.subject
    if asked.of_class is not None:
        code = subject.classes.index(asked.of_class)
        return replace(subject, picked=torch.full((len(subject),), code, dtype=torch.long))
    if asked.step is not None:
        return replace(subject, of=check_step(case, asked.step)).settled()
    return subject.settled()


def check_step(case: Case, step: int | None) -> tuple[int, ...]:
    """Gives the numbers of a forecast that belong to a step; none where none is asked for.

    Raises: OptionError for a step that is not there.
    """
    names = case.subject.outputs
    found = tuple(number for number, name in enumerate(names) if name.endswith(f" +{step}"))
    if step is not None and not found:
        raise OptionError(f"There is no step {step} among {', '.join(names)}. Take one of these.")
    return found


def _shown(case: Case, asked: Asked) -> tuple[Shown, ...]:
    """Shows the windows that were asked for, then some that are spread evenly."""
    spread = np.linspace(0, len(case.windows) - 1, min(EXAMPLES, len(case.windows))).round().astype(int).tolist()
    return tuple(case.show(number) for number in dict.fromkeys([*asked.shown, *spread]))


# --- maps ---------------------------------------------------------------------------------------------------------


def _maps(subject: Subject, speaking: list[Look], tested: list[Look], bill: _Bill) -> dict[str, np.ndarray]:
    """Gives all maps over samples: attention, attention as what is behind it has it, and those without attention."""
    found = {look.name: look.over_samples() for look in speaking}
    for look in tested:
        with bill.part("weights"):
            norms = value_norms(subject, look)
        if norms is not None and look.reach is not None and look.real is not None and look.lengths is not None:
            found[look.name + VALUES] = look.reach.over_samples(norms, look.real, look.lengths, look.window)
        if look.reach is not None and (look.reach.whole_past or look.reach.whole_window):
            with bill.part("pushed to the input"):
                found[look.name + PUSHED] = _array(pushed(subject, look))
    with bill.part(OCCLUSION):
        found[OCCLUSION] = _array(attribution.occlusion(subject).over_time())
    with bill.part(GRADIENTS):
        found[GRADIENTS] = _array(attribution.integrated_gradients(subject).over_time())
    with bill.part(INPUT):
        found[INPUT] = _array(attribution.gradient_input(subject).over_time())
    return found


def _left_alone(subject: Subject, speaking: list[Look], tested: list[Look]) -> Iterator[str]:
    """Says what was not tested, and what was never taken away."""
    if len(speaking) > len(tested):
        names = ", ".join(look.name for look in speaking[: -len(tested)])
        yield f"Only the last {len(tested)} maps of attention are tested, not {names}."
    if not subject.classes and any(one is not None and one.ndim == 3 for one in subject.beside):
        yield "Columns known in advance keep their values ahead: these are never taken away."


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


# --- does it depend on what was learned, and is it needed? --------------------------------------------------------


def _sanity(
    case: Case, subject: Subject, look: Look | None, bill: _Bill, asked: Asked
) -> tuple[tuple[Sanity, ...], dict[str, tuple[float, ...]]]:
    """Compares a map with those of untrained networks, and if asked of ones that are trained anew.

    Channels inside one network have no counterpart in another, so weights of these are not compared.
    """
    again = trained_again(case, subject, asked.retrain, asked.say) if asked.retrain else None
    losses = {} if again is None else again.losses
    if look is None:
        return (), losses
    own = look.over_samples()

    def mapper(other: Subject) -> np.ndarray:
        return next(one for one in looks(other) if one.name == look.name).over_samples(look.reach)

    with bill.part("untrained networks"):
        found = [
            against_untrained(subject, mapper, rebuild=case.fresh, own=own, name=look.name, seed=asked.seed),
        ]
    if again is not None:
        sets = ((across_seeds, again.seeds), (against_random_labels, again.shuffled))
        for check, others in sets:
            maps = [mapper(other) for other in others]
            found += [check(own, maps, subject.real, subject.groups, name=look.name)] if maps else []
    return tuple(found), losses


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
