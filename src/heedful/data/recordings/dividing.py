"""How pieces are dealt out: by group and class, in time, or as an archive says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from heedful.data.recordings.files import beside
from heedful.data.recordings.noun import Recordings
from heedful.data.recordings.pieces import PARTS, Part, Piece
from heedful.errors import DataError, OptionError

TRAIN, VALIDATION, TEST = range(3)
_FEW = 2


class Member(NamedTuple):
    """A piece and what decides where it goes; recordings without a label make a class of their own, ''."""

    piece: Piece
    name: str
    label: str
    group: str


class Division(NamedTuple):
    """Pieces of train, validation and test, what was decided, and the classes split in time against the rule."""

    pieces: tuple[list[Piece], list[Piece], list[Piece]]
    notes: tuple[str, ...] = ()
    in_time: tuple[str, ...] = ()

    @staticmethod
    def together(divisions: Iterable[Division]) -> Division:
        """Joins divisions of different pieces."""
        every = list(divisions)
        pieces = tuple([piece for one in every for piece in one.pieces[part]] for part in range(3))
        notes = dict.fromkeys(note for one in every for note in one.notes)
        labels = dict.fromkeys(label for one in every for label in one.in_time)
        return Division((pieces[0], pieces[1], pieces[2]), tuple(notes), tuple(labels))


def nothing() -> tuple[list[Piece], list[Piece], list[Piece]]:
    """Gives three parts without pieces."""
    return [], [], []


def members_of(source: Recordings | Part) -> list[Member]:
    """Lists the pieces of a source by name, so that the order of the files changes nothing.

    Raises: OptionError for a part whose windows are dealt out at random: its pieces are not its own.
    """
    if isinstance(source, Recordings):
        recordings, pieces = source, [Piece(number, 0, len(one)) for number, one in enumerate(source.items)]
    else:
        recordings, pieces = source.recordings, list(source.pieces)
        if source.draw is not None:
            raise OptionError(
                "A part with windows dealt out at random cannot be split again, for other parts have the same pieces. "
                "Split the recordings by group or in time."
            )
    found = []
    for piece in pieces:
        one = recordings[piece.recording]
        found.append(Member(piece, one.name, one.label if one.label is not None else "", one.group_name))
    if not found:
        raise DataError("There is no piece of a recording to split. Give a part that has samples.")
    return sorted(found, key=lambda member: (member.name, member.piece.start))


def by_label(members: Iterable[Member]) -> dict[str, list[Member]]:
    """Sorts members by class."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(member.label, []).append(member)
    return dict(sorted(found.items()))


def groups_by_label(members: Iterable[Member]) -> dict[str, set[str]]:
    """Gives the groups of every class."""
    return {label: {member.group for member in own} for label, own in by_label(members).items()}


def read_shares(sizes: Sequence[float]) -> tuple[float, float, float]:
    """Gives shares of train, validation and test.

    Raises: OptionError unless they are three that sum to 1 and train has one.
    """
    if len(sizes) != 3 or min(sizes) < 0 or not sizes[0] or abs(sum(sizes) - 1) > 1e-6:
        raise OptionError(
            f"Recordings are split by three shares (train, validation, test) that sum to 1, got {tuple(sizes)}. "
            "Those of validation and test may be 0."
        )
    return float(sizes[0]), float(sizes[1]), float(sizes[2])


def allotted(count: int, shares: Sequence[float]) -> list[int]:
    """Deals whole things out by shares: at least one to each part that has a share, if there are enough.

    Train comes first, then test, then validation. What is left goes where most is missing.

    >>> allotted(10, (0.6, 0.2, 0.2)), allotted(3, (0.6, 0.2, 0.2)), allotted(2, (0.6, 0.2, 0.2))
    ([6, 2, 2], [1, 1, 1], [1, 0, 1])
    """
    given = [0] * len(shares)
    for part in [part for part in (TRAIN, TEST, VALIDATION) if shares[part]][:count]:
        given[part] = 1
    for _ in range(count - sum(given)):
        missing = [count * share - have for share, have in zip(shares, given, strict=True)]
        given[int(np.argmax(missing))] += 1
    return given


