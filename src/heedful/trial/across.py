"""Several comparisons at once, or the series of one: who ranks where, and what that says of others like them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from heedful import baselines
from heedful.errors import DataError
from heedful.trial import tables
from heedful.trial.effects import Answer, losses
from heedful.trial.family import Question, family
from heedful.trial.result import Trial
from heedful.trial.standing import Record, Standing, logarithms, needed, record_of, standings
from heedful.trial.statistics import Ranks, friedman_nemenyi

if TYPE_CHECKING:
    from heedful.trial.result import Comparison

DATASETS, SERIES = "data sets", "series"
_MODELS = 3  # Friedman's test needs so many
_NAMED = 8


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one comparison gives to a table of many; its forecasts are not kept.

    Args:
        losses: of every model that is finished the mean over its seeds of the test loss, relative to persistence;
            empty where the last value is never wrong.
        lost: how many seeds of a model did not train, of how many; they are left out of its loss.
        target: name of the target.
        origins: number of test windows.
        fingerprint: hash of the rows.
        models: every model asked for.
        asked: the questions of its trial, and the `answers` to those that are finished.
        finished: whether all that was asked for was trained.
        folder: where its report lies; None if nothing was written.
    """

    losses: Mapping[str, float]
    lost: Mapping[str, tuple[int, int]]
    target: str
    origins: int
    horizon: int
    fingerprint: str
    models: tuple[str, ...]
    asked: tuple[Question, ...]
    answers: tuple[Answer, ...]
    finished: bool = True
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Across:
    """Several comparisons in one table, and what can be said beyond them.

    Args:
        unit: "data sets", or "series" for those of one panel.
        losses: test loss relative to persistence, a row for each data set, a column for each model that all have:
            squared error averaged as in the verdicts, then over seeds. The same rows and target count once.
        standings: every attention asked about on all of them.
        family: number of attentions that Holm's correction counts.
        measured: what each comparison gave; empty for series.
        notes: what was left out, and why.
    """

    unit: str
    losses: pd.DataFrame
    standings: tuple[Standing, ...]
    family: int
    measured: Mapping[str, Measured]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        best = f"best mean rank {self.table.index[0]}" if len(self.table) else "nothing ranked"
        told = f"; {self.caution}" if self.caution else ""
        return f"Across({len(self.losses)} {self.unit}, {self.losses.shape[1]} models, {best}{told})"

    @property
    def answers(self) -> dict[str, tuple[Answer, ...]]:
        """The answers of the trial on each data set."""
        return {name: one.answers for name, one in self.measured.items()}

    @property
    def fewest(self) -> int:
        """How many data sets it takes to say anything of others."""
        return needed(self.family)

    @property
    def caution(self) -> str:
        """Says why there is no test: too few data sets, and how many it takes, or series of one panel; else empty."""
        if self.unit == SERIES:
            return "series of one panel share their networks and may move together: no test"
        if len(self.losses) >= self.fewest:
            return ""
        return f"too few {self.unit} ({len(self.losses)}) to say anything; {self.fewest} at least"

    @cached_property
    def ranks(self) -> Ranks | None:
        """Friedman's test and Nemenyi's critical difference, models as in `losses`; None for fewer than three models.

        With too few data sets they describe, and say nothing of others: see `caution`.
        """
        rows, models = self.losses.shape
        return friedman_nemenyi(self.losses.to_numpy()) if rows > 1 and models >= _MODELS else None

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per model, best mean rank first: mean rank, geometric mean of the loss, and how often it was best."""
        ranked = self.losses.rank(axis=1)
        frame = pd.DataFrame(
            {
                "rank": ranked.mean(),
                "loss": np.exp(logarithms(self.losses).mean()),
                "best": (ranked == ranked.min(axis=1).to_numpy()[:, None]).sum(),
            }
        )
        return frame.rename_axis("model").sort_values(["rank", "loss"], kind="stable")

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per data set and model: relative squared error, rank on that data set, what the trial said there."""
        long = self.losses.rename_axis("data").reset_index().melt("data", var_name="model", value_name="relative_mse")
        long["rank"] = long.groupby("data")["relative_mse"].rank()
        said = {(name, one.question.arm): one.outcome for name, found in self.answers.items() for one in found}
        long["answer"] = [said.get(pair, "") for pair in zip(long["data"], long["model"], strict=True)]
        return long

    def save(self, folder: str | Path, language: str = "en") -> Path:
        """Writes across.csv and across.html into a folder; gives the path of the page."""
        from heedful.report.across import write_across

        return write_across(self, Path(folder), language)


