"""A comparison under way: what is finished, what is still trained, and what is written of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from heedful import baselines
from heedful.bundle import Bundle, Reading
from heedful.data.split import Split
from heedful.errors import DataError, OptionError
from heedful.files import write_rows, write_whole
from heedful.forecasting.inputs import Columns, Progress, describe_split, line_of
from heedful.models import get
from heedful.train.log import training_table, write_tensorboard
from heedful.trial.audit import Finding
from heedful.trial.audit.later import tried_of
from heedful.trial.audit.networks import told
from heedful.trial.described import key_of
from heedful.trial.engines import run_jobs
from heedful.trial.family import Question
from heedful.trial.jobs import Arena, Job, Trained, judged
from heedful.trial.result import Comparison, ModelNote, Trial
from heedful.trial.store import Name, Store

KEEP = ("all", "best", "none")
SHOWN = 6
"""Trials that finished last, as people see them who watch."""
Report = Callable[[Progress], None]


@dataclass(kw_only=True)
class Work:
    """One comparison under way: what is finished, and what still has to be trained."""

    arena: Arena
    split: Split
    columns: Columns
    audited: tuple[Finding, ...]
    asked: tuple[Question, ...]
    earlier: tuple[str, ...]
    margin: float
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    jobs: list[Job]
    run: dict[str, Any]
    store: Store | None
    progress: Report | None
    language: str = "en"
    log: str | None = None
    trials: dict[Name, Trial] = field(default_factory=dict)
    newest: list[tuple[str, str, str, str]] = field(default_factory=list)
    interrupted: bool = False

    def go(self, *, processes: int, deadline: float | None, keep: str, scheduler: str | None = None) -> Comparison:
        total = sum(max(1, len(job.seeds)) for job in self.jobs)

        def train(jobs: list[Job]) -> None:
            self._tell(total, "")
            for trained in run_jobs(
                jobs,
                self.arena,
                processes=processes,
                deadline=deadline,
                tick=lambda job, epoch: self._tell(total, job.model, epoch),
                scheduler=scheduler,
            ):
                for one in trained:
                    self._take(one, keep)
                self._tell(total, trained[0].trial.model)

        try:
            train([job for job in self.jobs if not self._finished(job)])
            if len(self.trials) == total and (lost := self._without_bundle(keep)):
                train([job for job in self.jobs if lost & self._names(job)])
        except KeyboardInterrupt:
            self.interrupted = True
        result = self._comparison(finished=len(self.trials) == total and not self._without_bundle(keep))
        if self.store is not None and self.trials:
            self._clear(keep)
            save(result, self.store.folder, self.language, self.log)
        return result

    def _tell(self, total: int, label: str, epoch: int = 0) -> None:
        if self.progress:
            last = tuple(self.newest[-SHOWN:])
            self.progress(Progress(done=len(self.trials), total=total, label=label, epoch=epoch, last=last))

    @staticmethod
    def _names(job: Job) -> set[Name]:
        return {(job.model, seed) for seed in job.seeds or (None,)}

    def _finished(self, job: Job) -> bool:
        """Takes over a job from the store if all its trials are there."""
        if self.store is None:
            return False
        found = [self.store.read(*name) for name in self._names(job)]
        if any(trial is None for trial in found):
            return False
        self.trials |= {(t.model, t.seed): t for t in found if t is not None}
        return True

    def _take(self, one: Trained, keep: str) -> None:
        trial = one.trial
        if self.store is not None:
            if one.scaler is not None and keep != "none":
                key = self.store.key_of(trial.model, trial.seed)
                _bundle(one, self.arena, self.columns, self.run, key).save(_place(self.store, trial.model, trial.seed))
            self.store.write(trial)
        self.trials.setdefault((trial.model, trial.seed), trial)
        name = trial.model if trial.seed is None else f"{trial.model} (seed {trial.seed})"
        self.newest.append(line_of(name, trial.history, trial.best_epoch, trial.seconds))

    def _kept(self, keep: str) -> set[Name]:
        """Names the trials whose bundles are kept; the best is so by its validation loss, test rows have no say."""
        nets = [self.trials[name] for name in product(self.names, self.seeds) if name in self.trials]
        if keep == "best":
            nets = [min((t for t in nets if t.model == model), key=judged) for model in {t.model for t in nets}]
        return set() if keep == "none" else {(trial.model, trial.seed) for trial in nets}

    def _without_bundle(self, keep: str) -> set[Name]:
        """Names the trials whose bundle is to be kept and is not there: an earlier run of the folder kept others."""
        if self.store is None:
            return set()
        return {name for name in self._kept(keep) if not _bundled(self.store, *name)}

    def _clear(self, keep: str) -> None:
        """Leaves of every model that was asked for the bundles that are kept, as if the folder had been a new one."""
        if self.store is None:
            return
        kept, missing = self._kept(keep), {model for model, _ in self._without_bundle(keep)}
        for model in {model for model, seed in self.trials if seed is not None} - missing:
            for path in (self.store.folder / "models" / model).glob("*"):
                if path.name not in {str(seed) for name, seed in kept if name == model}:
                    shutil.rmtree(path, ignore_errors=True)

    def _comparison(self, *, finished: bool) -> Comparison:
        order = [*baselines.names(self.arena.season), *self.names]
        seeds = (None, *self.seeds)
        trials = [self.trials[m, s] for m in order for s in seeds if (m, s) in self.trials]
        tried = [len(tried_of(one.test)) for one in self.arena.origins or (self.arena,)]
        networks = told({f"{t.model} (seed {t.seed})": t.checks for t in trials if t.checks}, tried)
        warned = [f"{one.text} {one.advice}".rstrip() for one in self.audited if one.severity == "warning"]
        warned += [one.text for one in networks if one.severity == "fine"]
        return Comparison(
            series=self.split.train.series,
            split=self.split,
            validation=self.arena.validation,
            test=self.arena.test,
            season=self.arena.season,
            trials=tuple(trials),
            models={m: _about(m) for m in order},
            audit=(*self.audited, *networks),
            asked=self.asked,
            earlier=self.earlier,
            margin=self.margin,
            notes=(*self.split.train.series.notes, *warned),
            finished=finished,
            run=self.run,
            folder=self.store.folder if self.store else None,
        )


def _about(name: str) -> ModelNote:
    if name in baselines.SUMMARIES:
        return ModelNote(name=name, kind="baseline", summary=baselines.SUMMARIES[name])
    spec = get(name)
    return ModelNote(name=name, kind=spec.kind, summary=spec.summary)


def _bundle(one: Trained, arena: Arena, columns: Columns, run: Mapping[str, Any], key: str) -> Bundle:
    if one.scaler is None:
        raise OptionError(f"{one.trial.model} has no weights to bundle.")
    last = arena.origins[-1] if arena.origins else arena  # whose weights are kept
    return Bundle(
        model=one.trial.model,
        plan=get(one.trial.model).plan(arena.shape, one.trial.seed),
        shape=arena.shape,
        state=one.state,
        scaler=one.scaler,
        step=arena.train.span.series.step,
        reading=Reading.of(arena.train.span.series, series=columns.series, time=columns.time),
        facts={
            "seed": one.trial.seed,
            "trial": key,
            "data": run["data"],
            "split": describe_split(_newest(arena)) if arena.origins else run["split"],
            "versions": run["versions"],
            "recipe": asdict(replace(last.recipe_for(one.trial.model), learning_rate=one.trial.learning_rate)),
            "validation_loss": one.trial.history[one.trial.best_epoch - 1].validation,
        },
    )


def _newest(arena: Arena) -> Split:
    """Gives the split of the newest origin, whose weights a bundle holds."""
    last = arena.origins[-1]
    return Split(train=last.train.span, validation=last.validation.span, test=last.test.span)


def _place(store: Store, model: str, seed: int | None) -> Path:
    return store.folder / "models" / model / str(seed)


def _bundled(store: Store, model: str, seed: int | None) -> bool:
    """Says whether the bundle of this very trial is there, whole."""
    try:
        return Bundle.load(_place(store, model, seed)).facts.get("trial") == store.key_of(model, seed)
    except DataError:
        return False


def save(comparison: Comparison, folder: str | Path, language: str = "en", log: str | None = None) -> Path:
    """Writes scores.csv, forecasts.csv (Parquet above 500,000 rows), training.csv, run.json and report.html.

    Every file is written under a temporary name and renamed. Returns the path of the report.
    """
    from heedful.report.page import write_report

    folder = Path(folder)
    write_whole(folder / "scores.csv", comparison.scores.to_csv(index=False))
    write_rows(folder, "forecasts", comparison.forecasts)
    write_whole(folder / "training.csv", training_table(comparison.trials))
    if log == "tensorboard":
        write_tensorboard(folder / "tensorboard", comparison.trials)
    run = {"key": key_of(comparison.run), **comparison.run, "finished": comparison.finished}
    write_whole(folder / "run.json", json.dumps(run, indent=1, default=str))
    return write_report(comparison, folder / "report.html", language)
