"""Whether a net uses the weights that it forms: what becomes of its answers when others meet the values.

The changed weights are none that the net was trained with, so this is off its distribution: it says whether the weights
matter to this net, not whether a net needs them, which retraining shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from heedful.attention.steering import steerable, steered
from heedful.attention.steering.changes import of_windows, permuted, uniform, with_mass
from heedful.attention.steering.steered import Change
from heedful.errors import OptionError
from heedful.explanation.controls import partners
from heedful.explanation.faithfulness import interval
from heedful.explanation.record import record
from heedful.explanation.subject import Subject

WAYS = ("uniform", "permuted", "other window", "mean")
"""What the weights become, in the order in which mechanisms are asked one by one."""
LEVEL = 1 - 0.1 / len(WAYS)
"""Coverage of the intervals: 90 % of all of them at once, for there is a try for each way (Bonferroni)."""
MOVED = 0.02
"""Share of probability, or of the answers' deviation, that must move for weights to count as used."""
COSTS = 0.05
"""Share by which the loss must rise for weights to count as used."""
COSTS_LEAST = 0.02
"""Rise of the loss, in nats or in deviations of the truth, below which none counts."""
EACH = 2
"""Ways in which each of several mechanisms is asked, the first ones: "not used" takes both."""
PASSES = 10
"""Passes of a window that all of this may cost."""
BATCH = 1024
"""Windows that are passed at once, at most."""
NUMBERS = 1 << 24
"""Weights that are formed at once."""

OFF = (
    "The changed weights are none that the network was trained with: this says whether they matter to this network, "
    "not whether a network needs them."
)


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What becomes of a net when the weights of a mechanism are changed.

    Args:
        mechanism: its name, "all" for all of them at once.
        way: what its weights became, one of `WAYS`.
        loss, loss_low, loss_high: rise of the loss, and its interval; NaN without truths, or with fewer than five
            groups.
        moved, moved_low, moved_high: how far the answers moved: total variation of the class probabilities, or mean
            |change| in deviations of the answers; and its interval.
        windows, groups: how many there are.

    Unit:  loss in nats, or as the target is scaled; moved from 0 to 1 for classes.
    """

    mechanism: str
    way: str
    loss: float
    loss_low: float
    loss_high: float
    moved: float
    moved_low: float
    moved_high: float
    windows: int
    groups: int

    def uses(self, loss: float, unit: float = 1.0) -> bool | None:
        """Says whether this speaks for weights that are used; None where the intervals leave it open.

        Args:
            loss: of the net as it is; NaN without truths.
            unit: one nat, or the deviation of the truth, in the unit of the loss.
        """
        if math.isnan(self.moved_low):
            return None
        least = COSTS_LEAST * unit if math.isnan(loss) else max(COSTS * loss, COSTS_LEAST * unit)
        if self.moved_low > MOVED or (self.loss_low > 0 and self.loss > least):
            return True
        # Without truths the bound of the loss is NaN, which exceeds nothing.
        return False if self.moved_high < MOVED and not self.loss_high > least else None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Whether a net uses its weights, as a whole and mechanism by mechanism.

    Args:
        rows: what became of it, by mechanism and way.
        loss: of the net as it is; NaN without truths.
        unit: what a rise of the loss is told in: one nat, or the deviation of the truth.
        left_out: mechanisms whose weights cannot be changed, as the net names them.
        note: what people should know of such numbers.
        passes: passes of a window that it cost.
    """

    rows: tuple[Worth, ...]
    loss: float
    unit: float = 1.0
    left_out: tuple[str, ...] = ()
    note: str = OFF
    passes: float = field(default=math.nan)

    def row(self, way: str = "uniform", mechanism: str = "all") -> Worth | None:
        """Finds one row; None where it was not measured."""
        return next((one for one in self.rows if (one.mechanism, one.way) == (mechanism, way)), None)

    @property
    def used(self) -> bool | None:
        """Whether the weights of all mechanisms together are used; None where that cannot be told."""
        return self.uses("all")

    def uses(self, mechanism: str) -> bool | None:
        """Says whether the weights of one mechanism are used: whether anything changes when others take their place.

        They are used if in one of the four ways the answers move by more than 0.02 (lower bound), or the loss rises by
        more than 5 % and 0.02 units with a lower bound above 0. They are not used if the answers move by less than 0.02
        and the loss rises by less (upper bounds) with uniform and with permuted weights. All else cannot be told.
        Intervals are over groups and hold for all four ways at once in 90 %. The answers of a net that predicts nothing
        hardly vary, so that any change is large beside them: ask nets that predict.
        """
        said = {way: row.uses(self.loss, self.unit) for way in WAYS if (row := self.row(way, mechanism)) is not None}
        if any(said.values()):
            return True
        return False if all(said.get(way) is False for way in ("uniform", "permuted")) else None

    @property
    def fixed(self) -> bool | None:
        """Whether the mean weights do as well as a window's own: the mechanism then looks at every window alike.

        False where they do worse by the rule of `uses`; None where that cannot be told, or the weights are not used.
        """
        row = self.row("mean")
        if row is None or not self.used:
            return None
        differs = row.uses(self.loss, self.unit)
        return None if differs is None else not differs

    def __repr__(self) -> str:
        words = {True: "used", False: "not used", None: "cannot be told"}
        lines = [f"Usage({words[self.used]}, loss {self.loss:.4g})"]
        for one in self.rows:
            bounds = "" if math.isnan(one.moved_low) else f" [{one.moved_low:.3f}, {one.moved_high:.3f}]"
            lines.append(f"  {one.mechanism}, {one.way}: moved {one.moved:.3f}{bounds}, loss {one.loss:+.4g}")
        return "\n".join(lines)