def across(comparisons: Mapping[str, Comparison]) -> Across:
    """Ranks the models of several comparisons, and judges each attention over all of them.

    A model's loss on a data set is its squared error there, averaged as in the verdicts and over its seeds, relative
    to that of persistence, so that no unit and no hard data set weighs more. Models that all data sets have are ranked.
    Wilcoxon's test takes the logarithm of the ratio of two losses, in which persistence drops out.

    Paper: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.

    Args:
        comparisons: what `heedful.compare` gave, by the name of the data set.

    Raises: DataError for fewer than two comparisons with a loss, or where no model is common to them.
    """
    return gather({name: measure(one) for name, one in comparisons.items()})


def measure(comparison: Comparison) -> Measured:
    """Takes from a comparison what a table of many needs, so that its forecasts can be forgotten."""
    trained = _trained(comparison)
    every = Counter(trial.model for trial in comparison.trials)
    repeated = baselines.persistence(comparison.test)
    naive = _loss([Trial(model=baselines.PERSISTENCE, seed=None, validation=repeated, test=repeated)], comparison)
    found = {name: _loss(trials, comparison) / naive for name, trials in trained.items() if trials and naive > 0}
    return Measured(
        losses={name: loss for name, loss in found.items() if np.isfinite(loss)},
        lost={name: (every[name] - len(t), every[name]) for name, t in trained.items() if len(t) < every[name]},
        target=comparison.series.target,
        origins=len(comparison.test),
        horizon=comparison.horizon,
        fingerprint=comparison.series.fingerprint,
        models=tuple(comparison.models),
        asked=comparison.asked,
        answers=comparison.answers,
        finished=comparison.finished,
        folder=comparison.folder,
    )


def distinct(measured: Mapping[str, Measured]) -> dict[str, Measured]:
    """Gives what counts over data sets: what has a loss, and of the same rows and target the first alone."""
    found: dict[tuple[str, str], str] = {}
    for name, one in measured.items():
        if one.losses:
            found.setdefault((one.fingerprint, one.target), name)
    return {name: measured[name] for name in found.values()}


def gather(measured: Mapping[str, Measured]) -> Across:
    """Puts what several comparisons gave into one table, as `across` does."""
    scored = distinct(measured)
    if len(scored) < 2:
        raise DataError(
            f"across needs two comparisons or more with a test loss, on different rows or targets, got {len(scored)}. "
            "Compare more tables."
        )
    common = [
        model for model in next(iter(scored.values())).losses if all(model in one.losses for one in scored.values())
    ]
    if not common:
        raise DataError(
            "across needs a model that all comparisons have, got none. Compare the same models on all tables."
        )
    table = pd.DataFrame([[one.losses[model] for model in common] for one in scored.values()], list(scored), common)
    first, *others = (_by_controls(one.asked) for one in scored.values())
    asked = [question for controls, question in first.items() if all(controls in rest for rest in others)]
    return Across(
        unit=DATASETS,
        losses=table,
        standings=standings(asked, table, records=_records(asked, scored.values())),
        family=family(asked),
        measured=dict(measured),
        notes=_notes(measured, scored, common),
    )


