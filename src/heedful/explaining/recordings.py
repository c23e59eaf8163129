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

from heedful.data.recordings import Cuts, Part, Piece, Recordings, SignalScaler, cut, read_recordings, with_speed
from heedful.data.recordings.speed import OBVIOUS
from heedful.errors import OptionError, unknown
from heedful.explaining.case import Case, Learn, blocks, enough, spread
from heedful.explanation.result import Shown
from heedful.explanation.sanity import redrawn
from heedful.explanation.subject import Subject
from heedful.models.signals import SignalShape, get
from heedful.signals.bundle import SignalBundle
from heedful.signals.jobs import own_augment, own_recipe
from heedful.signals.predicting import in_order, laid_whole, spoken
from heedful.signals.units import in_units
from heedful.train import fit
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
    known = {name.lower() for one in found.items for name in one.facts}
    if speed is None and not known & set(OBVIOUS):
        found = spoken(found, bundle, None)
    else:
        found = with_speed(found, speed)
    whole, held, told = _held_out(bundle, found)
    if chosen is not None:
        whole = whole.take(np.flatnonzero(_classes(bundle, whole) == _number(bundle, chosen)))
    enough(len(whole), f"'{found.name}'" + (f" of class {chosen}" if chosen is not None else ""))
    asked = _asked(whole, at, window)
    numbers = np.union1d(spread(len(whole), most), asked).astype(np.int64)
    case = case_of(
        whole.take(numbers),
        bundle.scaler,
        bundle.network(),
        model=bundle.model,
        classes=bundle.classes,
        temperature=bundle.temperature,
    )
    problems = [*notes, *found.notes, *map(str, found.problems), *told]
    case = replace(
        case,
        held_out=held,
        build=partial(_built, bundle),
        learn=_learner(bundle, found),
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
    )
    said = subject.undisturbed()
    worth, predicts = _of_classes(said, truth, names) if names else _of_numbers(said, truth)
    rates = {one.rate for one in cuts.recordings.items}
    rate = rates.pop() if len(rates) == 1 else None
    show = partial(_shown, cuts, names, (said / temperature).softmax(1) if names else said, rate)
    return Case(
        subject=subject,
        kind="classes" if names else "number",
        model=model,
        data=cuts.recordings.name,
        windows=tuple(_name(cuts, number, rate) for number in range(len(cuts))),
        times=(cuts.starts[:, 1:] + np.arange(cuts.window)) / (rate or 1),
        show=show,
        worth=worth,
        predicts=predicts,
        held_out=None,
        build=partial(redrawn, copy.deepcopy(net)),
        rate=rate,
        speed=None if np.isnan(cuts.speeds).all() else float(np.nanmedian(cuts.speeds)),
    )


# --- which windows ------------------------------------------------------------------------------------------------


def _reading(bundle: SignalBundle, data: Any) -> dict[str, Any]:
    """Gives the words that the training data was read by, for files; arrays bring their own."""
    return dict(bundle.facts.get("reading") or {}) if isinstance(data, str) or hasattr(data, "__fspath__") else {}


def _held_out(bundle: SignalBundle, found: Recordings) -> tuple[Cuts, bool | None, list[str]]:
    """Cuts what training did not see; everything where that is nothing."""
    numbers = {one.name: number for number, one in enumerate(found.items)}
    same = (bundle.facts.get("data") or {}).get("fingerprint") == found.fingerprint
    parts: dict[str, list[list[Any]]] = bundle.facts.get("parts") or {}
    if same and parts.get("test"):
        pieces = tuple(Piece(numbers[name], a, b) for name, a, b in parts["test"] if name in numbers)
        part = Part(recordings=found, pieces=tuple(sorted(pieces)), name="test")
        return cut(part, bundle.shape.window, bundle.shape.window), True, ["Explained: the test part of the training."]
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
    if at is not None and window is not None:
        raise OptionError("explain takes --at or --window, got both. Give one of them.")
    if window is not None:
        if not -len(cuts) <= window < len(cuts):
            raise OptionError(f"There are windows 0 to {len(cuts) - 1:,}, got {window}. Take one of these.")
        return np.array([window % len(cuts)])
    if at is None:
        return np.empty(0, dtype=np.int64)
    name, _, second = at.rpartition(":") if ":" in at else (at, "", "0")
    names = [cuts.recordings[int(number)].name for number in cuts.starts[:, 0]]
    if name not in names:
        raise unknown("recording", name, tuple(dict.fromkeys(names)))
    try:
        wanted = float(second)
    except ValueError as error:
        raise OptionError(f"--at needs RECORDING:SECONDS, got '{at}'.") from error
    own = np.flatnonzero(np.array(names) == name)
    starts = cuts.starts[own, 1] / (cuts.recordings[int(cuts.starts[own[0], 0])].rate or 1)
    nearest: np.ndarray = own[[int(np.abs(starts - wanted).argmin())]]
    return nearest


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


