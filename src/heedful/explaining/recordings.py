"""Recordings to be explained: windows that training did not see, seconds, and what the model is worth there."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.recordings import (
    Augment,
    Cuts,
    Part,
    Piece,
    Recordings,
    SignalScaler,
    cut,
    read_recordings,
    with_speed,
)
from heedful.data.recordings.speed import OBVIOUS
from heedful.errors import OptionError, unknown
from heedful.explaining.case import JUDGED, Case, Learn, blocks, enough, numbered, spread
from heedful.explaining.worth import of_classes, of_numbers
from heedful.explanation.result import Shown
from heedful.explanation.sanity import redrawn
from heedful.explanation.subject import Subject
from heedful.models.signals import Ensemble, SignalShape, get
from heedful.signals.bundle import SignalBundle
from heedful.signals.jobs import own_augment, own_recipe, weigh
from heedful.signals.predicting import in_order, laid_whole, spoken
from heedful.signals.units import in_units
from heedful.train import Recipe, fit
from heedful.train.feed import reads_speed
from heedful.train.signals import Signals, feed_of

_CPU = torch.device("cpu")
_GROUPS = 6
"""Groups from which on windows are grouped by them; of fewer, recordings or stretches of time are taken."""


def read(
    bundle: SignalBundle,
    data: Any,
    *,
    most: int,
    window: int | None = None,
    at: str | None = None,
    chosen: str | None = None,
    speed: str | Sequence[str] | None = None,
    **reading: Any,
) -> tuple[Case, tuple[int, ...]]:
    """Reads recordings as the bundle was trained on, and takes the windows that are explained.

    Args:
        most: windows at most, evenly over what was held out.
        window: number of the window to show, among all; negative ones count from the last.
        at: recording of the window to show, with a colon and seconds (samples where no rate is known) behind it.
        chosen: class of the windows that are explained, and that is meant in all of them.
        speed: fact that holds the speed of the shaft.
        reading: further words of `read_recordings`; those of the training by default.

    Returns: the case, and the numbers of the windows that were asked for, none if none was.
    Raises:  DataError for recordings that cannot be read or are too few; OptionError for a window that is not there;
        UnknownName for an unknown class.
    """
    words = {"rate": bundle.shape.rate, "unlabelled": "keep", **_reading(bundle, data), **reading}
    found, notes = in_order(read_recordings(data, **words), data, bundle, words)
    plain, found = found, _with_speeds(found, bundle, speed)
    # What is known of a recording is part of its fingerprint: speeds too, where they were read in training.
    trained = (bundle.facts.get("data") or {}).get("fingerprint")
    same = trained is not None and trained in (plain.fingerprint, found.fingerprint)
    whole, held, told = _held_out(bundle, found, same=same, files=_is_place(data))
    told_by = partial(
        case_of, scaler=bundle.scaler, model=bundle.model, classes=bundle.classes, temperature=bundle.temperature
    )
    # What a network is worth is told of all that was held out, not of the windows or the class that are explained.
    judged = told_by(whole.take(spread(len(whole), JUDGED)), net=bundle.network())
    if chosen is not None:
        own = _classes(bundle, whole) == _number(bundle, chosen)
        whole = whole.take(np.flatnonzero(own)) if own.any() or judged.predicts is not None else whole
    unseen = ", of what training did not see" if held else ""
    enough(len(whole), f"'{found.name}'{unseen}" + (f", of class {chosen}" if chosen is not None else ""))
    asked = _asked(whole, at, window)
    numbers = np.union1d(spread(len(whole), most), asked).astype(np.int64)
    case = told_by(whole.take(numbers), net=bundle.network())
    case = replace(case, worth=judged.worth, predicts=judged.predicts)
    problems = [*notes, *found.notes, *map(str, found.problems), *told, *_strange(bundle, found)]
    case = replace(
        case,
        held_out=held,
        build=partial(_built, bundle),
        learn=_learner(bundle, found, same=same),
        like=partial(_like, bundle),
        notes=tuple(problems),
    )
    return case, tuple(np.searchsorted(numbers, asked).tolist())


def case_of(
    cuts: Cuts,
    scaler: SignalScaler,
    net: nn.Module,
    *,
    model: str,
    classes: Sequence[str] | None = None,
    temperature: float = 1.0,
) -> Case:
    """Gives the case of a network and windows of recordings.

    Args:
        net: a network of its own, in eval mode.
        classes: in the order of its scores, none if it gives a number; by default those of the recordings.
        temperature: what scores are divided by before they become probabilities.
    """
    names = tuple(cuts.classes if classes is None else classes)
    gathered = cast("Signals", feed_of(cuts, scaler, _CPU, net, resident=False).gather(np.arange(len(cuts))))
    truth = gathered.y.unsqueeze(1) if not names else torch.from_numpy(_numbered(cuts, names))
    beside: list[Tensor | None] = [gathered.lengths] if gathered.speed is None else [gathered.lengths, gathered.speed]
    subject = Subject(
        net=net,
        x=gathered.x,
        beside=tuple(beside),
        truth=truth,
        classes=names,
        outputs=names or ("target",),
        columns=cuts.recordings.channels,
        groups=_groups(cuts),
        point=lambda raw: raw / temperature if names else raw,
    )
    said = subject.undisturbed()
    worth = (
        of_classes(said.argmax(1).numpy(), truth.numpy(), subject.groups, names)
        if names
        else of_numbers(said[:, 0].numpy(), truth[:, 0].numpy(), subject.groups)
    )
    rates = {one.rate for one in cuts.recordings.items}
    rate = rates.pop() if len(rates) == 1 else None
    show = partial(_shown, cuts, names, said.softmax(1) if names else said, rate)
    return Case(
        subject=subject,
        kind="classes" if names else "number",
        model=model,
        data=cuts.recordings.name,
        windows=tuple(_name(cuts, number, rate) for number in range(len(cuts))),
        times=(cuts.starts[:, 1:] + np.arange(cuts.window)) / (rate or 1),
        show=show,
        worth=worth.lines,
        predicts=worth.predicts,
        held_out=None,
        build=partial(redrawn, copy.deepcopy(net)),
        rate=rate,
        speed=None if np.isnan(cuts.speeds).all() else float(np.nanmedian(cuts.speeds)),
    )


# --- which windows ------------------------------------------------------------------------------------------------


def _reading(bundle: SignalBundle, data: Any) -> dict[str, Any]:
    """Gives the words that the training data was read by, for files; arrays bring their own."""
    return dict(bundle.facts.get("reading") or {}) if _is_place(data) else {}


def _is_place(data: Any) -> bool:
    return isinstance(data, str) or hasattr(data, "__fspath__")


def _with_speeds(found: Recordings, bundle: SignalBundle, speed: str | Sequence[str] | None) -> Recordings:
    """Gives recordings their speeds: those that the model reads, else those that are named or have obvious names."""
    if reads_speed(bundle.ready):
        return spoken(found, bundle, speed)
    known = {name.lower() for one in found.items for name in one.facts}
    return found if speed is None and not known & set(OBVIOUS) else with_speed(found, speed)


def _strange(bundle: SignalBundle, found: Recordings) -> list[str]:
    """Names the labels that are no classes of the bundle."""
    strange = [name for name in found.classes if name not in bundle.classes] if bundle.classes else []
    if not strange:
        return []
    return [f"{bundle.model} knows no class {', '.join(strange)}: of windows with this label the truth is unknown."]


def _held_out(
    bundle: SignalBundle, found: Recordings, *, same: bool, files: bool
) -> tuple[Cuts, bool | None, list[str]]:
    """Cuts what training did not see; everything where that is nothing, or where names do not tell."""
    numbers = {one.name: number for number, one in enumerate(found.items)}
    parts: dict[str, list[list[Any]]] = bundle.facts.get("parts") or {}
    if same and parts.get("test"):
        pieces = tuple(Piece(numbers[name], a, b) for name, a, b in parts["test"] if name in numbers)
        part = Part(recordings=found, pieces=tuple(sorted(pieces)), name="test")
        return cut(part, bundle.shape.window, bundle.shape.window), True, ["Explained: the test part of the training."]
    if not same and not files and all(name.isdecimal() for name in numbers):
        told = "Arrays have no names, so nothing says whether training saw them."
        return laid_whole(found, bundle), None, [told]
    seen = set(bundle.scaler.recordings) | {name for name, *_ in parts.get("validation", ())}
    new = [number for name, number in numbers.items() if name not in seen]
    if same or not new:
        told = "Training saw these recordings: what holds for them may fail on new ones."
        return laid_whole(found, bundle), False, [told]
    known = len(numbers) - len(new)
    told = f"{known} recordings of names that training saw are left out." if known else ""
    part = Part(recordings=found, pieces=tuple(Piece(n, 0, len(found.items[n])) for n in new), name="test")
    laid = laid_whole(found, bundle) if not known else cut(part, bundle.shape.window, bundle.shape.window)
    return laid, True, [told] if told else []


def _asked(cuts: Cuts, at: str | None, window: int | None) -> np.ndarray:
    """Finds the window to show: by its recording and second, or by its number."""
    if at is None or window is not None:
        return numbered(len(cuts), at, window)
    name, _, second = at.rpartition(":") if ":" in at else (at, "", "0")
    names = [cuts.recordings[int(number)].name for number in cuts.starts[:, 0]]
    if name not in names:
        raise unknown("recording", name, tuple(dict.fromkeys(names)))
    try:
        wanted = float(second)
    except ValueError as error:
        raise OptionError(f"--at needs RECORDING:SECONDS, got '{at}'.") from error
    own = np.flatnonzero(np.array(names) == name)
    place = wanted * (cuts.recordings[int(cuts.starts[own[0], 0])].rate or 1)
    first = cuts.starts[own, 1]
    holds = (first <= place) & (place < first + cuts.lengths[own])
    if not holds.any():
        raise OptionError(
            f"No explained window of '{name}' holds {second}; they begin at {first.min()} and end at "
            f"{int((first + cuts.lengths[own]).max())} samples. Take a moment within."
        )
    found: np.ndarray = own[holds][:1]
    return found


def _groups(cuts: Cuts) -> np.ndarray:
    """Groups windows by machine, patient or bearing; where these are few by recording, where these are few in time."""
    if len(set(cuts.groups.tolist())) >= _GROUPS:
        return blocks(cuts.groups, most=_GROUPS)
    return blocks(cuts.starts[:, 0])


# --- classes ------------------------------------------------------------------------------------------------------


def _numbered(cuts: Cuts, classes: Sequence[str]) -> np.ndarray:
    """Gives the class of every window by its number among those of the network; -1 where it is unknown."""
    own = {name: number for number, name in enumerate(classes)}
    table = np.array([own.get(name, -1) for name in cuts.classes] + [-1], dtype=np.int64)
    numbered: np.ndarray = table[cuts.labels]
    return numbered


def _classes(bundle: SignalBundle, cuts: Cuts) -> np.ndarray:
    return _numbered(cuts, bundle.classes)


def _number(bundle: SignalBundle, chosen: str) -> int:
    if not bundle.classes:
        raise OptionError(f"{bundle.model} gives a number, asked for class {chosen}. Leave the class out.")
    if chosen not in bundle.classes:
        raise unknown("class", chosen, bundle.classes)
    return bundle.classes.index(chosen)


# --- how they are told --------------------------------------------------------------------------------------------


def _name(cuts: Cuts, number: int, rate: float | None) -> str:
    record, start = cuts.starts[number].tolist()
    name = cuts.recordings[record].name
    if int((cuts.starts[:, 0] == record).sum()) == 1 and start == 0:
        return name
    return f"{name}, {start / rate:.4g} s" if rate else f"{name}, sample {start:,}"


def _shown(cuts: Cuts, classes: Sequence[str], said: Tensor, rate: float | None, number: int) -> Shown:
    x, lengths = cuts.read(np.array([number]))
    values = np.where(np.arange(cuts.window)[:, None] < lengths[0], x[0], np.nan)
    place = cuts.starts[number, 1] + np.arange(cuts.window)
    own: dict[str, Any] = {"said": said[number].numpy().reshape(1, -1), "truth": cuts.targets[[number]].reshape(1, 1)}
    if classes:
        truth = int(_numbered(cuts, classes)[number])
        best = int(said[number].argmax())
        own = {
            "said": classes[best],
            "truth": classes[truth] if truth >= 0 else None,
            "probability": float(said[number, best]),
        }
    return Shown(
        name=_name(cuts, number, rate),
        number=number,
        times=place / rate if rate else place,
        unit="seconds" if rate else "samples",
        values=values,
        **own,
    )


# --- training again -----------------------------------------------------------------------------------------------


def _built(bundle: SignalBundle, seed: int) -> nn.Module:
    net: nn.Module = get(bundle.model).build(bundle.shape, seed)
    return (net if bundle.classes else in_units(net)).eval()


def _like(bundle: SignalBundle, window: int, channels: int, horizon: int) -> nn.Module:  # noqa: ARG001
    net: nn.Module = get(bundle.model).build(SignalShape(channels, 2 if bundle.classes else 0, window), 0)
    return net


def _learner(bundle: SignalBundle, found: Recordings, *, same: bool) -> Learn | str:
    """Gives what trains such a network on the recordings that the bundle was trained on; else why that cannot be."""
    parts: dict[str, list[list[Any]]] = bundle.facts.get("parts") or {}
    if not bundle.classes:
        return "networks that give a number are not trained again here. Leave it out"
    if not same or not parts.get("train"):
        return (
            "these are not the recordings that the model was trained on, with their train part. Give these recordings, "
            "or leave it out"
        )

    def learn(net: nn.Module, seed: int, shuffled: bool) -> nn.Module:
        source = shuffle_labels(found, seed) if shuffled else found
        facts = bundle.facts
        train = _part(source, parts["train"], "train", bundle, **facts.get("laid", {}))
        held = parts.get("validation")
        judged = _part(source, held, "validation", bundle) if held else None
        recipe = Recipe(**facts["recipe"]) if "recipe" in facts else own_recipe(get(bundle.model).recipe, train)
        augment = own_augment(bundle.model)
        if "augment" in facts:
            augment = Augment(**facts["augment"]) if facts["augment"] else None
        weigh(net, train, facts.get("imbalance", "none"))
        if shuffled or judged is None:
            # Nothing that is learned from shuffled labels holds elsewhere: the train loss chooses.
            recipe, judged = replace(recipe, watch="train"), None
        members = list(net.members) if isinstance(net, Ensemble) else [net]
        fits = fit(
            members,
            train,
            judged,
            scaler=bundle.scaler,
            recipe=recipe,
            seeds=[len(members) * seed + number for number in range(len(members))],
            augment=augment,
            device="cpu",
        )
        for member, done in zip(members, fits, strict=True):
            member.load_state_dict(done.state)
        return net.eval()

    return learn


def _part(found: Recordings, places: Iterable[list[Any]], name: str, bundle: SignalBundle, **laid: Any) -> Cuts:
    numbers = {one.name: number for number, one in enumerate(found.items)}
    pieces = tuple(sorted(Piece(numbers[who], a, b) for who, a, b in places))
    return cut(Part(recordings=found, pieces=pieces, name=name), bundle.shape.window, **laid)


def shuffle_labels(found: Recordings, seed: int) -> Recordings:
    """Deals the labels out again among the recordings, so that about as many keep theirs as by chance.

    Raises: OptionError for fewer than four recordings a class: dealt again, their labels only change names.
    """
    labels = [one.label for one in found.items]
    if len(labels) < 4 * len(set(labels)):
        raise OptionError(
            f"Shuffled labels need four recordings of each class, got {len(labels)} of {len(set(labels))} classes: "
            "dealt out again they would only change names."
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    items = [replace(one, label=labels[k]) for one, k in zip(found.items, order, strict=True)]
    return replace(found, items=tuple(items))
