r"""Columns that tell the target: what a linear map reads off them beyond what the target's own past says.

The target's past alone is fitted first, by least squares on train rows; what it leaves is the surprise. Then the other
columns are added, and both fits are judged on later rows:

    left = \sum (y - fit(past, columns))^2 / \sum (y - fit(past))^2

Trends, seasons and slow levels are in the past of the target, so two columns that merely rise together explain none of
the surprise. A shifted, differenced, smoothed or split-up copy of the target explains all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heedful.data.calendar import NAMES as CALENDAR
from heedful.data.series import Series
from heedful.data.split import Split
from heedful.trial.audit.findings import Finding, counted, few

# Of the surprise at most 1 % is left if a column is a copy of the target, even one with noise of a tenth of the
# surprise. On the real tables of the tests, with every column as the target in turn, the past of all others leaves
# 7 % (an index whose opening price is mostly yesterday's close) and more, 12 % without that one; columns of the same
# row that are no copies leave 2.5 % and more.
_LEFT = 0.01
# A column declared known may be a plan that moves the target, or somebody's good forecast of it. These leave 1 % and
# more of the surprise; only what leaves a tenth of that is the target itself.
_LEFT_KNOWN = 0.001
_PAST = 32  # rows of the target's past: a season of a day of hours, and then some
_STEPS = 48  # a copy shifted further than the horizon tells as much: it is in the look-back
_ROWS = 12_000  # rows that are fitted; as many are judged at most
_EXACT = 1e-5  # below this share of its deviation the target is told by its own past, and nothing can be added
_NUMBERS = 4_000_000
_FEWEST = 20
_FEW = "too few rows"
_NAMED = 8
_WILD = 30  # times the middle change


def check_telling(series: Series, split: Split, *, horizon: int = 1) -> tuple[Finding, ...]:
    """Finds columns that tell the target's future, known columns that hold it, and copies of it in the same row.

    A column whose past tells the target is a leak, and so is one declared known that does; one that tells the target
    of its own row is a warning as long as only its past is read.
    """
    found: list[Finding] = []
    asked, short, most = 0, False, _ahead(split, horizon)
    for target in series.targets:
        named: set[str] = set()
        for kind in _kinds(series, target, horizon, most):
            sheet = _sheet(series, split, target, kind)
            asked, short = asked + 1, short or sheet is _FEW
            for names, step, left in _told(sheet, kind, named) if isinstance(sheet, _Sheet) else ():
                found.append(_say(kind, target, names, step, left))
                named |= set(names)
    targets = ", ".join(series.targets)
    if short:
        text = f"Too few rows to say whether a column tells {targets} in advance."
        found.append(Finding(check="future", severity="fine", text=text))
    elif asked and not any(one.severity == "leak" for one in found):
        text = f"No column tells {targets} in advance, alone or with others, up to {counted(most, 'row')} ahead."
        found.append(Finding(check="future", severity="fine", text=text))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """Which columns are asked, in which rows beside the newest of the look-back, and about which steps."""

    check: str
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    steps: tuple[int, ...]
    most: float = _LEFT


def _ahead(split: Split, horizon: int) -> int:
    """Gives how many rows ahead are looked at: fewer in a short table, in which as many rows are left to judge."""
    series = split.train.series
    later = sum(len(span) for span in split) - len(split.train)
    return max(horizon, min(_STEPS, later // len(series.members) // 3))


def _kinds(series: Series, target: str, horizon: int, most: int) -> Iterator[_Kind]:
    made = {*series.plain, *series.static, *CALENDAR}
    known = tuple(name for name in series.known if name not in made)
    past = tuple(name for name in series.columns if name not in {target, *made, *known})
    ahead = tuple(range(1, most + 1))
    if past:
        yield _Kind(check="future", columns=past, rows=(-2, -1, 0), steps=ahead)
    if known:
        yield _Kind(
            check="known", columns=known, rows=(0, *ahead[: min(horizon, _STEPS)]), steps=(1,), most=_LEFT_KNOWN
        )
    if past:
        yield _Kind(check="same row", columns=past, rows=(0, 1), steps=(1,))


def _told(sheet: _Sheet, kind: _Kind, named: Collection[str]) -> Iterator[tuple[list[str], int, float]]:
    """Finds one set of columns after the other, and what it leaves at which step, until those left tell nothing."""
    columns = [name for name in kind.columns if name not in named]
    while columns:
        step, left = sheet.least(columns)
        if not left < kind.most:
            break
        names = sheet.fewest(columns, step, kind.most)
        yield names, step, sheet.left(names, step)
        columns = [name for name in columns if name not in names]


def _say(kind: _Kind, target: str, names: Sequence[str], step: int, left: float) -> Finding:
    told = few([f"'{name}'" for name in names], _NAMED)
    verb = "tells" if len(names) == 1 else "together tell"
    share = f"{100 * (1 - left):.4g} % of what the past of '{target}' leaves open"
    if kind.check == "future":
        return Finding(
            check="future",
            severity="leak",
            text=f"{told} {verb} '{target}' {counted(step, 'row')} later: {share}.",
            advice="It was computed from later rows (a shift, a difference, a centred mean) or is stamped too early. "
            "Leave it out with --features, or shift it to the row in which it was known.",
        )
    if kind.check == "known":
        return Finding(
            check="known",
            severity="leak",
            text=f"{told}, declared known in advance, {verb} '{target}' over the horizon: {share}.",
            advice="Nobody knows it before the target is known: declare it with --past, or leave it out.",
        )
    return Finding(
        check="same row",
        severity="warning",
        text=f"{told} {verb} '{target}' of the same row: {share}. Only rows before a forecast are read, so nothing "
        "leaks here.",
        advice="It is the target in other words: never declare it --known, nor hand it to a model of the same row.",
    )


# --- least squares ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sheet:
    """What the target's past leaves open, in train rows and in later ones, and so for every column.

    Shape: fitted, judged (rows, steps); columns: name -> two arrays (rows, offsets).
    """

    steps: tuple[int, ...]
    fitted: np.ndarray
    judged: np.ndarray
    columns: dict[str, tuple[np.ndarray, np.ndarray]]

    def least(self, names: Sequence[str]) -> tuple[int, float]:
        """Gives the step that the columns tell best, and what they leave of it; alone if rows are few."""
        width = sum(self.columns[name][0].shape[1] for name in names)
        together = 3 * width < len(self.fitted)
        sets = [list(names)] if together else [[name] for name in names]
        shares = np.stack([self._shares(one) for one in sets]).min(0)
        at = int(np.argmin(shares))
        return self.steps[at], float(shares[at])

    def left(self, names: Sequence[str], step: int) -> float:
        """Gives the share of the surprise at a step that is left when the columns are known."""
        return float(self._shares(names, [self.steps.index(step)])[0])

    def fewest(self, names: Sequence[str], step: int, most: float) -> list[str]:
        """Gives few columns that tell the target at a step, the most telling first."""
        chosen: list[str] = []
        rest = list(names)
        while rest:
            shares = [self.left([*chosen, name], step) for name in rest]
            chosen.append(rest.pop(int(np.argmin(shares))))
            if min(shares) < most:
                break
        return chosen

    def _shares(self, names: Sequence[str], at: Sequence[int] | slice = slice(None)) -> np.ndarray:
        """Gives what is left at every step, by squares or, where that is more, by the rows of large surprise."""
        fitted, judged = self.fitted[:, at], self.judged[:, at]
        X, later = (np.hstack([self.columns[name][part] for name in names]) for part in (0, 1))
        size = np.sqrt(np.mean(X**2, axis=0))
        use = size > 0
        if not use.any():
            return np.ones(fitted.shape[1])
        weights = np.linalg.lstsq(X[:, use] / size[use], fitted, rcond=1e-9)[0]
        rest = judged - later[:, use] / size[use] @ weights
        shares = np.sum(rest**2, axis=0) / np.sum(judged**2, axis=0)
        for j in np.flatnonzero(shares < _LEFT):  # a few outliers that two columns share make no copy
            large = abs(judged[:, j]) >= np.median(abs(judged[:, j]))
            shares[j] = max(shares[j], (np.median(abs(rest[large, j])) / np.median(abs(judged[large, j]))) ** 2)
        return np.asarray(shares)


def _sheet(series: Series, split: Split, target: str, kind: _Kind) -> _Sheet | str:
    """Fits the target's past; says why not if rows are too few, or if its past tells the target as it is."""
    reach = max(*kind.steps, *kind.rows)
    past = max(2, min(_PAST, len(split.train) // 20))
    rows, fit = _rows(series, split, target, past, reach, kind)
    if fit.sum() < max(_FEWEST, 3 * past) or (~fit).sum() < _FEWEST:
        return _FEW
    y, scale = _levelled(series, split, series.columns.index(target))
    weight = 1 / scale[series.members_of(rows)][:, None]
    own = [np.ones((len(rows), 1)), y[rows][:, None], *_changes(y, rows, range(1 - past + 1, 1))]
    base = np.hstack(own) * weight
    ahead = np.stack([y[rows + step] - y[rows] for step in kind.steps], axis=1) * weight
    spread = np.sqrt(np.mean(base[fit] ** 2, axis=0))
    size = np.where(spread > 0, spread, 1.0)
    solve = np.linalg.pinv(base[fit] / size, rcond=1e-10)

    def surprise(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest = column - (base / size) @ (solve @ column[fit])
        return rest[fit], rest[~fit]

    fitted, judged = surprise(ahead)
    deviation = float(np.std(y[rows] * weight[:, 0]))
    open_ = np.sqrt(np.mean(judged**2, axis=0)) > _EXACT * deviation
    if not open_.any():
        return "told by its past"
    columns = {}
    for name in kind.columns:
        x, _ = _levelled(series, split, series.columns.index(name))
        raw = np.hstack([x[rows + kind.rows[-1]][:, None], *_changes(x, rows, kind.rows[1:])]) * weight
        early, late = surprise(raw)
        size_of = np.sqrt(np.mean(raw[fit] ** 2, axis=0))
        early[:, np.sqrt(np.mean(early**2, axis=0)) <= 1e-9 * size_of] = 0.0
        columns[name] = (early, late)
    steps = tuple(step for step, use in zip(kind.steps, open_, strict=True) if use)
    return _Sheet(steps=steps, fitted=fitted[:, open_], judged=judged[:, open_], columns=columns)


def _changes(x: np.ndarray, rows: np.ndarray, offsets: Sequence[int]) -> list[np.ndarray]:
    """Gives x[t + o] - x[t + o - 1] for every offset: levels of long trends differ in their last digits only."""
    return [(x[rows + o] - x[rows + o - 1])[:, None] for o in offsets]


def _levelled(series: Series, split: Split, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Gives a column less the train mean of its member, and the typical change of each member."""
    x = series.values[:, j].astype(np.float64)
    scale = np.ones(len(series.members))
    for number, member in enumerate(series.members):
        stop = max((b for a, b in split.train.pieces if member.start <= a < member.stop), default=member.stop)
        own = x[member.start : stop]
        x[member.start : member.stop] -= own.mean()
        scale[number] = np.mean(abs(np.diff(own))) if len(own) > 1 else 0.0
    scale[~(scale > 0)] = scale[scale > 0].mean() if (scale > 0).any() else 1.0
    return x, scale


def _rows(
    series: Series, split: Split, target: str, past: int, reach: int, kind: _Kind
) -> tuple[np.ndarray, np.ndarray]:
    """Gives origins, evenly spread, and which of them are fitted: those whose last step is in train."""
    j = series.columns.index(target)
    most = max(_FEWEST, min(_ROWS, _NUMBERS // len(kind.steps)))
    stops = {int(series.members_of(np.array(a))): b for a, b in split.train.pieces}
    early, late = [], []
    for number, member in enumerate(series.members):
        border = stops.get(number, member.start)
        first, last = member.start + max(past, 3), member.stop - reach
        early.append(np.arange(first, min(border - reach, last)))
        late.append(np.arange(max(first, border), last))
    usable = _usable(series, j, past)
    fit, judge = (_thinned(rows[usable[rows]], most) for rows in map(np.concatenate, (early, late)))
    return np.concatenate([fit, judge]), np.arange(len(fit) + len(judge)) < len(fit)


def _usable(series: Series, j: int, past: int) -> np.ndarray:
    """True for origins whose target is observed, and the next one, and whose past has no jump far off all others.

    A few outliers decide a fit by least squares: codes for missing that two columns share would pass for a copy.
    Where jumps are so frequent that most origins see one, they are what the target does, and stay.
    """
    jumps = abs(np.diff(series.values[:, j].astype(np.float64), prepend=series.values[0, j]))
    moving = jumps > 0
    wild = jumps > _WILD * np.median(jumps[moving]) if moving.any() else moving
    before = np.concatenate([[0], np.cumsum(wild)])
    rows = np.arange(len(jumps))
    calm = before[np.minimum(rows + 2, len(jumps))] == before[np.maximum(rows - past, 0)]
    seen = series.observed[:, j] & np.append(series.observed[1:, j], False)
    return np.asarray(seen & calm if calm.mean() > 1 / 2 else seen)


def _thinned(rows: np.ndarray, most: int) -> np.ndarray:
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
