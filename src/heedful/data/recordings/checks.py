"""Looks for what makes scores of recordings worth nothing: shared groups, overlaps, copies, classes told by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heedful.data.recordings.copies import copies
from heedful.data.recordings.cuts import Cuts
from heedful.data.recordings.noun import Recording, Recordings
from heedful.data.recordings.pieces import Part, Parts
from heedful.data.recordings.usable import unchanging

SEVERITIES = ("error", "warning", "note")
_ENOUGH = 3
# Share of copies above which scores are worth nothing; a few in a large archive move them by less than a seed does.
_MANY = 0.01
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked for.

    Args:
        kind: "groups", "intervals", "duplicates", "classes", "coincide", "rates", "gain", "constant" or
            "few".
        severity: "error" makes scores worth nothing, "warning" says what they measure instead, "note" was looked for
            and is fine.
        text: what was found.
        advice: what to do about it; empty if nothing is to be done.
        count: how many there are.
    """

    kind: str
    severity: str
    text: str
    advice: str = ""
    count: int = 0

    def __str__(self) -> str:
        return f"{self.kind}: {self.text} {self.advice}".rstrip()


def check_parts(parts: Parts, cuts: Sequence[Cuts] = ()) -> tuple[Check, ...]:
    """Counts groups, intervals and exact copies that parts share, and names classes that something else gives away.

    The first three checks are always there, with a count of 0 if all is well; the others only if they found something.
    Errors come first, then warnings, then notes.

    Args:
        cuts: windows of the parts; without them pieces are compared.

    >>> from heedful.data.recordings import Recordings, Recording, split_recordings
    >>> pairs = zip("abcdef", "xxxyyy", strict=True)
    >>> made = [Recording(name=n, values=np.arange(9.0)[None] * ord(n), label=label) for n, label in pairs]
    >>> for found in check_parts(split_recordings(Recordings(items=tuple(made)))):
    ...     print(found)
    groups: none of 6 groups lies in test and in another part.
    intervals: none of 4 pieces of validation and test overlaps a piece of another part.
    duplicates: none of 4 pieces of validation and test is an exact copy of one in another part.
    """
    recordings = parts.train.recordings
    units = {laid.part.name: _of_cuts(laid) for laid in cuts} if cuts else {p.name: _of_part(p) for p in parts}
    word = "window" if cuts else "piece"
    found = [_groups(parts), _intervals(units, word), _duplicates(recordings, units, word)]
    found += [*_classes(parts), *_coincide(recordings), *_rates(recordings), *_gain(recordings)]
    found += [*_constant(recordings), *_few(recordings)]
    return tuple(sorted(found, key=lambda one: SEVERITIES.index(one.severity)))


# --- what parts share -----------------------------------------------------------------------------


def _groups(parts: Parts) -> Check:
    test = set(parts.test.groups)
    others = set(parts.train.groups) | set(parts.validation.groups if parts.validation else ())
    both = sorted(test & others)
    total = len(test | others)
    if not both:
        text = f"none of {total:,} groups lies in test and in another part."
        inner = set(parts.train.groups) & set(parts.validation.groups) if parts.validation else ()
        text += f" {len(inner):,} lie in train and in validation, which only chooses." if inner else ""
        return Check(kind="groups", severity="note", text=text)
    recordings = parts.train.recordings
    labels = {one.label or "" for one in recordings.items if one.group_name in set(both)}
    meant = parts.kind in ("time", "value") or labels <= set(parts.in_time)
    return Check(
        kind="groups",
        severity="warning" if meant and not parts.leaky else "error",
        text=f"{len(both):,} of {total:,} groups lie in test and in another part ({_few_of(both)}).",
        advice="Scores of these groups say nothing about new ones. Split by group, or bring more groups."
        if not labels <= set(parts.in_time)
        else f"Scores of {_few_of(sorted(labels))} measure recordings; bring more groups of these classes.",
        count=len(both),
    )


def _of_cuts(cuts: Cuts) -> np.ndarray:
    """Gives recording, start and stop of every window (n, 3); one that is repeated once."""
    stops = cuts.starts[:, 1] + cuts.lengths
    return np.unique(np.column_stack([cuts.starts, stops]), axis=0)


def _of_part(part: Part) -> np.ndarray:
    return np.array(part.pieces, dtype=np.int64).reshape(-1, 3)


def _later(units: Mapping[str, np.ndarray], word: str) -> str:
    """Counts what is held against earlier parts."""
    names = [name for name in ("validation", "test") if len(units.get(name, ()))]
    total = sum(len(units[name]) for name in names)
    return f"{total:,} {word}{'' if total == 1 else 's'} of {' and '.join(names) or 'test'}"


def _intervals(units: Mapping[str, np.ndarray], word: str) -> Check:
    earlier, count = units["train"], 0
    for name in ("validation", "test"):
        if name in units:
            count += int(_overlapping(earlier, units[name]).sum())
            earlier = np.concatenate([earlier, units[name]])
    if not count:
        text = f"none of {_later(units, word)} overlaps a {word} of another part."
        return Check(kind="intervals", severity="note", text=text)
    return Check(
        kind="intervals",
        severity="error",
        text=f"{count:,} of {_later(units, word)} share samples with a {word} of another part.",
        advice="The scores are leaky: they measure what was learned by heart. Split the recordings, then cut.",
        count=count,
    )


