"""A predictor of anybody's: does it read what it cannot know?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from heedful.data.columns import as_numbers
from heedful.data.split import Split
from heedful.data.stamps import Stamps
from heedful.data.table import Table
from heedful.errors import DataError, OptionError
from heedful.trial.audit.findings import Finding, counted
from heedful.trial.audit.rows import Placed, kept_columns, worthless

Predict = Callable[[pd.DataFrame], Any]
Predictor = Callable[[pd.DataFrame], Predict]
READS = ("train", "table")
_ORIGINS = 6
_DRAWS = 4  # a column of two values may well be permuted to what it was
# An error of a thousandth of persistence's is not forecast but read.
_TOO_GOOD = 1e-3


def check_predictor(
    predictor: Predictor,
    placed: Placed,
    split: Split,
    targets: Sequence[str],
    *,
    horizon: int = 1,
    known: Sequence[str] = (),
    reads: str = "train",
) -> tuple[Finding, ...]:
    """Audits any `fit(frame) -> predict`, `predict(frame) -> forecasts`, by giving it rows that must not matter.

    The protocol: `fit` gets rows of the table in time order, with all columns, and returns `predict`. `predict` gets
    a frame of rows from the first one on and forecasts the targets in its last `horizon` rows. It may read all rows
    before them, and of them stamps and known columns alone: whatever else stands there is replaced by rows from
    elsewhere, doubled, and must not change a bit. What it returns is an array or a frame whose last `horizon` rows
    are the forecasts; further rows are not looked at.

    Args:
        reads: what `fit` gets: "train", the train rows; or "table", all rows, for one that splits by itself. Then
            rows of the test part are replaced in the same way, which must not change a forecast either.

    Raises: DataError if it returns less than `horizon` forecasts; OptionError for several series or other `reads`.
    """
    if len(split.train.series.members) > 1:
        raise OptionError("A predictor is audited on one series, got several. Give the rows of one of them.")
    if reads not in READS:
        raise OptionError(f"A predictor reads {' or '.join(map(repr, READS))}, got {reads!r}.")
    order = placed.order
    sorted_table = Table(
        frame=placed.table.frame.iloc[order].reset_index(drop=True),
        name=placed.table.name,
        source=placed.table.source,
    )
    when = placed.when if placed.when.times is None else _sorted(placed, order)
    made = Placed(table=sorted_table, when=when, rows=placed.rows[order], groups=placed.groups[order])
    case = _Case(predictor, made, split, tuple(targets), horizon, kept_columns(made.when, known), reads)
    return case.findings()


def _sorted(placed: Placed, order: np.ndarray) -> Stamps:
    times = placed.when.times
    return replace(placed.when, times=None if times is None else times[order])


class _Case:
    """One predictor on one table."""

    def __init__(
        self,
        predictor: Predictor,
        placed: Placed,
        split: Split,
        targets: tuple[str, ...],
        horizon: int,
        kept: set[str],
        reads: str,
    ) -> None:
        self.predictor, self.placed, self.split = predictor, placed, split
        self.targets, self.horizon, self.kept, self.reads = targets, horizon, kept, reads
        rows, test = placed.rows, split.test if len(split.test) else split.validation
        self.borders = [int(np.flatnonzero(rows == span.stop - 1)[0]) + 1 for span in split if len(span)]
        first = int(np.flatnonzero(rows >= test.start)[0])
        last = int(np.flatnonzero((rows >= 0) & (rows < test.stop))[-1]) + 1
        stops = np.linspace(min(first + horizon, last), last, _ORIGINS).astype(int)
        self.stops = sorted(set(map(int, stops)))

    def findings(self) -> tuple[Finding, ...]:
        frame = self.placed.table.frame
        predict = self._fit(frame)
        said = [self._ask(predict, frame, stop) for stop in self.stops]
        again = [self._ask(predict, frame, stop) for stop in self.stops]
        if not _same(said, again):
            return (_unsteady("The same frame gave other forecasts the second time"),)
        found = [*self._future(predict, said), *self._truth(said)]
        if self.reads == "table":
            if not _same(said, [self._ask(self._fit(frame), frame, stop) for stop in self.stops]):
                return (*found, _unsteady("Fitted again on the same rows, it gave other forecasts"))
            found += self._fitted(frame, said)
        if not found:
            text = f"At {counted(len(self.stops), 'origin')} no later row changed a bit of a forecast."
            found.append(Finding(check="predictor", severity="fine", text=text))
        return tuple(found)

    def _fit(self, frame: pd.DataFrame) -> Predict:
        given = frame.iloc[: self.borders[0]] if self.reads == "train" else frame
        made = self.predictor(given.copy())
        if not callable(made):
            raise DataError(
                f"A predictor is fit(frame) that returns predict, got {type(made).__name__}. Return a callable."
            )
        return made

    def _ask(self, predict: Predict, frame: pd.DataFrame, stop: int) -> np.ndarray:
        said = np.asarray(predict(frame.iloc[:stop].copy()), dtype=np.float64)
        if said.ndim == 0 or len(said) < self.horizon:
            raise DataError(
                f"predict needs to return {counted(self.horizon, 'row')} of forecasts, one for each of the last rows "
                f"of its frame, got shape {said.shape}."
            )
        return said[len(said) - self.horizon :].reshape(self.horizon, -1)

    def _future(self, predict: Predict, said: list[np.ndarray]) -> list[Finding]:
        """Replaces what stands in the rows to be forecast."""
        changed = []
        for number, stop in enumerate(self.stops):
            after = np.arange(len(self.placed.table)) >= stop - self.horizon
            for draw in range(_DRAWS):
                frame = worthless(self.placed, after, self.kept, seed=_DRAWS * number + draw)
                if not _same([said[number]], [self._ask(predict, frame, stop)]):
                    changed.append(stop - self.horizon)
                    break
        if not changed:
            return []
        return [
            Finding(
                check="predictor future",
                severity="leak",
                text=f"At {len(changed)} of {counted(len(self.stops), 'origin')} the forecast changed when rows after "
                f"the origin did, first at {self._stamp(changed[0] - 1)}.",
                advice="predict reads the rows it forecasts: look for scaling, filling or smoothing over the whole "
                "frame, and for columns of the same row. A column known in advance should be declared so.",
            )
        ]

    def _truth(self, said: list[np.ndarray]) -> list[Finding]:
        """Finds forecasts that are the truth itself."""
        frame = self.placed.table.frame
        values = np.stack([as_numbers(frame[name]) for name in self.targets], axis=1).astype(np.float64)
        truth = np.concatenate([values[stop - self.horizon : stop] for stop in self.stops])
        naive = np.concatenate([np.repeat(values[[stop - self.horizon - 1]], self.horizon, 0) for stop in self.stops])
        own = np.concatenate(said)
        if own.shape != truth.shape or len(truth) < 2:
            return []
        seen = np.isfinite(truth) & np.isfinite(naive) & np.isfinite(own)
        error, plain = (float(np.sqrt(np.mean((one - truth)[seen] ** 2))) for one in (own, naive))
        if not (seen.any() and error < _TOO_GOOD * plain):
            return []
        return [
            Finding(
                check="predictor truth",
                severity="leak",
                text=f"Its forecasts are the true values: an error of {error:.3g}, where repeating the last value has "
                f"{plain:.3g}.",
                advice="It has the table from elsewhere, such as a variable outside or a file, or a column tells it.",
            )
        ]

    def _fitted(self, frame: pd.DataFrame, said: list[np.ndarray]) -> list[Finding]:
        """Replaces rows of parts that `fit` may not read, and leaves those that `predict` gets."""
        found, places = [], np.arange(len(frame))
        for border, part, later in ((self.borders[-2], "test", "leak"), (self.borders[0], "validation", "warning")):
            after = (places >= border) if part == "test" else (places >= border) & (places < self.borders[-2])
            if not after.any() or border >= len(frame):
                continue
            predict = self._fit(worthless(self.placed, after, self.kept, seed=border))
            if not _same(said, [self._ask(predict, frame, stop) for stop in self.stops]):
                found.append(self._peeked(part, later, border))
        return found

    def _peeked(self, part: str, severity: str, border: int) -> Finding:
        advice = (
            "Scale, select and train on train rows only, and choose on validation."
            if part == "test"
            else "That is right for choosing and early stopping, wrong for scaling."
        )
        return Finding(
            check="predictor fit",
            severity=severity,
            text=f"Its forecasts changed when {part} rows did, from {self._stamp(border)} on, before it was fitted: "
            f"fit reads {part} rows.",
            advice=advice,
        )

    def _stamp(self, row: int) -> str:
        times = self.placed.when.times
        return f"row {row + 1}" if times is None else f"{times[row]} (row {row + 1})"


def _same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))


def _unsteady(text: str) -> Finding:
    return Finding(
        check="predictor",
        severity="warning",
        text=f"{text}, so nothing can be said of what it reads.",
        advice="Fix its seed, and switch dropout off when it predicts.",
    )
