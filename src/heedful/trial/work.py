"""A comparison under way: what is finished, what is still trained, and what is written of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heedful import baselines
from heedful.bundle import Bundle, Reading
from heedful.data.split import Split
from heedful.errors import OptionError
from heedful.files import write_whole
from heedful.forecasting.inputs import Columns, Progress, describe_split
from heedful.models import get
from heedful.trial.audit import Finding
from heedful.trial.described import key_of
from heedful.trial.engines import run_jobs
from heedful.trial.family import Question
from heedful.trial.jobs import Arena, Job, Trained, plan_jobs
from heedful.trial.result import Comparison, ModelNote, Trial
from heedful.trial.store import Store

KEEP = ("all", "best", "none")
_PARQUET_ROWS = 500_000
Report = Callable[[Progress], None]


@dataclass(kw_only=True)
class Work:
    """One comparison under way: what is finished, and what still has to be trained."""

    arena: Arena
    split: Split
    columns: Columns
    audited: tuple[Finding, ...]
    asked: tuple[Question, ...]
    margin: float
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    run: dict[str, Any]
    store: Store | None
    progress: Report | None
    language: str = "en"
    trials: dict[tuple[str, int | None], Trial] = field(default_factory=dict)
    interrupted: bool = False

    def go(self, *, processes: int, deadline: float | None, keep: str, scheduler: str | None = None) -> Comparison:
        jobs = plan_jobs(self.names, self.seeds, self.arena)
        left = [job for job in jobs if not self._finished(job)]
        total = sum(max(1, len(job.seeds)) for job in jobs)

        def tick(job: Job, epoch: int) -> None:
            self._tell(total, job.model, epoch)

        self._tell(total, "")
        try:
            for trained in run_jobs(
                left, self.arena, processes=processes, deadline=deadline, tick=tick, scheduler=scheduler
            ):
                for one in trained:
                    self._take(one, keep)
                self._tell(total, trained[0].trial.model)
        except KeyboardInterrupt:
            self.interrupted = True
        result = self._comparison(finished=len(self.trials) == total)
        if self.store is not None and self.trials:
            if keep == "best":
                _keep_best(result, self.store.folder)
            save(result, self.store.folder, self.language)
        return result

    def _tell(self, total: int, label: str, epoch: int = 0) -> None:
        if self.progress:
            self.progress(Progress(done=len(self.trials), total=total, label=label, epoch=epoch))

    def _finished(self, job: Job) -> bool:
        """Takes over a job from the store if all its trials are there."""
        if self.store is None:
            return False
        found = [self.store.read(job.model, seed) for seed in job.seeds or (None,)]
        if any(trial is None for trial in found):
            return False
        self.trials |= {(t.model, t.seed): t for t in found if t is not None}
        return True

    def _take(self, one: Trained, keep: str) -> None:
        trial = one.trial
        if self.store is not None:
            if one.scaler is not None and keep != "none":
                _bundle(one, self.arena, self.columns, self.run).save(
                    self.store.folder / "models" / trial.model / str(trial.seed)
                )
            self.store.write(trial)
        self.trials[trial.model, trial.seed] = trial

    def _comparison(self, *, finished: bool) -> Comparison:
        order = [*baselines.names(self.arena.season), *self.names]
        seeds = (None, *self.seeds)
        warned = (f"{one.text} {one.advice}".rstrip() for one in self.audited if one.severity == "warning")
        return Comparison(
            series=self.split.train.series,
            split=self.split,
            validation=self.arena.validation,
            test=self.arena.test,
            season=self.arena.season,
            trials=tuple(self.trials[m, s] for m in order for s in seeds if (m, s) in self.trials),
            models={m: _about(m) for m in order},
            audit=self.audited,
            asked=self.asked,
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


def _bundle(one: Trained, arena: Arena, columns: Columns, run: Mapping[str, Any]) -> Bundle:
    if one.scaler is None:
        raise OptionError(f"{one.trial.model} has no weights to bundle.")
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
            "data": run["data"],
            "split": describe_split(_newest(arena)) if arena.origins else run["split"],
            "versions": run["versions"],
            "validation_loss": one.trial.history[one.trial.best_epoch - 1].validation,
        },
    )


def _newest(arena: Arena) -> Split:
    """Gives the split of the newest origin, whose weights a bundle holds."""
    last = arena.origins[-1]
    return Split(train=last.train.span, validation=last.validation.span, test=last.test.span)


def _keep_best(comparison: Comparison, folder: Path) -> None:
    """Keeps of each model the bundle with the smallest validation loss; test rows have no say."""
    for name in {t.model for t in comparison.trials if t.seed is not None}:
        trials = [t for t in comparison.trials if t.model == name]
        best = min(trials, key=lambda t: t.history[t.best_epoch - 1].validation)
        for trial in trials:
            if trial is not best:
                shutil.rmtree(folder / "models" / name / str(trial.seed), ignore_errors=True)


def save(comparison: Comparison, folder: str | Path, language: str = "en") -> Path:
    """Writes scores.csv, forecasts.csv (Parquet above 500,000 rows), run.json and report.html.

    Every file is written under a temporary name and renamed. Returns the path of the report.
    """
    from heedful.report.page import write_report

    folder = Path(folder)
    write_whole(folder / "scores.csv", comparison.scores.to_csv(index=False))
    frame = comparison.forecasts
    large = len(frame) > _PARQUET_ROWS
    if large:
        write_whole(folder / "forecasts.parquet", lambda path: frame.to_parquet(path, index=False))
    else:
        write_whole(folder / "forecasts.csv", frame.to_csv(index=False))
    (folder / ("forecasts.csv" if large else "forecasts.parquet")).unlink(missing_ok=True)
    run = {"key": key_of(comparison.run), **comparison.run, "finished": comparison.finished}
    write_whole(folder / "run.json", json.dumps(run, indent=1, default=str))
    return write_report(comparison, folder / "report.html", language)