def _overlapping(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Tells which stretches of the second (n, 3) share samples with one of the first."""
    found = np.zeros(len(second), dtype=bool)
    for number in np.intersect1d(first[:, 0], second[:, 0]):
        known = first[first[:, 0] == number]
        known = known[np.argsort(known[:, 1])]
        own = np.flatnonzero(second[:, 0] == number)
        before = np.searchsorted(known[:, 1], second[own, 2], side="left")
        reach = np.r_[np.iinfo(np.int64).min, np.maximum.accumulate(known[:, 2])]
        found[own] = reach[before] > second[own, 1]
    return found


def _duplicates(recordings: Recordings, units: Mapping[str, np.ndarray], word: str) -> Check:
    count, pairs = copies(recordings, units)
    if not count:
        text = f"none of {_later(units, word)} is an exact copy of one in another part."
        return Check(kind="duplicates", severity="note", text=text)
    return Check(
        kind="duplicates",
        severity="error" if count > _MANY * sum(len(units[name]) for name in units if name != "train") else "warning",
        text=f"{count:,} of {_later(units, word)} are exact copies of one in another part ({_few_of(pairs)}).",
        advice="Keep one of each, or give both the same group.",
        count=count,
    )


# --- what gives a class away ----------------------------------------------------------------------


def _classes(parts: Parts) -> list[Check]:
    train, test = set(parts.train.labels), set(parts.test.labels)
    found = []
    if test - train:
        found.append(
            Check(
                kind="classes",
                severity="error",
                text=f"{_few_of(sorted(test - train))} in test but not in train: no model can know it.",
                advice="Bring more groups of each class, or leave the class out.",
                count=len(test - train),
            )
        )
    if train - test and parts.test.pieces:
        found.append(
            Check(
                kind="classes",
                severity="warning",
                text=f"{_few_of(sorted(train - test))} in train but not in test: its scores are unknown.",
                advice="Bring more groups of each class, or use folds.",
                count=len(train - test),
            )
        )
    return found


def _groups_of(recordings: Recordings) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {label: set() for label in recordings.classes}
    for one in recordings.items:
        if one.label is not None:
            found[one.label].add(one.group_name)
    return found


def _coincide(recordings: Recordings) -> list[Check]:
    own = _groups_of(recordings)
    if len(own) < 2 or any(len(groups) != 1 for groups in own.values()):
        return []
    word = "recording" if len(recordings) == len(own) else "group"
    return [
        Check(
            kind="coincide",
            severity="warning",
            text=f"every class comes from one {word}: this number measures {word}s, not faults.",
            advice="Bring several machines, patients or bearings of each class.",
            count=len(own),
        )
    ]


def _few(recordings: Recordings) -> list[Check]:
    few = {label: len(groups) for label, groups in _groups_of(recordings).items() if len(groups) < _ENOUGH}
    if not few or len(recordings.classes) < 2:
        return []
    return [
        Check(
            kind="few",
            severity="warning",
            text=f"fewer than {_ENOUGH} groups in {_few_of([f'{label} ({n})' for label, n in few.items()])}.",
            advice="Their scores rest on one or two groups and may be quite different for the next one.",
            count=len(few),
        )
    ]


def _rates(recordings: Recordings) -> list[Check]:
    rates = {one.rate for one in recordings.items}
    if len(rates) < 2:
        return []
    guessed = _guessed(recordings, lambda one: one.rate)
    told = ", ".join("unknown" if rate is None else f"{rate:g}" for rate in sorted(rates, key=lambda r: r or 0.0))
    return [
        Check(
            kind="rates",
            severity="warning",
            text=f"recordings have {len(rates)} rates: {told} samples a second{guessed}.",
            advice="Resample all to one rate; as they are, a model can tell classes by their rate.",
            count=len(rates),
        )
    ]


def _gain(recordings: Recordings) -> list[Check]:
    scales = Counter(one.scale for one in recordings.items)
    if len(scales) < 2 or len(recordings.classes) < 2 or 2 * len(scales) > len(recordings):
        return []
    told = _guessed(recordings, lambda one: one.scale)
    if not told:
        return []
    return [
        Check(
            kind="gain",
            severity="warning",
            text=f"stored numbers have {len(scales)} scales{told}: the amplifier's gain differs by class.",
            advice="A model can tell classes by noise floor or resolution; scale each window by itself (window).",
            count=len(scales),
        )
    ]


def _constant(recordings: Recordings) -> list[Check]:
    """Names channels that never change within a recording and differ between them, as numbers of machines do."""
    levels = unchanging(recordings.items)
    return [
        Check(
            kind="constant",
            severity="warning",
            text=f"values of channel '{channel}' stay the same within each recording and differ between them"
            f"{_guessed(recordings, lambda one, own=own: own[one.name])}.",  # type: ignore[misc]
            advice="It tells recordings apart and is no signal: name the channels without it, or take it as the group.",
            count=len(set(own.values())),
        )
        for channel, own in levels.items()
    ]


def _guessed(recordings: Recordings, fact: Callable[[Recording], Hashable]) -> str:
    """Says how many recordings' class a fact alone gives away; nothing if it does no better than the largest class."""
    labelled = [one for one in recordings.items if one.label is not None]
    if len(recordings.classes) < 2:
        return ""
    by_fact: dict[Hashable, Counter[str]] = {}
    for one in labelled:
        by_fact.setdefault(fact(one), Counter())[one.label or ""] += 1
    right = sum(max(counts.values()) for counts in by_fact.values())
    largest = max(Counter(one.label for one in labelled).values())
    if right <= largest:
        return ""
    shares = f"{right / len(labelled):.0%} (the largest class: {largest / len(labelled):.0%})"
    return f", which alone give the class of {shares}"


def _few_of(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:_NAMED]) + (f" and {len(every) - _NAMED:,} more" if len(every) > _NAMED else "")
