"""Which stretch of which recording is in which part, counted and drawn as strips."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from heedful.data.recordings.pieces import PARTS
from heedful.report.language import Language

if TYPE_CHECKING:
    from heedful.data.recordings import Cuts, Recording
    from heedful.signals.result import Classification, Fold

Pieces = dict[int, list[tuple[int, int, int]]]
ROWS, PIECES = 60, 12_000
"""At most so many recordings are drawn in a fold, and so many pieces on the whole page."""
_THINNEST = 0.15  # percent of the width, so that every piece can be seen


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One recording: its length, and the pieces of it that windows cover.

    `pieces` are (number of the part, start, width); `group` is empty where the name says it.

    Unit: percent of the longest recording.
    """

    name: str
    group: str
    length: float
    pieces: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Band:
    """The strips of one class; its label is empty in a regression."""

    label: str
    strips: tuple[Strip, ...]


@dataclass(frozen=True, kw_only=True)
class Count:
    """One row of the table of counts: a class (or a part) and its numbers."""

    label: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PartView:
    """One part of a fold: its name, its place among the three, and what it holds in words."""

    name: str
    place: int
    told: str


@dataclass(frozen=True, kw_only=True)
class FoldView:
    """One way to part the recordings, as it is shown.

    `longest` says how long the longest recording is, at the right edge of the strips; `thinned` that there are too many
    pieces to draw each of them.
    """

    name: str
    parts: tuple[PartView, ...]
    counts: tuple[Count, ...]
    bands: tuple[Band, ...]
    shown: int
    all: int
    longest: str
    thinned: bool

    @property
    def widest(self) -> float:
        """Room for the names of recordings and groups, in widths of their letters; long ones are broken."""
        longest = max(len(f"{one.name} {one.group}".strip()) for band in self.bands for one in band.strips)
        return 0.6 * min(24, longest + 1)


def fold_views(result: Classification, say: Language) -> tuple[FoldView, ...]:
    """Gives what is shown of every fold."""
    rows = _rows(result)
    longest = max(len(one) / (one.rate or 1.0) for one in result.recordings.items)
    known = all(one.rate for one in result.recordings.items)
    told = say("recordings.seconds" if known else "recordings.samples", value=_plain(longest))
    each = PIECES // (len(rows) * len(result.folds)) + 3
    drawn = [(fold, _pieces(fold, set(rows))) for fold in result.folds]
    return tuple(
        FoldView(
            name=fold.name,
            parts=tuple(_part(name, cuts, say) for name, cuts in _parts(fold)),
            counts=_counts(result, fold, say),
            bands=_bands(result, pieces, rows, longest, each),
            shown=len(rows),
            all=len(result.recordings),
            longest=told,
            thinned=any(len(own) > each for own in pieces.values()),
        )
        for fold, pieces in drawn
    )


# --- counts ------------------------------------------------------------------------------------------------------


def _parts(fold: Fold) -> list[tuple[str, Cuts]]:
    every = (("train", fold.train), ("validation", fold.validation), ("test", fold.test))
    return [(name, cuts) for name, cuts in every if cuts is not None]


def _part(name: str, cuts: Cuts, say: Language) -> PartView:
    slots = {"count": len(np.unique(cuts.starts[:, 0])), "groups": len(np.unique(cuts.groups))}
    return PartView(name=say(f"parts.{name}"), place=PARTS.index(name), told=say("recordings.of_groups", **slots))


