"""Pieces of recordings, and the parts that they play."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from heedful.data.recordings.noun import Recordings

PARTS = ("train", "validation", "test")


class Piece(NamedTuple):
    """The samples [start, stop) of one of many recordings, which is given by its number."""

    recording: int
    start: int
    stop: int

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Which windows of its pieces a part takes where windows are dealt out at random: a leak, for comparison only.

    Args:
        seed: decides the order of the windows of each class.
        turn: share of the windows by which the order is turned; another one for each fold.
        low: first place in the order that is taken, as a share of the windows.
        high: place after the last one that is taken.
    """

    seed: int
    low: float
    high: float
    turn: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Pieces of recordings and the part that they play.

    Args:
        pieces: stretches of samples, by recording and start; windows are cut inside them and never cross a border.
        name: "train", "validation" or "test".
        draw: which windows of the pieces are taken, if they are dealt out at random.
    """

    recordings: Recordings
    pieces: tuple[Piece, ...]
    name: str
    draw: Draw | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of its pieces, in alphabetical order."""
        return tuple(sorted({self.recordings[piece.recording].group_name for piece in self.pieces}))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of its pieces, in the order of `Recordings.classes`."""
        here = {self.recordings[piece.recording].label for piece in self.pieces}
        return tuple(label for label in self.recordings.classes if label in here)

    @property
    def samples(self) -> int:
        """Number of samples of all pieces."""
        return sum(piece.samples for piece in self.pieces)

    def __repr__(self) -> str:
        return (
            f"Part({self.name}: {len(self.pieces):,} pieces of {len(self.groups):,} groups, {self.samples:,} samples)"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Three parts of the same recordings.

    Args:
        validation: what decides when training stops; None if nothing was taken for it.
        kind: how the recordings were split: "given", "group", "time", "random-windows", or "value" for folds that
            hold out a value.
        leaky: windows of one recording lie in several parts and may overlap: scores are no evidence.
        notes: what was decided, for people to read.
        in_time: classes that are split in time although the others are not; their scores measure recordings.
        fold: what is held out, if this is one of several folds.
    """

    train: Part
    validation: Part | None
    test: Part
    kind: str
    leaky: bool = False
    notes: tuple[str, ...] = ()
    in_time: tuple[str, ...] = ()
    fold: str = ""

    def __iter__(self) -> Iterator[Part]:
        return iter([part for part in (self.train, self.validation, self.test) if part is not None])

    def __repr__(self) -> str:
        leaky = ", leaky" if self.leaky else ""
        return f"Parts({self.kind}{leaky}: {', '.join(f'{len(p.pieces):,} pieces of {p.name}' for p in self)})"
