"""Which of the recordings read can be used together, and what is told of those that cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from heedful.data.recordings.files import File
from heedful.data.recordings.noun import Problem, Recording

STEP = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Missing:
    """How many samples of a recording are missing, and the longest stretch of them, over its channels."""

    name: str
    share: float
    longest: int


def same_channels(pairs: Sequence[tuple[Recording, File]]) -> tuple[list[tuple[Recording, File]], list[Problem]]:
    """Keeps the recordings of the channels that most of them have."""
    counts = Counter(one.channels for one, _ in pairs)
    if len(counts) < 2:
        return list(pairs), []
    usual = counts.most_common(1)[0][0]
    told = ", ".join(usual)
    problems = [
        Problem(
            file=one.name,
            text=f"It has the {len(one.channels)} channels {', '.join(one.channels)}; most have {len(usual)}: {told}. "
            "Name channels that all have: channels=...",
        )
        for one, _ in pairs
        if one.channels != usual
    ]
    return [pair for pair in pairs if pair[0].channels == usual], problems


def labelled(items: Iterable[Recording], *, asked: Iterable[str] = ()) -> tuple[list[Recording], list[Problem]]:
    """Leaves out recordings without the label or target that was asked for; if neither was, without what others have.

    Where some have a label and some a target, that is the label.
    """
    items, asked = list(items), set(asked)
    needs = [role for role in ("label", "target") if role in asked]
    needs = needs or [role for role in ("label", "target") if any(_has(one, role) for one in items)][:1]
    kept, problems = [], []
    for one in items:
        lacks = [role for role in needs if not _has(one, role)]
        if lacks:
            problems.append(
                Problem(file=one.name, text=f"It has no {' and no '.join(lacks)}. Say it, or leave it out.")
            )
        else:
            kept.append(one)
    return kept, problems


def _has(one: Recording, role: str) -> bool:
    return one.label is not None if role == "label" else one.has_target


def finite(items: Iterable[Recording]) -> tuple[list[Recording], list[Problem], list[Missing]]:
    """Leaves out recordings with infinite samples or none at all, and counts what is missing in the others."""
    kept, problems, gaps = [], [], []
    for one in items:
        if one.values.dtype.kind != "f":
            kept.append(one)
            continue
        missing, infinite, longest = _count(one.values)
        if infinite:
            text = f"{infinite:,} of its samples are infinite. Mend them, or save them as missing (NaN)."
            problems.append(Problem(file=one.name, text=text))
        elif missing == one.values.size:
            problems.append(Problem(file=one.name, text="All of its samples are missing. Leave it out."))
        else:
            kept.append(one)
            gaps += [Missing(name=one.name, share=missing / one.values.size, longest=longest)] if missing else []
    return kept, problems, gaps


def told(gaps: Sequence[Missing]) -> tuple[str, ...]:
    """Says in one line what is missing.

    >>> told([Missing(name="a", share=0.1, longest=5), Missing(name="b", share=0.02, longest=9)])
    ('2 recordings miss samples (kept as NaN): 10 % in a, 2 % in b; the longest stretch is 9 samples, in b.',)
    """
    if not gaps:
        return ()
    first = sorted(gaps, key=lambda one: -one.share)
    worst = max(gaps, key=lambda one: one.longest)
    shares = ", ".join(f"{100 * one.share:.2g} % in {one.name}" for one in first[:3])
    rest = f" and {len(first) - 3} more" if len(first) > 3 else ""
    text = (
        f"{len(gaps)} recording{'s miss' if len(gaps) > 1 else ' misses'} samples (kept as NaN): {shares}{rest}; "
        f"the longest stretch is {worst.longest:,} samples, in {worst.name}."
    )
    return (text,)


def steady(items: Sequence[Recording]) -> tuple[str, ...]:
    """Warns of channels that never change within a recording but differ between them, as numbers of machines do."""
    return tuple(
        f"Channel '{channel}' stays the same within each recording and differs between them: it tells recordings apart "
        f"and is no signal. Name the channels without it: channels=..., or take it as the group: group='{channel}'."
        for channel in unchanging(items)
    )


def unchanging(items: Sequence[Recording]) -> dict[str, dict[str, float]]:
    """Finds channels that never change within a recording but differ between them, and their level in each of these.

    >>> unchanging([Recording(name=name, values=np.full((1, 9), ord(name))) for name in "ab"])
    {'signal': {'a': 97.0, 'b': 98.0}}
    """
    found = {}
    for i, channel in enumerate(items[0].channels if len(items) > 1 else ()):
        levels: dict[str, float] = {}
        for one in items:
            level = _level(one.values[i])
            if level is None:
                break
            levels[one.name] = level
        if len(levels) == len(items) and len(set(levels.values())) > 1:
            found[channel] = levels
    return found


def _level(row: np.ndarray) -> float | None:
    """Gives the one value of a channel, looked at in its first, middle and last samples; None if it changes."""
    seen = np.concatenate([row[a : a + 256] for a in (0, len(row) // 2, max(0, len(row) - 256))])
    return float(seen[0]) if len(row) > 1 and (seen == seen[0]).all() else None


def _count(values: np.ndarray) -> tuple[int, int, int]:
    """Counts missing and infinite samples and the longest stretch of missing ones, block by block."""
    missing = infinite = longest = 0
    for row in values:
        run = 0
        for a in range(0, len(row), STEP):
            part = row[a : a + STEP]
            if np.isfinite(part).all():
                longest, run = max(longest, run), 0
                continue
            gone = np.isnan(part)
            missing += int(gone.sum())
            infinite += int(np.isinf(part).sum())
            ends = np.flatnonzero(~gone)
            if not len(ends):
                run += len(part)
                continue
            inner = int(np.diff(ends).max(initial=1)) - 1
            longest = max(longest, run + int(ends[0]), inner)
            run = len(part) - 1 - int(ends[-1])
        longest = max(longest, run)
    return missing, infinite, longest