def stratified(
    labels: Mapping[str, Iterable[str]], wanted: Mapping[str, Sequence[int]], rng: np.random.Generator
) -> dict[str, int]:
    """Gives each group its part so that each class gets the number of groups that is wanted, as nearly as it can be.

    Groups may have several classes. The class with the fewest groups left is served first, and each of its groups
    goes to the part that lacks most of it.

    Paper:   Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011, algorithm 1.
    Differs: whole numbers are wanted instead of shares, so that a class of three groups has one in each of three parts.

    Args:
        labels: the classes of each group.
        wanted: for each class the number of groups in each part.
    """
    need = {label: np.array(numbers) for label, numbers in wanted.items()}
    own = {group: sorted(set(labels[group])) for group in sorted(labels)}
    left = [list(own)[number] for number in rng.permutation(len(own))]
    place: dict[str, int] = {}
    while left:
        count = dict.fromkeys(need, 0)
        for group in left:
            for label in own[group]:
                count[label] += 1
        rarest = min((label for label in count if count[label]), key=lambda label: (count[label], label))
        for group in [group for group in left if rarest in own[group]]:
            others = np.sum([need[label] for label in own[group]], axis=0)
            part = max(range(len(others)), key=lambda p: (need[rarest][p], others[p], -p))
            place[group] = part
            for label in own[group]:
                need[label][part] -= 1
        left = [group for group in left if group not in place]
    return place


def by_group(
    members: Sequence[Member],
    shares: tuple[float, float, float],
    rng: np.random.Generator,
    window: int | None,
    least: int = _FEW,
) -> Division:
    """Splits by group; classes of fewer than `least` groups in time, and `Division.in_time` names them."""
    own = groups_by_label(members)
    few = {label for label, groups in own.items() if len(groups) < max(least, _FEW)}
    kept = [member for member in members if member.label not in few]
    labels: dict[str, set[str]] = {}
    for member in kept:
        labels.setdefault(member.group, set()).add(member.label)
    wanted = {label: allotted(len(groups), shares) for label, groups in own.items() if label not in few}
    place = stratified(labels, wanted, rng)
    into: tuple[list[Member], list[Member], list[Member]] = ([], [], [])
    for member in kept:
        into[place[member.group]].append(member)
    parts = [in_time(found, shares, window) for label, found in by_label(members).items() if label in few]
    without = {label for label, numbers in wanted.items() if shares[VALIDATION] and not numbers[VALIDATION]}
    without -= {member.label for member in into[VALIDATION]}
    parts += [_ends_of(into[TRAIN], label, shares, window) for label in sorted(without)]
    whole = nothing()
    for part, found in enumerate(into):
        whole[part].extend(m.piece for m in found if part != TRAIN or m.label not in without)
    return Division.together([Division(whole), *(one._replace(in_time=()) for one in parts)])._replace(
        in_time=tuple(sorted(few))
    )


def _ends_of(train: Sequence[Member], label: str, shares: tuple[float, float, float], window: int | None) -> Division:
    """Takes the validation of a class with too few groups from the end of its train recordings."""
    held = shares[VALIDATION] / (shares[TRAIN] + shares[VALIDATION])
    found = in_time([member for member in train if member.label == label], (1 - held, held, 0.0), window)
    note = f"{_class(label)} has two groups: its validation is taken from the end of its train recordings"
    return Division(found.pieces, (note, *found.notes))


def in_time(
    members: Sequence[Member],
    shares: tuple[float, float, float],
    window: int | None,
    *,
    whole: bool = True,
    fold: tuple[float, float] | None = None,
) -> Division:
    """Splits the recordings of one class in time: first train, then validation, then test, a gap of a window between.

    Recordings that stay whole because no window is cut are dealt out whole in the order of their names; so are those
    that are too short for windows in each part, if they are enough.

    Args:
        whole: recordings may be dealt out whole.
        fold: where in each recording the test lies, from 0 to 1; at its end if not given.
    """
    segments = _order(shares, fold)
    gap, parts = window or 0, nothing()
    longest: dict[int, float] = {}
    for part, a, b in segments:
        longest[part] = max(longest.get(part, 0.0), b - a)
    short = min(member.piece.samples for member in members) * min(longest.values()) < 2 * gap - 1e-6
    if whole and (window is None or (short and len(members) >= len(segments))):
        return _whole(members, segments)
    for member in members:
        for part, piece in _blocks(member.piece, segments, gap):
            parts[part].append(piece)
    return Division(parts)


def _order(shares: tuple[float, float, float], fold: tuple[float, float] | None) -> list[tuple[int, float, float]]:
    """Gives parts in time with the shares of a recording at which they begin and end."""
    low, high = fold if fold is not None else (1 - shares[TEST], 1.0)
    held = shares[VALIDATION]
    if fold is None or high + held > 1 + 1e-9:
        order = [(TRAIN, 0.0, low - held), (VALIDATION, low - held, low), (TEST, low, high), (TRAIN, high, 1.0)]
    else:
        order = [(TRAIN, 0.0, low), (TEST, low, high), (VALIDATION, high, high + held), (TRAIN, high + held, 1.0)]
    return [(part, a, b) for part, a, b in order if b - a > 1e-9]


