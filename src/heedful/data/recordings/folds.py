"""Folds of recordings: every group, every value of a fact or every stretch of time is held out once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from heedful.data.recordings.dividing import (
    Division,
    Member,
    by_group,
    by_label,
    groups_by_label,
    in_time,
    members_of,
    nothing,
    stratified,
    told_inner,
)
from heedful.data.recordings.noun import Recordings
from heedful.data.recordings.parts import drawn, to_parts, told_alone
from heedful.data.recordings.pieces import Draw, Part, Parts
from heedful.errors import DataError, OptionError, unknown

KINDS = ("auto", "group", "time", "random-windows")
INNER = ("auto", "group", "time")


def folds(
    source: Recordings | Part,
    kind: str = "auto",
    k: int = 5,
    *,
    by: str | None = None,
    values: Sequence[str | float] | None = None,
    validation: float = 0.2,
    inner: str = "auto",
    window: int | None = None,
    seed: int = 0,
) -> tuple[Parts, ...]:
    """Splits recordings several times, so that each of them is in the test part of one fold.

    - "group": k folds by group, each class spread over them evenly; a class with one group is split in time.
    - "time": k stretches of each recording, each of them once the test, with a gap of one window around it.
    - "random-windows": leaky, for comparison only.
    - "auto": "group" if any class has two groups, else "time".
    - `by` holds out one value of a fact after the other, such as the size of a fault; "group" holds out group by
      group. A class of which all recordings have one value, or none, is split in time: part i of it is in the test of
      fold i, and the notes say so.

    Folds of `parts.train` are inner folds: they choose without the outer test.

    Args:
        source: recordings, or a part of them.
        k: number of folds; a fact gives as many as it has values.
        by: name of a fact, or "group".
        values: the values to hold out, in this order; all that leave every class something to train on by default.
        validation: share of what is not held out that decides when training stops; 0 gives no validation part.
        inner: how validation is taken: "group", "time" (the end of each recording), or "auto": by group from classes
            that then keep two groups for train, from the others in time.
        window: samples of the windows that will be cut, None if recordings stay whole.

    Raises: UnknownName for another kind, OptionError for numbers that cannot be used, DataError for a fact that no
            recording has or for fewer groups than folds.

    >>> from heedful.data.recordings import Recording
    >>> items = [Recording(name=n, values=np.zeros((1, 9)), label=n[0], group=n) for n in ("a1", "a2", "b1", "b2")]
    >>> [one.test.groups for one in folds(Recordings(items=tuple(items)), k=2, validation=0)]
    [('a1', 'b2'), ('a2', 'b1')]
    """
    if kind not in KINDS:
        raise unknown("kind of fold", kind, KINDS)
    if inner not in INNER:
        raise unknown("way to take validation", inner, INNER)
    if not 0 <= validation < 1 or k < 2 or (values is not None and by is None):
        raise OptionError(
            f"folds needs k of at least 2, validation from 0 to below 1, and values only with `by`, got k = {k}, "
            f"validation = {validation}, values = {values}."
        )
    members = members_of(source)
    recordings = source if isinstance(source, Recordings) else source.recordings
    alone = max(len(groups) for groups in groups_by_label(members).values()) < 2
    if by is None and kind == "random-windows":
        return _at_random(recordings, members, k, validation, seed)
    if by is None and (kind == "time" or (kind == "auto" and alone)):
        return tuple(
            to_parts(
                recordings,
                _ring(members, i, k, validation, window, whole=window is not None),
                "time",
                fold=f"fold {i + 1} of {k}",
            )
            for i in range(k)
        )
    names, held = _by_value(recordings, members, by, values) if by else _by_group(members, k, seed)
    untested = _untested(recordings, members, held, by) if by and by != "group" else ()
    found = []
    for i, name in enumerate(names):
        rng = np.random.default_rng([seed, i])
        division = _fold(members, held, i, len(names), validation, inner, window, rng)
        division = division._replace(notes=(*untested, *division.notes))
        found.append(to_parts(recordings, division, "value" if by else "group", fold=name))
    return tuple(found)


def _fold(
    members: Sequence[Member],
    held: dict[Member, int],
    number: int,
    count: int,
    validation: float,
    inner: str,
    window: int | None,
    rng: np.random.Generator,
) -> Division:
    """Divides for one fold: what is held out, the rest by the inner way, and the classes without folds in time."""
    test = nothing()
    test[2].extend(member.piece for member in members if held.get(member) == number)
    rest = [member for member in members if member in held and held[member] != number]
    least = {"auto": 3, "group": 2, "time": len(rest) + 1}[inner]
    within = by_group(rest, (1 - validation, validation, 0.0), rng, window, least) if validation else None
    train = nothing()
    train[0].extend(member.piece for member in rest)
    parts = [Division(test), within._replace(in_time=()) if within else Division(train)]
    notes = told_inner(within.in_time) if within else ()
    alone = [member for member in members if member not in held]
    if alone:
        parts.append(_ring(alone, number, count, validation, window))
    labels = tuple(by_label(alone))
    joined = Division.together(parts)
    return Division(joined.pieces, (*told_alone(labels), *notes, *joined.notes), labels)


def _ring(
    members: Sequence[Member], number: int, count: int, validation: float, window: int | None, *, whole: bool = True
) -> Division:
    """Splits in time: stretch `number` of `count` is the test, the validation lies beside it."""
    share = (1 - 1 / count) * validation
    shares = (1 - 1 / count - share, share, 1 / count)
    where = (number / count, (number + 1) / count)
    own = by_label(members).values()
    return Division.together(in_time(found, shares, window, whole=whole, fold=where) for found in own)


def _by_group(members: Sequence[Member], k: int, seed: int) -> tuple[list[str], dict[Member, int]]:
    """Gives the names of the folds, and the fold in which each member is held out; classes of one group have none."""
    own = groups_by_label(members)
    most = max(len(groups) for groups in own.values())
    if most < k:
        raise DataError(
            f"{k} folds by group need a class with {k} groups, got at most {most}. Ask for fewer folds, or split in "
            "time: then the scores measure recordings."
        )
    rng = np.random.default_rng(seed)
    kept = [member for member in members if len(own[member.label]) > 1]
    labels: dict[str, set[str]] = {}
    for member in kept:
        labels.setdefault(member.group, set()).add(member.label)
    wanted = {}
    for label, groups in own.items():
        if len(groups) > 1:
            extra = set(rng.permutation(k)[: len(groups) % k].tolist())
            wanted[label] = [len(groups) // k + (fold in extra) for fold in range(k)]
    place = stratified(labels, wanted, rng)
    return [f"fold {i + 1} of {k}" for i in range(k)], {member: place[member.group] for member in kept}


def _by_value(
    recordings: Recordings, members: Sequence[Member], by: str, values: Sequence[str | float] | None
) -> tuple[list[str], dict[Member, int]]:
    """Gives the names of the folds, and the fold in which each member is held out, -1 for values never held out."""
    show = str if by == "group" else _shown
    shown = {member: show(_value(recordings, member, by)) for member in members}
    known = sorted({value for value in shown.values() if value}, key=_by_size)
    if not known:
        facts = sorted({name for one in recordings.items for name in one.facts})
        raise unknown("fact of these recordings", by, ["group", *facts])
    own = {label: {shown[member] for member in found} - {""} for label, found in by_label(members).items()}
    several = {label for label, found in own.items() if len(found) > 1}
    if values is None:
        chosen = [value for value in known if any(value in own[label] for label in several)]
    else:
        chosen = [show(value) for value in values]
        strange = [value for value in chosen if value not in known]
        if strange:
            raise unknown(f"value of '{by}'", strange[0], known)
    if len(chosen) < 2 or not several:
        raise DataError(
            f"Folds by '{by}' need a class with at least two of its values, got {', '.join(known)}, one for each "
            "class. Hold out something else, or split by group."
        )
    held = {m: chosen.index(shown[m]) if shown[m] in chosen else -1 for m in members if m.label in several}
    return [f"{by} = {value}" for value in chosen], held


def _untested(recordings: Recordings, members: Sequence[Member], held: dict[Member, int], by: str) -> tuple[str, ...]:
    """Says how many recordings are in the train of every fold because nothing is known of what is held out."""
    without = {m.name for m in members if held.get(m) == -1 and not _shown(_value(recordings, m, by))}
    if not without:
        return ()
    count = "1 recording" if len(without) == 1 else f"{len(without):,} recordings"
    return (f"{count} without '{by}' never tested and in the train of every fold, such as '{min(without)}'",)


def _value(recordings: Recordings, member: Member, by: str) -> str | float | None:
    return member.group if by == "group" else recordings[member.piece.recording].facts.get(by)


def _shown(value: str | float | None) -> str:
    """Writes a value as text, equal numbers equally; a missing one is empty.

    >>> _shown(14.0), _shown("14"), _shown(float("nan")), _shown("at 6")
    ('14', '14', '', 'at 6')
    """
    if value is None:
        return ""
    try:
        number = float(value)
    except ValueError:
        return str(value)
    return "" if np.isnan(number) else f"{number:.12g}"


def _by_size(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _at_random(
    recordings: Recordings, members: Sequence[Member], k: int, validation: float, seed: int
) -> tuple[Parts, ...]:
    ends = np.cumsum((0.0, (1 - 1 / k) * (1 - validation), (1 - 1 / k) * validation, 1 / k))
    found = []
    for i in range(k):
        draws = [Draw(seed=seed, low=float(low), high=float(high), turn=i / k) for low, high in pairwise(ends)]
        found.append(drawn(recordings, members, draws, fold=f"fold {i + 1} of {k}"))
    return tuple(found)
