"""Says whether a map is true: whether what it calls important is, better than maps that know nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heedful.errors import OptionError
from heedful.explanation.controls import OTHER, PERMUTED, SMOOTH
from heedful.explanation.faithfulness import FEWEST, Gain, Metric

DECISIVE: tuple[Metric, ...] = ("deletion", "insertion")


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The verdict on a map.

    Args:
        true: whether it is true; None where that cannot be told.
        why: the reason, one line.
        beats: whether the map is better than each control by the same rule, by name; told beside the verdict.
        rows: all gains; `decisive` are those that the verdict rests on.
        control: name of the control that decides.
    """

    true: bool | None
    why: str
    beats: Mapping[str, bool | None]
    rows: tuple[Gain, ...]
    control: str = SMOOTH

    @property
    def decisive(self) -> tuple[Gain, ...]:
        """The gains that the verdict rests on."""
        return _decisive(self.rows, self.control)

    def __repr__(self) -> str:
        word = {True: "true", False: "not true", None: "cannot be told"}[self.true]
        return f"Truth({word}: {self.why})"


def judge(gains: Sequence[Gain]) -> Truth:
    """Calls a map true if it is better than smooth random maps in deletion and in insertion, with both fillings.

    Better is a lower bound above 0, all four at once, over all windows; with fewer than 5 groups nothing is said.
    Units without an order have permuted maps in place of smooth ones. How often that is wrong is measured by
    `benchmarks/explanation_truth.py`.

    `beats` tells the same of each control. A true map that does not beat that of "another window", which is exactly as
    smooth, says where evidence is in general, not why in this window, and `why` adds so; one that does not beat
    "magnitude" says no more than where the input is large.

    Args:
        gains: as `faithfulness.gains` gives them.

    Raises: OptionError without gains over smooth random or permuted maps.

    >>> rows = [Gain(metric=m, filling=f, control="smooth random", of="all", mean=0.2, low=0.1, high=0.3, groups=8,
    ...              windows=80) for m in ("deletion", "insertion") for f in ("line", "zero")]
    >>> judge(rows)
    Truth(true: better than smooth random maps in deletion and insertion, with both fillings)
    """
    names = list(dict.fromkeys(one.control for one in gains))
    control = next((name for name in (SMOOTH, PERMUTED) if name in names), None)
    if control is None or not _decisive(gains, control):
        raise OptionError(
            f"judge needs gains over {SMOOTH} or {PERMUTED} maps, got those over {', '.join(names) or 'nothing'}. "
            "Measure the map beside controls.controls(...)."
        )
    beats = {name: _beaten(gains, name) for name in names}
    rows = tuple(gains)
    why = _why(_decisive(rows, control))
    if beats[control] and beats.get(OTHER) is False:
        why += "; no better than those of other windows: it says where in general, not why here"
    return Truth(true=beats[control], why=why, beats=beats, rows=rows, control=control)


def _decisive(gains: Sequence[Gain], control: str) -> tuple[Gain, ...]:
    return tuple(one for one in gains if one.control == control and one.of == "all" and one.metric in DECISIVE)


def _beaten(gains: Sequence[Gain], control: str) -> bool | None:
    rows = _decisive(gains, control)
    if any(one.groups < FEWEST for one in rows):
        return None
    return all(one.low > 0 for one in rows)


def _why(rows: Sequence[Gain]) -> str:
    fewest = min(one.groups for one in rows)
    if fewest < FEWEST:
        return f"{fewest} groups are too few for an interval, {FEWEST} are needed"
    control = rows[0].control
    failed = [
        f"{one.metric} by {one.filling} {one.mean:+.2f} ({one.low:+.2f} to {one.high:+.2f})"
        for one in rows
        if not one.low > 0
    ]
    if failed:
        return f"no better than {control} maps in {', '.join(failed)}"
    return f"better than {control} maps in {' and '.join(DECISIVE)}, with both fillings"
