"""The settings that were tried, in a file that several processes write and that outlives all of them.

Optuna's journal or SQLite file holds the trials. Locks that the system lets go of when a process dies tell which
running trials are still worked on: the others are marked failed and put back in line.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from heedful.train import TimeUp
from heedful.tuning.space import Choices, Dimension, Space, grid
from heedful.tuning.task import Search, Task

NAME = "heedful"
FILES = {"journal": "journal.log", "sqlite": "study.db"}
_REDO, _WORKER = "redo", "worker"
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)


class Ledger:
    """One process's view of a study; use it in a `with` statement."""

    def __init__(self, task: Task) -> None:
        self.folder, self.space, self.search, self.deadline = task.folder, task.space, task.search, task.deadline
        self.door = FileLock(task.folder / ".door.lock")
        self.worker = uuid.uuid4().hex
        self.distributions = {path: _distribution(one) for path, one in task.space.items()}
        self.sampler = _sampler(task.search, task.space)
        listed = self.sampler.settings if isinstance(self.sampler, _Grid) else None
        self.trials = task.search.trials if listed is None else min(task.search.trials, len(listed))
        self._held = ExitStack()

    def __enter__(self) -> Self:
        level = optuna.logging.get_verbosity()
        self._held.callback(optuna.logging.set_verbosity, level)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self._held.enter_context(_lock(self.folder, self.worker))
            self._held.callback((self.folder / f".worker-{self.worker}.lock").unlink, missing_ok=True)
            with self.door:
                self.study = optuna.create_study(
                    study_name=NAME,
                    storage=_open(self.folder / FILES[self.search.storage], self.search.storage, self._held),
                    sampler=self.sampler,
                    pruner=_pruner(self.search.pruner),
                    load_if_exists=True,
                )
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def next(self) -> Trial | None:
        """Begins a trial; waits while others work on the last ones, and gives None when all are done.

        Raises: TimeUp after the deadline.
        """
        while True:
            with self.door:
                self._bury()
                if self.deadline is not None and time.monotonic() > self.deadline:
                    raise TimeUp
                states = [trial.state for trial in self.found()]
                taken = sum(state in (*_DONE, TrialState.RUNNING) for state in states)
                if TrialState.WAITING in states or taken < self.trials:
                    trial = self.study.ask(self.distributions)
                    trial.set_user_attr(_WORKER, self.worker)
                    return trial
                if TrialState.RUNNING not in states:
                    return None
            time.sleep(0.1)

    def found(self) -> list[FrozenTrial]:
        """Gives all trials, as they stand now."""
        return self.study.get_trials(deepcopy=False)

    def done(self) -> list[FrozenTrial]:
        """Gives the trials that are finished, whether to their end or stopped early."""
        return [trial for trial in self.found() if trial.state in _DONE]

    def twin(self, trial: Trial) -> FrozenTrial | None:
        """Gives the finished trial of the same setting; None for a new one."""
        return next((one for one in self.done() if one.params == trial.params), None)

    def place(self, trial: Trial) -> str:
        """Gives a trial's place in line as a name for its files."""
        return f"{slot(self.study.trials[trial.number], self.found()):05d}"

    def values(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Gives what the labels of a trial stand for."""
        return decoded(trial.params, self.space)

    def _bury(self) -> None:
        """Marks the trials of dead processes failed and puts their settings back in line."""
        for trial in self.found():
            if trial.state != TrialState.RUNNING or _alive(self.folder, trial.user_attrs.get(_WORKER)):
                continue
            self.study.tell(trial.number, state=TrialState.FAIL)
            self.study.enqueue_trial(trial.params, user_attrs={_REDO: slot(trial, self.found())})


def decoded(params: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Gives the values that the labels of a trial stand for."""
    return {
        path: one.decode(params[path]) if isinstance(one, Choices) else params[path]
        for path, one in space.items()
        if path in params
    }


def slot(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """Gives a trial's place in line: its number if none had ever died. A trial that is done again keeps its own."""
    if _REDO in trial.user_attrs:
        return int(trial.user_attrs[_REDO])
    return trial.number - sum(_REDO in one.user_attrs for one in trials if one.number < trial.number)


# --- samplers -------------------------------------------------------------------------------------------------


class _Placed(BaseSampler):
    """Draws every setting from a stream of its own place in line, so that it does not matter which process draws it.

    A study that was cut off and goes on tries what it would have tried.
    """

    def __init__(self, kind: type[RandomSampler] | type[TPESampler], seed: int) -> None:
        self.kind, self.seed = kind, seed
        self._last: tuple[int, BaseSampler] | None = None

    def _own(self, study: optuna.Study, trial: FrozenTrial) -> BaseSampler:
        if self._last is None or self._last[0] != trial.number:
            place = slot(trial, study.get_trials(deepcopy=False))
            drawn = np.random.SeedSequence([self.seed, place]).generate_state(1)[0]
            self._last = (trial.number, self.kind(seed=int(drawn)))
        return self._last[1]

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._own(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._own(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._own(study, trial).sample_independent(study, trial, param_name, param_distribution)


class _Grid(BaseSampler):
    """Walks through all settings in an order drawn once; Optuna's own grid may try one twice in several processes."""

    def __init__(self, space: Space, seed: int) -> None:
        listed = grid(space)
        self.settings = [listed[i] for i in np.random.default_rng(seed).permutation(len(listed))]

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        return {}

    def sample_relative(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        return self.settings[slot(trial, study.get_trials(deepcopy=False))][param_name]


def _sampler(search: Search, space: Space) -> BaseSampler:
    if search.sampler == "grid":
        return _Grid(space, search.sampler_seed)
    return _Placed(TPESampler if search.sampler == "tpe" else RandomSampler, search.sampler_seed)


def _pruner(name: str) -> BasePruner:
    return MedianPruner(n_startup_trials=5, n_warmup_steps=2) if name == "median" else NopPruner()


def _distribution(one: Dimension) -> BaseDistribution:
    if isinstance(one, Choices):
        return CategoricalDistribution(one.labels)
    if one.whole:
        return IntDistribution(int(one.low), int(one.top), log=one.log, step=int(one.step or 1))
    return FloatDistribution(one.low, one.top, log=one.log, step=one.step)


# --- files and locks ------------------------------------------------------------------------------------------


class _Door:
    """The lock of a journal: the system lets go of it when its holder dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def _open(path: Path, storage: str, held: ExitStack) -> BaseStorage:
    if storage == "sqlite":
        database = RDBStorage(f"sqlite:///{path.absolute()}", engine_kwargs={"connect_args": {"timeout": 60}})
        held.callback(database.engine.dispose)
        held.callback(database.remove_session)
        return database
    lock = _Door(path.with_name(f".{path.name}.lock"))
    lock.acquire()
    try:
        _mend(path)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(str(path), lock_obj=cast(Any, lock)))


def _mend(path: Path) -> None:
    """Takes a last line that was never finished off a journal, for it would spoil the next one."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        text = file.read()
        file.truncate(text.rfind(b"\n") + 1)


def _lock(folder: Path, worker: str) -> FileLock:
    return FileLock(folder / f".worker-{worker}.lock")


def _alive(folder: Path, worker: str | None) -> bool:
    if worker is None or not (folder / f".worker-{worker}.lock").exists():
        return False
    lock = _lock(folder, worker)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    (folder / f".worker-{worker}.lock").unlink(missing_ok=True)
    return False