def usage(subject: Subject, *, seed: int = 0) -> Usage:
    """Measures what becomes of a net's answers and loss when its weights are changed.

    Weights become uniform (each window's mean everywhere), permuted among the places of their window, those of a window
    of another group, and the mean over all windows: first of all mechanisms at once, then of one after the other, in
    the first two of these ways. A net of more than two mechanisms is asked about each on a part of the windows, so that
    all of it costs ten passes of a window.

    Args:
        subject: the net and its windows.
        seed: of the permutations and of the choice of other windows.

    Raises: OptionError for a net without weights that can be changed, or for fewer than two windows.
    """
    if len(subject) < 2:
        raise OptionError(f"usage needs two windows or more, got {len(subject)}. Explain more windows.")
    asked = _Asked.of(subject, seed)
    before, every = subject.meter.passed, np.arange(len(subject))
    plain = asked.answers(every, asked.names, asked.means.gather)
    rows = [asked.worth("all", asked.names, way, every, plain) for way in WAYS]
    if len(asked.names) == 1:
        rows += [replace(one, mechanism=asked.names[0]) for one in rows]
    else:
        # One window was asked first, to see what there is.
        share = (PASSES - 1 - len(WAYS) - 1 / len(subject)) / len(asked.names)
        some = every if share >= EACH else _thinned(subject.groups, share / EACH, seed)
        for name in asked.names:
            rows += [asked.worth(name, (name,), way, some, plain) for way in WAYS[:EACH]]
    loss = subject.loss(plain, torch.arange(len(subject)))
    return Usage(
        rows=tuple(rows),
        loss=_interval(loss, subject.groups)[0],
        unit=_unit(subject),
        left_out=asked.left_out,
        passes=(subject.meter.passed - before + 1) / len(subject),
    )


