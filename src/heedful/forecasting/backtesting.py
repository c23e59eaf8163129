"""heedful.backtest: what a model would have been worth, time after time, had it been trained and used then."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from heedful.data.series import Series
from heedful.data.split import Split
from heedful.data.split import split as cut
from heedful.data.windows import Windows, windows
from heedful.errors import DataError, OptionError
from heedful.files import write_rows, write_whole
from heedful.forecasting import findings, scores
from heedful.forecasting.fitting import speaker
from heedful.forecasting.frames import tidy
from heedful.forecasting.inputs import (
    Columns,
    Progress,
    Words,
    check_numbers,
    check_targets,
    open_table,
    season_of,
    seeds_of,
)
from heedful.forecasting.outputs import blocks
from heedful.forecasting.settings import settings
from heedful.forecasting.training import Trained, train
from heedful.intervals import check_levels
from heedful.models.plan import Plan
from heedful.train import Recipe

VALIDATION = 0.15
Refit = str | int
_Sizes = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One block of rows that were forecast, and what was known then.

    `trained` tells whether the model was trained anew for it; `train_rows` were trained on by the model in use.
    """

    number: int
    trained: bool
    train_rows: int
    windows: int
    first: str
    last: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Backtest:
    """What a backtest measured.

    `scores` has one row per fold, model, target and metric, pooled over all folds where the fold is empty;
    `forecasts` one per window, step and target, with real stamps and original units.
    """

    name: str
    model: str
    targets: tuple[str, ...]
    folds: tuple[Fold, ...]
    scores: pd.DataFrame
    forecasts: pd.DataFrame
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def pooled(self) -> tuple[tuple[str, str, str, float], ...]:
        """Rows of model, target, metric and value over all folds together."""
        whole = self.scores[self.scores["fold"].isna()]
        return tuple(whole[list(scores.COLUMNS)].itertuples(index=False, name=None))

    def __repr__(self) -> str:
        trained = sum(fold.trained for fold in self.folds)
        return (
            f"Backtest({self.model} on {', '.join(self.targets)} of {self.name}: {len(self.folds)} folds, trained "
            f"{'once' if trained == 1 else f'{trained} times'})"
        )


