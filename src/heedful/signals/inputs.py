"""What the caller of a verb over recordings meant: which recordings, which parts, which windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heedful.data.recordings import (
    Check,
    Cuts,
    Parts,
    Recordings,
    check_parts,
    cut,
    folds,
    read_recordings,
    split_recordings,
    with_speed,
)
from heedful.data.recordings.dividing import read_shares
from heedful.data.recordings.speed import OBVIOUS
from heedful.errors import DataError, OptionError
from heedful.models.signals import get
from heedful.signals.baselines import SUMMARIES
from heedful.signals.result import Fold

SAMPLE = "bearings"
WHOLE = 1024
"""Recordings up to so many samples are taken whole."""
LONGEST = 2048
"""Samples of a window of longer recordings."""
FEWEST = 4
"""Windows that even a short recording should give."""
SIZES = (0.6, 0.2, 0.2)
FOLDS, ENOUGH = 3, 10
"""How often recordings are split where a class has fewer groups than so many: one split would test on one or two."""


@dataclass(frozen=True, kw_only=True)
class Cutting:
    """How recordings are parted and cut; the words of `heedful.classify`.

    Args:
        split: kind of split, as of `split_recordings` and `folds`.
        sizes: shares of train, validation and test, of a single split; others than these ask for one.
        folds: how many times to split; 1 for a single split, None for three where groups are few.
        hold_out: fact of which one value after the other is held out, in place of `folds`.
        values: those values, where not all are.
        window: samples of a window; None takes recordings whole.
        step: samples from one train window to the next.
        balance: "undersample" or "oversample" of the train windows.
        seed: of the split.
    """

    split: str = "auto"
    sizes: tuple[float, float, float] = SIZES
    folds: int | None = None
    hold_out: str | None = None
    values: tuple[str | float, ...] | None = None
    window: int | None = None
    step: int | None = None
    balance: str | None = None
    seed: int = 0

    def parts(self, recordings: Recordings) -> tuple[Parts, ...]:
        """Splits recordings before any window is cut.

        Raises: OptionError for words that do not go together; DataError for recordings that cannot be split so.
        """
        sizes = read_shares(self.sizes)
        longest = max(len(one) for one in recordings.items)
        if self.window is not None and self.window > longest:
            raise DataError(
                f"A window of {self.window:,} samples is longer than every recording, the longest of which has "
                f"{longest:,}. Give a shorter window, or none to take recordings whole."
            )
        count = self.folds or (FOLDS if sizes == SIZES and _few(recordings, self.split) else 1)
        if self.hold_out is None and count == 1:
            return (split_recordings(recordings, self.split, sizes=sizes, window=self.window, seed=self.seed),)
        if self.hold_out is not None and self.split != "auto":
            raise OptionError(
                f"Holding out values of '{self.hold_out}' is a split by itself, got split='{self.split}' too. Give one."
            )
        inner = sizes[1] / (sizes[0] + sizes[1])
        kind = "auto" if self.hold_out else self.split
        return folds(
            recordings,
            kind,
            max(2, count),
            by=self.hold_out,
            values=self.values,
            validation=inner,
            window=self.window,
            seed=self.seed,
        )

    def lay(self, parts: Sequence[Parts]) -> tuple[Fold, ...]:
        """Cuts every part of every fold into windows; those that are scored do not overlap.

        Raises: DataError for a train part with windows of one class alone, or with none that can be used.
        """
        made = []
        for one in parts:
            step = self.window if one.leaky and self.window else self.step
            train = _told(cut(one.train, self.window, step, balance=self.balance, seed=self.seed))
            _learnable(train, one.fold)
            made.append(
                Fold(
                    name=one.fold,
                    parts=one,
                    train=train,
                    validation=None if one.validation is None else _told(cut(one.validation, self.window, self.window)),
                    test=_told(cut(one.test, self.window, self.window)),
                )
            )
        return tuple(made)


def _told(cuts: Cuts) -> Cuts:
    """Leaves out windows without a target where each sample has its own.

    Raises: DataError if no window is left.
    """
    if all(one.targets is None for one in cuts.recordings.items):
        return cuts
    known = np.isfinite(cuts.targets)
    if known.all():
        return cuts
    if not known.any():
        raise DataError(
            f"No window of {cuts.part.name} ends at a sample with a target, of {len(cuts):,} windows. Give the target "
            "more of its values, or a shorter window."
        )
    note = f"{np.count_nonzero(~known):,} windows of {cuts.part.name} end at a sample without a target: left out"
    return replace(cuts.take(np.flatnonzero(known)), notes=(*cuts.notes, note))


def _learnable(train: Cuts, fold: str) -> None:
    """Raises: DataError if there is one class to learn alone."""
    held = np.unique(train.labels[train.labels >= 0])
    if train.classes and len(held) < 2:
        where = f" of '{fold}'" if fold else ""
        raise DataError(
            f"Classes can be told apart where train holds two or more, got {train.classes[held[0]]!r} alone in the "
            f"{len(train):,} train windows{where}. Split by group, give train a larger share, or hold out something "
            "that the classes share."
        )


def _few(recordings: Recordings, split: str) -> bool:
    """Says whether groups are so few that each should be tested once, and enough for that."""
    if split not in ("auto", "group") or any(one.part for one in recordings.items):
        return False
    groups: dict[str | None, set[str]] = {}
    for one in recordings.items:
        groups.setdefault(one.label, set()).add(one.group_name)
    return FOLDS <= min(map(len, groups.values())) < ENOUGH


def open_recordings(
    data: Any, label: Any, target: Any, test: Any = None, **reading: Any
) -> tuple[Recordings, tuple[str, ...]]:
    """Reads what is to be classified, or what a number is to be told of; gives also what was left out.

    Args:
        label, target: columns, or for arrays one value each; of `Recordings`, which hold theirs, a target asks for it.
        test: a second source, whose recordings are for test alone.

    Raises: DataError for recordings without labels, or with one class; OptionError for a label and a target.
    """
    if label is not None and target is not None:
        raise OptionError("classify takes a label (classes) or a target (a number), got both. Give one.")
    found = _read(SAMPLE if data is None else data, label, target, reading)
    if test is not None:
        found = _joined(found, _read(test, label, target, reading))
    if target is not None:
        kept = [replace(one, label=None) for one in found.items if one.has_target]
        what = "a target"
    else:
        kept = [one for one in found.items if one.label is not None]
        what = "a label"
    if not kept:
        raise DataError(
            f"classify needs recordings with {what}, got none in {len(found):,} of '{found.name}'. Name the column, or "
            "'folder', that holds it."
        )
    notes = [f"{problem}" for problem in found.problems]
    if len(kept) < len(found):
        notes.append(f"{len(found) - len(kept):,} recordings without {what} are left out")
    found = replace(found, items=tuple(kept))
    if target is None and len(found.classes) < 2:
        raise DataError(
            f"classify needs recordings of two classes or more, got {found.classes[0]!r} alone. Name another label, or "
            "add recordings of another class."
        )
    return found, tuple(notes)


def check_words(
    *, test: Any, split: str, folds: int | None, hold_out: str | None, target: Any, imbalance: str, known: Sequence[str]
) -> None:
    """Refuses words that do not go together, rather than leave one of them unused.

    Args:
        known: the ways to handle uneven classes.

    Raises: OptionError.
    """
    if imbalance not in known:
        raise OptionError(f"imbalance knows {', '.join(known)}, got '{imbalance}'.")
    if target is not None and imbalance not in ("auto", "none"):
        raise OptionError(
            f"imbalance is about classes, got '{imbalance}' and a target, which is a number. Leave it out."
        )
    if test is None:
        return
    odd = [f"split='{split}'"] if split not in ("auto", "given") else []
    odd += [f"folds={folds}"] if folds is not None and folds > 1 else []
    odd += [f"hold_out='{hold_out}'"] if hold_out is not None else []
    if odd:
        raise OptionError(
            f"test names the recordings that are tested, and none of them may be trained on, got {' and '.join(odd)} "
            "too. Give one or the other."
        )


def _read(data: Any, label: Any, target: Any, reading: dict[str, Any]) -> Recordings:
    if not isinstance(data, Recordings):
        return read_recordings(data, label=label, target=target, **reading)
    if label is not None:
        raise OptionError("Recordings hold their labels, got a label too. Leave it out, or set theirs.")
    return read_recordings(data, **reading)


def spoken(
    recordings: Recordings, speed: str | Sequence[str] | None, defects: Sequence[float] | None, models: Sequence[str]
) -> tuple[Recordings, tuple[str, ...]]:
    """Gives recordings the speeds of their shafts, if a model reads them, and the facts that they were taken from.

    Raises: OptionError for a speed or orders of defects that no model reads, or orders that are not above 0.
    """
    readers = [name for name in models if name != "default" and name not in SUMMARIES and get(name).reads_speed]
    if not readers:
        if speed is not None or defects is not None:
            what = "speed" if speed is not None else "defects"
            raise OptionError(
                f"{what} is for models that read the speed of the shaft, got {', '.join(models)}. Name order-envelope "
                "among the models, or leave it out."
            )
        return recordings, ()
    if defects is not None and (not defects or min(defects) <= 0):
        raise OptionError(f"defects needs orders above 0, in turns of the shaft, got {tuple(defects)}. Leave it out.")
    found = with_speed(recordings, speed)
    names = (speed,) if isinstance(speed, str) else tuple(speed or OBVIOUS)
    return found, names if any(one.speed is not None for one in found.items) else ()


def window_of(recordings: Recordings) -> int | None:
    """Chooses a window: short recordings stay whole, long ones are cut by a power of two that gives four or more.

    >>> from heedful.data.recordings import Recording
    >>> window_of(Recordings(items=(Recording(name="a", values=np.zeros((1, 120_000))),)))
    2048
    """
    lengths = np.array([len(one) for one in recordings.items])
    if lengths.max() <= WHOLE:
        return None
    quarter = max(1, int(np.median(lengths)) // FEWEST)
    return int(min(LONGEST, 2 ** int(np.log2(quarter))))


def checked(made: Sequence[Fold]) -> tuple[Check, ...]:
    """Looks for leaks in every fold; of equal findings the one with the most is told, and where."""
    worst: dict[tuple[str, str], tuple[Check, str]] = {}
    for fold in made:
        cuts = [part for part in (fold.train, fold.validation, fold.test) if part is not None]
        for one in check_parts(fold.parts, cuts):
            key = (one.kind, one.text if one.severity != "note" else "")
            if key not in worst or one.count > worst[key][0].count:
                worst[key] = (one, fold.name)
    bad = {kind for (kind, _), (one, _) in worst.items() if one.severity != "note"}
    kept = [(one, name) for (kind, _), (one, name) in worst.items() if one.severity != "note" or kind not in bad]
    several = len(made) > 1
    return tuple(
        replace(one, text=f"{name}: {one.text}") if several and name and one.severity != "note" else one
        for one, name in kept
    )


def _joined(train: Recordings, test: Recordings) -> Recordings:
    """Puts two sources together, each for its part."""
    items = [
        replace(one, name=f"{part}/{one.name}", part=part, group=one.group)
        for part, source in (("train", train), ("test", test))
        for one in source.items
    ]
    return Recordings(
        items=tuple(items),
        name=f"{train.name} and {test.name}",
        notes=(*train.notes, *test.notes),
        problems=(*train.problems, *test.problems),
    )
