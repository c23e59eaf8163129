"""A classification under way: what is finished, what is still trained, and what is written of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from heedful.data.recordings import Check, Part, Recordings
from heedful.errors import DataError, OptionError
from heedful.files import write_rows, write_whole
from heedful.forecasting.inputs import Progress, line_of
from heedful.forecasting.training import versions
from heedful.models.signals import get
from heedful.signals import baselines
from heedful.signals.bundle import SignalBundle, levels_of
from heedful.signals.jobs import Field, Heard, SignalJob
from heedful.signals.result import Classification, SignalTrial
from heedful.signals.store import Name, SignalStore
from heedful.signals.tables import scored
from heedful.train.log import training_table, write_tensorboard
from heedful.trial.described import key_of
from heedful.trial.engines import run_jobs
from heedful.trial.family import Question
from heedful.trial.result import ModelNote
from heedful.trial.work import SHOWN, Report

_LEVELS = 2000  # train windows whose level is measured


@dataclass(kw_only=True)
class SignalWork:
    """One classification under way: what is finished, and what still has to be trained."""

    recordings: Recordings
    ground: Field
    checks: tuple[Check, ...]
    asked: tuple[Question, ...]
    earlier: tuple[str, ...]
    margin: float
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    jobs: list[SignalJob]
    notes: tuple[str, ...]
    run: dict[str, Any]
    store: SignalStore | None
    progress: Report | None
    language: str = "en"
    log: str | None = None
    trials: dict[Name, SignalTrial] = field(default_factory=dict)
    newest: list[tuple[str, str, str, str]] = field(default_factory=list)

    def go(self, *, processes: int, deadline: float | None, keep: str) -> Classification:
        """Runs what is not finished, and writes what came of all."""
        total = len(self.jobs)

        def train(jobs: list[SignalJob]) -> None:
            self._tell(total, "")
            for heard in run_jobs(
                jobs,
                self.ground,
                processes=processes,
                deadline=deadline,
                tick=lambda job, epoch: self._tell(total, job.model, epoch),
            ):
                for one in heard:
                    self._take(one, keep)
                self._tell(total, heard[0].trial.model)

        try:
            train([job for job in self.jobs if not self._finished(job)])
            if len(self.trials) == total and (lost := self._without_bundle(keep)):
                train([job for job in self.jobs if _name(job) in lost])
        except KeyboardInterrupt:
            pass  # what is finished is kept, and said to be a part
        result = self._result(finished=len(self.trials) == total and not self._without_bundle(keep))
        if self.store is not None and self.trials:
            self._clear(keep)
            save(result, self.store.folder, self.language, self.log)
        return result

    def _tell(self, total: int, label: str, epoch: int = 0) -> None:
        if self.progress:
            last = tuple(self.newest[-SHOWN:])
            self.progress(Progress(done=len(self.trials), total=total, label=label, epoch=epoch, last=last))

    def _finished(self, job: SignalJob) -> bool:
        """Takes over a trial from the store if it is there."""
        trial = None if self.store is None else self.store.read(*_name(job))
        if trial is not None:
            self.trials[_name(job)] = trial
        return trial is not None

    def _take(self, one: Heard, keep: str) -> None:
        trial = one.trial
        name: Name = (trial.model, trial.seed, trial.fold)
        if self.store is not None:
            if one.scaler is not None and keep != "none":
                facts = {"trial": self.store.key_of(*name), "data": self.run["data"], "reading": self.run["reading"]}
                made = bundle_of(one, self.ground, whole=self.run["options"]["whole"], facts=facts)
                made.save(_place(self.store, *name))
            self.store.write(trial)
        self.trials.setdefault(name, trial)
        where = f"{trial.model} (seed {trial.seed})" if trial.seed is not None else trial.model
        told = f"{where}, {trial.fold}" if trial.fold else where
        self.newest.append(line_of(told, trial.history, trial.best_epoch, trial.seconds))

    def _kept(self, keep: str) -> set[Name]:
        """Names the trials whose bundles are kept; the best is so by its watched loss, test windows have no say."""
        nets = [trial for trial in self.trials.values() if trial.seed is not None]
        if keep == "best":
            nets = [min((t for t in nets if t.model == model), key=loss_of) for model in {t.model for t in nets}]
        return set() if keep == "none" else {(trial.model, trial.seed, trial.fold) for trial in nets}

    def _without_bundle(self, keep: str) -> set[Name]:
        """Names the trials whose bundle is to be kept and is not there: an earlier run of the folder kept others."""
        if self.store is None:
            return set()
        return {name for name in self._kept(keep) if not _bundled(self.store, *name)}

    def _clear(self, keep: str) -> None:
        """Leaves of every model that was asked for the bundles that are kept, as if the folder had been a new one."""
        if self.store is None:
            return
        kept = {_place(self.store, *name) for name in self._kept(keep)}
        missing = {model for model, _, _ in self._without_bundle(keep)}
        for model, seed, fold in list(self.trials):
            place = _place(self.store, model, seed, fold)
            if seed is not None and model not in missing and place not in kept:
                shutil.rmtree(place, ignore_errors=True)
                if place.parent.is_dir() and not any(place.parent.iterdir()):
                    place.parent.rmdir()

    def _result(self, *, finished: bool) -> Classification:
        order = [*baselines.SUMMARIES, *self.names]
        found = [
            self.trials[name]
            for model in order
            for seed in (None, *self.seeds)
            for fold in self.ground.folds
            if (name := (model, seed, fold.name)) in self.trials
        ]
        cuts = [cuts for fold in self.ground.folds for cuts in (fold.train, fold.validation, fold.test) if cuts]
        notes = (*self.notes, *_unique(note for fold in self.ground.folds for note in fold.parts.notes))
        return Classification(
            recordings=self.recordings,
            folds=self.ground.folds,
            trials=tuple(found),
            models={model: _about(model) for model in order},
            checks=self.checks,
            asked=self.asked,
            earlier=self.earlier,
            margin=self.margin,
            notes=_unique((*notes, *(note for one in cuts for note in one.notes))),
            finished=finished,
            run=self.run,
            folder=self.store.folder if self.store else None,
        )


def save(result: Classification, folder: str | Path, language: str = "en", log: str | None = None) -> Path:
    """Writes scores.csv, predictions.csv (Parquet above 500,000 rows), votes.csv, training.csv, run.json, report.html.

    Every file is written under a temporary name and renamed. Returns the path of the report.
    """
    from heedful.report.signals import write_report

    folder = Path(folder)
    write_whole(folder / "scores.csv", result.scores.to_csv(index=False))
    write_rows(folder, "predictions", result.predictions)
    if result.classes:
        write_whole(folder / "votes.csv", result.votes.to_csv(index=False))
    write_whole(folder / "training.csv", training_table(result.trials))
    if log == "tensorboard":
        write_tensorboard(folder / "tensorboard", result.trials)
    run = {"key": key_of(result.run), **result.run, "finished": result.finished}
    write_whole(folder / "run.json", json.dumps(run, indent=1, default=str))
    return write_report(result, folder / "report.html", language)


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _name(job: SignalJob) -> Name:
    return (job.model, job.seeds[0] if job.seeds else None, job.fold)


def _about(name: str) -> ModelNote:
    if name in baselines.SUMMARIES:
        return ModelNote(name=name, kind="baseline", summary=baselines.SUMMARIES[name])
    spec = get(name)
    kind = "published" if name.startswith("published:") else "preset"
    return ModelNote(name=name, kind=kind, summary=spec.summary)


def bundle_of(one: Heard, ground: Field, *, whole: bool, facts: Mapping[str, Any] | None = None) -> SignalBundle:
    """Puts a trained network together with all that it needs to be asked again.

    Args:
        whole: whether recordings are taken whole, not cut.
        facts: what else a reader may want to know.

    Raises: OptionError for a baseline.
    """
    trial = one.trial
    if one.scaler is None or trial.seed is None:
        raise OptionError(f"{trial.model} has no weights to bundle.")
    fold = ground.fold(trial.fold)
    train = fold.train
    recipe, augment = ground.recipe_for(trial.model, fold), ground.augment_of(trial.model)
    index = np.unique(np.linspace(0, len(train) - 1, min(_LEVELS, len(train))).astype(int))
    return SignalBundle(
        model=trial.model,
        seed=trial.seed,
        shape=ground.shape,
        state=one.state,
        scaler=one.scaler,
        classes=train.classes if ground.classes else (),
        channels=train.recordings.channels,
        whole=whole,
        temperature=trial.temperature,
        levels=levels_of(baselines.rms(train, index)),
        scores=tuple(scored(fold.test, trial.test, trial.temperature).items()) if fold.parts.test.pieces else (),
        notes=(*trial.notes, *fold.parts.notes),
        facts={
            "fold": trial.fold,
            "loss": loss_of(trial),
            "parts": {part.name: _places(part) for part in fold.parts if part.draw is None},
            "laid": {"step": train.step, "balance": train.balance, "seed": train.seed},
            "recipe": asdict(replace(recipe, learning_rate=trial.learning_rate)),
            "augment": None if augment is None else asdict(augment),
            "imbalance": ground.imbalance,
            "versions": versions(),
            **({"speed": list(ground.speed)} if ground.speed else {}),
            **(facts or {}),
        },
    )


def _places(part: Part) -> list[list[Any]]:
    """Names the stretches of a part: recording, first sample, sample behind the last."""
    return [[part.recordings[piece.recording].name, piece.start, piece.stop] for piece in part.pieces]


def _place(store: SignalStore, model: str, seed: int | None, fold: str) -> Path:
    parts = [model.replace(":", "_"), re.sub(r"[^\w.-]+", "_", fold), str(seed)]
    return store.folder.joinpath("models", *(part for part in parts if part))


def _bundled(store: SignalStore, model: str, seed: int | None, fold: str) -> bool:
    """Says whether the bundle of this very trial is there, whole."""
    try:
        found = SignalBundle.load(_place(store, model, seed, fold))
    except (DataError, OptionError):
        return False
    return found.facts.get("trial") == store.key_of(model, seed, fold)


def loss_of(trial: SignalTrial) -> float:
    """Gives the validation loss of the epoch that was kept, else its train loss; the worst there is if none is one."""
    best = trial.history[trial.best_epoch - 1]
    value = best.validation if best.validation == best.validation else best.train
    return value if value == value else float("inf")
