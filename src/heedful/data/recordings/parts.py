"""Recordings are split first, then cut: train, validation and test by group, in time, or as an archive says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from heedful.data.recordings.dividing import (
    Division,
    Member,
    by_given,
    by_group,
    by_label,
    groups_by_label,
    in_time,
    members_of,
    read_shares,
)
from heedful.data.recordings.noun import Recordings
from heedful.data.recordings.pieces import PARTS, Draw, Part, Parts, Piece
from heedful.errors import DataError, unknown

__all__ = ["KINDS", "PARTS", "Draw", "Part", "Parts", "Piece", "split_recordings"]

KINDS = ("auto", "given", "group", "time", "random-windows")
LEAKY = "windows are dealt out at random: those of one recording lie in several parts (leaky, no evidence)"


def split_recordings(
    source: Recordings | Part,
    kind: str = "auto",
    *,
    sizes: Sequence[float] = (0.6, 0.2, 0.2),
    window: int | None = None,
    seed: int = 0,
) -> Parts:
    """Splits recordings into train, validation and test before any window is cut.

    - "group": no group lies in two parts, and every class with at least three groups lies in each. A class with two
      groups gives one to train and one to test; its validation is the end of its train recordings. A class with one
      group is split in time, and the notes say so. A recording without a group is a group of its own.
    - "time": the first samples of each recording are for train, the last for test, with a gap of one window between.
    - "given": as the archive says; validation is taken from its train by group, if it names none.
    - "random-windows": windows are dealt out at random. This leaks and is marked so; it is there to show by how much.
    - "auto": "given" if every recording has a part (of a part of recordings: if test is among them), else "group" if
      any class has two groups, else "time".

    The same seed gives the same parts, in whatever order the files were read.

    Args:
        source: recordings, or a part of them that is to be split again.
        sizes: shares of train, validation and test: of the groups of each class, or of the time. A part without a
            share is empty, and None if it is validation.
        window: samples of the windows that will be cut, None if recordings stay whole. It sets the gap; recordings
            too short to be split in time are dealt out whole.

    Raises: UnknownName for another kind, OptionError for sizes that are no shares, DataError for a kind that these
            recordings do not allow.

    >>> from heedful.data.recordings import Recording
    >>> pairs = [(label, label + number) for label in ("bad", "good") for number in "123"]
    >>> items = [Recording(name=group, values=np.zeros((1, 9)), label=label, group=group) for label, group in pairs]
    >>> split_recordings(Recordings(items=tuple(items)))
    Parts(group: 2 pieces of train, 2 pieces of validation, 2 pieces of test)
    """
    if kind not in KINDS:
        raise unknown("kind of split", kind, KINDS)
    shares, members = read_shares(sizes), members_of(source)
    recordings = source if isinstance(source, Recordings) else source.recordings
    kind = kind if kind != "auto" else _kind(recordings, members, whole=isinstance(source, Recordings))
    rng = np.random.default_rng(seed)
    if kind == "random-windows":
        return _at_random(recordings, members, shares, seed)
    if kind == "given":
        return to_parts(recordings, by_given(members, recordings, shares, rng, window), kind)
    if kind == "time":
        found = [in_time(own, shares, window, whole=window is not None) for own in by_label(members).values()]
        return to_parts(recordings, Division.together(found), kind)
    if not any(len(groups) > 1 for groups in groups_by_label(members).values()):
        raise DataError(
            "A split by group needs a class with at least two groups, got one group in each class. Name the group of "
            "each recording, or split in time: then the scores measure recordings."
        )
    division = by_group(members, shares, rng, window)
    return to_parts(recordings, division._replace(notes=(*told_alone(division.in_time), *division.notes)), kind)


def _kind(recordings: Recordings, members: Sequence[Member], *, whole: bool) -> str:
    """Chooses the kind of split.

    Raises: DataError if some recordings have a part and others have none.
    """
    parts = {member.name: recordings[member.piece.recording].part for member in members}
    without = [name for name, part in parts.items() if part is None]
    if 0 < len(without) < len(parts):
        raise DataError(
            f"{len(parts) - len(without):,} of {len(parts):,} recordings have a part (train, validation or test), "
            f"{len(without):,} have none, such as '{without[0]}'. Say the part of each, leave those without out, or "
            "ask for another split, which keeps none of the parts given: split='group'."
        )
    if not without and (whole or "test" in parts.values()):
        return "given"
    return "group" if any(len(groups) > 1 for groups in groups_by_label(members).values()) else "time"


def told_alone(labels: Sequence[str]) -> tuple[str, ...]:
    """Says of classes with one group that they are split in time."""
    return tuple(
        f"class {label or '(none)'} has one group only: split in time, its scores measure recordings"
        for label in labels
    )


def to_parts(recordings: Recordings, division: Division, kind: str, *, fold: str = "") -> Parts:
    """Makes parts of divided pieces.

    Raises: DataError if nothing is left for train.
    """
    train, validation, test = (
        Part(recordings=recordings, pieces=tuple(sorted(found)), name=name)
        for found, name in zip(division.pieces, PARTS, strict=True)
    )
    if not train.pieces:
        raise DataError(
            "The split leaves no samples for train. Give more recordings or groups, or a shorter window, which is "
            "also the gap between parts."
        )
    return Parts(
        train=train,
        validation=validation if validation.pieces else None,
        test=test,
        kind=kind,
        notes=(_told(recordings, division, kind), *division.notes),
        in_time=division.in_time,
        fold=fold,
    )


def _told(recordings: Recordings, division: Division, kind: str) -> str:
    numbers = []
    for name, found in zip(PARTS, division.pieces, strict=True):
        groups = len({recordings[piece.recording].group_name for piece in found})
        numbers.append(f"{name} {groups:,} group{'' if groups == 1 else 's'} in {len(found):,} pieces")
    how = {"given": "as the archive says", "time": "in time within each recording", "group": "by group"}
    return f"split {how.get(kind, 'by ' + kind)}: {', '.join(numbers)}"


def _at_random(
    recordings: Recordings, members: Sequence[Member], shares: tuple[float, float, float], seed: int
) -> Parts:
    ends = np.cumsum((0.0, *shares))
    draws = [Draw(seed=seed, low=float(low), high=float(high)) for low, high in pairwise(ends)]
    return drawn(recordings, members, draws)


def drawn(recordings: Recordings, members: Sequence[Member], draws: Sequence[Draw], fold: str = "") -> Parts:
    """Makes parts of windows that are dealt out at random."""
    pieces = tuple(sorted(member.piece for member in members))
    train, validation, test = (
        Part(recordings=recordings, pieces=pieces if draw.high > draw.low else (), name=name, draw=draw)
        for name, draw in zip(PARTS, draws, strict=True)
    )
    return Parts(
        train=train,
        validation=validation if validation.pieces else None,
        test=test,
        kind="random-windows",
        leaky=True,
        notes=(LEAKY,),
        fold=fold,
    )