def _counts(result: Classification, fold: Fold, say: Language) -> tuple[Count, ...]:
    """Counts recordings, groups and windows, class by class; of a regression part by part, with the targets."""
    parts = _parts(fold)
    if not result.classes:
        return tuple(
            Count(
                label=say(f"parts.{name}"),
                numbers=(
                    f"{len(np.unique(cuts.starts[:, 0])):,}",
                    f"{len(np.unique(cuts.groups)):,}",
                    f"{len(cuts):,}",
                    say("text.to").join(f"{value:.4g}" for value in (cuts.targets.min(), cuts.targets.max())),
                ),
            )
            for name, cuts in parts
        )
    items = result.recordings.items
    return tuple(
        Count(
            label=label,
            numbers=(
                f"{sum(one.label == label for one in items):,}",
                f"{len({one.group_name for one in items if one.label == label}):,}",
                *(f"{np.count_nonzero(cuts.labels == code):,}" for _, cuts in parts),
            ),
        )
        for code, label in enumerate(result.classes)
    )


# --- strips ------------------------------------------------------------------------------------------------------


def _rows(result: Classification) -> list[int]:
    """Chooses the recordings that are drawn, in the order of class, group and name; of too many some of each class."""
    items = result.recordings.items
    by_class: dict[str, list[int]] = {}
    for number, one in sorted(enumerate(items), key=lambda pair: _natural(pair[1])):
        by_class.setdefault(one.label or "", []).append(number)
    order = [by_class[label] for label in (result.classes or ("",)) if label in by_class][:ROWS]
    room = ROWS
    if len(items) > room:
        # Classes with few recordings show all of them and leave the rest of their room to the others.
        quota = _quotas([len(own) for own in order], room)
        order = [
            [own[i] for i in np.linspace(0, len(own) - 1, n).astype(int)] for own, n in zip(order, quota, strict=True)
        ]
    return [number for own in order for number in own]


def _natural(one: Recording) -> list[tuple[bool, int, str]]:
    """Gives what recordings are sorted by: group and name, with the numbers in them as numbers."""
    found = re.split(r"(\d+)", f"{one.group_name} {one.name}")
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in found]


def _quotas(sizes: list[int], room: int) -> list[int]:
    """Deals out rows: one more for the class that shows least, until there is no room.

    >>> _quotas([2, 100, 100], 12)
    [2, 5, 5]
    """
    found = [0] * len(sizes)
    for _ in range(room):
        open_ = [i for i, size in enumerate(sizes) if found[i] < size]
        if not open_:
            break
        found[min(open_, key=lambda i: (found[i], i))] += 1
    return found


def _bands(result: Classification, pieces: Pieces, rows: list[int], longest: float, each: int) -> tuple[Band, ...]:
    items = result.recordings.items
    known = all(one.rate for one in items)
    by_class: dict[str, list[Strip]] = {}
    for number in rows:
        one = items[number]
        scale = 100 / longest / ((one.rate or 1.0) if known else 1.0)
        by_class.setdefault(one.label or "" if result.classes else "", []).append(
            Strip(
                name=one.name,
                group="" if one.group_name in one.name else one.group_name,
                length=len(one) * scale,
                pieces=tuple(
                    (part, start * scale, max(_THINNEST, (stop - start) * scale))
                    for part, start, stop in _thinned(pieces.get(number, []), each)
                ),
            )
        )
    return tuple(Band(label=label, strips=tuple(strips)) for label, strips in by_class.items())


def _pieces(fold: Fold, rows: set[int]) -> Pieces:
    """Gives the stretches (part, start, stop) that windows cover, by recording."""
    found: Pieces = {}
    for name, cuts in _parts(fold):
        for number, start, stop in cuts.intervals():
            if number in rows:
                found.setdefault(number, []).append((PARTS.index(name), start, stop))
    return {number: _joined(sorted(own, key=lambda one: one[1])) for number, own in found.items()}


def _thinned(own: list[tuple[int, int, int]], most: int) -> list[tuple[int, int, int]]:
    return own[:: -(-len(own) // most)] if len(own) > most else own


def _joined(own: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Joins neighbours of one part that touch."""
    found: list[tuple[int, int, int]] = []
    for part, start, stop in own:
        if found and found[-1][0] == part and start <= found[-1][2]:
            found[-1] = (part, found[-1][1], max(stop, found[-1][2]))
        else:
            found.append((part, start, stop))
    return found


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