def _whole(members: Sequence[Member], segments: Sequence[tuple[int, float, float]]) -> Division:
    """Deals whole recordings of one class out in their order: one to each segment at least, if there are enough."""
    numbers, parts = [0] * len(segments), nothing()
    first = sorted(range(len(segments)), key=lambda place: ((TRAIN, TEST, VALIDATION).index(segments[place][0]), place))
    for place in first[: len(members)]:
        numbers[place] = 1
    for _ in range(len(members) - sum(numbers)):
        missing = [len(members) * (b - a) - have for (_, a, b), have in zip(segments, numbers, strict=True)]
        numbers[int(np.argmax(missing))] += 1
    ends = np.cumsum(numbers)
    for rank, member in enumerate(members):
        parts[segments[int(np.searchsorted(ends, rank, side="right"))][0]].append(member.piece)
    told = "1 recording" if len(members) == 1 else f"{len(members)} recordings"
    lacking = [PARTS[part] for part in sorted({part for part, _, _ in segments}) if not parts[part]]
    ending = f", none to {' and '.join(lacking)}" if lacking else " in the order of their names"
    return Division(parts, (f"{_class(members[0].label)}: {told} dealt out whole{ending}",))


def _blocks(piece: Piece, segments: Sequence[tuple[int, float, float]], gap: int) -> list[tuple[int, Piece]]:
    """Cuts one piece; each gap is taken from the less precious side: train before validation before test."""
    bounds = [
        [part, piece.start + round(piece.samples * a), piece.start + round(piece.samples * b)]
        for part, a, b in segments
    ]
    for before, after in pairwise(bounds):
        if before[0] < after[0]:
            before[2] -= gap
        else:
            after[1] += gap
    return [(part, Piece(piece.recording, start, stop)) for part, start, stop in bounds if stop > start]


def by_given(
    members: Sequence[Member],
    recordings: Recordings,
    shares: tuple[float, float, float],
    rng: np.random.Generator,
    window: int | None,
) -> Division:
    """Splits as the archive says; without a validation part, its train is split by group to give one.

    Raises: DataError if a recording has no part, or one of another name; if none is for train, or none for test where
        test has a share.
    """
    found: dict[str, list[Member]] = {name: [] for name in PARTS}
    for member in members:
        part = recordings[member.piece.recording].part
        if part not in found:
            raise DataError(
                f"A split as given needs a part of each recording (train, validation or test), got {part!r} for "
                f"'{member.name}'. Split by group or in time instead."
            )
        found[part].append(member)
    for name, needed in (("train", True), ("test", bool(shares[TEST]))):
        if needed and not found[name]:
            raise DataError(_lacking(name, members, recordings))
    if found["validation"] or not shares[VALIDATION]:
        parts = nothing()
        for number, name in enumerate(PARTS):
            parts[number].extend(member.piece for member in found[name])
        return Division(parts)
    held = shares[VALIDATION] / (shares[TRAIN] + shares[VALIDATION])
    inner = by_group(found["train"], (1 - held, held, 0.0), rng, window)
    inner.pieces[TEST].extend(member.piece for member in found["test"])
    note = f"validation is taken from the archive's train part ({len(inner.pieces[VALIDATION]):,} pieces)"
    return inner._replace(notes=(note, *told_inner(inner.in_time), *inner.notes), in_time=())


def _lacking(name: str, members: Sequence[Member], recordings: Recordings) -> str:
    """Says that no recording is given for a part, and what lies there that may be."""
    sources = {recordings[member.piece.recording].source for member in members} - {""}
    others = [other for source in sorted(sources) if (other := beside(Path(source))) is not None]
    lies = f"{others[0].name} lies beside what was read: give its folder" if others else "Give it as a second source"
    return (
        f"A split as given needs recordings for {name}, got none among {len(members):,}. {lies}, by test=..., or split "
        "by group or in time instead: split='group'."
    )


def told_inner(labels: Sequence[str]) -> tuple[str, ...]:
    """Says of classes with few groups that their validation is taken in time."""
    return (f"validation of {', '.join(label or '(none)' for label in labels)} is taken in time",) if labels else ()


def _class(label: str) -> str:
    return f"class {label}" if label else "recordings without a class"
