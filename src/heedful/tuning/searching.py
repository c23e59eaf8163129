"""The search itself: processes side by side, and at the end one score on test rows."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import optuna
import pandas as pd
from filelock import FileLock
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import TrialState

from heedful.bundle import Bundle
from heedful.data.windows import windows
from heedful.errors import DataError, OptionError
from heedful.forecasting.fitting import scored
from heedful.forecasting.settings import Settings
from heedful.forecasting.training import train
from heedful.train import TimeUp
from heedful.tuning import keeping
from heedful.tuning.ledger import Ledger
from heedful.tuning.study import Best, Study
from heedful.tuning.task import Task
from heedful.tuning.work import RUNNING, Report, work

_LEVELS = (0.8, 0.95)
_LEAST = 4


def go(task: Task, run: Mapping[str, Any], jobs: int, report: Report | None) -> Study:
    """Tries settings until all are done, then scores the best; a study that was scored is only told again.

    Raises: OptionError if more settings are asked for after the test part was read; DataError if none could be
            trained.
    """
    finished = True
    if not _was_scored(task):
        try:
            _search(task, jobs, report)
        except (TimeUp, KeyboardInterrupt):
            finished = False
    with FileLock(task.folder / ".score.lock"), Ledger(task) as ledger:
        if _was_scored(task):
            return _told(task, ledger)
        study = _summary(task, run, ledger, finished=finished)
        if finished:
            if study.best is None:
                reasons = [str(reason) for reason in study.trials["reason"].dropna()]
                raise DataError(
                    f"tune could train none of its {study.counted}. {reasons[0] if reasons else 'None converged.'} "
                    "Change the space."
                )
            study = _scored(task, study)
        keeping.save(study, task.folder)
        return replace(study, folder=task.folder)


def _was_scored(task: Task) -> bool:
    return "scored" in (keeping.read(task.folder) or {})


# --- side by side ---------------------------------------------------------------------------------------------


def _search(task: Task, jobs: int, report: Report | None) -> None:
    if jobs == 1:
        work(task, report)
        return
    from joblib.externals.loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(max_workers=jobs - 1)
    try:
        for _ in range(jobs - 1):
            pool.submit(_help, task, os.getpid())
        work(task, report)
    finally:  # what a helper leaves undone is done again, so none has to be waited for
        pool.shutdown(wait=True, kill_workers=True)


def _help(task: Task, parent: int) -> None:
    """Works beside the first process; Ctrl-C is for that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(TimeUp):
        work(task, parent=parent)


# --- what was found -------------------------------------------------------------------------------------------


def _summary(task: Task, run: Mapping[str, Any], ledger: Ledger, *, finished: bool) -> Study:
    done = sorted(ledger.done(), key=lambda trial: trial.number)
    rows = [
        {
            "number": trial.number,
            "outcome": trial.user_attrs["outcome"],
            "error": trial.value if trial.state == TrialState.COMPLETE else None,
            **{name: trial.user_attrs.get(name) for name in ("epochs", "seconds", "parameters", "reason")},
            **ledger.values(trial),
        }
        for trial in done
    ]
    names = ("number", "outcome", "error", "epochs", "seconds", "parameters", "reason", *task.space)
    ended = [trial for trial in done if trial.state == TrialState.COMPLETE]
    best = min(ended, key=lambda trial: (trial.value or 0.0, trial.number), default=None)
    return Study(
        model=task.base.model,
        trials=pd.DataFrame(rows, columns=list(names)).astype({"error": float}),
        best=None if best is None else _best(task, best.number, best.value or 0.0, ledger.values(best)),
        importance=_importance(ledger.study) if len(ended) >= _LEAST else {},
        notes=task.base.notes,
        finished=finished,
        run=run,
    )


def _best(task: Task, number: int, error: float, values: dict[str, Any]) -> Best:
    chosen = task.base.settings(values)
    return Best(
        number=number,
        error=error,
        values=values,
        window=chosen.shape.window,
        recipe=chosen.recipe,
        plan=chosen.plan,
    )


def _importance(study: optuna.Study) -> dict[str, float]:
    found = FanovaImportanceEvaluator(seed=0).evaluate(study)
    return {path: float(share) for path, share in found.items() if share == share}


# --- the one look at test rows --------------------------------------------------------------------------------


def _scored(task: Task, study: Study) -> Study:
    """Trains the best setting with its seeds, scores it on the test part, and keeps it."""
    best = study.best
    if best is None:
        return study
    chosen = task.base.settings(best.values)
    bundle = _trained(task, chosen, study)
    notes = (*study.notes, *(note for note in bundle.notes if note not in study.notes))
    kept = replace(bundle, folder=bundle.save(task.folder / keeping.BEST))
    scores = [[*row[:3], row[3] if row[3] == row[3] else None] for row in bundle.scores]
    run = dict(study.run) | {"scored": {"number": best.number, "scores": scores, "notes": list(notes)}}
    return replace(study, bundle=kept, scores=bundle.scores, notes=notes, run=run)


def _trained(task: Task, chosen: Settings, study: Study) -> Bundle:
    base = task.base
    checkpoint = task.folder / RUNNING / "best"
    done = train(base.parts, chosen, task.columns, seeds=task.search.seeds, levels=_LEVELS, checkpoint=checkpoint)
    told = {"settings": study.tried, "space": study.run["options"]["space"], "error": study.best and study.best.error}
    bundle = replace(done.bundle, facts={**done.bundle.facts, "tuned": told})
    test = windows(base.parts.test, chosen.shape.window, base.horizon) if len(base.parts.test) else None
    bundle = scored(bundle, base.parts, done.train, done.validation, test, base.season)
    for path in checkpoint.parent.glob("*"):
        path.unlink(missing_ok=True)
    checkpoint.parent.rmdir()
    return bundle


def _told(task: Task, ledger: Ledger) -> Study:
    """Tells a study that was scored before."""
    run = keeping.read(task.folder) or {}
    study = _summary(task, run, ledger, finished=True)
    if len(study.trials) < ledger.trials:
        raise OptionError(
            f"tune needs test rows that nobody has seen, and {task.folder} was scored on them after "
            f"{len(study.trials)} trials. --trials {len(study.trials)} tells that score; search on in another --out."
        )
    said = run["scored"]
    scores = tuple((*row[:3], float("nan") if row[3] is None else row[3]) for row in said["scores"])
    bundle = keeping.kept_bundle(task.folder)
    return replace(study, bundle=bundle, scores=scores, notes=tuple(said["notes"]), folder=task.folder)
