"""Tries settings one after the other: trains on train rows, judges on validation rows, tells the ledger."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import Trial, TrialState
from safetensors import SafetensorError, safe_open
from torch import nn

from heedful.data.scale import Scaler
from heedful.data.windows import Windows, windows
from heedful.errors import HeedfulError
from heedful.forecasting.inputs import Progress
from heedful.forecasting.settings import Settings
from heedful.forecasting.training import Trained, train
from heedful.train import TimeUp, forecast
from heedful.tuning.ledger import Ledger
from heedful.tuning.task import Task

RUNNING = "running"
FINISHED, STOPPED, DIVERGED, REFUSED, AGAIN = "finished", "stopped early", "diverged", "refused", "again"
Report = Callable[[Progress], None]


def work(task: Task, report: Report | None = None, parent: int | None = None) -> None:
    """Tries settings until all are done.

    Args:
        parent: the process that this one leaves with.

    Raises: TimeUp after the deadline; the setting under way is tried again later, and goes on from its last epoch.
    """
    with Ledger(task) as ledger:
        while (trial := ledger.next()) is not None:
            _attempt(task, ledger, trial, report, parent)


def _attempt(task: Task, ledger: Ledger, trial: Trial, report: Report | None, parent: int | None) -> None:
    twin = ledger.twin(trial)
    if twin is not None:
        _note(trial, outcome=AGAIN, twin=twin.number)
        ledger.study.tell(trial, twin.value if twin.state == TrialState.COMPLETE else None, state=twin.state)
        return
    watch = _Watch(task, ledger, trial, report, parent)
    started, value = time.perf_counter(), float("nan")
    try:
        chosen = task.base.settings(ledger.values(trial))
        value, facts = _judged(task, chosen, watch)
        _note(trial, outcome=FINISHED if np.isfinite(value) else DIVERGED, **facts)
    except optuna.TrialPruned:
        _note(trial, outcome=STOPPED, epochs=watch.epoch)
    except HeedfulError as error:
        _note(trial, outcome=REFUSED, reason=str(error))
    _note(trial, seconds=time.perf_counter() - started)
    kept = np.isfinite(value)
    ledger.study.tell(trial, value if kept else None, state=TrialState.COMPLETE if kept else TrialState.PRUNED)
    for path in watch.path.parent.glob(f"{watch.path.name}.*"):
        path.unlink(missing_ok=True)


def _note(trial: Trial, **facts: Any) -> None:
    for name, value in facts.items():
        trial.set_user_attr(name, value)


def _judged(task: Task, chosen: Settings, watch: _Watch) -> tuple[float, dict[str, Any]]:
    """Trains a setting with every seed; gives its mean error on validation, and what else is worth knowing."""
    errors, sizes, epochs = [], 0, 0
    for seed in task.search.seeds:
        watch.seed = seed
        done = train(task.base.parts, chosen, task.columns, seeds=(seed,), levels=(), checkpoint=watch.path, tick=watch)
        net = network(chosen, done)
        errors.append(error(net, done.validation, done.bundle.scaler, task))
        sizes = sum(weight.numel() for weight in net.parameters())
        epochs += done.bundle.facts["epochs"]
    return float(np.mean(errors)), {"parameters": sizes, "errors": errors, "epochs": epochs}


def network(chosen: Settings, done: Trained) -> nn.Module:
    """Builds the network of a setting with the weights that it was given."""
    net = chosen.build(chosen.shape)
    net.load_state_dict(dict(done.bundle.state))
    return net.eval()


def error(net: nn.Module, judged: Windows, scaler: Scaler, task: Task) -> float:
    """Gives the RMSE on validation in deviations of the target on train rows, the mean over several targets.

    All settings are judged on the same rows, whatever their look-back.
    """
    parts = task.base.parts
    shared = windows(parts.validation, task.longest, task.base.horizon).origins
    kept = np.flatnonzero(np.isin(judged.origins, shared))
    unit = Scaler.fit(parts.train)
    said = forecast(net, judged, scaler)
    deviation = unit.restore(np.ones_like(said), judged) - unit.restore(np.zeros_like(said), judged)
    off = ((said - judged.targets(np.arange(len(judged)))) / deviation)[kept]
    off = off.reshape(*off.shape[:2], -1)
    seen = ~np.isnan(off) | np.isnan(said[kept]).reshape(off.shape)
    squares = np.where(seen, np.square(off), 0.0).sum((0, 1)) / np.maximum(1, seen.sum((0, 1)))
    return float(np.sqrt(squares).mean())


class _Watch:
    """Looks at a training after each epoch: whether it is worth going on, and whether there is time."""

    def __init__(self, task: Task, ledger: Ledger, trial: Trial, report: Report | None, parent: int | None) -> None:
        self.task, self.ledger, self.trial, self.report, self.parent = task, ledger, trial, report, parent
        self.path = task.folder / RUNNING / ledger.place(trial)
        self.path.parent.mkdir(exist_ok=True)
        self.seed, self.epoch, self.told = task.search.seeds[0], 0, 0

    def __call__(self, epoch: int) -> None:
        self.epoch = epoch
        if self.parent is not None and os.getppid() != self.parent:
            os._exit(1)  # a process whose parent was killed has nobody to work for
        if self.report:
            done = len(self.ledger.done())
            self.report(Progress(done=done, total=self.ledger.trials, label=f"setting {done + 1}", epoch=epoch))
        if self.task.deadline is not None and time.monotonic() > self.task.deadline:
            raise TimeUp
        if self.task.search.pruner == "none" or self.seed != self.task.search.seeds[0]:
            return
        losses = _course(self.path.with_name(f"{self.path.name}.{self.seed}"))
        for step, loss in enumerate(losses[self.told :], self.told + 1):
            self.trial.report(loss, step)
        self.told = len(losses)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def _course(checkpoint: Path) -> list[float]:
    """Gives the validation loss of every epoch so far, from what a training keeps of itself."""
    try:
        with safe_open(checkpoint, framework="numpy") as file:
            return [float(loss) for loss in json.loads(file.metadata()["told"])["course"][0][1]]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return []