def _of_classes(said: Tensor, truth: Tensor, classes: Sequence[str]) -> tuple[tuple[str, ...], bool | None]:
    known = truth >= 0
    if not bool(known.any()):
        return ("The recordings have no labels, so nothing says whether these answers are right.",), None
    right = (said.argmax(1) == truth)[known].double()
    counts = torch.bincount(truth[known], minlength=len(classes))
    recalls = [float(right[truth[known] == code].mean()) for code in range(len(classes)) if counts[code]]
    share, plain = float(right.mean()), float(counts.max()) / int(known.sum())
    chance = 1 / len(recalls)
    balanced = float(np.mean(recalls))
    line = (
        f"Accuracy on these windows {share:.1%} (the largest class has {plain:.1%}); mean recall of "
        f"{len(recalls)} classes {balanced:.1%}."
    )
    margin = 2 * float(np.sqrt(chance * (1 - chance) / max(1, int(known.sum()))))
    return (line,), balanced > chance + margin if len(recalls) > 1 else share > 0.5


def _of_numbers(said: Tensor, truth: Tensor) -> tuple[tuple[str, ...], bool | None]:
    known = torch.isfinite(truth[:, 0])
    if int(known.sum()) < 2:
        return ("The recordings have no targets, so nothing says whether these answers are right.",), None
    error, spread_ = (said - truth)[known].square().mean(), truth[known].var(correction=0)
    r2 = 1 - float(error / spread_.clamp_min(1e-12))
    return (f"R2 on these windows: {r2:.3f}.",), r2 > 0


# --- training again -----------------------------------------------------------------------------------------------


def _built(bundle: SignalBundle, seed: int) -> nn.Module:
    net: nn.Module = get(bundle.model).build(bundle.shape, seed)
    return (net if bundle.classes else in_units(net)).eval()


def _like(bundle: SignalBundle, window: int, channels: int, horizon: int) -> nn.Module:  # noqa: ARG001
    net: nn.Module = get(bundle.model).build(SignalShape(channels, 2, window), 0)
    return net


def _learner(bundle: SignalBundle, found: Recordings) -> Learn | None:
    """Gives what trains such a network on the recordings that the bundle was trained on, if these hold them."""
    parts: dict[str, list[list[Any]]] = bundle.facts.get("parts") or {}
    same = (bundle.facts.get("data") or {}).get("fingerprint") == found.fingerprint
    if not same or not parts.get("train") or not bundle.classes:
        return None

    def learn(net: nn.Module, seed: int, shuffled: bool) -> nn.Module:
        source = _shuffled(found, seed) if shuffled else found
        laid = [_part(source, parts.get(name, ()), name, bundle) for name in ("train", "validation")]
        train, judged = laid[0], laid[1] if len(laid[1]) else None
        spec = get(bundle.model)
        recipe = own_recipe(spec.recipe, train)
        if shuffled or judged is None:
            # Nothing that is learned from shuffled labels holds elsewhere: the train loss chooses.
            recipe, judged = replace(recipe, watch="train"), None
        [done] = fit(
            [net],
            train,
            judged,
            scaler=bundle.scaler,
            recipe=recipe,
            seeds=[seed],
            augment=own_augment(bundle.model),
            device="cpu",
        )
        net.load_state_dict(done.state)
        return net.eval()

    return learn


def _part(found: Recordings, places: Iterable[list[Any]], name: str, bundle: SignalBundle) -> Cuts:
    numbers = {one.name: number for number, one in enumerate(found.items)}
    pieces = tuple(sorted(Piece(numbers[who], a, b) for who, a, b in places))
    return cut(Part(recordings=found, pieces=pieces, name=name), bundle.shape.window)


def _shuffled(found: Recordings, seed: int) -> Recordings:
    """Deals the labels out again among the recordings."""
    labels = [one.label for one in found.items]
    order = np.random.default_rng(seed).permutation(len(labels))
    items = [replace(one, label=labels[k]) for one, k in zip(found.items, order, strict=True)]
    return replace(found, items=tuple(items))