def backtest(
    data: Any = None,
    target: Words | None = None,
    model: str = "heedful",
    *,
    time: str | None = None,
    features: Words | None = None,
    past: Words = (),
    known: Words = (),
    static: Words = (),
    series: str | None = None,
    calendar: bool = False,
    mask: bool = False,
    missing: Sequence[float] | None = None,
    window: int | None = None,
    horizon: int = 1,
    folds: int = 5,
    test: float = 0.2,
    refit: Refit = "always",
    gap: int = 0,
    season: int | None = None,
    seeds: int | Sequence[int] = 1,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    plan: Plan | str | Path | None = None,
    levels: Sequence[float] = (0.8, 0.95),
    date_format: str | None = None,
    out: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Backtest:
    """Trains again and again on a growing past and forecasts the rows that follow it.

    The newest rows are cut into folds. For each, all rows before it are known: the newest 15 % of them are the
    validation part, the rest is trained on; what a column is good for is decided on the rows before the first fold.
    Every row of a fold begins one window, whose horizon may reach into the next fold.

    Args:
        folds: how many blocks of rows are forecast.
        test: share, or number, of the newest rows that the folds cover.
        refit: "always" trains for every fold, "never" for the first alone, a number k for every k-th.
        gap: rows left out between training, validation and forecast.
        out: folder for scores.csv and forecasts.csv (Parquet above 500,000 rows); None writes nothing.

    The other arguments are those of `heedful.fit`.

    Raises: DataError, OptionError or UnknownName when an input cannot be used; nothing is written then.

    >>> from heedful.train import Recipe
    >>> made = backtest("sine", model="cnn-lstm", window=8, folds=2, refit="never", recipe=Recipe(epochs=1))
    >>> made, len(made.forecasts)
    (Backtest(cnn-lstm on sine of sine: 2 folds, trained once), 200)
    """
    check_numbers("backtest", window=window, horizon=horizon, gap=gap, season=season, folds=folds, epochs=epochs)
    numbers, wanted, every = seeds_of("backtest", seeds), check_levels(levels), _every(refit, folds)
    table, targets, time = open_table("backtest", data, target, time, date_format)
    columns = Columns.of(
        targets,
        time=time,
        features=features,
        past=past,
        known=known,
        static=static,
        series=series,
        calendar=calendar,
        mask=mask,
        missing=missing,
        date_format=date_format,
    )
    folder, newest = _folder(out), _newest(test)

    def sizes(rows: int) -> list[_Sizes]:
        return _sizes(rows, folds, newest, gap, horizon)

    made = columns.build(table, decide_on=lambda rows: sizes(rows)[0][0])
    splits = [cut(made, parts, gap=gap) for parts in sizes(max(len(member) for member in made.members))]
    season = season_of(made, splits[0].train, season)
    runs: list[_Run] = []
    for number, parts in enumerate(splits):
        label = f"fold {number + 1} of {folds}"
        if progress:
            progress(Progress(done=number, total=folds, label=label))
        if number % every == 0:
            chosen = settings(
                parts,
                model=model,
                plan=plan,
                window=runs[0].trained.bundle.shape.window if runs else window,
                horizon=horizon,
                season=season,
                recipe=recipe,
                epochs=epochs,
            )
            done = train(parts, chosen, columns, seeds=numbers, levels=wanted)
            rivals = scores.rivals(done.train, done.validation, season)
        laid = windows(parts.test, done.bundle.shape.window, horizon)
        check_targets(laid)
        levels_given = done.bundle.levels
        speakers = {done.bundle.model: speaker(done.bundle, done.bundle.scaler, levels_given), **rivals}
        counted = scores.tally(laid, speakers, levels_given)
        runs.append(_Run(parts=parts, trained=done, test=laid, counted=counted, anew=number % every == 0))
    result = _result(made, runs, season, wanted, folder)
    return result if folder is None else _save(result, folder)


# --- the folds ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """One fold under way: what was trained for it and what was counted."""

    parts: Split
    trained: Trained
    test: Windows
    counted: dict[str, scores.Tally]
    anew: bool


def _sizes(rows: int, folds: int, test: float, gap: int, horizon: int) -> list[_Sizes]:
    """Cuts the newest of so many rows into folds; all rows before a fold, less the gap, are its past.

    Raises: DataError if a fold would have no row, or no past.
    """
    newest = int(test) if test >= 1 else int(rows * test + 1e-9)
    first = rows - newest - horizon + 1
    if newest < folds or first - gap < 2:
        raise DataError(
            f"backtest needs at least one row for each of {folds} folds and rows before them, got {newest} of {rows} "
            f"rows to forecast {horizon} ahead. Ask for fewer folds, or give more rows."
        )
    edges = [first + newest * i // folds for i in range(folds + 1)]
    sizes = []
    for start, stop in pairwise(edges):
        known = start - gap
        judged = math.ceil(VALIDATION * known)
        sizes.append((known - judged, judged, stop + horizon - 1 - known))
    return sizes


def _every(refit: Refit, folds: int) -> int:
    """Gives after how many folds the model is trained anew.

    Raises: OptionError for other words.
    """
    if refit in ("always", "never"):
        return 1 if refit == "always" else folds
    if isinstance(refit, bool) or not isinstance(refit, int) or refit < 1:
        raise OptionError(f"refit needs 'always', 'never' or a number of folds of at least 1, got {refit!r}.")
    return refit


def _newest(test: float) -> float:
    if isinstance(test, bool) or not isinstance(test, (int, float)) or not test > 0:
        raise OptionError(f"backtest needs test to be a share below 1 or a number of rows, got {test!r}.")
    return float(test)


# --- the result ---------------------------------------------------------------------------------------------------


def _result(
    series: Series, runs: Sequence[_Run], season: int | None, levels: Sequence[float], folder: Path | None
) -> Backtest:
    naive = scores.naive_errors(runs[0].parts.train, season)
    rows: list[tuple[int | None, str, str, str, float]] = []
    pooled: dict[str, scores.Tally] = {}
    for number, run in enumerate(runs, start=1):
        own = scores.naive_errors(run.trained.train.span, season)
        rows += [(number, *row) for row in scores.table(run.counted, series.targets, own)]
        for model, sums in run.counted.items():
            pooled.setdefault(model, scores.Tally.empty(len(series.targets), len(series.members))).merge(sums)
    whole = scores.table(pooled, series.targets, naive)
    told = pd.DataFrame([*rows, *((None, *row) for row in whole)], columns=["fold", *scores.COLUMNS]).astype(
        {"fold": "Int64"}
    )
    bundles = [run.trained.bundle for run in runs]
    notes = [note for bundle in bundles for note in bundle.notes]
    notes += findings.refusals([bundle.levels for bundle in bundles], levels)
    notes += findings.uneven(pooled[bundles[0].model], series)
    notes.append(findings.worth(whole, bundles[0].model, "over all folds"))
    return Backtest(
        name=series.name,
        model=bundles[0].model,
        targets=series.targets,
        folds=tuple(_fold(number, run) for number, run in enumerate(runs, start=1)),
        scores=told,
        forecasts=pd.concat([_frame(number, run) for number, run in enumerate(runs, start=1)], ignore_index=True),
        notes=tuple(dict.fromkeys(notes)),
        folder=folder,
    )


def _fold(number: int, run: _Run) -> Fold:
    first, last = run.test.span.ends
    return Fold(
        number=number,
        trained=run.anew,
        train_rows=len(run.trained.train.span),
        windows=len(run.test),
        first=str(first),
        last=str(last),
    )


def _frame(number: int, run: _Run) -> pd.DataFrame:
    bundle = run.trained.bundle
    speak = speaker(bundle, bundle.scaler, bundle.levels)
    frame = pd.concat([tidy(part, speak(part), bundle.levels) for part in blocks(run.test)], ignore_index=True)
    frame.insert(0, "fold", number)
    return frame


def _folder(out: str | Path | None) -> Path | None:
    if out is None:
        return None
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"backtest needs a new or empty folder, and {folder} is none. Give another --out.")
    return folder


def _save(result: Backtest, folder: Path) -> Backtest:
    write_whole(folder / "scores.csv", result.scores.to_csv(index=False))
    write_rows(folder, "forecasts", result.forecasts)
    return result