def across_series(comparison: Comparison) -> Across | None:
    """Ranks the models over the series of a panel; None for fewer than two series with a loss.

    The ranks describe this panel, and no p value is given: series that move together are not independent, and all of
    them are forecast by the same networks, so that the luck of a training is shared as well.
    """
    windows = comparison.test
    members = comparison.series.members
    groups = windows.members(np.arange(len(windows)))
    truth = tables.truth(windows)
    naive = _by_group(baselines.persistence(windows), truth, groups, len(members))
    found = {
        name: np.mean([_by_group(t.test, truth, groups, len(members)) for t in trials], axis=0)
        for name, trials in _trained(comparison).items()
        if trials
    }
    kept = np.isfinite(naive) & (naive > 0)
    if kept.sum() < 2:
        return None
    names = [member.name for member in members]
    table = pd.DataFrame(found, index=names)[kept].div(naive[kept], axis=0)
    table = table.loc[:, np.isfinite(table).all()]
    notes = []
    if left := [name for name, stays in zip(names, kept, strict=True) if not stays]:
        notes.append(f"Series without a loss, or whose last value is never wrong: {_named(left)}.")
    if left := [name for name in comparison.models if name not in table]:
        notes.append(f"Not ranked, for want of a loss on every series: {_named(left)}.")
    return Across(
        unit=SERIES,
        losses=table,
        standings=standings(comparison.asked, table, tie=comparison.margin, tested=False),
        family=family(comparison.asked),
        measured={},
        notes=tuple(notes),
    )


# --- the parts ---------------------------------------------------------------------------------------------------


def _trained(comparison: Comparison) -> dict[str, list[Trial]]:
    """Gives the trials of every model whose seeds are all finished, without those that did not train."""
    seeds = {t.seed for t in comparison.trials if t.seed is not None}
    by: dict[str, list[Trial]] = {}
    for trial in comparison.trials:
        by.setdefault(trial.model, []).append(trial)
    return {
        name: [trial for trial in found if np.isfinite(trial.test).all()]
        for name, found in by.items()
        if found[0].seed is None or {trial.seed for trial in found} == seeds
    }


def _loss(trials: Sequence[Trial], comparison: Comparison) -> float:
    """Gives the squared error that the verdicts are about, averaged over origins and seeds."""
    with np.errstate(over="ignore"):
        found = losses(dict(enumerate(trials)), comparison.test, range(len(trials)))
        return float(np.nanmean(found, axis=1).mean())


def _by_group(forecasts: np.ndarray, truth: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Gives the mean squared error of each group of windows; NaN for one without a truth."""
    known = np.isfinite(truth)
    with np.errstate(over="ignore"):
        squared = np.where(known, (forecasts - truth) ** 2, 0.0).sum(1)
    steps = np.bincount(groups, known.sum(1).astype(float), count)
    means: np.ndarray = np.divide(
        np.bincount(groups, squared, count), steps, out=np.full(count, np.nan), where=steps > 0
    )
    return means


def _by_controls(asked: Sequence[Question]) -> dict[tuple[str, tuple[str, ...], str | None], Question]:
    """Keys questions by what is tested over data sets; how wide the wide control is depends on the table."""
    return {(question.arm, question.none, question.placebo): question for question in asked}


def _records(asked: Sequence[Question], scored: Iterable[Measured]) -> dict[str, Record]:
    """Counts for each attention what the trials said of it."""
    said = [(answer.question.arm, answer.outcome) for one in scored for answer in one.answers]
    return {question.arm: record_of([outcome for arm, outcome in said if arm == question.arm]) for question in asked}


def _notes(measured: Mapping[str, Measured], scored: Mapping[str, Measured], common: Sequence[str]) -> tuple[str, ...]:
    """Says what was left out, what was not finished, and which data sets are the same."""
    found = []
    if left := [name for name, one in measured.items() if not one.losses]:
        found.append(f"Data sets without a loss, or whose last value is never wrong: {_named(left)}.")
    if left := [name for name, one in scored.items() if not one.finished]:
        found.append(f"Stopped early, and counted with what is finished: {_named(left)}.")
    every = dict.fromkeys(model for one in scored.values() for model in one.models)
    if left := [model for model in every if model not in common]:
        found.append(f"Not ranked, for want of a loss on every data set: {_named(left)}.")
    for name, one in scored.items():
        found += [f"{model} on {name}: {n} of {m} seeds did not train." for model, (n, m) in one.lost.items()]
    rows: dict[tuple[str, str], list[str]] = {}
    for name, one in measured.items():
        if one.losses:
            rows.setdefault((one.fingerprint, one.target), []).append(name)
    found += [f"The same rows, of which the first counts alone: {_named(s)}." for s in rows.values() if len(s) > 1]
    return tuple(found)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