class _Means:
    """The mean of each of a net's weights over the windows, place by place."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str, int], tuple[Tensor, Tensor]] = {}
        self.turns: dict[tuple[str, str], int] = {}

    def begin(self) -> None:
        """Says that the next pass begins; a mechanism that runs again within one has means of its own."""
        self.turns.clear()

    def _turn(self, name: str, part: str) -> tuple[str, str, int]:
        turn = self.turns.get((name, part), 0)
        self.turns[name, part] = turn + 1
        return name, part, turn

    def gather(self, name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:  # noqa: ARG002
        """Counts weights as they are."""
        key, real = self._turn(name, part), torch.ones_like(w) if places is None else places.to(w).expand_as(w)
        total, count = self.sums.get(key, (0.0, 0.0))
        self.sums[key] = (total + (w * real).sum(0), count + real.sum(0))
        return w

    def give(self, name: str, part: str, w: Tensor, axes: tuple[str, ...], places: Tensor | None) -> Tensor:
        """Gives the means; those of a window whose weights sum to one do so as well."""
        total, count = self.sums[self._turn(name, part)]
        mean = (total / count.clamp_min(1.0)).expand_as(w)
        return mean if places is None else with_mass(mean * places, w, axes)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """A net that is asked with changed weights: which mechanisms it has, and how many windows pass at once."""

    subject: Subject
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    batch: int
    seed: int
    means: _Means = field(default_factory=_Means)

    @classmethod
    def of(cls, subject: Subject, seed: int) -> _Asked:
        """Looks at one window to see which weights there are."""
        with torch.no_grad(), record(subject.net) as maps:
            subject.answers(subject.x[:1], torch.arange(1))
        held = list(dict.fromkeys(one.module or "model" for one in maps.values()))
        can = [name for name in steerable(subject.net) if name in held]
        left = (*maps.without_weights, *(name for name in held if name not in can))
        if not can:
            raise OptionError(
                f"usage needs a network with weights that can be changed, got only {', '.join(left)}. Take a mechanism "
                "that forms weights."
            )
        size = sum(one.weights.numel() for one in maps.values())
        batch = max(2, min(subject.batch, BATCH, NUMBERS // max(size, 1)))
        return cls(subject=subject, names=tuple(can), left_out=left, batch=batch, seed=seed)

    def worth(self, title: str, names: Sequence[str], way: str, rows: np.ndarray, plain: Tensor) -> Worth:
        """Measures what becomes of some windows, whose numbers are `rows`, when weights are changed in one way."""
        at, subject = torch.as_tensor(rows), self.subject
        raw = self.answers(rows, names, way)
        rise = subject.loss(raw, at) - subject.loss(plain[at], at)
        if subject.classes:
            moved = (raw.softmax(1) - plain[at].softmax(1)).abs().sum(1) / 2
        else:
            moved = 1 - subject.left(raw, at, plain)
        groups = subject.groups[rows]
        loss, loss_low, loss_high, _ = _interval(rise, groups)
        mean, low, high, count = _interval(moved, groups)
        return Worth(
            mechanism=title,
            way=way,
            loss=loss,
            loss_low=loss_low,
            loss_high=loss_high,
            moved=mean,
            moved_low=low,
            moved_high=high,
            windows=len(rows),
            groups=count,
        )

    def answers(self, rows: np.ndarray, names: Sequence[str], way: str | Change) -> Tensor:
        """Asks with changed weights, in batches that mix the groups; answers in the order of `rows`."""
        rng = np.random.default_rng(self.seed)
        dealt = permuted(torch.Generator().manual_seed(self.seed))
        ways = {"uniform": uniform, "permuted": dealt, "mean": self.means.give}
        order, found = rng.permutation(len(rows)), []
        for batch in np.array_split(order, max(1, len(rows) // self.batch)):
            at = torch.as_tensor(rows[batch])
            if way == "other window":
                change = of_windows(torch.as_tensor(partners(self.subject.groups[rows[batch]], rng)))
            else:
                change = ways[way] if isinstance(way, str) else way
            self.means.begin()
            with torch.no_grad(), steered(self.subject.net, change, names):
                found.append(self.subject.answers(self.subject.x[at], at))
        return torch.cat(found)[torch.as_tensor(order.argsort())]


def _interval(values: Tensor, groups: np.ndarray) -> tuple[float, float, float, int]:
    """Gives mean, bounds and the number of groups of what is known (n,)."""
    known = values.double().numpy(force=True)
    there = ~np.isnan(known)
    return interval(known[there], groups[there], LEVEL)


def _unit(subject: Subject) -> float:
    """Gives one nat, or the deviation over the windows of the values that are meant."""
    if subject.classes:
        return 1.0
    truth = subject.truth[:, list(subject.of)] if subject.of else subject.truth
    known = truth.double().numpy(force=True)
    known = known[:, np.isfinite(known).any(0)]
    return float(np.nanstd(known, axis=0).mean()) if known.size else 1.0


def _thinned(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Picks a share of the windows, of as many groups as it can."""
    drawn = np.random.default_rng(seed).random(len(groups))
    order = np.lexsort((drawn, groups))
    firsts = np.unique(groups[order], return_index=True, return_counts=True)
    rank = np.empty(len(groups), dtype=int)
    rank[order] = np.arange(len(groups)) - np.repeat(firsts[1], firsts[2])
    return np.sort(np.lexsort((drawn, rank))[: max(2, int(share * len(groups)))])
